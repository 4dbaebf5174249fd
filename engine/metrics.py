"""How well predicted scores agree with given ones: each figure, its bootstrap interval, and paired comparisons."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Groups = NDArray[np.int64]
Interval = tuple[float, float]

NAMES = ("srcc", "plcc", "kendall", "mae", "rmse", "r2")
"""The metrics, in the order in which they are shown."""
LOWER_IS_BETTER = frozenset({"mae", "rmse"})
CONFIDENCE = 0.95

_CORRELATIONS = frozenset({"srcc", "plcc", "kendall"})
_DRAWS = 1000
_FEWEST = 3  # photos, for a correlation
_TINY = 1e-12
_CELLS = 2_000_000  # numbers in one piece of the resamples: 16 MB
_FEWEST_DRAWS = 200  # of very many photos, whose resamples vary little
_MOST_FOR_ALL_PAIRS = 2000  # photos; beyond it every pair is too much work


@dataclass(frozen=True)
class Metrics:
    """Agreement of one set of predictions with the given scores.

    Args:
        srcc: Spearman's rank correlation, -1…1; None where it is undefined (a constant side, fewer than 3 photos).
        plcc: Pearson's linear correlation, -1…1; None likewise.
        kendall: Kendall's tau-b, -1…1; None likewise.
        mae: mean absolute error, in score units.
        rmse: root mean squared error, in score units.
        r2: coefficient of determination, ≤ 1; None where the given scores are constant.
        n: number of photos.
    """

    srcc: float | None
    plcc: float | None
    kendall: float | None
    mae: float
    rmse: float
    r2: float | None
    n: int

    def to_dict(self) -> dict[str, float | int | None]:
        """Return a JSON-ready form, rounded to six digits."""
        return {key: round(value, 6) if isinstance(value, float) else value for key, value in asdict(self).items()}


def evaluate(given: Array, predicted: Array) -> Metrics:
    """Return all metrics of predictions against given scores.

    Args:
        given: (N,) scores that a person gave, N ≥ 1.
        predicted: (N,) scores that a model gave, finite.

    Raises:
        ValueError: the two differ in length, are empty, or are not finite.

    >>> evaluate(np.array([1.0, 2.0, 3.0]), np.array([10.0, 20.0, 40.0])).srcc
    1.0
    """
    given, predicted = _checked(given, predicted)
    error = predicted - given
    spread = float(((given - given.mean()) ** 2).sum())
    return Metrics(
        srcc=correlation(ranks(given), ranks(predicted)),
        plcc=correlation(given, predicted),
        kendall=kendall(given, predicted),
        mae=float(np.abs(error).mean()),
        rmse=math.sqrt(float((error**2).mean())),
        r2=1 - float((error**2).sum()) / spread if spread > 0 else None,
        n=given.size,
    )


def _checked(given: Array, predicted: Array) -> tuple[Array, Array]:
    given, predicted = np.asarray(given, np.float64), np.asarray(predicted, np.float64)
    if given.shape != predicted.shape or given.ndim != 1 or not given.size:
        raise ValueError(f"shapes {given.shape} and {predicted.shape} are not two equal, non-empty lists")
    if not (np.isfinite(given).all() and np.isfinite(predicted).all()):
        raise ValueError("scores must be finite")
    return given, predicted


def correlation(left: Array, right: Array) -> float | None:
    """Return Pearson's correlation of two (N,) lists; None for fewer than 3 values or a constant side."""
    if left.size < _FEWEST:
        return None
    a, b = left - left.mean(), right - right.mean()
    scale = math.sqrt(float(a @ a) * float(b @ b))
    tiny = _TINY * max(1.0, float(np.abs(left).max()) * float(np.abs(right).max()))
    return float(np.clip(float(a @ b) / scale, -1.0, 1.0)) if scale > tiny else None


def kendall(left: Array, right: Array) -> float | None:
    """Return Kendall's tau-b of two (N,) lists, which allows for ties; None where `correlation` has none.

    Source: M. Kendall, "The treatment of ties in ranking problems", Biometrika 33 (1945).
    """
    if left.size < _FEWEST:
        return None
    if left.size > _MOST_FOR_ALL_PAIRS:
        return _kendall_of_many(left, right)
    a, b = _signs(left), _signs(right)
    scale = math.sqrt(float(np.abs(a).sum()) * float(np.abs(b).sum()))
    return float((a * b).sum()) / scale if scale else None


def _signs(values: Array) -> Array:
    """Return the (N, N) signs of all differences."""
    return np.sign(values[:, None] - values[None, :])


def _kendall_of_many(left: Array, right: Array) -> float | None:
    from scipy.stats import kendalltau  # sorts in place of comparing every pair

    tau = float(kendalltau(left, right)[0])
    return tau if math.isfinite(tau) else None


def ranks(values: Array) -> Array:
    """Return (N,) ranks 1…N; equal values share their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    shared: Array = (last - (counts - 1) / 2).astype(np.float64)
    return shared[inverse]


def baseline(fitted: Array, given: Array) -> Metrics:
    """Return the metrics of the plainest guess: the mean of the (M,) fitted scores for each of (N,) photos."""
    return evaluate(given, np.full(given.shape, float(np.mean(fitted))))


def bootstrap_intervals(
    given: Array, predicted: Array, groups: Groups | None = None, *, draws: int = _DRAWS, seed: int = 0
) -> dict[str, Interval | None]:
    """Return the 95 % interval of each metric by the percentile bootstrap.

    Photos that belong together tell less than as many strangers, so whole groups are drawn where they are given
    (cluster bootstrap: Davison & Hinkley, "Bootstrap Methods and their Application", 1997, 3.8).

    Args:
        given: (N,) scores that a person gave, N ≥ 1.
        predicted: (N,) scores that a model gave.
        groups: (N,) group numbers; None, or a single group: each photo is drawn by itself.
        draws: how many resamples; of very many photos fewer are drawn. seed: makes them repeatable.

    Returns:
        Metric → (low, high), rounded to six digits; None where the metric is undefined in most resamples.

    Raises:
        ValueError: as `evaluate`.
    """
    given, predicted = _checked(given, predicted)
    found: dict[str, list[Array]] = {name: [] for name in NAMES}
    for weights in _resamples(given.size, groups, draws, seed):
        for name in NAMES:
            found[name].append(_resampled(name, given, predicted, weights))
    intervals = {name: _percentiles(np.concatenate(values)) for name, values in found.items()}
    return {name: None if ends is None else (round(ends[0], 6), round(ends[1], 6)) for name, ends in intervals.items()}


def paired_difference(
    given: Array,
    left: Array,
    right: Array,
    groups: Groups | None = None,
    metric: str = "srcc",
    draws: int = 2000,
    seed: int = 0,
) -> tuple[float, float, float]:
    """Return how much a metric of one model differs from another's on the same photos, with its 95 % interval.

    Both are measured on the same resamples (paired bootstrap), so what makes a photo hard for both cancels out. Where
    zero lies within the interval, the data can't tell the two apart. A side that is constant ranks nothing: its
    correlation counts as 0.

    Args:
        given: (N,) scores that a person gave, N ≥ 1.
        left: (N,) scores of one model. right: of the other.
        groups: (N,) group numbers, drawn as wholes; see `bootstrap_intervals`.
        metric: one of `NAMES`.
        draws: how many resamples; of very many photos fewer are drawn. seed: makes them repeatable.

    Returns:
        The metric of `left` minus that of `right`, and the interval's ends; with mae and rmse below zero is better.

    Raises:
        ValueError: an unknown metric, or as `evaluate`.
    """
    if metric not in NAMES:
        raise ValueError(f"{metric!r} is none of {', '.join(NAMES)}")
    given, left = _checked(given, left)
    _, right = _checked(given, right)
    once = np.ones((1, given.size))
    measured = _difference(metric, given, left, right, once)
    drawn = np.concatenate(
        [_difference(metric, given, left, right, weights) for weights in _resamples(given.size, groups, draws, seed)]
    )
    low, high = _percentiles(drawn) or (math.nan, math.nan)
    return float(measured[0]), low, high


def _difference(metric: str, given: Array, left: Array, right: Array, weights: Array) -> Array:
    sides = [_resampled(metric, given, side, weights) for side in (left, right)]
    if metric in _CORRELATIONS:
        sides = [np.nan_to_num(side, nan=0.0) for side in sides]
    return sides[0] - sides[1]


def _percentiles(values: Array) -> Interval | None:
    known = values[np.isfinite(values)]
    if known.size * 2 <= values.size:
        return None
    low, high = np.quantile(known, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def _resamples(size: int, groups: Groups | None, draws: int, seed: int) -> Iterator[Array]:
    """Yield pieces of the (draws, N) numbers: how often each photo is in each resample."""
    random = np.random.default_rng(seed)
    draws = min(draws, max(_FEWEST_DRAWS, _CELLS // size))
    labels = np.arange(size) if groups is None else np.unique(groups, return_inverse=True)[1]
    if labels.max() == 0:
        labels = np.arange(size)
    units = int(labels.max()) + 1
    piece = max(1, _CELLS // size)
    for start in range(0, draws, piece):
        rows = min(piece, draws - start)
        picked = random.integers(units, size=(rows, units)) + units * np.arange(rows)[:, None]
        counts = np.bincount(picked.ravel(), minlength=rows * units).reshape(rows, units)
        yield counts[:, labels].astype(np.float64)


def _resampled(metric: str, given: Array, predicted: Array, weights: Array) -> Array:
    """Return (R,) values of a metric, one a resample; NaN where it is undefined.

    A resample is never laid out: (R, N) `weights` say how often each photo is in it, and every metric has a form for
    that, which makes all resamples a few matrix products.
    """
    total = weights.sum(axis=1)
    if metric == "mae":
        mean_error: Array = weights @ np.abs(predicted - given) / total
        return mean_error
    squares = (predicted - given) ** 2
    if metric == "rmse":
        root: Array = np.sqrt(weights @ squares / total)
        return root
    if metric == "r2":
        centred = given - given.mean()
        spread = weights @ centred**2 - (weights @ centred) ** 2 / total
        return _ratio(spread - weights @ squares, spread, float((centred**2).max(initial=0.0)))
    if given.size < _FEWEST:
        return np.full(weights.shape[0], np.nan)
    if metric == "plcc":
        rows = np.ones((weights.shape[0], 1))
        return _weighted_correlation(rows * given, rows * predicted, weights)
    if metric == "srcc":
        return _weighted_correlation(_weighted_ranks(given, weights), _weighted_ranks(predicted, weights), weights)
    return _weighted_kendall(given, predicted, weights)


def _ratio(above: Array, below: Array, unit: float) -> Array:
    """Return `above` / `below`; NaN where the latter is nothing but rounding."""
    sound = below > _TINY * max(unit, _TINY)
    found: Array = np.full(above.shape, np.nan)
    np.divide(above, below, out=found, where=sound)
    return found


def _weighted_correlation(left: Array, right: Array, weights: Array) -> Array:
    """Return (R,) Pearson's correlations of (R, N) values."""
    total = weights.sum(axis=1, keepdims=True)
    a = left - (weights * left).sum(axis=1, keepdims=True) / total
    b = right - (weights * right).sum(axis=1, keepdims=True) / total
    together, of_a, of_b = ((weights * x * y).sum(axis=1) for x, y in ((a, b), (a, a), (b, b)))
    unit = max(1.0, float(np.abs(left).max()) * float(np.abs(right).max()))
    return np.clip(_ratio(together, np.sqrt(of_a * of_b), unit), -1.0, 1.0)


def _weighted_ranks(values: Array, weights: Array) -> Array:
    """Return (R, N) ranks of the photos within each resample; equal values share their mean rank."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    last = np.cumsum(weights[:, order], axis=1)[:, ends]
    counts = np.diff(last, axis=1, prepend=0.0)
    rank_of_value = last - (counts - 1) / 2
    value_of = np.empty(values.size, np.int64)
    value_of[order] = np.searchsorted(ends, np.arange(values.size))
    return rank_of_value[:, value_of]


def _weighted_kendall(given: Array, predicted: Array, weights: Array) -> Array:
    if given.size > _MOST_FOR_ALL_PAIRS:
        taus = [
            _kendall_of_many(np.repeat(given, times), np.repeat(predicted, times)) for times in weights.astype(np.int64)
        ]
        return np.array([np.nan if tau is None else tau for tau in taus])
    a, b = _signs(given), _signs(predicted)
    # the pairs of a resample are those of its photos, as often as both are in it; a photo is no pair with itself
    agreeing, of_a, of_b = ((weights @ pairs * weights).sum(axis=1) for pairs in (a * b, np.abs(a), np.abs(b)))
    return _ratio(agreeing, np.sqrt(of_a * of_b), 1.0)
