"""The trash: photos and models lie in it until it is emptied, and come back from it over nothing."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from engine.errors import BeholderError, ImageError, NotFound, UsageError
from engine.labels.history import Edit
from engine.labels.scorebook import Entry, ScoreBook
from engine.trash import TrashItem, empty_trash, list_trash, put_into_trash
from engine.workspace import Workspace


def paint(path: Path, shade: int) -> Path:
    Image.new("RGB", (8, 8), (shade, shade, shade)).save(path)
    return path


@pytest.fixture
def album(tmp_path: Path) -> Workspace:
    """A workspace with three photos; a.jpg and b.png have scores."""
    workspace = Workspace(tmp_path / "album")
    workspace.create()
    for shade, name in enumerate(("a.jpg", "b.png", "c.jpg")):
        paint(workspace.data / name, 50 * shade)
    ScoreBook(workspace).set_many({"a.jpg": 10, "b.png": 20})
    return workspace


def rows(workspace: Workspace) -> list[Entry]:
    return ScoreBook(workspace).entries()


def names(items: list[TrashItem]) -> set[tuple[str, str]]:
    return {(item.kind, item.name) for item in items}


def test_removed_photos_lie_in_the_trash_with_their_scores_in_the_history(album: Workspace) -> None:
    content = (album.data / "a.jpg").read_bytes()
    change = ScoreBook(album).remove(["a.jpg", "c.jpg"])
    assert (change.kind, change.edits) == ("remove", (Edit("a.jpg", 10, None),))
    assert [(move.name, move.out) for move in change.moves] == [("a.jpg", True), ("c.jpg", True)]
    assert rows(album) == [Entry("b.png", 20, True)]
    items = list_trash(album)
    assert names(items) == {("photo", "a.jpg"), ("photo", "c.jpg")}
    assert {item.path.read_bytes() for item in items if item.name == "a.jpg"} == {content}
    assert all(item.bytes == item.path.stat().st_size and item.time.endswith("+00:00") for item in items)
    assert {album.trash / move.trash for move in change.moves} == {item.path for item in items}


def test_undo_brings_photo_and_score_back_and_redo_takes_them_again(album: Workspace) -> None:
    before = {path.name: path.read_bytes() for path in album.data.iterdir()}
    book = ScoreBook(album)
    book.remove(["a.jpg", "c.jpg"])
    for _ in range(2):
        ScoreBook(album).undo()
        assert {path.name: path.read_bytes() for path in album.data.iterdir()} == before
        assert list_trash(album) == []
        ScoreBook(album).redo()
        assert rows(album) == [Entry("b.png", 20, True)]
        assert len(list_trash(album)) == 2


def test_a_score_without_a_photo_can_be_removed(album: Workspace) -> None:
    (album.data / "a.jpg").unlink()
    book = ScoreBook(album)
    change = book.remove(["a.jpg"])
    assert (change.edits, change.moves) == ((Edit("a.jpg", 10, None),), ())
    book.undo()
    assert book.scores() == {"a.jpg": 10, "b.png": 20}


def test_removing_what_is_not_there_changes_nothing(album: Workspace) -> None:
    for wrong in ("d.jpg", "../a.jpg", "scores.txt"):
        with pytest.raises(NotFound, match="There is no photo"):
            ScoreBook(album).remove(["a.jpg", wrong])
    assert len(rows(album)) == 3
    assert ScoreBook(album).remove([]).seq == 0


def test_a_name_in_the_scores_leads_to_no_file_elsewhere(album: Workspace) -> None:
    outside = paint(album.root / "outside.jpg", 9)
    album.scores_file.write_text("../outside.jpg\t5\na.jpg\t10\nb.png\t20\n", "utf-8")
    change = ScoreBook(album).remove(["../outside.jpg"])
    assert change.moves == ()
    assert outside.exists()


def test_undo_never_overwrites_another_photo_of_the_name(album: Workspace) -> None:
    book = ScoreBook(album)
    book.remove(["a.jpg", "c.jpg"])
    paint(album.data / "c.jpg", 200)
    mine = (album.data / "c.jpg").read_bytes()
    with pytest.raises(UsageError, match=r"another photo c\.jpg .* Rename that one"):
        book.undo()
    assert (album.data / "c.jpg").read_bytes() == mine
    assert not (album.data / "a.jpg").exists()
    assert book.scores() == {"b.png": 20}
    (album.data / "c.jpg").rename(album.data / "d.jpg")
    book.undo()
    assert book.scores() == {"a.jpg": 10, "b.png": 20}


def test_an_emptied_trash_is_empty_and_undo_says_so(album: Workspace) -> None:
    book = ScoreBook(album)
    book.remove(["a.jpg", "c.jpg"])
    size = sum(item.bytes for item in list_trash(album))
    assert empty_trash(album) == (2, size)
    assert list_trash(album) == []
    assert not any(path.is_file() for path in album.trash.rglob("*"))
    history = album.history_file.read_bytes()
    with pytest.raises(NotFound, match=r"a\.jpg was deleted for good"):
        book.undo()
    assert album.history_file.read_bytes() == history
    assert book.scores() == {"b.png": 20}
    assert empty_trash(album) == (0, 0)


def test_models_lie_in_the_trash_too(album: Workspace) -> None:
    bundle = album.models / "taste-20260501-120000-a1b2"
    bundle.mkdir(parents=True)
    (bundle / "manifest.json").write_bytes(b"x" * 30)
    put_into_trash(bundle, album.trash / "models" / f"{bundle.name}-ffff")
    ScoreBook(album).remove(["a.jpg"])
    items = list_trash(album)
    assert names(items) == {("model", "taste-20260501-120000-a1b2"), ("photo", "a.jpg")}
    assert {item.bytes for item in items if item.kind == "model"} == {30}
    assert empty_trash(album)[0] == 2
    assert list_trash(album) == []


def test_emptying_follows_no_link_out_of_the_trash(album: Workspace, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "photo.jpg").touch()
    (album.trash / "models").mkdir(parents=True)
    (album.trash / "models" / "link").symlink_to(precious)
    (album.trash / "photos").symlink_to(precious)
    empty_trash(album)
    assert (precious / "photo.jpg").exists()


def test_no_trash_is_an_empty_one(tmp_path: Path) -> None:
    assert list_trash(Workspace(tmp_path)) == []
    assert empty_trash(Workspace(tmp_path)) == (0, 0)


@pytest.fixture
def other_file_system(album: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the trash lie on another file system than everything else."""

    def crossing(real: Any) -> Any:
        def call(source: Any, target: Any, **options: Any) -> Any:
            if str(source).startswith(str(album.trash)) != str(target).startswith(str(album.trash)):
                raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), source)
            return real(source, target, **options)

        return call

    for name in ("rename", "link", "replace"):
        monkeypatch.setattr(os, name, crossing(getattr(os, name)))


@pytest.mark.usefixtures("other_file_system")
def test_photos_and_models_cross_file_systems(album: Workspace) -> None:
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in album.data.glob("*.jpg")}
    bundle = album.models / "taste-1"
    bundle.mkdir(parents=True)
    (bundle / "manifest.json").write_bytes(b"{}")
    put_into_trash(bundle, album.trash / "models" / "taste-1-ffff")
    book = ScoreBook(album)
    book.remove(["a.jpg", "c.jpg"])
    assert not bundle.exists()
    assert [path.name for path in album.data.iterdir() if path.suffix == ".jpg"] == []
    assert names(list_trash(album)) == {("model", "taste-1"), ("photo", "a.jpg"), ("photo", "c.jpg")}
    book.undo()
    assert {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in album.data.glob("*.jpg")} == before
    assert names(list_trash(album)) == {("model", "taste-1")}


def test_when_a_photo_cannot_be_moved_nothing_has_changed(album: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.rename

    def stubborn(source: Any, target: Any, **options: Any) -> None:
        if str(source).endswith("c.jpg"):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES), source)
        real(source, target, **options)

    before = sorted(path.name for path in album.data.iterdir())
    history = album.history_file.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", stubborn)
        with pytest.raises(BeholderError, match=r"No permission for .*c\.jpg"):
            ScoreBook(album).remove(["a.jpg", "b.png", "c.jpg"])
    assert sorted(path.name for path in album.data.iterdir()) == before
    assert album.history_file.read_bytes() == history
    assert list_trash(album) == []
    assert ScoreBook(album).scores() == {"a.jpg": 10, "b.png": 20}
    assert ScoreBook(album).set("c.jpg", 5).seq == 2


def test_a_history_that_somebody_changed_moves_no_other_files(album: Workspace) -> None:
    place = ScoreBook(album).remove(["a.jpg"]).moves[0].trash
    text = album.history_file.read_text("utf-8")
    for wrong in ("../../../secret", "/etc/passwd"):
        album.history_file.write_text(text.replace(place, wrong), "utf-8")
        with pytest.raises(BeholderError, match="moves a file that is no photo"):
            ScoreBook(album).undo()


def test_a_picture_is_added_with_its_score(album: Workspace, tmp_path: Path) -> None:
    source = paint(tmp_path / "new.png", 77)
    book = ScoreBook(album)
    change = book.add(source, 42)
    assert (change.kind, change.edits) == ("add", (Edit("new.png", None, 42),))
    assert (album.data / "new.png").read_bytes() == source.read_bytes()
    assert (album.data / "new.png").stat().st_mtime_ns == source.stat().st_mtime_ns
    book.undo()
    assert not (album.data / "new.png").exists()
    assert names(list_trash(album)) == {("photo", "new.png")}
    assert book.scores() == {"a.jpg": 10, "b.png": 20}
    book.redo()
    assert (album.data / "new.png").read_bytes() == source.read_bytes()
    assert book.scores()["new.png"] == 42
    assert source.exists()


def test_a_picture_is_added_without_a_score(album: Workspace, tmp_path: Path) -> None:
    book = ScoreBook(album)
    change = book.add(paint(tmp_path / "new.png", 77))
    assert (change.edits, [move.name for move in change.moves]) == ((), ["new.png"])
    assert Entry("new.png", None, True) in book.entries()
    book.undo()
    assert not (album.data / "new.png").exists()


def test_a_picture_that_is_there_already_is_not_copied_again(album: Workspace, tmp_path: Path) -> None:
    twin = tmp_path / "other name.png"
    twin.write_bytes((album.data / "b.png").read_bytes())
    book = ScoreBook(album)
    change = book.add(twin, 33)
    assert (change.edits, change.moves) == ((Edit("b.png", 20, 33),), ())
    assert book.add(twin).seq == 0
    book.undo()
    assert book.scores()["b.png"] == 20
    assert (album.data / "b.png").exists()


def test_another_picture_of_a_taken_name_gets_a_free_one(album: Workspace, tmp_path: Path) -> None:
    book = ScoreBook(album)
    folder = tmp_path / "from"
    folder.mkdir()
    assert book.add(paint(folder / "A.JPG", 120), 1).moves[0].name == "A_2.JPG"
    assert book.add(paint(folder / "bad\x1b:name.png", 121), 1).moves[0].name == "bad__name.png"
    assert len(rows(album)) == 5


@pytest.mark.parametrize("spelling", ["path", "name", "through a link"])
def test_a_photo_that_lies_in_data_is_adopted(album: Workspace, tmp_path: Path, spelling: str) -> None:
    (tmp_path / "link").symlink_to(album.data)
    where = {"path": album.data / "c.jpg", "name": Path("c.jpg"), "through a link": tmp_path / "link" / "c.jpg"}
    book = ScoreBook(album)
    change = book.add(where[spelling], 5)
    assert (change.edits, change.moves) == ((Edit("c.jpg", None, 5),), ())
    book.undo()
    assert (album.data / "c.jpg").exists()


def test_what_is_no_picture_is_not_added(album: Workspace, tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    paint(tmp_path / "fine.png", 3).rename(tmp_path / "fine")
    before = sorted(album.data.iterdir())
    book = ScoreBook(album)
    for path, kind in (
        (tmp_path / "text.jpg", ImageError),
        (tmp_path / "none.jpg", ImageError),
        (tmp_path, ImageError),
    ):
        with pytest.raises(kind):
            book.add(path, 5)
    with pytest.raises(UsageError, match=r"The name of fine does not end .* \.jpg"):
        book.add(tmp_path / "fine", 5)
    with pytest.raises(UsageError, match="not on the scale"):
        book.add(paint(tmp_path / "good.png", 4), 500)
    assert sorted(album.data.iterdir()) == before
    assert len(book.history()) == 1


def test_a_full_disk_leaves_no_half_added_picture(
    album: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    source = paint(tmp_path / "new.png", 77)
    before = sorted(album.data.iterdir())
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", full)
        with pytest.raises(BeholderError, match="disk is full"):
            ScoreBook(album).add(source, 5)
    assert sorted(album.data.iterdir()) == before
    assert ScoreBook(album).add(source, 5).seq == 2
