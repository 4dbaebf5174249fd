"""The terminal is asked what it can draw: every kind of answer, and no trace of the question afterwards."""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import termios
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tui.fake_terminal import FOOT, GHOSTTY, KITTY, SILENT, WEZTERM, XTERM, FakeTerminal, Manners
from tests.waiting import wait_until
from tui import terminal_probe
from tui.terminal_probe import Answers, ask_terminal, choose, never_asked

PLENTY = 20.0  # seconds: a test never waits for it


def ask(terminal: FakeTerminal, patience: float = PLENTY) -> Answers:
    answers = ask_terminal(terminal.side, terminal.side, patience=patience)
    assert terminal.settings() == terminal.first
    return answers


@pytest.mark.parametrize(
    ("manners", "auto", "kitty", "sixel"),
    [
        (KITTY, "kitty", "kitty", ""),
        (GHOSTTY, "kitty", "kitty", ""),
        (FOOT, "sixel", "", "sixel"),
        # it answers Kitty's question too, but would show the placeholders as letters
        (WEZTERM, "sixel", "", "sixel"),
        (replace(WEZTERM, cell=None), "", "", ""),
        (XTERM, "", "", ""),
        (replace(KITTY, name="kitty(0.26.5)"), "", "", ""),
        (replace(KITTY, kitty="ENOTSUPPORTED:graphics are off"), "", "", ""),
        (replace(FOOT, cell=(0, 16)), "", "", ""),
        (Manners("tmux 3.5a", "1;2;4", (8, 16)), "", "", ""),
    ],
    ids=lambda value: value.name if isinstance(value, Manners) else value or "none",
)
def test_each_terminal_gets_what_it_can_show(manners: Manners, auto: str, kitty: str, sixel: str) -> None:
    with FakeTerminal(manners) as terminal:
        answers = ask(terminal)
    assert answers.heard
    assert answers.name == manners.name
    assert [choose(asked, answers).mode for asked in ("auto", "kitty", "sixel")] == [auto, kitty, sixel]
    assert all(str(choose(asked, answers).reason) for asked in ("auto", "kitty", "sixel"))


def test_the_size_of_a_cell_is_width_and_height() -> None:
    with FakeTerminal(FOOT) as terminal:
        assert choose("auto", ask(terminal)).cell == (8, 16)


@pytest.mark.parametrize(
    ("window", "cell"),
    [((120 * 9, 40 * 19), (9, 19)), ((120 * 9 + 4, 40 * 19 + 4), (9, 19)), ((1100, 764), None), ((0, 0), None)],
)
def test_the_window_tells_the_size_of_a_cell_where_the_terminal_does_not(
    window: tuple[int, int], cell: tuple[int, int] | None
) -> None:
    with FakeTerminal(replace(FOOT, cell=None)) as terminal:
        fcntl.ioctl(terminal.side, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, *window))
        answers = ask(terminal)
    assert answers.cell == cell
    assert choose("auto", answers).mode == ("sixel" if cell else "")


def test_only_terminals_that_could_use_it_hear_the_question_in_kittys_protocol() -> None:
    for manners, is_asked in ((KITTY, True), (GHOSTTY, True), (WEZTERM, False), (XTERM, False)):
        with FakeTerminal(manners) as terminal:
            ask(terminal)
            assert any(question.startswith("\x1b_G") for question in terminal.asked) == is_asked


def test_keys_typed_meanwhile_are_no_answers_and_are_kept() -> None:
    typed = replace(KITTY, before=b"85\r", between=b"\x1b[Ax")
    with FakeTerminal(typed) as terminal:
        answers = ask(terminal)
    assert (answers.kitty, answers.cell, answers.name) == (True, (9, 18), "kitty(0.41.1)")
    # name, cell, attributes, Kitty's protocol, attributes
    assert answers.typed == b"85\r" + 5 * b"\x1b[Ax"


def test_what_was_typed_before_the_question_is_kept_in_its_place() -> None:
    with FakeTerminal(FOOT) as terminal:
        terminal.type(b"42")
        answers = ask(terminal)
    assert choose("auto", answers).mode == "sixel"
    assert answers.typed == b"42"


def test_a_silent_terminal_is_asked_once_and_then_left_alone() -> None:
    output: list[bytes] = []
    with FakeTerminal(SILENT, output.append) as terminal:
        answers = ask(terminal, patience=0.05)
        os.write(terminal.side, b"end")
        wait_until(lambda: b"".join(output).endswith(b"end"), "all that was written arrived")
    assert not answers.heard
    assert choose("auto", answers).mode == ""
    assert b"".join(output) == b"\x1b[6nend"


def test_an_answer_that_comes_too_late_is_one_that_the_app_ignores() -> None:
    from textual._xterm_parser import XTermParser
    from textual.events import Key

    output: list[bytes] = []
    with FakeTerminal(SILENT, output.append) as terminal:
        assert not ask(terminal, patience=0.05).heard
        wait_until(lambda: b"".join(output), "the question arrived")
        (late,) = KITTY.answers(b"".join(output).decode())
    assert late
    assert not [event for event in XTermParser().feed(late.decode()) if isinstance(event, Key)]


def test_a_terminal_that_stops_answering_halfway_gets_no_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal_probe, "_PATIENCE_LATER", 0.05)
    with FakeTerminal(replace(KITTY, attributes="", between=b"q")) as terminal:
        answers = ask(terminal)
    assert choose("auto", answers).mode == ""


@pytest.mark.alone
def test_the_line_is_as_before_when_the_question_is_broken_off() -> None:
    with FakeTerminal(SILENT, lambda _: os.kill(os.getpid(), signal.SIGINT)) as terminal:
        with pytest.raises(KeyboardInterrupt):
            ask_terminal(terminal.side, terminal.side, patience=PLENTY)
        assert terminal.settings() == terminal.first


def test_the_line_is_as_before_when_nothing_can_be_written() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with FakeTerminal(KITTY) as terminal:
        assert not ask_terminal(terminal.side, writing).heard
        assert terminal.settings() == terminal.first
    os.close(writing)


def test_a_file_is_no_terminal() -> None:
    reading, writing = os.pipe()
    assert ask_terminal(reading, writing) == Answers()
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize(
    "environ",
    [
        {"TMUX": "/tmp/tmux-0/default,1,0", "TERM": "xterm-kitty"},
        {"TERM": "tmux-256color"},
        {"TERM": "screen-256color"},
        {"STY": "123.pts", "TERM": "xterm"},
        {"TERM": "dumb"},
        {"TERM": "linux"},
        {},
        {"TERM": "xterm-kitty", "NO_COLOR": "1"},
    ],
    ids=str,
)
def test_where_pixels_would_go_astray_the_terminal_is_never_asked(environ: dict[str, str]) -> None:
    assert str(never_asked(environ))
    assert terminal_probe.find_graphics("kitty", environ).mode == ""


@given(st.binary(max_size=300))
def test_no_noise_is_taken_for_an_answer_that_allows_pixels(noise: bytes) -> None:
    talk = terminal_probe._Talk(-1, -1)
    talk._came = noise
    answers = Answers(True, talk.name, talk.attributes, talk.cell, talk.kitty, talk.typed)
    assert choose("auto", answers).mode in ("", "sixel")
    assert len(answers.typed) <= len(noise)
    assert answers.name.isprintable()
