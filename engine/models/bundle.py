"""A model bundle on disk: manifest, weights and golden rows; saved atomically, checked at every load."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import BeholderError, DamagedFile, NotFound, UsageError
from engine.models.damaged import damaged_model
from engine.models.record import Record
from engine.storage import content_hash, disk_errors, sync_folder, write_json
from engine.trash import put_into_trash
from engine.workspace import Workspace

if TYPE_CHECKING:
    from engine.models.base import Features, Scorer

FORMAT = 1
_GOLDEN_ROWS = 16
# relative to the scale's width; bf16 never enters here: golden rows start from stored vectors
_GOLDEN_TOLERANCE = 1e-4
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
# a model's own files, and those of the prior it begins from
_FILE = re.compile(r"(prior/)?[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class BundleInfo:
    """What a list of models shows, read from the manifest alone.

    Args:
        model_id: name of the bundle's folder, unique in the workspace.
        name: what the person calls it; may be empty.
        model: model family. backbone: the network whose features it takes.
        created: ISO 8601 time, UTC. n: number of scores it learned from.
        metrics: part of the split → metric → value. path: the bundle's folder.
    """

    model_id: str
    name: str
    model: str
    backbone: str
    created: str
    n: int
    metrics: Mapping[str, Mapping[str, float | int | None]]
    path: Path

    def to_dict(self) -> dict[str, Any]:
        """Return the contract's JSON form."""
        keys = ("model_id", "name", "model", "backbone", "created", "n", "metrics")
        return {key: getattr(self, key) for key in keys}

    def unseen(self, metric: str) -> float | None:
        """Return a metric over photos that the model never saw; see `unseen_metric`."""
        return unseen_metric(self.metrics, metric)

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


@dataclass(frozen=True)
class Bundle:
    """A loaded bundle: its manifest and its fitted scorer."""

    info: BundleInfo
    manifest: Mapping[str, Any]
    scorer: Scorer


def new_model_id(model: str, now: datetime) -> str:
    """Return a new id such as ``taste-20261123-121530-a1b2``."""
    return f"{model}-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def save_bundle(
    workspace: Workspace, manifest: Mapping[str, Any], scorer: Scorer, golden: Features, record: Record | None = None
) -> BundleInfo:
    """Write a bundle: all files into a temporary folder, flushed, then renamed into place.

    Args:
        workspace: where; its ``trained_models_storage`` is made if missing.
        manifest: everything but ``files``, ``format`` and ``golden``; must hold ``model_id``.
        scorer: the fitted model.
        golden: (M, D) float32 feature vectors; the first 16 are kept with the scores the model gives them.
        record: the curve and what was said of each photo, for reports.

    Raises:
        BeholderError: the disk is full or read-only; nothing is left behind.
    """
    from engine.models.arrays import save_arrays

    workspace.ensure()
    target = workspace.models / str(manifest["model_id"])
    with disk_errors(target):
        part = Path(tempfile.mkdtemp(prefix=".part-", dir=workspace.models))
    try:
        rows = golden[:_GOLDEN_ROWS]
        scorer.save(part)
        if record is not None:
            record.save(part)
        save_arrays(part / "golden.safetensors", {"features": rows, "scores": scorer.predict(rows)})
        files = {name: content_hash(part / name) for name in _file_names(part)}
        write_json(part / "manifest.json", {"format": FORMAT, **manifest, "files": files})
        with disk_errors(target):
            part.chmod(0o755)
            part.rename(target)
            sync_folder(workspace.models)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return _info(target, read_manifest_file(target))


def _file_names(folder: Path) -> list[str]:
    """Return the bundle's files, relative to its folder."""
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if not file.is_dir())


def read_manifest_file(folder: Path) -> dict[str, Any]:
    """Return the manifest of a bundle's folder.

    Raises:
        DamagedFile: it is not JSON, or not a manifest of this format.
    """
    file = folder / "manifest.json"
    try:
        with disk_errors(file):
            manifest = json.loads(file.read_text("utf-8"))
        if manifest["format"] != FORMAT:
            raise ValueError(f"format {manifest['format']}, this version reads {FORMAT}")
        _check(manifest)
        _info(folder, manifest)
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise damaged_model(file, f"{type(error).__name__}: {error}") from error
    return dict(manifest)


def _check(manifest: Mapping[str, Any]) -> None:
    """Refuse what would break a list, or lead out of the bundle's folder."""
    for name, digest in manifest["files"].items():
        if not _FILE.fullmatch(name) or not isinstance(digest, str):
            raise ValueError(f"{name!r} in files")
    low, high = (float(end) for end in manifest["scale"])
    if not low < high:
        raise ValueError("no scale")
    for values in manifest["metrics"].values():
        if not all(value is None or isinstance(value, int | float) for value in values.values()):
            raise ValueError("metrics that are no numbers")


def read_manifest(info: BundleInfo) -> dict[str, Any]:
    """Return the manifest of a listed bundle; see `read_manifest_file`."""
    return read_manifest_file(info.path)


def _info(folder: Path, manifest: Mapping[str, Any]) -> BundleInfo:
    return BundleInfo(
        model_id=folder.name,
        name=str(manifest["name"]),
        model=str(manifest["model"]),
        backbone=str(manifest["backbone"]),
        created=str(manifest["created"]),
        n=int(manifest["n"]),
        metrics=manifest["metrics"],
        path=folder,
    )


def _folders(workspace: Workspace) -> Iterator[Path]:
    try:
        with os.scandir(workspace.models) as entries:
            for entry in entries:
                if _ID.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
                    yield Path(entry.path)
    except (FileNotFoundError, NotADirectoryError):
        return


def list_bundles(workspace: Workspace) -> list[BundleInfo]:
    """Return all bundles whose manifest can be read, newest first."""
    found = []
    for folder in _folders(workspace):
        try:
            found.append(_info(folder, read_manifest_file(folder)))
        except BeholderError:
            continue  # `damaged_bundles` names it; it must not hide the sound ones
    return sorted(found, key=lambda info: (info.created, info.model_id), reverse=True)


def best_first(bundles: Iterable[BundleInfo]) -> list[BundleInfo]:
    """Return bundles by how well they rank photos that they never saw, the newer one of equals first."""
    return sorted(bundles, key=lambda info: (info.rank_quality, info.created), reverse=True)


def damaged_bundles(workspace: Workspace) -> list[str]:
    """Return the ids of the bundles that `list_bundles` leaves out."""
    sound = {info.model_id for info in list_bundles(workspace)}
    return sorted(folder.name for folder in _folders(workspace) if folder.name not in sound)


def find_bundle(workspace: Workspace, ref: str = "best", *, even_damaged: bool = False) -> BundleInfo:
    """Return the bundle that an id, a unique prefix of one, a name, ``latest`` or ``best`` means.

    ``best`` is the one that ranks unseen photos best; see `BundleInfo.rank_quality`.

    Args:
        workspace: where to look.
        ref: what is meant.
        even_damaged: return one whose manifest can't be read too, so that it can be removed.

    Raises:
        NotFound: there is no model at all, or none that is meant.
        UsageError: a prefix or name fits several.
        DamagedFile: the one that is meant can't be read.
    """
    bundles = list_bundles(workspace)
    if not bundles and not any(folder.name.startswith(ref) for folder in _folders(workspace)):
        raise NotFound("There is no trained model in {path}.", remedy="Train one: beholder train", path=workspace.root)
    if ref == "latest" and bundles:
        return bundles[0]
    if ref == "best" and bundles:
        return best_first(bundles)[0]
    exact = [info for info in bundles if ref == info.model_id] or [info for info in bundles if ref == info.name]
    near = exact or [info for info in bundles if ref and info.model_id.startswith(ref)]
    if len(near) == 1:
        return near[0]
    if near:
        raise UsageError(
            "“{ref}” fits several models: {choices}.",
            remedy="Write more of the id.",
            ref=ref,
            choices=", ".join(info.model_id for info in near),
        )
    for folder in _folders(workspace):
        if even_damaged and folder.name == ref:
            return BundleInfo(folder.name, "", "", "", "", 0, {}, folder)
        if ref and folder.name.startswith(ref):
            read_manifest_file(folder)
    raise NotFound("There is no model “{ref}”.", remedy="See the list: beholder models", ref=ref)


def load_bundle(info: BundleInfo) -> Bundle:
    """Load a bundle: every file's hash and every golden row is checked.

    Raises:
        DamagedFile: a hash or a golden row doesn't fit, or a file is not what it should be.
    """
    import numpy as np

    from engine.models.arrays import load_arrays
    from engine.models.catalog import scorer_class

    manifest = read_manifest(info)
    unlisted = set(_file_names(info.path)) - manifest["files"].keys() - {"manifest.json"}
    if unlisted:
        raise damaged_model(info.path / "manifest.json", f"it does not vouch for {', '.join(sorted(unlisted))}")
    for name, expected in manifest["files"].items():
        file = info.path / name
        actual = content_hash(file)
        if actual != expected:
            raise damaged_model(file, f"its SHA-256 is {actual[:12]}…, should be {expected[:12]}…")
    golden = load_arrays(info.path / "golden.safetensors", ("features", "scores"))
    scorer_type = scorer_class(info.model)
    try:
        scorer = scorer_type.load(info.path)
        off = float(np.abs(scorer.predict(golden["features"]) - golden["scores"]).max(initial=0.0))
    except (LookupError, TypeError, ValueError) as error:
        raise damaged_model(info.path, f"{type(error).__name__}: {error}") from error
    span = float(manifest["scale"][1]) - float(manifest["scale"][0])
    if off > _GOLDEN_TOLERANCE * span:
        raise DamagedFile(
            "{path} predicts other scores here than where it was made (off by {off}).",
            remedy="Install the library versions that its manifest names, or train it again.",
            path=info.path,
            off=f"{off:.4g}",
        )
    return Bundle(info, manifest, scorer)


def remove_bundle(workspace: Workspace, info: BundleInfo) -> Path:
    """Move a bundle into the workspace's trash and return its place there; nothing is destroyed.

    Raises:
        BeholderError: the place can't be written.
    """
    place = workspace.trash / "models" / f"{info.model_id}-{secrets.token_hex(2)}"
    put_into_trash(info.path, place)
    return place
