"""Check decision trees that came from a file: scikit-learn walks them in native code, without looking where it steps.

A node that names a child or a feature outside of its tree would make it read foreign memory, and one that names an
earlier node would make it run in a circle for ever.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LEAF = -1


def check_features(estimator: Any) -> int:
    """Return how many features an estimator says it takes.

    Raises:
        ValueError: it doesn't say so in a whole number above 0.
    """
    features = vars(estimator).get("n_features_in_")
    if type(features) is not int or features < 1:
        raise ValueError("no number of features")
    return features


def check_trees(trees: Iterable[Any], features: int) -> None:
    """Refuse regression trees that could not have been fitted on so many features.

    Args:
        trees: `DecisionTreeRegressor` each, as a forest or a booster holds them.
        features: D, the number of columns that the ensemble takes.

    Raises:
        ValueError: one is of another type, has no node, or a node that leads anywhere but down; a value is not finite.
    """
    from sklearn.tree import DecisionTreeRegressor
    from sklearn.tree._tree import Tree

    count = 0
    for model in trees:
        count += 1
        if type(model) is not DecisionTreeRegressor or check_features(model) != features:
            raise ValueError("a tree of another kind")
        tree = model.tree_
        # the arrays below are windows on native memory as wide as node_count says, so that is asked first
        sizes = (tree.n_features, tree.n_outputs, tree.max_n_classes) if type(tree) is Tree else None
        if sizes != (features, 1, 1) or not 0 < tree.node_count <= tree.capacity:
            raise ValueError("a tree of another shape")
        check_nodes(
            tree.children_left == _LEAF,
            tree.children_left,
            tree.children_right,
            tree.feature,
            features,
            (tree.threshold, tree.value),
        )
    if not count:
        raise ValueError("no tree")


def check_predictors(predictors: Iterable[Iterable[Any]], features: int) -> None:
    """Refuse the trees of histogram boosting that could not have been fitted on so many plain features.

    Args:
        predictors: one list of one `TreePredictor` for each stage.
        features: D, the number of columns that the booster takes.

    Raises:
        ValueError: as in `check_trees`; also where a node asks for a category, of which our features have none.
    """
    from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE
    from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor

    count = 0
    for stage in predictors:
        count += 1
        only = list(stage)
        if len(only) != 1 or type(only[0]) is not TreePredictor:
            raise ValueError("a tree of another kind")
        nodes = only[0].nodes
        plain = isinstance(nodes, np.ndarray) and nodes.ndim == 1 and nodes.size > 0
        if not plain or nodes.dtype != PREDICTOR_RECORD_DTYPE:
            raise ValueError("a tree of another shape")
        for bits in (only[0].binned_left_cat_bitsets, only[0].raw_left_cat_bitsets):
            if not isinstance(bits, np.ndarray) or bits.dtype != np.uint32 or bits.shape != (0, 8):
                raise ValueError("sets of categories")
        if nodes["is_categorical"].any():
            raise ValueError("a category")
        leaf = nodes["is_leaf"] != 0
        numbers = (nodes["value"], nodes["num_threshold"])
        left, right = nodes["left"].astype(np.int64), nodes["right"].astype(np.int64)
        check_nodes(leaf, left, right, nodes["feature_idx"], features, numbers)
    if not count:
        raise ValueError("no tree")


def check_nodes(
    leaf: NDArray[np.bool_],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    feature: NDArray[np.int64],
    features: int,
    numbers: Iterable[NDArray[np.float64]],
) -> None:
    """Refuse the nodes of a tree that lead anywhere but down, or ask for a feature that there is not.

    Args:
        leaf: (M,) which nodes are leaves. left: (M,) the left children, right: the right ones, by their place.
        feature: (M,) the columns that are asked for. features: how many there are.
        numbers: arrays that must be finite.

    Raises:
        ValueError: there is such a node, or a number that is not finite.
    """
    place = np.flatnonzero(~leaf)
    for child in (left[place], right[place]):
        if (child <= place).any() or (child >= leaf.size).any():
            raise ValueError("a node that leads nowhere")
    if (feature[place] < 0).any() or (feature[place] >= features).any():
        raise ValueError("a node that asks for a feature there is not")
    if not all(np.isfinite(values).all() for values in numbers):
        raise ValueError("numbers that are not finite")
