"""Ridge regression of very many photos: from their sums and products, which are gathered in blocks.

With N photos of D features the answer needs D × D numbers, not N × N, and memory does not grow with N. The products of
each fold are gathered once: what a fit learns from without a fold is the sum of the others, and how far it is off the
fold's scores follows from the fold's own products (Golub & Van Loan, Matrix Computations, 2013, section 6.1.4).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.events import Progress, StopCheck, raise_if_stopped
from engine.models.base import Features, Scores
from engine.models.folds import Index
from engine.models.kernels import Matrix

MANY = 4000
"""Scored photos from which on a fit works in blocks; up to it, it takes the direct way."""
BLOCK = 4096
"""Photos in a block: about a second's work, after which a fit is asked whether to stop."""

_NEAR, _MOST_STEPS = 1e-3, 256

Line = tuple[Scores, float]
"""(D,) weights of the scaled features, and the intercept."""
Rows = Callable[[Index], Features]
"""Returns the (n, D) float32 rows of some photos."""


@dataclass
class Moments:
    """What linear regression needs to know of some photos.

    Args:
        count: how many they are.
        sums: (D,) of their rows. products: (D, D), their rows' inner products.
        cross: (D,) sums of row times score.
        total: sum of the scores. squares: of their squares.
    """

    count: int
    sums: Scores
    products: Matrix
    cross: Scores
    total: float = 0.0
    squares: float = 0.0

    @classmethod
    def nothing(cls, width: int) -> Moments:
        """Return the moments of no photo."""
        return cls(0, np.zeros(width), np.zeros((width, width)), np.zeros(width))

    def take_in(self, rows: Features, scores: Scores) -> None:
        """Add (n, D) float32 rows and their (n,) scores."""
        self.count += scores.size
        self.sums += rows.sum(axis=0, dtype=np.float64)
        # a block's products are summed in single precision, the blocks in double: the error stays that of one block
        self.products += rows.T @ rows
        self.cross += rows.T @ scores.astype(np.float32)
        self.total += float(scores.sum())
        self.squares += float((scores**2).sum())

    def add(self, other: Moments, sign: int = 1) -> None:
        """Add those of other photos, or with -1 take them away."""
        self.count += sign * other.count
        for mine, its in ((self.sums, other.sums), (self.products, other.products), (self.cross, other.cross)):
            (np.add if sign > 0 else np.subtract)(mine, its, out=mine)
        self.total += sign * other.total
        self.squares += sign * other.squares

    def squared_errors(self, weights: Matrix, intercepts: Scores) -> Scores:
        """Return (P,) sums of squared errors of (P, D) weights and (P,) intercepts on these photos."""
        level = intercepts * (self.count * intercepts - 2 * self.total)
        spread = ((weights @ self.products) * weights).sum(axis=1)
        found: Scores = self.squares + level + spread + 2 * (intercepts * (weights @ self.sums) - weights @ self.cross)
        return np.maximum(found, 0.0)


def gather(
    rows: Rows, scores: Scores, cells: Index, should_stop: StopCheck
) -> Generator[Progress, None, list[Moments]]:
    """Return the moments of each cell of photos, with progress in photos on the way.

    Args:
        rows: the photos' rows; near the origin, for the sake of precision.
        scores: (N,).
        cells: (N,) number of each photo's cell, 0…K-1.
        should_stop: asked before each block.

    Raises:
        Interrupted: `should_stop` said so.
    """
    found: list[Moments] = []
    done = 0
    for cell in range(int(cells.max()) + 1):
        those = np.flatnonzero(cells == cell)
        for start in range(0, those.size, BLOCK):
            raise_if_stopped(should_stop)
            part = those[start : start + BLOCK]
            block = rows(part)
            if len(found) == cell:
                found.append(Moments.nothing(block.shape[1]))
            found[cell].take_in(block, scores[part])
            done += part.size
            yield Progress("fitting", done, cells.size)
    return found


def gathered(rows: Rows, scores: Scores, should_stop: StopCheck) -> Moments:
    """Return the moments of N photos at once; see `gather`."""
    steps = gather(rows, scores, np.zeros(scores.size, np.int64), should_stop)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: list[Moments] = end.value
            return found[0]


def in_blocks(predict: Callable[[Features], Scores], features: Features, rows: Index | None = None) -> Scores:
    """Return (N,) predictions for (N, D) features, or some of their rows, a block at a time: no copy of all is made."""
    size = features.shape[0] if rows is None else rows.size
    if size <= BLOCK:
        return predict(features if rows is None else features[rows])
    parts = (slice(start, start + BLOCK) for start in range(0, size, BLOCK))
    return np.concatenate([predict(features[part if rows is None else rows[part]]) for part in parts])


def summed(parts: Sequence[Moments]) -> Moments:
    """Return the moments of all photos of several cells; the cells' own are left as they are."""
    whole = Moments.nothing(parts[0].sums.size)
    for part in parts:
        whole.add(part)
    return whole


class Chosen(NamedTuple):
    """What held-out folds chose.

    Args:
        strength: the penalty. error: its mean squared error on the folds.
        lines: for each fold, the answer of all other photos under it.
    """

    strength: float
    error: float
    lines: list[Line]


class System:
    """The equations of ridge regression for some photos, to be solved for several penalties.

    Args:
        moments: of the photos, N ≥ 1.
        factor: (D,) by which each feature is scaled first, 0 or more.
        centred: the intercept is free, as in `engine.models.ridge.ridge_weights`; otherwise it is the mean score.
    """

    def __init__(self, moments: Moments, factor: NDArray[np.float32], *, centred: bool) -> None:
        self._factor = factor.astype(np.float64)
        size, self._mean = moments.count, moments.total / moments.count
        self._centre = moments.sums / size if centred else np.zeros_like(moments.sums)
        self._target = self._factor * (moments.cross - self._mean * moments.sums)
        self._products = moments.products * self._factor
        self._products *= self._factor[:, None]
        if centred:
            scaled = self._factor * self._centre
            self._products -= np.outer(size * scaled, scaled)
        self._unit = max(float(np.trace(self._products)) / size, 1e-9)

    def path(self, strengths: Sequence[float]) -> tuple[Matrix, Scores]:
        """Return (P, D) weights and (P,) intercepts for several penalties, to choose among them.

        All come from one Krylov space, which is the same for every penalty (Golub & Van Loan, section 11.3; Frommer &
        Maass, Fast CG-based methods for Tikhonov regularization, 1999): some dozens of products with the matrix,
        where factoring it anew for each penalty takes a thousand. The equations are met to `_NEAR` of their size.

        Args:
            strengths: as for `solve`.
        """
        from scipy.linalg import eigh_tridiagonal

        penalties = self._unit * np.asarray(strengths, np.float64)
        length = float(np.linalg.norm(self._target))
        width = self._target.size
        if length == 0.0:
            return np.zeros((penalties.size, width)), np.full(penalties.size, self._mean)
        square = self._products.astype(np.float32)
        most = min(_MOST_STEPS, width)
        space, diagonal, beside = np.zeros((most, width)), np.zeros(most), np.zeros(most)
        space[0] = self._target / length
        for step in range(most):
            vector = (square @ space[step].astype(np.float32)).astype(np.float64)
            diagonal[step] = space[step] @ vector
            for _ in range(2):  # once more for what rounding left
                vector -= (space[: step + 1] @ vector) @ space[: step + 1]
            beside[step] = np.linalg.norm(vector)
            exhausted = step + 1 == most or beside[step] <= 1e-7 * abs(diagonal[: step + 1]).max()
            if exhausted or step % 8 == 7:
                values, vectors = eigh_tridiagonal(diagonal[: step + 1], beside[:step])
                along = vectors @ ((vectors[0] * length)[:, None] / (np.maximum(values, 0.0)[:, None] + penalties))
                if exhausted or (beside[step] * np.abs(along[-1])).max() <= _NEAR * length:
                    break
            space[step + 1] = vector / beside[step]
        weights: Matrix = along.T @ space[: step + 1]
        return weights, self._mean - (weights * self._factor) @ self._centre

    def solve(self, strength: float) -> Line:
        """Return the weights of one penalty, as exactly as can be, and the intercept.

        Args:
            strength: the penalty, above 0, relative to the mean squared length of the scaled rows.
        """
        from scipy.linalg import cho_factor, cho_solve

        penalty = strength * self._unit
        square = self._products.copy()
        square.flat[:: square.shape[0] + 1] += penalty
        try:
            # the matrix is symmetric: its transpose is the order in which LAPACK needs no copy of its own
            root = cho_factor(square.T, lower=True, overwrite_a=True, check_finite=False)
            weights: Scores = cho_solve(root, self._target, check_finite=False)
        except np.linalg.LinAlgError:  # rounding left a direction below zero
            values, vectors = np.linalg.eigh(self._products)
            weights = vectors @ ((vectors.T @ self._target) / (np.maximum(values, 0.0) + penalty))
        return weights, self._mean - float((self._factor * weights) @ self._centre)


def solve_few(rows: Matrix, scores: Scores, strength: float, *, centred: bool) -> Line:
    """Return the same as `System.solve` from (N, D) standardised rows, where N is the smaller number."""
    centre = rows.mean(axis=0) if centred else np.zeros(rows.shape[1])
    level, own = float(scores.mean()), rows - centre
    products = own @ own.T
    penalty = strength * max(float(np.trace(products)) / scores.size, 1e-9)
    dual = np.linalg.solve(products + penalty * np.eye(scores.size), scores - level)
    weights: Scores = np.asarray(dual @ own, np.float64)
    return weights, level - float(weights @ centre)


def choose_by_moments(
    parts: Sequence[Moments],
    factor: NDArray[np.float32],
    strengths: Sequence[float],
    should_stop: StopCheck,
    *,
    centred: bool,
) -> Chosen:
    """Return the penalty with the smallest squared error on folds that were held out.

    Args:
        parts: moments of each of K ≥ 2 folds.
        factor, centred: as in `System`.
        strengths: penalties.
        should_stop: asked before each fold.

    Raises:
        Interrupted: `should_stop` said so.
    """
    whole, errors = summed(parts), np.zeros(len(strengths))
    lines = []
    for part in parts:
        raise_if_stopped(should_stop)
        whole.add(part, -1)
        weights, levels = System(whole, factor, centred=centred).path(strengths)
        whole.add(part)
        errors += part.squared_errors(weights * factor, levels)
        lines.append((weights, levels))
    best = int(np.argmin(errors))
    return Chosen(
        strengths[best],
        float(errors[best]) / whole.count,
        [(weights[best], float(levels[best])) for weights, levels in lines],
    )
