"""Fine-tuning as a short script does it: PIL and torchvision's transforms in a DataLoader, AdamW, the whole network."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from engine.features.backbones import Backbone
from engine.models.neural.plan import lr_factor

WORKERS = 2


class _Photos(Dataset[tuple[Tensor, float]]):
    def __init__(self, photos: Sequence[Path], wanted: NDArray[np.float64], transform: transforms.Compose) -> None:
        self.photos, self.wanted, self.transform = photos, wanted, transform

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, row: int) -> tuple[Tensor, float]:
        with Image.open(self.photos[row]) as image:
            return self.transform(image.convert("RGB")), float(self.wanted[row])


def train(
    network: nn.Module,
    backbone: Backbone,
    learned: tuple[Sequence[Path], NDArray[np.float64]],
    watched: tuple[Sequence[Path], NDArray[np.float64]],
    *,
    epochs: int,
    lr: float,
    weight_decay: float,
    batch: int,
    bf16: bool,
    seed: int,
) -> Iterator[float]:
    """Train a network with one output; yield the validation loss (Huber, standardised scores) after each epoch.

    Args:
        network: takes (B, 3, side, side) float32, gives (B, 1). backbone: how its photos are prepared.
        learned, watched: photos with their scores.
        epochs: of the schedule, the one that beholder uses. bf16: autocast, and channels last.
    """
    torch.manual_seed(seed)
    how = backbone.preprocess
    ending = [transforms.ToTensor(), transforms.Normalize(how.mean, how.std)]
    crop = transforms.RandomResizedCrop(how.size, scale=(0.85, 1.0), ratio=(0.95, 1.05))
    changed = transforms.Compose([crop, transforms.RandomHorizontalFlip(), *ending])
    as_it_is = transforms.Compose([transforms.Resize(how.resize), transforms.CenterCrop(how.size), *ending])
    mean, spread = learned[1].mean(), learned[1].std()
    loader = DataLoader(
        _Photos(learned[0], (learned[1] - mean) / spread, changed), batch, shuffle=True, num_workers=WORKERS
    )
    judge = DataLoader(_Photos(watched[0], (watched[1] - mean) / spread, as_it_is), 2 * batch, num_workers=WORKERS)
    if bf16:
        network = network.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), lr, (0.9, 0.99), weight_decay=weight_decay)
    loss_of = nn.HuberLoss()
    step = 0
    for _ in range(epochs):
        network.train()
        for pictures, wanted in loader:
            for group in optimizer.param_groups:
                group["lr"] = lr * lr_factor(step / (epochs * len(loader)))
            optimizer.zero_grad()
            loss_of(_guessed(network, pictures, bf16), wanted.float()).backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            step += 1
        network.eval()
        with torch.no_grad():
            losses = [
                float(loss_of(_guessed(network, pictures, bf16), wanted.float())) * len(wanted)
                for pictures, wanted in judge
            ]
        yield sum(losses) / len(watched[0])


def _guessed(network: nn.Module, pictures: Tensor, bf16: bool) -> Tensor:
    if bf16:
        pictures = pictures.contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16) if bf16 else contextlib.nullcontext():
        guess: Tensor = network(pictures)
    return guess[:, 0].float()
