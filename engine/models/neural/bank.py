"""Several small heads trained at once, and the rotation that makes their training quick."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from engine.models.base import Features
from engine.models.neural.head import NORM_EPSILON, Head
from engine.models.neural.scaling import Standard
from engine.models.standardise import Standardiser

_MOST_AXES = 512
_SMALLEST = 1e-6  # of the largest variance: below is rounding


def both_ways(album: Features, blocks: Sequence[int]) -> Standardiser:
    """Return the standardiser under which photos are as alike as under both weightings of `Standardiser`, on average.

    Which of the two does better depends on the network and the person; together they never fell behind by much.

    Args:
        album: (M, D) float32. blocks: widths that sum to D.
    """
    evenly, in_proportion = Standardiser.fit(album, blocks), Standardiser.by_variance(album, blocks)
    return Standardiser(evenly.mean, np.sqrt((evenly.factor**2 + in_proportion.factor**2) / 2))


@dataclass(frozen=True)
class Rotation:
    """Standardised features turned onto the axes along which the training photos differ.

    A linear layer can't tell features from turned features, and N photos differ along fewer than N axes: nothing is
    lost up to 512 of them, and a step costs a tenth.

    Args:
        standardiser: of the album.
        centre: (D,) float64, mean of the standardised training photos.
        axes: (D, R) float64, scaled so that the training photos' R coordinates have a mean square of 1.
    """

    standardiser: Standardiser
    centre: NDArray[np.float64]
    axes: NDArray[np.float64]

    @classmethod
    def fit(cls, features: Features, standardiser: Standardiser, seed: int) -> Rotation:
        """Return the rotation for (N, D) features of the training photos."""
        rows = standardiser.apply(features)
        centre = rows.mean(axis=0)
        rows -= centre
        axes = _main_axes(rows, seed)
        size = float((rows**2).sum(axis=1).mean())
        return cls(standardiser, centre, axes * math.sqrt(axes.shape[1] / max(size, 1e-12)))

    def apply(self, features: Features) -> NDArray[np.float32]:
        """Return (N, R) float32 coordinates of (N, D) features."""
        turned: NDArray[np.float64] = (self.standardiser.apply(features) - self.centre) @ self.axes
        return turned.astype(np.float32)


def _main_axes(rows: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Return (D, R) orthonormal axes of centred (N, D) rows, those of the largest variance first."""
    if rows.shape[0] > 2 * _MOST_AXES and rows.shape[1] > 2 * _MOST_AXES:
        # Subspace iteration (Halko et al. 2011): the whole decomposition would take minutes.
        random = np.random.default_rng(seed).normal(size=(rows.shape[1], _MOST_AXES + 32))
        basis = np.linalg.qr(rows @ random)[0]
        for _ in range(3):
            basis = np.linalg.qr(rows @ np.linalg.qr(rows.T @ basis)[0])[0]
        rows = basis.T @ rows
    if rows.shape[0] < rows.shape[1]:
        variance, left = np.linalg.eigh(rows @ rows.T)
        kept = _largest(variance)
        return np.asarray((rows.T @ left[:, kept]) / np.sqrt(variance[kept]), np.float64)
    variance, axes = np.linalg.eigh(rows.T @ rows)
    return np.asarray(axes[:, _largest(variance)], np.float64)


def _largest(variance: NDArray[np.float64]) -> NDArray[np.int64]:
    order = np.argsort(-variance, kind="stable")[:_MOST_AXES]
    kept = order[variance[order] > max(_SMALLEST * float(variance.max()), 1e-12)]
    return np.asarray(kept if kept.size else order[:0], np.int64)


class HeadBank(nn.Module):
    """K heads side by side; each has weights of its own and sees inputs of its own.

    Args:
        members: K. width: R, coordinates of an input.
        hidden: width of the hidden layer; 0: none.
        dropout: share of the last layer's inputs that are dropped; of the first layer's, half of that.
        seed: makes the weights.
    """

    def __init__(self, members: int, width: int, hidden: int, dropout: float, seed: int) -> None:
        super().__init__()
        self.dropout = dropout
        random = torch.Generator().manual_seed(seed)
        self.first = nn.Parameter(torch.randn(members, width, hidden, generator=random) / math.sqrt(max(width, 1)))
        self.first_bias = nn.Parameter(torch.zeros(members, 1, hidden))
        self.norm = nn.Parameter(torch.ones(members, 1, hidden))
        self.norm_bias = nn.Parameter(torch.zeros(members, 1, hidden))
        self.last = nn.Parameter(torch.zeros(members, hidden or width, 1))
        self.last_bias = nn.Parameter(torch.zeros(members, 1, 1))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return (K, B) standardised scores for (K, B, R) or (B, R) inputs."""
        hidden = inputs.expand(self.last.shape[0], -1, -1)
        if self.first.shape[2]:
            hidden = functional.dropout(hidden, self.dropout / 2, self.training)
            hidden = torch.baddbmm(self.first_bias, hidden, self.first)
            hidden = functional.layer_norm(hidden, hidden.shape[-1:], eps=NORM_EPSILON) * self.norm + self.norm_bias
            hidden = functional.silu(hidden)
        hidden = functional.dropout(hidden, self.dropout, self.training)
        return torch.baddbmm(self.last_bias, hidden, self.last)[..., 0]

    def fold(self, rotation: Rotation, unit: Standard) -> Head:
        """Return the heads as arrays that take features as they are."""
        turn = rotation.standardiser.factor.astype(np.float64)[:, None] * rotation.axes
        # the centre of the training photos, where standardising and turning end at 0
        factor = rotation.standardiser.factor.astype(np.float64)
        back = np.divide(rotation.centre, factor, out=np.zeros_like(factor), where=factor > 0)
        arrays = {name: value.detach().cpu().double().numpy() for name, value in self.named_parameters()}
        hidden = self.first.shape[2]
        last = arrays["last"][:, :, 0]
        return Head(
            centre=(rotation.standardiser.mean + back).astype(np.float32),
            first=np.stack([turn @ member for member in arrays["first"]]).astype(np.float32)
            if hidden
            else np.zeros((last.shape[0], 0, 0), np.float32),
            first_bias=arrays["first_bias"][:, 0].astype(np.float32),
            norm=arrays["norm"][:, 0].astype(np.float32),
            norm_bias=arrays["norm_bias"][:, 0].astype(np.float32),
            last=(last if hidden else last @ turn.T).astype(np.float32),
            last_bias=arrays["last_bias"][:, 0, 0].astype(np.float32),
            unit=np.array([unit.mean, unit.spread]),
        )
