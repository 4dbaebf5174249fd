"""Culling: who is chosen, where everything lies afterwards, and that nothing is ever lost."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.errors import BeholderError, DamagedFile, Interrupted, NotFound, UsageError
from engine.events import Finished, ItemFailed, Notice, exhaust
from engine.features.extract import embed
from engine.models.bundle import find_bundle
from engine.outputs.cull import (
    LOG_NAME,
    Culled,
    CullPlan,
    cached_likeness,
    carry_out,
    check_request,
    plan_cull,
    read_rows,
    undo_cull,
)
from engine.outputs.tables import write_rows
from engine.prediction.open_model import OpenModel
from engine.prediction.predicted import COLUMNS
from engine.storage import disk_error
from engine.workspace import Workspace
from tests.conftest import draw_photo

Rows = list[dict[str, Any]]


def picture(path: Path, content: str | None = None) -> Path:
    """Write a file that stands for a photo: culling looks at bytes and names only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content or f"photo {path.parent.name}/{path.name}")
    return path


def scored(*photos: Path, first: float = 90.0) -> Rows:
    """Return rows for photos, each one point less than the one before."""
    return [{"path": str(path), "score": first - place, "error": None} for place, path in enumerate(photos)]


def run(plan: CullPlan) -> tuple[dict[str, int], list[str]]:
    """Carry a plan out; return the counts and what failed."""
    events = list(carry_out(plan))
    assert isinstance(events[-1], Finished)
    return dict(events[-1].result), [str(event.reason) for event in events if isinstance(event, ItemFailed)]


def tree(folder: Path) -> dict[str, str]:
    """Return path → content of everything below a folder but logs."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != LOG_NAME]
    return {str(path.relative_to(folder)): path.read_text() for path in files}


@pytest.fixture
def album(tmp_path: Path) -> Rows:
    """Four photos, best first; two have one name, one has sidecars of both kinds."""
    names = ["a/x.jpg", "b/x.jpg", "a/y.jpg", "b/z.jpg"]
    rows = scored(*(picture(tmp_path / "album" / name) for name in names))
    picture(tmp_path / "album" / "b" / "x.xmp", "by stem")
    picture(tmp_path / "album" / "b" / "x.jpg.XMP", "by name")
    return rows


def test_the_best_are_copied_with_their_sidecars_and_none_is_overwritten(tmp_path: Path, album: Rows) -> None:
    before = tree(tmp_path / "album")
    counts, failed = run(plan_cull(album, tmp_path / "best", best=3))
    assert (counts, failed) == ({"new": 2, "renamed": 1, "there": 0, "sidecars": 2, "failed": 0}, [])
    assert tree(tmp_path / "best") == {
        "x.jpg": "photo a/x.jpg",
        "x (2).jpg": "photo b/x.jpg",
        "x (2).xmp": "by stem",
        "x (2).jpg.XMP": "by name",
        "y.jpg": "photo a/y.jpg",
    }
    assert tree(tmp_path / "album") == before
    after = tree(tmp_path / "best")
    assert run(plan_cull(album, tmp_path / "best", best=3))[0]["there"] == 3
    assert tree(tmp_path / "best") == after


def test_a_plan_writes_nothing(tmp_path: Path, album: Rows) -> None:
    plan = plan_cull(album, tmp_path / "new" / "best", best=2)
    assert not (tmp_path / "new").exists()
    assert json.loads(json.dumps(plan.to_dict()))["considered"] == 4
    assert [choice.state for choice in plan.choices] == ["new", "renamed"]


def test_what_lies_in_the_folder_already_stays_and_is_not_taken_again(tmp_path: Path, album: Rows) -> None:
    inside = tmp_path / "album" / "best"
    picture(inside / "y.jpg", "somebody's own")
    picture(inside / "z.xmp", "of another photo")
    rows = [*album, *scored(inside / "y.jpg", first=99)]
    counts, _ = run(plan_cull(rows, inside, best=4))
    found = tree(inside)
    assert (counts["new"], counts["renamed"], counts["failed"]) == (2, 2, 0)
    assert found["y.jpg"] == "somebody's own"
    assert found["y (2).jpg"] == "photo a/y.jpg"
    assert found["z.jpg"] == "photo b/z.jpg"  # it has no sidecar that could be mistaken
    assert len([name for name in found if name.endswith(".jpg")]) == 5


def test_a_strangers_sidecar_is_not_put_beside_a_photo_that_has_its_own(tmp_path: Path, album: Rows) -> None:
    picture(tmp_path / "best" / "x.xmp", "a stranger's")
    run(plan_cull(album[1:2], tmp_path / "best", best=1))
    assert tree(tmp_path / "best") == {
        "x.xmp": "a stranger's",
        "x (2).jpg": "photo b/x.jpg",
        "x (2).xmp": "by stem",
        "x (2).jpg.XMP": "by name",
    }


def test_moves_come_back(tmp_path: Path, album: Rows) -> None:
    before = tree(tmp_path)
    counts, _ = run(plan_cull(album, tmp_path / "best", best=3, how="move"))
    assert (counts["new"], counts["renamed"], counts["sidecars"]) == (2, 1, 2)
    assert set(tree(tmp_path / "album")) == {"b/z.jpg"}
    events = list(undo_cull(tmp_path / "best"))
    assert isinstance(events[-1], Finished)
    assert events[-1].result == {"back": 5, "failed": 0}
    assert tree(tmp_path) == before
    with pytest.raises(NotFound, match="bring back"):
        exhaust(undo_cull(tmp_path / "best"))


def test_moves_come_back_also_from_a_folder_of_another_name(tmp_path: Path, album: Rows) -> None:
    before = tree(tmp_path / "album")
    run(plan_cull(album, tmp_path / "best", best=4, how="move"))
    (tmp_path / "best").rename(tmp_path / "finest")
    exhaust(undo_cull(tmp_path / "finest"))
    assert tree(tmp_path / "album") == before


def test_the_way_back_overwrites_nothing(tmp_path: Path, album: Rows) -> None:
    run(plan_cull(album, tmp_path / "best", best=4, how="move"))
    picture(tmp_path / "album" / "a" / "x.jpg", "came later")
    events = list(undo_cull(tmp_path / "best"))
    assert [event.path for event in events if isinstance(event, ItemFailed)] == [str(tmp_path / "best" / "x.jpg")]
    assert tree(tmp_path / "album")["a/x.jpg"] == "came later"
    assert tree(tmp_path / "best") == {"x.jpg": "photo a/x.jpg"}


@pytest.mark.parametrize("how", ["copy", "move"])
@pytest.mark.parametrize("moment", [1, 2])
def test_an_interrupted_cull_goes_on_to_the_same_end(tmp_path: Path, album: Rows, how: Any, moment: int) -> None:
    best, asked = tmp_path / "best", iter(range(99))
    plan = plan_cull(album, best, best=3, how=how)
    with pytest.raises(Interrupted):
        exhaust(carry_out(plan, lambda: next(asked) >= moment))
    assert len([name for name in tree(best) if name.endswith(".jpg")]) == moment
    # as a new prediction would: what was moved away is not among the rows
    rows = [row for row in album if Path(row["path"]).exists()]
    run(plan_cull(rows, best, best=3, how=how, sources=[tmp_path / "album"]))
    assert sorted(tree(best)) == ["x (2).jpg", "x (2).jpg.XMP", "x (2).xmp", "x.jpg", "y.jpg"]
    # and with rows from a file, which name them all
    plan = plan_cull(album, best, best=3, how=how)
    assert {choice.state for choice in plan.choices} == {"there"}


def test_a_move_that_was_cut_in_two_brings_the_sidecars_after(tmp_path: Path, album: Rows) -> None:
    best = tmp_path / "best"
    for event in carry_out(plan_cull(album[1:2], best, best=1, how="move")):
        if isinstance(event, Culled):
            break  # killed between the photo and its sidecars
    assert set(tree(best)) == {"x.jpg"}
    with (best / LOG_NAME).open("ab") as log:
        log.write(b'{"state": "begun", "how": "mo')  # and while it wrote a line
    run(plan_cull([], best, best=1, how="move", sources=[tmp_path / "album"]))
    assert set(tree(best)) == {"x.jpg", "x.xmp", "x.jpg.XMP"}
    exhaust(undo_cull(best))
    assert tree(best) == {}


def test_a_sidecar_that_another_photo_needs_is_copied_even_by_a_move(tmp_path: Path) -> None:
    jpeg, raw = picture(tmp_path / "a" / "IMG.jpg"), picture(tmp_path / "a" / "IMG.CR2")
    picture(tmp_path / "a" / "IMG.xmp", "of both")
    run(plan_cull(scored(jpeg), tmp_path / "best", best=1, how="move"))
    assert tree(tmp_path) == {
        "a/IMG.CR2": f"photo a/{raw.name}",
        "a/IMG.xmp": "of both",
        "best/IMG.jpg": "photo a/IMG.jpg",
        "best/IMG.xmp": "of both",
    }


@pytest.mark.parametrize("link", ["hard", "symbolic"])
def test_links_lead_to_the_photos(tmp_path: Path, album: Rows, link: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [{**row, "path": os.path.relpath(row["path"])} for row in album]
    plan = plan_cull(rows, Path("best"), best=2, how="link", link=link)
    assert run(plan)[0]["failed"] == 0
    monkeypatch.chdir("/")
    best = tmp_path / "best"
    assert (best / "x (2).jpg").samefile(album[1]["path"])
    assert (best / "x (2).xmp").read_text() == "by stem"
    assert (best / "x.jpg").is_symlink() == (link == "symbolic")
    monkeypatch.chdir(tmp_path)
    assert run(plan_cull(rows, Path("best"), best=2, how="link", link=link))[0]["there"] == 2


def test_a_hard_link_to_another_disk_says_what_to_do(
    tmp_path: Path, album: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    def far(self: Path, target: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(Path, "hardlink_to", far)
    counts, failed = run(plan_cull(album, tmp_path / "best", best=2, how="link"))
    assert counts["failed"] == 2
    assert "different file systems" in failed[0]


@pytest.fixture
def far_away(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Make the folder `best` another file system."""
    real_link, real_rename = os.link, os.rename

    def same(source: Any, target: Any) -> None:
        if ("best" in Path(source).parts) != ("best" in Path(target).parts):
            raise OSError(errno.EXDEV, "Invalid cross-device link")

    def link(source: Any, target: Any, **more: Any) -> None:
        same(source, target)
        real_link(source, target, **more)

    def rename(source: Any, target: Any, **more: Any) -> None:
        same(source, target)
        real_rename(source, target, **more)

    monkeypatch.setattr(os, "link", link)
    monkeypatch.setattr(os, "rename", rename)


@pytest.mark.usefixtures("far_away")
def test_a_move_to_another_disk_copies_first_and_comes_back(tmp_path: Path, album: Rows) -> None:
    before = tree(tmp_path)
    os.utime(album[0]["path"], ns=(5, 5))
    assert run(plan_cull(album, tmp_path / "best", best=4, how="move"))[1] == []
    assert tree(tmp_path / "album") == {}
    assert (tmp_path / "best" / "x.jpg").stat().st_mtime_ns == 5
    exhaust(undo_cull(tmp_path / "best"))
    assert tree(tmp_path) == before


@pytest.mark.usefixtures("far_away")
def test_a_disk_that_gives_back_something_else_loses_nothing(
    tmp_path: Path, album: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rotten(source: Path, target: Path) -> None:
        target.write_text("rotten")

    monkeypatch.setattr("engine.outputs.cull_moves.copy_file", rotten)
    before = tree(tmp_path / "album")
    counts, failed = run(plan_cull(album, tmp_path / "best", best=1, how="move"))
    assert counts["failed"] == 1
    assert "other content" in failed[0]
    assert tree(tmp_path / "album") == before
    assert tree(tmp_path / "best") == {}
    with pytest.raises(NotFound):
        exhaust(undo_cull(tmp_path / "best"))


def test_a_full_disk_ends_the_work_and_what_was_done_stays(
    tmp_path: Path, album: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = []

    def filling(source: Path, target: Path) -> None:
        if done:
            error = OSError(errno.ENOSPC, "")
            raise disk_error(error, target) from error
        done.append(target)
        target.write_bytes(source.read_bytes())

    monkeypatch.setattr("engine.outputs.cull_moves.copy_file", filling)
    with pytest.raises(BeholderError, match="full"):
        run(plan_cull(album, tmp_path / "best", best=3))
    assert tree(tmp_path / "best") == {"x.jpg": "photo a/x.jpg"}


def test_a_linked_photo_is_copied_as_a_photo_but_not_moved(tmp_path: Path) -> None:
    real = picture(tmp_path / "real.jpg", "real")
    (tmp_path / "album").mkdir()
    link = tmp_path / "album" / "link.jpg"
    link.symlink_to("../real.jpg")
    _, failed = run(plan_cull(scored(link), tmp_path / "moved", best=1, how="move"))
    assert "link" in failed[0]
    run(plan_cull(scored(link), tmp_path / "copied", best=1))
    assert not (tmp_path / "copied" / "link.jpg").is_symlink()
    assert real.read_text() == (tmp_path / "copied" / "link.jpg").read_text() == "real"


def test_names_of_all_kinds_are_kept_and_the_longest_shortened(tmp_path: Path) -> None:
    names = [b"\xff odd.jpg", "照片.jpg".encode(), b"new\nline.jpg", b"n" * 251 + b".jpg"]
    photos = [picture(tmp_path / folder / os.fsdecode(name), "-") for folder in "ab" for name in names]
    for path in photos:
        path.write_bytes(os.fsencode(path))
    counts, failed = run(plan_cull(scored(*photos), tmp_path / "best", best=99, how="move"))
    assert (counts["new"], counts["renamed"], failed) == (4, 4, [])
    found = sorted(os.fsencode(path.name) for path in (tmp_path / "best").iterdir())
    assert b"n" * 247 + b" (2).jpg" in found
    assert b"\xff odd (2).jpg" in found
    exhaust(undo_cull(tmp_path / "best"))
    assert all(path.read_bytes() == os.fsencode(path) for path in photos)


def test_photos_without_a_score_and_lost_ones_are_told(tmp_path: Path, album: Rows) -> None:
    Path(album[0]["path"]).unlink()
    album[1] |= {"score": None, "error": "it is damaged"}
    plan = plan_cull(album, tmp_path / "best", best=9)
    counts, failed = run(plan)
    assert (counts["failed"], counts["new"]) == (2, 2)
    assert sorted(failed) == ["There is no such file.", "no score: it is damaged"]


def test_an_album_keeps_its_photos(tmp_path: Path, album: Rows) -> None:
    own = tmp_path / "album" / "a"
    with pytest.raises(UsageError, match="scores would stay"):
        plan_cull(album, tmp_path / "best", best=1, how="move", album=own)
    assert len(plan_cull(album, tmp_path / "best", best=1, how="copy", album=own).choices) == 1
    assert len(plan_cull(album[1:2], tmp_path / "best", best=1, how="move", album=own).choices) == 1


def test_only_photos_that_reach_the_score(tmp_path: Path, album: Rows) -> None:
    assert len(plan_cull(album, tmp_path / "best", min_score=89).choices) == 2
    assert len(plan_cull(album, tmp_path / "best", min_score=89, best=1).choices) == 1
    with pytest.raises(NotFound, match="reaches"):
        plan_cull(album, tmp_path / "best", min_score=91)


@pytest.mark.parametrize(
    "asked", [{}, {"best": 0}, {"best": -3}, {"per_burst": 0}, {"best": 1, "per_burst": 1}, {"min_score": float("nan")}]
)
def test_requests_that_make_no_sense_are_refused_early(tmp_path: Path, asked: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        check_request(tmp_path / "best", **asked)


def test_a_folder_that_is_none_or_has_a_strange_log_is_refused_early(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a folder"):
        check_request(picture(tmp_path / "file"), best=1)
    picture(tmp_path / "best" / LOG_NAME, "my diary\n")
    with pytest.raises(UsageError, match="log"):
        check_request(tmp_path / "best", best=1)
    assert (tmp_path / "best" / LOG_NAME).read_text() == "my diary\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cant_be_written_is_refused_early(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(BeholderError, match="permission"):
            check_request(tmp_path / "best" / "of", best=1)
    finally:
        tmp_path.chmod(0o700)


def test_a_log_behind_a_link_is_not_written(tmp_path: Path, album: Rows) -> None:
    picture(tmp_path / "victim", '{"beholder": "cull"}\n')
    (tmp_path / "best").mkdir()
    (tmp_path / "best" / LOG_NAME).symlink_to("../victim")
    with pytest.raises(BeholderError):
        run(plan_cull(album, tmp_path / "best", best=1))
    assert (tmp_path / "victim").read_text() == '{"beholder": "cull"}\n'


def test_a_forged_log_moves_nothing_that_lies_outside(tmp_path: Path) -> None:
    outside = picture(tmp_path / "outside.jpg")
    moved = {"state": "done", "how": "move", "from": str(tmp_path / "gone.jpg")}
    forged = [{**moved, "to": to} for to in ("../outside.jpg", str(outside), "..", "", "a\0b")]
    lines: list[Any] = [{"beholder": "cull", "version": 1}, *forged, [], 5]
    picture(tmp_path / "best" / LOG_NAME, "".join(f"{json.dumps(line)}\n" for line in lines))
    exhaust(undo_cull(tmp_path / "best"))
    assert outside.exists()
    assert not (tmp_path / "gone.jpg").exists()


@pytest.mark.parametrize("form", ["csv", "json", "jsonl"])
def test_rows_of_an_earlier_prediction_are_read_back(tmp_path: Path, form: Any) -> None:
    names = ["a.jpg", "new\nline\x85.jpg", os.fsdecode(b"\xff.jpg"), "美, “x”.jpg"]
    rows = [{"path": str(tmp_path / name), "score": 50.5, "model_id": "m", "error": None} for name in names]
    rows.append({"path": "b.jpg", "score": None, "model_id": "m", "error": "damaged"})
    write_rows(rows, COLUMNS, tmp_path / f"rows.{form}", form)
    assert read_rows(tmp_path / f"rows.{form}") == rows
    picture(tmp_path / "b.jpg")
    assert read_rows(tmp_path / f"rows.{form}")[-1]["path"] == str(tmp_path / "b.jpg")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "name,stars\nx,5\n"),
        ("a.csv", "path,score\nx.jpg,many\n"),
        ("a.csv", "path,score\nx.jpg,nan\n"),
        ("a.jsonl", "{}\n"),
        ("a.jsonl", "[1, 2]\n"),
        ("a.json", '{"a": 1}'),
        ("a.json", "["),
        ("a.json", "5"),
    ],
)
def test_a_file_without_predictions_is_told(tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises(DamagedFile, match=name):
        read_rows(picture(tmp_path / name, text))


def shot(path: Path, seed: int, second: float, size: tuple[int, int] = (96, 72)) -> Path:
    """Save a small photo with the time at which it was taken."""
    draw_photo(path, seed, 0.5, size)
    exif = Image.Exif()
    exif[0x0132] = f"2024:05:01 12:{int(second // 60):02}:{int(second % 60):02}"
    Image.open(path).save(path, exif=exif, quality=92)
    return path


def test_bursts_go_by_time_where_nothing_else_is_known(tmp_path: Path) -> None:
    seconds = [0, 1, 2, 60, 62, 120]
    rows = scored(*(shot(tmp_path / f"{number}.jpg", number, at) for number, at in enumerate(seconds)))
    rows += scored(draw_photo(tmp_path / "no-time.jpg", 9, 0.5), first=10)
    plan = plan_cull(rows, tmp_path / "best", per_burst=1)
    assert [choice.photo.name for choice in plan.choices] == ["0.jpg", "3.jpg", "5.jpg", "no-time.jpg"]
    assert (plan.bursts, [choice.burst for choice in plan.choices]) == (4, [1, 2, 3, 4])
    twos = plan_cull(rows, tmp_path / "best", per_burst=2)
    assert [choice.photo.name for choice in twos.choices] == [
        "0.jpg",
        "1.jpg",
        "3.jpg",
        "4.jpg",
        "5.jpg",
        "no-time.jpg",
    ]


def test_a_burst_is_alike_too_where_the_vectors_are_known(tmp_path: Path) -> None:
    photos = [shot(tmp_path / f"{number}.jpg", number, number) for number in range(4)]
    shown = {"0.jpg": [1.0, 0.0], "1.jpg": [0.9, 0.1], "2.jpg": [0.0, 1.0], "3.jpg": [float("nan")] * 2}

    def features(asked: Any) -> Any:
        return np.array([shown[path.name] for path in asked], np.float32)

    plan = plan_cull(scored(*photos), tmp_path / "best", per_burst=1, features=features)
    # 2 shows something else than 0 and 1; of 3 nobody knows, so it goes by time
    assert (plan.bursts, [choice.photo.name for choice in plan.choices]) == (1, ["0.jpg"])
    shown["3.jpg"] = [-1.0, 0.0]
    plan = plan_cull(scored(*photos), tmp_path / "best", per_burst=1, features=features)
    assert [choice.photo.name for choice in plan.choices] == ["0.jpg", "2.jpg", "3.jpg"]


def test_likeness_comes_from_the_cache_and_follows_a_move(workspace_with_model: Workspace, tmp_path: Path) -> None:
    info = find_bundle(workspace_with_model, "first")
    folder = tmp_path / "new"
    folder.mkdir()
    # two shots of one thing and one of another, all within four seconds
    photos = [shot(folder / f"{number}.jpg", seed, number) for number, seed in enumerate((7, 7, 8))]
    Image.open(photos[1]).crop((1, 1, 95, 71)).save(photos[1], quality=90, exif=Image.open(photos[1]).getexif())
    likeness = cached_likeness(workspace_with_model, info)
    assert np.isnan(likeness(photos)).all()  # nothing is computed for it
    with OpenModel(workspace_with_model, info) as model:
        exhaust(embed(photos, model.backbone, cache=model.cache))
    found = likeness(photos)
    assert found[0] @ found[1] > 0.5 > found[0] @ found[2]
    plan = plan_cull(scored(*photos), tmp_path / "best", per_burst=1, features=likeness, how="move")
    assert [choice.photo.name for choice in plan.choices] == ["0.jpg", "2.jpg"]
    run(plan)
    again = plan_cull(
        scored(photos[1], first=89), tmp_path / "best", per_burst=1, features=likeness, how="move", sources=[folder]
    )
    assert {choice.state for choice in again.choices} == {"there"}
    assert again.bursts == 2


def test_a_note_tells_of_a_sidecar_that_differs(tmp_path: Path, album: Rows) -> None:
    best = tmp_path / "best"
    run(plan_cull(album[1:2], best, best=1))
    picture(tmp_path / "album" / "b" / "x.xmp", "rated since")
    events = list(carry_out(plan_cull(album[1:2], best, best=1)))
    assert [str(event.message) for event in events if isinstance(event, Notice)] == [
        f"{best}/x.xmp is there with other content; it is left as it is."
    ]
    assert tree(best)["x.xmp"] == "by stem"


def test_two_photos_of_one_content_are_brought_once(tmp_path: Path) -> None:
    rows = scored(picture(tmp_path / "a" / "x.jpg", "same"), picture(tmp_path / "b" / "x.jpg", "same"))
    counts, _ = run(plan_cull(rows, tmp_path / "best", best=2, how="move"))
    assert (counts["new"], counts["there"]) == (1, 1)
    assert tree(tmp_path) == {"best/x.jpg": "same", "b/x.jpg": "same"}


def test_the_place_may_be_taken_meanwhile(tmp_path: Path, album: Rows) -> None:
    for how in ("copy", "move"):
        to = tmp_path / how
        plan = plan_cull(album, to, best=1, how=how)  # type: ignore[arg-type]
        picture(to / "x.jpg", "came in between")
        counts, failed = run(plan)
        assert counts["failed"] == 1
        assert "there already" in failed[0]
        assert tree(to) == {"x.jpg": "came in between"}
        assert Path(album[0]["path"]).exists()
