"""The classical families do what their settings say, agree with scikit-learn, and end early with what is best."""

import numpy as np
import pytest

from engine.errors import Interrupted
from engine.events import CurvePoint
from engine.metrics import evaluate
from engine.models.base import FitControl, Recipe, TrainingSet, Uncertain
from engine.models.boosting import telling_columns
from engine.models.catalog import FAMILIES, make_scorer, scorer_class
from engine.models.kernels import median_distance, squared_distances
from engine.models.ridge import ridge_weights
from engine.models.scaling import standardisers
from engine.models.stacking import BASES, weigh
from engine.models.standardise import Standardiser
from tests.engine.made_features import BLOCKS, made_set

CLASSICAL = [name for name, family in FAMILIES.items() if family.axis != "epochs"]
IN_STEPS = [name for name in CLASSICAL if FAMILIES[name].axis in {"trees", "stages"}]
COUNTED = {"random-forest": "trees", "gradient-boosting": "stages", "hist-gradient-boosting": "stages"}


def fitted(name, data, validation=None, control=None, **params):
    scorer = make_scorer(Recipe(name, params=params))
    events = list(scorer.fit(data, validation, control=control or FitControl()))
    return scorer, [event for event in events if isinstance(event, CurvePoint)]


def after(calls):
    """Return a check that says yes from so many calls on."""
    count = iter(range(10**9))
    return lambda: next(count) + 1 >= calls


@pytest.mark.parametrize("name", IN_STEPS)
def test_as_many_trees_or_stages_grow_as_are_asked_for(name):
    scorer, curve = fitted(name, made_set(photos=30), **{COUNTED[name]: 52})
    assert scorer.details()[COUNTED[name]] == 52
    assert curve[-1].x == 52


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("random-forest", {"trees": 50, "min_samples_leaf": 20}),
        ("random-forest", {"trees": 50, "max_features": "0.05"}),
        ("random-forest", {"trees": 50, "max_features": "0.2"}),
        ("svr", {"C": 0.05}),
        ("svr", {"epsilon": 0.5}),
        ("svr", {"width": 4.0}),
        ("svr", {"weighting": "variance"}),
        ("gradient-boosting", {"stages": 50, "learning_rate": 0.3}),
        ("gradient-boosting", {"stages": 50, "max_depth": 1}),
        ("gradient-boosting", {"stages": 50, "subsample": 1.0}),
        ("hist-gradient-boosting", {"stages": 50, "learning_rate": 0.3}),
        ("hist-gradient-boosting", {"stages": 50, "max_leaf_nodes": 2}),
        ("hist-gradient-boosting", {"stages": 50, "columns": 5}),
        ("ridge", {"strength": "100"}),
        ("ridge", {"weighting": "variance"}),
        ("gp", {"kernel": "rbf"}),
        ("gp", {"kernel": "linear"}),
        ("gp", {"weighting": "variance"}),
    ],
)
def test_each_setting_changes_the_model(name, params):
    data = made_set(photos=60)
    counted = {key: value for key, value in params.items() if key in {"trees", "stages"}}
    plain, _ = fitted(name, data, **counted)
    other, _ = fitted(name, data, **params)
    assert np.abs(plain.predict(data.album) - other.predict(data.album)).max() > 1e-3
    details = other.details()
    assert all(details[key] == value for key, value in params.items() if key in details and key != "strength")


@pytest.mark.parametrize("name", IN_STEPS)
def test_asked_to_finish_a_fit_ends_at_the_next_step(name, tmp_path):
    everything = made_set(photos=90)
    scorer, curve = fitted(
        name,
        everything.subset(np.arange(60)),
        everything.subset(np.arange(60, 90)),
        FitControl(should_finish=after(3)),
    )
    assert len(curve) == 3
    assert scorer.details()[COUNTED[name]] <= curve[-1].x
    scorer.save(tmp_path)
    loaded = scorer_class(name).load(tmp_path)
    np.testing.assert_allclose(loaded.predict(everything.album), scorer.predict(everything.album), atol=1e-9)


@pytest.mark.parametrize("name", ["gradient-boosting", "hist-gradient-boosting"])
def test_a_booster_that_ends_early_keeps_its_best_stages(name):
    everything = made_set(photos=120, noise=2.0)
    seen, unseen = everything.subset(np.arange(60)), everything.subset(np.arange(60, 120))
    # so fast a learner is best soon and then learns the noise
    scorer, curve = fitted(name, seen, unseen, FitControl(should_finish=after(12)), stages=300, learning_rate=0.3)
    best = min(curve, key=lambda point: point.validation)
    assert best.x < curve[-1].x
    assert scorer.details()["stages"] == best.x
    error = np.abs(scorer.predict(unseen.features) - unseen.scores).mean()
    assert error == pytest.approx(best.validation)


def test_asked_to_finish_stacking_weighs_by_the_folds_that_are_done():
    scorer, curve = fitted("stacking", made_set(photos=40), None, FitControl(should_finish=after(2)))
    assert [point.x for point in curve] == [1, 2]
    assert np.isfinite(scorer.predict(made_set(photos=40).album)).all()


@pytest.mark.parametrize("name", CLASSICAL)
def test_a_fit_under_way_stops(name):
    everything = made_set(photos=60)
    with pytest.raises(Interrupted):
        fitted(name, everything.subset(np.arange(40)), everything.subset(np.arange(40, 60)), FitControl(after(4)))


def test_ridge_is_scikit_learns_ridge():
    from sklearn.linear_model import Ridge

    data = made_set(photos=25)
    for rows in (data.features.astype(float), data.features[:, :5].astype(float)):
        centred = rows - rows.mean(axis=0)
        weights, intercepts = ridge_weights(rows, data.scores, [0.3, 10.0])
        for strength, weight, intercept in zip([0.3, 10.0], weights, intercepts, strict=True):
            theirs = Ridge(alpha=strength * (centred**2).sum() / 25).fit(rows, data.scores)
            np.testing.assert_allclose(rows @ weight + intercept, theirs.predict(rows), rtol=1e-8)


def test_ridge_chooses_a_stronger_penalty_where_there_is_more_noise():
    clear, _ = fitted("ridge", made_set(photos=100, noise=0.01))
    noisy, _ = fitted("ridge", made_set(photos=100, noise=5.0))
    assert clear.details()["strength"] < noisy.details()["strength"]


def test_support_vectors_predict_as_scikit_learns_do():
    from sklearn.svm import SVR

    data = made_set(photos=50)
    scorer, _ = fitted("svr", data, weighting="block", C=3.0, epsilon=0.2, width=0.7)
    standardiser = Standardiser.fit(data.album, BLOCKS)
    rows = standardiser.apply(data.features)
    gamma = 0.7 / median_distance(squared_distances(rows, rows))
    scores = (data.scores - data.scores.mean()) / data.scores.std()
    theirs = SVR(C=3.0, epsilon=0.2, gamma=gamma).fit(rows, scores).predict(standardiser.apply(data.album))
    ours = (scorer.predict(data.album) - data.scores.mean()) / data.scores.std()
    np.testing.assert_allclose(ours, theirs, atol=5e-3)


def test_the_gaussian_process_is_scikit_learns():
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct, WhiteKernel

    data = made_set(photos=50, noise=0.5)
    scorer, _ = fitted("gp", data, weighting="block")
    chosen = scorer.details()
    standardiser = Standardiser.fit(data.album, BLOCKS)
    rows, album = standardiser.apply(data.features), standardiser.apply(data.album)
    reach = chosen["length"] * np.sqrt(median_distance(squared_distances(rows, rows)))
    slope = chosen["slope"] ** 2 / ((rows**2).sum() / 50)
    kernel = ConstantKernel(chosen["amplitude"] ** 2) * RBF(reach)
    kernel += ConstantKernel(slope) * DotProduct(0.0) + WhiteKernel(chosen["noise"] ** 2)
    theirs = GaussianProcessRegressor(kernel, alpha=0.0, optimizer=None).fit(
        rows, (data.scores - data.scores.mean()) / data.scores.std()
    )
    mean, deviation = theirs.predict(album, return_std=True)
    scale = data.scores.std()
    np.testing.assert_allclose(scorer.predict(data.album), mean * scale + data.scores.mean(), atol=0.01 * scale)
    np.testing.assert_allclose(scorer.spread(data.album), deviation * scale, atol=0.01 * scale)


def test_the_gaussian_process_knows_how_sure_it_is(tmp_path):
    everything = made_set(photos=300, noise=0.7)
    seen, unseen = everything.subset(np.arange(100)), everything.subset(np.arange(100, 300))
    scorer, _ = fitted("gp", seen)
    assert isinstance(scorer, Uncertain)
    spread = scorer.spread(unseen.features)
    error = np.abs(scorer.predict(unseen.features) - unseen.scores)
    assert 0.85 < (error < 1.645 * spread).mean() < 0.97  # nine in ten
    strange = 20 * unseen.features
    assert (scorer.spread(strange) > spread).mean() > 0.95
    scorer.save(tmp_path)
    np.testing.assert_allclose(scorer_class("gp").load(tmp_path).spread(unseen.features), spread)


def test_only_the_gaussian_process_claims_to_know():
    claiming = [name for name in CLASSICAL if isinstance(make_scorer(Recipe(name)), Uncertain)]
    assert claiming == ["gp"]


def test_features_are_weighted_as_the_persons_scores_ask_for():
    data = made_set(photos=150, noise=0.05)
    # the second block decides and hardly varies: only an equal say lets it be heard
    small = TrainingSet(data.features, 50 + 9 * data.features[:, 15], data.groups, data.album, BLOCKS)
    # the largest features decide, and hundreds of small ones are noise that an equal say would blow up
    random = np.random.default_rng(3)
    album = (random.normal(size=(150, 300)) * np.where(np.arange(300) < 3, 10.0, 0.1)).astype(np.float32)
    large = TrainingSet(album, album[:, :3].sum(1).astype(float), data.groups, album, [300])
    for name in ("ridge", "svr", "gp"):
        assert fitted(name, small)[0].details()["weighting"] == "block"
        assert fitted(name, large)[0].details()["weighting"] == "variance"


def test_both_weightings_bring_a_photo_to_the_same_length():
    data = made_set(photos=200)
    for standardiser in standardisers(data, "auto").values():
        assert (standardiser.apply(data.album) ** 2).sum(axis=1).mean() == pytest.approx(len(BLOCKS), rel=0.05)


def test_stacking_hears_whom_it_can_trust():
    random = np.random.default_rng(0)
    scores = random.normal(50, 10, 500)
    good, fair = scores + random.normal(0, 3, 500), scores + random.normal(0, 12, 500)
    chance, contrary = random.normal(50, 10, 500), 100 - scores
    weights, intercept = weigh(np.stack([good, fair, chance, contrary], axis=1), scores, 0.3)
    assert weights[0] > 5 * weights[1] > 0
    assert weights[2] < 0.1
    assert weights[3] == 0
    assert np.abs(good * weights[0] + fair * weights[1] + chance * weights[2] + intercept - scores).mean() < 3


def test_stacking_takes_the_mean_of_those_that_nothing_tells_apart():
    scores = np.random.default_rng(0).normal(size=60)
    weights, _ = weigh(np.stack([scores] * 4, axis=1), scores, 0.3)
    np.testing.assert_allclose(weights, 0.25)


def test_stacking_keeps_only_the_models_that_are_heard(tmp_path):
    scorer, _ = fitted("stacking", made_set(photos=60))
    heard = {name for name, weight in scorer.details().items() if weight > 0}
    assert 1 <= len(heard) <= len(BASES)
    scorer.save(tmp_path)
    stems = {"random-forest": "forest", "gradient-boosting": "boosting"}
    assert {file.stem for file in tmp_path.iterdir()} == {"stacking", *(stems.get(name, name) for name in heard)}


def test_the_columns_that_go_with_the_scores_are_found():
    random = np.random.default_rng(1)
    features = random.normal(size=(200, 40)).astype(np.float32)
    features[:, 5] = 1e6  # says nothing, whatever its size
    scores = 3 * features[:, 7] - 2 * features[:, 30] + random.normal(size=200)
    assert {7, 30} <= set(telling_columns(features, scores, 3).tolist())
    assert 5 not in telling_columns(features, scores, 39)
    np.testing.assert_array_equal(telling_columns(features, scores, 100), np.arange(40))


def degenerate():
    random = np.random.default_rng(7)
    few, many = (random.normal(size=(count, 32)).astype(np.float32) for count in (8, 24))
    wide = random.normal(size=(10, 2048)).astype(np.float32)
    flat = many.copy()
    flat[:, 3:] = 7.0
    nothing = np.full((12, 32), 0.5, np.float32)
    twins = np.repeat(few, 3, axis=0)
    ramp = np.linspace(10, 90, 24)
    return {
        "eight scores": (few, np.array([10, 90, 20, 80, 30, 70, 40, 60.0]), np.arange(8)),
        "two values": (many, np.where(np.arange(24) % 2, 20.0, 80.0), np.arange(24)),
        "one score stands out": (many, np.where(np.arange(24) == 5, 100.0, 50.0), np.arange(24)),
        "constant columns": (flat, ramp, np.arange(24)),
        "all columns constant": (nothing, np.linspace(0, 100, 12), np.arange(12)),
        "more features than photos": (wide, np.linspace(0, 100, 10), np.arange(10)),
        "one group": (many, ramp, np.zeros(24, int)),
        "two groups": (many, ramp, np.arange(24) % 2),
        "duplicates": (twins, np.repeat(np.linspace(10, 90, 8), 3), np.repeat(np.arange(8), 3)),
        "duplicates that disagree": (twins, ramp, np.repeat(np.arange(8), 3)),
        "huge features": (many * np.float32(1e6), ramp, np.arange(24)),
        "a tiny scale": (many, ramp * 1e-6, np.arange(24)),
    }


SLOW_STACKING = pytest.param("stacking", marks=pytest.mark.slow)


@pytest.mark.parametrize("case", degenerate())
@pytest.mark.parametrize("name", [SLOW_STACKING if name == "stacking" else name for name in CLASSICAL])
def test_poor_data_is_survived(name, case, tmp_path):
    features, scores, groups = degenerate()[case]
    blocks = [features.shape[1] // 4, features.shape[1] - features.shape[1] // 4]
    data = TrainingSet(features, scores, groups.astype(np.int64), features, blocks)
    counted = {COUNTED[name]: 50} if name in COUNTED else {"folds": 3} if name == "stacking" else {}
    scorer, _ = fitted(name, data, data.subset(np.arange(5)), **counted)
    guess = scorer.predict(features)
    assert np.isfinite(guess).all()
    reach = scores.max() - scores.min()
    assert guess.min() > scores.min() - reach
    assert guess.max() < scores.max() + reach
    scorer.save(tmp_path)
    np.testing.assert_allclose(scorer_class(name).load(tmp_path).predict(features), guess, atol=1e-9 * reach + 1e-12)
    if isinstance(scorer, Uncertain):
        assert (scorer.spread(features) > 0).all()


@pytest.mark.parametrize("name", CLASSICAL)
def test_what_a_model_says_of_one_photo_does_not_depend_on_the_others(name):
    data = made_set(photos=40)
    counted = {COUNTED[name]: 50} if name in COUNTED else {"folds": 3} if name == "stacking" else {}
    scorer, _ = fitted(name, data, **counted)
    together = scorer.predict(data.album)
    assert scorer.predict(data.album[:0]).shape == (0,)
    np.testing.assert_allclose([scorer.predict(row[None])[0] for row in data.album[:5]], together[:5], rtol=1e-9)
    assert evaluate(data.scores, together[:40]).srcc > 0.6
