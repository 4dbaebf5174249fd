"""Which photos to score next: a batch that teaches a model most, for the fewest keypresses."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import Message
from engine.events import ItemFailed, Notice, Progress, StopCheck, never_stop, raise_if_stopped
from engine.features.backbones import DEFAULT
from engine.features.cache import FeatureCache
from engine.features.extract import Embedded, Embedder, embed_with
from engine.features.known import known_photos, known_vectors
from engine.features.preprocess import FloatArray
from engine.labels.scorebook import ScoreBook
from engine.models.base import Uncertain
from engine.prediction.open_model import OpenModel
from engine.prediction.picking import Picker, Values, Why
from engine.prediction.predicted import Prediction
from engine.prediction.sketch import Matrix, Sketcher
from engine.workspace import Workspace

POOL = 2000
"""Unscored photos that are looked at: a random part of a larger album is as varied as the whole."""
SCORED = 4000
"""Scored photos that these are compared with."""
FRESH = 200
"""Photos whose vectors are computed for one question; the next question goes on."""

_SAMPLE = 512  # photos from which it is learned how photos of this album differ
_ROUGH = 20  # width of a scale from which on a guess needs no decimals


@dataclass(frozen=True)
class Suggestion:
    """A photo that it is worth to score next.

    Args:
        name: in ``data/``.
        reason: why this one.
        score: what the model thinks of it, on its scale; None without a model.
    """

    name: str
    reason: Message
    score: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready form, the reason as a message."""
        score = None if self.score is None else round(self.score, 4)
        return {"name": self.name, "reason": self.reason.to_dict(), "score": score}


def suggest(
    workspace: Workspace,
    n: int,
    *,
    model: OpenModel | None = None,
    seed: int = 0,
    fresh: int = FRESH,
    should_stop: StopCheck = never_stop,
) -> Iterator[Progress | Notice | ItemFailed | Suggestion]:
    """Yield up to `n` unscored photos to score next, the most useful first; none where all have a score.

    Features are compared, standardised over the album, as sketches of 64 numbers; see `Picker` for how. The same
    question about the same album has the same answer. Of a photo that the network has not looked at yet, the vector is
    computed now, of at most `fresh` photos; a notice tells how many are left out.

    Args:
        workspace: its photos and scores.
        n: how many, at least 1.
        model: whose features are compared, and whose doubt and guesses are told; None: the default backbone's features.
        seed: which photos of a large album are looked at.
        fresh: of how many photos vectors may be computed; scored ones go first.
        should_stop: asked between the steps.

    Raises:
        DamagedFile: ``scores.txt`` is damaged. NeedMissing: the backbone's weights are not here.
        Interrupted: `should_stop` said so.
    """
    entries = [entry for entry in ScoreBook(workspace).entries() if entry.present]
    random = np.random.default_rng(seed)
    pool = _some([workspace.data / entry.name for entry in entries if entry.score is None], POOL, random)
    scored = _some([workspace.data / entry.name for entry in entries if entry.score is not None], SCORED, random)
    if not pool:
        return
    with ExitStack() as held:
        vectors = _Vectors(model.embedder if model is not None else _default_embedder(workspace, held))
        yield from vectors.find([*scored, *pool], fresh, should_stop)
        sketcher = vectors.sketcher(random, seed)
        if sketcher is None:
            return
        paths, candidates, doubt = _sketches(vectors, sketcher, pool, _doubting(model), should_stop)
        _, others, _ = _sketches(vectors, sketcher, scored, None, should_stop)
        taken = list(Picker(candidates, others, doubt).take(n, should_stop))
        chosen = [paths[row] for row, _ in taken]
        guesses = _guesses(vectors, model, chosen)
    for path, (_, why) in zip(chosen, taken, strict=True):
        guess = guesses.get(path)
        yield Suggestion(path.name, _reason(why, guess), guess.score if guess else None)


@dataclass
class _Vectors:
    """The vectors that there are: those in the cache, and those just computed, which may not have got into it."""

    embedder: Embedder
    known: dict[Path, str] = field(default_factory=dict)
    fresh: dict[Path, FloatArray] = field(default_factory=dict)

    def find(
        self, photos: Sequence[Path], most: int, should_stop: StopCheck
    ) -> Generator[Progress | Notice | ItemFailed, None, None]:
        """Look which vectors are known, and compute some of the others."""
        cache = self.embedder.cache
        assert cache is not None
        self.known = known_photos(cache, self.embedder.fingerprint, photos)
        missing = [path for path in photos if path not in self.known]
        if missing[:most]:
            for event in embed_with(self.embedder, missing[:most], should_stop=should_stop):
                if not isinstance(event, Embedded):
                    yield event
                elif event.vector is None:
                    yield ItemFailed(str(event.path), event.error or Message("It can't be read."))
                else:
                    self.fresh[event.path] = event.vector
        if len(missing) > most:
            text = (
                "The network has not looked at {n} photos yet: they are left out this time. Ask again for more of them."
            )
            yield Notice(Message(text, {"n": len(missing) - most}))

    def of(self, photos: Sequence[Path], should_stop: StopCheck) -> Iterator[tuple[list[Path], FloatArray]]:
        """Yield those of the photos that have vectors, some at a time, and their (N, D) vectors."""
        cache = self.embedder.cache
        assert cache is not None
        known = {path: self.known[path] for path in photos if path in self.known}
        for paths, rows in known_vectors(cache, self.embedder.fingerprint, self.embedder.backbone.width, known):
            raise_if_stopped(should_stop)
            yield paths, rows
        new = [path for path in photos if path in self.fresh]
        if new:
            yield new, np.stack([self.fresh[path] for path in new])

    def sketcher(self, random: np.random.Generator, seed: int) -> Sketcher | None:
        """Return what makes sketches of these photos; None where there is no vector."""
        sample = _some([*self.known, *self.fresh], _SAMPLE, random)
        rows = [row for _, row in self.of(sample, never_stop)]
        return (
            Sketcher(np.concatenate(rows), [width for _, width in self.embedder.backbone.blocks], seed)
            if rows
            else None
        )


def _some(photos: list[Path], most: int, random: np.random.Generator) -> list[Path]:
    """Return all photos, or a random part in the same order."""
    if len(photos) <= most:
        return photos
    return [photos[row] for row in sorted(random.choice(len(photos), most, replace=False).tolist())]


def _default_embedder(workspace: Workspace, held: ExitStack) -> Embedder:
    cache = held.enter_context(FeatureCache(workspace.features_file))
    return held.enter_context(Embedder(DEFAULT, cache=cache))


def _doubting(model: OpenModel | None) -> Uncertain | None:
    scorer = None if model is None else model.bundle.scorer
    return scorer if isinstance(scorer, Uncertain) else None


def _sketches(
    vectors: _Vectors, sketcher: Sketcher, photos: Sequence[Path], doubting: Uncertain | None, should_stop: StopCheck
) -> tuple[list[Path], Matrix, Values | None]:
    """Return the photos that have vectors, their sketches, and how unsure the model is of each."""
    paths: list[Path] = []
    sketches = [sketcher.nothing()]
    doubts: list[Values] = []
    for some, rows in vectors.of(photos, should_stop):
        paths += some
        sketches.append(sketcher.directions(rows))
        if doubting is not None:
            doubts.append(doubting.spread(rows))
    return paths, np.concatenate(sketches), np.concatenate(doubts) if doubts else None


def _guesses(vectors: _Vectors, model: OpenModel | None, photos: Sequence[Path]) -> dict[Path, Prediction]:
    if model is None:
        return {}
    found: list[Prediction] = []
    for paths, rows in vectors.of(photos, never_stop):
        found += model.judge([Embedded(path, row, "") for path, row in zip(paths, rows, strict=True)])
    return {guess.path: guess for guess in found}


def _reason(why: Why, guess: Prediction | None) -> Message:
    if why == "copy":
        return Message("Nothing is left that differs more from what you scored.")
    if why == "unsure" and guess is not None and guess.low is not None and guess.high is not None:
        decimals = 0 if guess.high - guess.low > _ROUGH / 4 else 1
        ends = {"low": f"{guess.low:.{decimals}f}", "high": f"{guess.high:.{decimals}f}"}
        return Message("The model is unsure: anything from {low} to {high}.", ends)
    if why == "far":
        return Message("It is unlike anything that you scored.")
    return Message("It stands for a part of your photos that has few scores.")
