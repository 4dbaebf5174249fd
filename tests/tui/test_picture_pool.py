"""The pool draws what is seen first, forgets what nobody wants any more, and ends without a word."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widget import Widget

from engine.errors import BeholderError, ImageError
from tests.tui.piloting import wait_for
from tests.waiting import wait_until
from tui.picture_pool import PicturePool, PictureReady, Wish


class Easel(Widget):
    """Remembers what it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.got: dict[object, object] = {}
        self.order: list[object] = []
        self.problems: list[BeholderError] = []
        self.threads: set[int] = set()

    def on_picture_ready(self, ready: PictureReady) -> None:
        self.threads.add(threading.get_ident())
        self.order.append(ready.key)
        self.got[ready.key] = ready.result
        if ready.problem is not None:
            self.problems.append(ready.problem)


class Gate:
    """Work that says when it begins, and ends when it may."""

    def __init__(self) -> None:
        self.begun: list[object] = []
        self.open = threading.Event()

    def wish(self, key: object, *, waits: bool = False) -> Wish:
        def draw() -> object:
            self.begun.append(key)
            if waits:
                assert self.open.wait(20)
            return f"picture of {key}"

        return Wish(key, draw)


class Studio(App[None]):
    def compose(self) -> Iterator[Widget]:
        yield Easel()
        yield Easel()


def _explain(error: Exception) -> BeholderError:
    return BeholderError("It is a fault ({cause}).", remedy="Try again.", cause=str(error))


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open.set()


@contextmanager
def _pool(threads: int = 1) -> Iterator[PicturePool]:
    pool = PicturePool(_explain, threads)
    yield pool
    pool.close()


async def _easels(pilot: Pilot[None]) -> tuple[Easel, Easel]:
    one, two = pilot.app.query(Easel)
    return one, two


async def test_a_picture_comes_as_a_message_on_the_event_loop(gate: Gate) -> None:
    with _pool(2) as pool:
        async with Studio().run_test() as pilot:
            easel, other = await _easels(pilot)
            pool.want(easel, [gate.wish("a"), gate.wish("b")])
            await wait_for(pilot, lambda: len(easel.got) == 2, "both pictures")
            assert easel.got == {"a": "picture of a", "b": "picture of b"}
            assert easel.threads == {threading.get_ident()}
            assert not other.got
            await wait_for(pilot, lambda: pool.is_idle, "an idle pool")


async def test_what_is_seen_comes_first_then_what_may_be_seen_soon(gate: Gate) -> None:
    with _pool() as pool:
        async with Studio().run_test() as pilot:
            easel, other = await _easels(pilot)
            pool.want(other, [gate.wish("busy", waits=True)])
            wait_until(lambda: gate.begun, "the thread at work")
            pool.want(easel, [gate.wish(1), gate.wish(2)], [gate.wish(3), gate.wish(4)])
            gate.open.set()
            await wait_for(pilot, lambda: len(easel.got) == 4, "all four")
            assert gate.begun == ["busy", 1, 2, 3, 4]


async def test_the_widget_that_asked_last_is_served_first(gate: Gate) -> None:
    with _pool() as pool:
        async with Studio().run_test() as pilot:
            old, new = await _easels(pilot)
            pool.want(old, [gate.wish("busy", waits=True), gate.wish("old")], [gate.wish("old, soon")])
            wait_until(lambda: gate.begun, "the thread at work")
            pool.want(new, [gate.wish("new")])
            gate.open.set()
            await wait_for(pilot, lambda: len(old.got) == 3 and len(new.got) == 1, "all")
            assert gate.begun.index("new") < gate.begun.index("old, soon")


async def test_what_is_named_no_more_is_dropped(gate: Gate) -> None:
    with _pool() as pool:
        async with Studio().run_test() as pilot:
            easel, _ = await _easels(pilot)
            pool.want(easel, [gate.wish("busy", waits=True)])
            wait_until(lambda: gate.begun, "the thread at work")
            for number in range(50):
                pool.want(easel, [gate.wish(number)], [gate.wish(number + 1000)])
            gate.open.set()
            await wait_for(pilot, lambda: len(easel.got) == 2, "the last wishes")
            assert gate.begun == ["busy", 49, 1049]
            assert set(easel.got) == {49, 1049}  # nobody wanted the first one any more when it was done


async def test_one_thread_is_kept_free_for_what_is_seen(gate: Gate) -> None:
    with _pool(2) as pool:
        async with Studio().run_test() as pilot:
            easel, other = await _easels(pilot)
            pool.want(easel, [], [gate.wish("soon", waits=True), gate.wish("later", waits=True)])
            await wait_for(pilot, lambda: gate.begun == ["soon"], "drawing ahead")
            pool.want(other, [gate.wish("now")])
            await wait_for(pilot, lambda: "now" in other.got, "what is seen, while the other is still being drawn")
            assert gate.begun == ["soon", "now"]


async def test_one_picture_for_two_widgets_is_drawn_once(gate: Gate) -> None:
    with _pool(2) as pool:
        async with Studio().run_test() as pilot:
            easel, other = await _easels(pilot)
            pool.want(easel, [gate.wish("a", waits=True)])
            wait_until(lambda: gate.begun, "the thread at work")
            pool.want(other, [gate.wish("a")])
            pool.want(easel, [gate.wish("a")], [gate.wish("b")])
            gate.open.set()
            await wait_for(pilot, lambda: "a" in easel.got and "a" in other.got, "the picture in both")
            assert gate.begun.count("a") == 1


@pytest.mark.parametrize(
    ("fault", "told"),
    [(ImageError("{name} is empty.", remedy="Copy it.", name="a.jpg"), "a.jpg is empty"), (KeyError("x"), "a fault")],
)
async def test_an_error_reaches_the_widget_and_the_pool_lives_on(gate: Gate, fault: Exception, told: str) -> None:
    def fail() -> object:
        raise fault

    with _pool() as pool:
        async with Studio().run_test() as pilot:
            easel, _ = await _easels(pilot)
            pool.want(easel, [Wish("bad", fail), gate.wish("good")])
            await wait_for(pilot, lambda: "good" in easel.got, "the next picture")
            assert easel.got["bad"] is None
            assert told in str(easel.problems[0])


async def test_a_widget_that_went_away_is_forgotten(gate: Gate) -> None:
    with _pool() as pool:
        async with Studio().run_test() as pilot:
            easel, other = await _easels(pilot)
            pool.want(easel, [gate.wish("busy", waits=True), gate.wish("gone")])
            wait_until(lambda: gate.begun, "the thread at work")
            pool.forget(easel)
            await easel.remove()
            pool.want(other, [gate.wish("here")])
            gate.open.set()
            await wait_for(pilot, lambda: "here" in other.got, "the other's picture")
            assert gate.begun == ["busy", "here"]


async def test_closing_while_busy_does_not_wait_and_tells_nobody(gate: Gate) -> None:
    pool = PicturePool(_explain, 2)
    async with Studio().run_test() as pilot:
        easel, _ = await _easels(pilot)
        pool.want(easel, [gate.wish(number, waits=True) for number in range(5)])
        await wait_for(pilot, lambda: len(gate.begun) == 2, "both threads at work")
        pool.close()
        gate.open.set()
        await asyncio.to_thread(wait_until, _no_thread_is_left, "the end of the threads")
        pool.want(easel, [gate.wish("late")])
        await pilot.pause()
        assert not easel.got
        assert len(gate.begun) == 2
        assert pool.is_idle


def _no_thread_is_left() -> bool:
    return not any(thread.name.startswith("pictures-") for thread in threading.enumerate())
