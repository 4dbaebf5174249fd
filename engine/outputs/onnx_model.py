"""Write a model as one ONNX file, from pixels to score, for people's own programs."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from engine.errors import BeholderError, NeedMissing, UsageError
from engine.features.beside import NoAnswer, ask
from engine.models.bundle import BundleInfo
from engine.storage import disk_errors
from engine.workspace import Workspace

_NEEDED = ("onnx", "onnxruntime")
_LONGEST = 3600.0


def export_onnx(workspace: Workspace, info: BundleInfo, to: Path) -> Path:
    """Write a model as an ONNX file that is checked against this program's own scores of real pictures.

    Input ``pixels``: (N, height, width, 3) uint8, the photo already in the network's input shape; how it gets there
    stands in the file's metadata under ``preprocess``. Output ``score``: (N,) float32 in score units, clipped to the
    scale as `engine.prediction.score` does. Metadata: model_id, model, backbone, scale, preprocess, shapes and more.

    Another process does the work, so nothing heavy is imported here.

    Args:
        workspace: where the model is; up to eight photos of its ``data/`` serve for the check.
        info: the model.
        to: a folder, made if missing, in which the file gets the model's id for a name; or a new ``.onnx`` file.

    Returns:
        The file.

    Raises:
        NeedMissing: the extra ``onnx`` is not installed, the network's weights are not here, or the disk is full.
        UsageError: the file is there already (nothing is overwritten), or the family can't be written as ONNX.
        DamagedFile: the model is damaged. BeholderError: the network can't be written as ONNX, or gave other scores
            there than here: then no file is left.
    """
    if any(importlib.util.find_spec(name) is None for name in _NEEDED):
        raise NeedMissing(
            "Writing ONNX needs packages that are not installed.",
            remedy="Install them with: pip install 'beholder[onnx]'",
        )
    target = (to if to.suffix == ".onnx" else to / f"{info.model_id}.onnx").absolute()
    if os.path.lexists(target):
        raise UsageError(
            "{path} is there already; nothing was written.",
            remedy="Choose another folder, or move it away.",
            path=target,
        )
    with disk_errors(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
    try:
        ask("engine.outputs.onnx_worker", [str(workspace.root.absolute()), info.model_id, str(target)], _LONGEST)
    except NoAnswer as error:
        raise BeholderError(
            "{model} could not be written as ONNX: {cause}.",
            remedy="Close other programs and try again; large networks need several gigabytes of memory.",
            model=info.model_id,
            cause=str(error),
        ) from error
    return target
