"""A manifest is believed in nothing: types, lengths, numbers and names are checked, whatever JSON stands there."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import DamagedFile
from engine.models import finding
from engine.models.bundle import filtered_bundles, find_bundle, list_bundles, read_manifest_file, sorted_bundles
from engine.models.manifest_check import check_file_name, parse_manifest
from engine.workspace import Workspace
from tests.engine.made_bundles import rewrite, save


@pytest.fixture
def workspace(tmp_path):
    workspace = Workspace(tmp_path / "album")
    workspace.create()
    return workspace


def test_a_bundle_of_a_later_format_names_the_version_that_made_it(workspace):
    info = save(workspace)
    rewrite(info.path, format=2, versions={"beholder": "9.9"}, metrics="of another kind")
    with pytest.raises(DamagedFile, match=r"later version of beholder \(9\.9\)"):
        find_bundle(workspace, info.model_id)


@pytest.mark.parametrize(
    "change",
    [
        {"name": 5},
        {"name": "x" * 1000},
        {"note": ["x"]},
        {"model": {}},
        {"n": -1},
        {"n": True},
        {"n": 1e300},
        {"created": None},
        {"scale": [0, "100"]},
        {"scale": [0, 10**400]},
        {"scale": [0, 100, 200]},
        {"metrics": {"cv": {"srcc": True}}},
        {"metrics": {"cv": 1}},
        {"spec": 5},
        {"spec": {"split": "abc"}},
        {"interval": {"halfwidth": "wide"}},
        {"intervals": {"cv": {"srcc": [1]}}},
        {"intervals": {"cv": {"srcc": ["low", "high"]}}},
        {"baselines": {"mean": 1}},
        {"leaked": []},
        {"prior": {"model_id": "x"}},
        {"tuned": "yes"},
        {"seconds": "long"},
        {"versions": {"beholder": [1]}},
        {"files": {"a.skops": "0"}},
        {"files": {"a.skops": "0" * 64, "A.skops": "0" * 64}},
        {"files": {"prior/deeper/a": "0" * 64}},
        {"files": {"manifest.json": "0" * 64}},
        {"format": 0},
        {"format": "1"},
        {"format": True},
        {"deep": json.loads("[" * 100 + "]" * 100)},
    ],
    ids=lambda change: str(change)[:40],
)
def test_every_key_of_a_manifest_is_checked(workspace, change):
    info = save(workspace)
    rewrite(info.path, **change)
    with pytest.raises(DamagedFile, match=r"manifest\.json"):
        read_manifest_file(info.path)
    assert list_bundles(workspace) == []


@pytest.mark.parametrize(
    "text",
    ['{"format": 1e999}', '{"format": NaN}', "[" * 100_000, '{"a":' * 100_000, "1" * 10_000, "\ufeff{}", "null", "é"],
    ids=lambda text: text[:12],
)
def test_odd_json_is_damage(workspace, text):
    info = save(workspace)
    (info.path / "manifest.json").write_text(text, "latin-1" if text == "é" else "utf-8")
    with pytest.raises(DamagedFile, match=r"manifest\.json"):
        read_manifest_file(info.path)


def test_a_huge_manifest_is_not_read(workspace):
    info = save(workspace)
    with (info.path / "manifest.json").open("r+b") as file:
        file.truncate(10 << 30)
    with pytest.raises(DamagedFile, match="bytes"):
        read_manifest_file(info.path)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
_KEYS = ["name", "note", "model", "backbone", "created", "n", "scale", "metrics", "files", "spec", "interval"]
_KEYS += ["intervals", "baseline", "baselines", "leaked", "details", "versions", "prior", "split", "seconds", "format"]
_SOUND = {
    "format": 1,
    "name": "",
    "model": "taste",
    "backbone": "b",
    "created": "2026",
    "n": 8,
    "scale": [0, 100],
    "metrics": {},
    "files": {},
}


@given(st.dictionaries(st.sampled_from(_KEYS), _JSON, max_size=6), st.booleans(), st.integers(0, 400))
def test_no_json_does_worse_than_being_damaged(tmp_path_factory, changes, whole, cut):
    folder = tmp_path_factory.getbasetemp() / "random-manifest"
    folder.mkdir(exist_ok=True)
    text = json.dumps({**_SOUND, **changes})
    (folder / "manifest.json").write_text(text if whole else text[:cut])
    try:
        manifest = read_manifest_file(folder)
    except DamagedFile:
        return
    info = finding.read_info(folder)
    assert sorted_bundles([info, info], "srcc") == [info, info]
    assert filtered_bundles([info], info.name) == [info]
    assert parse_manifest(json.dumps(manifest).encode()) == manifest


@given(st.binary(max_size=200))
def test_no_bytes_do_worse_than_being_damaged(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp() / "random-bytes"
    folder.mkdir(exist_ok=True)
    (folder / "manifest.json").write_bytes(data)
    with pytest.raises(DamagedFile):
        read_manifest_file(folder)


@given(st.text(max_size=30) | st.from_regex(r"(\.\./|prior/|/)?[a-z.]{0,6}(/[a-z.]{0,5})?", fullmatch=True))
def test_a_file_name_that_passes_stays_in_its_folder(name):
    try:
        check_file_name(name)
    except ValueError:
        return
    place = os.path.normpath(f"/bundle/{name}")
    assert str(Path(place).parent) in {"/bundle", "/bundle/prior"}
    assert place == f"/bundle/{name}"
    assert not name.startswith(".")
