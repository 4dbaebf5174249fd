"""One fine-tuning from photos to a tuned network: decode, head, network, vectors."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Generator, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.errors import BeholderError, Message, NotEnoughData
from engine.events import CurvePoint, Epoch, Event, Notice, raise_if_stopped
from engine.features.backbones import Backbone, get_backbone
from engine.features.networks import build_classifier, build_features, cut_head
from engine.models.base import Features, FitControl, Recipe, Scores, TrainingSet
from engine.models.catalog import FEWEST_SCORES
from engine.models.folds import deal_folds
from engine.models.neural.appetite import Appetite, appetite, gigabytes, require_memory
from engine.models.neural.checkpoint import Checkpoint, CheckpointStore, array_state, put, take
from engine.models.neural.digest import fit_digest
from engine.models.neural.finetune import vector_keys
from engine.models.neural.folding import folded_norms
from engine.models.neural.frozen import FittedHead, fit_head
from engine.models.neural.head import Head
from engine.models.neural.interruptible import interruptible
from engine.models.neural.layers import early_parameters
from engine.models.neural.loop import Loop
from engine.models.neural.losses import only_ranks
from engine.models.neural.memory import available_memory
from engine.models.neural.pixels import PixelStore, read_pixels
from engine.models.neural.plan import Plan
from engine.models.neural.precision import Pace, choose_pace, has_bf16
from engine.models.neural.randomness import seeded
from engine.models.neural.scaling import Standard
from engine.models.neural.settings import read_settings
from engine.models.neural.tuned import Tuned, TunedTask, inputs_of, network_state, vectors_of
from engine.models.standardise import Standardiser

_CLIP = 1.0
_FEWEST_FOR_LIVE_NORMS = 5000
_HELD_OUT_PARTS = 7
_SHARE_FOR_CHECKPOINTS = 0.05  # writing a whole network takes a second where an epoch of few photos takes six
_FEWEST_TO_HOLD_OUT = 24
# changes when the same settings train otherwise: a checkpoint of the old way is not taken up
_WAY = "early layers held, normalisations folded"

Rows = NDArray[np.int64]


class NetworkFit:
    """The work of one fit; its results are there when `run` is exhausted.

    Args:
        recipe: the settings. data: what is learned from. validation: what ends the training; None: some groups of
            `data`. control: steers.

    Attributes:
        features: the tuned backbone, cut down to its vector. head: takes its vectors.
        vectors: the vector of each photo by `vector_keys`. details: for the manifest.
    """

    features: nn.Module
    head: Head

    def __init__(self, recipe: Recipe, data: TrainingSet, validation: TrainingSet | None, control: FitControl) -> None:
        self.recipe, self.settings = recipe, read_settings(recipe, "finetune")
        self.data, self.control = data, control
        self.validation = validation if validation is not None and validation.scores.size else None
        self.backbone: Backbone = get_backbone(recipe.backbone)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.vectors: dict[str, Features] = {}
        self.details: dict[str, float | int | str] = {}

    def run(self) -> Iterator[Event]:
        """Fit; see `Finetune.fit`."""
        yield from self._say_what_is_risky()
        weights = self.backbone.find_weights(self.recipe.weights)
        digest = fit_digest(self.recipe, self.data, self.validation, weights.digest, _WAY)
        store = CheckpointStore(self.control.checkpoints, digest)
        for kept in store.done().latest():
            yield from [kept] if isinstance(kept, Notice) else kept.events
            if isinstance(kept, Checkpoint):
                self._restore(kept)
                return
        raise_if_stopped(self.control.should_stop)
        available = available_memory(self.device)
        need = appetite(self.backbone)
        require_memory(self.backbone, need, available)
        batch = yield from self._batch_that_fits(need, available)
        everyone = yield from self._photos(available)
        told: list[Event] = []
        network = build_features(self.backbone, weights).to(self.device)
        for event in self._train(network, weights.is_random, everyone, batch, store):
            if isinstance(event, Epoch | CurvePoint | Notice):
                told.append(event)
            yield event
        yield from self._finish(everyone, store, told)

    def _say_what_is_risky(self) -> Iterator[Notice]:
        if self.recipe.weights == "none":
            yield Notice(
                Message(
                    "{backbone} begins with random numbers, as asked for: from few photos it learns little. "
                    "With weights it knows how pictures look.",
                    {"backbone": self.backbone.name},
                )
            )
        if self.settings.augment == "strong":
            yield Notice(
                Message(
                    "Strong augmentation changes colours and crops, which is part of what people rate: "
                    "the scores are taught to photos that nobody rated."
                )
            )

    def _batch_that_fits(self, need: Appetite, available: int | None) -> Generator[Event, None, int]:
        asked = self.settings.batch
        batch = need.batch_within(asked, available)
        if batch < asked and available is not None:
            yield Notice(
                Message(
                    "{asked} photos in a step need about {need} GB of memory, and {free} GB are free: "
                    "going on with {batch}.",
                    {
                        "asked": asked,
                        "need": gigabytes(need.fixed + asked * need.each),
                        "free": gigabytes(available),
                        "batch": batch,
                    },
                )
            )
        return batch

    def _photos(self, available: int | None) -> Generator[Event, None, _Photos]:
        """Decode both parts; those that can't be read are left out."""
        how = self.backbone.preprocess
        parts = [self.data] if self.validation is None else [self.data, self.validation]
        # one store for both, so that its limit counts once
        photos = tuple(path for part in parts for path in part.photos)
        hashes = tuple(value for part in parts for value in part.hashes)
        store = yield from read_pixels(photos, hashes, how, self.control.should_stop, available)
        scores = np.concatenate([part.scores for part in parts])
        readable, size = store.rows(), len(self.data.photos)
        rows, watched = readable[readable < size], readable[readable >= size]
        if rows.size < FEWEST_SCORES:
            raise NotEnoughData(
                "Only {n} scored photos can be read as they were; training needs at least {needed}.",
                remedy="Look for the photos that were named, or score some more.",
                n=int(rows.size),
                needed=FEWEST_SCORES,
            )
        if self.validation is None and rows.size >= _FEWEST_TO_HOLD_OUT:
            folds = deal_folds(self.data.groups[rows], _HELD_OUT_PARTS, self.data.seed)
            if folds.max() > 0:
                rows, watched = rows[folds != 0], rows[folds == 0]
        keys = [key for part in parts for key in vector_keys(part)]
        return _Photos(store, scores, rows, watched, keys)

    def _train(
        self, network: nn.Module, is_random: bool, photos: _Photos, batch: int, store: CheckpointStore
    ) -> Iterator[Event]:
        settings = self.settings
        learned = self.data.subset(photos.rows)
        fitted = yield from self._head_first(learned)
        standard = Standard(float(fitted.head.unit[0]), float(fitted.head.unit[1]))
        factor = Standardiser.fit(self.data.album, self.data.blocks).factor
        live = is_random or photos.rows.size >= _FEWEST_FOR_LIVE_NORMS
        held = [] if live else early_parameters(network, float(settings.params["held"]))
        for value in held:
            value.requires_grad_(False)
        module = Tuned(network, fitted.head, factor, settings.dropout, live).to(self.device)
        task = TunedTask(
            module,
            photos.store,
            self.backbone.preprocess,
            standard.shrink(photos.scores),
            photos.rows,
            (photos.store, photos.watched),
            augment=settings.augment,
            layer_decay=float(settings.params["layer_decay"]),
            precision="f32",
            device=self.device,
            seed=self.data.seed,
        )
        plan = Plan(
            epochs=settings.epochs,
            lr=settings.lr,
            weight_decay=settings.weight_decay,
            batch=batch,
            loss=settings.loss,
            patience=settings.patience,
            seed=self.data.seed,
            clip=_CLIP,
            ema=float(settings.params["ema"]),
            share_for_checkpoints=_SHARE_FOR_CHECKPOINTS,
        )
        if not has_bf16(self.device):
            yield Notice(Message("This processor has no instructions for bf16: the training takes longer."))
        with interruptible(network, self.control.should_stop), self._folded(network, photos, live):
            pace = self._pace(task, plan, store.within("pace"))
            pace.lay(module)
            task.precision = pace.precision
            given, start = photos.scores[photos.watched], fitted.loss
            loop = Loop(task, plan, standard, given, store.within("all"), self.control, start_loss=start)
            yield from loop.run()
        for value in held:
            value.requires_grad_(True)
        self.features, self.head = network.eval(), module.head(standard)
        self.details = {
            "epochs": loop.state.epoch,
            "best_epoch": loop.state.best_epoch,
            "batch": loop.state.batch,
            "precision": pace.precision,
            "device": self.device.type,
            "left_out": len(photos.keys) - len(photos.store),
            "held_out": int(photos.watched.size),
        }

    @contextlib.contextmanager
    def _folded(self, network: nn.Module, photos: _Photos, live: bool) -> Iterator[None]:
        """Spare the work of normalisations whose statistics are held."""
        if live:
            yield
            return
        some = inputs_of(photos.store.batch(photos.rows[:1]), self.backbone.preprocess, network, self.device)
        with folded_norms(network, some):
            yield

    def _head_first(self, learned: TrainingSet) -> Generator[Event, None, FittedHead]:
        """Train a linear head on the features as they are; its own curve would only confuse."""
        recipe = Recipe("frozen", loss=self.settings.loss, params={"hidden": 0})
        work = fit_head(recipe, read_settings(recipe, "frozen"), learned, None, self.control.within("head"), hidden=0)
        while True:
            try:
                event = next(work)
            except StopIteration as end:
                found: FittedHead = end.value
                return found
            if isinstance(event, Notice):
                yield event

    def _pace(self, task: TunedTask, plan: Plan, store: CheckpointStore) -> Pace:
        """Return how to compute; a resumed training computes as it began."""
        for kept in store.latest():
            if isinstance(kept, Checkpoint):
                return Pace(str(kept.notes["precision"]), bool(kept.notes["channels_last"]))
        batches = task.batches(0, plan.batch)

        def step(pace: Pace) -> None:
            pace.lay(task.module)
            task.precision = pace.precision
            task.module.train()
            with seeded(plan.seed):
                task.guess(batches[0]).sum().backward()  # type: ignore[no-untyped-call]
            task.module.zero_grad(set_to_none=True)

        kept_norms = {name: value.clone() for name, value in task.module.named_buffers()}
        pace = choose_pace(step, len(batches) * plan.epochs, self.device)
        for name, value in task.module.named_buffers():
            value.copy_(kept_norms[name])
        with contextlib.suppress(BeholderError):  # the first epoch's checkpoint will tell why
            store.save_done(Checkpoint(dataclasses.asdict(pace)))
        return pace

    def _finish(self, photos: _Photos, store: CheckpointStore, told: list[Event]) -> Iterator[Event]:
        """Compute the vectors while the pixels are here, and keep what was fitted."""
        rows = photos.store.rows()
        with interruptible(self.features, self.control.should_stop):
            for same, values in vectors_of(
                self.features, photos.store, rows.tolist(), self.backbone.preprocess, self.device
            ):
                self.vectors |= {photos.keys[int(row)]: value for row, value in zip(same, values, strict=True)}
        if only_ranks(self.settings.loss):
            learned = np.stack([self.vectors[photos.keys[int(row)]] for row in photos.rows])
            unit = Standard.fitted(self.head.raw(learned), photos.scores[photos.rows])
            self.head = dataclasses.replace(self.head, unit=np.array([unit.mean, unit.spread]))
        tensors: dict[str, Tensor] = {
            **put("network", network_state(self.features)),
            **put("head", array_state(vars(self.head))),
            "vectors": torch.from_numpy(np.stack([*self.vectors.values()])),
        }
        notes = {"keys": [*self.vectors], "details": self.details}
        try:
            store.done().save_done(Checkpoint(notes, tensors, told))
        except BeholderError as error:
            yield Notice(error.message)  # what was fitted is there all the same

    def _restore(self, kept: Checkpoint) -> None:
        """Take what a finished fit kept."""
        network = cut_head(self.backbone, build_classifier(self.backbone))
        inner: nn.Module = getattr(network, "network", network)
        inner.load_state_dict(take(kept.tensors, "network"))
        self.features = network.to(self.device).eval()
        self.head = Head(**{name: value.numpy() for name, value in take(kept.tensors, "head").items()})
        self.vectors = dict(zip(kept.notes["keys"], kept.tensors["vectors"].numpy(), strict=True))
        self.details = dict(kept.notes["details"])


@dataclasses.dataclass(frozen=True)
class _Photos:
    """The decoded photos.

    Args:
        store: pixels by row; the training set's rows come first, then the validation part's.
        scores: of all rows. rows: what is learned from. watched: the validation part.
        keys: of all rows; see `vector_keys`.
    """

    store: PixelStore
    scores: Scores
    rows: Rows
    watched: Rows
    keys: list[str]
