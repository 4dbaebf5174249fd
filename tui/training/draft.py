"""What the form holds so far, right or wrong: it becomes the payload of a job, or says what is wrong where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from engine.errors import UsageError
from engine.features import backbones
from engine.models.base import Setting
from engine.models.catalog import DEFAULT_MODEL, FAMILIES, ModelFamily
from engine.training.spec import make_spec, parse_split
from tui.i18n import t
from tui.training.settings import (
    WrongSetting,
    options_of,
    parse_count,
    parse_option,
    parse_param,
    parse_seed,
    told,
)

AIMS = ("train", "compare", "tune")
"""What can be done; also the kinds of the jobs that do it."""
TYPED = backbones.TIMM
"""The backbone's choice that means: the one whose name was typed."""
WHOLE = "whole"
"""The field under which a problem stands that belongs to no single one."""
_DEFAULTS = {
    "model": DEFAULT_MODEL,
    "backbone": backbones.DEFAULT,
    "split": "70/15/15",
    "seed": "0",
    "trials": "30",
    "weights": "default",
}
_FEWEST_FOLDS, _MOST_FOLDS, _MOST_TRIALS, _MOST_EPOCHS = 2, 20, 100_000, 10_000


def quick_families() -> list[str]:
    """Return the families that a comparison takes unless told otherwise: all that train no whole network."""
    return [name for name, family in FAMILIES.items() if not family.trains_network]


@dataclass
class Draft:
    """The state of the form.

    Args:
        aim: one of `AIMS`.
        texts: field → what stands in it; a family's own hyper-parameters are ``param.NAME``, kept for each family.
        models: the families of a comparison. backbones: its backbones.
    """

    aim: str = "train"
    texts: dict[str, str] = field(default_factory=lambda: dict(_DEFAULTS))
    models: list[str] = field(default_factory=quick_families)
    backbones: list[str] = field(default_factory=lambda: [backbones.DEFAULT])

    def text(self, name: str) -> str:
        """Return what stands in a field, without blanks around it."""
        return self.texts.get(name, "").strip()

    @property
    def model(self) -> str:
        """The chosen family's name."""
        return self.texts["model"]

    @property
    def family(self) -> ModelFamily:
        """The chosen family."""
        return FAMILIES[self.model]

    @property
    def backbone(self) -> str:
        """The chosen backbone's name; one that was typed begins with ``timm:``."""
        return self.typed_backbone if self.texts["backbone"] == TYPED else self.texts["backbone"]

    @property
    def typed_backbone(self) -> str:
        """The typed backbone's whole name; empty if nothing was typed."""
        name = self.text("typed").removeprefix(TYPED).strip()
        return f"{TYPED}{name}" if name else ""

    @property
    def chosen_backbones(self) -> list[str]:
        """The backbones that are asked for: one, or those of a comparison."""
        if self.aim != "compare":
            return [self.backbone] if self.backbone else []
        return [*self.backbones, *([self.typed_backbone] if self.typed_backbone else [])]

    def param_field(self, name: str) -> str:
        """Return the field of one of the chosen family's own hyper-parameters."""
        return f"param.{self.model}.{name}"

    def fields(self) -> set[str]:
        """Return the fields that apply to what is chosen."""
        found = {"split", "folds", "seed", "weights", "typed"}
        if self.aim == "compare":
            return found | ({"epochs"} if any("epochs" in FAMILIES[name].options for name in self.models) else set())
        found |= {"model", "backbone", "name", *options_of(self.family)}
        found |= {self.param_field(name) for name in self.family.params}
        return found | ({"trials"} if self.aim == "tune" else set())

    def payload(self) -> dict[str, Any]:
        """Return the fields of a `TrainSpec`, `CompareSpec` or `TuneSpec`, whichever the aim is.

        Raises:
            WrongSetting, UsageError: a field is wrong; `problems` names it.
        """
        shared: dict[str, Any] = {"seed": parse_seed(self.text("seed")), "weights": self.text("weights") or "default"}
        if self.text("folds"):
            shared["folds"] = parse_count(self.text("folds"), _FEWEST_FOLDS, _MOST_FOLDS)
        else:
            shared["split"] = list(parse_split(self.text("split")))
        if self.aim == "compare":
            chosen = {"models": [name for name in FAMILIES if name in self.models], "backbones": self.chosen_backbones}
            epochs = self.text("epochs") if "epochs" in self.fields() else ""
            return {**chosen, **shared, **({"epochs": parse_count(epochs, 1, _MOST_EPOCHS)} if epochs else {})}
        base = {"model": self.model, "backbone": self.backbone, **shared, "name": self.text("name")}
        typed = {option: self.text(option) for option in options_of(self.family)}
        base.update({option: parse_option(option, text) for option, text in typed.items() if text})
        base["params"] = self.params()
        make_spec(**base)
        if self.aim == "train":
            return base
        return {"base": base, "trials": parse_count(self.text("trials"), 1, _MOST_TRIALS)}

    def params(self) -> dict[str, Setting]:
        """Return the family's own hyper-parameters that were set.

        Raises:
            WrongSetting: one is wrong.
        """
        typed = {name: self.text(self.param_field(name)) for name in self.family.params}
        return {name: parse_param(name, text, self.family.params[name]) for name, text in typed.items() if text}

    def problems(self) -> dict[str, str]:
        """Return field → what is wrong with it, in the present language; empty if a job can be made of it."""
        found: dict[str, str] = {}

        def check(name: str, parse: Callable[[str], object]) -> None:
            try:
                parse(self.text(name))
            except WrongSetting as error:
                found[name] = str(error)
            except UsageError as error:
                found[name] = told(error)

        check("seed", parse_seed)
        if self.text("folds"):
            check("folds", lambda text: parse_count(text, _FEWEST_FOLDS, _MOST_FOLDS))
        else:
            check("split", parse_split)
        if self.aim == "compare":
            if self.text("epochs") and "epochs" in self.fields():
                check("epochs", lambda text: parse_count(text, 1, _MOST_EPOCHS))
            if not self.models:
                found["models"] = t("train.no_family_chosen")
        else:
            for option in options_of(self.family):
                if self.text(option):
                    check(option, lambda text, option=option: parse_option(option, text))  # type: ignore[misc]
            for name, param in self.family.params.items():
                if self.text(self.param_field(name)):
                    check(self.param_field(name), lambda text, n=name, p=param: parse_param(n, text, p))  # type: ignore[misc]
        if self.aim == "tune":
            check("trials", lambda text: parse_count(text, 1, _MOST_TRIALS))
            if not self.searched():
                found[WHOLE] = t("train.nothing_to_search", model=self.model)
        if not self.chosen_backbones:
            found["typed" if self.aim != "compare" else "backbones"] = t("train.no_backbone_chosen")
        return found

    def searched(self) -> list[str]:
        """Return the settings that a search would vary: those that have a range and are not set."""
        return [
            name
            for name in self.family.space()
            if not self.text(self.param_field(name) if name in self.family.params else name)
        ]
