"""The networks of timm: each is described once by a process of its own, and remembered as a small JSON file."""

from __future__ import annotations

import functools
import importlib.metadata
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.errors import BeholderError, NeedMissing
from engine.features.backbones import TIMM, Backbone, Preprocess
from engine.features.beside import NoAnswer, ask
from engine.features.weights import WeightsFile, cache_folder, file_stem
from engine.storage import write_json

# Raise it when a record's content, or how it is worked out, changes.
_FORMAT = 1
_LONGEST = 300.0  # seconds; a slow disk reads torch and timm for half a minute, a huge network takes as long again


def describe(name: str) -> Backbone:
    """Return the backbone that wraps timm's network of this name.

    Args:
        name: as timm calls it, with or without its tag: ``vit_base_patch16_clip_224.openai``.

    Raises:
        UsageError: timm has no such network (the remedy names the nearest ones), or it takes no square pictures.
        NeedMissing: timm is not installed.
    """
    return _described(name, cache_folder(), _timm_version())


def recorded() -> tuple[Backbone, ...]:
    """Return the timm networks that were described before, by name; nothing is imported or started."""
    folder, version = cache_folder() / "timm", _timm_version()
    try:
        files = sorted(folder.glob("*.json"))
    except OSError:
        return ()
    found = {backbone.name: backbone for file in files if (backbone := _read(file, version)) is not None}
    return tuple(found[name] for name in sorted(found))


@functools.lru_cache(maxsize=256)
def _described(name: str, cache: Path, version: str) -> Backbone:
    file = cache / "timm" / f"{file_stem(name)}.json"
    known = _read(file, version)
    if known is not None:
        return known
    facts = _ask(name)
    record = {"format": _FORMAT, "timm": version, **facts}
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_json(file, record)
    except (OSError, BeholderError):
        pass  # without a cache folder it is worked out again by the next process
    return _backbone(record)


def _timm_version() -> str:
    try:
        return importlib.metadata.version("timm")
    except importlib.metadata.PackageNotFoundError:
        return ""


def _read(file: Path, version: str) -> Backbone | None:
    """Return what a record says; None where it is missing, damaged, or of another timm."""
    try:
        record = json.loads(file.read_text("utf-8"))
        if record["format"] != _FORMAT or record["timm"] != version:
            return None
        return _backbone(record)
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _backbone(record: Mapping[str, Any]) -> Backbone:
    how = record["preprocess"]
    return Backbone(
        name=TIMM + str(record["architecture"]),
        source="timm",
        architecture=str(record["architecture"]),
        weights_name=str(record["architecture"]).partition(".")[2],
        weights_file=WeightsFile(""),
        licence=str(record["licence"]),
        parameters=int(record["parameters"]),
        blocks=(("pre_logits", int(record["width"])),),
        preprocess=Preprocess(
            kind=how["kind"],
            size=int(how["size"]),
            resize=int(how["resize"]),
            interpolation=how["interpolation"],
            mean=(float(how["mean"][0]), float(how["mean"][1]), float(how["mean"][2])),
            std=(float(how["std"][0]), float(how["std"][1]), float(how["std"][2])),
        ),
        head=str(record["head"]),
        aside=tuple(str(name) for name in record["aside"]),
    )


def _ask(name: str) -> dict[str, Any]:
    """Let another process import timm and describe the network."""
    try:
        return ask("engine.features.timm_record", [name], _LONGEST)
    except NoAnswer as error:
        raise NeedMissing(
            "timm could not describe its network {name}: {cause}.",
            remedy="Try again; if it stays so, choose another backbone: beholder backbones",
            name=name,
            cause=str(error),
        ) from error
