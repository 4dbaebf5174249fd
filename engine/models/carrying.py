"""Carry a model to another machine: export it as a folder, import one that may come from anybody.

A foreign folder is believed in nothing. Its manifest is read up to a bound and checked key by key; only plain files
that it vouches for are copied, through descriptors that follow no link; their hashes are those of the copy. Then the
model is loaded as every bundle is (safetensors, and skops with the family's few types; never a pickle) and has to
predict its golden rows. Only then does it get its place.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from engine.errors import DamagedFile, NotFound, UsageError
from engine.models.bundle import new_model_id
from engine.models.damaged import damaged_model
from engine.models.finding import list_bundles
from engine.models.manifest import BundleInfo, manifest_of, read_info, read_manifest_file
from engine.models.manifest_check import MANIFEST_BYTES, MANIFEST_NAME, is_plain, is_plain_deep
from engine.models.part_folder import already_there, part_folder
from engine.models.record import RECORD_NAME, read_record
from engine.models.soundness import (
    FAMILIAR_NAME,
    GOLDEN_NAME,
    check_golden,
    check_hash,
    check_network,
    load_familiar,
    load_scorer,
)
from engine.storage import disk_errors, replacing, require_space, sync_folder, write_json
from engine.workspace import Workspace

IMPORT_BYTES = 4 << 30
_MOST_FILES = 64
_JSON_BYTES = 64 << 20
_GOLDEN_BYTES = 64 << 20
# more than the file of any network has
_FAMILIAR_BYTES = 16 << 20
_MOST_BYTES = {RECORD_NAME: _JSON_BYTES, GOLDEN_NAME: _GOLDEN_BYTES, FAMILIAR_NAME: _FAMILIAR_BYTES}
_CHUNK = 1 << 20
_OUR_ID = re.compile(r"[a-z]+(-[a-z]+)*-\d{8}-\d{6}-[0-9a-f]{4}")


class AlreadyHere(NotFound):
    """There is nothing to do: the model that is to be imported is in the workspace."""


def export_bundle(workspace: Workspace, info: BundleInfo, to: Path) -> Path:
    """Copy a model into a folder, to be carried to another machine; see `import_bundle`.

    Args:
        workspace: where the model is.
        info: the model.
        to: the folder in which a folder with the model's id is made; it is made too if missing.

    Returns:
        The new folder; its files are on the disk, and were read again and compared.

    Raises:
        UsageError: a folder of this name is there; nothing is overwritten.
        DamagedFile: the model is damaged, or the copy is not what it should be. BeholderError: the disk is full, …
    """
    target = to / info.model_id
    if os.path.lexists(target):
        raise already_there(target)
    manifest = read_manifest_file(info.path)
    with disk_errors(to):
        to.mkdir(parents=True, exist_ok=True)
    require_space(to, info.size + _CHUNK)
    with part_folder(target, tidy=False) as part, _opened(info.path) as home:
        for name, expected in manifest["files"].items():
            _copy(home, info.path, name, part, expected)
        write_json(part / MANIFEST_NAME, manifest)
        for name, expected in manifest["files"].items():
            check_hash(part / name, expected)
        read_manifest_file(part)
    return target


def import_bundle(
    workspace: Workspace, folder: Path, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> BundleInfo:
    """Take a model from a folder that `export_bundle` made, somewhere, perhaps; nothing about it is trusted.

    It keeps its id, unless another model has it here; ``best`` means it only where no model was made here. What the
    manifest doesn't name is not copied.

    Args:
        workspace: where it goes.
        folder: the bundle's folder.
        now: the present time, for a new id.

    Raises:
        AlreadyHere: the same model is here.
        DamagedFile: the folder holds no sound bundle: a hash or a golden row is wrong, a type is not trusted, a file is
            a link, too large or missing, the format is another version's. Nothing is left behind.
        NotFound: there is no such folder. BeholderError: the disk is full or read-only.
    """
    folder = folder.absolute()
    with _opened(folder) as home:
        manifest = manifest_of(folder / MANIFEST_NAME, _read(home, folder, MANIFEST_NAME, MANIFEST_BYTES))
        sizes = _sizes(home, folder, manifest)
        workspace.ensure()
        _refuse_known(workspace, manifest)
        model_id = _free_id(workspace, manifest, now)
        require_space(workspace.models, sum(sizes.values()) + _CHUNK)
        target = workspace.models / model_id
        with part_folder(target) as part:
            for name, expected in manifest["files"].items():
                _copy(home, folder, name, part, expected, sizes[name])
            write_json(
                part / MANIFEST_NAME,
                {**manifest, "model_id": model_id, "imported": now().isoformat(timespec="seconds")},
            )
            try:
                _try_out(part)
            except DamagedFile as error:
                raise _elsewhere(error, part, folder) from error
    return read_info(target)


def _try_out(part: Path) -> None:
    manifest = read_manifest_file(part)
    record = read_record(part)
    if not all(map(is_plain_deep, record.events)) or not all(is_plain(asdict(guess)) for guess in record.guesses):
        raise damaged_model(part / RECORD_NAME, "it holds more than texts and numbers")
    if check_golden(part, manifest, load_scorer(part, manifest)) == 0:
        raise damaged_model(part / GOLDEN_NAME, "it holds no rows")
    load_familiar(part, manifest)
    check_network(part, manifest)


def _elsewhere(error: DamagedFile, part: Path, folder: Path) -> DamagedFile:
    """Return the error about the person's folder: the hidden copy that it names is gone."""
    values = {
        key: type(value)(str(value).replace(str(part), str(folder))) if isinstance(value, str | Path) else value
        for key, value in {**error.message.values, **error.remedy.values}.items()
    }
    remedy = "Import only models that beholder made and that arrived whole; nothing was copied."
    return DamagedFile(error.message.template, remedy=remedy, **values)


def _refuse_known(workspace: Workspace, manifest: Mapping[str, Any]) -> None:
    """Refuse a model that is here, also under another id, name or note."""
    for info in list_bundles(workspace):
        if _essence(read_manifest_file(info.path)) == _essence(manifest):
            raise AlreadyHere(
                "The model {model_id} is here already, with the same content.",
                remedy="See the list: beholder models",
                model_id=info.model_id,
            )


def _essence(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in manifest.items() if key not in {"model_id", "name", "note", "imported"}}


def _free_id(workspace: Workspace, manifest: Mapping[str, Any], now: Callable[[], datetime]) -> str:
    wanted = str(manifest.get("model_id"))
    # another form of id could take the place of what a person means by a word or by the beginning of an id
    if _OUR_ID.fullmatch(wanted) and not os.path.lexists(workspace.models / wanted):
        return wanted
    return new_model_id(manifest["model"], now())


def _sizes(home: int, folder: Path, manifest: Mapping[str, Any]) -> dict[str, int]:
    """Return the sizes of the bundle's files, before any is read.

    Raises:
        DamagedFile: too many or too large; one is missing or no plain file; the family is unknown.
    """
    from engine.models.catalog import FAMILIES

    names = manifest["files"]
    if manifest["model"] not in FAMILIES:
        raise damaged_model(folder / MANIFEST_NAME, f"there is no model family {manifest['model']}")
    if GOLDEN_NAME not in names or len(names) > _MOST_FILES:
        raise damaged_model(folder / MANIFEST_NAME, f"{len(names)} files")
    sizes = {}
    for name in names:
        with _plain_file(home, folder, name) as file:
            sizes[name] = os.fstat(file.fileno()).st_size
        if sizes[name] > _MOST_BYTES.get(name, IMPORT_BYTES):
            raise damaged_model(folder / name, f"{sizes[name]} bytes are too many")
    if sum(sizes.values()) > IMPORT_BYTES:
        raise damaged_model(folder, f"{sum(sizes.values())} bytes are too many")
    return sizes


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    """Hold a folder, so that what is opened in it is in this one, whatever its path leads to later."""
    if not folder.exists():
        raise NotFound("There is no {path}.", remedy="Check the spelling of the path.", path=folder)
    if not folder.is_dir():
        raise UsageError(
            "{path} is not a folder.", remedy="Name the folder of a model: it holds a manifest.json.", path=folder
        )
    with disk_errors(folder):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield handle
    finally:
        os.close(handle)


@contextmanager
def _plain_file(home: int, folder: Path, name: str) -> Iterator[BinaryIO]:
    """Open a bundle's file, following no link on the way and waiting for no device.

    Raises:
        DamagedFile: it is missing, or a link, a folder or a device.
    """
    inner, _, last = name.rpartition("/")
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    place = home
    try:
        if inner:
            place = os.open(inner, flags | os.O_DIRECTORY, dir_fd=home)
        handle = os.open(last, flags, dir_fd=place)
    except OSError as error:
        raise damaged_model(folder / name, f"no plain file ({error.strerror})") from error
    finally:
        if place != home:
            os.close(place)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise damaged_model(folder / name, "no plain file")
    with os.fdopen(handle, "rb") as file:
        yield file


def _read(home: int, folder: Path, name: str, most: int) -> bytes:
    with _plain_file(home, folder, name) as file, disk_errors(folder / name):
        data = file.read(most + 1)
    if len(data) > most:
        raise damaged_model(folder / name, f"more than {most} bytes")
    return data


def _copy(home: int, folder: Path, name: str, part: Path, expected: str, most: int = IMPORT_BYTES) -> None:
    """Copy one file and compare what was copied with the hash that the manifest vouches for.

    Raises:
        DamagedFile: it is another file, or grew while it was read.
    """
    target = part / name
    digest, left = hashlib.sha256(), most
    with disk_errors(target):
        target.parent.mkdir(exist_ok=True)
    with _plain_file(home, folder, name) as file, replacing(target, over=False) as out:
        while left >= 0:
            with disk_errors(folder / name):
                chunk = file.read(_CHUNK)
            if not chunk:
                break
            left -= len(chunk)
            digest.update(chunk)
            out.write(chunk)
    if left < 0:
        raise damaged_model(folder / name, "it grew while it was copied")
    if digest.hexdigest() != expected:
        raise damaged_model(folder / name, f"its SHA-256 is {digest.hexdigest()[:12]}…, should be {expected[:12]}…")
    sync_folder(target.parent)
