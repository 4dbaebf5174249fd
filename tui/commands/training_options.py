"""The options that ``train``, ``compare`` and ``tune`` share, and how what was typed becomes a training."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import typer

from engine.errors import UsageError
from engine.models.catalog import Param, get_family
from tui.i18n import t

if TYPE_CHECKING:
    from engine.models.base import Setting


def option(flag: str, metavar: str | None = None) -> Any:
    """Return a typer option whose help is the text of its name; called again for each language."""
    name = flag.removeprefix("--").replace("-", "_")
    return typer.Option(flag, metavar=metavar, help=t(f"training_cli.option.{name}"))


def read_params(model: str, told: Iterable[str]) -> dict[str, Setting]:
    """Return hyper-parameters from ``NAME=VALUE`` texts; which names and values there are, the spec checks.

    Raises:
        UsageError: a text is not of that form, or there is no such model.

    >>> read_params("random-forest", ["trees=500", "max_features=0.2"])
    {'trees': 500, 'max_features': '0.2'}
    """
    known = get_family(model).params
    found: dict[str, Setting] = {}
    for text in told:
        name, sign, value = (part.strip() for part in text.partition("="))
        if not sign or not name or not value:
            raise UsageError("“{text}” is no setting.", remedy="Write NAME=VALUE, such as trees=500.", text=text)
        found[name] = _read(value, known.get(name))
    return found


def _read(text: str, param: Param | None) -> Setting:
    """Return the text as the kind of value that the setting takes; as text where it is none."""
    if param is None:
        return text
    for choice in param.choices:
        if text == str(choice):
            return choice
    if isinstance(param.default, str):
        return text
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if isinstance(param.default, int) and number.is_integer() else number
