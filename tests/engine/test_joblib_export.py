"""A joblib file predicts what the model predicts, with scikit-learn alone; beholder writes it and never reads one."""

import functools
import subprocess
import sys

import numpy as np
import pytest

from engine.errors import DamagedFile, UsageError
from engine.models.base import Recipe
from engine.models.bundle import load_bundle, save_bundle
from engine.models.catalog import make_scorer
from engine.models.prior import Belief, with_prior
from engine.outputs.joblib_export import export_joblib
from engine.outputs.sklearn_form import sklearn_form
from engine.workspace import Workspace
from tests.engine.made_features import made_set

RECIPES = {
    "taste": Recipe("taste"),
    "ridge": Recipe("ridge"),
    "svr": Recipe("svr"),
    "gp": Recipe("gp"),
    "gp rbf": Recipe("gp", params={"kernel": "rbf"}),
    "gp linear": Recipe("gp", params={"kernel": "linear"}),
    "random-forest": Recipe("random-forest", params={"trees": 50}),
    "gradient-boosting": Recipe("gradient-boosting", params={"stages": 50}),
    "hist-gradient-boosting": Recipe("hist-gradient-boosting", params={"stages": 50}),
    "stacking": Recipe("stacking", params={"folds": 3}),
    "frozen": Recipe("frozen", epochs=4),
    "frozen without a hidden layer": Recipe("frozen", epochs=4, params={"hidden": 0}),
}
# what stands in the vector that never varies in the album must not throw a stranger's photo off
STRANGE = np.random.default_rng(7).normal(scale=20, size=(40, 32)).astype(np.float32)


@functools.cache
def training_set():
    made = made_set(photos=60)
    made.album[:, 3] = 5.0
    return made


@functools.cache
def fitted(name):
    scorer = make_scorer(RECIPES[name])
    list(scorer.fit(training_set(), None))
    return scorer


@pytest.fixture
def data():
    return training_set()


@pytest.fixture
def workspace(tmp_path):
    workspace = Workspace(tmp_path / "album")
    workspace.create()
    return workspace


def saved(workspace, scorer, data, model, **more):
    manifest = {
        "model_id": f"{model}-1",
        "name": "mine \x1b[31m",
        "model": model,
        "backbone": "efficientnet_lite0",
        "created": "2026-01-02",
        "n": 60,
        "scale": [0, 100],
        "metrics": {},
        "fingerprint": "f" * 16,
        **more,
    }
    return save_bundle(workspace, manifest, scorer, data.features)


@pytest.mark.parametrize("name", RECIPES)
def test_scikit_learns_form_predicts_the_same(name, data):
    scorer = fitted(name)
    form = sklearn_form(scorer)
    for rows in (data.album, STRANGE, STRANGE.astype(np.float64)):
        np.testing.assert_allclose(form.predict(rows), scorer.predict(rows.astype(np.float32)), atol=2e-3, rtol=1e-5)


def test_a_prior_is_added_up(data):
    prior = fitted("svr")
    family = fitted("ridge")
    for share in (0.0, 0.5):
        scorer = with_prior(family, prior, Belief(share, 0.8, 42.0))
        np.testing.assert_allclose(sklearn_form(scorer).predict(STRANGE), scorer.predict(STRANGE), atol=2e-3)


def test_the_process_says_how_sure_it_is(data):
    scorer = fitted("gp")
    _, spread = sklearn_form(scorer).predict(STRANGE, return_std=True)
    np.testing.assert_allclose(spread, scorer.spread(STRANGE), rtol=1e-4)


_STRANGER = """
import sys
import joblib, numpy
sys.modules["engine"] = sys.modules["tui"] = None  # whoever asks for them fails
rows = numpy.load(sys.argv[1])
for file in sys.argv[2:]:
    numpy.save(file + ".npy", joblib.load(file).predict(rows))
"""


def test_the_files_load_where_beholder_is_not(data, workspace, tmp_path):
    models = ["taste", "gp", "random-forest", "hist-gradient-boosting", "stacking", "frozen"]
    infos = {model: saved(workspace, fitted(model), data, model) for model in models}
    files = {model: export_joblib(workspace, info, tmp_path / "out") for model, info in infos.items()}
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {f"{model}-1{end}" for model in models for end in (".joblib", ".README.txt")}
    np.save(tmp_path / "rows.npy", STRANGE)
    command = [sys.executable, "-I", "-c", _STRANGER, tmp_path / "rows.npy", *files.values()]
    subprocess.run([str(word) for word in command], check=True, cwd=tmp_path)
    for model, file in files.items():
        said = np.load(file.with_name(f"{file.name}.npy"))
        np.testing.assert_allclose(said, load_bundle(infos[model]).scorer.predict(STRANGE), atol=2e-3)


def test_the_readme_says_what_goes_in_and_warns(data, workspace, tmp_path):
    info = saved(workspace, fitted("ridge"), data, "ridge")
    text = export_joblib(workspace, info, tmp_path).with_name("ridge-1.README.txt").read_text("utf-8")
    for words in ("pickle", "Load only a file that you", "f" * 16, "(N, 3584)", "head_std: 1280", "scikit-learn 1."):
        assert words in text
    assert "\x1b" not in text
    assert str(tmp_path) not in text


def test_nothing_is_overwritten_and_no_half_export_is_left(data, workspace, tmp_path):
    info = saved(workspace, fitted("ridge"), data, "ridge")
    (tmp_path / "ridge-1.README.txt").write_text("mine")
    with pytest.raises(UsageError, match="already"):
        export_joblib(workspace, info, tmp_path)
    assert (tmp_path / "ridge-1.README.txt").read_text() == "mine"
    assert not (tmp_path / "ridge-1.joblib").exists()
    (info.path / "ridge.safetensors").write_bytes(b"other")
    with pytest.raises(DamagedFile):
        export_joblib(workspace, info, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_family_without_a_form_says_what_else_there_is():
    with pytest.raises(UsageError, match="ONNX"):
        sklearn_form(make_scorer(Recipe("finetune")))
