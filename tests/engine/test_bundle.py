"""Bundles are complete or absent, checked at load, found by id, prefix and name, and deleted with a way back."""

import json
from datetime import UTC, datetime

import numpy as np
import pytest

from engine.errors import DamagedFile, NotFound, UsageError
from engine.models.bundle import (
    find_bundle,
    list_bundles,
    load_bundle,
    new_model_id,
    read_manifest,
    remove_bundle,
    save_bundle,
)
from engine.models.taste import Taste
from engine.workspace import Workspace
from tests.engine.made_features import made_set


def save(workspace, name="", minute=0, srcc=0.5):
    created = datetime(2026, 1, 2, 3, minute, tzinfo=UTC)
    data = made_set(photos=20)
    scorer = Taste()
    list(scorer.fit(data, None))
    manifest = {
        "model_id": new_model_id("taste", created),
        "name": name,
        "model": "taste",
        "backbone": "efficientnet_lite0",
        "created": created.isoformat(),
        "n": 20,
        "scale": [0, 100],
        "metrics": {"cv": {"srcc": srcc}},
    }
    return save_bundle(workspace, manifest, scorer, data.features), scorer, data


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)


def test_a_bundle_comes_back_as_it_went(workspace):
    info, scorer, data = save(workspace, "mine")
    bundle = load_bundle(find_bundle(workspace, "mine"))
    np.testing.assert_array_equal(bundle.scorer.predict(data.album), scorer.predict(data.album))
    assert read_manifest(info)["files"].keys() == {"taste.safetensors", "golden.safetensors"}
    assert info.to_dict()["model_id"] == info.path.name


def test_references(workspace):
    old, new = save(workspace, "one", 1, srcc=0.9)[0], save(workspace, "two", 2, srcc=0.1)[0]
    assert [info.model_id for info in list_bundles(workspace)] == [new.model_id, old.model_id]
    assert find_bundle(workspace, "latest").model_id == new.model_id
    assert find_bundle(workspace, "best").model_id == old.model_id
    assert find_bundle(workspace, "one").model_id == old.model_id
    assert find_bundle(workspace, new.model_id[:-2]).model_id == new.model_id
    with pytest.raises(UsageError, match=old.model_id):
        find_bundle(workspace, "taste-")
    with pytest.raises(NotFound, match="nothing-like-it"):
        find_bundle(workspace, "nothing-like-it")


def test_an_empty_workspace_says_how_to_train(workspace):
    with pytest.raises(NotFound, match="beholder train"):
        find_bundle(workspace, "best")
    assert list_bundles(workspace) == []


def test_a_changed_weight_is_noticed(workspace):
    info, *_ = save(workspace)
    file = info.path / "taste.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(DamagedFile, match=r"taste\.safetensors"):
        load_bundle(info)


def test_a_golden_row_that_differs_is_noticed(workspace):
    from engine.models.arrays import load_arrays, save_arrays
    from engine.storage import content_hash, write_json

    info, *_ = save(workspace)
    golden = info.path / "golden.safetensors"
    arrays = load_arrays(golden, ())
    save_arrays(golden, {**arrays, "scores": arrays["scores"] + 1.0})
    manifest = read_manifest(info)
    manifest["files"]["golden.safetensors"] = content_hash(golden)
    write_json(info.path / "manifest.json", manifest)
    with pytest.raises(DamagedFile, match="other scores here"):
        load_bundle(info)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"format": 99}', "{", '{"format": 1, "files": []}'])
def test_a_damaged_manifest_is_named_and_hides_no_other(workspace, content):
    sound, broken = save(workspace, "sound", 1)[0], save(workspace, "broken", 2)[0]
    (broken.path / "manifest.json").write_text(content)
    assert [info.name for info in list_bundles(workspace)] == ["sound"]
    with pytest.raises(DamagedFile, match="manifest"):
        find_bundle(workspace, broken.model_id)
    assert find_bundle(workspace, "best").model_id == sound.model_id
    remove_bundle(workspace, find_bundle(workspace, broken.model_id, even_damaged=True))
    assert not broken.path.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"metrics": [1]},
        {"metrics": {"cv": {"srcc": "good"}}},
        {"scale": [7, 1]},
        {"scale": 5},
        {"files": {"..": "0"}},
        {"files": {"../../scores.txt": "0"}},
        {"files": {}},
    ],
)
def test_a_manifest_that_was_tampered_with_is_refused(workspace, change):
    info, *_ = save(workspace)
    manifest = read_manifest(info)
    (info.path / "manifest.json").write_text(json.dumps({**manifest, **change}))
    with pytest.raises(DamagedFile, match="manifest"):
        load_bundle(info)
    assert all(isinstance(shown.rank_quality, float) for shown in list_bundles(workspace))


def test_weights_of_another_shape_are_damaged(workspace):
    from engine.models.arrays import load_arrays, save_arrays
    from engine.storage import content_hash, write_json

    info, *_ = save(workspace)
    file = info.path / "taste.safetensors"
    arrays = load_arrays(file, ())
    save_arrays(file, {**arrays, "mean": arrays["mean"][:3]})
    manifest = read_manifest(info)
    manifest["files"][file.name] = content_hash(file)
    write_json(info.path / "manifest.json", manifest)
    with pytest.raises(DamagedFile, match="damaged"):
        load_bundle(info)


def test_deleting_keeps_a_way_back(workspace):
    info, *_ = save(workspace)
    place = remove_bundle(workspace, info)
    assert list_bundles(workspace) == []
    place.rename(info.path)
    assert load_bundle(find_bundle(workspace, "latest")).info.model_id == info.model_id


def test_a_save_that_fails_leaves_nothing(workspace, monkeypatch):
    def no_room(folder):
        (folder / "half").write_bytes(b"x")
        raise OSError(28, "No space left on device")

    data = made_set(photos=20)
    scorer = Taste()
    list(scorer.fit(data, None))
    monkeypatch.setattr(scorer, "save", no_room)
    with pytest.raises(OSError, match="No space"):
        save_bundle(workspace, {"model_id": "x"}, scorer, data.features)
    assert list(workspace.models.iterdir()) == []


def test_a_manifest_is_plain_json(workspace):
    info, *_ = save(workspace, "名字")
    assert json.loads((info.path / "manifest.json").read_text("utf-8"))["name"] == "名字"
