"""What an epoch of fine-tuning costs, and what it is worth: ``python -m benchmarks.finetuning [--quick]``.

The same network, starting weights, photos, scores, batch size, learning rate, schedule, loss and strength of
augmentation for a plain script (`benchmarks.plain_finetuning`) and for beholder's `finetune` as a user runs it,
checkpoints and all. Epochs take turns, so that a busy machine is busy for all. The photos are those of
$BEHOLDER_EVAL_DATA/oasis with the mean of real people's scores, or are made where there are none.
"""

from __future__ import annotations

import contextlib
import csv
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional

from benchmarks.comparison import Comparison, machine, print_comparisons, quickest, seconds
from benchmarks.labelling_album import draw_photo
from benchmarks.plain_finetuning import train
from engine.events import Epoch, Event
from engine.features.backbones import Backbone, get_backbone
from engine.features.extract import Embedded, embed
from engine.features.networks import build_classifier, cut_head, load_weights
from engine.models.base import FitControl, Recipe, TrainingSet
from engine.models.neural.finetune import Finetune
from engine.models.neural.layers import early_parameters, is_norm

NAME = "Fine-tuning: seconds an epoch, and the validation loss after five"

_BATCH, _LR, _DECAY = 16, 3e-4, 0.05  # beholder's own defaults
_EPOCHS = 5
_LEARNED, _WATCHED, _FEW = 300, 48, 48
_JUDGED_LEARNED, _JUDGED_WATCHED, _SEEDS = 160, 120, 3


class Scored(NamedTuple):
    """Photos, their scores, and which theme each belongs to."""

    photos: tuple[Path, ...]
    scores: NDArray[np.float64]
    groups: NDArray[np.int64]

    def part(self, rows: NDArray[np.int64]) -> Scored:
        """Return some of them."""
        return Scored(tuple(self.photos[row] for row in rows.tolist()), self.scores[rows], self.groups[rows])


def scored_photos(made: Path, count: int) -> Scored:
    """Return photos of real people's scores, else made ones whose scores mean nothing."""
    base = Path(os.environ.get("BEHOLDER_EVAL_DATA", "../shared/data")) / "oasis"
    if (base / "scores.csv").is_file():
        rows = list(csv.DictReader((base / "scores.csv").open(encoding="utf-8")))
        themes = {theme: number for number, theme in enumerate(sorted({row["theme"] for row in rows}))}
        themes["Lightning"] = themes.get("Thunderstorm", 0)  # two of their photos are one
        return Scored(
            tuple(base / "images" / row["filename"] for row in rows),
            np.array([float(row["mean_score"]) for row in rows]),
            np.array([themes[row["theme"]] for row in rows]),
        )
    for number in range(count):
        draw_photo(made / f"made{number}.jpg", number, (500, 400))
    photos = tuple(made / f"made{number}.jpg" for number in range(count))
    return Scored(photos, np.random.default_rng(0).uniform(1, 7, count), np.arange(count))


def dealt(all_: Scored, learned: int, watched: int, seed: int) -> tuple[Scored, Scored]:
    """Deal photos into two parts; no theme is in both."""
    order = np.random.default_rng(seed).permutation(np.unique(all_.groups))
    rows = np.concatenate([np.flatnonzero(all_.groups == group) for group in order])
    first = rows[:learned]
    others = rows[learned:]
    return all_.part(first), all_.part(others[~np.isin(all_.groups[others], all_.groups[first])][:watched])


def training_set(part: Scored, backbone: Backbone, weights: str, seed: int) -> TrainingSet:
    """Return what beholder learns from: photos with the features of the network as it is."""
    found = [
        item.vector for item in embed(part.photos, backbone, cache=None, weights=weights) if isinstance(item, Embedded)
    ]
    vectors = np.stack(found)
    return TrainingSet(
        vectors,
        part.scores,
        part.groups,
        vectors,
        [width for _, width in backbone.blocks],
        seed,
        part.photos,
        scale=(1.0, 7.0),
    )


def plain_network(backbone: Backbone, weights: Path | None) -> nn.Module:
    """Return the whole network with one output for its thousand."""
    network = build_classifier(backbone)
    path = weights or backbone.find_weights("default").path
    assert path is not None
    load_weights(backbone, network, path)
    owner: nn.Module = network
    for name in backbone.head.split(".")[:-1]:
        owner = owner.get_submodule(name)
    last = backbone.head.split(".")[-1]
    old = owner.get_submodule(last)
    assert isinstance(old, nn.Linear)
    setattr(owner, last, nn.Linear(old.in_features, 1))
    return network


def plain_epochs(
    backbone: Backbone, weights: Path | None, parts: tuple[Scored, Scored], epochs: int, seed: int, *, bf16: bool
) -> Iterator[float]:
    """Train as a plain script does; yield the validation loss after each epoch."""
    torch.manual_seed(seed)
    (learned, watched), network = parts, plain_network(backbone, weights)
    settings = {"epochs": epochs, "batch": _BATCH, "seed": seed}
    return train(
        network,
        backbone,
        (learned.photos, learned.scores),
        (watched.photos, watched.scores),
        lr=_LR,
        weight_decay=_DECAY,
        bf16=bf16,
        **settings,
    )


def our_epochs(
    backbone: Backbone, weights: Path | None, sets: tuple[TrainingSet, TrainingSet], epochs: int, kept: Path
) -> Iterator[float]:
    """Train as beholder does; yield the validation loss after each epoch, the one before the first left out."""
    recipe = Recipe(
        "finetune", backbone=backbone.name, weights=str(weights or "default"), epochs=epochs, lr=_LR, batch=_BATCH
    )
    events: Iterator[Event] = Finetune(recipe).fit(*sets, control=FitControl(checkpoints=kept))
    for event in events:
        if isinstance(event, Epoch) and event.epoch:
            assert event.validation_loss is not None
            yield event.validation_loss


def bound_seconds(backbone: Backbone, photos: int) -> float:
    """Return how long the mere sums of an epoch take: forward and back in bf16 on pictures that are ready."""
    network = cut_head(backbone, build_classifier(backbone)).to(memory_format=torch.channels_last)
    for part in network.train().modules():
        if is_norm(part):
            part.eval()
    for value in early_parameters(network, 0.02):
        value.requires_grad_(False)
    size = backbone.preprocess.size
    pictures = torch.rand(_BATCH, 3, size, size).contiguous(memory_format=torch.channels_last)

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16):
            vectors = network(pictures)
        functional.mse_loss(vectors.float(), torch.zeros_like(vectors).float()).backward()

    step()
    return quickest(step, 5) * photos / _BATCH


def compare(quick: bool) -> Iterator[Comparison]:
    """Yield the lines of the table; see `benchmarks.comparison`."""
    with tempfile.TemporaryDirectory() as place:
        everyone = scored_photos(Path(place), _LEARNED + _WATCHED)
        yield from _speed(everyone, Path(place), quick=quick)
        if not quick:
            yield _quality(everyone, Path(place))


def _speed(everyone: Scored, place: Path, *, quick: bool) -> Iterator[Comparison]:
    backbone, rounds = get_backbone("resnet18"), 1 if quick else 2
    weights = place / "weights.safetensors"
    torch.manual_seed(0)
    save_file(build_classifier(backbone).state_dict(), weights)
    parts = dealt(everyone, _FEW if quick else _LEARNED, 16 if quick else _WATCHED, 0)
    sets = tuple(training_set(part, backbone, str(weights), 0) for part in parts)
    epochs = 12 if quick else _EPOCHS
    ways = {
        "plain": plain_epochs(backbone, weights, parts, epochs, 0, bf16=False),
        "plain bf16": plain_epochs(backbone, weights, parts, epochs, 0, bf16=True),
        "ours": our_epochs(backbone, weights, (sets[0], sets[1]), epochs, place / "kept"),
    }
    # beholder's first epoch decodes all photos, trains the head and tries out what is fastest: it is not counted
    next(ways["ours"])
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            taken[name].append(seconds(lambda way=way: next(way)))
    for way in ways.values():
        with contextlib.suppress(AttributeError):
            way.close()  # type: ignore[attr-defined]
    plain, best, ours = (min(taken[name]) for name in ("plain", "plain bf16", "ours"))
    bound = bound_seconds(backbone, len(parts[0].photos))
    count = len(parts[0].photos)
    remark = "random weights: the work is the same; validation included; bound: the layers' sums alone, the first held"
    yield Comparison(
        f"resnet18, an epoch of {count} photos", "s", plain, ours, bound, "≤ 0.35 × plain", ours <= 0.35 * plain, remark
    )
    yield Comparison(f"resnet18, an epoch of {count} photos, plain in bf16 and channels last", "s", best, ours, bound)


def _quality(everyone: Scored, place: Path) -> Comparison:
    """Train the embedded network with its real weights from a few seeds, the plain way and ours."""
    backbone = get_backbone("efficientnet_lite0")
    losses: dict[str, list[float]] = {"plain": [], "ours": []}
    for seed in range(_SEEDS):
        parts = dealt(everyone, _JUDGED_LEARNED, _JUDGED_WATCHED, seed)
        sets = tuple(training_set(part, backbone, "default", seed) for part in parts)
        losses["plain"].append([*plain_epochs(backbone, None, parts, _EPOCHS, seed, bf16=False)][-1])
        ours = our_epochs(backbone, None, (sets[0], sets[1]), _EPOCHS, place / f"judged{seed}")
        losses["ours"].append([*ours][-1])
    plain, found = (float(np.mean(losses[name])) for name in ("plain", "ours"))
    spread = float(np.std(losses["plain"], ddof=1))
    each = "; ".join(f"{name} {' '.join(f'{loss:.3f}' for loss in values)}" for name, values in losses.items())
    return Comparison(
        f"efficientnet_lite0, validation loss after {_EPOCHS} epochs",
        "loss",
        plain,
        found,
        None,
        f"≤ plain + its deviation over {_SEEDS} seeds",
        found <= plain + spread,
        f"Huber, {_JUDGED_LEARNED} photos learned, others watched, no theme in both, real weights; by seed: {each}",
    )


def main(arguments: Sequence[str] = ()) -> None:
    """Print the table."""
    print_comparisons(NAME, list(compare("--quick" in arguments)))
    print(machine())


if __name__ == "__main__":
    main(sys.argv[1:])
