"""The training of a bank of heads on coordinates of features: a `Task` of the loop."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.models.base import Scores
from engine.models.neural.bank import HeadBank
from engine.models.neural.losses import make_loss
from engine.models.neural.randomness import generator

_STEPS_AN_EPOCH, _SMALLEST_BATCH = 8, 4


class HeadTask:
    """K heads; each learns from photos of its own, all in the same steps.

    Args:
        inputs: (N, R) float32. wanted: (N,) standardised scores.
        parts: K lists of rows, what each head learns from.
        hidden: width of the hidden layer. dropout: see `HeadBank`. seed: makes weights and order.
    """

    def __init__(
        self,
        inputs: NDArray[np.float32],
        wanted: Scores,
        parts: Sequence[NDArray[np.int64]],
        hidden: int,
        dropout: float,
        seed: int,
    ) -> None:
        self.seed, self.parts = seed, parts
        self.inputs = torch.from_numpy(inputs)
        self.scores = torch.from_numpy(wanted.astype(np.float32))
        self.module = HeadBank(len(parts), inputs.shape[1], hidden, dropout, seed)
        self.watched: Tensor = self.inputs[:0]
        self.folds: NDArray[np.int64] | None = None

    def watch(self, inputs: NDArray[np.float32], folds: NDArray[np.int64] | None) -> None:
        """Name the validation part.

        Args:
            inputs: (V, R) float32.
            folds: (V,) which head is asked about each photo; None: all, and their mean counts.
        """
        self.watched, self.folds = torch.from_numpy(inputs), folds

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return the weights, which decay, and the rest, which doesn't."""
        weights = [self.module.first, self.module.last]
        others = [self.module.first_bias, self.module.norm, self.module.norm_bias, self.module.last_bias]
        return [
            {"params": weights, "factor": 1.0, "decays": True},
            {"params": others, "factor": 1.0, "decays": False},
        ]

    def batches(self, epoch: int, batch: int) -> list[NDArray[np.int64]]:
        """Return the epoch's (K, B) batches; a head with fewer photos than another sees some of its own again."""
        fewest = min(part.size for part in self.parts)
        # few photos are dealt into small batches: with a step or two an epoch the heads would hardly learn
        size = min(batch, fewest, max(fewest // _STEPS_AN_EPOCH, _SMALLEST_BATCH))
        steps = math.ceil(max(part.size for part in self.parts) / size)
        random = generator(self.seed, epoch)
        orders = []
        for part in self.parts:
            rounds = [random.permutation(part) for _ in range(math.ceil(steps * size / part.size))]
            orders.append(np.concatenate(rounds)[: steps * size])
        order = np.stack(orders)
        return [order[:, step * size : (step + 1) * size] for step in range(steps)]

    def guess(self, rows: NDArray[np.int64]) -> Tensor:
        """Return (K, B) standardised scores."""
        answer: Tensor = self.module(self.inputs[torch.from_numpy(rows)])
        return answer

    def wanted(self, rows: NDArray[np.int64]) -> Tensor:
        """Return (K, B) standardised scores that were given."""
        return self.scores[torch.from_numpy(rows)]

    @torch.inference_mode()
    def guess_validation(self) -> Scores:
        """Return (V,) standardised scores of the photos that `watch` named."""
        if not self.watched.shape[0]:
            return np.zeros(0)
        self.module.eval()
        answers = self.module(self.watched).double().numpy()
        if self.folds is None:
            return np.asarray(answers.mean(axis=0), np.float64)
        return np.asarray(answers[self.folds, np.arange(self.folds.size)], np.float64)

    @torch.inference_mode()
    def guess_all(self) -> Scores:
        """Return (K, N) standardised scores of the training photos."""
        self.module.eval()
        return np.asarray(self.module(self.inputs).double().numpy(), np.float64)

    def loss_of_all(self, loss: str) -> float:
        """Return the loss of the heads' mean over the training photos."""
        mean = torch.from_numpy(self.guess_all().mean(axis=0))
        return float(make_loss(loss)(mean, self.scores.double()))
