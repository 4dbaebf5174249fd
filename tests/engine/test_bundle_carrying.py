"""A model goes to another machine and comes from one; a foreign folder can do no harm."""

import io
import json
import os
import pickle
import shutil
import socket
import zipfile

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
from tests.engine.made_bundles import contents, rewrite, save, vouch
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


def refused(workspace, folder, match=None):
    """Import and expect a clear error that names the person's folder, and nothing left behind."""
    with pytest.raises(DamagedFile, match=match) as raised:
        import_bundle(workspace, folder)
    assert str(folder) in str(raised.value)
    assert ".part-" not in str(raised.value)
    assert list(workspace.models.iterdir() if workspace.models.exists() else []) == []


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


def test_a_file_that_was_changed_is_noticed(workspace, folder):
    file = folder / "taste.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    refused(workspace, folder, "SHA-256")


def test_forged_weights_do_not_predict_the_golden_rows(workspace, folder):
    from engine.models.arrays import load_arrays, save_arrays

    arrays = load_arrays(folder / "taste.safetensors", ())
    save_arrays(folder / "taste.safetensors", {**arrays, "intercept": arrays["intercept"] + 5})
    vouch(folder)
    refused(workspace, folder, "other scores here")


def test_golden_rows_of_no_photo_prove_nothing(workspace, folder):
    from engine.models.arrays import load_arrays, save_arrays

    arrays = load_arrays(folder / "golden.safetensors", ())
    save_arrays(folder / "golden.safetensors", {name: rows[:0] for name, rows in arrays.items()})
    vouch(folder)
    refused(workspace, folder, "no rows")


def test_golden_scores_that_are_no_numbers_prove_nothing(workspace, folder):
    from engine.models.arrays import load_arrays, save_arrays

    arrays = load_arrays(folder / "golden.safetensors", ())
    save_arrays(folder / "golden.safetensors", {**arrays, "scores": arrays["scores"] * np.nan})
    vouch(folder)
    refused(workspace, folder, "not finite")


@pytest.mark.parametrize("place", ["taste.safetensors", "golden.safetensors", "manifest.json"])
@pytest.mark.parametrize("kind", ["link", "broken link", "missing", "folder", "pipe", "socket"])
def test_only_plain_files_are_read(workspace, folder, tmp_path, monkeypatch, place, kind):
    kept = shutil.move(folder / place, tmp_path / "kept")
    if kind == "link":
        (folder / place).symlink_to(kept)
    elif kind == "broken link":
        (folder / place).symlink_to(tmp_path / "nowhere")
    elif kind == "folder":
        (folder / place).mkdir()
    elif kind == "pipe":
        os.mkfifo(folder / place)
    elif kind == "socket":
        monkeypatch.chdir(folder)
        socket.socket(socket.AF_UNIX).bind(place)
    refused(workspace, folder, place)


def test_a_folder_inside_that_is_a_link_is_not_followed(workspace, folder, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.json").write_text("{}")
    (folder / "prior").symlink_to(tmp_path / "outside")
    vouch(folder, **{"prior/secret.json": ""})
    refused(workspace, folder, "secret")


@pytest.mark.parametrize("name", ["../../../etc/passwd", "/etc/passwd", "prior/../../x", "..", "a/b", "a\x00b", "a\nb"])
def test_names_that_lead_elsewhere_are_refused(workspace, folder, name):
    rewrite(folder, files={**json.loads((folder / "manifest.json").read_text())["files"], name: "0" * 64})
    refused(workspace, folder, "manifest")


class Evil:
    """Makes a file when it is unpickled."""

    def __init__(self, proof):
        self.proof = proof

    def __reduce__(self):
        return os.system, (f"touch {self.proof}",)


@pytest.fixture
def wood(elsewhere, tmp_path):
    """An exported random forest, whose file may be forged."""
    return export_bundle(elsewhere, save(elsewhere, "wood", model="random-forest"), tmp_path / "stick")


def test_a_pickle_in_disguise_is_never_loaded(workspace, wood, tmp_path):
    (wood / "forest.skops").write_bytes(pickle.dumps(Evil(tmp_path / "proof")))
    vouch(wood)
    refused(workspace, wood, "forest.skops")
    assert not (tmp_path / "proof").exists()


def test_a_foreign_type_inside_is_never_made(workspace, wood, tmp_path):
    from sklearn.preprocessing import FunctionTransformer
    from skops.io import dumps

    # calls os.system when it is asked to transform
    (wood / "forest.skops").write_bytes(dumps(FunctionTransformer(os.system)))
    vouch(wood)
    refused(workspace, wood, r"system|not trusted")


def _forged_schema(file, old, new):
    data = io.BytesIO()
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(data, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            target.writestr(name, content.replace(old, new) if name == "schema.json" else content)
    file.write_bytes(data.getvalue())


def test_a_forged_type_in_the_schema_is_refused(workspace, wood):
    _forged_schema(wood / "forest.skops", b'"RandomForestRegressor"', b'"Popen"')
    _forged_schema(wood / "forest.skops", b'"sklearn.ensemble._forest"', b'"subprocess"')
    vouch(wood)
    refused(workspace, wood, r"forest\.skops|Popen")


def test_a_file_that_unpacks_without_end_is_refused(workspace, wood):
    with zipfile.ZipFile(wood / "forest.skops", "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("schema.json", b" " * (1 << 20))
        bomb.filelist[0].file_size = 3 << 30  # and it says so, or no more than it says would be unpacked
    vouch(wood)
    refused(workspace, wood, r"forest\.skops")


def test_a_model_that_is_another_family_is_refused(workspace, wood):
    rewrite(wood, model="taste")
    refused(workspace, wood, "taste")


@pytest.mark.parametrize("changes", [{"model": "oracle"}, {"backbone": "../../net"}, {"format": 7}, {"files": {}}])
def test_a_manifest_that_fits_nothing_here_is_refused(workspace, folder, changes):
    rewrite(folder, **changes)
    refused(workspace, folder, "manifest")


def test_sizes_have_bounds(workspace, folder, monkeypatch):
    with (folder / "taste.safetensors").open("r+b") as file:
        file.truncate((4 << 30) + 1)  # a hole: it takes no room on the disk
    refused(workspace, folder, "too many")
    with (folder / "taste.safetensors").open("r+b") as file:
        file.truncate(10)
    with (folder / "manifest.json").open("r+b") as file:
        file.truncate(10 << 30)
    refused(workspace, folder, "bytes")


def test_too_many_files_are_refused(workspace, folder):
    for number in range(100):
        (folder / f"f{number}").write_text("x")
    vouch(folder, **{f"f{number}": "" for number in range(100)})
    refused(workspace, folder, "files")


def test_a_record_that_is_none_is_refused(workspace, folder):
    (folder / "record.json").write_text('{"events": [], "guesses": [1]}')
    vouch(folder, **{"record.json": ""})
    refused(workspace, folder, "record")


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


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "x" * 100_000, [[[[[[1]]]]]]])
def test_a_record_with_more_than_texts_and_numbers_is_refused(workspace, folder, value):
    (folder / "record.json").write_text(json.dumps({"events": [{"type": "curve", "x": value}], "guesses": []}))
    vouch(folder, **{"record.json": ""})
    refused(workspace, folder, "record")
