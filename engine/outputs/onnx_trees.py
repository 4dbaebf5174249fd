"""scikit-learn's regression trees as one ONNX node that sums their leaves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.outputs.onnx_graph import Graph

Array = NDArray[Any]


@dataclass(frozen=True)
class _Tree:
    """One tree as arrays over its nodes; a leaf's children and feature mean nothing."""

    leaf: Array
    left: Array
    right: Array
    feature: Array
    threshold: Array
    value: Array
    missing_left: Array


def forest_nodes(graph: Graph, forest: Any, features: str) -> str:
    """Add a random forest: the mean of its trees, for (N, D) float32 features."""
    trees = [_plain(tree.tree_) for tree in forest.estimators_]
    return _summed(graph, trees, features, 1 / len(trees), 0.0)


def stages_nodes(graph: Graph, booster: Any, features: str) -> str:
    """Add a gradient booster: its mean, and the trees in steps of the learning rate."""
    trees = [_plain(tree.tree_) for tree in booster.estimators_[:, 0]]
    return _summed(graph, trees, features, float(booster.learning_rate), float(booster.init_.constant_[0, 0]))


def hist_nodes(graph: Graph, booster: Any, features: str) -> str:
    """Add a histogram booster; its leaves hold the learning rate already."""
    trees = [_binned(stage[0].nodes) for stage in booster._predictors]
    return _summed(graph, trees, features, 1.0, float(booster._baseline_prediction[0, 0]))


def _plain(tree: Any) -> _Tree:
    leaf = tree.children_left == -1
    nothing = np.zeros(leaf.size, np.int64)
    missing = getattr(tree, "missing_go_to_left", nothing)
    return _Tree(
        leaf, tree.children_left, tree.children_right, tree.feature, tree.threshold, tree.value[:, 0, 0], missing
    )


def _binned(nodes: Any) -> _Tree:
    return _Tree(
        nodes["is_leaf"] != 0,
        nodes["left"].astype(np.int64),
        nodes["right"].astype(np.int64),
        nodes["feature_idx"].astype(np.int64),
        nodes["num_threshold"],
        nodes["value"],
        nodes["missing_go_to_left"],
    )


def _below(threshold: Array) -> Array:
    """Return the largest float32 that are not above float64 thresholds: float32 features go the same way by them."""
    near = threshold.astype(np.float32)
    return np.where(near > threshold, np.nextafter(near, np.float32(-np.inf)), near).astype(np.float32)


def _summed(graph: Graph, trees: Iterable[_Tree], features: str, factor: float, start: float) -> str:
    parts: dict[str, list[Array]] = {}

    def take(**arrays: Array) -> None:
        for name, array in arrays.items():
            parts.setdefault(name, []).append(array)

    modes: list[str] = []
    for number, tree in enumerate(trees):
        leaf, places = tree.leaf.astype(bool), np.arange(tree.leaf.size)
        modes += ["LEAF" if end else "BRANCH_LEQ" for end in leaf]
        take(
            nodes_treeids=np.full(leaf.size, number),
            nodes_nodeids=places,
            nodes_featureids=np.where(leaf, 0, tree.feature),
            nodes_values=np.where(leaf, 0, _below(np.where(leaf, 0.0, tree.threshold))),
            nodes_truenodeids=np.where(leaf, 0, tree.left),
            nodes_falsenodeids=np.where(leaf, 0, tree.right),
            nodes_missing_value_tracks_true=np.where(leaf, 0, tree.missing_left),
            target_treeids=np.full(int(leaf.sum()), number),
            target_nodeids=places[leaf],
            target_ids=np.zeros(int(leaf.sum()), np.int64),
            target_weights=tree.value[leaf] * factor,
        )
    joined = {name: np.concatenate(arrays) for name, arrays in parts.items()}
    settings: dict[str, Any] = {
        name: array.astype(float).tolist() if name in {"nodes_values", "target_weights"} else array.astype(int).tolist()
        for name, array in joined.items()
    }
    total = graph.call(
        "TreeEnsembleRegressor",
        features,
        domain="ai.onnx.ml",
        n_targets=1,
        nodes_modes=modes,
        aggregate_function="SUM",
        post_transform="NONE",
        **settings,
    )
    # the start is added in float64, or it would drown the small leaves' last digits
    return graph.call("Add", graph.double(graph.column(total)), np.array(start, np.float64))
