"""Read a score from a photo's file name: the whole stem, or the stem before a counter."""

from __future__ import annotations

import re
from dataclasses import dataclass

from engine.errors import Message, UsageError
from engine.workspace import Scale, format_score

# Full-width forms (U+FF01-FF5E), the ideographic space and the typographic minus, as people's keyboards make them.
_NARROW = {0xFF01 + step: 0x21 + step for step in range(94)} | {0x3000: " ", 0x2212: "-"}
_SUFFIX = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,9}$")
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_SCORE = re.compile(r"(?P<score>-?[0-9]+(?:\.[0-9]+)?)(?P<counter>(?:[_-][0-9]{1,6})?(?: ?\([0-9]{1,6}\))?)")
_DATE = re.compile(r"(?:19|20)[0-9]{2}(?P<sep>[-_.]?)(?:0[1-9]|1[0-2])(?:(?P=sep)(?:0[1-9]|[12][0-9]|3[01]))?(?:\D.*)?")


@dataclass(frozen=True, slots=True)
class ParsedScore:
    """What a file name says.

    Args:
        score: the score, within the scale; None where the name has none.
        reason: why it was read so, or why there is none.
    """

    score: float | None
    reason: Message


def compile_pattern(text: str) -> re.Pattern[str]:
    """Return a person's regular expression, compiled.

    Raises:
        UsageError: it is not one, or it has no group ``score``.
    """
    try:
        pattern = re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise UsageError(
            "“{text}” is not a regular expression: {cause}.",
            remedy="Write one such as {example}.",
            text=text,
            cause=str(error),
            example="_s(?P<score>[0-9.]+)",
        ) from error
    if "score" not in pattern.groupindex:
        raise UsageError(
            "The pattern “{text}” has no group named score.",
            remedy="Put the part that is the score into (?P<score>…), such as {example}.",
            text=text,
            example="_s(?P<score>[0-9.]+)",
        )
    return pattern


def parse_score(name: str, scale: Scale, pattern: re.Pattern[str] | None = None) -> ParsedScore:
    """Return the score in a file name, or why there is none.

    Args:
        name: file name with its suffix; folders before it don't count.
        scale: what lies outside is no score.
        pattern: from `compile_pattern`, searched in the stem, then in the whole name; replaces the rules.

    >>> parse_score("85 (2).jpg", Scale()).score, parse_score("DSC0085.jpg", Scale()).score
    (85.0, None)
    """
    base = name.replace("\\", "/").rpartition("/")[2]
    whole = base.translate(_NARROW)
    stem = _SUFFIX.sub("", whole).strip()
    if pattern is not None:
        return _by_pattern(base, pattern, scale)
    if _DATE.fullmatch(stem) and not (len(stem) < 8 and float(stem[:4]) in scale):
        return ParsedScore(None, Message("not a score but a date: {name}", {"name": base}))
    match = _SCORE.fullmatch(stem)
    if match is None:
        return ParsedScore(None, Message("not a score: {name}", {"name": base}))
    reason = Message("from the name, before a counter") if match["counter"] else Message("from the name")
    return _within(match["score"], scale, reason)


def _by_pattern(base: str, pattern: re.Pattern[str], scale: Scale) -> ParsedScore:
    match = pattern.search(_SUFFIX.sub("", base)) or pattern.search(base)
    if match is None:
        return ParsedScore(None, Message("the pattern does not match {name}", {"name": base}))
    found = (match["score"] or "").translate(_NARROW).strip()
    if not _NUMBER.fullmatch(found):
        return ParsedScore(None, Message("the pattern found “{text}”, which is no number", {"text": found}))
    return _within(found, scale, Message("from the name, by the pattern"))


def _within(text: str, scale: Scale, reason: Message) -> ParsedScore:
    score = float(text) + 0.0
    if score in scale:
        return ParsedScore(score, reason)
    shown = format_score(score) if abs(score) < 1e12 else f"{text[:12]}…"
    return ParsedScore(None, Message("{score} is outside the scale {scale}", {"score": shown, "scale": str(scale)}))
