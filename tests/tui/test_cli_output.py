"""What the command line draws: progress in both forms, aligned tables, wrapped text."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from engine.events import Phase, Progress
from tui.cell_width import cut, pad, width, wrap
from tui.console import Console
from tui.i18n import set_language
from tui.progress_line import ProgressLine, duration

Output = pytest.CaptureFixture[str]


@dataclass
class Clock:
    """Seconds that pass only when told."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def _progress(done: int) -> dict[str, object]:
    return Progress("features", done, 100, 12.5, 4.0).to_dict()


def test_without_a_terminal_a_json_line_comes_every_five_seconds(capsys: Output) -> None:
    clock = Clock()
    with ProgressLine(Console(), clock) as line:
        for second in range(12):
            clock.now = float(second)
            line.show(Phase("features").to_dict())
            line.show(_progress(second))
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = [json.loads(text) for text in captured.err.splitlines()]
    assert [item["done"] for item in lines] == [5, 10]
    assert lines[0] == {"phase": "features", "done": 5, "total": 100, "rate": 12.5, "eta": 4.0}


def test_quiet_shows_no_progress_and_no_notes_but_failures(capsys: Output) -> None:
    clock = Clock()
    with ProgressLine(Console(quiet=True), clock) as line:
        clock.now = 60.0
        line.show(_progress(5))
        line.note("by the way")
        line.failure("a\x1b.jpg", "broken")
    assert capsys.readouterr().err == "a\\x1b.jpg: broken\n"


def test_a_terminal_gets_one_line_that_is_redrawn_and_cleared(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    set_language("zh")
    with ProgressLine(Console(), Clock()) as line:
        line.show(_progress(50))
        line.show(_progress(51))  # too soon after the one before
        line.show(_progress(100))
    drawn = capsys.readouterr().err.split("\r")
    assert len(drawn) == 4
    assert drawn[1].startswith("分析照片  ████████████░░░░░░░░░░░░  50/100")
    assert "每秒 12.5" in drawn[1]
    assert "100/100" in drawn[2]
    assert drawn[3] == "\x1b[K"
    assert all(width(text.removesuffix("\x1b[K")) < 80 for text in drawn)


def test_a_table_is_aligned_by_what_a_terminal_shows(capsys: Output) -> None:
    Console().table(["照片", "n"], [["美丽.jpg", 5], ["a.jpg", 100], ["x\n", None]], right=[1])
    assert capsys.readouterr().out == "照片        n\n美丽.jpg    5\na.jpg     100\nx\\n         –\n"


def test_a_terminal_gets_a_table_that_fits_and_a_file_gets_all(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [["很长的名字" * 20, 1.5]]
    Console(color=False).table(["name", "score"], rows, right=[1])
    assert "很长的名字" * 20 in capsys.readouterr().out
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    Console(color=False).table(["name", "score"], rows, right=[1])
    lines = capsys.readouterr().out.splitlines()
    assert [width(line) for line in lines] == [60, 60]
    assert "…" in lines[1]


def test_a_table_with_two_long_columns_fits_a_terminal_too(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    Console(color=False).table(["file", "score", "why"], [["n" * 200, 1.5, "same as " + "n" * 100]], right=[1])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(width, lines)) == 60
    assert lines[1].count("…") == 2
    Console(color=False).table(["a", "b", "c"], [["n" * 20] * 3])
    assert max(map(width, capsys.readouterr().out.splitlines())) == 60


@pytest.mark.parametrize(("color", "bold"), [(True, True), (False, False)])
def test_headings_are_bold_only_where_colour_is_welcome(
    color: bool, bold: bool, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    Console(color=color).table(["name"], [["a"]])
    assert ("\x1b[1m" in capsys.readouterr().out) == bold


def test_width_padding_and_cutting_count_cells() -> None:
    assert [width(text) for text in ("abc", "é…–", "照片", "📷")] == [3, 3, 4, 2]
    assert pad("照", 4) + "|" == "照  |"
    assert pad("7", 3, right=True) == "  7"
    assert cut("照片照片", 6) == "照片…"
    assert cut("ok", 2) == "ok"


def test_text_breaks_at_blanks_and_between_chinese_characters() -> None:
    assert wrap("one two three", 7) == ["one two", "three"]
    lines = wrap("最低分和最高分，例如 0-100（默认）或 1-5。", 16)
    assert "".join(lines).replace(" ", "") == "最低分和最高分，例如0-100（默认）或1-5。"
    assert max(map(width, lines)) <= 16
    assert not any(line[0] in "，。）" or line[-1] == "（" for line in lines)


@pytest.mark.parametrize(("seconds", "text"), [(0.04, "0.0 s"), (59.96, "1:00"), (75, "1:15"), (3700, "1:01:40")])
def test_durations_read_well(seconds: float, text: str) -> None:
    assert duration(seconds) == text
