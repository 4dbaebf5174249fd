"""Read regression trees from a skops file and walk them with numpy, so that predicting needs neither skops nor sklearn.

Their imports alone take several times as long as one photo's score. The file stays the only place in which a model is
kept; the estimator itself is made from it where somebody asks for it, for an export.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.models.base import Features, Scores
from engine.models.sound_trees import check_nodes

_LEAF = -1
_ROWS = 256  # so many photos go through all trees at once
_TREE = "sklearn.tree._classes.DecisionTreeRegressor"
_NODES = "sklearn.tree._tree.Tree"
_HIST_TREE = "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"
_LOSS = "sklearn._loss.loss.HalfSquaredError"

Flat = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True)
class StoredTrees:
    """Regression trees laid one after the other, and how their answers become a score.

    Args:
        roots: (T,) where each tree begins.
        left: (M,) place of each node's left child, right: of its right one; a leaf names itself.
        feature: (M,) the column that a node asks for; 0 in a leaf.
        threshold: (M,) a value up to this goes left.
        value: (M,) the answer of a leaf.
        start: what the sum of the answers begins with.
        rate: what each answer is multiplied with.
        width: D, the number of columns that the trees were fitted on.
        is_mean: the sum is divided by the number of trees.
    """

    roots: NDArray[np.int64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    value: NDArray[np.float64]
    start: float
    rate: float
    width: int
    is_mean: bool

    @classmethod
    def of(
        cls, trees: Sequence[Flat], width: int, *, start: float = 0.0, rate: float = 1.0, is_mean: bool = False
    ) -> StoredTrees:
        """Lay checked trees one after the other.

        Raises:
            ValueError: there is none.
        """
        if not trees:
            raise ValueError("no tree")
        sizes = np.array([tree[0].size for tree in trees])
        roots = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
        left, right, feature, threshold, value = (np.concatenate(column) for column in zip(*trees, strict=True))
        place, begin = np.arange(left.size), np.repeat(roots, sizes)
        leaf = left == _LEAF
        return cls(
            roots,
            np.where(leaf, place, left + begin),
            np.where(leaf, place, right + begin),
            np.where(leaf, 0, feature),
            threshold,
            value,
            start,
            rate,
            width,
            is_mean,
        )

    def predict(self, features: Features) -> Scores:
        """Return (N,) scores for (N, D) float32 features, as scikit-learn's own code would.

        Raises:
            ValueError: D is another than that of the fit.
        """
        if features.ndim != 2 or features.shape[1] != self.width:
            raise ValueError(f"features of shape {features.shape}, not (N, {self.width})")
        found = [self._some(features[at : at + _ROWS]) for at in range(0, features.shape[0], _ROWS)]
        return np.concatenate(found) if found else np.zeros(0)

    def _some(self, features: Features) -> Scores:
        rows = np.arange(features.shape[0])[:, None]
        nodes = np.broadcast_to(self.roots, (features.shape[0], self.roots.size))
        while True:
            goes_left = features[rows, self.feature[nodes]] <= self.threshold[nodes]
            below = np.where(goes_left, self.left[nodes], self.right[nodes])
            if np.array_equal(below, nodes):
                break
            nodes = below
        total: Scores = np.full(features.shape[0], self.start)
        for answers in self.value[nodes].T:  # one after the other, so that rounding is the same too
            total += self.rate * answers
        return total / self.roots.size if self.is_mean else total


class StoredEstimator:
    """A fitted estimator as its skops file describes it; numbers, texts and arrays are read, no object is made.

    Args:
        data: the file's bytes, whose types were checked.
        kind: dotted name of the class that it must be of.

    Raises:
        ValueError, LookupError, TypeError, zipfile.BadZipFile: it is not.
    """

    def __init__(self, data: bytes, kind: str) -> None:
        self._archive = zipfile.ZipFile(io.BytesIO(data))
        schema = json.loads(self._archive.read("schema.json"))
        self._parts = self._attributes(schema, kind)
        if "predict" in self._parts:
            raise ValueError("an attribute in the place of a method")
        self.features = self._features(self._parts)

    def number(self, name: str) -> float | int:
        """Return a setting that must be a finite number."""
        value = self.plain(name)
        if type(value) not in {int, float} or not np.isfinite(value):
            raise ValueError("settings that are no numbers")
        return value  # type: ignore[no-any-return]

    def plain(self, name: str) -> Any:
        """Return a setting: a number, a text, a truth value or None."""
        return _plain(self._parts[name])

    def forest(self) -> list[Flat]:
        """Return the trees of a forest."""
        return [self._tree(node) for node in _items(self._parts["estimators_"])]

    def stages(self) -> list[Flat]:
        """Return the trees of a gradient booster, one a stage."""
        node = self._parts["estimators_"]
        shape = tuple(_plain(size) for size in _items(node["shape"]))
        if len(shape) != 2 or shape[1] != 1:
            raise ValueError("stages of another shape")
        trees = [tree for row in node["content"] for tree in _items(row)]
        if len(trees) != shape[0]:
            raise ValueError("stages of another shape")
        return [self._tree(tree) for tree in trees]

    def predictors(self) -> list[Flat]:
        """Return the trees of a histogram booster, one a stage."""
        found = []
        for stage in _items(self._parts["_predictors"]):
            only = _items(stage)
            if len(only) != 1:
                raise ValueError("a tree of another kind")
            parts = self._attributes(only[0], _HIST_TREE)
            if any(self._array(parts[bits]).size for bits in ("binned_left_cat_bitsets", "raw_left_cat_bitsets")):
                raise ValueError("sets of categories")
            nodes = self._array(parts["nodes"])
            if nodes.ndim != 1 or not nodes.size or nodes["is_categorical"].any():
                raise ValueError("a tree of another shape, or a category")
            leaf = nodes["is_leaf"] != 0
            left, right = (np.where(leaf, _LEAF, nodes[side].astype(np.int64)) for side in ("left", "right"))
            found.append(self._checked(left, right, nodes["feature_idx"], nodes["num_threshold"], nodes["value"]))
        return found

    def mean(self) -> float:
        """Return the mean score that a gradient booster begins from."""
        parts = self._attributes(self._parts["init_"], "sklearn.dummy.DummyRegressor")
        if _plain(parts["n_outputs_"]) != 1:
            raise ValueError("it begins from something else than a mean")
        return self._only_number(parts["constant_"])

    def baseline(self) -> float:
        """Return the mean score that a histogram booster begins from."""
        return self._only_number(self._parts["_baseline_prediction"])

    def check_loss(self) -> None:
        """Refuse a booster of another loss, whose sum would be no score."""
        self._attributes(self._parts["_loss"], _LOSS)
        if self.plain("n_trees_per_iteration_") != 1:
            raise ValueError("another loss")

    def _only_number(self, node: Any) -> float:
        array = self._array(node)
        if array.shape != (1, 1) or array.dtype.kind not in "fiu" or not np.isfinite(array).all():
            raise ValueError("it begins from something else than a mean")
        return float(array[0, 0])

    def _tree(self, node: Any) -> Flat:
        parts = self._attributes(node, _TREE)
        if self._features(parts) != self.features:
            raise ValueError("a tree of another kind")
        inner = parts["tree_"]
        takes, classes, outputs = _items(inner["__reduce__"]["args"])
        state = self._attributes(inner, _NODES)
        nodes, values = self._array(state["nodes"]), self._array(state["values"])
        shape = (_plain(takes), self._array(classes).tolist(), _plain(outputs))
        if shape != (self.features, [1], 1) or nodes.ndim != 1 or values.shape != (nodes.size, 1, 1):
            raise ValueError("a tree of another shape")
        # scikit-learn itself takes no more nodes than there are
        count = min(int(_plain(state["node_count"])), nodes.size)
        if count < 1:
            raise ValueError("a tree of another shape")
        nodes = nodes[:count]
        left, right = nodes["left_child"], nodes["right_child"]
        return self._checked(left, right, nodes["feature"], nodes["threshold"], values[:count, 0, 0])

    def _checked(self, left: Any, right: Any, feature: Any, threshold: Any, value: Any) -> Flat:
        if any(column.dtype.kind not in "iu" for column in (left, right, feature)):
            raise ValueError("a tree of another shape")
        left, right, feature = (column.astype(np.int64) for column in (left, right, feature))
        threshold, value = (column.astype(np.float64, casting="safe") for column in (threshold, value))
        check_nodes(left == _LEAF, left, right, feature, self.features, (threshold, value))
        return left, right, feature, threshold, value

    def _features(self, parts: Mapping[str, Any]) -> int:
        features = _plain(parts["n_features_in_"]) if "n_features_in_" in parts else None
        if type(features) is not int or features < 1:
            raise ValueError("no number of features")
        return features

    def _attributes(self, node: Any, kind: str) -> Mapping[str, Any]:
        if f"{node['__module__']}.{node['__class__']}" != kind:
            raise ValueError(f"it holds a {node['__class__']}, should be a {kind.rpartition('.')[2]}")
        parts: Mapping[str, Any] = node["content"]["content"]
        if not isinstance(parts, Mapping):
            raise ValueError(f"a {node['__class__']} without attributes")
        return parts

    def _array(self, node: Any) -> NDArray[Any]:
        if node["__loader__"] != "NdArrayNode" or node["type"] != "numpy":
            raise ValueError("no array where one should be")
        array: NDArray[Any] = np.load(io.BytesIO(self._archive.read(node["file"])), allow_pickle=False)
        return array


def _plain(node: Any) -> Any:
    if node["__loader__"] != "JsonNode":
        raise ValueError("something else where a number or a text should be")
    return json.loads(node["content"])


def _items(node: Any) -> list[Any]:
    items = node["content"]
    if node["__loader__"] not in {"ListNode", "TupleNode"} or not isinstance(items, list):
        raise ValueError("something else where a list should be")
    return items


def file_types(data: bytes, largest: int) -> set[str]:
    """Return the dotted names of all types that a skops file says it holds; nothing of it is made for that.

    Args:
        data: the file's bytes.
        largest: how many bytes it may unpack to.

    Raises:
        ValueError: it would unpack to more. zipfile.BadZipFile, LookupError: it is no skops file.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(part.file_size for part in archive.infolist()) > largest:
            raise ValueError("it would unpack to more than 2 GiB")
        schema = json.loads(archive.read("schema.json"))
    return {f"{module}.{name}" for module, name in _named(schema)}


def _named(schema: Any) -> Iterator[tuple[Any, Any]]:
    waiting: list[Any] = [schema]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if "__class__" in value:
                yield value["__module__"], value["__class__"]
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
