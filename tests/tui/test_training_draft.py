"""What a form holds becomes a job's payload, or says in the present language what is wrong where."""

from __future__ import annotations

import pytest

from engine.jobs.spec import check_payload
from engine.models.catalog import FAMILIES, MODELS
from engine.training.spec import TrainSpec
from tui.i18n import set_language
from tui.training.draft import TYPED, WHOLE, Draft
from tui.training.settings import bounds_of, default_text, options_of, searched_text


def draft_of(model: str, **texts: str) -> Draft:
    draft = Draft()
    draft.texts |= {"model": model, **texts}
    return draft


@pytest.mark.parametrize("model", MODELS)
def test_an_untouched_form_trains_any_family_with_its_defaults(model: str) -> None:
    draft = draft_of(model)
    assert draft.problems() == {}
    assert TrainSpec.model_validate(check_payload("train", draft.payload())) == TrainSpec(model=model)


@pytest.mark.parametrize("model", MODELS)
def test_every_default_that_stands_in_an_empty_field_may_be_typed(model: str) -> None:
    draft, family = draft_of(model), FAMILIES[model]
    for option in options_of(family):
        draft.texts[option] = default_text(family.options[option])  # type: ignore[index]
    for name, param in family.params.items():
        draft.texts[draft.param_field(name)] = default_text(param)
    assert draft.problems() == {}
    spec = TrainSpec.model_validate(check_payload("train", draft.payload()))
    assert spec.params == {name: param.default for name, param in family.params.items()}


@pytest.mark.parametrize(
    ("field", "text", "told"),
    [
        ("epochs", "0", "A whole number is needed: ≥ 1, ≤ 10000."),
        ("epochs", "2.5", "A whole number is needed"),
        ("lr", "0", "A number is needed: > 0, ≤ 100."),
        ("lr", "nan", "A number is needed"),
        ("dropout", "1", "A number is needed: ≥ 0, < 1."),
        ("loss", "mse+mse", "is not a loss"),
        ("split", "70/thirty", "is not a split"),
        ("seed", "-1", "is not a seed"),
        ("folds", "1", "≥ 2, ≤ 20"),
        ("param.frozen.hidden", "7", "is no value for hidden"),
    ],
)
def test_a_wrong_text_is_told_at_its_field_alone(field: str, text: str, told: str) -> None:
    draft = draft_of("frozen", **{field: text})
    assert list(draft.problems()) == [field]
    assert told in draft.problems()[field]


def test_problems_are_told_in_chinese() -> None:
    set_language("zh")
    found = draft_of("frozen", lr="fast", loss="ssim", split="1").problems()
    assert found["lr"] == "需要一个数：> 0, ≤ 100。"
    assert all(any(char > "一" for char in text) for text in found.values())


def test_what_another_family_was_told_does_not_follow_to_this_one() -> None:
    draft = draft_of("frozen", lr="-1", epochs="x", **{"param.frozen.hidden": "nonsense"})
    draft.texts["model"] = "ridge"
    assert draft.problems() == {}
    assert draft.payload()["params"] == {}
    assert "lr" not in draft.payload()


def test_folds_take_the_place_of_the_split() -> None:
    draft = draft_of("taste", folds="5", split="nonsense")
    assert draft.problems() == {}
    assert draft.payload()["folds"] == 5
    assert "split" not in draft.payload()


def test_a_typed_backbone_is_named_with_its_library() -> None:
    draft = draft_of("taste", backbone=TYPED)
    assert "typed" in draft.problems()
    draft.texts["typed"] = " timm:vit_tiny_patch16_224 "
    assert draft.backbone == "timm:vit_tiny_patch16_224"
    draft.texts["typed"] = "vit_tiny_patch16_224"
    assert draft.backbone == "timm:vit_tiny_patch16_224"


def test_a_comparison_takes_what_is_ticked_in_the_catalogue_s_order() -> None:
    draft = Draft("compare")
    assert "finetune" not in draft.models
    draft.models = ["svr", "taste"]
    draft.texts["folds"] = "4"
    payload = check_payload("compare", draft.payload())
    assert payload["models"] == ["taste", "svr"]
    assert payload["folds"] == 4
    draft.models, draft.backbones = [], []
    assert set(draft.problems()) == {"models", "backbones"}


def test_a_search_varies_what_is_not_set() -> None:
    draft = Draft("tune")
    draft.texts |= {"model": "svr", "trials": "12", "param.svr.C": "2.5"}
    assert "C" not in draft.searched()
    payload = check_payload("tune", draft.payload())
    assert payload["trials"] == 12
    assert payload["base"]["params"] == {"C": 2.5}
    for name in FAMILIES["svr"].space():
        draft.texts[f"param.svr.{name}"] = default_text(FAMILIES["svr"].space()[name])
    assert WHOLE in draft.problems()


def test_bounds_are_those_of_the_spec() -> None:
    assert str(bounds_of("weight_decay")) == "≥ 0, ≤ 100"
    assert bounds_of("epochs").holds(10_000)
    assert not bounds_of("epochs").holds(10_001)


def test_a_field_says_where_a_search_looks() -> None:
    assert searched_text(FAMILIES["frozen"].options["lr"]).count("…") == 1
    assert searched_text(FAMILIES["frozen"].options["patience"]) == ""
