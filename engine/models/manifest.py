"""The manifest of a bundle: read with every mistake turned into one of our errors, changed under a lock."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import BeholderError, DamagedFile, UsageError
from engine.models.damaged import damaged_model
from engine.models.manifest_check import (
    FORMAT,
    MANIFEST_BYTES,
    MANIFEST_NAME,
    MODEL_ID,
    NAME_LENGTH,
    NOTE_LENGTH,
    OtherFormat,
    parse_manifest,
)
from engine.storage import disk_errors, write_json
from engine.workspace import Workspace

RESERVED_NAMES = ("best", "latest", "default", "none")
_LOCK_SECONDS = 20.0


@dataclass(frozen=True)
class BundleInfo:
    """What a list of models shows, read from the manifest alone.

    Args:
        model_id: name of the bundle's folder, unique in the workspace.
        name: what the person calls it; may be empty.
        model: model family. backbone: the network whose features it takes.
        created: ISO 8601 time, UTC. n: number of scores it learned from.
        metrics: part of the split → metric → value. path: the bundle's folder.
        note: what the person wrote about it; may be empty.
        size: bytes of its files. seconds: how long the training took; None where that is not known.
        imported: it was made elsewhere, and its figures are of other photos.
    """

    model_id: str
    name: str
    model: str
    backbone: str
    created: str
    n: int
    metrics: Mapping[str, Mapping[str, float | int | None]]
    path: Path
    note: str = ""
    size: int = 0
    seconds: float | None = None
    imported: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the contract's JSON form."""
        return {key: value for key, value in vars(self).items() if key != "path"}

    def unseen(self, metric: str) -> float | None:
        """Return a metric over photos that the model never saw; see `unseen_metric`."""
        return unseen_metric(self.metrics, metric)

    @property
    def is_cross_validated(self) -> bool:
        """Whether its figures over unseen photos rest on every score, and not on the test part alone."""
        return self.metrics.get("cv", {}).get("srcc") is not None

    @property
    def tested(self) -> float:
        """The SRCC of its test part; -2 if unknown."""
        srcc = self.metrics.get("test", {}).get("srcc")
        return -2.0 if srcc is None else float(srcc)

    @property
    def rank_quality(self) -> float:
        """How well it ranks photos that it never saw: their SRCC; -2 if unknown."""
        srcc = self.unseen("srcc")
        return -2.0 if srcc is None else srcc


def unseen_metric(metrics: Mapping[str, Mapping[str, float | int | None]], name: str) -> float | None:
    """Return a metric over photos that a model never saw, for lists and for choosing the best; None if unknown.

    It is the cross-validated one, which rests on every score, and only without it that of the smaller test part.
    """
    for part in ("cv", "test"):
        value = metrics.get(part, {}).get(name)
        if isinstance(value, int | float):
            return float(value)
    return None


def read_manifest_file(folder: Path) -> dict[str, Any]:
    """Return the manifest of a bundle's folder.

    Raises:
        DamagedFile: it is not JSON, or not a manifest of this format.
    """
    file = folder / MANIFEST_NAME
    with disk_errors(file), file.open("rb") as content:
        data = content.read(MANIFEST_BYTES + 1)
    return manifest_of(file, data)


def manifest_of(file: Path, data: bytes) -> dict[str, Any]:
    """Return the manifest that stands in a file, checked; see `read_manifest_file`."""
    try:
        return parse_manifest(data)
    except OtherFormat as error:
        raise DamagedFile(
            "{path} was made by a later version of beholder ({version}): its format is {found}, this version reads "
            "{known}.",
            remedy="Install that version, or train the model again with this one.",
            path=file,
            version=error.version or "?",
            found=error.found,
            known=FORMAT,
        ) from error
    except (LookupError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
        raise damaged_model(file, f"{type(error).__name__}: {error}") from error


def read_manifest(info: BundleInfo) -> dict[str, Any]:
    """Return the manifest of a listed bundle; see `read_manifest_file`."""
    return read_manifest_file(info.path)


def info_of(folder: Path, manifest: Mapping[str, Any]) -> BundleInfo:
    """Return what a list shows of a bundle whose manifest was read."""
    seconds = manifest.get("seconds")
    return BundleInfo(
        model_id=folder.name,
        name=manifest["name"],
        model=manifest["model"],
        backbone=manifest["backbone"],
        created=manifest["created"],
        n=manifest["n"],
        metrics=manifest["metrics"],
        path=folder,
        note=manifest.get("note") or "",
        size=folder_size(folder),
        seconds=None if seconds is None else float(seconds),
        imported=bool(manifest.get("imported")),
    )


def read_info(folder: Path) -> BundleInfo:
    """Return what a list shows of a bundle.

    Raises:
        DamagedFile: its manifest can't be read.
    """
    return info_of(folder, read_manifest_file(folder))


def folder_size(folder: Path) -> int:
    """Return the bytes of all files below a folder; what vanishes meanwhile counts nothing."""
    size = 0
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    size += folder_size(Path(entry.path))
                else:
                    size += entry.stat(follow_symlinks=False).st_size
    return size


def file_names(folder: Path) -> list[str]:
    """Return the bundle's files, relative to its folder."""
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if not file.is_dir())


def bundle_folders(workspace: Workspace) -> Iterator[Path]:
    """Yield the folders that are bundles, sound or not; one that is still being written is none."""
    try:
        with os.scandir(workspace.models) as entries:
            for entry in entries:
                if MODEL_ID.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
                    yield Path(entry.path)
    except (FileNotFoundError, NotADirectoryError):
        return


@contextlib.contextmanager
def locked_models(workspace: Workspace) -> Iterator[None]:
    """Keep other programs from changing the manifests meanwhile; not reentrant.

    Raises:
        BeholderError: another one holds them for too long, or the place can't be written.
    """
    from filelock import FileLock, Timeout

    path = workspace.internal / "models.lock"
    with contextlib.ExitStack() as stack:
        try:
            with disk_errors(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                stack.enter_context(FileLock(path, timeout=_LOCK_SECONDS, poll_interval=0.01))
        except Timeout as error:
            raise BeholderError(
                "Another program has held the models of {path} for {seconds} seconds.",
                remedy="Close it and try again.",
                path=workspace.root,
                seconds=int(_LOCK_SECONDS),
            ) from error
        yield


def rename_bundle(workspace: Workspace, info: BundleInfo, name: str) -> BundleInfo:
    """Give a model another name; two models may share one. Its id stays.

    Args:
        workspace: where it is.
        info: the model.
        name: at most 200 characters, blanks around it don't count; empty takes the name away.

    Raises:
        UsageError: the name is too long, or a word that means something else where a model is asked for.
        DamagedFile: the manifest can't be read. NotFound: the model is gone.
    """
    name = name.strip()
    if name.casefold() in RESERVED_NAMES:
        raise UsageError(
            "No model can be called “{name}”: the word means something else.",
            remedy="Choose another name.",
            name=name,
        )
    _check_length(name, NAME_LENGTH)
    return _change(workspace, info, "name", name)


def note_bundle(workspace: Workspace, info: BundleInfo, text: str) -> BundleInfo:
    """Write a note about a model, in place of the one it had.

    Args:
        workspace: where it is.
        info: the model.
        text: at most 10,000 characters, also of several lines; empty takes the note away.

    Raises:
        UsageError: the text is too long.
        DamagedFile: the manifest can't be read. NotFound: the model is gone.
    """
    text = text.strip()
    _check_length(text, NOTE_LENGTH)
    return _change(workspace, info, "note", text)


def _check_length(text: str, most: int) -> None:
    if len(text) > most:
        raise UsageError(
            "The text is too long: {n} characters.", remedy="Write at most {most} characters.", n=len(text), most=most
        )


def _change(workspace: Workspace, info: BundleInfo, key: str, value: str) -> BundleInfo:
    """Set one key of a manifest as it stands by now, so that what others changed meanwhile stays."""
    with locked_models(workspace):
        manifest = read_manifest_file(info.path)
        if manifest.get(key, "") != value:
            manifest[key] = value
            write_json(info.path / MANIFEST_NAME, manifest)
    return info_of(info.path, manifest)
