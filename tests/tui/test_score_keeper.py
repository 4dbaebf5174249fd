"""The thread that keeps the scores: everything in order, others' changes told once, our own never as news."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from engine.labels.flags import set_flag
from engine.labels.scorebook import ScoreBook
from engine.workspace import Workspace
from tests.tui.piloting import make_photos
from tests.waiting import wait_until
from tui.score_keeper import Flagged, OutsideChanged, ScoreKeeper, ScoresChanged, ScoresRead, ScoresRefused

NAMES = [f"p{number}.jpg" for number in range(5)]
NewsT = TypeVar("NewsT")


class Listener:
    """Stands where the app stands."""

    def __init__(self) -> None:
        self.news: list[Any] = []

    def post_message(self, message: Any) -> bool:
        self.news.append(message)
        return True

    def all(self, kind: type[NewsT]) -> list[NewsT]:
        return [message for message in self.news if isinstance(message, kind)]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    place = Workspace(tmp_path)
    place.create()
    make_photos(place.data, NAMES)
    return place


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def keeper(workspace: Workspace, listener: Listener) -> Any:
    made = ScoreKeeper(workspace, listener)  # type: ignore[arg-type]
    yield made
    made.close()


def looked(keeper: ScoreKeeper, listener: Listener, seen: Callable[[], bool]) -> None:
    """Look as often as the app would, until something is seen."""

    def look() -> bool:
        keeper.look()
        return seen()

    wait_until(look, "the news")


def finished(keeper: ScoreKeeper) -> None:
    """Wait until everything that was asked for is done."""
    keeper.entries()


def test_everything_is_done_in_the_order_in_which_it_was_asked_for(keeper: ScoreKeeper, listener: Listener) -> None:
    tickets = [keeper.set("p0.jpg", float(score)) for score in range(30)]
    read = keeper.read()
    finished(keeper)
    assert [news.ticket for news in listener.all(ScoresChanged)] == tickets
    assert listener.all(ScoresRead)[-1].upto == read
    assert listener.all(ScoresRead)[-1].entries[0].score == 29


def test_our_own_changes_are_no_news(keeper: ScoreKeeper, listener: Listener, workspace: Workspace) -> None:
    keeper.read()
    keeper.set("p1.jpg", 5)
    keeper.set_many({"p2.jpg": 6, "p3.jpg": 7}, "shift")
    keeper.undo()
    keeper.flag("p4.jpg", True)
    keeper.remove(["p0.jpg"])
    keeper.undo()
    keeper.look()
    finished(keeper)
    keeper.look()
    finished(keeper)
    assert listener.all(OutsideChanged) == []
    assert listener.all(ScoresRefused) == []
    last = {entry.name: entry for entry in keeper.entries()}
    assert last["p1.jpg"].score == 5
    assert last["p1.jpg"].source == "set"
    assert last["p4.jpg"].flagged
    assert last["p0.jpg"].present


def test_an_edit_of_the_file_is_told_once_with_what_changed(
    keeper: ScoreKeeper, listener: Listener, workspace: Workspace
) -> None:
    keeper.set("p0.jpg", 10)
    keeper.read()
    finished(keeper)
    ScoreBook(workspace).close()
    workspace.scores_file.write_text("p0.jpg\t11\np1.jpg\t12\n", "utf-8")
    looked(keeper, listener, lambda: bool(listener.all(OutsideChanged)))
    finished(keeper)
    (told,) = listener.all(OutsideChanged)
    assert [change.kind for change in told.changes] == ["outside"]
    assert {edit.name: edit.new for edit in told.changes[0].edits} == {"p0.jpg": 11, "p1.jpg": 12}
    assert {entry.name: entry.score for entry in keeper.entries() if entry.score is not None} == {
        "p0.jpg": 11,
        "p1.jpg": 12,
    }
    for _ in range(3):
        keeper.look()
    finished(keeper)
    assert len(listener.all(OutsideChanged)) == 1


def test_an_edit_of_the_file_is_told_even_when_our_own_score_finds_it_first(
    keeper: ScoreKeeper, listener: Listener, workspace: Workspace
) -> None:
    keeper.set("p0.jpg", 10)
    keeper.read()
    finished(keeper)
    workspace.scores_file.write_text("p0.jpg\t11\n", "utf-8")
    keeper.set("p1.jpg", 50)
    finished(keeper)
    (told,) = listener.all(OutsideChanged)
    assert [(change.kind, change.edits[0].new) for change in told.changes] == [("outside", 11)]
    assert {entry.name: entry.score for entry in listener.all(ScoresRead)[-1].entries[:2]} == {
        "p0.jpg": 11,
        "p1.jpg": 50,
    }


def test_photos_that_come_and_go_are_told(keeper: ScoreKeeper, listener: Listener, workspace: Workspace) -> None:
    keeper.read()
    finished(keeper)
    make_photos(workspace.data, ["new.jpg"])
    (workspace.data / "p3.jpg").unlink()
    (workspace.data / "notes.md").write_text("no photo", "utf-8")
    looked(keeper, listener, lambda: bool(listener.all(OutsideChanged)))
    (told,) = listener.all(OutsideChanged)
    assert (told.added, told.gone, told.changes) == (("new.jpg",), ("p3.jpg",), ())


def test_a_photo_that_comes_while_we_score_is_told_too(
    keeper: ScoreKeeper, listener: Listener, workspace: Workspace
) -> None:
    keeper.read()
    finished(keeper)
    make_photos(workspace.data, ["new.jpg"])
    keeper.set("p0.jpg", 1)
    looked(keeper, listener, lambda: bool(listener.all(OutsideChanged)))
    assert listener.all(OutsideChanged)[0].added == ("new.jpg",)


def test_another_program_s_scores_and_flags_come_in(
    keeper: ScoreKeeper, listener: Listener, workspace: Workspace
) -> None:
    keeper.read()
    finished(keeper)
    with ScoreBook(workspace, who="anna") as other:
        other.set("p2.jpg", 99)
    looked(keeper, listener, lambda: bool(listener.all(OutsideChanged)))
    (told,) = listener.all(OutsideChanged)
    assert [(change.who, change.kind) for change in told.changes] == [("anna", "set")]
    set_flag(workspace, "p2.jpg", True)
    looked(keeper, listener, lambda: listener.all(ScoresRead)[-1].entries[2].flagged)


def test_a_damaged_file_is_told_once_and_read_again_when_it_is_mended(
    keeper: ScoreKeeper, listener: Listener, workspace: Workspace
) -> None:
    workspace.scores_file.write_text("p0.jpg\tnot a number\n", "utf-8")
    keeper.read()
    for _ in range(3):
        keeper.look()
    wait_until(lambda: bool(listener.news), "the refusal")
    keeper.set("p1.jpg", 4)
    wait_until(lambda: len(listener.all(ScoresRefused)) == 2, "the second refusal")
    assert [refused.reading for refused in listener.all(ScoresRefused)] == [True, False]
    workspace.scores_file.write_text("p0.jpg\t3\n", "utf-8")
    looked(keeper, listener, lambda: bool(listener.all(ScoresRead)))
    assert listener.all(ScoresRead)[-1].entries[0].score == 3


def test_what_was_handed_over_is_written_when_the_keeper_closes(workspace: Workspace, listener: Listener) -> None:
    keeper = ScoreKeeper(workspace, listener)  # type: ignore[arg-type]
    for score in range(50):
        keeper.set("p0.jpg", float(score))
    keeper.flag("p0.jpg", True)
    keeper.close()
    assert workspace.scores_file.read_text("utf-8") == "p0.jpg\t49\n"
    assert isinstance(listener.news[-1], Flagged)


def test_nothing_is_read_before_anybody_asks(workspace: Workspace, listener: Listener) -> None:
    keeper = ScoreKeeper(workspace, listener)  # type: ignore[arg-type]
    for _ in range(3):
        keeper.look()
    keeper.close()
    assert listener.news == []
