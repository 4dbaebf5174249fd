"""Models are renamed, noted, sorted, filtered and marked as default; manifests are believed in nothing."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import DamagedFile, NotFound, UsageError
from engine.models import finding
from engine.models.bundle import (
    default_model,
    filtered_bundles,
    find_bundle,
    list_bundles,
    load_bundle,
    note_bundle,
    preferred_first,
    read_manifest,
    read_manifest_file,
    remove_bundle,
    rename_bundle,
    set_default,
    sorted_bundles,
)
from engine.models.manifest_check import check_file_name, parse_manifest
from engine.models.part_folder import clear_leftovers, part_folder
from engine.models.verifying import verify_bundle
from engine.workspace import Scale, Workspace
from tests.engine.made_bundles import contents, rewrite, save


@pytest.fixture
def workspace(tmp_path):
    workspace = Workspace(tmp_path / "album")
    workspace.create()
    return workspace


def test_a_new_name_and_a_note_keep_all_else(workspace):
    info = save(workspace, "old", later={"unknown": [1, 2.5, None]})
    before = read_manifest(info)
    renamed = rename_bundle(workspace, info, "  新的 name ")
    noted = note_bundle(workspace, renamed, "first line\nsecond")
    assert (renamed.name, noted.name, noted.note, noted.model_id) == (
        "新的 name",
        "新的 name",
        "first line\nsecond",
        info.model_id,
    )
    assert read_manifest(info) == {**before, "name": "新的 name", "note": "first line\nsecond"}
    assert find_bundle(workspace, "新的 name").note == "first line\nsecond"
    load_bundle(noted)
    assert note_bundle(workspace, noted, "").note == ""
    assert rename_bundle(workspace, noted, "").name == ""


@pytest.mark.parametrize("name", ["best", "Latest", "DEFAULT", "none", "x" * 201])
def test_a_name_that_could_not_be_asked_for_is_refused(workspace, name):
    info = save(workspace, "old")
    with pytest.raises(UsageError):
        rename_bundle(workspace, info, name)
    assert read_manifest(info)["name"] == "old"


def test_a_note_has_an_end(workspace):
    info = save(workspace)
    with pytest.raises(UsageError, match="10000"):
        note_bundle(workspace, info, "x" * 10_001)


def test_two_models_may_share_a_name_and_then_it_asks_for_more(workspace):
    first, second = save(workspace, "a", 1), save(workspace, "b", 2)
    rename_bundle(workspace, second, "a")
    with pytest.raises(UsageError, match=first.model_id):
        find_bundle(workspace, "a")


def test_a_model_that_is_gone_or_damaged_can_not_be_renamed(workspace):
    gone, broken = save(workspace, "gone", 1), save(workspace, "broken", 2)
    remove_bundle(workspace, gone)
    with pytest.raises(NotFound):
        rename_bundle(workspace, gone, "x")
    assert not gone.path.exists()
    (broken.path / "manifest.json").write_text("{")
    with pytest.raises(DamagedFile):
        note_bundle(workspace, broken, "x")
    assert (broken.path / "manifest.json").read_text() == "{"


_EDITOR = """
import sys
from pathlib import Path
from engine.models.bundle import find_bundle, note_bundle, rename_bundle
from engine.workspace import Workspace
workspace = Workspace(Path(sys.argv[1]))
info = find_bundle(workspace, "latest")
change = {"name": rename_bundle, "note": note_bundle}[sys.argv[2]]
for number in range(20):
    change(workspace, info, f"{sys.argv[2]} {number}")
"""


def test_two_programs_that_edit_one_manifest_lose_nothing(workspace):
    info = save(workspace)
    command = [sys.executable, "-c", _EDITOR, str(workspace.root)]
    editors = [subprocess.Popen([*command, key]) for key in ("name", "note")]
    assert [editor.wait(60) for editor in editors] == [0, 0]
    manifest = read_manifest(info)
    assert (manifest["name"], manifest["note"]) == ("name 19", "note 19")
    assert contents(info.path).keys() == {"manifest.json", "taste.safetensors", "golden.safetensors"}


def test_the_default_is_what_is_used_when_none_is_named(workspace):
    good, poor = save(workspace, "good", 1, srcc=0.9), save(workspace, "poor", 2, srcc=0.1)
    assert find_bundle(workspace, "default").model_id == find_bundle(workspace, "").model_id == good.model_id
    set_default(workspace, poor)
    assert default_model(workspace) == poor.model_id
    assert find_bundle(workspace, "default").model_id == find_bundle(workspace, "").model_id == poor.model_id
    assert find_bundle(workspace, "best").model_id == good.model_id
    assert [info.name for info in preferred_first(workspace, list_bundles(workspace))] == ["poor", "good"]
    set_default(workspace, None)
    assert find_bundle(workspace, "default").model_id == good.model_id
    assert default_model(workspace) == ""


def test_a_default_that_was_removed_is_forgotten(workspace):
    good, poor = save(workspace, "good", 1, srcc=0.9), save(workspace, "poor", 2, srcc=0.1)
    set_default(workspace, poor)
    workspace.change_settings(theme="nord")
    place = remove_bundle(workspace, poor)
    assert default_model(workspace) == ""
    assert find_bundle(workspace, "default").model_id == good.model_id
    assert workspace.settings().default_model == ""
    assert workspace.settings().theme == "nord"
    place.rename(poor.path)
    assert find_bundle(workspace, "default").model_id == good.model_id


def test_a_default_that_is_damaged_is_named_not_passed_over(workspace):
    save(workspace, "good", 1, srcc=0.9)
    poor = save(workspace, "poor", 2, srcc=0.1)
    set_default(workspace, poor)
    (poor.path / "manifest.json").write_text("{")
    with pytest.raises(DamagedFile, match=poor.model_id):
        find_bundle(workspace, "default")


def test_a_writer_of_the_manifest_that_was_killed_does_no_harm(workspace):
    info = save(workspace)
    (info.path / ".manifest.json.0123abcd.part").write_text("{")
    load_bundle(info)
    assert all(check.is_ok for check in verify_bundle(info) if check.kind != "features")
    (info.path / ".manifest.json.x.part").write_text("{")
    with pytest.raises(DamagedFile, match="vouch"):
        load_bundle(info)


def test_settings_changed_by_two_programs_lose_nothing(workspace):
    code = """
import sys
from pathlib import Path
from engine.workspace import Workspace
for number in range(20):
    Workspace(Path(sys.argv[1])).change_settings(**{sys.argv[2]: f"{number}"})
"""
    programs = [
        subprocess.Popen([sys.executable, "-c", code, str(workspace.root), key]) for key in ("theme", "default_model")
    ]
    assert [program.wait(60) for program in programs] == [0, 0]
    settings = workspace.settings()
    assert (settings.theme, settings.default_model, settings.scale) == ("19", "19", Scale())


def test_models_come_in_every_order(workspace):
    save(workspace, "b2", 1, srcc=0.2, n=30)
    save(workspace, "b10", 2, model="random-forest", n=10, metrics={"test": {"srcc": 0.7, "mae": 3}})
    save(workspace, "", 3, metrics={"cv": {"srcc": None, "mae": 9.5}})
    bundles = list_bundles(workspace)

    def order(key, reverse=False):
        return [info.name for info in sorted_bundles(bundles, key, reverse)]

    assert order("date") == ["", "b10", "b2"]
    assert order("date", reverse=True) == ["b2", "b10", ""]
    assert order("name") == ["b2", "b10", ""]
    assert order("name", reverse=True) == ["b10", "b2", ""]
    assert order("model") == ["b10", "", "b2"]
    assert order("n") == ["b2", "", "b10"]
    assert order("srcc") == ["b10", "b2", ""]
    assert order("srcc", reverse=True) == ["b2", "b10", ""]
    assert order("mae") == ["b10", "", "b2"]
    assert all(len(order(key)) == 3 for key in finding.SORT_KEYS)
    with pytest.raises(UsageError, match="srcc"):
        order("colour")


def test_models_are_found_by_words_in_any_case(workspace):
    save(workspace, "Lakes", 1)
    note_bundle(workspace, save(workspace, "Hills", 2, model="random-forest"), "Über ＬＡＫＥＳ\nand more")
    bundles = list_bundles(workspace)

    def names(text):
        return [info.name for info in filtered_bundles(bundles, text)]

    assert names("") == ["Hills", "Lakes"]
    assert names("lakes") == ["Hills", "Lakes"]
    assert names("LAKE taste") == ["Lakes"]
    assert names("über") == names("forest") == ["Hills"]
    assert names("efficientnet hills") == ["Hills"]
    assert names("nothing") == []


def test_a_list_knows_size_and_seconds(workspace):
    info = save(workspace, seconds=12.5)
    assert info.size == sum(map(len, contents(info.path).values()))
    assert info.to_dict()["seconds"] == 12.5
    assert save(workspace, minute=2).seconds is None


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


_DYING = """
import os, sys
from pathlib import Path
from engine.models.part_folder import part_folder
with part_folder(Path(sys.argv[1])) as part:
    (part / "half").write_text("x")
    print(part, flush=True)
    if sys.argv[2] == "dies":
        os.kill(os.getpid(), 9)
    sys.stdin.read()
"""


def _writer(target, how):
    command = [sys.executable, "-c", _DYING, str(target), how]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    return process, target.parent / Path(process.stdout.readline().strip()).name


def _age(folder, seconds):
    moment = time.time() - seconds
    os.utime(folder, (moment, moment))


def test_what_a_killed_writer_left_is_cleared_away_and_what_a_living_one_writes_stays(workspace):
    killed, left = _writer(workspace.models / "killed", "dies")
    killed.wait(30)
    alive, part = _writer(workspace.models / "alive", "waits")
    try:
        assert left.is_dir()
        assert list_bundles(workspace) == []
        assert clear_leftovers(workspace.models) == 0  # its writer might just have made it
        _age(left, 600)
        _age(part, 600)
        info = save(workspace)
        assert not left.exists()
        assert part.is_dir()
        assert [bundle.model_id for bundle in list_bundles(workspace)] == [info.model_id]
    finally:
        alive.communicate("")
    assert (workspace.models / "alive" / "half").read_text() == "x"
    assert not part.exists()


def test_a_place_that_is_taken_stays_as_it_is(tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(UsageError, match="taken"), part_folder(tmp_path / "taken") as part:
        (part / "new").write_text("x")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
    assert list((tmp_path / "taken").iterdir()) == []


def test_the_default_model_speaks_in_the_list_of_photos(workspace):
    from engine.prediction.guesses import Guess, read_guesses, unguessed, write_guesses

    good, poor = save(workspace, "good", 1, srcc=0.9), save(workspace, "poor", 2, srcc=0.1)
    assert unguessed(workspace).model_id == good.model_id
    (workspace.data / "a.jpg").write_bytes(b"x")
    for info, score in ((good, 10.0), (poor, 20.0)):
        write_guesses(workspace, info.model_id, {"a.jpg": Guess(score, False)})
    assert read_guesses(workspace) == (good.model_id, {"a.jpg": Guess(10.0, False)})
    set_default(workspace, poor)
    assert read_guesses(workspace) == (poor.model_id, {"a.jpg": Guess(20.0, False)})
    assert unguessed(workspace).model_id == poor.model_id
    workspace.settings_file.write_text("not toml")
    assert read_guesses(workspace)[0] == good.model_id
