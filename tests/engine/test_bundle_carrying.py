"""A model goes to another machine and comes from one, whole, or not at all."""

import os
import shutil

import numpy as np
import pytest

from engine.errors import BeholderError, DamagedFile, NotFound, UsageError
from engine.models import carrying
from engine.models.base import Recipe
from engine.models.bundle import (
    find_bundle,
    list_bundles,
    load_bundle,
    note_bundle,
    read_manifest,
    read_manifest_file,
    rename_bundle,
    save_bundle,
    set_default,
)
from engine.models.carrying import AlreadyHere, export_bundle, import_bundle
from engine.models.catalog import make_scorer
from engine.models.prior import Belief, with_prior
from engine.workspace import Workspace
from tests.engine.made_bundles import contents, refused, rewrite, save, vouch
from tests.engine.made_features import made_set


@pytest.fixture
def workspace(tmp_path):
    workspace = Workspace(tmp_path / "here")
    workspace.create()
    return workspace


@pytest.fixture
def elsewhere(tmp_path):
    workspace = Workspace(tmp_path / "elsewhere")
    workspace.create()
    return workspace


@pytest.fixture
def folder(elsewhere, tmp_path):
    """An exported bundle that a test may spoil."""
    return export_bundle(elsewhere, save(elsewhere, "carried"), tmp_path / "stick")


@pytest.mark.parametrize("model", ["taste", "random-forest"])
def test_a_model_is_carried_over_whole(workspace, elsewhere, tmp_path, model):
    info = note_bundle(elsewhere, save(elsewhere, "carried", model=model, extra={"kept": 1}), "a note")
    folder = export_bundle(elsewhere, info, tmp_path / "new" / "stick")
    assert folder == tmp_path / "new" / "stick" / info.model_id
    assert contents(folder).keys() == contents(info.path).keys()
    there = import_bundle(workspace, folder)
    assert (there.model_id, there.name, there.note) == (info.model_id, "carried", "a note")
    assert {**contents(there.path), "manifest.json": b""} == {**contents(folder), "manifest.json": b""}
    imported = read_manifest(there)
    assert imported.pop("imported")
    assert imported == read_manifest_file(folder)
    rows = np.random.default_rng(0).normal(size=(5, 32)).astype(np.float32)
    np.testing.assert_array_equal(load_bundle(there).scorer.predict(rows), load_bundle(info).scorer.predict(rows))
    assert list(workspace.models.iterdir()) == [there.path]


def test_a_model_with_its_prior_is_carried_over_whole(workspace, elsewhere, tmp_path):
    data = made_set(photos=20)
    prior, family = make_scorer(Recipe("ridge")), make_scorer(Recipe("svr"))
    list(prior.fit(data))
    list(family.fit(data))
    scorer = with_prior(family, prior, Belief(0.5, 1.0, 50.0))
    manifest = {**read_manifest(save(elsewhere)), "model_id": "svr-20260101-000000-0000", "model": "svr"}
    info = save_bundle(elsewhere, {**manifest, "prior": {"model_id": "x", "model": "ridge"}}, scorer, data.features)
    there = import_bundle(workspace, export_bundle(elsewhere, info, tmp_path / "stick"))
    assert "prior/ridge.safetensors" in contents(there.path)
    np.testing.assert_array_equal(load_bundle(there).scorer.predict(data.album), scorer.predict(data.album))
    folder = export_bundle(workspace, there, tmp_path / "stick2")
    shutil.rmtree(there.path)
    rewrite(folder, prior=None)
    refused(workspace, folder, "other scores")


def test_nothing_is_overwritten(elsewhere, tmp_path):
    info = save(elsewhere)
    folder = export_bundle(elsewhere, info, tmp_path / "stick")
    before = contents(folder)
    with pytest.raises(UsageError, match="is there already"):
        export_bundle(elsewhere, info, tmp_path / "stick")
    with pytest.raises(UsageError, match="is there already"):
        export_bundle(elsewhere, info, elsewhere.models)
    assert contents(folder) == before
    (tmp_path / "file").write_text("x")
    with pytest.raises(BeholderError):
        export_bundle(elsewhere, info, tmp_path / "file")
    assert (tmp_path / "file").read_text() == "x"


def test_what_others_keep_in_the_folder_stays(elsewhere, tmp_path):
    (tmp_path / ".part-of-a-song").mkdir()
    os.utime(tmp_path / ".part-of-a-song", (0, 0))
    export_bundle(elsewhere, save(elsewhere), tmp_path)
    assert (tmp_path / ".part-of-a-song").is_dir()


def test_a_damaged_model_is_not_exported(elsewhere, tmp_path):
    info = save(elsewhere)
    (info.path / "taste.safetensors").write_bytes(b"other")
    with pytest.raises(DamagedFile, match="SHA-256"):
        export_bundle(elsewhere, info, tmp_path / "stick")
    assert list((tmp_path / "stick").iterdir()) == []


def test_the_same_model_twice_is_said_to_be_here(workspace, folder):
    first = import_bundle(workspace, folder)
    rename_bundle(workspace, first, "renamed here")
    with pytest.raises(AlreadyHere, match=first.model_id):
        import_bundle(workspace, folder)
    assert [info.name for info in list_bundles(workspace)] == ["renamed here"]


def test_another_model_of_the_same_id_gets_a_new_one(workspace, folder):
    first = import_bundle(workspace, folder)
    rewrite(folder, n=21)
    second = import_bundle(workspace, folder)
    assert second.model_id != first.model_id
    assert second.model_id.startswith("taste-")
    assert read_manifest(second)["model_id"] == second.model_id
    assert (first.n, find_bundle(workspace, second.model_id).n) == (20, 21)
    with pytest.raises(AlreadyHere, match=second.model_id):
        import_bundle(workspace, folder)


def test_what_somebody_says_of_a_model_does_not_make_it_the_best(workspace, folder):
    rewrite(folder, metrics={"cv": {"srcc": 1.0}})
    there = import_bundle(workspace, folder)
    assert find_bundle(workspace, "best").model_id == there.model_id
    own = save(workspace, "own", 5, srcc=0.1)
    assert find_bundle(workspace, "best").model_id == own.model_id
    set_default(workspace, there)
    assert find_bundle(workspace, "default").model_id == there.model_id


@pytest.mark.parametrize("model_id", ["../../data/evil", ".hidden", "a/b", "", 5, None, "x" * 150, "best", "taste"])
def test_an_id_that_is_none_is_not_taken_over(workspace, folder, model_id):
    rewrite(folder, model_id=model_id)
    if model_id == 5:
        refused(workspace, folder, "model_id")
        return
    info = import_bundle(workspace, folder)
    assert info.path.parent == workspace.models
    assert info.model_id.startswith("taste-")


def test_what_the_manifest_does_not_name_is_not_copied(workspace, folder):
    (folder / "evil.py").write_text("raise SystemExit")
    (folder / "model.pkl").symlink_to("/etc/passwd")
    assert "evil.py" not in contents(import_bundle(workspace, folder).path)


def test_a_folder_that_is_no_bundle(workspace, tmp_path):
    with pytest.raises(NotFound, match="gone"):
        import_bundle(workspace, tmp_path / "gone")
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="not a folder"):
        import_bundle(workspace, tmp_path / "file")
    (tmp_path / "empty").mkdir()
    refused(workspace, tmp_path / "empty", "manifest")


def test_a_full_disk_leaves_nothing(workspace, folder, monkeypatch):
    real = carrying.write_json

    def no_room(path, value):
        if path.parent.name.startswith(".part-"):
            raise OSError(28, "No space left on device", str(path))
        real(path, value)

    monkeypatch.setattr(carrying, "write_json", no_room)
    with pytest.raises(OSError, match="No space"):
        import_bundle(workspace, folder)
    assert list(workspace.models.iterdir()) == []


def test_a_name_of_control_characters_does_no_harm_where_it_is_shown(workspace, folder):
    from engine.errors import display_name

    rewrite(folder, name="\x1b[2J\u202egpj", note="\x07\n")
    info = import_bundle(workspace, folder)
    assert "\x1b" not in display_name(info.name)
    with pytest.raises(NotFound) as raised:
        find_bundle(workspace, "\x1b[2J")
    assert "\x1b" not in str(raised.value)


@pytest.mark.slow
def test_a_network_of_its_own_is_carried_over_and_looked_at(workspace_factory, workspace, tmp_path):
    from safetensors.numpy import load_file, save_file

    from engine.models.verifying import verify_bundle
    from engine.training.run import run_training
    from engine.training.spec import TrainSpec

    trained = workspace_factory("trained")
    for _ in run_training(trained, TrainSpec(model="finetune", epochs=1)):
        pass
    info = find_bundle(trained, "latest")
    folder = export_bundle(trained, info, tmp_path / "stick")
    there = import_bundle(workspace, folder)
    assert all(check.is_ok for check in verify_bundle(there))
    shutil.rmtree(there.path)
    file = folder / "network.safetensors"
    tensors = load_file(file)
    name = max(tensors, key=lambda key: tensors[key].ndim)
    save_file({**tensors, name: tensors[name][:1]}, file)
    vouch(folder)
    refused(workspace, folder, "network")
    save_file(tensors, file)
    vouch(folder)
    rewrite(folder, weights="/etc/passwd")
    refused(workspace, folder, "network is not among")
    rewrite(folder, weights="network.safetensors", backbone="resnet18")
    refused(workspace, folder)


def test_a_record_of_a_training_with_epochs_is_taken(workspace, elsewhere, tmp_path):
    from engine.models.record import Guessed, Record

    info = save(elsewhere)
    epoch = {"type": "epoch", "epoch": 1, "train": 0.5, "metrics": {"mae": 3.5, "srcc": None}}
    Record((epoch,), (Guessed("a.jpg", 5.0, 6.0, "test", True),)).save(info.path)
    vouch(info.path, **{"record.json": ""})
    there = import_bundle(workspace, export_bundle(elsewhere, info, tmp_path / "stick"))
    assert "record.json" in contents(there.path)
