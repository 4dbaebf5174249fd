"""What a network makes small: errors of the standardised scores, wrongly ordered pairs, and sums of them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from engine.models.loss_terms import parse_loss

Loss = Callable[[Tensor, Tensor], Tensor]
_MOST_IN_A_PAIRING = 1024  # pairs grow with the square: more are compared in parts


def make_loss(text: str) -> Loss:
    """Return the loss that a text names, for guesses and wanted scores of equal shape.

    The loss takes two (…, B) tensors of standardised scores and returns one of shape (…), each the mean over its B
    photos (or pairs of photos).

    Raises:
        UsageError: the text names none; see `parse_loss`.
    """
    terms = [(_TERMS[name], weight) for name, weight in parse_loss(text)]

    def loss(guess: Tensor, wanted: Tensor) -> Tensor:
        parts = [weight * term(guess, wanted) for term, weight in terms]
        return torch.stack(parts).sum(dim=0)

    return loss


def only_ranks(text: str) -> bool:
    """Say whether a loss knows nothing but the order, so that its guesses have no unit."""
    return [name for name, _ in parse_loss(text)] == ["rank"]


def _mse(guess: Tensor, wanted: Tensor) -> Tensor:
    return ((guess - wanted) ** 2).mean(dim=-1)


def _mae(guess: Tensor, wanted: Tensor) -> Tensor:
    return (guess - wanted).abs().mean(dim=-1)


def _huber(guess: Tensor, wanted: Tensor) -> Tensor:
    return functional.huber_loss(guess, wanted, reduction="none").mean(dim=-1)


def _rank(guess: Tensor, wanted: Tensor) -> Tensor:
    """Return the logistic loss of pairs (RankNet, Burges et al. 2005): log(1 + exp(worse − better)), mean over pairs.

    Photos of equal score make no pair; where there is no pair at all the loss is 0.
    """
    parts = zip(torch.split(guess, _MOST_IN_A_PAIRING, -1), torch.split(wanted, _MOST_IN_A_PAIRING, -1), strict=True)
    total, pairs = guess.sum(dim=-1) * 0, torch.zeros_like(wanted[..., 0])
    for guessed, given in parts:
        better = (given[..., :, None] > given[..., None, :]).to(guessed.dtype)
        lead = guessed[..., :, None] - guessed[..., None, :]
        total = total + (functional.softplus(-lead) * better).sum(dim=(-2, -1))
        pairs = pairs + better.sum(dim=(-2, -1))
    return total / pairs.clamp(min=1)


_TERMS: dict[str, Loss] = {"mse": _mse, "mae": _mae, "huber": _huber, "rank": _rank}
