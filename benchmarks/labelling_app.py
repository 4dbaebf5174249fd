"""The app on a real pseudo-terminal: from a key to its drawing, how long its event loop stood still, bytes sent."""

from __future__ import annotations

import itertools
import os
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from benchmarks.labelling_album import large_photos, many_photos, marker, named, score_of
from benchmarks.labelling_figures import Figure, at_most, milliseconds, quantile
from benchmarks.watched_app import longest_block
from engine.workspace import Workspace
from tests.e2e.terminal import Chunk, Terminal

_WIDE, _FULL = (120, 40), (80, 40)
_COLOUR = re.compile(rb"[34]8;2;(\d+);(\d+);(\d+)")
_NEAR = 8  # how far JPEG and the resizing may shift a stripe's colour
_QUIET, _PATIENCE = 0.25, 5.0
_DOWNS = 45  # the last ones scroll


class Answer(NamedTuple):
    """What the app wrote after a key.

    Args:
        pressed: when the key was, by the monotonic clock.
        drawn: when what was waited for was on the screen.
        bytes: how many came until it was quiet.
    """

    pressed: float
    drawn: float
    bytes: int

    @property
    def seconds(self) -> float:
        """From the key to the drawing."""
        return self.drawn - self.pressed


class WatchedApp(Terminal):
    """The app on a terminal of a size, with a log of the times when its event loop was late."""

    def __init__(self, workspace: Workspace, size: tuple[int, int], *options: str) -> None:
        self.log = workspace.root / "late.log"
        command = [sys.executable, "-m", "benchmarks.watched_app", str(self.log)]
        arguments = ["-w", str(workspace.root), "--lang", "en", *options]
        super().__init__(arguments, Path.cwd(), os.environ, size, command)

    def answer(self, *keys: str, drawn: Callable[[list[Chunk]], float | None] | None = None) -> Answer:
        """Press keys and listen until it is quiet; drawn finds the moment of the drawing, else it is the last one."""
        pressed = time.monotonic()
        self.press(*keys)
        chunks = self.listen(_QUIET, first=_PATIENCE)
        moment = drawn(chunks) if drawn else None
        if moment is None:
            moment = chunks[-1].time if chunks else float("inf")
        return Answer(pressed, moment, sum(len(chunk.data) for chunk in chunks))

    def answer_with(self, *keys: str, shows: Callable[[list[str]], bool], what: str, press: bool = True) -> Answer:
        """Press keys, and find the moment at which the lines of the screen are as they should be."""
        pressed = time.monotonic()
        if press:
            self.press(*keys)
        chunk = self.wait_until(lambda text: shows(text.splitlines()), what)
        assert chunk is not None, f"{what}: the screen was so before"
        rest = self.listen(_QUIET)
        return Answer(pressed, chunk.time, len(chunk.data) + sum(len(other.data) for other in rest))

    def memory(self) -> tuple[int, int]:
        """Return the megabytes that the process holds, and the most that it ever held."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = dict(re.findall(r"(VmRSS|VmHWM):\s+(\d+) kB", status))
        return int(found["VmRSS"]) // 1024, int(found["VmHWM"]) // 1024

    def blocked(self, answers: Sequence[Answer]) -> float:
        """Return the longest time that the event loop was late from a key until it was quiet again, in seconds."""
        return max(longest_block(self.log, answer.pressed, answer.drawn + _QUIET) for answer in answers)

    def open_scoring(self) -> None:
        """Go to the scoring mode, and wait for its first photo."""
        self.wait_for("F3 Data")
        self.press("s")
        self.listen(1.0, first=_PATIENCE)
        assert _stripe(0)(self.recent) is not None, f"the scoring mode shows no photo:\n{self.text}"

    def listen(self, quiet: float = 0.3, seconds: float = 10.0, first: float | None = None) -> list[Chunk]:
        """As `Terminal.listen`, and keep what came."""
        self.recent = super().listen(quiet, seconds, first)
        return self.recent


def _stripe(number: int) -> Callable[[list[Chunk]], float | None]:
    """Return what finds the moment at which the last cell of a photo's stripe had come."""
    wanted = marker(number)

    def drawn(chunks: list[Chunk]) -> float | None:
        moments = [
            chunk.time
            for chunk in chunks
            if any(
                max(abs(int(part) - aim) for part, aim in zip(colour.groups(), wanted, strict=True)) <= _NEAR
                for colour in _COLOUR.finditer(chunk.data)
            )
        ]
        return moments[-1] if moments else None

    return drawn


def flips(place: Path, photos: int = 16) -> Iterator[Figure]:
    """Flip through 12-MP photos in the scoring mode."""
    workspace = large_photos(place, photos)
    order = [*range(1, photos), *range(photos - 2, -1, -1)]
    with WatchedApp(workspace, _WIDE) as app:
        app.open_scoring()
        shown = 0
        answers = []
        for number in order:
            answers.append(app.answer("right" if number > shown else "left", drawn=_stripe(number)))
            shown = number
        seconds = [answer.seconds for answer in answers]
        block = app.blocked(answers)
        app.press("ctrl+q")
        app.wait_for_end()
    plain = statistics.median(_plain_way(workspace.data / named(number)) for number in range(5))
    middle = quantile(seconds, 0.5)
    beside = f"{milliseconds(plain)} to open, shrink and draw it with rich-pixels: {plain / middle:.1f}×"
    yield Figure("key to next photo drawn, 120×40, 12 MP: p50", milliseconds(middle), "", None, beside)
    yield at_most("  p95", quantile(seconds, 0.95), 0.06)
    yield at_most("  longest block of the event loop", block, 0.03)
    usual = flip_bytes(workspace, order)
    low = flip_bytes(workspace, order, "--low-bandwidth")
    yield Figure("bytes of a photo flip, 80×40: median", f"{usual:,}")
    yield Figure("  with --low-bandwidth", f"{low:,}", "< half", low < usual / 2, f"{usual / low:.1f}× less")


def flip_bytes(workspace: Workspace, order: Sequence[int], *options: str) -> int:
    """Return how many bytes the app sends for a flip in the scoring mode, 80×40: the median.

    Args:
        workspace: whose photos are shown.
        order: numbers of photos, each next to the last one in either direction; photo 0 is shown before.
        options: for the app.
    """
    with WatchedApp(workspace, _FULL, *options) as app:
        app.wait_for("F3 Data")
        app.press("s")
        app.listen(1.0, first=_PATIENCE)
        shown, sent = 0, []
        for number in order:
            sent.append(app.answer("right" if number > shown else "left").bytes)
            shown = number
        app.press("ctrl+q")
        app.wait_for_end()
    return int(statistics.median(sent))


def _plain_way(path: Path) -> float:
    """Return the seconds that the plain way takes to decode, shrink and turn a photo into half cells."""
    from rich.console import Console
    from rich_pixels import Pixels

    console = Console(width=_WIDE[0], color_system="truecolor", force_terminal=True, file=open(os.devnull, "w"))  # noqa: SIM115, PTH123
    start = time.perf_counter()
    with Image.open(path) as photo:
        small = photo.convert("RGB").resize((104, 76), Image.Resampling.LANCZOS)
    console.print(Pixels.from_image(small))
    return time.perf_counter() - start


def arrow_keys(place: Path, rows: int = 300) -> Iterator[Figure]:
    """Count the bytes of arrow keys in the score table, beside a stock DataTable of the same rows."""
    workspace = many_photos(place, rows)
    with WatchedApp(workspace, _WIDE) as app:
        app.wait_for("F3 Data")
        app.press("f3")
        app.wait_for(named(0))
        app.listen(1.0)
        ours = [app.answer("down").bytes for _ in range(_DOWNS)]
        app.press("ctrl+q")
        app.wait_for_end()
    stock_program = [sys.executable, "-m", "benchmarks.stock_table"]
    with Terminal([str(rows)], Path.cwd(), os.environ, _WIDE, stock_program) as stock:
        stock.wait_for(named(0))
        stock.listen(1.0)
        plain = []
        for _ in range(_DOWNS):
            stock.press("down")
            plain.append(sum(len(chunk.data) for chunk in stock.listen(_QUIET, first=_PATIENCE)))
    typical, usual = int(statistics.median(ours)), statistics.median(plain)
    beside = f"{int(usual):,} in a stock DataTable: {usual / typical:.1f}×"
    yield Figure(
        "bytes of an arrow key in the table, 120×40: median", f"{typical:,}", "≤ 4,096", typical <= 4096, beside
    )
    most, beside = max(ours), f"{max(plain):,} in a stock DataTable: {max(plain) / max(ours):.1f}×"
    yield Figure("  the most, where the table scrolls", f"{most:,}", "≤ 4,096", most <= 4096, beside)


def many_entries(place: Path, count: int = 100_000) -> Iterator[Figure]:
    """Open, sort, filter and cross a table of very many entries."""
    workspace = many_photos(place, count)
    rank = {number: place for place, number in enumerate(sorted(range(count), key=score_of))}
    good = [number for number in range(count) if score_of(number) > 99]
    start = time.monotonic()
    with WatchedApp(workspace, _WIDE) as app:
        app.wait_for("F3 Data")
        cold = app.answer_with("f3", shows=lambda lines: _rows(lines)[:2] == [0, 1], what="the rows")
        yield Figure(f"{count:,} entries: from the start of the app to the rows", milliseconds(cold.drawn - start))
        app.press("ctrl+q")
        app.wait_for_end()
    with WatchedApp(workspace, _WIDE) as app:
        app.wait_until(lambda text: str(count) in text.replace(",", ""), "Home's figures")
        app.listen(1.0)
        answers = []

        def timed(what: str, *keys: str, shows: Callable[[list[str]], bool]) -> Figure:
            answers.append(app.answer_with(*keys, shows=shows, what=what))
            return at_most(what, answers[-1].seconds, 0.5)

        yield timed("  open Data", "f3", shows=lambda lines: _rows(lines)[:2] == [0, 1])
        app.listen(3.0)  # sizes, times and guesses come after the rows
        yield timed("  sort", "s", shows=lambda lines: _is_sorted(_rows(lines), rank))
        app.answer("/")
        yield timed("  filter score>99", "score>99", shows=lambda lines: _is_filtered(_rows(lines), good))
        app.press("escape")
        app.listen(1.0)
        yield timed(
            "  jump to the end",
            "end",
            shows=lambda lines: {rank[number] for number in _rows(lines)[-1:]} & {0, count - 1},
        )
        app.press("home")
        app.listen(1.0)
        pages = [app.answer("pagedown") for _ in range(40)]
        yield at_most("  page down, key to drawn: p95", quantile([page.seconds for page in pages], 0.95), 0.06)
        yield Figure("  longest block of the event loop: opening", milliseconds(app.blocked(answers[:1])))
        yield Figure("    after that", milliseconds(app.blocked([*answers[1:], *pages])))
        now, most = app.memory()
        yield Figure("  memory of the app", f"{most} MB", "< 300 MB", most < 300, f"{now} MB at the end")
        app.press("ctrl+q")
        app.wait_for_end()


def _rows(lines: Sequence[str]) -> list[int]:
    """Return the numbers of the photos whose names are on the screen's left half, from the top."""
    found = (re.search(r"IMG_(\d{6})", line[: len(line) // 2]) for line in lines)
    return [int(match[1]) for match in found if match]


def _is_filtered(rows: list[int], good: Sequence[int]) -> bool:
    return len(rows) > 1 and set(rows) <= set(good)


def _is_sorted(rows: list[int], rank: Mapping[int, int]) -> bool:
    """Say whether the photos stand in the order of their scores, up or down, none left out."""
    steps = {rank[below] - rank[above] for above, below in itertools.pairwise(rows)}
    return steps in ({1}, {-1})
