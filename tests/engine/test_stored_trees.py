"""Trees read from a file and walked by numpy: the same scores as scikit-learn gives, without importing it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import DamagedFile
from engine.models.base import Recipe
from engine.models.catalog import make_scorer, scorer_class
from engine.models.skops_file import save_estimator
from tests.engine.made_features import made_set
from tests.tui.test_imports import imported_by

COUNTED = {"random-forest": "trees", "gradient-boosting": "stages", "hist-gradient-boosting": "stages"}
DATA = made_set(photos=60)


@pytest.fixture(scope="module", params=COUNTED)
def kept(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Any, Path]:
    """A family's name, a fitted scorer, and the folder that it was saved in."""
    scorer = make_scorer(Recipe(request.param, params={COUNTED[request.param]: 12}))
    list(scorer.fit(DATA))
    folder = tmp_path_factory.mktemp(request.param)
    scorer.save(folder)
    return request.param, scorer, folder


def test_the_scores_are_those_of_the_library(kept: tuple[str, Any, Path]) -> None:
    name, scorer, folder = kept
    loaded = scorer_class(name).load(folder)
    far = np.random.default_rng(3).normal(0, 100, (700, DATA.album.shape[1])).astype(np.float32)
    for features in (DATA.album, far, far[:1]):
        np.testing.assert_allclose(loaded.predict(features), scorer.predict(features), rtol=1e-12)
    assert loaded.predict(far[:0]).shape == (0,)
    # a photo's score does not depend on the photos beside it
    np.testing.assert_array_equal(loaded.predict(far)[:300], loaded.predict(far[:300]))


def test_values_on_a_threshold_go_the_same_way(kept: tuple[str, Any, Path]) -> None:
    name, scorer, folder = kept
    loaded: Any = scorer_class(name).load(folder)
    # the thresholds themselves, as near as a feature can come to them, above and below
    ends = np.resize(loaded._stored.threshold.astype(np.float32), (64, DATA.album.shape[1]))
    for features in (ends, np.nextafter(ends, np.float32(np.inf)), np.nextafter(ends, np.float32(-np.inf))):
        np.testing.assert_allclose(loaded.predict(features), scorer.predict(features), rtol=1e-12)


def test_a_loaded_model_tells_and_keeps_what_the_fitted_one_does(kept: tuple[str, Any, Path], tmp_path: Path) -> None:
    name, scorer, folder = kept
    loaded = scorer_class(name).load(folder)
    told = {key: value for key, value in scorer.details().items() if key != "out_of_bag_mae"}
    assert loaded.details() == told
    loaded.save(tmp_path)
    again = scorer_class(name).load(tmp_path)
    np.testing.assert_array_equal(again.predict(DATA.album), loaded.predict(DATA.album))


def test_features_of_another_width_are_refused(kept: tuple[str, Any, Path]) -> None:
    name, _, folder = kept
    loaded = scorer_class(name).load(folder)
    wrong = DATA.album[:, :-1] if name != "hist-gradient-boosting" else DATA.album[:, :3]
    with pytest.raises((ValueError, IndexError)):
        loaded.predict(wrong)


def test_neither_skops_nor_the_library_is_imported(kept: tuple[str, Any, Path]) -> None:
    name, _, folder = kept
    code = f"""
from pathlib import Path
import numpy as np
from engine.models.catalog import scorer_class
scorer = scorer_class({name!r}).load(Path({str(folder)!r}))
assert scorer.predict(np.zeros((2, {DATA.album.shape[1]}), np.float32)).shape == (2,)
"""
    assert imported_by(code, "torch", "sklearn", "skops", "scipy", "pandas", "joblib") == []


def test_a_booster_of_another_loss_is_refused(tmp_path: Path) -> None:
    from sklearn.ensemble import GradientBoostingRegressor

    scorer: Any = make_scorer(Recipe("gradient-boosting", params={"stages": 5}))
    list(scorer.fit(DATA))
    other = GradientBoostingRegressor(loss="absolute_error", n_estimators=3).fit(DATA.features, DATA.scores)
    save_estimator(tmp_path / "boosting.skops", other)
    with pytest.raises(DamagedFile, match=r"boosting\.skops"):
        scorer_class("gradient-boosting").load(tmp_path)
