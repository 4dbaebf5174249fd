"""Run a backbone on prepared pictures: through OpenVINO where it is exact enough, else through torch."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from engine.errors import BeholderError, DamagedFile, Interrupted, Message, NeedMissing, UsageError
from engine.events import Notice
from engine.features.backbones import Backbone
from engine.features.preprocess import FloatArray, Pixels
from engine.features.weights import Weights
from engine.features.weights import cache_folder as cache_folder


class Runtime(Protocol):
    """What turns pictures into feature vectors."""

    name: str

    def run(self, pictures: Iterable[tuple[str, Pixels]]) -> dict[str, FloatArray]:
        """Return a vector for each picture.

        Args:
            pictures: keys and upright (height, width, 3) uint8 pictures in the network's input shape, not normalised:
                the runtime does that. Taken one by one, so that a lazy source decodes while the network works.

        Returns:
            key → (width,) float32.
        """
        ...

    def prepare(self, shape: tuple[int, ...]) -> None:
        """Do now what the first picture of this (height, width, 3) shape would have to wait for."""
        ...


def chosen_runtime(environ: Mapping[str, str] = os.environ) -> str:
    """Return ``openvino`` where it is installed, else ``torch``; ``$BEHOLDER_RUNTIME`` forces one.

    Raises:
        UsageError: the variable names neither. NeedMissing: openvino is forced and not installed.
    """
    forced = environ.get("BEHOLDER_RUNTIME", "")
    installed = importlib.util.find_spec("openvino") is not None
    if forced not in {"", "torch", "openvino"}:
        raise UsageError(
            "There is no runtime “{name}”.",
            remedy="Set BEHOLDER_RUNTIME to torch or openvino, or leave it away.",
            name=forced,
        )
    if forced == "openvino" and not installed:
        raise NeedMissing(
            "OpenVINO is not installed.",
            remedy="Install it with: pip install openvino; or leave BEHOLDER_RUNTIME away.",
        )
    return forced or ("openvino" if installed else "torch")


def open_runtime(
    backbone: Backbone, weights: Weights, environ: Mapping[str, str] = os.environ
) -> Iterator[Notice | Runtime]:
    """Load a backbone; notices on the way, the `Runtime` last.

    Where there seems to be an NVIDIA card, many pictures go there, unless ``$BEHOLDER_RUNTIME`` forces something else.

    Raises:
        DamagedFile: the weights are not of this backbone. UsageError, NeedMissing: see `chosen_runtime`.
    """
    from engine.features.large_runs import LargeRuns, card_seems_present

    def card() -> Runtime | None:
        from engine.features.device_runtime import open_device

        return open_device(backbone, weights, cache_folder(environ))

    forced = environ.get("BEHOLDER_RUNTIME", "")
    for step in _open_on_cpu(backbone, weights, environ):
        if isinstance(step, Notice) or forced or not card_seems_present(environ):
            yield step
        else:
            yield LargeRuns(step, card)


def _open_on_cpu(backbone: Backbone, weights: Weights, environ: Mapping[str, str]) -> Iterator[Notice | Runtime]:
    if chosen_runtime(environ) == "torch":
        yield _torch_runtime(backbone, weights)
        return
    from engine.features.converted import ConvertedNetwork
    from engine.features.openvino_runtime import OpenVinoRuntime

    network = ConvertedNetwork(backbone, weights, cache_folder(environ))
    if network.record() is None:
        yield Notice(Message("Preparing {backbone} for this computer; this happens once.", {"backbone": backbone.name}))
        try:
            network.convert()
            network.save()
        except RuntimeError as error:
            yield _cant_convert(backbone, error)
            yield _torch_runtime(backbone, weights)
            return
        except (DamagedFile, Interrupted):
            raise
        except BeholderError as error:
            yield Notice(Message("The prepared network can't be kept: {cause}", {"cause": str(error)}))
    precision = network.precision()
    if precision is None:
        yield Notice(
            Message(
                "OpenVINO's results for {backbone} differ from PyTorch's, so the slower PyTorch is used.",
                {"backbone": backbone.name},
            )
        )
        yield _torch_runtime(backbone, weights)
        return
    try:
        runtime: Runtime = OpenVinoRuntime(network.model(), precision, network.compiled())
    except RuntimeError as error:  # another program has just made room for its own networks
        yield _cant_convert(backbone, error)
        runtime = _torch_runtime(backbone, weights)
    yield runtime


def _torch_runtime(backbone: Backbone, weights: Weights) -> Runtime:
    from engine.features.torch_runtime import TorchRuntime

    return TorchRuntime(backbone, weights)


def _cant_convert(backbone: Backbone, error: RuntimeError) -> Notice:
    return Notice(
        Message(
            "OpenVINO can't convert {backbone} ({cause}), so the slower PyTorch is used.",
            {"backbone": backbone.name, "cause": str(error).strip().rpartition("\n")[2]},
        )
    )
