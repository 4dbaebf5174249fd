"""Small bundles for the tests of the model store: really fitted, on made features."""

import functools
import json
from datetime import UTC, datetime

import pytest

from engine.errors import DamagedFile
from engine.models.base import Recipe
from engine.models.bundle import new_model_id, save_bundle
from engine.models.carrying import import_bundle
from engine.models.catalog import make_scorer
from engine.storage import content_hash
from tests.engine.made_features import made_set

RECIPES = {"taste": Recipe("taste"), "random-forest": Recipe("random-forest", params={"trees": 25})}


@functools.cache
def fitted(model):
    """Return a scorer of this family that has learned, and the features it learned from."""
    data = made_set(photos=20)
    scorer = make_scorer(RECIPES[model])
    list(scorer.fit(data, None))
    return scorer, data.features


def save(workspace, name="", minute=0, srcc=0.5, *, model="taste", n=20, metrics=None, **more):
    """Save a bundle and return what a list shows of it."""
    created = datetime(2026, 1, 2, 3, minute, tzinfo=UTC)
    scorer, features = fitted(model)
    manifest = {
        "model_id": new_model_id(model, created),
        "name": name,
        "model": model,
        "backbone": "efficientnet_lite0",
        "created": created.isoformat(),
        "n": n,
        "scale": [0, 100],
        "metrics": {"cv": {"srcc": srcc}} if metrics is None else metrics,
        **more,
    }
    return save_bundle(workspace, manifest, scorer, features)


def rewrite(folder, **changes):
    """Change keys of a manifest, as somebody with an editor would."""
    file = folder / "manifest.json"
    file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), **changes}), "utf-8")


def vouch(folder, **more):
    """Let a manifest vouch for the files as they are now, as somebody who forges one would."""
    names = {**json.loads((folder / "manifest.json").read_text("utf-8"))["files"], **more}
    rewrite(folder, files={name: content_hash(folder / name) for name in names})


def contents(folder):
    """Return every file below a folder with its bytes."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(workspace, folder, match=None):
    """Import and expect a clear error that names the person's folder, and nothing left behind."""
    with pytest.raises(DamagedFile, match=match) as raised:
        import_bundle(workspace, folder)
    assert str(folder) in str(raised.value)
    assert ".part-" not in str(raised.value)
    assert list(workspace.models.iterdir() if workspace.models.exists() else []) == []
