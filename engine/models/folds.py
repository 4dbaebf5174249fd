"""Deal groups of photos into folds of about equal size, so that no group is on both sides."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.int64]


def deal_folds(groups: Index, folds: int, seed: int) -> Index:
    """Return (N,) fold numbers 0…K-1; all photos of one group get the same number.

    The largest groups are dealt first, each to the emptiest fold; chance decides between equals.

    Args:
        groups: (N,) group number of each photo.
        folds: how many folds; fewer are made when there are fewer groups.
        seed: makes the deal repeatable.
    """
    names, inverse, counts = np.unique(groups, return_inverse=True, return_counts=True)
    folds = max(1, min(folds, names.size))
    order = np.random.default_rng(seed).permutation(names.size)
    order = order[np.argsort(-counts[order], kind="stable")]
    load = np.zeros(folds, np.int64)
    of_group = np.zeros(names.size, np.int64)
    for group in order:
        fold = int(np.argmin(load))
        of_group[group] = fold
        load[fold] += counts[group]
    dealt: Index = of_group[inverse]
    return dealt
