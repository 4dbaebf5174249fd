"""What a model has learned from, kept small, so that it knows a photo that is unlike all of it.

A photo's distance from the scored photos is that to the nearest one, 1 - cosine of the feature vectors as they are
(Sun et al., Out-of-distribution detection with deep nearest neighbors, 2022), in each block of the features and in all
together. Each distance is compared with what photos of the album have that were held out with their groups, and those
that are larger than usual add up, as a root of squares. A photo is far where that exceeds what one such photo in
fifty would reach.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.models.arrays import load_shaped, save_arrays
from engine.models.base import Features
from engine.models.damaged import damaged_model
from engine.models.folds import Index, deal_folds
from engine.models.soundness import FAMILIAR_NAME

FALSE_ALARMS = 0.02
"""The share of photos like those that were scored, but of other groups, that is taken for far."""

_MOST = 256  # scored photos that are remembered
_FOR_BASIS = 128  # of them that span what is looked at; each step of it costs their cube
_DIMENSIONS = 32  # of each block, that are kept of them
_MOST_BLOCKS = 16
_FOLDS = 5
_FEWEST_GROUPS = 5
_MANY_GROUPS = 2 / FALSE_ALARMS  # from here on the quantile itself can be told
_CHUNK = 2048
_NEAREST = 1e-3  # distances below this are the same photo
_LEAST_SPREAD = 0.05  # of the distances' logarithms: a distance that is 5 % larger than usual is nothing special
_FLAT = 1e-9
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class _Reference:
    """Photos to which others are compared.

    Args:
        widths: of the B blocks; they sum to D.
        basis: (D, K) float32; the rows of each block are an orthonormal basis of what the photos have in it, with
            zeros where they span less.
        rows: (B, R, K) float32, each photo's block of length one, in that basis.
        lengths: (R, B) float32, the length of each block beside the others: their squares sum to 1.
    """

    widths: tuple[int, ...]
    basis: Floats
    rows: Floats
    lengths: Floats

    def distances(self, features: Features) -> NDArray[np.float64]:
        """Return (N, P) logarithms of the distances of (N, D) vectors: of each block, and of all where B > 1."""
        lengths = _lengths(features, self.widths)
        whole = np.zeros((features.shape[0], self.lengths.shape[0]), np.float32)
        nearest = np.empty((features.shape[0], len(self.widths) + (len(self.widths) > 1)))
        shares = _shares(lengths)
        for block, (start, end) in enumerate(_ends(self.widths)):
            found = features[:, start:end] @ self.basis[start:end]
            found /= np.maximum(lengths[:, block, None], _FLAT)
            alike = found @ self.rows[block].T
            nearest[:, block] = alike.max(axis=1)
            if len(self.widths) > 1:
                alike *= self.lengths[:, block]
                alike *= shares[:, block, None]
                whole += alike
        if len(self.widths) > 1:
            nearest[:, -1] = whole.max(axis=1)
        return np.log(np.maximum(1.0 - nearest, _NEAREST))


@dataclass(frozen=True)
class Familiar:
    """Tells a photo that is far from all that a model has learned from; see the module's first lines.

    Args:
        reference: the photos that are remembered.
        usual: (P,) means, and spread: (P,) standard deviations above 0, of the distances' logarithms of photos that
            were held out. limit: of what adds up.
    """

    reference: _Reference
    usual: NDArray[np.float64]
    spread: NDArray[np.float64]
    limit: float

    @classmethod
    def fit(
        cls,
        features: Features,
        groups: Index,
        blocks: Sequence[int],
        *,
        unseen: NDArray[np.bool_] | None = None,
        seed: int = 0,
    ) -> Familiar | None:
        """Return what tells far photos; None where too few groups were scored to say what is usual.

        Args:
            features: (N, D) float32 vectors of the scored photos.
            groups: (N,) group numbers: a photo is compared with those of other groups.
            blocks: widths of the feature vector's blocks; they sum to D.
            unseen: (N,) which photos say what is usual: those that a network that made the vectors itself has not
                learned from; None: all.
            seed: makes the choice of photos repeatable.
        """
        asked = np.ones(groups.size, np.bool_) if unseen is None else unseen
        size = np.unique(groups[asked]).size
        if size < _FEWEST_GROUPS:
            return None
        folds = deal_folds(groups, _FOLDS, seed)
        distances = np.zeros((groups.size, len(blocks) + (len(blocks) > 1)))
        for fold in range(int(folds.max()) + 1):
            those, rest = np.flatnonzero(asked & (folds == fold)), np.flatnonzero(folds != fold)
            reference = _refer(features, rest, groups, blocks, seed)
            for start in range(0, those.size, _CHUNK):
                part = those[start : start + _CHUNK]
                distances[part] = reference.distances(features[part])
        distances = distances[asked]
        usual, spread = distances.mean(axis=0), np.maximum(distances.std(axis=0, ddof=1), _LEAST_SPREAD)
        reached = _sum_up(distances, usual, spread)
        limit = _bound(reached, size)
        everything = np.arange(groups.size)
        return cls(_refer(features, everything, groups, blocks, seed), usual, spread, limit)

    @property
    def width(self) -> int:
        """The length of the vectors that it takes."""
        return int(self.reference.basis.shape[0])

    def strangeness(self, features: Features) -> NDArray[np.float64]:
        """Return how far each of (N, D) float32 vectors is: (N,) values, above 1 for those that are far."""
        reached = _sum_up(self.reference.distances(features), self.usual, self.spread)
        return reached / self.limit

    def is_far(self, features: Features) -> NDArray[np.bool_]:
        """Return (N,) whether a photo is unlike all that was scored, for (N, D) float32 vectors; numpy alone."""
        far: NDArray[np.bool_] = self.strangeness(features) > 1.0
        return far

    def save(self, folder: Path) -> None:
        """Write ``familiar.safetensors``.

        Raises:
            BeholderError: the place can't be written.
        """
        reference = self.reference
        save_arrays(
            folder / FAMILIAR_NAME,
            {
                "widths": np.array(reference.widths, np.float64),
                "basis": reference.basis.astype(np.float16),
                "rows": reference.rows.astype(np.float16),
                "lengths": reference.lengths.astype(np.float16),
                "usual": self.usual,
                "spread": self.spread,
                "limit": np.array([self.limit]),
            },
        )

    @classmethod
    def load(cls, folder: Path) -> Familiar:
        """Return what `save` wrote.

        Raises:
            DamagedFile: the file is not what `save` writes. NotFound: there is none.
        """
        path = folder / FAMILIAR_NAME
        arrays = load_shaped(
            path,
            {
                "widths": "B",
                "basis": "DK",
                "rows": "BRK",
                "lengths": "RB",
                "usual": "P",
                "spread": "P",
                "limit": (1,),
            },
        )
        widths = tuple(int(width) for width in arrays["widths"].tolist())
        blocks, (photos, dimensions) = len(widths), arrays["rows"].shape[1:]
        limit = float(arrays["limit"][0])
        sizes = 0 < blocks <= _MOST_BLOCKS and min(widths, default=0) > 0 and 0 < photos <= _MOST and dimensions > 0
        if not sizes or dimensions > _DIMENSIONS or sum(widths) != arrays["basis"].shape[0]:
            raise damaged_model(path, "its sizes don't fit together")
        if arrays["usual"].size != blocks + (blocks > 1) or limit <= 0 or (arrays["spread"] <= 0).any():
            raise damaged_model(path, "its limits are not what they should be")
        reference = _Reference(widths, *(arrays[name].astype(np.float32) for name in ("basis", "rows", "lengths")))
        return cls(reference, arrays["usual"].astype(np.float64), arrays["spread"].astype(np.float64), limit)


def _refer(features: Features, rows: Index, groups: Index, blocks: Sequence[int], seed: int) -> _Reference:
    """Return the reference of some photos; of many, as many groups as there can be."""
    chosen = features[_spread_over(rows, groups, seed)]
    widths = tuple(blocks)
    lengths = _lengths(chosen, widths)
    dimensions = min(_DIMENSIONS, chosen.shape[0], max(widths))
    basis = np.zeros((sum(widths), dimensions), np.float32)
    found = np.zeros((len(widths), chosen.shape[0], dimensions), np.float32)
    for block, (start, end) in enumerate(_ends(widths)):
        units = chosen[:, start:end] / np.maximum(lengths[:, block, None], _FLAT)
        some = units[np.linspace(0, len(units) - 1, min(len(units), _FOR_BASIS)).round().astype(np.int64)]
        values, vectors = np.linalg.eigh((some @ some.T).astype(np.float64))
        order = np.argsort(-values)[:dimensions]
        order = order[values[order] > 1e-6 * max(float(values.max()), _FLAT)]
        # as the file will hold it, so that what was measured is what is saved
        kept = (some.T @ (vectors[:, order] / np.sqrt(values[order]))).astype(np.float16).astype(np.float32)
        basis[start:end, : order.size] = kept
        found[block] = (units @ basis[start:end]).astype(np.float16)
    return _Reference(widths, basis, found, _shares(lengths).astype(np.float16).astype(np.float32))


def _spread_over(rows: Index, groups: Index, seed: int) -> Index:
    """Return at most `_MOST` of the rows: one of each group in turn, so that a large group doesn't push others out."""
    if rows.size <= _MOST:
        return rows
    rows = np.random.default_rng(seed).permutation(rows)
    order = np.argsort(groups[rows], kind="stable")
    ordered = groups[rows][order]
    first = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    turn = np.empty(rows.size, np.int64)
    turn[order] = np.arange(rows.size) - np.maximum.accumulate(np.where(first, np.arange(rows.size), 0))
    return np.sort(rows[np.argsort(turn, kind="stable")[:_MOST]])


def _ends(widths: Sequence[int]) -> list[tuple[int, int]]:
    return list(pairwise(np.cumsum([0, *widths]).tolist()))


def _lengths(features: Features, widths: Sequence[int]) -> Floats:
    """Return the (N, B) lengths of the vectors' blocks."""
    parts = (features[:, start:end] for start, end in _ends(widths))
    return np.stack([np.sqrt(np.einsum("ij,ij->i", part, part)) for part in parts], axis=1).astype(np.float32)


def _shares(lengths: Floats) -> Floats:
    shares: Floats = lengths / np.maximum(np.sqrt((lengths**2).sum(axis=1, keepdims=True)), _FLAT)
    return shares


def _sum_up(
    distances: NDArray[np.float64], usual: NDArray[np.float64], spread: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return (N,) roots of the summed squares of how much the (N, P) distances are larger than usual."""
    larger = np.maximum((distances - usual) / spread, 0.0)
    total: NDArray[np.float64] = np.sqrt((larger**2).sum(axis=1))
    return total


def _bound(reached: NDArray[np.float64], groups: int) -> float:
    """Return what one new photo in fifty exceeds: the bound of a normal prediction interval of so many groups.

    An empirical quantile would need fifty groups to reach so far; measured, this one is right with a dozen as well.
    With many groups the empirical one is taken where it is larger, because the tail need not be a normal one.
    """
    from scipy.special import stdtrit

    times = float(stdtrit(groups - 1, 1 - FALSE_ALARMS)) * np.sqrt(1 + 1 / groups)
    bound = float(reached.mean() + times * reached.std(ddof=1))
    if groups >= _MANY_GROUPS:
        bound = max(bound, float(np.quantile(reached, 1 - FALSE_ALARMS)))
    return max(bound, 1.0)
