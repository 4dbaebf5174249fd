"""The companion process, asked over its pipes as a face does, on a workspace with a really trained model."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.jobs.companion import LOG_BYTES, LONGEST_LINE, MOST_WAITING, Question, Waiting, read_lines
from engine.models.bundle import find_bundle, remove_bundle, rename_bundle
from engine.workspace import Workspace
from tests.conftest import draw_photo
from tests.waiting import wait_until

PATIENCE = 120.0
COMMAND = (sys.executable, "-m", "engine.jobs.companion")
NOISY = """
import os, sys
import engine.jobs.answers as answers
from engine.jobs.companion import main
quiet = answers.Answers.answer
def noisy(self, *question):
    os.write(1, b"noise of a library\\n")
    print("more noise")
    return quiet(self, *question)
answers.Answers.answer = noisy
main(sys.argv[1:])
"""


class Peer:
    """A companion process and what it has said."""

    def __init__(self, workspace: Workspace, command: tuple[str, ...] = COMMAND) -> None:
        self.process = subprocess.Popen(
            [*command, str(workspace.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.last = 0
        assert self.hear() == {"event": "ready"}

    def tell(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the process has ended"
        heard: dict[str, Any] = json.loads(line)
        return heard

    def ask(self, ask: str, **fields: Any) -> dict[str, Any]:
        self.last += 1
        self.tell(json.dumps({"id": self.last, "ask": ask, **fields}).encode())
        heard = self.hear()
        assert heard["id"] == self.last
        return heard

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()


def is_gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"


@pytest.fixture(scope="module")
def album(trained_workspace: Workspace, new_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The trained workspace with five more photos that have no score."""
    root = tmp_path_factory.mktemp("companion") / "album"
    shutil.copytree(trained_workspace.root, root)
    for photo in new_photos.iterdir():
        shutil.copy2(photo, root / "data" / photo.name)
    return Workspace(root)


@pytest.fixture(scope="module")
def peer(album: Workspace) -> Iterator[Peer]:
    found = Peer(album)
    yield found
    found.close()


def test_it_predicts_with_the_model_that_it_holds(peer: Peer, album: Workspace) -> None:
    info = find_bundle(album, "first")
    assert peer.ask("warm", model="first")["answer"] == {"model_id": info.model_id, "name": "first"}
    answer = peer.ask("predict", path=str(album.data / "new-e.jpg"), model=info.model_id)["answer"]
    assert list(answer["row"]) == ["path", "score", "low", "high", "model_id", "error"]
    assert answer["row"]["low"] <= answer["row"]["score"] <= answer["row"]["high"]
    assert answer["error"] is None
    assert answer["far"] in {True, False}
    dark = peer.ask("predict", path=str(album.data / "new-a.jpg"))["answer"]
    assert dark["row"]["score"] < answer["row"]["score"]


def test_it_explains(peer: Peer, album: Workspace) -> None:
    answer = peer.ask("explain", path=str(album.data / "new-c.jpg"), model="", heat=False)["answer"]["explanation"]
    assert answer["low"] <= answer["score"] <= answer["high"]
    assert answer["heat"] is None
    assert answer["nearest"]


def test_it_says_what_to_score_next(peer: Peer) -> None:
    found = peer.ask("next", n=3)["answer"]["suggestions"]
    assert len({item["name"] for item in found}) == 3
    assert all(item["name"].startswith("new-") and item["reason"]["text"] for item in found)
    assert all(0 <= item["score"] <= 100 for item in found)


def test_it_learns_the_present_scores(peer: Peer) -> None:
    answer = peer.ask("refit")["answer"]
    assert answer["n"] == 30
    assert sorted(answer["guesses"]) == [f"new-{letter}.jpg" for letter in "abcde"]
    assert all(low <= score <= high for score, low, high in answer["guesses"].values())
    assert answer["guesses"]["new-a.jpg"][0] < answer["guesses"]["new-e.jpg"][0]


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense",
        b"\xff\xfe\x00",
        b"[1, 2]",
        b'{"ask": "predict"}',
        b'{"id": true, "ask": "warm"}',
        b'{"id": 1e999, "ask": "warm"}',
        b"[" * 50_000,
        b'{"id": 1, "ask": "' + b"x" * 2 * LONGEST_LINE + b'"}',
    ],
    ids=["no-json", "no-text", "list", "no-id", "boolean-id", "infinite-id", "deep", "huge"],
)
def test_a_line_that_is_no_question_is_an_error_and_not_the_end(peer: Peer, line: bytes) -> None:
    peer.tell(line)
    heard = peer.hear()
    assert heard["id"] is None
    assert heard["error"]["error"] == "UsageError"
    assert "answer" in peer.ask("warm", model="")


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"ask": "sing"}, "UsageError"),
        ({"ask": ["predict"]}, "UsageError"),
        ({"ask": "predict"}, "UsageError"),
        ({"ask": "predict", "path": 7}, "UsageError"),
        ({"ask": "predict", "path": "a\0b"}, "UsageError"),
        ({"ask": "predict", "path": "x" * 10_000}, "UsageError"),
        ({"ask": "warm", "model": None}, "UsageError"),
        ({"ask": "warm", "model": "nobody"}, "NotFound"),
        ({"ask": "next", "n": 0}, "UsageError"),
        ({"ask": "next", "n": True}, "UsageError"),
        ({"ask": "next", "n": 10**9}, "UsageError"),
        ({"ask": "explain", "path": "/nowhere.jpg", "heat": 1}, "UsageError"),
    ],
)
def test_a_question_that_makes_no_sense_is_told_so(peer: Peer, fields: dict[str, Any], kind: str) -> None:
    heard = peer.ask(fields.pop("ask"), **fields)
    assert heard["error"]["error"] == kind
    assert heard["error"]["message"]["text"]


def test_a_photo_that_cant_be_scored_is_a_row_with_the_reason(peer: Peer, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "empty.jpg").touch()
    whole = draw_photo(tmp_path / "whole.jpg", 5, 0.5, (800, 600)).read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    names = ["pipe.jpg", "text.jpg", "empty.jpg", "cut.jpg", "gone.jpg", "."]
    for name in names:
        answer = peer.ask("predict", path=str(tmp_path / name))["answer"]
        assert answer["row"]["score"] is None, name
        assert answer["error"]["text"] == answer["row"]["error"], name
    assert "error" in peer.ask("explain", path=str(tmp_path / "pipe.jpg"), heat=False)


def test_a_name_that_is_no_text_comes_through(peer: Peer, album: Workspace, tmp_path: Path) -> None:
    path = os.fsdecode(bytes(tmp_path) + b"/caf\xe9.jpg")
    shutil.copy2(album.data / "new-a.jpg", path)
    answer = peer.ask("predict", path=path)["answer"]
    assert answer["row"]["path"] == path
    assert answer["row"]["score"] is not None


def test_a_model_that_is_renamed_or_removed_meanwhile_is_noticed(workspace_with_model: Workspace) -> None:
    info = find_bundle(workspace_with_model, "first")
    photo = str(next(workspace_with_model.data.glob("*.jpg")))
    peer = Peer(workspace_with_model)
    try:
        assert peer.ask("warm", model="first")["answer"]["name"] == "first"
        rename_bundle(workspace_with_model, info, "second")
        assert peer.ask("warm", model="first")["error"]["error"] == "NotFound"
        assert peer.ask("warm", model=info.model_id)["answer"]["name"] == "second"
        assert peer.ask("predict", path=photo)["answer"]["row"]["model_id"] == info.model_id
        remove_bundle(workspace_with_model, info)
        assert peer.ask("predict", path=photo)["error"]["error"] == "NotFound"
        assert peer.ask("predict", path=photo, model=info.model_id)["error"]["error"] == "NotFound"
        assert len(peer.ask("next", n=5)["answer"]["suggestions"]) == 0  # all are scored; and no model is needed
    finally:
        peer.close()


def test_what_libraries_print_goes_to_the_log_which_does_not_grow(album: Workspace) -> None:
    log = album.internal / "companion.log"
    log.write_bytes(b"old\n" * LOG_BYTES)
    peer = Peer(album, (sys.executable, "-c", NOISY))
    try:
        assert "answer" in peer.ask("warm", model="first")
        assert peer.ask("sing")["error"]["error"] == "UsageError"
        wait_until(lambda: "noise of a library" in log.read_text(), "the noise in the log", PATIENCE)
    finally:
        peer.close()
    assert log.stat().st_size < LOG_BYTES


def test_it_ends_with_its_standard_input(album: Workspace) -> None:
    peer = Peer(album)
    assert peer.process.stdin is not None
    peer.tell(b'{"id": 1, "ask": "refit"}')
    peer.process.stdin.close()
    assert peer.process.wait(PATIENCE) == 0
    peer.close()


def test_it_dies_with_a_face_that_is_killed(album: Workspace) -> None:
    face = """
import asyncio, sys
from pathlib import Path
from engine.workspace import Workspace
from tui.companion import Companion
async def main():
    companion = Companion(Workspace(Path(sys.argv[1])), lambda change: None)
    await companion.warm()
    print(companion.pid, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""
    process = subprocess.Popen([sys.executable, "-c", face, str(album.root)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    companion = int(process.stdout.readline())
    assert not is_gone(companion)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    wait_until(lambda: is_gone(companion), "the companion's end", PATIENCE)


def test_the_newest_question_is_taken_first_and_a_forgotten_one_never() -> None:
    waiting = Waiting()
    for number in range(4):
        assert waiting.put(Question(number, {})) == []
    assert [question.number for question in waiting.forget(2)] == [2]
    current = waiting.take(lambda: False)
    assert current.number == 3
    assert not current()
    assert waiting.forget(3) == []
    assert current()
    assert [waiting.take(lambda: False).number for _ in range(2)] == [1, 0]


def test_of_too_many_questions_the_oldest_are_dropped() -> None:
    waiting = Waiting()
    dropped = [old.number for number in range(MOST_WAITING + 3) for old in waiting.put(Question(number, {}))]
    assert dropped == [0, 1, 2]


def test_a_pause_is_used_until_nothing_is_left_to_do() -> None:
    waiting, steps = Waiting(), iter([True, True])

    def step() -> bool:
        found = next(steps, False)
        if not found:
            waiting.put(Question(7, {}))
        return found

    assert waiting.take(step).number == 7
    assert next(steps, None) is None


def test_lines_are_found_wherever_the_pipe_cuts_them() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"one\ntw")
    os.write(writing, b"o\n\nlast")
    os.close(writing)
    assert list(read_lines(reading, lambda: None)) == [b"one", b"two", b""]
    os.close(reading)
