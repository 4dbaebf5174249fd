"""Write a report on one model: a single page that loads nothing, runs nothing, and can be sent to anybody."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from pathlib import Path

from engine.errors import ImageError, UsageError
from engine.models.bundle import BundleInfo, read_manifest
from engine.models.record import read_record
from engine.outputs import report_facts as facts
from engine.outputs.report_page import MARK, Content, report_page
from engine.outputs.report_sections import Thumbnail
from engine.outputs.report_words import ENGLISH, Words
from engine.storage import disk_errors, write_bytes
from engine.thumbnails import Thumbnails
from engine.workspace import Workspace

_SIDE = 256
_MOST_BYTES = 24_000  # of one small picture: 24 of them stay far below the page's 2 MB
_QUALITIES = (82, 70, 55, 40, 25)
_HEAD = 1000


def write_report(
    workspace: Workspace, info: BundleInfo, to: Path, words: Mapping[str, str] = ENGLISH, *, force: bool = False
) -> Path:
    """Write the report on a model as one self-contained HTML page of less than 2 MB.

    Args:
        workspace: where the model's photos lie; those that are gone are named without a picture.
        info: the model.
        to: the file. One that is there is replaced if it is a report too.
        words: the page's words by the keys of `engine.outputs.report_words.ENGLISH`; English where one is missing.
        force: replace any file.

    Returns:
        Where it was written, links followed.

    Raises:
        UsageError: `to` is a folder, or a file that is no report while `force` is False.
        DamagedFile: the manifest or the record can't be read.
        BeholderError: the place can't be written; what was there before is untouched.
    """
    target = to.resolve()
    _refuse_others(target, force)
    record = read_record(info.path)
    names = facts.pick_photos(facts.held_out(record)).names()
    content = Content(info, read_manifest(info), record, _thumbnails(workspace, names))
    page = report_page(content, Words(words)).encode("utf-8", "backslashreplace")
    if target.exists() and not target.is_file():  # a device or a pipe
        with disk_errors(target):
            target.write_bytes(page)
    else:
        write_bytes(target, page)
    return target


def _refuse_others(target: Path, force: bool) -> None:
    """Refuse to write over what is not ours."""
    if not target.exists():
        return
    if target.is_dir():
        raise UsageError(
            "{path} is a folder.", remedy="Name the file that the report is to be written to.", path=target
        )
    if force or not target.is_file():
        return
    with disk_errors(target), target.open("rb") as data:
        head = data.read(_HEAD)
    if head and MARK.encode() not in head:
        raise UsageError(
            "{path} is there already and is not a report.",
            remedy="Choose another name, or add --force to replace it.",
            path=target,
        )


def _thumbnails(workspace: Workspace, names: Iterable[str]) -> dict[str, Thumbnail]:
    kept = Thumbnails(workspace.thumbnails)
    try:
        return {name: _thumbnail(workspace, name, kept) for name in names}
    finally:
        kept.close()


def _thumbnail(workspace: Workspace, name: str, kept: Thumbnails) -> Thumbnail:
    """Return a small picture of a photo in ``data/``, without anything the camera wrote into it."""
    # a record may come from elsewhere: no name of it leads out of the folder of photos
    if name in {"", ".", ".."} or "\0" in name or Path(name).name != name:
        return Thumbnail(problem="photo_gone")
    path = workspace.data / name
    try:
        if not path.is_file():
            return Thumbnail(problem="photo_gone")
        image = kept.read(path, (_SIDE, _SIDE)).convert("RGB")
    except (ImageError, OSError):  # a name that no file system takes is one of the latter
        return Thumbnail(problem="photo_unreadable")
    image.info.clear()
    for quality in _QUALITIES:
        data = io.BytesIO()
        image.save(data, "JPEG", quality=quality, optimize=True)
        if data.tell() <= _MOST_BYTES:
            break
    return Thumbnail(data.getvalue(), image.width, image.height)
