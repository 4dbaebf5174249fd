"""The figure that a careless split would have given: photos dealt at random, near-copies and themes on both sides."""

from __future__ import annotations

import dataclasses

import numpy as np

from engine.models.base import TrainingSet
from engine.models.folds import Index, deal_folds


def is_grouped(groups: Index) -> bool:
    """Say whether any two photos belong together: only then can a random split leak."""
    return bool(np.unique(groups).size < groups.size)


def ungrouped(data: TrainingSet) -> TrainingSet:
    """Return the same photos as if no two of them had anything to do with each other."""
    return dataclasses.replace(data, groups=np.arange(data.scores.size, dtype=np.int64))


def random_parts(size: int, test: int, seed: int) -> tuple[Index, Index]:
    """Return the rows that are learned from and the `test` rows that are held out, drawn photo by photo."""
    order = np.random.default_rng(seed).permutation(size).astype(np.int64)
    return np.sort(order[test:]), np.sort(order[:test])


def random_folds(size: int, folds: int, seed: int) -> list[tuple[Index, Index]]:
    """Return seen and held-out rows of each of K folds that were dealt photo by photo."""
    dealt = deal_folds(np.arange(size, dtype=np.int64), folds, seed)
    return [(np.flatnonzero(dealt != fold), np.flatnonzero(dealt == fold)) for fold in range(int(dealt.max()) + 1)]
