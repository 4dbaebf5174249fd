"""Models are renamed, noted, sorted, filtered and marked as default, and nobody's change is lost."""

import subprocess
import sys

import pytest

from engine.errors import DamagedFile, NotFound, UsageError
from engine.models import finding
from engine.models.bundle import (
    best_first,
    default_model,
    filtered_bundles,
    find_bundle,
    list_bundles,
    load_bundle,
    note_bundle,
    preferred_first,
    read_manifest,
    remove_bundle,
    rename_bundle,
    set_default,
    sorted_bundles,
)
from engine.models.verifying import verify_bundle
from engine.workspace import Scale, Workspace
from tests.engine.made_bundles import contents, save


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


def test_a_network_s_few_easy_photos_do_not_make_it_the_best(workspace):
    def made(name, minute, cv, test):
        metrics = {"test": {"srcc": test}} | ({"cv": {"srcc": cv}} if cv is not None else {})
        save(workspace, name, minute, metrics=metrics)

    made("ridge", 1, 0.77, 0.92)
    made("svr", 2, 0.78, 0.91)
    made("forest", 3, 0.69, 0.80)
    made("network", 4, None, 0.88)
    names = [info.name for info in best_first(list_bundles(workspace))]
    assert names == ["svr", "ridge", "network", "forest"]
    assert [info.name for info in sorted_bundles(list_bundles(workspace), "srcc", True)] == names[::-1]
    made("better network", 5, None, 0.95)
    assert find_bundle(workspace, "best").name == "better network"
