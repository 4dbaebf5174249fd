"""A graph of ONNX nodes that grows call by call; names are made up on the way."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

OPSET, TREES_OPSET = 17, 3


class Graph:
    """Nodes and constants that are appended to another graph in the end.

    A method returns the name of the value that it computes; an argument is such a name, or an array.
    """

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def call(self, kind: str, *inputs: str | NDArray[Any], domain: str = "", **settings: Any) -> str:
        """Add a node of one output."""
        names = [value if isinstance(value, str) else self._constant(value) for value in inputs]
        output = f"beholder_{len(self.nodes)}_{kind}"
        self.nodes.append(helper.make_node(kind, names, [output], domain=domain, **settings))
        return output

    def _constant(self, value: NDArray[Any]) -> str:
        name = f"beholder_constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def double(self, value: str) -> str:
        """Return it as float64."""
        return self.call("Cast", value, to=onnx.TensorProto.DOUBLE)

    def single(self, value: str) -> str:
        """Return it as float32."""
        return self.call("Cast", value, to=onnx.TensorProto.FLOAT)

    def column(self, value: str) -> str:
        """Return an (N, 1) value as (N,)."""
        return self.call("Squeeze", value, np.array([1], np.int64))

    def sum_of_squares(self, rows: str) -> str:
        """Return (N, 1) of (N, D)."""
        return self.call("ReduceSum", self.call("Mul", rows, rows), np.array([1], np.int64), keepdims=1)

    def mean_of(self, rows: str) -> str:
        """Return (N, 1) means of (N, D)."""
        return self.call("ReduceMean", rows, axes=[1], keepdims=1)
