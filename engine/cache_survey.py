"""Look at what a workspace keeps so that nothing is computed twice: how much, whose, and how often it helped."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from engine.errors import BeholderError
from engine.features.backbones import Backbone, fingerprint, list_backbones
from engine.features.cache_file import is_laid_out_well, open_to_look, version_of
from engine.features.kept_networks import kept_networks, networks_folder
from engine.features.weights import RANDOM_SEED
from engine.kept_thumbnails import Kept, thumbnails_in
from engine.models.manifest import bundle_folders, read_manifest_file
from engine.workspace import Workspace

Use = Literal["model", "current", "stale"]

FRESH_DAYS = 30
"""So long the vectors of weights that a person named are kept, though no model was trained on them yet."""


@dataclass(frozen=True)
class NetworkVectors:
    """The vectors of one network.

    Args:
        fingerprint: of backbone, weights and preprocessing.
        backbone: the network's name; empty where nobody noted it.
        vectors: how many there are. bytes: what they take.
        use: ``model``: one of the workspace's models predicts from them; ``current``: a network of this version makes
            such; ``stale``: neither, nobody will ask for them again.
        used: when the network was opened last, in days since 1970; None where nobody noted it.
    """

    fingerprint: str
    backbone: str
    vectors: int
    bytes: int
    use: Use
    used: int | None


@dataclass(frozen=True)
class CacheSurvey:
    """What is kept.

    Args:
        path: the file of vectors. bytes: its size with what lies beside it; 0 where there is none.
        readable: whether it is one that this version can read, or there is none.
        large_pages: whether it is laid out as new ones are; an earlier one takes twice the time.
        photos: photos, by content, that have a vector. files: file names whose content is known.
        networks: those with the most vectors first.
        hits: photos whose vector was here when it was asked for, in all. misses: whose vector was computed.
        run_hits: the same, of the last run that asked. run_misses: likewise.
        thumbnails: small pictures of photos.
        converted: networks in the user's cache folder, which all workspaces share.
    """

    path: Path
    bytes: int
    readable: bool
    large_pages: bool
    photos: int
    files: int
    networks: tuple[NetworkVectors, ...]
    hits: int
    misses: int
    run_hits: int
    run_misses: int
    thumbnails: Kept
    converted: Kept

    @property
    def stale(self) -> tuple[NetworkVectors, ...]:
        """The networks whose vectors nobody will ask for again."""
        return tuple(network for network in self.networks if network.use == "stale")

    def to_dict(self) -> dict[str, Any]:
        """Return the form that ``beholder doctor --cache --json`` prints."""
        whole = sum(network.bytes for network in self.networks)
        return {
            "path": str(self.path),
            "bytes": self.bytes,
            "readable": self.readable,
            "large_pages": self.large_pages,
            "photos": self.photos,
            "files": self.files,
            "networks": [
                {**vars(network), "share": network.bytes / whole if whole else 0.0} for network in self.networks
            ],
            "hits": self.hits,
            "misses": self.misses,
            "last_run": {"hits": self.run_hits, "misses": self.run_misses},
            "thumbnails": self.thumbnails.to_dict(),
            "converted_networks": self.converted.to_dict(),
        }


def survey_cache(workspace: Workspace, today: int) -> CacheSurvey:
    """Look at what is kept; nothing is changed and no photo is read.

    Args:
        workspace: it need not exist.
        today: days since 1970.
    """
    file = workspace.features_file
    found: dict[str, Any] = {"photos": 0, "files": 0, "networks": (), "large_pages": True}
    counts: dict[str, int] = {}
    readable = True
    if file.exists():
        try:
            with contextlib.closing(_opened(file)) as base:
                found, counts = _contents(base, workspace, today)
        except sqlite3.Error:
            readable = False
    return CacheSurvey(
        path=file,
        bytes=cache_bytes(file),
        readable=readable,
        **found,
        hits=counts.get("hits", 0),
        misses=counts.get("misses", 0),
        run_hits=counts.get("run_hits", 0),
        run_misses=counts.get("run_misses", 0),
        thumbnails=thumbnails_in(workspace.thumbnails),
        converted=converted_networks(),
    )


def cache_bytes(file: Path) -> int:
    """Return what the file of vectors takes on the disk, with its log and what was set aside damaged."""
    return sum(_size(file.with_name(file.name + ending)) for ending in ("", "-wal", "-shm", ".damaged"))


def networks_in(base: sqlite3.Connection, workspace: Workspace, today: int) -> tuple[NetworkVectors, ...]:
    """Return whose vectors there are, those with the most first.

    Raises:
        sqlite3.Error: the file is damaged.
    """
    noted: dict[str, tuple[str, str, int]] = {}
    if version_of(base) > 0:
        rows = base.execute("SELECT fingerprint, backbone, weights, used FROM networks")
        noted = {mark: (backbone, weights, used) for mark, backbone, weights, used in rows}
    # the index alone is read: the rows themselves may be gigabytes
    groups = base.execute("SELECT fingerprint, count(*), min(rowid) FROM features GROUP BY fingerprint").fetchall()
    judge = _Judge(workspace, today, {mark for mark, _, _ in groups} - noted.keys())
    found = []
    for mark, count, row in groups:
        width = base.execute("SELECT length(vector) FROM features WHERE rowid = ?", (row,)).fetchone()[0]
        backbone, weights, used = noted.get(mark, ("", "", None))
        name, use = judge(mark, backbone, weights, used)
        found.append(NetworkVectors(mark, name, count, count * width, use, used))
    return tuple(sorted(found, key=lambda network: (-network.bytes, network.fingerprint)))


def converted_networks() -> Kept:
    """Return how many converted networks lie in the user's cache folder, and what they take."""
    found = list(kept_networks())
    return Kept(networks_folder(), len(found), sum(network.bytes for network in found))


def _opened(file: Path) -> sqlite3.Connection:
    base = open_to_look(file)
    if base is None:
        raise sqlite3.DatabaseError
    return base


def _contents(base: sqlite3.Connection, workspace: Workspace, today: int) -> tuple[dict[str, Any], dict[str, int]]:
    found = {
        "photos": base.execute("SELECT count(DISTINCT hash) FROM features").fetchone()[0],
        "files": base.execute("SELECT count(*) FROM files").fetchone()[0],
        "networks": networks_in(base, workspace, today),
        "large_pages": is_laid_out_well(base),
    }
    return found, dict(base.execute("SELECT name, value FROM counts")) if version_of(base) > 0 else {}


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


class _Judge:
    """Says what vectors of a fingerprint are still good for.

    Args:
        workspace: its models, also those in the trash, need their vectors.
        today: days since 1970.
        unnamed: fingerprints of which nobody noted what they stand for; an earlier version did not.
    """

    def __init__(self, workspace: Workspace, today: int, unnamed: set[str]) -> None:
        self._today = today
        self._backbones = {backbone.name: backbone for backbone in list_backbones()}
        self._models = dict(_models_of(workspace))
        self._names = dict(_todays(self._backbones.values())) if unnamed else {}

    def __call__(self, mark: str, backbone: str, weights: str, used: int | None) -> tuple[str, Use]:
        name = backbone or self._names.get(mark) or self._models.get(mark, "")
        if mark in self._models:
            return name, "model"
        if mark in self._names:
            return name, "current"
        known = self._backbones.get(backbone)
        if known is None or fingerprint(known, weights) != mark:
            return name, "stale"
        recently = used is not None and self._today - used <= FRESH_DAYS
        return name, "current" if recently or _are_its_own(known, weights) else "stale"


def _models_of(workspace: Workspace) -> Iterable[tuple[str, str]]:
    """Yield the fingerprints that models need, with the name of their network."""
    trash = workspace.trash / "models"
    trashed = sorted(trash.iterdir()) if trash.is_dir() else []
    for folder in (*bundle_folders(workspace), *trashed):
        with contextlib.suppress(BeholderError):  # a damaged model is told of elsewhere
            manifest = read_manifest_file(folder)
            yield str(manifest["fingerprint"]), str(manifest["backbone"])


def _todays(backbones: Iterable[Backbone]) -> Iterable[tuple[str, str]]:
    """Yield the fingerprints that this version makes with the weights on this machine, with the network's name."""
    for backbone in backbones:
        yield fingerprint(backbone, f"random-{RANDOM_SEED}"), backbone.name
        with contextlib.suppress(BeholderError):  # its weights are not here
            yield backbone.fingerprint(), backbone.name


def _are_its_own(backbone: Backbone, weights: str) -> bool:
    """Say whether weights of this hash are what a network uses when nobody names others."""
    stamp = backbone.weights_file.file.rpartition("-")[2].removesuffix(".pth")
    if weights == f"random-{RANDOM_SEED}" or (len(stamp) == 8 and weights.startswith(stamp)):
        return True
    try:
        return backbone.find_weights().digest == weights
    except BeholderError:
        return False
