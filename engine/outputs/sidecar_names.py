"""Where a photo's sidecar lies, and whom it belongs to where two photos would share one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from engine import raw_photos
from engine.images import SUFFIXES
from engine.labels.stars import find_sidecars
from engine.natural_order import natural_key

Naming = Literal["lightroom", "darktable"]
"""``lightroom``: ``IMG.xmp``; ``darktable`` (and digiKam): ``IMG.jpg.xmp``."""

_ENDINGS = sorted({written for suffix in SUFFIXES for written in (suffix, suffix.upper(), suffix.capitalize())})


def sidecar_of(photo: Path, naming: Naming) -> Path:
    """Return a photo's sidecar: the one that is there, however its suffix is written, else the place for a new one."""
    for found in find_sidecars(photo):
        if named_after_file(found, photo) == (naming == "darktable"):
            return found
    stem = photo.name.rpartition(".")[0] or photo.name
    return photo.with_name(f"{photo.name if naming == 'darktable' else stem}.xmp")


def named_after_file(sidecar: Path, photo: Path) -> bool:
    """Say whether a sidecar has its photo's whole name, suffix included, and so belongs to nobody else."""
    return sidecar.name[: -len(".xmp")] == photo.name


def sharers(photo: Path) -> list[str]:
    """Return the names of other pictures beside a photo that share its stem: their ``IMG.xmp`` is the same file."""
    stem = photo.name.rpartition(".")[0]
    if not stem:
        return []
    beside = os.fspath(photo.with_name(stem))
    found = []
    for ending in _ENDINGS:
        # asking for each is quicker than listing a folder of a hundred thousand photos for each of them
        name = stem + ending
        if name != photo.name and os.path.isfile(beside + ending) and not _same_file(photo.with_name(name), photo):  # noqa: PTH113
            found.append(name)
    return found


def owner_of_stem(photo: Path) -> str:
    """Return the name of the picture to which ``IMG.xmp`` belongs: a camera's own format before others."""
    names = [photo.name, *sharers(photo)]
    return min(names, key=lambda name: (Path(name).suffix.lower() not in raw_photos.SUFFIXES, natural_key(name)))


def _same_file(one: Path, other: Path) -> bool:
    """Say whether two names are one entry of a file system that takes capitals and small letters as one."""
    try:
        return one.name.casefold() == other.name.casefold() and one.samefile(other)
    except OSError:
        return False
