"""The score book under load: many scores in a row, two processes at once, and processes that are killed."""

from __future__ import annotations

import json
import random
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.labelling_album import many_photos, named
from benchmarks.labelling_figures import Figure, at_most, milliseconds
from benchmarks.score_writer import given
from engine.labels.scorebook import ScoreBook
from engine.storage import write_text
from engine.workspace import Workspace, format_score

_EACH = 0.005  # seconds, amortised
_PLAIN_KEYS = 30


def in_a_row(place: Path) -> Iterator[Figure]:
    """Set scores one after another in workspaces of three sizes."""
    seconds: dict[int, float] = {}
    for entries, count in ((1_000, 1_000), (10_000, 10_000), (100_000, 1_000)):
        workspace = many_photos(place / str(entries), entries)
        wanted = {named(number): float(number % 101) for number in range(count)}
        start = time.perf_counter()
        with ScoreBook(workspace) as book:
            for name, score in wanted.items():
                book.set(name, score)
        seconds[entries] = (time.perf_counter() - start) / count
        written = _read(workspace)
        wrong = sum(written.get(name) != score for name, score in wanted.items())
        if entries == 10_000:
            plain = _rewriting(place / "plain.txt", dict(written))
            beside = f"{milliseconds(plain)} when the file is rewritten at each key: {plain / seconds[entries]:.1f}×"
            yield at_most("10,000 scores in a row, 10,000 entries: each", seconds[entries], _EACH, beside)
            yield Figure("  of them missing in scores.txt", f"{wrong:,}", "0", wrong == 0)
        else:
            yield Figure(f"{count:,} scores in a row, {entries:,} entries: each", milliseconds(seconds[entries]))
            if wrong:
                yield Figure("  of them missing in scores.txt", f"{wrong:,}", "0", False)
    growth = seconds[100_000] / seconds[10_000]
    yield Figure("  growth from 10,000 to 100,000 entries", f"{growth:.1f}×", "≤ 10×", growth <= 10)


def _read(workspace: Workspace) -> dict[str, float]:
    """Return what stands in scores.txt, read without the score book."""
    lines = workspace.scores_file.read_text("utf-8").splitlines()
    return {name: float(score) for name, _, score in (line.partition("\t") for line in lines if line[:1] != "#")}


def _rewriting(path: Path, scores: dict[str, float]) -> float:
    """Return the seconds a key takes where each rewrites the file and flushes it to the disk."""
    start = time.perf_counter()
    for turn in range(_PLAIN_KEYS):
        scores[named(turn)] = float(turn)
        write_text(path, "".join(f"{name}\t{format_score(score)}\n" for name, score in sorted(scores.items())))
    return (time.perf_counter() - start) / _PLAIN_KEYS


def two_processes(place: Path, edits: int = 2_000) -> Iterator[Figure]:
    """Let two processes score one workspace at once, each its own photos."""
    workspace = many_photos(place, 2 * edits, scored=False)
    start = time.perf_counter()
    writers = [_writer(workspace, first, edits, first) for first in (0, edits)]
    failed = sum(writer.wait(600) != 0 for writer in writers)
    each = (time.perf_counter() - start) / (2 * edits)
    scores = ScoreBook(workspace).scores()
    lost = sum(scores.get(named(first + turn)) != given(turn, first) for first in (0, edits) for turn in range(edits))
    torn = _torn_scores(workspace) + _torn_history(workspace)
    yield Figure(f"two processes, {edits:,} edits each: lost", f"{lost:,}", "0", lost == failed == 0)
    yield Figure(
        "  torn lines in scores.txt and in the history", f"{torn:,}", "0", torn == 0, f"{milliseconds(each)} an edit"
    )


def killed(place: Path, moments: int, seed: int = 3) -> Iterator[Figure]:
    """Kill a scoring process at random moments; look each time whether all that it acknowledged is there."""
    photos = 2_000
    workspace = many_photos(place, photos, scored=False)
    chance = random.Random(seed)
    lost = acknowledged = torn = 0
    for moment in range(moments):
        first = moment * 97 % (photos // 2)
        writer = _writer(workspace, first, photos // 2, moment)
        assert writer.stdout is not None
        told = b""
        if select.select([writer.stdout], [], [], 60)[0]:
            told = writer.stdout.read1(65536)
        time.sleep(chance.random() * 0.25)
        writer.kill()
        told += writer.stdout.read()
        writer.wait()
        last = len(told.splitlines())
        acknowledged += last
        with ScoreBook(workspace) as book:
            scores = book.scores()
            book.flush()
        written = _read(workspace)
        for turn in range(last):
            score = given(turn, moment)
            lost += not scores.get(named(first + turn)) == written.get(named(first + turn)) == score
        torn += _torn_scores(workspace)
    yield Figure(f"SIGKILL at {moments} random moments: lost", f"{lost:,} of {acknowledged:,}", "0", lost == 0)
    yield Figure("  torn lines in scores.txt", f"{torn:,}", "0", torn == 0)


def _writer(workspace: Workspace, first: int, count: int, added: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "benchmarks.score_writer", str(workspace.root), str(first), str(count), str(added)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def _torn_scores(workspace: Workspace) -> int:
    """Return how many lines of the scores are not whole."""
    if not workspace.scores_file.exists():
        return 0
    torn = 0
    for line in workspace.scores_file.read_bytes().removesuffix(b"\n").split(b"\n"):
        name, tab, score = line.partition(b"\t")
        torn += not (line.startswith(b"#") or (name and tab and score.replace(b".", b"").isdigit()))
    return torn


def _torn_history(workspace: Workspace) -> int:
    """Return how many lines of the history are not whole; only a killed process may leave one, unacknowledged."""
    torn = 0
    for line in workspace.history_file.read_bytes().removesuffix(b"\n").split(b"\n"):
        try:
            json.loads(line)
        except ValueError:
            torn += 1
    return torn
