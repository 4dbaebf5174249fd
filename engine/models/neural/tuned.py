"""A backbone with a linear head on it, as it is fine-tuned."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from engine.features.backbones import Preprocess
from engine.models.base import Scores
from engine.models.neural.augment import make_augment
from engine.models.neural.head import Head
from engine.models.neural.layers import depths, is_norm
from engine.models.neural.pixels import PixelStore, normalised
from engine.models.neural.randomness import generator
from engine.models.neural.scaling import Standard

_EVALUATED_TOGETHER = 16


class Tuned(nn.Module):
    """Network inputs to standardised scores.

    Args:
        features: the backbone, cut down to its feature vector.
        head: linear; where training begins.
        factor: (D,) what brings the features to one footing, so that one learning rate suits all of them.
        dropout: share of the features that the head doesn't see in training.
        live_norms: batch normalisation goes on learning its statistics; with few photos they would get worse.
    """

    centre: Tensor
    factor: Tensor

    def __init__(
        self, features: nn.Module, head: Head, factor: NDArray[np.float32], dropout: float, live_norms: bool
    ) -> None:
        super().__init__()
        self.features, self.dropout, self.live_norms = features, dropout, live_norms
        weights = np.divide(head.last.mean(axis=0), factor, out=np.zeros_like(factor), where=factor > 0)
        self.register_buffer("centre", torch.from_numpy(head.centre.copy()))
        self.register_buffer("factor", torch.from_numpy(factor.copy()))
        self.weight = nn.Parameter(torch.from_numpy(weights))
        self.bias = nn.Parameter(torch.tensor(float(head.last_bias.mean())))

    def train(self, mode: bool = True) -> Tuned:
        """Switch dropout and the like on or off; batch normalisation only where it is live."""
        super().train(mode)
        if mode and not self.live_norms:
            self._hold_norms()
        return self

    def _hold_norms(self) -> None:
        for part in self.features.modules():
            if is_norm(part):
                part.eval()

    def forward(self, pictures: Tensor) -> Tensor:
        """Return (B,) standardised scores of (B, 3, height, width) network inputs."""
        if self.training and self.live_norms and pictures.shape[0] == 1:
            self._hold_norms()  # one photo has no statistics
            vectors = self.features(pictures).float()
            self.train()
        else:
            vectors = self.features(pictures).float()
        rows = functional.dropout((vectors - self.centre) * self.factor, self.dropout, self.training)
        return rows @ self.weight + self.bias

    def head(self, unit: Standard) -> Head:
        """Return the head as arrays that take feature vectors as they are."""
        width = self.centre.shape[0]
        last = (self.weight * self.factor).detach().cpu().float().numpy()
        nothing = np.zeros((1, 0), np.float32)
        return Head(
            centre=self.centre.detach().cpu().numpy().copy(),
            first=np.zeros((1, 0, 0), np.float32),
            first_bias=nothing,
            norm=nothing,
            norm_bias=nothing,
            last=last.reshape(1, width).copy(),
            last_bias=np.array([float(self.bias.detach())], np.float32),
            unit=np.array([unit.mean, unit.spread]),
        )


def network_state(features: nn.Module) -> dict[str, Tensor]:
    """Return a cut-down backbone's tensors under the names of the whole network, which `load_weights` reads."""
    inner = getattr(features, "network", features)
    return {name: value.detach().cpu().contiguous().clone() for name, value in inner.state_dict().items()}


class TunedTask:
    """The fine-tuning of a backbone on stored pixels: a `Task` of the loop.

    Args:
        module: the network. store: pixels of the training photos. how: its preprocessing.
        wanted: standardised scores by row of the store. rows: what is learned from, rows of the store.
        watched: validation pixels; its rows in order are the validation part.
        augment: ``none``, ``light`` or ``strong``. layer_decay: learning rate of a layer relative to the one above.
        precision: ``f32`` or ``bf16``. device: where. seed: makes the order.
    """

    def __init__(
        self,
        module: Tuned,
        store: PixelStore,
        how: Preprocess,
        wanted: Scores,
        rows: NDArray[np.int64],
        watched: tuple[PixelStore, NDArray[np.int64]],
        *,
        augment: str,
        layer_decay: float,
        precision: str,
        device: torch.device,
        seed: int,
    ) -> None:
        self.module, self.store, self.how, self.rows = module, store, how, rows
        self.scores = torch.from_numpy(wanted.astype(np.float32)).to(device)
        self.watched, self.augment, self.layer_decay = watched, augment, layer_decay
        self.precision, self.device, self.seed = precision, device, seed

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return one group for each depth; biases and factors of normalisations don't decay."""
        everything = [*self.module.features.named_parameters()]
        depth = depths(name for name, _ in everything)
        backbone = [(name, value) for name, value in everything if value.requires_grad]
        groups: dict[tuple[float, bool], list[Tensor]] = {(0.0, True): [self.module.weight], (0.0, False): []}
        groups[0.0, False].append(self.module.bias)
        for name, value in backbone:
            groups.setdefault((depth[name], value.ndim > 1), []).append(value)
        return [
            {"params": values, "factor": self.layer_decay**far, "decays": decays}
            for (far, decays), values in groups.items()
        ]

    def batches(self, epoch: int, batch: int) -> list[NDArray[np.int64]]:
        """Return the epoch's batches of rows, all of about one size."""
        order = generator(self.seed, epoch).permutation(self.rows)
        return list(np.array_split(order, max(-(-order.size // batch), 1)))

    def guess(self, rows: NDArray[np.int64]) -> Tensor:
        """Return (B,) standardised scores; photos of one shape go through together."""
        places = {int(row): place for place, row in enumerate(rows)}
        found: list[Tensor] = []
        order: list[int] = []
        for same in self.store.by_shape(rows, rows.size):
            height, width = self.store.shape(int(same[0]))
            changed = make_augment(self.augment, height, width)(self.store.batch(same))
            found.append(self.forward(changed))
            order += [places[int(row)] for row in same]
        back = torch.from_numpy(np.argsort(order)).to(self.device)
        return torch.cat(found)[back]

    def forward(self, pixels: Tensor) -> Tensor:
        """Return (B,) standardised scores of pixels on the CPU."""
        with self._cast():
            answer: Tensor = self.module(self._inputs(pixels))
        return answer.float()

    def _inputs(self, pixels: Tensor) -> Tensor:
        return inputs_of(pixels, self.how, self.module, self.device)

    def _cast(self) -> contextlib.AbstractContextManager[Any]:
        if self.precision == "bf16":
            return torch.autocast(self.device.type, torch.bfloat16)
        return contextlib.nullcontext()

    def wanted(self, rows: NDArray[np.int64]) -> Tensor:
        """Return (B,) standardised scores that were given."""
        return self.scores[torch.from_numpy(rows).to(self.device)]

    @torch.inference_mode()
    def guess_validation(self) -> Scores:
        """Return (V,) standardised scores of the validation photos."""
        store, rows = self.watched
        place = {int(row): number for number, row in enumerate(rows)}
        found = np.zeros(rows.size)
        self.module.eval()
        for same in store.by_shape(rows, _EVALUATED_TOGETHER):
            found[[place[int(row)] for row in same]] = self.forward(store.batch(same)).double().cpu().numpy()
        return found


def inputs_of(pixels: Tensor, how: Preprocess, module: nn.Module, device: torch.device) -> Tensor:
    """Return (B, 3, height, width) float32 network inputs of pixels, where and as a module's weights lie."""
    return normalised(pixels.to(device), how).contiguous(memory_format=memory_format(module))


def memory_format(module: nn.Module) -> torch.memory_format:
    """Return how a module's convolutions lie in memory."""
    for value in module.parameters():
        if value.ndim == 4 and value.shape[1] > 1 and value.shape[2] > 1:
            last = value.is_contiguous(memory_format=torch.channels_last)
            return torch.channels_last if last else torch.contiguous_format
    return torch.contiguous_format


@torch.inference_mode()
def vectors_of(
    features: nn.Module, store: PixelStore, rows: Sequence[int], how: Preprocess, device: torch.device
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """Yield rows with their (B, D) float32 feature vectors, computed with whole precision."""
    features.eval()
    for same in store.by_shape(np.asarray(rows, np.int64), _EVALUATED_TOGETHER):
        yield same, features(inputs_of(store.batch(same), how, features, device)).float().cpu().numpy()
