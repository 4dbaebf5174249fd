"""What a manifest may hold: types, lengths and sizes are checked before anything is believed or shown."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

FORMAT = 1
MANIFEST_NAME = "manifest.json"
MANIFEST_BYTES = 16 << 20  # the names in the split of 100,000 photos take about half of it
NAME_LENGTH = 200
NOTE_LENGTH = 10_000
_TEXT = 4096
_DEEPEST = 40
MODEL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
# a model's own files, and those of the prior it begins from
FILE_NAME = re.compile(r"(prior/)?[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_FAMILY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_BACKBONE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,199}")
_DIGEST = re.compile(r"[0-9a-f]{64}")

Check = Callable[[Any], bool]


class OtherFormat(ValueError):
    """A manifest of a format that a later version of beholder writes."""

    def __init__(self, found: int, version: str) -> None:
        self.found, self.version = found, version
        super().__init__(f"format {found}, this version reads {FORMAT}")


def parse_manifest(data: bytes) -> dict[str, Any]:
    """Return the manifest that these bytes hold.

    Raises:
        OtherFormat: a later version wrote it.
        ValueError: it is no manifest; the text says why. LookupError, RecursionError: likewise.
    """
    if len(data) > MANIFEST_BYTES:
        raise ValueError(f"it has {len(data)} bytes")
    manifest = json.loads(data.decode("utf-8"), parse_constant=_no_constant, parse_float=_finite)
    if not isinstance(manifest, dict):
        raise ValueError("it is no JSON object")
    found = manifest["format"]
    if not _whole(found) or found < 1:
        raise ValueError(f"no format {str(found)[:20]}")
    if found > FORMAT:
        versions = manifest.get("versions")
        version = versions.get("beholder") if isinstance(versions, dict) else None
        raise OtherFormat(found, version[:40] if isinstance(version, str) else "")
    check_manifest(manifest)
    return manifest


def check_manifest(manifest: Mapping[str, Any]) -> None:
    """Refuse what would break a list or a page, or lead out of the bundle's folder.

    Raises:
        ValueError: the text says which key. LookupError: one is missing.
    """
    for key, fits in _NEEDED.items():
        if not fits(manifest[key]):
            raise ValueError(f"“{key}” is not what it should be")
    for key, fits in _KNOWN.items():
        if key in manifest and manifest[key] is not None and not fits(manifest[key]):
            raise ValueError(f"“{key}” is not what it should be")
    for name, digest in manifest["files"].items():
        check_file_name(name)
        if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            raise ValueError(f"{name!r} in files has no SHA-256")
    if manifest.get("tuned"):
        network = str(manifest.get("weights"))
        if network not in manifest["files"] or not network.endswith(".safetensors"):
            raise ValueError("its network is not among the files")
    if len({name.casefold() for name in manifest["files"]}) < len(manifest["files"]):
        raise ValueError("two files with one name")
    if any(_depth_over(value, _DEEPEST) for value in manifest.values()):
        raise ValueError("nested too deep")


def check_file_name(name: str) -> None:
    """Refuse the name of a bundle's file that is no plain name, or that of the manifest itself.

    Raises:
        ValueError: the text holds the name.
    """
    if not FILE_NAME.fullmatch(name) or name.casefold() == MANIFEST_NAME:
        raise ValueError(f"{name[:100]!r} in files")


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is no number")
    return value


def _depth_over(value: Any, limit: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return limit == 0 or any(_depth_over(item, limit - 1) for item in inner)


def _text(longest: int) -> Check:
    return lambda value: isinstance(value, str) and len(value) <= longest


def _word(pattern: re.Pattern[str]) -> Check:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 53


def _number(value: Any) -> bool:
    return _whole(value) or (isinstance(value, float) and math.isfinite(value))


def _figures(value: Any) -> bool:
    """Say whether these are metrics by name, None for one that is not defined."""
    return isinstance(value, dict) and all(item is None or _number(item) for item in value.values())


def _by_part(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_figures, value.values()))


def _pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(item is None or _number(item) for item in value)


def _intervals(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(part, dict) and all(pair is None or _pair(pair) for pair in part.values()) for part in value.values()
    )


def _scale(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_number, value)) and value[0] < value[1]


def is_plain(value: Any) -> bool:
    """Say whether this is a table of short texts and finite numbers."""
    return isinstance(value, dict) and is_plain_deep(value, 1)


def is_plain_deep(value: Any, depth: int = 4) -> bool:
    """Say whether this is JSON of short texts and finite numbers, nested no deeper than that."""
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return depth > 0 and all(is_plain_deep(item, depth - 1) for item in inner)
    return value is None or isinstance(value, bool) or _number(value) or _text(_TEXT)(value)


def _coverage(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    keys = ("coverage", "halfwidth", "factor", "held", "held_of")
    ends = value.get("far")
    return all(value.get(key) is None or _number(value[key]) for key in keys) and (
        ends is None or (_pair(ends) and all(map(_number, ends)) and ends[0] <= ends[1])
    )


def _spec(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    split = value.get("split")
    return split is None or (isinstance(split, list) and all(map(_number, split)))


def _prior(value: Any) -> bool:
    return isinstance(value, dict) and all(_text(NAME_LENGTH)(value[key]) for key in ("model_id", "model"))


def _object(value: Any) -> bool:
    return isinstance(value, dict)


_NEEDED: Mapping[str, Check] = {
    "name": _text(NAME_LENGTH),
    "model": _word(_FAMILY),
    "backbone": _word(_BACKBONE),
    "created": _text(100),
    "n": lambda value: _whole(value) and value >= 0,
    "scale": _scale,
    "metrics": _by_part,
    "files": _object,
}
_KNOWN: Mapping[str, Check] = {
    "model_id": _text(NAME_LENGTH),
    "note": _text(NOTE_LENGTH),
    "imported": _text(100),
    "weights": _text(_TEXT),
    "fingerprint": _text(NAME_LENGTH),
    "data_hash": _text(NAME_LENGTH),
    "seconds": _number,
    "tuned": lambda value: isinstance(value, bool),
    "spec": _spec,
    "split": _object,
    "interval": _coverage,
    "intervals": _intervals,
    "baseline": _figures,
    "baselines": _by_part,
    "leaked": _by_part,
    "details": _object,
    "versions": is_plain,
    "prior": _prior,
}
