"""Inner products of the scored photos' standardised features: computed once, shared by all fits on parts of an album.

A comparison fits several families eight times each, a search some hundred times; what two photos have in common stays
the same, since features are standardised over the whole album, whichever part of it is learned from.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from engine.models.base import Features, TrainingSet
from engine.models.folds import Index
from engine.models.kernels import Matrix
from engine.models.scaling import make_standardiser
from engine.models.standardise import Standardiser

MOST_KEPT = 3000
"""Scored photos up to which the products of all pairs are kept, 72 MB a weighting; of more they are computed anew."""


class Products:
    """The inner products of all scored photos of an album, by weighting; several threads may ask.

    Args:
        features: (N, D) float32, one row a scored photo.
        album: (M, D) float32, what features are standardised over.
        blocks: widths; see `TrainingSet`.
    """

    def __init__(self, features: Features, album: Features, blocks: Sequence[int]) -> None:
        self._features, self._album, self._blocks = features, album, blocks
        self._standardisers: dict[str, Standardiser] = {}
        self._inner: dict[str, Matrix] = {}
        self._lock = threading.RLock()

    def __len__(self) -> int:
        return len(self._features)

    def are_of(self, data: TrainingSet) -> bool:
        """Say whether a set's features are standardised over this very album."""
        return data.album is self._album and data.features.shape[1] == self._features.shape[1]

    def standardiser(self, weighting: str) -> Standardiser:
        """Return the album's standardiser of a weighting, ``block`` or ``variance``."""
        with self._lock:
            if weighting not in self._standardisers:
                self._standardisers[weighting] = make_standardiser(weighting, self._album, self._blocks)
            return self._standardisers[weighting]

    def inner(self, weighting: str) -> Matrix:
        """Return the (N, N) inner products."""
        with self._lock:
            if weighting not in self._inner:
                self._inner[weighting] = inner_products(self.standardiser(weighting).apply(self._features))
            return self._inner[weighting]


@dataclass(frozen=True)
class Part:
    """Some of an album's scored photos: what a `TrainingSet` carries along.

    Args:
        whole: the album's products.
        places: (n,) which of the album's scored photos these are.
    """

    whole: Products
    places: Index

    def of(self, rows: Index) -> Part:
        """Return a part of this part."""
        return Part(self.whole, self.places[rows])


@dataclass(frozen=True)
class Weighted:
    """A training set under one weighting: its rows, and what they have in common.

    Args:
        data: the set. part: its place in an album whose products are shared.
        weighting: ``block`` or ``variance``.
    """

    data: TrainingSet
    part: Part
    weighting: str

    @property
    def standardiser(self) -> Standardiser:
        """The album's standardiser."""
        return self.part.whole.standardiser(self.weighting)

    @cached_property
    def rows(self) -> Matrix:
        """(n, D) float64 standardised features."""
        return self.standardiser.apply(self.data.features)

    @cached_property
    def inner(self) -> Matrix:
        """(n, n) inner products of the rows."""
        if len(self.part.whole) > MOST_KEPT:
            return inner_products(self.rows)
        return self.part.whole.inner(self.weighting)[np.ix_(self.part.places, self.part.places)]

    @cached_property
    def squared(self) -> Matrix:
        """(n, n) squared distances of the rows, never below 0."""
        lengths = np.diag(self.inner)
        squared: Matrix = lengths[:, None] + lengths[None, :]
        squared -= 2 * self.inner
        return np.maximum(squared, 0.0, out=squared)

    def only(self, rows: Index) -> Weighted:
        """Return some of these photos under the same weighting."""
        return Weighted(self.data.subset(rows), self.part.of(rows), self.weighting)


def inner_products(rows: Matrix) -> Matrix:
    """Return the (N, N) inner products of (N, D) rows."""
    inner: Matrix = rows @ rows.T
    return inner


def shared(data: TrainingSet) -> TrainingSet:
    """Return the set with its products carried along; they are computed when first asked for."""
    if data.part is not None and data.part.whole.are_of(data):
        return data
    whole = Products(data.features, data.album, data.blocks)
    return dataclasses.replace(data, part=Part(whole, np.arange(data.features.shape[0])))


def weighted(data: TrainingSet, weighting: str) -> Weighted:
    """Return a set under a weighting, ``block`` or ``variance``; its products come from its album, where it has one."""
    known = shared(data)
    assert known.part is not None
    return Weighted(known, known.part, weighting)
