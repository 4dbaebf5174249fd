"""Where in a photo a score comes from, by gradients through the network.

The map that is looked at is the last one of at least `_FINE` cells through which everything passes that the vector
depends on, so that the gradient there knows all ways to the score: also where the vector is made of several stages, as
with EfficientNet-Lite. It is found for any network, by following its operations back from the vector: no way to the
picture may lead past the map. The very last map, of 7 × 7 cells, tells less: measured on photos with people's
scores, covering the tenth that it finds lowers the score a third as much. With a vision transformer it is a sequence of
tokens: those of the patches are laid out as they lie in the photo, and class and register tokens are left out.

A place counts as gradient · (activation there − activation for a picture of the photo's mean colour), summed over the
channels. Element by element (Draelos and Carin 2020) instead of with Grad-CAM's mean gradient (Selvaraju and others
2017), which is 0 for a deviation over the photo; against a plain picture, so that a place without anything counts 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.errors import UsageError
from engine.features.backbones import Backbone
from engine.features.networks import build_classifier, build_features, cut_head
from engine.features.preprocess import FloatArray
from engine.features.weights import Weights
from engine.models.base import Scorer
from engine.prediction.explanation import Method
from engine.prediction.occlusion import Map, grid_shape

_STEP = 1e-4  # of a feature, relative to its size: much less than it varies, much more than float32 rounds
_TOGETHER = 512  # feature vectors
_PROBES = 9
_LENGTHS = (0.1, 0.4, 1.0)  # of a probe, in steps
_BENT = 0.3  # share by which small steps may belie the slope; those of trees do so several times over
_FINE = 12  # cells along the longer side
_PLAIN = 1e-3
_MOST_TOKENS_ASIDE = 16
_ASPECT = 0.35  # by so much, as a logarithm, may the sides' proportion of a map be off: 5 × 7 for 224 × 288


class NoGradients(UsageError):
    """This model, or its network, can't be looked into by gradients; another method can."""


class GradientMaps:
    """One backbone as torch runs it, ready to tell where scores come from.

    Args:
        backbone: which network.
        weights: which weights.

    Raises:
        DamagedFile: the weights are not of this backbone.
    """

    def __init__(self, backbone: Backbone, weights: Weights) -> None:
        self._backbone = backbone
        self._module = build_features(backbone, weights).requires_grad_(False)
        self._layer = ""

    def map(self, picture: FloatArray, scorer: Scorer) -> tuple[Map, Method]:
        """Return how much what is at each place of a picture raises the score, and by which method.

        Args:
            picture: (3, height, width) float32, the network's input.
            scorer: turns its vectors into scores.

        Returns:
            (rows, columns) float64, above 0 where it raises the score.

        Raises:
            NoGradients: the score changes in steps, or the network has no map of places.
        """
        blank = np.broadcast_to(picture.mean(axis=(1, 2), keepdims=True), picture.shape)
        if np.allclose(picture, blank, atol=_PLAIN):
            return np.zeros(grid_shape(*picture.shape[1:])), "grad-cam"  # nothing is there that could matter
        pair = torch.from_numpy(np.stack([picture, blank]).astype(np.float32))
        for layer in [self._layer] if self._layer else narrows(self._backbone, *pair.shape[2:]):
            maps, vectors = self._from_layer(layer, pair)
            slope = score_slope(scorer, vectors[0].detach().numpy())
            gradient = torch.autograd.grad(vectors[0], maps, torch.from_numpy(slope), allow_unused=True)[0]
            if gradient is None:
                continue
            laid = _laid_out(gradient[0] * (maps[0] - maps[1]).detach(), pair.shape[2:])
            if laid is not None and bool(laid.abs().sum() > 0):
                self._layer = layer
                return laid.double().numpy(), "grad-cam" if maps.ndim == 4 else "token-gradients"
        raise NoGradients(
            "{backbone} has no map of places that gradients lead to.",
            remedy="Use --method occlusion, which works with every network.",
            backbone=self._backbone.name,
        )

    def _from_layer(self, layer: str, pair: Tensor) -> tuple[Tensor, Tensor]:
        """Return a layer's output for two pictures, and the vectors that come of it, with the way between them."""
        held: list[Tensor] = []

        def hold(_: nn.Module, output: Tensor) -> Tensor:
            held[:] = [output.detach().requires_grad_()]
            return held[0].clone()  # what follows may change it in its place

        with torch.enable_grad(), _watched([self._module.get_submodule(layer)], hold):
            vectors = self._module(pair)
        return held[0], vectors


def narrows(backbone: Backbone, height: int, width: int) -> Iterator[str]:
    """Yield a network's parts that know places and that all ways from the picture to the vector lead through.

    Args:
        backbone: which network. height: of its input, in pixels. width: likewise.

    Yields:
        Dotted names of its modules: those with `_FINE` cells or more first, each time the last one first.
    """
    with torch.device("meta"):  # where nothing is computed, but each operation is noted
        network = cut_head(backbone, build_classifier(backbone)).requires_grad_(False)
        picture = torch.empty(1, 3, height, width).requires_grad_()
    names = {part: name for name, part in network.named_modules() if name}
    found: dict[str, tuple[bool, Any]] = {}
    twice: set[str] = set()
    newest: list[Any] = [None, ""]

    def note(part: nn.Module, output: Tensor) -> None:
        layout, name = _layout(output, (height, width)), names[part]
        if layout is None or output.grad_fn is None:
            return
        if newest[0] is output.grad_fn:
            del found[newest[1]]  # this part only passes on what its last part gives
        if name in found:
            twice.add(name)
        found[name] = (max(layout[1:3]) >= _FINE, output.grad_fn)
        newest[:] = output.grad_fn, name

    with torch.enable_grad(), _watched(list(names), note):
        vector = network(picture)
    for wanted in (True, False):
        for name, (fine, step) in reversed(found.items()):
            if fine is wanted and name not in twice and _all_ways_through(step, vector.grad_fn):
                yield name


def _all_ways_through(step: Any, last: Any) -> bool:
    """Say whether no way back from the last operation to the picture leads past a step."""
    seen, waiting = {step, last}, [last] if last is not step else []
    while waiting:
        before = [operation for operation, _ in waiting.pop().next_functions if operation is not None]
        for operation in before:
            if hasattr(operation, "variable"):
                return False
            if operation not in seen:
                seen.add(operation)
                waiting.append(operation)
    return True


@contextmanager
def _watched(parts: list[nn.Module], see: Callable[[nn.Module, Tensor], Tensor | None]) -> Iterator[None]:
    """Let `see` have each tensor that these parts give, and perhaps replace it."""

    def hook(part: nn.Module, _: Any, output: Any) -> Tensor | None:
        return see(part, output) if isinstance(output, Tensor) else None

    hooks = [part.register_forward_hook(hook) for part in parts]
    try:
        yield
    finally:
        for handle in hooks:
            handle.remove()


def _layout(output: Tensor, size: tuple[int, ...]) -> tuple[str, int, int, int] | None:
    """Say how an output lies over a picture: ``channels`` first or ``last``, or ``tokens``; rows, columns, aside."""
    wanted = math.log(size[0] / size[1])

    def off(rows: int, columns: int) -> float:
        fits = rows * columns > 1 and rows <= size[0] and columns <= size[1]
        return abs(math.log(rows / columns) - wanted) if fits else math.inf

    if output.ndim == 4:
        first, last = off(*output.shape[2:4]), off(*output.shape[1:3])
        if min(first, last) > _ASPECT:
            return None
        if first <= last:
            return "channels", output.shape[2], output.shape[3], 0
        return "last", output.shape[1], output.shape[2], 0
    if output.ndim == 3:
        for aside in range(_MOST_TOKENS_ASIDE + 1):
            rows = round(math.sqrt(max(output.shape[1] - aside, 0) * size[0] / size[1]))
            columns, rest = divmod(output.shape[1] - aside, max(rows, 1))
            if rows and not rest and columns and off(rows, columns) <= _ASPECT:
                return "tokens", rows, columns, aside
    return None


def _laid_out(product: Tensor, size: tuple[int, ...]) -> Tensor | None:
    """Return (rows, columns): one picture's gradient times activation, summed over channels, as it lies in it."""
    found = _layout(product[None], size)
    if found is None:
        return None
    kind, rows, columns, aside = found
    if kind == "channels":
        return product.sum(dim=0)
    if kind == "last":
        return product.sum(dim=2)
    return product[aside:].sum(dim=1).reshape(rows, columns)


def score_slope(scorer: Scorer, vector: FloatArray) -> FloatArray:
    """Return the gradient of a score by its feature vector, from central differences.

    Args:
        scorer: any family's. vector: (D,) float32.

    Returns:
        (D,) float32.

    Raises:
        NoGradients: the score changes in steps, as that of trees does, or not at all.
    """
    step = _STEP * np.maximum(np.abs(vector), np.sqrt((vector**2).mean()) + 1e-12).astype(np.float32)
    slope = np.zeros(vector.size)
    for start in range(0, vector.size, _TOGETHER):
        places = np.arange(start, min(start + _TOGETHER, vector.size))
        rows = np.arange(places.size)
        more, less = np.repeat(vector[None], places.size, axis=0), np.repeat(vector[None], places.size, axis=0)
        more[rows, places] += step[places]
        less[rows, places] -= step[places]
        width = more[rows, places].astype(np.float64) - less[rows, places]
        slope[places] = (scorer.predict(more) - scorer.predict(less)) / width
    if not np.isfinite(slope).all() or not slope.any() or not _is_straight(scorer, vector, step, slope):
        raise NoGradients(
            "At this photo the scores of this model have no slope to follow: they change in steps, or not at all.",
            remedy="Use --method occlusion, which works with every model.",
        )
    return slope.astype(np.float32)


def _is_straight(scorer: Scorer, vector: FloatArray, step: FloatArray, slope: NDArray[np.float64]) -> bool:
    """Say whether steps of other lengths, in random directions, change the score as the slope says.

    Of the same lengths, they would cross the same thresholds of a tree as the slope's own.
    """
    random = np.random.default_rng(0)
    lengths = np.resize(_LENGTHS, (_PROBES, 1))
    ways = random.choice([-1.0, 1.0], (_PROBES, vector.size)) * step * lengths
    ahead, behind = (scorer.predict((vector + way * ways).astype(np.float32)) for way in (1, -1))
    expected = 2 * ways @ slope / lengths[:, 0]
    away = (ahead - behind) / lengths[:, 0] - expected
    return float(np.linalg.norm(away)) <= _BENT * float(np.linalg.norm(expected))
