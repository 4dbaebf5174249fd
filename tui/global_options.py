"""The options that every command takes, taken out of the arguments wherever they stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.errors import UsageError
from engine.workspace import PICTURES
from tui.i18n import LANGUAGES

# Options of the commands whose next word is their value, whatever it looks like. A test keeps this complete.
OPTIONS_WITH_VALUE = frozenset(
    {
        "--augment",
        "--backbone",
        "--batch",
        "--best",
        "--dropout",
        "--epochs",
        "--filter",
        "--folds",
        "--engine",
        "--format",
        "--from",
        "--html",
        "--keep-under",
        "--link",
        "--loss",
        "--lr",
        "--method",
        "--min-score",
        "--model",
        "--name",
        "--older-than",
        "--out",
        "--patience",
        "--pattern",
        "--per-burst",
        "--prior",
        "--scale",
        "--scores",
        "--seed",
        "--set",
        "--sort",
        "--split",
        "--stars",
        "--storage",
        "--study",
        "--to",
        "--top",
        "--trials",
        "--undo",
        "--weight-decay",
        "--weights",
        "--xmp",
    }
)
_FLAGS_ELSEWHERE = frozenset({"--stars"})  # of another command; there no value follows
_FLAGS = {
    "--quiet": "quiet",
    "--no-color": "no_color",
    "--debug": "debug",
    "--version": "version",
    "--low-bandwidth": "low_bandwidth",
}
_VALUES = {"--workspace": "workspace", "-w": "workspace", "--lang": "language", "--pictures": "pictures"}


@dataclass(frozen=True)
class GlobalOptions:
    """What was asked for every command.

    Args:
        workspace: a folder; None means: find it.
        language: one of `LANGUAGES`; None means: as the terminal says.
        quiet: neither notes nor progress.
        no_color: no bold headings.
        debug: a traceback for faults of the program.
        version: print the version, nothing else.
        pictures: how the app draws photos, one of `PICTURES`; None means: as the workspace remembers.
        low_bandwidth: the app sends as little as it can.
    """

    workspace: str | None = None
    language: str | None = None
    quiet: bool = False
    no_color: bool = False
    debug: bool = False
    version: bool = False
    pictures: str | None = None
    low_bandwidth: bool = False


def take_global_options(arguments: Sequence[str]) -> tuple[GlobalOptions, list[str]]:
    """Return the global options and the arguments without them.

    Nothing behind ``--`` is touched, nor the value of another option.

    Raises:
        UsageError: an option has no value, or the language or the way to draw photos is none of ours.

    >>> take_global_options(["train", "-w", "album", "--name", "--quiet"])[1]
    ['train', '--name', '--quiet']
    """
    found: dict[str, Any] = {}
    rest: list[str] = []
    words = list(arguments)
    while words:
        word = words.pop(0)
        if word == "--":
            rest += [word, *words]
            break
        name, equals, value = word.partition("=")
        if word in _FLAGS:
            found[_FLAGS[word]] = True
        elif name in _VALUES and (equals or word in _VALUES):
            if not equals and not words:
                raise UsageError("{option} needs a value.", remedy="See beholder --help.", option=name)
            found[_VALUES[name]] = value if equals else words.pop(0)
        else:
            rest.append(word)
            if word in OPTIONS_WITH_VALUE and words and not (word in _FLAGS_ELSEWHERE and words[0].startswith("-")):
                rest.append(words.pop(0))
    options = GlobalOptions(**found)
    if options.language is not None and options.language not in LANGUAGES:
        raise UsageError(
            "beholder does not speak “{language}”.",
            remedy="Choose one of: {choices}.",
            language=options.language,
            choices=", ".join(LANGUAGES),
        )
    if options.pictures is not None and options.pictures not in PICTURES:
        raise UsageError(
            "There is no way of drawing photos named “{name}”.",
            remedy="Choose one of: {choices}.",
            name=options.pictures,
            choices=", ".join(PICTURES),
        )
    return options, rest
