"""The rules by which several scores are changed at once, and what each would do, in one line."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from engine.labels.bulk import rescaled, shifted
from engine.workspace import Scale, format_score
from tui.change_story import counted
from tui.i18n import t

RULES = ("set", "shift", "rescale", "clear")
_RANGE = re.compile(r"(-?[\d.]+)\s*(?:-|–|—|…|\.\.|:|~|\s)\s*(-?[\d.]+)")


@dataclass(frozen=True)
class Plan:
    """What a rule does to some photos.

    Args:
        kind: of the change, for the history.
        scores: the new scores of those that change, None to take one away; empty where the rule makes no sense.
        line: what will happen, or what is wrong, in the present language.
    """

    kind: str
    scores: Mapping[str, float | None]
    line: str


def make_plan(rule: str, typed: str, before: Mapping[str, float | None], scale: Scale) -> Plan:
    """Return what a rule would do.

    Args:
        rule: one of `RULES`.
        typed: the number or the range that it needs.
        before: the photos and their scores now.
        scale: of the scores.
    """
    typed = unicodedata.normalize("NFKC", typed).strip().replace(",", ".").replace("−", "-")
    scored = {name: score for name, score in before.items() if score is not None}
    low, high = format_score(scale.low), format_score(scale.high)
    cut = 0
    after: Mapping[str, float | None]
    if rule == "clear":
        after = dict.fromkeys(scored)
    elif not typed:
        return Plan(rule, {}, t(f"data.change.{rule}_hint", low=low, high=high))
    elif rule == "set":
        number = _number(typed)
        if number is None or number not in scale:
            return Plan(rule, {}, f"{typed} {t('app.score.outside', low=low, high=high)}")
        after = dict.fromkeys(before, number)
    elif rule == "shift":
        by = _number(typed)
        if by is None:
            return Plan(rule, {}, t("data.change.shift_hint", low=low, high=high))
        after = shifted(scored, by, scale)
        cut = sum(score + by not in scale for score in scored.values())
    else:
        match = _RANGE.fullmatch(typed)
        first, last = (_number(match[1]), _number(match[2])) if match else (None, None)
        if first is None or last is None or first not in scale or last not in scale or first > last:
            return Plan(rule, {}, t("data.change.rescale_hint", low=low, high=high))
        after = rescaled(scored, first, last, scale)
    return Plan(rule, after, _line(before, after, cut, high if typed[:1] != "-" else low))


def _line(before: Mapping[str, float | None], after: Mapping[str, float | None], cut: int, end: str) -> str:
    if not after:
        return t("data.change.none_scored")
    line = t(
        "data.change.preview",
        photos=counted("photos", len(after)),
        before=_span([before[name] for name in after]),
        after=_span(list(after.values())),
    )
    if cut:
        line += t("data.story.comma") + t("data.change.cut", n=cut, end=end)
    if len(before) > len(after):
        line += t("data.story.comma") + t("data.change.left_out", n=len(before) - len(after))
    return line


def _span(scores: list[float | None]) -> str:
    """Return the range of some scores, such as ``40…85``."""
    numbers = [score for score in scores if score is not None]
    if not numbers:
        return t("app.score.none")
    low, high = format_score(min(numbers)), format_score(max(numbers))
    return low if low == high else f"{low}…{high}"


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) < 1e12 else None  # neither "nan" nor "inf"
