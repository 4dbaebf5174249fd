"""`frozen` learns from cached features alone: no picture is decoded and no network loaded when all are known."""

import shutil

import pytest
from PIL import Image, ImageFile

from engine.events import Finished
from engine.features import extract
from engine.training.run import run_training
from engine.training.spec import make_spec


@pytest.fixture
def decoded(monkeypatch):
    """What was decoded, and how often a network was asked for; both go on as ever."""
    seen = []
    load, runtime = ImageFile.ImageFile.load, extract.open_runtime

    def counted_load(self, *rest):
        seen.append(getattr(self, "filename", ""))
        return load(self, *rest)

    def counted_runtime(*rest, **named):
        seen.append("network")
        return runtime(*rest, **named)

    monkeypatch.setattr(ImageFile.ImageFile, "load", counted_load)
    monkeypatch.setattr(extract, "open_runtime", counted_runtime)
    return seen


def test_no_picture_and_no_network_where_all_features_are_known(workspace_factory, trained_workspace, decoded):
    workspace = workspace_factory()
    shutil.copy(trained_workspace.features_file, workspace.features_file)
    decoded.clear()
    events = list(run_training(workspace, make_spec(model="frozen", epochs=2)))
    assert isinstance(events[-1], Finished) and decoded == []

    # one that is not known is decoded, once: the count can fail
    photo = sorted(workspace.data.glob("*.jpg"))[0]
    with Image.open(photo) as image:
        image.convert("RGB").rotate(180).save(photo)
    decoded.clear()
    list(run_training(workspace, make_spec(model="frozen", epochs=2)))
    assert decoded.count("network") == 1 and len(decoded) > 1
