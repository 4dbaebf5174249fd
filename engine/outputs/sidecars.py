"""Star sidecars: a model's score and its stars beside each photo, in a form that other programs read.

What is there already is kept: other programs' tags byte for byte, and a rating that a person set.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Literal, get_args

from engine.errors import BeholderError, DamagedFile, Message, UsageError
from engine.labels.stars import RATING, SIDECAR_LIMIT, find_sidecars, read_stars_inside
from engine.outputs.sidecar_names import Naming, named_after_file, owner_of_stem, sidecar_of
from engine.outputs.xmp import Packet
from engine.outputs.xmp_scan import BEHOLDER_NAMESPACE
from engine.storage import disk_errors, open_regular, write_bytes
from engine.workspace import Scale, Workspace, format_score

NAMINGS: tuple[Naming, ...] = get_args(Naming)
STARS = 5

SCORE, SCALE, MODEL, DATE, OWN_RATING, PREVIOUS_RATING = (
    f"{{{BEHOLDER_NAMESPACE}}}{name}" for name in ("Score", "Scale", "Model", "Date", "Rating", "PreviousRating")
)
_TRIES = 3
_LONGEST = 40  # characters of a rating that is kept
_SEPARATOR = re.compile(r"[\s,;，；、]+")


@dataclass(frozen=True)
class Outcome:
    """What became of one photo's sidecar.

    Args:
        sidecar: the file.
        state: ``written``; ``unchanged``, as it said all that already; ``kept``, as a rating that stands there was not
            touched: the score is in it even so, unless the sidecar belongs to another photo.
        reason: whose rating was kept; None otherwise.
    """

    sidecar: Path
    state: Literal["written", "unchanged", "kept"]
    reason: Message | None = None


def default_thresholds(scale: Scale) -> tuple[float, ...]:
    """Return the four scores that divide a scale into five equal parts.

    >>> default_thresholds(Scale(0, 100))
    (20.0, 40.0, 60.0, 80.0)
    """
    return tuple(round(scale.low + scale.span * part / STARS, 6) for part in range(1, STARS))


def parse_thresholds(text: str, scale: Scale) -> tuple[float, ...]:
    """Return the four scores from which on a photo has 2, 3, 4 and 5 stars.

    Args:
        text: such as ``20,40,60,80``; empty means `default_thresholds`.
        scale: the model's.

    Raises:
        UsageError: these are not four ascending scores of the scale.
    """
    if not text.strip():
        return default_thresholds(scale)
    try:
        found = tuple(float(word) for word in _SEPARATOR.split(text.strip(" []\t\n")))
    except ValueError:
        found = ()
    steps = pairwise(found)
    if len(found) == STARS - 1 and all(score in scale for score in found) and all(low < high for low, high in steps):
        return found
    raise UsageError(
        "“{text}” are not four ascending scores on the scale {scale}.",
        remedy="Write from which score on a photo has 2, 3, 4 and 5 stars, such as {example}.",
        text=text,
        scale=str(scale),
        example=",".join(format_score(score) for score in default_thresholds(scale)),
    )


def remembered_thresholds(workspace: Workspace, scale: Scale, text: str = "") -> tuple[float, ...]:
    """Return the thresholds that are asked for, else those that the workspace remembers, else the default ones.

    Args:
        workspace: its settings are read. scale: the model's. text: as for `parse_thresholds`; empty: none is asked for.

    Raises:
        UsageError: the text, or the setting, is not four ascending scores of the scale.
        BeholderError: the settings can't be read.
    """
    return parse_thresholds(text or workspace.settings().star_thresholds, scale)


def stars_of(score: float, thresholds: Sequence[float]) -> int:
    """Return a score's stars, 1 to 5.

    >>> [stars_of(score, (20, 40, 60, 80)) for score in (0, 19.9, 20, 79.9, 80, 100)]
    [1, 1, 2, 4, 5, 5]
    """
    return bisect_right(thresholds, round(score, 4)) + 1


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class _Read:
    """A sidecar as it was found: its bytes, and what changes when another program writes it."""

    content: bytes
    mark: tuple[int, ...] | None


class SidecarWriter:
    """Writes scores and stars into sidecars.

    Args:
        naming: which of a photo's sidecars: ``lightroom`` (``IMG.xmp``) or ``darktable`` (``IMG.jpg.xmp``).
        thresholds: four ascending scores; see `parse_thresholds`.
        overwrite_ratings: whether a person's rating gives way; the old one is kept as ``beholder:PreviousRating``.
        scale: of the scores, to be written beside them. now: the present time.
    """

    def __init__(
        self,
        naming: Naming,
        thresholds: Sequence[float],
        *,
        overwrite_ratings: bool = False,
        scale: Scale | None = None,
        now: Callable[[], datetime] = _now,
    ) -> None:
        self.naming, self.thresholds, self.overwrite_ratings = naming, tuple(thresholds), overwrite_ratings
        self._scale, self._now = scale, now

    def write(self, path: Path, score: float, model_id: str) -> Outcome:
        """Bring a photo's score and stars into its sidecar, which is made where there is none.

        Args:
            path: the photo. score: on the model's scale. model_id: the model that predicted it.

        Raises:
            DamagedFile: the sidecar is damaged, no XMP or larger than 16 MB; it is left as it is.
            BeholderError: it can't be read or written.
        """
        sidecar = sidecar_of(path, self.naming)
        if not named_after_file(sidecar, path) and (owner := owner_of_stem(path)) != path.name:
            shared = Message("{sidecar} belongs to {owner}", {"sidecar": sidecar.name, "owner": owner})
            return Outcome(sidecar, "kept", shared)
        for _ in range(_TRIES):
            before = _read(sidecar)
            content, reason = self._merged(path, sidecar, before.content, score, model_id)
            if content != before.content:
                target = Path(os.path.realpath(sidecar))  # a link stays one
                if _mark(sidecar) != before.mark:
                    continue  # another program came in between: what it wrote counts
                # a power cut may take a new one, which the next run makes again; never what others wrote
                write_bytes(target, content, lasting=before.mark is not None)
            state: Literal["written", "unchanged"] = "unchanged" if content == before.content else "written"
            return Outcome(sidecar, "kept" if reason else state, reason)
        raise BeholderError(
            "{path} is being written by another program.", remedy="Close it and run the same again.", path=sidecar
        )

    def _merged(
        self, path: Path, sidecar: Path, content: bytes, score: float, model_id: str
    ) -> tuple[bytes, Message | None]:
        """Return the sidecar's new content, and whose rating was kept, if one was."""
        try:
            packet = Packet(content)
            own = packet.text(OWN_RATING)
            wanted = {SCORE: format_score(round(score, 4)), MODEL: model_id}
            if self._scale is not None:
                wanted[SCALE] = str(self._scale)
            persons = self._persons_rating(path, sidecar, packet)
            if persons is None or self.overwrite_ratings:
                wanted[RATING] = wanted[OWN_RATING] = str(stars_of(score, self.thresholds))
            elif own and _foreign_rating(packet) is not None:
                wanted[OWN_RATING] = "0"  # ours was replaced: should a person choose the same again, it is theirs
            if persons is not None and self.overwrite_ratings:
                wanted[PREVIOUS_RATING] = persons[1]
            merged = packet.changed(wanted)
            if merged != content:
                merged = packet.changed({**wanted, DATE: self._now().isoformat(timespec="seconds")})
        except ValueError as error:
            raise _damaged(sidecar, error) from error
        if persons is None or self.overwrite_ratings:
            return merged, None
        file, rating = persons
        return merged, Message("a person's rating stands in {file}: {rating}", {"file": file, "rating": rating})

    def _persons_rating(self, path: Path, sidecar: Path, packet: Packet) -> tuple[str, str] | None:
        """Return the file in which a rating by a person stands, and that rating; None where there is none.

        Raises:
            ValueError: the photo's other sidecar is damaged, so nobody knows what it would say.
        """
        rating = _foreign_rating(packet)
        if rating is not None:
            return sidecar.name, rating
        # a rating that once gave way to ours goes on doing so
        ours = {_number(packet.text(name)) for name in (OWN_RATING, PREVIOUS_RATING)}
        for other in find_sidecars(path):
            mine = named_after_file(other, path) or self.naming == "lightroom" or owner_of_stem(path) == path.name
            if other.name == sidecar.name or not mine:
                continue
            try:
                rating = _foreign_rating(Packet(_read(other).content))
            except ValueError as error:
                raise _damaged(other, error) from error
            if rating is not None and _number(rating) not in ours:
                return other.name, rating
        inside = read_stars_inside(path)
        if inside is None or not inside.count or inside.count in ours:
            return None
        return path.name, f"{inside.count:g}"


def _foreign_rating(packet: Packet) -> str | None:
    """Return the rating in a packet that we did not write; None where there is none, or only unrated (0)."""
    own = _number(packet.text(OWN_RATING))
    for text in packet.texts(RATING):
        number = None if text is None else _number(text)
        if number not in (0, own) or number is None:
            return " ".join((text or "?").split())[:_LONGEST]
    return None


def _number(text: str) -> float | None:
    """Return what a rating says: 0 where it says nothing; None where it is no number."""
    try:
        return float(text or 0)
    except ValueError:
        return None


def _read(sidecar: Path) -> _Read:
    """Return a sidecar's content; empty where there is none.

    Raises:
        DamagedFile: it is too large. BeholderError: it is no file, or can't be read.
    """
    with disk_errors(sidecar):
        mark = _mark(sidecar)
        if mark is None:
            return _Read(b"", None)
        with open_regular(sidecar) as data:
            content = data.read(SIDECAR_LIMIT + 1)
    if len(content) > SIDECAR_LIMIT:
        raise _damaged(sidecar, ValueError(f"it is larger than {SIDECAR_LIMIT >> 20} MB"))
    return _Read(content, mark)


def _mark(sidecar: Path) -> tuple[int, ...] | None:
    try:
        status = sidecar.stat()
    except FileNotFoundError:
        return None
    return status.st_mode, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _damaged(sidecar: Path, error: ValueError) -> DamagedFile:
    return DamagedFile(
        "{name} is damaged, or no XMP that can be changed safely: {cause}.",
        remedy="It was left as it is. Open it with the program that wrote it, or rename it and run the same again.",
        name=sidecar.name,
        cause=str(error),
    )
