"""Star ratings that other programs left: ``xmp:Rating`` in a sidecar or in the photo itself, and EXIF's Rating.

Anyone may have written such a file: it is read in a stream, without entities, and only up to a limit.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from defusedxml.ElementTree import DefusedXMLParser

from engine.errors import ImageError, Message
from engine.images import read_rating_tags
from engine.labels.filenames import ParsedScore
from engine.labels.quick import star_score
from engine.workspace import Scale

STAR_SCALE = Scale(1, 5)

XMP_NAMESPACE = "http://ns.adobe.com/xap/1.0/"
RDF_NAMESPACE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RATING = f"{{{XMP_NAMESPACE}}}Rating"
RDF = f"{{{RDF_NAMESPACE}}}RDF"
DESCRIPTION = f"{{{RDF_NAMESPACE}}}Description"
SIDECAR_LIMIT = 16 << 20
"""Bytes; masks drawn in an editor make sidecars of some megabytes."""

_STEP = 16 << 10
_LONGEST = 40  # characters of a rating


@dataclass(frozen=True)
class Stars:
    """What is known of a photo's stars.

    Args:
        count: 1 to 5; 0 unrated, -1 rejected; None where the rating can't be read.
        reason: where that stands, or what is wrong with it.
    """

    count: float | None
    reason: Message


def read_stars(path: Path) -> Stars | None:
    """Return a photo's star rating, or None where no program ever gave it one.

    A sidecar goes before the photo: ``IMG.jpg.xmp`` first, then ``IMG.xmp``. One that is damaged is not passed over,
    since nobody knows what it would say.

    Args:
        path: the photo.
    """
    for sidecar in find_sidecars(path):
        stars = _in_sidecar(sidecar)
        if stars is not None:
            return stars
    return read_stars_inside(path)


def parse_stars(path: Path, scale: Scale) -> ParsedScore:
    """Return the score that a photo's stars mean: one star is the lowest of the scale, five the highest.

    Args:
        path: the photo.
        scale: of the score.
    """
    stars = read_stars(path)
    if stars is None:
        return ParsedScore(None, Message("no stars"))
    if stars.count is None or stars.count <= 0:
        return ParsedScore(None, stars.reason)
    return ParsedScore(star_score(stars.count, scale), stars.reason)


def find_sidecars(path: Path) -> list[Path]:
    """Return a photo's sidecars: ``IMG.jpg.xmp`` before ``IMG.xmp``; the suffix may be written large."""
    stem = path.name.rpartition(".")[0] or path.name
    places = [path.with_name(f"{name}{suffix}") for name in (path.name, stem) for suffix in (".xmp", ".XMP", ".Xmp")]
    return [place for place in places if os.path.isfile(place)]  # noqa: PTH113 - Path's fails on names too long


def _in_sidecar(path: Path) -> Stars | None:
    try:
        with path.open("rb") as data:
            content = data.read(SIDECAR_LIMIT + 1)
        rating = _xmp_rating(content)
    except (OSError, ValueError) as error:
        cause = error.strerror if isinstance(error, OSError) else None
        if cause:
            return Stars(None, Message("{file} can't be read: {cause}", {"file": path.name, "cause": cause}))
        return Stars(None, Message("{file} is damaged, or no XMP", {"file": path.name}))
    return None if rating is None else judge_stars(rating, path.name)


def read_stars_inside(path: Path) -> Stars | None:
    """Return the star rating that stands in the photo itself, sidecars aside, or None where there is none."""
    try:
        packet, tag = read_rating_tags(path)
    except ImageError as error:
        return Stars(None, error.message)
    damaged = False
    try:
        rating = _xmp_rating(packet) if packet else None
    except ValueError:
        rating, damaged = None, True
    if rating is None and tag is not None:
        rating = str(tag)
    if rating is None:
        return Stars(None, Message("{file} is damaged, or no XMP", {"file": path.name})) if damaged else None
    return judge_stars(rating, path.name)


def judge_stars(text: str, file: str) -> Stars:
    """Return what the text of a rating means.

    Args:
        text: as it was found.
        file: name of the file that it stands in.
    """
    try:
        count = float(text)
    except ValueError:
        count = float("nan")
    values = {"file": file, "stars": f"{count:g}", "text": text[:_LONGEST]}
    if count == 1:
        return Stars(count, Message("one star in {file}", values))
    if count in STAR_SCALE:
        return Stars(count, Message("{stars} stars in {file}", values))
    if count == 0:
        return Stars(0, Message("unrated in {file}", values))
    if count == -1:
        return Stars(-1, Message("rejected in {file}", values))
    return Stars(None, Message("“{text}” in {file} is no number of stars", values))


class _RatingFinder:
    """Takes an XML parser's events and keeps the first rating of the described photo; no tree is built."""

    def __init__(self) -> None:
        self.rating: str | None = None
        self._depth = 0  # below rdf:RDF; what lies deeper than 2 describes something else
        self._text: list[str] | None = None

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if self._depth == 0:
            self._depth = int(tag == RDF)
            return
        if self._depth == 1 and tag == DESCRIPTION and self.rating is None:
            self.rating = attributes.get(RATING)
        elif self._depth == 2 and tag == RATING and self.rating is None:
            self._text = []
        self._depth += 1

    def data(self, text: str) -> None:
        if self._text is not None and len(self._text) <= _LONGEST:
            self._text.append(text[:_LONGEST])

    def end(self, tag: str) -> None:
        if self._depth:
            self._depth -= 1
        if self._text is not None and tag == RATING:
            self.rating, self._text = "".join(self._text).strip(), None

    def close(self) -> None:
        """Do nothing: the parser asks for it."""


def _xmp_rating(packet: bytes) -> str | None:
    """Return the text of ``xmp:Rating``, or None where there is none.

    Raises:
        ValueError: it is no XML, holds a document type or entities, or is too large.
    """
    finder = _RatingFinder()
    parser: Any = DefusedXMLParser(target=finder, forbid_dtd=True)
    content = packet.rstrip(b"\0 \r\n\t")
    try:
        for start in range(0, min(len(content), SIDECAR_LIMIT), _STEP):
            parser.feed(content[start : start + _STEP])
            if finder.rating is not None:
                return finder.rating
        if len(content) > SIDECAR_LIMIT:
            raise ValueError("too large")
        parser.close()
    except (ParseError, LookupError) as error:
        raise ValueError(str(error)) from error
    return finder.rating
