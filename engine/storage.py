"""Reach the disk safely: atomic writes, safe names, content hashes, file-system errors with a remedy."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import json
import os
import re
import secrets
import shutil
import stat
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from engine.errors import BeholderError, NeedMissing, NotFound

_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|\u200e\u200f\u061c\u2028-\u202e\u2066-\u2069\ud800-\udfff]')
_RESERVED = {
    "con",
    "prn",
    "aux",
    "nul",
    *(f"com{n}" for n in range(1, 10)),
    *(f"lpt{n}" for n in range(1, 10)),
}
_MAX_NAME_BYTES = 200


class AlreadyThere(BeholderError):
    """A new file was to be made, but meanwhile there is one of its name; that one is untouched."""


class NotAFile(BeholderError):
    """A file was to be read, but there is a folder, a pipe or a device."""


def disk_error(error: OSError, path: str | os.PathLike[str]) -> BeholderError:
    """Return one of our errors for a file-system error, with the file and what to do."""
    where = Path(path)
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return NeedMissing(
            "The disk is full: {path} could not be written.",
            remedy="Free some space and run the same again; nothing that was there before has changed.",
            path=where,
        )
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return NeedMissing(
            "No permission for {path}.",
            remedy="Make it readable for you (a workspace writable too), or choose another folder.",
            path=where,
        )
    if error.errno in {errno.ENOENT, errno.ENOTDIR}:
        return NotFound("There is no {path}.", remedy="Check the spelling of the path.", path=where)
    return BeholderError(
        "{path}: the file system says: {cause}.",
        remedy="Check the disk and run the same again.",
        path=where,
        cause=error.strerror or type(error).__name__,
    )


@contextlib.contextmanager
def disk_errors(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn an `OSError` of the block into one of our errors about its file, or about `path` where it names none."""
    try:
        yield
    except OSError as error:
        # a person knows the file that was to be written, not the temporary one beside it
        named = error.filename if error.filename and not str(error.filename).endswith(".part") else path
        raise disk_error(error, named) from error


def open_regular(path: Path) -> io.BufferedReader:
    """Open a file to read its bytes. A pipe or a device is refused, never waited for, even if it took the file's place.

    Raises:
        NotAFile: it is none.
        OSError: it can't be opened.
    """
    if not stat.S_ISREG(path.stat().st_mode):  # merely opening a device can do something
        raise _not_a_file(path)
    unwaiting = (getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY"))
    handle = os.open(path, sum(unwaiting, os.O_RDONLY))
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise _not_a_file(path)
    return os.fdopen(handle, "rb")


def _not_a_file(path: Path) -> NotAFile:
    return NotAFile("{path} is not a file.", remedy="Give a file.", path=path)


def require_space(folder: Path, needed: int) -> None:
    """Refuse early where work could not save what it makes.

    Args:
        folder: an existing folder on the disk in question.
        needed: free bytes that must be there.

    Raises:
        NeedMissing: there are fewer.
    """
    with disk_errors(folder):
        free = shutil.disk_usage(folder).free
    if free < needed:
        raise disk_error(OSError(errno.ENOSPC, ""), folder)


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries, so that a rename in it survives a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def replacing(path: Path, *, over: bool = True, lasting: bool = True) -> Iterator[BinaryIO]:
    """Open a new file that takes the place of `path` when the block ends well; on an error the old one stays.

    A reader sees the old content or the new, never a part. The place keeps its permissions; a new one gets what the
    umask grants.

    Args:
        path: the place.
        over: whether a file that lies there by then is replaced.
        lasting: whether the new file survives a power cut for sure; if not, perhaps neither does.

    Raises:
        AlreadyThere: one does, and is not to be replaced.
        BeholderError: the disk is full, read-only or the folder is missing.
    """
    part, opened = open_part(path)
    with disk_errors(path):
        try:
            with opened as out:
                yield out
                out.flush()
                if lasting:
                    os.fsync(out.fileno())
            if not over:
                move_to_free(part, path)
            else:
                if path.exists():
                    part.chmod(path.stat().st_mode & 0o777)
                part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        if lasting:
            sync_folder(path.parent)


def open_part(path: Path) -> tuple[Path, BinaryIO]:
    """Open a new hidden file beside a place, to be given its name when it is whole.

    Returns:
        Where it lies, and the open file.

    Raises:
        BeholderError: the disk is full, read-only or the folder is missing.
    """
    part = path.with_name(f".{path.name[:40]}.{secrets.token_hex(4)}.part")
    with disk_errors(path.parent):  # what can be wrong so far is wrong with the folder
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o666)
    return part, os.fdopen(handle, "wb")


def move_to_free(part: Path, path: Path) -> None:
    """Give a file another name on its file system, unless another program has taken that one.

    Raises:
        AlreadyThere: one has; nothing is changed.
        OSError: as `os.rename`.
    """
    try:
        try:
            path.hardlink_to(part)
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links: all but one moment is guarded
            if path.exists():
                raise FileExistsError from None
            part.rename(path)
            return
        part.unlink()
    except FileExistsError as error:
        raise AlreadyThere("{path} is there already.", remedy="Run the same again.", path=path) from error


def write_bytes(path: Path, data: bytes, *, lasting: bool = True) -> None:
    """Replace a file's content atomically; see `replacing`."""
    with replacing(path, lasting=lasting) as out:
        out.write(data)


def write_text(path: Path, text: str) -> None:
    """Replace a text file atomically (UTF-8); see `write_bytes`."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Replace a JSON file atomically, indented and in UTF-8; see `write_bytes`."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    # an undecodable byte of a file name becomes a JSON escape, so the file stays UTF-8
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def copy_file(source: Path, target: Path) -> None:
    """Copy a file atomically, keeping its modification time.

    Raises:
        AlreadyThere: there is a target; it is left alone.
        BeholderError: as `replacing`, or the source can't be read.
    """
    with disk_errors(source), open_regular(source) as data, replacing(target, over=False) as out:
        shutil.copyfileobj(data, out, 1 << 20)
        times = os.fstat(data.fileno())
        out.flush()
        os.utime(out.fileno(), ns=(times.st_atime_ns, times.st_mtime_ns))


def content_hash(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, as 64 hexadecimal digits.

    Raises:
        BeholderError: the file can't be read, or is none.
    """
    with disk_errors(path), open_regular(path) as data:
        return hashlib.file_digest(data, "sha256").hexdigest()


def safe_name(name: str) -> str:
    r"""Return a file name that every file system takes and no terminal stumbles over.

    Control, bidi, undecodable and path characters become ``_``; the suffix is kept; Chinese, emoji and
    markup stay.

    >>> safe_name("a\x1b[31mb\t.jpg")
    'a_[31mb_.jpg'
    """
    clean = _FORBIDDEN.sub("_", unicodedata.normalize("NFC", name)).strip(" ")
    stem, dot, suffix = clean.rpartition(".")
    if not dot:
        stem, suffix = clean, ""
    stem = stem.lstrip(".") or "_"
    if stem.lower() in _RESERVED:
        stem = f"_{stem}"
    room = _MAX_NAME_BYTES - len(suffix.encode()) - 1
    stem = stem.encode()[: max(room, 1)].decode("utf-8", "ignore") or "_"
    return f"{stem}.{suffix}" if suffix else stem
