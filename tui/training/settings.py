"""The settings of a training as a person types them: what each may be, and what a typed text means."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from engine.errors import BeholderError, UsageError
from engine.models.base import Setting
from engine.models.catalog import ModelFamily, Param
from engine.models.loss_terms import parse_loss
from engine.training.spec import TrainSpec, check_setting
from tui.i18n import say, t

OPTIONS = ("epochs", "lr", "loss", "augment", "prior", "batch", "weight_decay", "dropout", "patience")
"""Fields of a `TrainSpec` that not every family heeds, in the order of the form."""
ADVANCED = frozenset({"batch", "weight_decay", "dropout", "patience"})
CHOSEN = frozenset({"augment", "prior"})
"""Those that are chosen from a list, not typed."""
_WHOLE = frozenset({"epochs", "batch", "patience"})


class WrongSetting(ValueError):
    """A typed text means nothing; its text says so in the present language."""


@dataclass(frozen=True)
class Bounds:
    """Between which numbers a setting lies.

    Args:
        low: lowest number. high: highest.
        low_open: the lowest itself is too low. high_open: the highest itself is too high.
    """

    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False
    high_open: bool = False

    def holds(self, value: float) -> bool:
        """Say whether a number lies between them."""
        above = value > self.low if self.low_open else value >= self.low
        below = value < self.high if self.high_open else value <= self.high
        return above and below and math.isfinite(value)

    def __str__(self) -> str:
        low = f"{'>' if self.low_open else '≥'} {self.low:g}" if math.isfinite(self.low) else ""
        high = f"{'<' if self.high_open else '≤'} {self.high:g}" if math.isfinite(self.high) else ""
        return ", ".join(filter(None, (low, high)))


def bounds_of(option: str) -> Bounds:
    """Return the bounds that `TrainSpec` gives one of its numbers.

    >>> str(bounds_of("lr")), str(bounds_of("dropout"))
    ('> 0, ≤ 100', '≥ 0, < 1')
    """
    found: dict[str, float] = {}
    for rule in TrainSpec.model_fields[option].metadata:
        found.update({name: float(getattr(rule, name)) for name in ("ge", "gt", "le", "lt") if hasattr(rule, name)})
    low, high = found.get("gt", found.get("ge", -math.inf)), found.get("lt", found.get("le", math.inf))
    return Bounds(low, high, "gt" in found, "lt" in found)


def parse_number(text: str, bounds: Bounds, *, whole: bool) -> float:
    """Return the number that was typed; an `int` where it has to be whole.

    Raises:
        WrongSetting: it is none, or outside the bounds.
    """
    try:
        value: float = int(text) if whole else float(text)
        if not bounds.holds(value):
            raise ValueError(text)
    except ValueError as error:
        needed = t("train.needs_whole", bounds=bounds) if whole else t("train.needs_number", bounds=bounds)
        raise WrongSetting(needed) from error
    return value


def parse_option(option: str, text: str) -> Setting:
    """Return the value of a setting of `OPTIONS`.

    Raises:
        WrongSetting: the text means nothing.
    """
    if option == "loss":
        try:
            parse_loss(text)
        except UsageError as error:
            raise WrongSetting(told(error)) from error
        return text
    if option in CHOSEN:
        return text
    return parse_number(text, bounds_of(option), whole=option in _WHOLE)


def parse_param(name: str, text: str, param: Param) -> Setting:
    """Return the value of one of a family's own hyper-parameters.

    Raises:
        WrongSetting: the text means nothing, or the value is out of its range.
    """
    if param.choices:
        value: Setting = next((choice for choice in param.choices if str(choice) == text), text)
    else:
        low = param.low if param.low is not None else -math.inf
        high = param.high if param.high is not None else math.inf
        whole = isinstance(param.default, int) and not isinstance(param.default, bool)
        value = parse_number(text, Bounds(low, high), whole=whole)
    try:
        check_setting(name, value, param)
    except UsageError as error:
        raise WrongSetting(told(error)) from error
    return value


def parse_count(text: str, low: int, high: int) -> int:
    """Return a whole number.

    Raises:
        WrongSetting: it is none from `low` to `high`.
    """
    return int(parse_number(text, Bounds(low, high), whole=True))


def parse_seed(text: str) -> int:
    """Return the seed.

    Raises:
        UsageError: the text is not a whole number from 0 to 2147483647.
    """
    if not re.fullmatch(r"\s*[0-9]{1,10}\s*", text) or int(text) >= 2**31:
        raise UsageError(
            "“{text}” is not a seed.", remedy="Write a whole number from 0 to 2147483647, such as 0.", text=text
        )
    return int(text)


def told(error: BeholderError) -> str:
    """Return an error and its remedy in the present language."""
    return f"{say(error.message)} {say(error.remedy)}".strip()


def default_text(param: Param) -> str:
    """Return a default as it stands in an empty field.

    >>> default_text(Param(0.0003)), default_text(Param("huber"))
    ('0.0003', 'huber')
    """
    return f"{param.default:g}" if isinstance(param.default, float) else str(param.default)


def searched_text(param: Param) -> str:
    """Return where a search looks for a better value; empty if it does not.

    >>> searched_text(Param(1.0, 0.05, 50.0)), searched_text(Param(32, choices=(16, 32)))
    ('0.05 … 50', '16, 32')
    """
    if param.choices:
        return ", ".join(str(choice) for choice in param.choices)
    return f"{param.low:g} … {param.high:g}" if param.low is not None and param.high is not None else ""


def options_of(family: ModelFamily) -> list[str]:
    """Return the settings of `OPTIONS` that a family heeds, in the order of the form."""
    return [option for option in OPTIONS if option in family.options]
