"""The command line as a whole: help, global options, languages, errors and exit codes."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.core

from engine.workspace import Workspace
from tui import cli
from tui.command_line import root_command
from tui.global_options import OPTIONS_WITH_VALUE, take_global_options
from tui.i18n import LANGUAGES, set_language

GROUPS = {
    "scores": (
        *("list", "set", "add", "rm", "shift", "rescale", "flag", "undo", "redo", "history", "export", "check"),
        "consistency",
    ),
    "trash": ("list", "empty"),
    "cache": ("prune",),
    "backbones": ("list", "fetch", "add"),
    "jobs": ("list", "follow", "cancel", "stop", "resume", "rm", "logs"),
    "models": ("list", "show", "diff", "rename", "note", "default", "verify", "rm", "export", "import"),
}
SINGLE = (
    "demo",
    "init",
    "import",
    "train",
    "compare",
    "tune",
    "predict",
    "explain",
    "next",
    "cull",
    "report",
    "doctor",
)
COMMANDS = [[name] for name in (*SINGLE, *GROUPS)] + [[group, name] for group in GROUPS for name in GROUPS[group]]

Output = pytest.CaptureFixture[str]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("command", [[], *COMMANDS], ids=" ".join)
def test_every_help_ends_with_an_example(command: list[str], language: str, capsys: Output) -> None:
    assert cli.main([*command, "--help", "--lang", language]) == 0
    page = capsys.readouterr().out
    examples = page.split("Example:" if language == "en" else "示例：")[1].strip().splitlines()
    assert any(line.strip().startswith(" ".join(["beholder", *command])) for line in examples)
    assert "--workspace" in page


def test_chinese_help_is_chinese_and_fits_the_terminal(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.cells import cell_len

    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert cli.main(["train", "--help"]) == 0
    page = capsys.readouterr().out
    assert page.startswith("用法：")
    assert max(map(cell_len, page.splitlines())) <= 80
    assert not any(line.strip()[:1] in set("，。、；：）") for line in page.splitlines() if line.strip())


def test_without_a_terminal_and_without_arguments_help_is_wrong_usage(capsys: Output) -> None:
    assert cli.main([]) == 2
    assert capsys.readouterr().out.startswith("Usage: beholder")


@pytest.mark.parametrize("arguments", [["--version"], ["train", "--version"]])
def test_the_version_is_told_from_anywhere(arguments: list[str], capsys: Output) -> None:
    assert cli.main(arguments) == 0
    assert capsys.readouterr().out.startswith("beholder 0.")


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("form", ["-w {}", "--workspace {}", "--workspace={}"])
def test_the_workspace_may_be_named_anywhere(place: int, form: str, workspace: Workspace, capsys: Output) -> None:
    words = ["scores", "list"]
    words[place:place] = form.format(workspace.root).split(" ")
    assert cli.main([*words, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 30


def test_values_and_words_behind_two_dashes_are_no_global_options() -> None:
    options, rest = take_global_options(["train", "--name", "--quiet", "--", "-w", "--version"])
    assert rest == ["train", "--name", "--quiet", "--", "-w", "--version"]
    assert not options.quiet
    assert options.workspace is None


def _parameters(command: typer.core.TyperCommand | typer.core.TyperGroup) -> Iterator[typer.core.TyperOption]:
    yield from (param for param in command.params if isinstance(param, typer.core.TyperOption))
    for child in getattr(command, "commands", {}).values():
        yield from _parameters(child)


def test_all_options_with_a_value_are_known_to_the_global_ones() -> None:
    options = _parameters(root_command())  # type: ignore[arg-type]
    assert {
        name for option in options if not option.is_flag for name in option.opts if name.startswith("--")
    } == OPTIONS_WITH_VALUE


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["trian"], "Choose one of: train, trash."),
        (["scores", "lst"], "scores lst"),
        (["train", "--bakbone", "x"], "Did you mean --backbone?"),
        (["train", "taste", "more"], "too many: more"),
        (["train", "--seed"], "--seed"),
        (["train", "--seed", "one"], "--seed"),
        (["predict"], "PATH"),
        (["import"], "FOLDER is missing"),
        (["--lang", "fr", "doctor"], "en, zh"),
        (["doctor", "--workspace"], "--workspace"),
        (["init", "--scale", "big"], "0-100"),
    ],
)
def test_wrong_usage_says_what_is_wrong(arguments: list[str], words: str, capsys: Output) -> None:
    assert cli.main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("Error: ")
    assert words in captured.err
    assert "Traceback" not in captured.err


def test_an_error_speaks_chinese(capsys: Output) -> None:
    assert cli.main(["--lang", "zh", "trian"]) == 2
    assert capsys.readouterr().err.startswith("错误：没有命令“trian”。\n")


def test_a_folder_that_is_no_workspace_is_not_found(tmp_path: Path, capsys: Output) -> None:
    commands = [["scores"], ["jobs"], ["models"], ["train"], ["predict", str(tmp_path)]]
    codes = [cli.main(["-w", str(tmp_path / "none"), *command]) for command in commands]
    assert codes == [3] * len(commands)
    assert "beholder init" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


class BrokenClock:
    """Stands in for something that nobody foresaw."""

    def __call__(self, *_: object) -> None:
        raise ZeroDivisionError("boom")


@pytest.mark.parametrize("debug", [False, True])
def test_a_fault_of_the_program_shows_a_traceback_only_on_request(
    debug: bool, workspace: Workspace, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.jobs.client.list_jobs", BrokenClock())
    assert cli.main(["-w", str(workspace.root), "jobs", *(["--debug"] if debug else [])]) == 1
    error = capsys.readouterr().err
    assert ("Traceback" in error) == debug
    assert "ZeroDivisionError: boom" in error
    assert "--debug" in error


def test_the_doctor_tells_one_json_document(workspace: Workspace, capsys: Output) -> None:
    assert cli.main(["-w", str(workspace.root), "doctor", "--json"]) == 0
    findings = json.loads(capsys.readouterr().out)
    assert {finding["state"] for finding in findings} <= {"ok", "warn"}
    assert {"terminal", "processor", "libraries", "weights", "disk", "scores"} <= {item["topic"] for item in findings}
    assert all(set(item) == {"topic", "state", "message", "remedy"} for item in findings)


def test_the_doctor_fails_where_something_needed_is_missing(workspace: Workspace, capsys: Output) -> None:
    workspace.scores_file.write_text("broken\n")
    assert cli.main(["-w", str(workspace.root), "doctor", "--lang", "zh"]) == 5
    assert any("缺少" in line and "scores.txt" in line for line in capsys.readouterr().out.splitlines())


def test_backbones_are_listed_as_the_contract_says(capsys: Output) -> None:
    assert cli.main(["backbones", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    keys = {"name", "source", "parameters", "input", "licence", "available", "default"}
    assert all(set(row) == keys for row in rows)
    assert [row["name"] for row in rows if row["default"]] == ["efficientnet_lite0"]
    assert cli.main(["backbones", "list"]) == 0
    assert "efficientnet_lite0" in capsys.readouterr().out


def test_every_command_of_the_contract_exists() -> None:
    set_language("en")
    command = root_command()
    commands = getattr(command, "commands", {})
    assert set(commands) == {*SINGLE, *GROUPS}
    found = list(itertools.chain.from_iterable(sorted(commands[group].commands) for group in GROUPS))
    assert found == [name for group in GROUPS for name in sorted(GROUPS[group])]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_help_page_names_each_command_as_the_command_does_itself(language: str) -> None:
    set_language(language)
    root = root_command()
    named = dict(root.one_liners(None))
    assert named == {name: (command.help or "").split("\n")[0] for name, command in root.commands.items()}
    set_language("en")
