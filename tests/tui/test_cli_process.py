"""The command line as a process: clean stdout, closed pipes, signals, a terminal's progress."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from engine.jobs import client
from engine.labels.scorebook import ScoreBook
from engine.workspace import Workspace
from tests.waiting import wait_until

BEHOLDER = [sys.executable, "-m", "tui"]
PATIENCE = 120.0  # seconds; a busy machine may be slow to import


def _run(*arguments: object) -> subprocess.CompletedProcess[str]:
    words = [*BEHOLDER, *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)


class Terminal:
    """A process on a pseudo terminal of 100 by 30 cells."""

    def __init__(self, *arguments: object) -> None:
        self._handle, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        self.process = subprocess.Popen(
            [*BEHOLDER, *map(str, arguments)], stdin=inner, stdout=inner, stderr=inner, start_new_session=True
        )
        os.close(inner)
        self.output = ""

    def read_until(self, words: str | None) -> str:
        """Read until the words appear, or to the end of the process with None."""
        end = time.monotonic() + PATIENCE
        while words is None or words not in self.output:
            assert time.monotonic() < end, f"{words!r} did not come; so far: {self.output!r}"
            if not select.select([self._handle], [], [], 1.0)[0]:
                continue
            data = b""
            with contextlib.suppress(OSError):  # how a closed pseudo terminal says that it is at its end
                data = os.read(self._handle, 65536)
            if not data:
                assert words is None, f"ended without {words!r}: {self.output!r}"
                break
            self.output += data.decode("utf-8", "replace")
        return self.output

    def close(self) -> int:
        """Wait for the end and return the exit code."""
        self.read_until(None)
        os.close(self._handle)
        return self.process.wait(PATIENCE)


def test_errors_go_to_stderr_with_the_right_code() -> None:
    wrong, missing = _run("trian"), _run("import", "/nowhere/at/all")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert (missing.returncode, missing.stdout) == (3, "")
    assert missing.stderr.startswith("Error: ")


def test_json_on_stdout_is_pure(trained_workspace: Workspace, new_photos: Path) -> None:
    answer = _run("-w", trained_workspace.root, "predict", new_photos, "--format", "json")
    assert answer.returncode == 0
    assert len(json.loads(answer.stdout)) == 5
    assert all(line.startswith("{") for line in answer.stderr.splitlines())


@pytest.mark.parametrize("arguments", [["scores", "list"], ["--help"], ["train", "--help"], ["doctor", "--json"]])
def test_a_reader_that_has_enough_ends_it_silently(workspace: Workspace, arguments: list[str]) -> None:
    collecting = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    writer = subprocess.Popen(
        [*BEHOLDER, "-w", str(workspace.root), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=collecting,
    )
    assert writer.stdout is not None
    assert writer.stderr is not None
    writer.stdout.close()  # before it has written anything
    error = writer.stderr.read()
    writer.stderr.close()
    assert (writer.wait(PATIENCE), error) == (0, b"")


def test_names_that_are_no_text_reach_a_pipe_as_they_are(workspace: Workspace) -> None:
    name = os.fsdecode(b"x\xff.jpg")
    shutil.copy(workspace.data / "10_0.jpg", workspace.data / name)
    ScoreBook(workspace).set(name, 5)
    answer = subprocess.run(
        [*BEHOLDER, "-w", str(workspace.root), "scores", "export", "-"], capture_output=True, timeout=PATIENCE
    )
    assert b"\nx\xff.jpg,5.0\n" in answer.stdout


def test_a_poor_encoding_does_not_stop_it(workspace: Workspace) -> None:
    answer = subprocess.run(
        [*BEHOLDER, "-w", str(workspace.root), "--lang", "zh", "doctor"],
        capture_output=True,
        timeout=PATIENCE,
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
    )
    assert answer.returncode == 0
    assert b"Traceback" not in answer.stderr


def test_ctrl_c_cancels_the_training_and_says_what_is_kept(workspace: Workspace) -> None:
    photo = (workspace.data / "10_0.jpg").read_bytes()
    for number in range(4000):  # enough to look at that the training can't be over before the key arrives
        (workspace.data / f"more{number}.jpg").write_bytes(photo + number.to_bytes(4, "big"))
    terminal = Terminal("-w", workspace.root, "train")
    terminal.read_until("Looking at the photos")
    os.kill(terminal.process.pid, signal.SIGINT)
    assert terminal.close() == 130
    assert "jobs resume" in terminal.output
    assert "Traceback" not in terminal.output
    assert [job.state for job in client.list_jobs(workspace)] == [client.JobState.CANCELLED]


def test_a_lost_terminal_does_not_stop_the_training(workspace_with_model: Workspace) -> None:
    workspace = workspace_with_model
    terminal = Terminal("-w", workspace.root, "train", "--name", "after all")
    terminal.read_until("Looking at the photos")
    os.killpg(terminal.process.pid, signal.SIGHUP)
    terminal.close()
    (job,) = client.list_jobs(workspace)
    assert list(client.follow(workspace, job.job_id))[-1]["type"] == "finished"


def test_terminate_ends_a_prediction_like_ctrl_c(
    trained_workspace: Workspace, photo_folder: Path, tmp_path: Path
) -> None:
    out, many = tmp_path / "rows.csv", tmp_path / "many"
    many.mkdir()
    photos = list(photo_folder.iterdir())
    for number in range(30_000):
        (many / f"{number}.jpg").hardlink_to(photos[number % 30])
    terminal = Terminal("-w", trained_workspace.root, "predict", many, "--out", out)
    journal = tmp_path / "rows.csv.part.jsonl"
    wait_until(lambda: journal.exists() and journal.stat().st_size > 0, "the first rows", PATIENCE)
    os.kill(terminal.process.pid, signal.SIGTERM)
    assert terminal.close() == 130
    assert "Stopp" in terminal.output
    assert "--resume" in terminal.output
    assert not out.exists()
    kept = journal.read_text().splitlines()
    assert 0 < len(kept) < 30_000
    assert json.loads(kept[-1])["score"] is not None


def test_a_terminal_sees_a_bar_that_is_gone_at_the_end(trained_workspace: Workspace, new_photos: Path) -> None:
    terminal = Terminal("-w", trained_workspace.root, "predict", new_photos)
    assert terminal.close() == 0
    assert "\r" in terminal.output
    assert "5/5" in terminal.output
    last_bar = terminal.output.rindex("░" if "░" in terminal.output else "█")
    assert "\r\x1b[K" in terminal.output[last_bar:]
    assert terminal.output.rstrip().splitlines()[-1].startswith(str(new_photos)[:10])
