"""A model bundle on disk: manifest, weights and golden rows; saved atomically, checked at every load."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.models.finding import (
    SORT_KEYS,
    best_first,
    damaged_bundles,
    default_model,
    filtered_bundles,
    find_bundle,
    list_bundles,
    preferred_first,
    set_default,
    sorted_bundles,
)
from engine.models.manifest import (
    BundleInfo,
    file_names,
    note_bundle,
    read_info,
    read_manifest,
    read_manifest_file,
    rename_bundle,
    unseen_metric,
)
from engine.models.manifest_check import FORMAT, MANIFEST_NAME
from engine.models.part_folder import part_folder
from engine.models.record import Record
from engine.models.soundness import (
    GOLDEN_NAME,
    GOLDEN_ROWS,
    check_golden,
    check_hash,
    check_no_strays,
    load_familiar,
    load_scorer,
)
from engine.storage import content_hash, write_json
from engine.trash import put_into_trash
from engine.workspace import Workspace

if TYPE_CHECKING:
    from engine.models.base import Features, Scorer
    from engine.models.familiar import Familiar

__all__ = [
    "FORMAT",
    "SORT_KEYS",
    "Bundle",
    "BundleInfo",
    "best_first",
    "damaged_bundles",
    "default_model",
    "filtered_bundles",
    "find_bundle",
    "list_bundles",
    "load_bundle",
    "new_model_id",
    "note_bundle",
    "preferred_first",
    "read_manifest",
    "read_manifest_file",
    "remove_bundle",
    "rename_bundle",
    "save_bundle",
    "set_default",
    "sorted_bundles",
    "unseen_metric",
]


@dataclass(frozen=True)
class Bundle:
    """A loaded bundle: its manifest, its fitted scorer, and what tells photos that are far from all it learned from.

    Args:
        familiar: None for a bundle that was made without.
    """

    info: BundleInfo
    manifest: Mapping[str, Any]
    scorer: Scorer
    familiar: Familiar | None = None


def new_model_id(model: str, now: datetime) -> str:
    """Return a new id such as ``taste-20261123-121530-a1b2``."""
    return f"{model}-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def save_bundle(
    workspace: Workspace,
    manifest: Mapping[str, Any],
    scorer: Scorer,
    golden: Features,
    record: Record | None = None,
    familiar: Familiar | None = None,
) -> BundleInfo:
    """Write a bundle: all files into a temporary folder, flushed, then renamed into place.

    Args:
        workspace: where; its ``trained_models_storage`` is made if missing.
        manifest: everything but ``files``, ``format`` and ``golden``; must hold ``model_id``.
        scorer: the fitted model.
        golden: (M, D) float32 feature vectors; the first 16 are kept with the scores the model gives them.
        record: the curve and what was said of each photo, for reports.
        familiar: what tells photos that are far from those of the training.

    Raises:
        BeholderError: the disk is full or read-only; nothing is left behind.
    """
    from engine.models.arrays import save_arrays

    workspace.ensure()
    target = workspace.models / str(manifest["model_id"])
    with part_folder(target) as part:
        rows = golden[:GOLDEN_ROWS]
        scorer.save(part)
        if record is not None:
            record.save(part)
        if familiar is not None:
            familiar.save(part)
        save_arrays(part / GOLDEN_NAME, {"features": rows, "scores": scorer.predict(rows)})
        files = {name: content_hash(part / name) for name in file_names(part)}
        write_json(part / MANIFEST_NAME, {"format": FORMAT, **manifest, "files": files})
        read_manifest_file(part)  # what could not be read again must not be called saved
    return read_info(target)


def load_bundle(info: BundleInfo) -> Bundle:
    """Load a bundle: every file's hash and every golden row is checked.

    Raises:
        DamagedFile: a hash or a golden row doesn't fit, or a file is not what it should be.
    """
    manifest = read_manifest(info)
    check_no_strays(info.path, manifest)
    for name, expected in manifest["files"].items():
        check_hash(info.path / name, expected)
    scorer = load_scorer(info.path, manifest)
    check_golden(info.path, manifest, scorer)
    return Bundle(info, manifest, scorer, load_familiar(info.path, manifest))


def remove_bundle(workspace: Workspace, info: BundleInfo) -> Path:
    """Move a bundle into the workspace's trash and return its place there; nothing is destroyed.

    Moving the folder back to ``trained_models_storage``, under its id, restores the model with its guesses.

    Raises:
        BeholderError: the place can't be written.
    """
    place = workspace.trash / "models" / f"{info.model_id}-{secrets.token_hex(2)}"
    put_into_trash(info.path, place)
    return place
