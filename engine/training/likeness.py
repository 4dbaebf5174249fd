"""Which of very many photos look alike: found by sketches, told by exact cosines, joined as they are found.

All pairs are still looked at, but as 64 numbers a photo in place of thousands, in tiles; what may be alike is looked at
again as 256 numbers, and what still may be, in full. Photos that are joined already need not be told apart, so an album
of copies costs no more than one of strangers, and no list of pairs is kept.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.events import Progress, StopCheck, raise_if_stopped
from engine.models.base import Features
from engine.models.folds import Index
from engine.models.standardise import Standardiser
from engine.prediction.sketch import Sketcher

# how far below the exact cosine a sketch's may lie; measured on photos of people, things and places, 1 pair in 100 of
# those alike was farther off
_ROUGH, _FINE = 0.15, 0.08
_FINE_REST = 224
_SAMPLE = 512
_TILE = 2048
_PAIRS = 4096
Pairs = NDArray[np.int64]


class Likeness:
    """The photos of a large album, and which of them are alike.

    Args:
        features: (N, D) float32.
        blocks: widths of the feature vector's blocks.
        should_stop: asked for each tile.
        seed: of the sketches.
    """

    def __init__(self, features: Features, blocks: Sequence[int], should_stop: StopCheck, seed: int = 0) -> None:
        self._features, self._stop = features, should_stop
        self._standardiser = Standardiser.fit(features, blocks)
        some = np.sort(np.random.default_rng(seed).permutation(len(features))[:_SAMPLE])
        sketchers = (
            Sketcher(features[some], list(blocks), seed),
            Sketcher(features[some], list(blocks), seed, _FINE_REST),
        )
        rough, fine = ([sketcher.nothing()] for sketcher in sketchers)
        for start in range(0, len(features), _TILE):
            raise_if_stopped(should_stop)
            rows = features[start : start + _TILE]
            rough.append(sketchers[0].directions(rows))
            fine.append(sketchers[1].directions(rows))
        self._rough, self._fine = np.concatenate(rough), np.concatenate(fine)

    def directions(self, rows: Index) -> Features:
        """Return (n, D) standardised features of length one of some photos."""
        return unit_rows(self._standardiser, self._features[rows])

    def cosines(self, pairs: Pairs) -> Features:
        """Return (P,) exact cosines of (P, 2) pairs of row numbers."""
        found = [np.zeros(0, np.float32)]
        for start in range(0, len(pairs), _PAIRS):
            raise_if_stopped(self._stop)
            left, right = pairs[start : start + _PAIRS].T
            found.append(np.einsum("ij,ij->i", self.directions(left), self.directions(right)))
        return np.concatenate(found)

    def join(self, known: Pairs, alike: float) -> Generator[Progress, None, Index]:
        """Return (N,) group numbers of photos joined by chains of `known` pairs and of cosines above `alike`.

        Raises:
            Interrupted: `should_stop` said so.
        """
        size = len(self._features)
        groups = connected(size, known)
        starts = range(0, size, _TILE)
        for start in starts:
            for other in range(start, size, _TILE):
                raise_if_stopped(self._stop)
                groups = self._join_tile(groups, start, other, alike)
            yield Progress("splitting", min(start + _TILE, size), size)
        return groups

    def _join_tile(self, groups: Index, start: int, other: int, alike: float) -> Index:
        near = self._rough[start : start + _TILE] @ self._rough[other : other + _TILE].T > alike - _ROUGH
        left, right = np.nonzero(near)
        pairs = np.stack([left + start, right + other], axis=1)
        pairs = pairs[groups[pairs[:, 0]] != groups[pairs[:, 1]]]
        for at in range(0, len(pairs), _TILE * 16):
            some = pairs[at : at + _TILE * 16]
            fine = np.einsum("ij,ij->i", self._fine[some[:, 0]], self._fine[some[:, 1]])
            # the likeliest first: what they join need not be looked at again
            order = np.argsort(-fine, kind="stable")
            some = some[order[: np.count_nonzero(fine > alike - _FINE)]]
            while len(some := some[groups[some[:, 0]] != groups[some[:, 1]]]):
                head, some = some[:_PAIRS], some[_PAIRS:]
                if len(found := head[self.cosines(head) > alike]):
                    groups = _merged(groups, found)
        return groups


def unit_rows(standardiser: Standardiser, features: Features) -> Features:
    """Return (N, D) standardised features of length one, so that their products are cosines."""
    rows = standardiser.apply(features).astype(np.float32)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return rows


def connected(size: int, pairs: Pairs) -> Index:
    """Return (N,) group numbers: whoever is joined by a chain of the (P, 2) pairs shares one."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), shape=(size, size))
    _, groups = connected_components(graph, directed=False)
    return np.asarray(groups, np.int64)


def _merged(groups: Index, pairs: Pairs) -> Index:
    """Return group numbers after the groups of the pairs' photos became one."""
    return connected(int(groups.max()) + 1, groups[pairs])[groups]
