"""The draft of an import: typed scores, photos left out, undo and counts, against counting everything anew."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from engine.errors import Message
from engine.labels.importing import ImportItem, ImportPlan
from engine.workspace import Scale
from tui.screens.import_draft import KINDS, Draft

FOLDER = Path("/album")
REASONS = ["from the name", "not a score: {name}", "{score} is outside the scale {scale}"]


def item(number: int, *, name: str = "", state: str = "new", score: float | None = None, reason: int = 0) -> ImportItem:
    values = {"name": "x", "score": "170", "scale": "0-100"}
    shown = name or f"{number}.jpg"
    renamed = state == "new" and number % 5 == 4
    return ImportItem(FOLDER / f"{number}.jpg", shown, score, Message(REASONS[reason], values), state, renamed, 10)  # type: ignore[arg-type]


items = st.builds(
    lambda rows: [item(number, **row) for number, row in enumerate(rows)],
    st.lists(
        st.fixed_dictionaries(
            {
                "name": st.sampled_from(["", "", "twin.jpg", "pair.jpg"]),
                "state": st.sampled_from(["new", "new", "same", "bad"]),
                "score": st.none() | st.integers(0, 100).map(float),
                "reason": st.sampled_from([0, 1, 2]),
            }
        ),
        max_size=12,
    ),
)
actions = st.lists(
    st.tuples(st.sampled_from(["give", "clear", "out", "undo", "redo"]), st.integers(0, 14)), max_size=25
)


def state_of(draft: Draft) -> list[tuple[float | None, bool, bool]]:
    draft.narrow("all")
    return [(row.score, row.typed, draft.is_out(row)) for row in draft.shown]


@given(items, actions)
def test_every_change_can_be_undone_and_the_counts_stay_true(
    rows: list[ImportItem], steps: list[tuple[str, int]]
) -> None:
    draft = Draft(ImportPlan(tuple(rows), FOLDER))
    past, future = [], []
    for action, number in steps:
        before = state_of(draft)
        source = FOLDER / f"{number}.jpg"
        if action in {"undo", "redo"}:
            came, went = (past, future) if action == "undo" else (future, past)
            touched = draft.undo() if action == "undo" else draft.redo()
            assert (touched is not None) == bool(came)
            if came:
                went.append(before)
                assert state_of(draft) == came.pop()
            continue
        if action == "out":
            changed = draft.toggle_out(source) is not None
        else:
            draft.give(source, None if action == "clear" else float(number))
            changed = any(row.source == source and row.state != "bad" for row in rows)
        if changed:
            past.append(before)
            future.clear()
        else:
            assert state_of(draft) == before
    fresh = Draft(ImportPlan(tuple(draft.shown), FOLDER))
    taken = [row for row in fresh.shown if not draft.is_out(row)]
    recount = Counter(kind for row in taken for kind in fresh._kinds(row))
    for kind in ("same", "bad", "typed", *KINDS[1:-1]):
        assert draft.count(kind) == recount[kind], kind
        draft.narrow(kind)
        if kind in KINDS:
            assert len(draft.shown) == recount[kind]
    assert draft.plan.items == tuple(taken)


def test_what_is_typed_for_a_photo_holds_for_its_copies() -> None:
    draft = Draft(ImportPlan((item(0, name="a.jpg"), item(1, name="a.jpg", state="same"), item(2)), FOLDER))
    draft.give(FOLDER / "1.jpg", 70.0)
    assert [row.score for row in draft.shown] == [70.0, 70.0, None]
    assert draft.toggle_out(FOLDER / "0.jpg") is True
    assert [row.source.name for row in draft.plan.items] == ["2.jpg"]


def test_a_narrowed_list_keeps_its_rows_while_they_are_mended() -> None:
    draft = Draft(ImportPlan(tuple(item(number) for number in range(4)), FOLDER))
    draft.narrow("unscored")
    draft.give(FOLDER / "1.jpg", 5.0)
    assert [row.score for row in draft.shown] == [None, 5.0, None, None]
    assert (draft.count("unscored"), draft.count("scored")) == (3, 1)
    assert draft.next_kind() == "scored"
    assert [row.source.name for row in draft.shown] == ["1.jpg"]
    assert [draft.next_kind(), draft.next_kind()] == ["new", "all"]  # none is a duplicate, renamed or left out


def test_another_preview_of_the_folder_keeps_what_was_typed_and_left_out() -> None:
    first = Draft(ImportPlan(tuple(item(number) for number in range(4)), FOLDER))
    first.give(FOLDER / "0.jpg", 5.0)
    first.give(FOLDER / "1.jpg", 50.0)
    first.toggle_out(FOLDER / "2.jpg")
    second = Draft(ImportPlan(tuple(item(number) for number in range(3)), FOLDER, Scale(0, 10)), first)
    assert [row.score for row in second.shown] == [5.0, None, None]  # 50 is not on the new scale
    assert (second.count("typed"), second.count("out"), second.count("all")) == (1, 1, 3)
