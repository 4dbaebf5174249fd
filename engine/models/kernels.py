"""Distances between photos' standardised features, and a width for them that comes from the data."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


def squared_distances(left: Matrix, right: Matrix) -> Matrix:
    """Return the (N, M) squared Euclidean distances between (N, D) and (M, D) rows; never below 0."""
    squared: Matrix = (left**2).sum(1)[:, None] + (right**2).sum(1)[None, :] - 2 * (left @ right.T)
    return np.maximum(squared, 0.0)


def median_distance(squared: Matrix) -> float:
    """Return the median of (N, N) squared distances between different photos, above 0; 1 for a single photo."""
    apart = squared[~np.eye(squared.shape[0], dtype=bool)]
    return max(float(np.median(apart)), 1e-9) if apart.size else 1.0
