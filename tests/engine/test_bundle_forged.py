"""A foreign folder can do no harm: pickles in disguise, links, pipes, forged weights and names are clear errors."""

import io
import json
import os
import pickle
import shutil
import socket
import zipfile

import numpy as np
import pytest

from engine.models.carrying import export_bundle
from engine.workspace import Workspace
from tests.engine.made_bundles import refused, rewrite, save, vouch


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


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "x" * 100_000, [[[[[[1]]]]]]])
def test_a_record_with_more_than_texts_and_numbers_is_refused(workspace, folder, value):
    (folder / "record.json").write_text(json.dumps({"events": [{"type": "curve", "x": value}], "guesses": []}))
    vouch(folder, **{"record.json": ""})
    refused(workspace, folder, "record")
