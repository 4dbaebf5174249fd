"""Build a model's ONNX file and check it: ``python -m engine.outputs.onnx_worker WORKSPACE MODEL_ID FILE``."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import secrets
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from engine.errors import BeholderError, DamagedFile
from engine.features.backbones import Backbone, get_backbone
from engine.features.beside import answer
from engine.features.extract import Embedded, embed
from engine.features.preprocess import aspect_shapes, load_pixels
from engine.features.torch_runtime import TorchRuntime
from engine.images import find_images
from engine.models.bundle import Bundle, load_bundle
from engine.models.damaged import damaged_model
from engine.models.finding import find_bundle
from engine.outputs.onnx_graph import OPSET, TREES_OPSET, Graph
from engine.outputs.onnx_heads import add_head
from engine.outputs.onnx_network import write_network
from engine.storage import disk_errors, move_to_free, require_space, sync_folder
from engine.workspace import Scale, Workspace

_MOST_PHOTOS = 8
_TOLERANCE = 0.01  # of the scale's width


def build(workspace: Workspace, model_id: str, target: Path) -> dict[str, Any]:
    """Write the file and check it; see `engine.outputs.onnx_model.export_onnx`.

    Returns:
        ``path``, ``photos`` that it was checked on, and ``off``: the largest difference in score units.
    """
    bundle = load_bundle(find_bundle(workspace, model_id))
    backbone, scale = get_backbone(bundle.info.backbone), Scale(*bundle.manifest["scale"])
    weights = _weights(bundle)
    if backbone.fingerprint(weights) != bundle.manifest["fingerprint"]:
        raise DamagedFile(
            "{path} was trained on features that this version of beholder computes differently.",
            remedy="Train it again; the photos and scores are not touched.",
            path=bundle.info.path,
        )
    head = Graph()
    score = _clipped(head, add_head(head, bundle.scorer, "features"), scale)
    require_space(target.parent, 6 * backbone.parameters)
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        write_network(backbone, backbone.find_weights(weights), part)
        model = onnx.load(str(part))
        _join(model, head, score)
        _describe(model, bundle, backbone, scale)
        with disk_errors(target):
            part.write_bytes(model.SerializeToString())
        del model
        photos, off = _check(part, workspace, bundle, backbone, weights, scale)
        with disk_errors(target):
            move_to_free(part, target)
            sync_folder(target.parent)
    finally:
        part.unlink(missing_ok=True)
    return {"path": str(target), "photos": photos, "off": off}


def _weights(bundle: Bundle) -> str:
    name = str(bundle.manifest["weights"])
    if not bundle.manifest.get("tuned"):
        return name
    if name not in bundle.manifest["files"]:
        raise damaged_model(bundle.info.path / "manifest.json", f"there is no {name} in it")
    return str(bundle.info.path / name)


def _clipped(graph: Graph, score: str, scale: Scale) -> str:
    low, high = (np.array(end, np.float32) for end in (scale.low, scale.high))
    return graph.call("Clip", graph.single(score), low, high)


def _join(model: Any, head: Graph, score: str) -> None:
    """Put the head behind the network, whose output is named ``features``."""
    model.graph.node.extend(head.nodes)
    model.graph.node.append(helper.make_node("Identity", [score], ["score"]))
    model.graph.initializer.extend(head.constants)
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("score", onnx.TensorProto.FLOAT, ["N"]))
    del model.opset_import[:]
    model.opset_import.extend([helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", TREES_OPSET)])
    model.graph.name = "beholder"


def _describe(model: Any, bundle: Bundle, backbone: Backbone, scale: Scale) -> None:
    how = backbone.preprocess
    shapes = [[width, height] for width, height in aspect_shapes(how.size)] if how.kind == "aspect" else None
    facts: dict[str, Any] = {
        "beholder.model_id": bundle.info.model_id,
        "beholder.name": bundle.info.name,
        "beholder.model": bundle.info.model,
        "beholder.backbone": backbone.name,
        "beholder.licence": backbone.licence,
        "beholder.fingerprint": bundle.manifest["fingerprint"],
        "beholder.scale": json.dumps([scale.low, scale.high]),
        "beholder.clipped": "true",
        "beholder.preprocess": json.dumps({**dataclasses.asdict(how), "normalised_inside": True}),
        # (width, height); a photo is resized to the one whose aspect ratio is nearest to its own
        "beholder.shapes": json.dumps(shapes or [[how.size, how.size]]),
        "beholder.input": "pixels: uint8 (N, height, width, 3), red green blue, upright",
        "beholder.output": "score: float32 (N,)",
    }
    helper.set_model_props(model, {name: str(value) for name, value in facts.items()})
    model.producer_name = "beholder"
    model.doc_string = "One person's taste in photos: from pixels to a score."


def _check(
    file: Path, workspace: Workspace, bundle: Bundle, backbone: Backbone, weights: str, scale: Scale
) -> tuple[int, float]:
    """Compare the file's scores of real pictures with our own.

    Where a fast runtime's rounding took a tree another way than the file's full precision, torch is asked, which
    computes in full precision too.

    Raises:
        BeholderError: they differ, or onnxruntime can't read the file.
    """
    import onnxruntime

    try:
        onnxruntime.set_default_logger_severity(3)
        session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    except Exception as error:  # its classes have no root in common but this one
        raise _unwritable(backbone.name, error) from error
    worst, count, most = 0.0, 0, _TOLERANCE * (scale.high - scale.low)
    exact: TorchRuntime | None = None
    for photo, wanted in _own_scores(workspace, bundle, backbone, weights, scale):
        pixels: NDArray[np.uint8] = load_pixels(photo, backbone.preprocess)
        found = float(session.run(["score"], {"pixels": pixels[None]})[0][0])
        if not abs(found - wanted) <= most:
            exact = exact or TorchRuntime(backbone, backbone.find_weights(weights))
            vectors = exact.run([("", pixels)])
            wanted = scale.clip(float(bundle.scorer.predict(vectors[""][None])[0]))
        worst, count = max(worst, abs(found - wanted)), count + 1
        if not abs(found - wanted) <= most:
            raise BeholderError(
                "The ONNX file gives {path} the score {found}, beholder gives {wanted}; it was not kept.",
                remedy="Export the model as a bundle instead, and report this as a mistake of beholder.",
                path=photo,
                found=f"{found:.4g}",
                wanted=f"{wanted:.4g}",
            )
    return count, worst


def _own_scores(
    workspace: Workspace, bundle: Bundle, backbone: Backbone, weights: str, scale: Scale
) -> list[tuple[Path, float]]:
    """Return some pictures with the scores that predicting gives them."""
    found: list[tuple[Path, float]] = []
    photos: list[Path] = []
    with contextlib.suppress(BeholderError):
        photos = list(islice(find_images(workspace.data), 4 * _MOST_PHOTOS))[::4]
    if not photos:
        import sklearn.datasets

        # an imported model may be alone in its workspace: these two photos come with scikit-learn
        photos = sorted((Path(sklearn.datasets.__file__).parent / "images").glob("*.jpg"))
    for event in embed(photos, backbone, cache=None, weights=weights):
        if isinstance(event, Embedded) and event.vector is not None:
            score = float(bundle.scorer.predict(event.vector[None])[0])
            found.append((event.path, scale.clip(score)))
    if not found:
        raise BeholderError(
            "No picture could be read to check the ONNX file with; it was not kept.",
            remedy="Put a readable photo into {path}.",
            path=workspace.data,
        )
    return found


def _unwritable(backbone: str, error: Exception) -> BeholderError:
    return BeholderError(
        "The network {backbone} can't be written as ONNX: {cause}.",
        remedy="Export the model as a bundle, or train it on another backbone.",
        backbone=backbone,
        cause=(str(error).strip().splitlines() or [type(error).__name__])[0][:300].rstrip("."),
    )


def main(root: str, model_id: str, target: str) -> None:
    """Answer with what `build` returns, or with the error."""
    try:
        answer(build(Workspace(Path(root)), model_id, Path(target)))
    except BeholderError as error:
        answer(error)


if __name__ == "__main__":
    main(*sys.argv[1:])
