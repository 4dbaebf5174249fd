"""The score book against a plain model, with a death at every step of writing: nothing acknowledged is ever lost."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from PIL import Image

from engine.errors import NotFound
from engine.labels.history import BEGINNING, History
from engine.labels.outside import replay
from engine.labels.scorebook import ScoreBook
from engine.labels.scorefile import ScoreText, format_scores, parse_scores
from engine.trash import list_trash
from engine.workspace import Workspace
from tests.engine.dying import dying_at

PHOTOS = ("a.jpg", "b.jpg", "c2.jpg", "c10.jpg")
ROOM = 10**6  # seconds; outside edits are dated so long ago that nobody waits for the editor to be done

deaths = st.one_of(st.none(), st.integers(1, 25))
editors = st.one_of(st.none(), st.sampled_from(PHOTOS))
some_names = st.lists(st.sampled_from(PHOTOS), min_size=1, max_size=3, unique=True)

CRASHES = settings(max_examples=60, stateful_step_count=20, deadline=None, report_multiple_bugs=False)

State = tuple[dict[str, float], frozenset[str]]


class MortalBook(RuleBasedStateMachine):
    """Every change may die at any step; then a new process opens the workspace and finds it done, or not begun."""

    folder: Path
    at_once: int
    count = 0

    def __init__(self) -> None:
        super().__init__()
        MortalBook.count += 1
        self.workspace = Workspace(self.folder / str(MortalBook.count))
        self.workspace.create()
        for number, name in enumerate(PHOTOS):
            (self.workspace.data / name).write_bytes(bytes([number]))
        self.contents = {bytes([number]) for number in range(len(PHOTOS))}
        self.ticks = 0
        self.edited: dict[str, float] = {}
        self.done: list[State] = []
        self.undone: list[State] = []
        self.now: State = ({}, frozenset(PHOTOS))
        self.open()
        self.book.set_many({})  # from here on the file's text is known

    def open(self) -> None:
        self.book = ScoreBook(self.workspace, "eva", at_once=self.at_once)

    def tick(self) -> int:
        """Return a number that never came before, so that no two states are alike by chance."""
        self.ticks += 1
        return self.ticks

    def read(self) -> State:
        entries = ScoreBook(self.workspace).entries()
        scores = {entry.name: entry.score for entry in entries if entry.score is not None}
        return scores, frozenset(entry.name for entry in entries if entry.present)

    def after(self, edits: dict[str, float | None], come: frozenset[str] = frozenset(), go: object = ()) -> State:
        scores, photos = self.now
        merged = {name: score for name, score in {**scores, **edits}.items() if score is not None}
        return merged, (photos | come) - frozenset(go)  # type: ignore[call-overload]

    def recorded(self) -> int:
        return len(History(self.workspace.history_file).changes())

    def attempt(
        self, death: int | None, work: Callable[[], object], after: State, *others: State, edited: str | None = None
    ) -> bool:
        """Do some work that may die; say whether it is in the history, and so has happened.

        Args:
            death: the step; None to live on.
            work: what is done.
            after: the state that it leads to.
            others: what else may come out of it, though it has not happened.
            edited: the photo whose score somebody gives in an editor after the death, before anybody else looks.
        """
        before = self.recorded()
        alive = False
        with dying_at(death):
            work()
            alive = True
        if not alive:
            scores, photos = self.read()
            if edited:
                scores = self.edit(edited, scores)
            self.open()
            self.book.take_outside()
            self.book.set_many({})
            assert self.read()[0] == scores, "what a reader saw is what the next writer makes of it"
            assert photos <= self.read()[1], "a photo may still be on its way back"
        has_happened = self.recorded() - before > len(self.edited)
        assert has_happened or not alive or after == self.now
        found = self.read()
        ways = [after] if has_happened else [self.now, *others]
        assert found in [({**scores, **self.edited}, photos) for scores, photos in ways]
        return has_happened

    def edit(self, name: str, scores: dict[str, float]) -> dict[str, float]:
        """Give a score in an editor, and return what the scores are then."""
        file, number = self.workspace.scores_file, self.tick()
        text = parse_scores(file.read_bytes() if file.exists() else b"", self.workspace.scale, file)
        file.write_text(format_scores(ScoreText({**text.scores, name: number / 1000})), "utf-8")
        os.utime(file, (ROOM + number, ROOM + number))
        self.edited = {name: number / 1000}
        return {**scores, **self.edited}

    def go_on(self, state: State) -> None:
        """Take the state that the work led to, and what somebody did in an editor after it."""
        self.now = state
        if self.edited:
            self.done.append(state)
            self.undone.clear()
            self.now = ({**state[0], **self.edited}, state[1])
            self.edited = {}

    def change(
        self, death: int | None, work: Callable[[], object], after: State, *others: State, edited: str | None
    ) -> None:
        before = self.now
        if self.attempt(death, work, after, *others, edited=edited):
            self.done.append(before)
            self.undone.clear()
            self.go_on(after)
            return
        stray = self.read()[1] - before[1]  # a picture was copied, and then nobody was left to say so: it stays
        for states in (self.done, self.undone):
            states[:] = [(scores, photos | stray) for scores, photos in states]
        self.go_on((before[0], before[1] | stray))

    @rule(names=some_names, death=deaths, taken=st.booleans(), edited=editors)
    def set_many(self, names: list[str], death: int | None, taken: bool, edited: str | None) -> None:
        scores, photos = self.now
        edits = {name: None if taken else float(self.tick()) / 1000 for name in names if name in photos | scores.keys()}
        self.change(death, lambda: self.book.set_many(edits), self.after({**edits}), edited=edited)

    @rule(names=some_names, death=deaths, edited=editors)
    def remove(self, names: list[str], death: int | None, edited: str | None) -> None:
        scores, photos = self.now
        there = [name for name in names if name in photos | scores.keys()]
        after = self.after(dict.fromkeys(there), go=there)
        self.change(death, lambda: self.book.remove(there), after, edited=edited)

    @rule(death=deaths, is_scored=st.booleans(), edited=editors)
    def add(self, death: int | None, is_scored: bool, edited: str | None) -> None:
        number = self.tick()
        source = self.folder / f"new{number}.png"
        Image.new("RGB", (3, 3), (number % 256, number // 256, self.count % 256)).save(source)
        score = number / 1000 if is_scored else None
        after = self.after({source.name: score}, frozenset({source.name}))
        only_copied = (self.now[0], after[1])
        if death is None:
            self.contents.add(source.read_bytes())
        self.change(death, lambda: self.book.add(source, score), after, only_copied, edited=edited)

    @precondition(lambda self: self.done)
    @rule(death=deaths, edited=editors)
    def undo(self, death: int | None, edited: str | None) -> None:
        if self.attempt(death, self.book.undo, self.done[-1], edited=edited):
            self.undone.append(self.now)
            self.go_on(self.done.pop())
        else:
            self.go_on(self.now)

    @precondition(lambda self: self.undone)
    @rule(death=deaths, edited=editors)
    def redo(self, death: int | None, edited: str | None) -> None:
        if self.attempt(death, self.book.redo, self.undone[-1], edited=edited):
            self.done.append(self.now)
            self.go_on(self.undone.pop())
        else:
            self.go_on(self.now)

    @precondition(lambda self: not self.done)
    @rule()
    def undo_nothing(self) -> None:
        with pytest.raises(NotFound):
            self.book.undo()

    @rule(name=st.sampled_from(PHOTOS), death=deaths)
    def edit_outside(self, name: str, death: int | None) -> None:
        scores = self.edit(name, self.now[0])
        assert self.read() == (scores, self.now[1]), "a reader merges it without writing"
        with dying_at(death):
            self.book.take_outside()
        self.open()
        self.book.take_outside()
        self.go_on(self.now)
        assert self.read() == self.now

    @rule(death=deaths, edited=editors)
    def flush(self, death: int | None, edited: str | None) -> None:
        self.attempt(death, self.book.flush, self.now, edited=edited)
        self.go_on(self.now)

    @rule()
    def reopen(self) -> None:
        self.open()

    def teardown(self) -> None:
        self.book.flush()
        scores, photos = self.now
        file = self.workspace.scores_file
        if scores or file.exists():
            assert parse_scores(file.read_bytes(), self.workspace.scale, file).scores == scores
        history = History(self.workspace.history_file)
        assert replay(change for change, _ in history.after(BEGINNING)) == scores
        assert [change.seq for change in history.changes()] == list(range(1, len(history.changes()) + 1))
        kept = {(self.workspace.data / name).read_bytes() for name in photos}
        kept |= {item.path.read_bytes() for item in list_trash(self.workspace)}
        assert kept >= self.contents, "no photo is ever lost"
        self.book.close()


@pytest.mark.parametrize("at_once", [1000, 0], ids=["the file follows at once", "the file follows later"])
def test_a_death_at_any_step_loses_nothing(tmp_path: Path, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.labels.scorestore._DELAY", 3600.0)
    monkeypatch.setattr(MortalBook, "folder", tmp_path, raising=False)
    monkeypatch.setattr(MortalBook, "at_once", at_once, raising=False)
    run_state_machine_as_test(MortalBook, settings=CRASHES)
