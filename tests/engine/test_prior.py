"""Begin from a prior: it is heard as far as it helps, less the more the person says, and comes back from disk."""

import dataclasses
import json
from datetime import UTC, datetime

import numpy as np
import pytest

from engine.errors import DamagedFile, Interrupted, NotFound, UsageError
from engine.events import CurvePoint, never_stop
from engine.metrics import evaluate
from engine.models.base import FitControl, Recipe, TrainingSet, Uncertain
from engine.models.bundle import load_bundle, save_bundle
from engine.models.catalog import FAMILIES, make_scorer, scorer_class
from engine.models.prior import SHARES, choose_belief, load_with_prior, with_prior
from engine.workspace import Workspace
from tests.engine.made_features import BLOCKS, made_set
from tests.engine.test_models import quick

WITH_PRIOR = [name for name, family in FAMILIES.items() if "prior" in family.options]
OTHERS = made_set(photos=300, seed=11)  # what other people said of other photos, by the same hidden rule


def person(photos, twist=0.0, seed=3, unscored=200):
    """Return a person who agrees with the others but for a twist: a feature that only this person cares for."""
    plain = made_set(photos=photos, unscored=unscored, noise=0.5, seed=seed)
    return dataclasses.replace(plain, scores=plain.scores + twist * plain.features[:, 20])


def fit(name, data, **values):
    scorer = make_scorer(dataclasses.replace(quick(name), **values))
    return scorer, list(scorer.fit(data))


@pytest.fixture(scope="module")
def prior():
    return fit("ridge", OTHERS)[0]


def begun(name, prior, data, validation=None):
    scorer = with_prior(make_scorer(quick(name)), prior)
    events = list(scorer.fit(data, validation))
    return scorer, events


@pytest.mark.parametrize("name", WITH_PRIOR)
def test_with_few_scores_a_prior_of_like_minded_people_helps(name, prior):
    everything = person(12 + 100)
    seen, unseen = everything.subset(np.arange(12)), everything.subset(np.arange(12, 112))
    alone, _ = fit(name, seen)
    helped, _ = begun(name, prior, seen)
    without = evaluate(unseen.scores, alone.predict(unseen.features))
    found = evaluate(unseen.scores, helped.predict(unseen.features))
    assert helped.details()["prior_weight"] > 0.3
    assert found.srcc > max(0.8, without.srcc)
    assert found.mae < without.mae


def test_a_prior_that_says_nothing_of_this_person_is_not_heard():
    weights = []
    for seed in range(12):
        chance = np.random.default_rng(seed).normal(50, 15, 100)
        weights.append(choose_belief(person(100, seed=seed), chance, never_stop).weight)
    # what passes now and then is a share of what chance made look like a slope
    assert np.mean(np.array(weights) == 0) > 0.6
    assert max(weights) < 0.1


def test_a_prior_that_says_the_contrary_is_not_heard(prior):
    data = person(60)
    belief = choose_belief(data, 100 - prior.predict(data.features), never_stop)
    assert belief.weight == 0


def test_a_prior_that_says_the_same_of_all_is_not_heard():
    assert choose_belief(person(30), np.full(30, 41.7), never_stop).weight == 0


def test_nothing_is_believed_that_could_not_be_tried(prior):
    data = dataclasses.replace(person(20), groups=np.zeros(20, np.int64))
    assert choose_belief(data, prior.predict(data.features), never_stop).weight == 0


def test_the_more_a_person_says_the_less_the_prior_is_needed():
    # the prior knows half of the rule, and its other half is noise that the person's scores have to outweigh
    weights = []
    for photos in (16, 400):
        shares = []
        for seed in range(6):
            data = person(photos, seed=seed)
            half = data.scores + np.random.default_rng(seed).normal(0, 12, photos)
            shares.append(choose_belief(data, half, never_stop).weight)
        weights.append(np.mean(shares))
    few, many = weights
    assert few > 0.3
    assert many < 0.5 * few


def test_the_family_learns_what_is_left_of_the_person(prior):
    everything = person(150 + 100, twist=20.0)
    seen, unseen = everything.subset(np.arange(150)), everything.subset(np.arange(150, 250))
    scorer, _ = begun("ridge", prior, seen)
    alone = evaluate(unseen.scores, prior.predict(unseen.features))
    both = evaluate(unseen.scores, scorer.predict(unseen.features))
    assert both.mae < 0.5 * alone.mae


def test_a_prior_on_another_scale_is_brought_to_this_one():
    votes = dataclasses.replace(OTHERS, scores=1 + 6 * OTHERS.scores / 100)
    small, _ = fit("ridge", votes)
    everything = person(112)
    scorer, _ = begun("ridge", small, everything.subset(np.arange(12)))
    unseen = everything.subset(np.arange(12, 112))
    assert evaluate(unseen.scores, scorer.predict(unseen.features)).r2 > 0.6


def test_the_priors_part_and_the_familys_make_the_prediction(prior):
    data = person(40)
    scorer, _ = begun("svr", prior, data)
    part = scorer.prior_share(data.album)
    details = scorer.details()
    assert details["prior_share"] in SHARES
    said = prior.predict(data.album)
    centre = prior.predict(data.features).mean()
    np.testing.assert_allclose(part, details["prior_weight"] * (said - centre), atol=1e-3)
    assert part[:40].mean() == pytest.approx(0.0, abs=1e-9)
    assert np.abs(part).max() > 1
    # the same photos without what the prior says of them
    rest, _ = fit("svr", dataclasses.replace(data, scores=data.scores - part[:40]))
    np.testing.assert_allclose(scorer.predict(data.album), rest.predict(data.album) + part, atol=1e-9)


def test_a_prior_that_is_not_heard_leaves_the_family_as_it_is():
    data = person(40)
    contrary = dataclasses.replace(OTHERS, scores=100 - OTHERS.scores)
    scorer, _ = begun("ridge", fit("ridge", contrary)[0], data)
    np.testing.assert_array_equal(scorer.predict(data.album), fit("ridge", data)[0].predict(data.album))
    np.testing.assert_array_equal(scorer.prior_share(data.album), np.zeros(240))


def test_the_curve_is_in_score_units_of_the_whole_prediction(prior):
    everything = person(80)
    unseen = everything.subset(np.arange(60, 80))
    scorer, events = begun("ridge", prior, everything.subset(np.arange(60)), unseen)
    last = [event for event in events if isinstance(event, CurvePoint)][-1]
    assert last.validation == pytest.approx(np.abs(scorer.predict(unseen.features) - unseen.scores).mean())


@pytest.mark.parametrize("name", WITH_PRIOR)
def test_it_comes_back_from_disk_as_it_went(name, prior, tmp_path):
    data = person(30)
    scorer, _ = begun(name, prior, data)
    scorer.save(tmp_path)
    loaded = load_with_prior(tmp_path, name, "ridge")
    np.testing.assert_allclose(loaded.predict(data.album), scorer.predict(data.album), atol=1e-9)
    np.testing.assert_allclose(loaded.prior_share(data.album), scorer.prior_share(data.album), atol=1e-9)
    assert loaded.details()["prior_weight"] == scorer.details()["prior_weight"]
    assert isinstance(loaded, Uncertain) == (name == "gp")
    if name == "gp":
        np.testing.assert_allclose(loaded.spread(data.album), scorer.spread(data.album))
    assert {file.name for file in (tmp_path / "prior").iterdir()} == {"ridge.safetensors"}


@pytest.mark.parametrize("name", ["random-forest", "stacking", "taste"])
def test_any_family_can_be_the_prior(name, tmp_path):
    data = person(12)
    scorer, _ = begun("ridge", fit(name, OTHERS.subset(np.arange(80)))[0], data)
    scorer.save(tmp_path)
    loaded = load_with_prior(tmp_path, "ridge", name)
    np.testing.assert_allclose(loaded.predict(data.album), scorer.predict(data.album), atol=1e-9)


def test_a_bundle_with_a_prior_is_loaded_with_it(prior, tmp_path):
    data = person(30)
    scorer, _ = begun("svr", prior, data)
    created = datetime(2026, 1, 2, tzinfo=UTC)
    manifest = {
        "model_id": "svr-20260102-000000-abcd",
        "name": "",
        "model": "svr",
        "backbone": "efficientnet_lite0",
        "created": created.isoformat(),
        "n": 30,
        "scale": [0, 100],
        "metrics": {"cv": {"srcc": 0.5}},
        "prior": {"model_id": "ridge-20260101-000000-abcd", "model": "ridge"},
    }
    info = save_bundle(Workspace(tmp_path), manifest, scorer, data.features)
    bundle = load_bundle(info)
    np.testing.assert_array_equal(bundle.scorer.predict(data.album), scorer.predict(data.album))
    file = info.path / "prior" / "ridge.safetensors"
    file.write_bytes(file.read_bytes()[:-8] + bytes(8))
    with pytest.raises(DamagedFile):
        load_bundle(info)


def test_a_damaged_prior_is_named(prior, tmp_path):
    scorer, _ = begun("svr", prior, person(30))
    scorer.save(tmp_path)
    file = tmp_path / "prior.json"
    sound = json.loads(file.read_text())
    with pytest.raises(DamagedFile, match=r"prior\.json"):
        load_with_prior(tmp_path, "svr", "taste")
    for content in (
        "",
        "[]",
        "{}",
        "nonsense",
        json.dumps({**sound, "slope": "x"}),
        json.dumps({**sound, "share": None}),
    ):
        file.write_text(content)
        with pytest.raises(DamagedFile, match=r"prior\.json"):
            load_with_prior(tmp_path, "svr", "ridge")
    file.write_text(json.dumps({**sound, "slope": float("nan")}))
    with pytest.raises(DamagedFile, match="not finite"):
        load_with_prior(tmp_path, "svr", "ridge")
    file.write_text(json.dumps(sound))
    (tmp_path / "prior" / "ridge.safetensors").unlink()
    with pytest.raises(NotFound):
        load_with_prior(tmp_path, "svr", "ridge")


def test_a_model_that_begins_from_a_prior_is_none_itself(prior):
    scorer, _ = begun("ridge", prior, person(20))
    with pytest.raises(UsageError, match="prior"):
        with_prior(make_scorer(Recipe("svr")), scorer)


def test_it_stops_when_asked(prior):
    with pytest.raises(Interrupted):
        list(with_prior(make_scorer(Recipe("ridge")), prior).fit(person(20), control=FitControl(lambda: True)))


def test_it_can_be_loaded_knowing_only_its_folder(prior, tmp_path):
    data = person(20)
    scorer, _ = begun("gp", prior, data)
    scorer.save(tmp_path)
    loaded = type(scorer).load(tmp_path)
    np.testing.assert_array_equal(loaded.predict(data.album), scorer.predict(data.album))
    assert scorer_class("gp").load(tmp_path).details()["photos"] == 20


def test_poor_data_is_survived(prior):
    data = person(8)
    for scores, groups in (
        (np.where(np.arange(8) % 2, 20.0, 80.0), np.arange(8)),
        (np.linspace(0, 100, 8), np.zeros(8, np.int64)),
        (np.linspace(0, 100, 8), np.arange(8) % 2),
    ):
        poor = TrainingSet(data.features, scores, groups, data.album, BLOCKS)
        scorer, _ = begun("ridge", prior, poor)
        assert np.isfinite(scorer.predict(data.album)).all()
