"""Change a converted network's graph: pixels instead of normalised numbers, and full precision where little is lost.

In bfloat16 the first depthwise filters lose most of what EfficientNet-Lite loses at all: each is nine numbers that
nearly cancel over the smooth areas of a photo, and what their rounding leaves runs through everything after. On 241
photos the worst cosine to full precision is 0.9967 with them in bfloat16 and 0.9991 without, for a thirtieth of the
time; no other layer is worth it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from engine.features.backbones import Preprocess
from engine.features.openvino_runtime import import_openvino

# The attribute by which OpenVINO keeps an operation as it is; 2026.2 and later know the first, earlier ones the second.
_MARKS = (
    {"name": "DisablePrecisionConversion", "version": "0", "value": "dynamic:dynamic"},
    {"name": "precise", "version": "0"},
)
_DEPTHWISE = "GroupConvolution"


def from_pixels(model: Any, how: Preprocess) -> Any:
    """Return a model that takes (N, height, width, 3) uint8 pixels and normalises them itself.

    Args:
        model: OpenVINO's, one that takes (N, 3, height, width) float32.
        how: the network's preprocessing.
    """
    openvino = import_openvino()
    steps = openvino.preprocess.PrePostProcessor(model)
    steps.input().tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
    steps.input().model().set_layout(openvino.Layout("NCHW"))
    mean, scale = ([255 * value for value in values] for values in (how.mean, how.std))
    steps.input().preprocess().convert_element_type(openvino.Type.f32).mean(mean).scale(scale)
    return steps.build()


def with_exact_start(model: Any) -> Any:
    """Return a model whose first depthwise convolution computes in float32, whatever the others do.

    Only files can carry the mark, so the model is written and read once. A network without such a convolution is
    returned as it is. Where OpenVINO doesn't know the mark nothing changes, which the parity check then finds.

    Args:
        model: OpenVINO's.

    Raises:
        RuntimeError: the folder for temporary files can't be written.
    """
    if not any(node.get_type_name() == _DEPTHWISE for node in model.get_ordered_ops()):
        return model
    openvino = import_openvino()
    with tempfile.TemporaryDirectory(prefix="beholder-") as folder:
        file = Path(folder) / "network.xml"
        openvino.save_model(model, file, compress_to_fp16=False)
        tree = ElementTree.parse(file)
        layer = next(layer for layer in tree.iter("layer") if layer.get("type") == _DEPTHWISE)
        info = layer.find("rt_info")
        if info is None:
            info = ElementTree.Element("rt_info")
            layer.insert(1 if layer.find("data") is not None else 0, info)
        for mark in _MARKS:
            ElementTree.SubElement(info, "attribute", mark)
        tree.write(file)
        core = openvino.Core()
        core.set_property({"ENABLE_MMAP": False})  # the file is about to go
        return core.read_model(file)
