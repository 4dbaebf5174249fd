"""Real pixels in the whole program: asked for before the app opens, drawn, cleared away; and never inside tmux."""

from __future__ import annotations

import codecs
import fcntl
import os
import queue
import shutil
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from engine.workspace import Workspace
from tests.conftest import REPOSITORY, WorkspaceFactory
from tests.tui.fake_terminal import FOOT, KITTY, SILENT, FakeTerminal, Manners
from tests.tui.pixel_terminal import PixelTerminal
from tests.waiting import wait_until

COLUMNS, LINES = 80, 24
QUIT = b"\x11"
DATA = b"\x1bOR"


class Running:
    """The program, and the terminal that it runs on."""

    def __init__(self, line: FakeTerminal, process: subprocess.Popen[bytes], output: queue.SimpleQueue[bytes]) -> None:
        self.line, self.process = line, process
        self.shows = PixelTerminal((COLUMNS, LINES), line.manners.cell or (10, 20))
        self.sent = b""
        self._output = output
        self._decode = codecs.getincrementaldecoder("utf-8")().decode

    def wait_for(self, predicate: Callable[[PixelTerminal], object], description: str) -> None:
        """Read what the program writes until the terminal shows what is waited for.

        What was read may end in the middle of a frame, so a picture that is not whole may just not be whole yet.
        """

        def holds() -> object:
            self.read()
            try:
                return predicate(self.shows)
            except AssertionError:
                return None

        wait_until(holds, description, timeout=60)

    def read(self) -> None:
        while not self._output.empty():
            data = self._output.get()
            self.sent += data
            self.shows.write(self._decode(data))

    def quit(self) -> int:
        self.line.type(QUIT)
        return self.process.wait(30)


@contextmanager
def running(workspace: Workspace, manners: Manners, *arguments: str, **environ: str) -> Iterator[Running]:
    """Run beholder on a terminal with some manners."""
    output: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    with FakeTerminal(manners, output.put) as line:
        fcntl.ioctl(line.side, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        process = subprocess.Popen(
            [sys.executable, "-m", "tui", "-w", str(workspace.root), "--lang", "en", *arguments],
            stdin=line.side,
            stdout=line.side,
            stderr=line.side,
            env={**plain_environ(), "TERM": "xterm-256color", "COLORTERM": "truecolor", **environ},
            start_new_session=True,
        )
        try:
            yield Running(line, process, output)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(10)


def plain_environ() -> dict[str, str]:
    path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH", "")]))
    known = {name: value for name, value in os.environ.items() if name not in {"TMUX", "STY", "NO_COLOR"}}
    return {**known, "PYTHONPATH": path}


def open_photo(app: Running) -> None:
    app.wait_for(lambda shows: "F3" in shows.text, "Home is there")
    app.line.type(DATA)
    app.wait_for(lambda shows: "10_0.jpg" in shows.text, "the table is there")
    app.line.type(b"o")


def test_a_kitty_terminal_shows_pixels_and_forgets_them_at_the_end(workspace: Workspace) -> None:
    with running(workspace, KITTY, "--pictures", "auto") as app:
        open_photo(app)
        app.wait_for(lambda shows: shows.placeholders() is not None, "a photo is shown in pixels")
        app.line.type(b"\x1b")
        app.wait_for(lambda shows: shows.placeholders() is None, "the photo is left")
        assert app.quit() == 0
        app.wait_for(lambda shows: not shows.kitty, "the terminal forgets the photos")
        assert app.line.settings() == app.line.first


def test_a_sixel_terminal_shows_pixels(workspace: Workspace) -> None:
    with running(workspace, FOOT, "--pictures", "sixel") as app:
        open_photo(app)
        app.wait_for(lambda shows: shows.pixel_place is not None, "a photo is shown in pixels")
        app.line.type(b"\x1b")
        app.wait_for(lambda shows: shows.pixel_place is None, "the photo is left")
        assert app.quit() == 0


def test_what_is_typed_during_the_question_reaches_the_app(workspace: Workspace) -> None:
    with running(workspace, replace(KITTY, before=DATA), "--pictures", "auto") as app:
        app.wait_for(lambda shows: "10_0.jpg" in shows.text, "the key opened Data")
        assert app.quit() == 0


@pytest.mark.parametrize("arguments", [[], ["--pictures", "quadrant"], ["--low-bandwidth"]])
def test_cells_ask_nothing(workspace: Workspace, arguments: list[str]) -> None:
    with running(workspace, KITTY, *arguments) as app:
        open_photo(app)
        app.wait_for(lambda shows: "▄" in shows.text, "a photo is shown in cells")
        assert app.quit() == 0
        app.read()
        assert app.line.asked == []
        assert b"\x1b_G" not in app.sent


@pytest.mark.parametrize(("manners", "mark"), [(FOOT, b"\x1bP"), (KITTY, b"\x1b_Ga=t")], ids=["sixel", "kitty"])
def test_a_slow_line_gets_pixels_by_itself_only_where_they_are_cheap(
    workspace: Workspace, manners: Manners, mark: bytes
) -> None:
    with running(workspace, manners, "--pictures", "auto", "--low-bandwidth") as app:
        open_photo(app)
        if manners is KITTY:
            app.wait_for(lambda shows: shows.placeholders() is not None, "a photo is shown in pixels")
        else:
            app.wait_for(lambda shows: "▄" in shows.text, "a photo is shown in cells")
        assert app.quit() == 0
        app.read()
        assert (mark in app.sent) == (manners is KITTY)


def test_the_saved_choice_asks_at_the_next_start(workspace: Workspace) -> None:
    workspace.save_settings(replace(workspace.settings(), pictures="auto"))
    with running(workspace, FOOT) as app:
        open_photo(app)
        app.wait_for(lambda shows: shows.pixel_place is not None, "a photo is shown in pixels")
        assert app.quit() == 0


def test_a_terminal_that_says_nothing_gets_cells_and_the_person_a_reason(workspace: Workspace) -> None:
    with running(workspace, SILENT, "--pictures", "kitty") as app:
        app.wait_for(lambda shows: "gave no answer in time" in shows.text, "the reason is told")
        open_photo(app)
        app.wait_for(lambda shows: "▄" in shows.text, "a photo is shown in cells")
        assert app.quit() == 0
        app.read()
        assert b"\x1b_G" not in app.sent


def test_what_claims_to_be_inside_tmux_is_never_asked(workspace: Workspace) -> None:
    with running(workspace, KITTY, "--pictures", "kitty", TMUX="/tmp/tmux-1/default,1,0") as app:
        app.wait_for(lambda shows: "tmux and screen" in shows.text, "the reason is told")
        assert app.quit() == 0
        assert app.line.asked == []


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_a_real_tmux_gets_neither_questions_nor_pixels(workspace: Workspace, tmp_path: Path) -> None:
    record = tmp_path / "record"
    environ = {**plain_environ(), "TMUX_TMPDIR": str(tmp_path), "LC_ALL": "C.UTF-8", "TERM": "xterm-256color"}
    program = f"{sys.executable} -m tui -w {workspace.root} --lang en --pictures auto"

    def tmux(*words: str) -> str:
        answer = subprocess.run(
            ["tmux", "-f", os.devnull, "-L", "beholder", *words],
            env=environ,
            capture_output=True,
            text=True,
            check=True,
        )
        return answer.stdout

    tmux("new-session", "-d", "-x", "80", "-y", "24", f"read wait; exec {program}")
    try:
        tmux("pipe-pane", f"cat > {record}")
        tmux("send-keys", "Enter")
        wait_until(lambda: "tmux and screen" in tmux("capture-pane", "-p"), "the reason is told", timeout=60)
        tmux("send-keys", "F3")
        wait_until(lambda: "10_0.jpg" in tmux("capture-pane", "-p"), "the table is there", timeout=60)
        tmux("send-keys", "o")
        wait_until(lambda: "▄" in tmux("capture-pane", "-p"), "a photo is shown in cells", timeout=60)
        sent = record.read_bytes()
    finally:
        tmux("kill-server")
    assert sent
    assert not [mark for mark in (b"\x1b_", b"\x1bP", b"\x1b[6n", b"\x1b[c", b"\x1b[16t", b"\x1b[>q") if mark in sent]


def test_doctor_says_what_the_terminal_can(workspace_factory: WorkspaceFactory) -> None:
    with running(workspace_factory(photos=1), FOOT, "doctor") as app:
        assert app.process.wait(60) == 0
        app.wait_for(lambda shows: b"Pictures" in app.sent, "it is told")
        words = app.sent.decode()
        assert "foot(1.20.2)" in words
        assert "beholder --pictures auto" in words
        assert app.line.settings() == app.line.first
