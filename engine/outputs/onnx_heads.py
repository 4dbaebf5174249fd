"""Each model family's own part as ONNX nodes: from (N, D) float32 features to (N,) float64 scores, not clipped.

The nodes repeat, operator by operator, what the family's `predict` does in numpy, in float64 as there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import UsageError
from engine.models.boosting import GradientBoosting, HistGradientBoosting
from engine.models.forest import RandomForest
from engine.models.gp import GaussianProcess
from engine.models.neural.finetune import Finetune
from engine.models.neural.frozen import Frozen
from engine.models.neural.head import NORM_EPSILON, Head
from engine.models.prior import WithPrior
from engine.models.ridge import Ridge
from engine.models.stacking import BASES, Stacking
from engine.models.svr import SupportVector
from engine.models.taste import Taste
from engine.outputs.onnx_graph import Graph
from engine.outputs.onnx_trees import forest_nodes, hist_nodes, stages_nodes

Array = NDArray[Any]


def add_head(graph: Graph, scorer: Any, features: str) -> str:
    """Add the nodes of a fitted scorer and return the name of the (N,) float64 scores.

    Raises:
        UsageError: this family can't be expressed in ONNX.
    """
    builder = _BUILDERS.get(type(scorer))
    if builder is not None:
        return builder(graph, scorer, features)
    if isinstance(scorer, WithPrior):
        return _with_prior(graph, scorer, features)
    raise UsageError(
        "A model of the family {model} can't be written as ONNX.",
        remedy="Export it as a bundle or with --format joblib, or train another family.",
        model=str(getattr(scorer, "name", type(scorer).__name__)),
    )


def _standardised(graph: Graph, standardiser: Any, features: str) -> str:
    away = graph.call("Sub", features, standardiser.mean.astype(np.float32))
    return graph.double(graph.call("Mul", away, standardiser.factor.astype(np.float32)))


def _linear(graph: Graph, rows: str, weights: Array, intercept: float) -> str:
    product = graph.call("MatMul", rows, np.asarray(weights, np.float64)[:, None])
    return graph.call("Add", graph.column(product), np.array(intercept, np.float64))


def _likeness(graph: Graph, rows: str, known: Array, gamma: float) -> str:
    """Return (N, M) exp(-gamma · squared distance) of (N, D) rows to the (M, D) known ones."""
    known = np.asarray(known, np.float64)
    product = graph.call("Mul", graph.call("MatMul", rows, known.T), np.array(2.0))
    lengths = graph.call("Add", graph.sum_of_squares(rows), (known**2).sum(axis=1)[None, :])
    squared = graph.call("Max", graph.call("Sub", lengths, product), np.array(0.0))
    return graph.call("Exp", graph.call("Mul", squared, np.array(-gamma, np.float64)))


def _ridge(graph: Graph, scorer: Any, features: str) -> str:
    return _linear(graph, _standardised(graph, scorer._standardiser, features), scorer._weights, scorer._intercept)


def _svr(graph: Graph, scorer: Any, features: str) -> str:
    rows = _standardised(graph, scorer._standardiser, features)
    if not len(scorer._weights):
        return _linear(graph, rows, np.zeros(len(scorer._standardiser.mean)), scorer._intercept)
    alike = _likeness(graph, rows, scorer._support, scorer._gamma)
    return _linear(graph, alike, scorer._weights, scorer._intercept)


def _taste(graph: Graph, scorer: Any, features: str) -> str:
    return _svr(graph, scorer, features) if scorer._choice.kind == "kernel" else _ridge(graph, scorer, features)


def _gp(graph: Graph, scorer: Any, features: str) -> str:
    kernel, known = scorer._kernel, scorer._rows.astype(np.float64)
    rows = _standardised(graph, scorer._standardiser, features)
    alpha = scorer._alpha * scorer._spread
    alike = _likeness(graph, rows, known, 1 / (2 * kernel.length**2 * kernel.scales[0]))
    curved = _linear(graph, alike, kernel.amplitude**2 * alpha, scorer._mean)
    straight = _linear(graph, rows, kernel.slope**2 / kernel.scales[1] * (known.T @ alpha), 0.0)
    return graph.call("Add", curved, straight)


def _frozen(graph: Graph, scorer: Any, features: str) -> str:
    head: Head = scorer._head
    rows = graph.call("Sub", graph.double(features), head.centre.astype(np.float64))
    total = ""
    for member in range(head.last.shape[0]):
        hidden = rows
        if head.first.shape[2]:
            product = graph.call("MatMul", rows, head.first[member].astype(np.float64))
            hidden = graph.call("Add", product, head.first_bias[member].astype(np.float64))
            hidden = graph.call("Sub", hidden, graph.mean_of(hidden))
            variance = graph.mean_of(graph.call("Mul", hidden, hidden))
            hidden = graph.call(
                "Div", hidden, graph.call("Sqrt", graph.call("Add", variance, np.array(NORM_EPSILON, np.float64)))
            )
            hidden = graph.call("Mul", hidden, head.norm[member].astype(np.float64))
            hidden = graph.call("Add", hidden, head.norm_bias[member].astype(np.float64))
            hidden = graph.call("Mul", hidden, graph.call("Sigmoid", hidden))
        said = _linear(graph, hidden, head.last[member], float(head.last_bias[member]))
        total = graph.call("Add", total, said) if total else said
    mean = graph.call("Mul", total, np.array(float(head.unit[1]) / head.last.shape[0]))
    return graph.call("Add", mean, np.array(float(head.unit[0])))


def _forest(graph: Graph, scorer: Any, features: str) -> str:
    return forest_nodes(graph, scorer._forest, features)


def _stages(graph: Graph, scorer: Any, features: str) -> str:
    return stages_nodes(graph, scorer._booster, features)


def _hist(graph: Graph, scorer: Any, features: str) -> str:
    chosen = graph.call("Gather", features, scorer._columns.astype(np.int64), axis=1)
    return hist_nodes(graph, scorer._booster, chosen)


def _stacking(graph: Graph, scorer: Any, features: str) -> str:
    weights = dict(zip(BASES, scorer._weights.tolist(), strict=True))
    parts = [
        graph.call("Mul", add_head(graph, base, features), np.array(float(weights[name])))
        for name, base in scorer._bases.items()
    ]
    return graph.call("Add", graph.call("Sum", *parts), np.array(float(scorer._intercept)))


def _with_prior(graph: Graph, scorer: Any, features: str) -> str:
    own = add_head(graph, scorer._scorer, features)
    belief = scorer._belief
    if not belief.weight:
        return own
    away = graph.call("Sub", add_head(graph, scorer._prior, features), np.array(float(belief.centre)))
    return graph.call("Add", own, graph.call("Mul", away, np.array(float(belief.weight))))


_BUILDERS: dict[type, Callable[[Graph, Any, str], str]] = {
    Taste: _taste,
    Ridge: _ridge,
    SupportVector: _svr,
    GaussianProcess: _gp,
    Frozen: _frozen,
    Finetune: _frozen,
    RandomForest: _forest,
    GradientBoosting: _stages,
    HistGradientBoosting: _hist,
    Stacking: _stacking,
}
