"""Importing: what is copied, what it is called, which score it gets, and what happens when it goes wrong."""

from __future__ import annotations

import dataclasses
import errno
import io
import json
import os
import shutil
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from PIL import Image

from engine.errors import BeholderError, DamagedFile, Interrupted, NeedMissing, NotFound, UsageError
from engine.events import Event, Notice, Progress
from engine.labels.importing import ImportItem, ImportOptions, ImportPlan, ImportReport, plan_import, run_import
from engine.labels.scorebook import ScoreBook
from engine.labels.scoretable import read_table
from engine.workspace import Scale, Workspace

Result = TypeVar("Result")


def drain(work: Generator[Event, None, Result]) -> tuple[Result, list[Event]]:
    events: list[Event] = []
    while True:
        try:
            events.append(next(work))
        except StopIteration as end:
            return end.value, events


def paint(path: Path, color: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (16, 12), (color, 255 - color, 7 * color % 256)).save(path)
    return path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


@pytest.fixture
def target(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path / "workspace")
    workspace.create()
    return workspace


def plan_of(workspace: Workspace, folder: Path, **options: Any) -> ImportPlan:
    return drain(plan_import(workspace, ImportOptions(folder, **options)))[0]


def import_all(workspace: Workspace, folder: Path, **options: Any) -> ImportReport:
    return drain(run_import(workspace, plan_of(workspace, folder, **options)))[0]


def by_source(plan: ImportPlan) -> dict[str, ImportItem]:
    return {item.source.name: item for item in plan.items}


def photos(workspace: Workspace) -> set[str]:
    return {path.name for path in workspace.data.iterdir() if path.name != "scores.txt"}


def test_photos_are_copied_with_the_scores_of_their_names(source: Path, target: Workspace) -> None:
    originals = {paint(source / name, n): name for n, name in enumerate(["85.jpg", "8.5_1.png", "IMG_2041.jpg"])}
    paint(source / "deep" / "70.jpg", 99)
    report = import_all(target, source)
    assert report.to_dict() == {
        "found": 4,
        "imported": 4,
        "scored": 3,
        "unscored": 1,
        "skipped": [],
        "renamed": {},
    }
    assert ScoreBook(target).scores() == {"85.jpg": 85, "8.5_1.png": 8.5, "70.jpg": 70}
    for path, name in originals.items():
        assert (target.data / name).read_bytes() == path.read_bytes()
    assert {change.kind for change in ScoreBook(target).history()} == {"import"}


def test_without_recursion_only_the_folder_itself_counts(source: Path, target: Workspace) -> None:
    paint(source / "1.jpg", 1)
    paint(source / "deep" / "2.jpg", 2)
    assert import_all(target, source, recursive=False).found == 1


def test_a_plan_writes_nothing_and_its_scores_can_be_edited(source: Path, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "fresh")
    paint(source / "85.jpg", 1)
    plan = plan_of(workspace, source)
    assert not workspace.root.exists()
    assert plan.counts == {"found": 1, "new": 1, "same": 0, "bad": 0, "scored": 1, "unscored": 0, "renamed": 0}
    edited = dataclasses.replace(plan, items=(dataclasses.replace(plan.items[0], score=33.0),))
    drain(run_import(workspace, edited))
    assert ScoreBook(workspace).scores() == {"85.jpg": 33}
    off = dataclasses.replace(plan, items=(dataclasses.replace(plan.items[0], score=133.0),))
    with pytest.raises(UsageError, match="133 is not on the scale"):
        drain(run_import(workspace, off))


def test_bad_files_are_skipped_with_their_reasons_and_the_others_go_on(source: Path, target: Workspace) -> None:
    paint(source / "50.jpg", 1)
    (source / "60.jpg").write_text("just text")
    (source / "61.jpg").touch()
    whole = paint(source / "62.jpg", 3).read_bytes()
    (source / "62.jpg").write_bytes(whole[: len(whole) * 9 // 10])
    os.mkfifo(source / "63.jpg")
    (source / "64.jpg").symlink_to("nowhere")
    report = import_all(target, source)
    reasons = {path.name: str(reason) for path, reason in report.skipped}
    assert set(reasons) == {"60.jpg", "61.jpg", "62.jpg", "63.jpg", "64.jpg"}
    assert "not a picture" in reasons["60.jpg"]
    assert "empty" in reasons["61.jpg"]
    assert "damaged or cut off" in reasons["62.jpg"]
    assert (report.found, report.imported, report.scored) == (6, 1, 1)
    assert photos(target) == {"50.jpg"}


def test_hostile_names_become_safe_names(source: Path, target: Workspace) -> None:
    undecodable = os.fsdecode(b"byte\xff.jpg")
    expected = {
        "x[/b]y.jpg": "b]y.jpg",  # a folder "x[" and a file: together they look like markup
        "a[red]b.jpg": "a[red]b.jpg",
        "esc\x1b[31m.jpg": "esc_[31m.jpg",
        "tab\tname.jpg": "tab_name.jpg",
        "new\nline.jpg": "new_line.jpg",
        "日本語.jpg": "日本語.jpg",
        "😀.jpg": "😀.jpg",
        undecodable: "byte_.jpg",
    }
    for number, name in enumerate(expected):
        made = paint(target.root / "made.jpg", number)
        (source / name).parent.mkdir(exist_ok=True)
        made.rename(source / name)
    paint(source / "85.jpg", 200)
    report = import_all(target, source)
    assert photos(target) == {*expected.values(), "85.jpg"}
    changed = {old: new for old, new in expected.items() if Path(old).name != new}
    assert report.renamed == changed
    assert report.skipped == ()
    json.dumps(report.to_dict())


def test_equal_names_with_other_content_are_renamed(source: Path, target: Workspace) -> None:
    paint(target.data / "85.JPG", 1)
    paint(source / "85.jpg", 2)
    paint(source / "deep" / "85.jpg", 3)
    report = import_all(target, source)
    assert report.renamed == {"85.jpg": "85_2.jpg", "deep/85.jpg": "85_3.jpg"}
    assert ScoreBook(target).scores() == {"85_2.jpg": 85, "85_3.jpg": 85}
    assert photos(target) == {"85.JPG", "85_2.jpg", "85_3.jpg"}


def test_the_same_photo_is_not_copied_twice(source: Path, target: Workspace) -> None:
    paint(source / "85.jpg", 1)
    paint(source / "again.jpg", 1)
    plan = plan_of(target, source)
    assert [(item.name, item.state, item.score) for item in plan.items] == [
        ("85.jpg", "new", 85),
        ("85.jpg", "same", 85),
    ]
    report = drain(run_import(target, plan))[0]
    assert (report.found, report.imported, report.scored) == (2, 1, 2)
    assert import_all(target, source).imported == 0
    assert photos(target) == {"85.jpg"}


def test_a_score_that_is_there_is_kept_and_a_missing_one_is_added(source: Path, target: Workspace) -> None:
    paint(target.data / "one.jpg", 1)
    paint(target.data / "two.jpg", 2)
    ScoreBook(target).set("one.jpg", 10)
    paint(source / "85.jpg", 1)
    paint(source / "86.jpg", 2)
    plan = plan_of(target, source)
    assert str(by_source(plan)["85.jpg"].reason) == "the same photo as one.jpg, which keeps its score 10"
    report = drain(run_import(target, plan))[0]
    assert ScoreBook(target).scores() == {"one.jpg": 10, "two.jpg": 86}
    assert (report.imported, report.scored) == (0, 2)


def test_a_score_given_between_plan_and_run_is_kept(source: Path, target: Workspace) -> None:
    paint(source / "85.jpg", 1)
    plan = plan_of(target, source)
    drain(run_import(target, plan))
    ScoreBook(target).set("85.jpg", 12)
    drain(run_import(target, plan))
    assert ScoreBook(target).scores() == {"85.jpg": 12}
    assert photos(target) == {"85.jpg"}


def test_a_typed_score_replaces_the_one_that_is_there(source: Path, target: Workspace) -> None:
    paint(source / "a.jpg", 1)
    paint(source / "b.jpg", 2)
    import_all(target, source)
    ScoreBook(target).set_many({"a.jpg": 30.0, "b.jpg": 40.0})
    plan = plan_of(target, source)
    typed = [
        dataclasses.replace(item, score=score, typed=True) for item, score in zip(plan.items, (7.0, None), strict=True)
    ]
    drain(run_import(target, dataclasses.replace(plan, items=tuple(typed))))
    assert ScoreBook(target).scores() == {"a.jpg": 7.0}


def test_a_name_taken_between_plan_and_run_is_not_overwritten(source: Path, target: Workspace) -> None:
    paint(source / "85.jpg", 1)
    plan = plan_of(target, source)
    stranger = paint(target.data / "85.jpg", 2).read_bytes()
    report = drain(run_import(target, plan))[0]
    assert (target.data / "85.jpg").read_bytes() == stranger
    assert report.renamed == {"85.jpg": "85_2.jpg"}
    assert ScoreBook(target).scores() == {"85_2.jpg": 85}


def test_a_name_that_a_folder_or_a_dead_link_has_is_passed_by(source: Path, target: Workspace) -> None:
    paint(source / "85.jpg", 1)
    paint(source / "86.jpg", 2)
    plan = plan_of(target, source)
    (target.data / "85.jpg").mkdir()
    (target.data / "86.jpg").symlink_to("nowhere")
    report = drain(run_import(target, plan))[0]
    assert report.renamed == {"85.jpg": "85_2.jpg", "86.jpg": "86_2.jpg"}
    assert ScoreBook(target).scores() == {"85_2.jpg": 85, "86_2.jpg": 86}


def test_an_interrupted_import_keeps_what_is_done_and_goes_on(source: Path, target: Workspace) -> None:
    for number in range(6):
        paint(source / f"{number}.jpg", number)
    plan = plan_of(target, source)
    calls = [0]

    def stop_after_three() -> bool:
        calls[0] += 1
        return calls[0] > 3

    with pytest.raises(Interrupted):
        drain(run_import(target, plan, should_stop=stop_after_three))
    assert ScoreBook(target).scores() == {"0.jpg": 0, "1.jpg": 1, "2.jpg": 2}
    with pytest.raises(Interrupted):
        drain(plan_import(target, ImportOptions(source), should_stop=lambda: True))
    report = import_all(target, source)
    assert (report.found, report.imported, report.scored) == (6, 3, 6)


def test_a_face_that_goes_away_leaves_scored_photos(source: Path, target: Workspace) -> None:
    paint(source / "1.jpg", 1)
    paint(source / "2.jpg", 2)
    work = run_import(target, plan_of(target, source))
    while not isinstance(next(work), Progress):
        pass
    work.close()
    assert ScoreBook(target).scores() == {"1.jpg": 1}


def test_a_name_that_another_import_takes_meanwhile_costs_no_photo(
    source: Path, target: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = paint(source / "50.jpg", 1).read_bytes()
    theirs = paint(source.parent / "other" / "50.jpg", 200).read_bytes()
    copy = shutil.copyfileobj

    def copy_while_another_works(*arguments: Any) -> None:
        if not (target.data / "50.jpg").exists():
            (target.data / "50.jpg").write_bytes(theirs)
        copy(*arguments)

    plan = plan_of(target, source)
    monkeypatch.setattr(shutil, "copyfileobj", copy_while_another_works)
    report, _ = drain(run_import(target, plan))
    assert report.renamed == {"50.jpg": "50_2.jpg"}
    assert (target.data / "50.jpg").read_bytes() == theirs
    assert (target.data / "50_2.jpg").read_bytes() == mine
    assert ScoreBook(target).scores() == {"50_2.jpg": 50.0}


def test_a_full_disk_keeps_what_was_copied(source: Path, target: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        paint(source / f"{number}.jpg", number)
    plan = plan_of(target, source)
    real, calls = shutil.copyfileobj, [0]

    def copy(*arguments: Any) -> None:
        calls[0] += 1
        if calls[0] == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(*arguments)

    monkeypatch.setattr(shutil, "copyfileobj", copy)
    with pytest.raises(NeedMissing, match="disk is full"):
        drain(run_import(target, plan))
    assert ScoreBook(target).scores() == {"0.jpg": 0, "1.jpg": 1}
    assert photos(target) == {"0.jpg", "1.jpg"}
    assert import_all(target, source).imported == 2


def test_a_photo_that_vanished_since_the_plan_is_named(source: Path, target: Workspace) -> None:
    paint(source / "1.jpg", 1)
    paint(source / "2.jpg", 2)
    plan = plan_of(target, source)
    (source / "1.jpg").unlink()
    report, events = drain(run_import(target, plan))
    assert [path.name for path, _ in report.skipped] == ["1.jpg"]
    assert "item_failed" in [event.type for event in events]
    assert ScoreBook(target).scores() == {"2.jpg": 2}


def test_folders_that_cannot_be_imported(source: Path, target: Workspace) -> None:
    with pytest.raises(NotFound, match=r"no picture .*JPEG, PNG"):
        plan_of(target, source)
    (source / "notes.txt").touch()
    with pytest.raises(NotFound, match="no picture"):
        plan_of(target, source)
    with pytest.raises(NotFound, match="no folder"):
        plan_of(target, source / "gone")
    with pytest.raises(UsageError, match="is a file"):
        plan_of(target, source / "notes.txt")
    (target.thumbnails / "x").mkdir(parents=True)
    for own in (target.data, target.thumbnails, target.internal):
        with pytest.raises(UsageError, match="belongs to the workspace itself"):
            plan_of(target, own)


def test_the_folder_around_the_workspace_can_be_imported(target: Workspace) -> None:
    paint(target.root / "85.jpg", 1)
    paint(target.data / "old.jpg", 2)
    report = import_all(target, target.root)
    assert (report.found, report.imported) == (1, 1)
    assert photos(target) == {"85.jpg", "old.jpg"}


def test_a_place_that_cannot_become_a_workspace(source: Path, tmp_path: Path) -> None:
    paint(source / "85.jpg", 1)
    (tmp_path / "file").touch()
    workspace = Workspace(tmp_path / "file")
    with pytest.raises(BeholderError) as caught:
        import_all(workspace, source)
    assert "file" in str(caught.value)


def write_csv(folder: Path, text: str | bytes) -> Path:
    path = folder / "scores.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    "text",
    [
        "filename,score\na.jpg,5.5\nb.jpg,6\n",
        "\ufefffilename,score\r\na.jpg,5.5\r\nb.jpg,6\r\n",
        "a.jpg,5.5\nb.jpg,6\n",
        "image;rating\na.jpg;5,5\nb.jpg;6\n",
        "a.jpg;5,5\nb.jpg;6,0\n",
        "a.jpg\t5.5\nb.jpg\t6\n",
        "theme,Mean_Score,n,FILE\nx,5.5,2,a.jpg\nx,6,3,b.jpg\n",
        "score,who\n5.5,a.jpg\n6,b.jpg\n",
        "bild,wert\na.jpg,5.5\nb.jpg,6\n",
        '"a.jpg","5.5"\n\n"b.jpg","6"\n',
        "photo,value\n./a.jpg,5.5\nb.jpg,6\nb.jpg,6\nb.jpg,\n",
    ],
)
def test_many_kinds_of_tables_say_the_same(tmp_path: Path, text: str) -> None:
    assert read_table(write_csv(tmp_path, text)).scores == {"a.jpg": 5.5, "b.jpg": 6}


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("a,b,c\n1,2,3\n", UsageError, "no column for the filename; its columns are: a, b, c"),
        ("file,b,c\n1,2,3\n", UsageError, "no column for the score"),
        ("file\na.jpg\n", UsageError, "no column for the score"),
        ("file,score\na.jpg,good\n", UsageError, "line 2: “good” is not a score"),
        ("file,score\na.jpg,nan\n", UsageError, "line 2: “nan”"),
        ("file,score\na.jpg,1\n\na.jpg,2\n", UsageError, "line 4: a.jpg has another score above"),
        ("file,score\n,1\n", UsageError, "line 2: the file name is missing"),
        ("", UsageError, "is empty"),
        (b"file,score\n\xff.jpg,1\n", DamagedFile, "not UTF-8"),
        ('file,score\n"' + "x" * 200_000 + '",1\n', DamagedFile, "not a CSV file"),
    ],
)
def test_tables_that_make_no_sense(tmp_path: Path, text: str | bytes, error: type[BeholderError], words: str) -> None:
    with pytest.raises(error) as caught:
        read_table(write_csv(tmp_path, text))
    assert words in str(caught.value)
    assert caught.value.remedy.template


def test_a_missing_table_and_a_folder_as_table(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no file"):
        read_table(tmp_path / "gone.csv")
    with pytest.raises(UsageError, match="is a folder"):
        read_table(tmp_path)


def test_a_table_wins_over_names_and_matches_paths_before_base_names(source: Path, target: Workspace) -> None:
    for number, name in enumerate(["85.jpg", "x/1.jpg", "y/1.jpg", "z/2.jpg", "86.jpg", "87.jpg", "88.jpg"]):
        paint(source / name, number)
    table = write_csv(
        target.root,
        "file,score\n85.jpg,10\nx/1.jpg,20\ny\\1.jpg,30\nelsewhere/2.jpg,40\n86.jpg,\n87.jpg,500\ngone.jpg,1\n",
    )
    plan, events = drain(plan_import(target, ImportOptions(source, table)))
    items = {item.source.relative_to(source).as_posix(): (item.score, str(item.reason)) for item in plan.items}
    assert items == {
        "85.jpg": (10, "from scores.csv"),
        "86.jpg": (None, "no score in scores.csv"),
        "87.jpg": (None, "500 is outside the scale 0-100"),
        "88.jpg": (None, "not in scores.csv"),
        "x/1.jpg": (20, "from scores.csv"),
        "y/1.jpg": (30, "from scores.csv"),
        "z/2.jpg": (40, "from scores.csv"),
    }
    notices = [str(event.message) for event in events if isinstance(event, Notice)]
    assert notices == ["Lines of scores.csv that name no photo in the folder: 1."]


def test_ambiguous_base_names_get_no_score(source: Path, target: Workspace) -> None:
    for number, name in enumerate(["x/1.jpg", "y/1.jpg", "2.jpg"]):
        paint(source / name, number)
    table = write_csv(target.root, "file,score\n1.jpg,10\na/2.jpg,20\nb/2.jpg,30\n")
    plan = plan_of(target, source, scores_csv=table)
    assert [item.score for item in plan.items] == [None, None, None]
    assert {str(item.reason) for item in plan.items} == {
        "2 photos are named 1.jpg, as scores.csv says",
        "2 lines of scores.csv may mean it",
    }


def test_a_fresh_workspace_takes_the_scale_of_its_first_scores(source: Path, tmp_path: Path) -> None:
    paint(source / "5.jpg", 1)
    workspace = Workspace(tmp_path / "fresh")
    import_all(workspace, source, scale=Scale(1, 7))
    assert workspace.scale == Scale(1, 7)
    assert ScoreBook(workspace).scores() == {"5.jpg": 5}


def test_scores_of_another_scale_are_mapped_and_it_is_said(source: Path, target: Workspace) -> None:
    paint(source / "4.jpg", 1)
    paint(source / "8.jpg", 2)
    plan, events = drain(plan_import(target, ImportOptions(source, scale=Scale(1, 7))))
    assert [item.score for item in plan.items] == [50, None]
    assert str(plan.items[0].reason) == "4 on the scale 1-7"
    notices = [str(event.message) for event in events if isinstance(event, Notice)]
    assert notices == ["Scores were mapped from 1-7 onto the workspace's scale 0-100."]
    drain(run_import(target, plan))
    assert target.scale == Scale(0, 100)
    assert ScoreBook(target).scores() == {"4.jpg": 50}


def test_scores_restored_by_hand_are_kept_for_returning_photos(source: Path, target: Workspace) -> None:
    target.scores_file.write_text("85.jpg\t11\n", "utf-8")
    paint(source / "85.jpg", 1)
    report = import_all(target, source)
    assert (report.imported, report.scored) == (1, 1)
    assert ScoreBook(target).scores() == {"85.jpg": 11}


def test_a_damaged_score_file_stops_the_import_before_it_copies(source: Path, target: Workspace) -> None:
    paint(source / "85.jpg", 1)
    target.scores_file.write_bytes(b"broken\n")
    with pytest.raises(DamagedFile, match="line 1"):
        plan_of(target, source)
    assert target.scores_file.read_bytes() == b"broken\n"
    assert photos(target) == set()


def test_many_scores_are_saved_in_batches(source: Path, target: Workspace, photo_bytes: Callable[[int], bytes]) -> None:
    for number in range(450):
        (source / f"50_{number}.png").write_bytes(photo_bytes(number))
    assert import_all(target, source).scored == 450
    sizes = [len(change.edits) for change in ScoreBook(target).history()]
    assert sum(sizes) == 450
    assert 200 <= sizes[0] < 450


@pytest.fixture
def photo_bytes() -> Callable[[int], bytes]:
    def make(number: int) -> bytes:
        out = io.BytesIO()
        Image.new("RGB", (2, 2), (number % 256, number // 256, 0)).save(out, "PNG")
        return out.getvalue()

    return make
