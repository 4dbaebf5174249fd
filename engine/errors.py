"""The exception tree: every message says what was wrong, with which file, and what to do.

A message is an English template and its values, so that a face can translate the template.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

_BIDI = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def display_name(name: str | os.PathLike[str]) -> str:
    r"""Return a file name that is safe to show: control, bidi and undecodable characters made visible.

    >>> display_name("a\x1b[31mb\n.jpg")
    'a\\x1b[31mb\\n.jpg'
    """
    return "".join(
        char.encode("unicode_escape").decode("ascii")
        if char in _BIDI or unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"}
        else char
        for char in os.fspath(name)
    )


@dataclass(frozen=True)
class Message:
    """One sentence for a person: an English template with named values.

    Args:
        template: text with ``{name}`` places; also the key under which a face finds its translation.
        values: what goes into the places; paths and strings are made safe to show.
    """

    template: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def render(self, template: str | None = None) -> str:
        """Return the sentence, in the given translation of the template or in English."""
        shown = {
            key: display_name(value) if isinstance(value, str | PurePath) else value
            for key, value in self.values.items()
        }
        return (template or self.template).format(**shown)

    def __str__(self) -> str:
        return self.render()

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready form, with the English text beside it."""
        values = {key: str(value) if isinstance(value, PurePath) else value for key, value in self.values.items()}
        return {"text": str(self), "template": self.template, "values": values}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Message:
        """Return the message that `to_dict` wrote."""
        return cls(str(data.get("template", "")), dict(data.get("values", {})))


class BeholderError(Exception):
    """The root of all errors that beholder raises on purpose.

    Args:
        template: what was wrong, as a `Message` template.
        remedy: what the person can do about it, as a `Message` template.
        values: values of both templates.
    """

    exit_code = 1

    def __init__(self, template: str, *, remedy: str = "", **values: Any) -> None:
        self.message = Message(template, values)
        self.remedy = Message(remedy, values)
        super().__init__(str(self))

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready form for a job's events."""
        return {
            "error": type(self).__name__,
            "exit_code": self.exit_code,
            "message": self.message.to_dict(),
            "remedy": self.remedy.to_dict(),
        }

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> BeholderError:
        """Return the error that `to_dict` wrote, as the same class where it is known."""
        known = {kind.__name__: kind for kind in _all_kinds(BeholderError)}
        kind = known.get(str(data.get("error")), BeholderError)
        message, remedy = Message.from_dict(data["message"]), Message.from_dict(data["remedy"])
        return kind(message.template, remedy=remedy.template, **{**message.values, **remedy.values})


def _all_kinds(kind: type[BeholderError]) -> list[type[BeholderError]]:
    return [kind, *(deeper for child in kind.__subclasses__() for deeper in _all_kinds(child))]


class UsageError(BeholderError):
    """The person asked for something that makes no sense: a wrong option, name or value."""

    exit_code = 2


class NotFound(BeholderError):
    """A folder, file, model or job is not there, or there is nothing to do."""

    exit_code = 3


class NotEnoughData(NotFound):
    """There are too few scores, or they are all equal, so nothing can be learned."""


class DamagedFile(BeholderError):
    """A file of ours is damaged or not trusted; it is left as it is."""

    exit_code = 4


class NeedMissing(BeholderError):
    """Something needed is missing: weights, an extra package, disk space, the right to write."""

    exit_code = 5


class ImageError(BeholderError):
    """One picture can't be read; the others go on."""


class Interrupted(BeholderError):
    """The person, or a cancel request, stopped the work; what was done is kept."""

    exit_code = 130
