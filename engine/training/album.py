"""Bring an album to numbers: the photos' feature vectors, the scored ones among them, and what identifies the data."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.errors import Message, NotEnoughData, NotFound
from engine.events import Event, ItemFailed, Notice, StopCheck
from engine.features.backbones import get_backbone
from engine.features.cache import FeatureCache
from engine.features.extract import Embedded, embed
from engine.labels.scorebook import ScoreBook
from engine.models.base import Features, TrainingSet
from engine.models.catalog import FEWEST_SCORES
from engine.models.moments import MANY
from engine.models.products import shared
from engine.prediction.guesses import Stamp
from engine.storage import content_hash
from engine.training.bursts import capture_times
from engine.training.spec import TrainSpec
from engine.training.split import grouping
from engine.workspace import Workspace, format_score


@dataclass(frozen=True)
class Album:
    """All readable photos of a workspace, and the scores of some.

    Args:
        names: file names of the N scored photos, in natural order.
        hashes: SHA-256 of each scored photo.
        scored: the training set of the N scored photos over the whole album.
        unscored: name → its row of the album, of the readable photos without a score.
        stamps: what each readable photo was when its features were asked for.
        fingerprint: of the features; see `engine.features.backbones.fingerprint`.
    """

    names: tuple[str, ...]
    hashes: tuple[str, ...]
    scored: TrainingSet
    unscored: Mapping[str, int]
    stamps: Mapping[str, Stamp]
    fingerprint: str

    def digest(self) -> str:
        """Return the hash that identifies the scored photos and their scores."""
        return _digest(zip(self.names, self.scored.scores.tolist(), self.hashes, strict=True))


def data_hash(workspace: Workspace) -> str:
    """Return what a training on the present data would store as its ``data_hash``.

    Raises:
        DamagedFile: ``scores.txt`` is damaged.
    """
    entries = [entry for entry in ScoreBook(workspace).entries() if entry.present and entry.score is not None]
    return _digest(
        (entry.name, float(entry.score or 0), content_hash(workspace.data / entry.name)) for entry in entries
    )


def _digest(rows: Iterable[tuple[str, float, str]]) -> str:
    lines = (f"{name}\t{score!r}\t{photo}\n" for name, score, photo in sorted(rows))
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def check_scores(scores: Iterable[float]) -> None:
    """Say clearly when nothing can be learned.

    Raises:
        NotEnoughData: fewer than 8 scores, or all are equal.
    """
    values = list(scores)
    if len(values) < FEWEST_SCORES:
        raise NotEnoughData(
            "Scored photos: {n}. Training needs at least {needed}.",
            remedy="Score some more: in the app under Data, or with beholder scores set NAME SCORE.",
            n=len(values),
            needed=FEWEST_SCORES,
        )
    if min(values) == max(values):
        raise NotEnoughData(
            "All {n} scores are {score}: there is nothing to learn from.",
            remedy="Give the photos you like more a higher score than the others.",
            n=len(values),
            score=format_score(values[0]),
        )


def load_album(workspace: Workspace, spec: TrainSpec, should_stop: StopCheck) -> Generator[Event, None, Album]:
    """Read scores and features, with progress on the way; return the `Album`.

    Raises:
        NotFound: there are no photos. NotEnoughData: see `check_scores`.
        DamagedFile: ``scores.txt`` is damaged. NeedMissing: the backbone's weights are not here.
    """
    entries = [entry for entry in ScoreBook(workspace).entries() if entry.present]
    if not entries:
        raise NotFound(
            "There are no photos in {path}.", remedy="Import some: beholder import FOLDER", path=workspace.data
        )
    check_scores(entry.score for entry in entries if entry.score is not None)
    backbone = get_backbone(spec.backbone)
    fingerprint = backbone.fingerprint(spec.weights)
    if spec.weights == "none":
        yield Notice(
            Message(
                "Random weights: {backbone} has learned nothing about pictures yet, as was asked.",
                {"backbone": spec.backbone},
            )
        )
    scores = {workspace.data / entry.name: entry.score for entry in entries}
    names: list[str] = []
    hashes: list[str] = []
    given: list[float] = []
    vectors = _Vectors(len(entries), backbone.width)
    unscored: dict[str, int] = {}
    stamps = {path: Stamp.of(path) for path in scores}  # before they are read: one replaced meanwhile is another photo
    with FeatureCache(workspace.features_file) as cache:
        for event in embed(list(scores), backbone, cache=cache, weights=spec.weights, should_stop=should_stop):
            if not isinstance(event, Embedded):
                yield event
            elif event.vector is None:
                yield ItemFailed(str(event.path), event.error or Message("It can't be read."))
            else:
                score = scores[event.path]
                if score is not None:
                    names.append(event.path.name)
                    hashes.append(event.content_hash)
                    given.append(score)
                else:
                    unscored[event.path.name] = len(unscored)
                if (stamp := stamps[event.path]) is not None:
                    stamps[event.path] = stamp._replace(content=event.content_hash)
                vectors.add(event.vector, score is not None)
    check_scores(given)
    album, features, others = vectors.album()
    unscored = {name: others[place] for name, place in unscored.items()}
    blocks = [width for _, width in backbone.blocks]
    photos = tuple(workspace.data / name for name in names)
    groups = yield from grouping(names, features, blocks, capture_times(photos, should_stop), should_stop)
    if np.unique(groups).size == len(names):
        yield Notice(Message("No two scored photos look alike or share a theme: each counts by itself in the split."))
    scored = TrainingSet(
        features,
        np.asarray(given, np.float64),
        groups,
        album,
        blocks,
        spec.seed,
        photos=photos,
        hashes=tuple(hashes),
        scale=(workspace.scale.low, workspace.scale.high),
    )
    scored = shared(scored)  # whatever part of it is fitted, the products of its pairs are computed once
    known = {path.name: stamp for path, stamp in stamps.items() if stamp is not None}
    return Album(tuple(names), tuple(hashes), scored, unscored, known, fingerprint)


class _Vectors:
    """The album's vectors as they come, in one array.

    Args:
        most: photos. width: of a vector.
    """

    def __init__(self, most: int, width: int) -> None:
        self._all = np.empty((most, width), np.float32)
        # of very many the scored ones lie together, so that they are a view of the album and no second copy
        self._apart = most > MANY
        self._scored: list[int] = []
        self._others: list[int] = []

    def add(self, vector: NDArray[np.float32], is_scored: bool) -> None:
        """Take in the next photo's vector."""
        rows = self._scored if is_scored else self._others
        row = len(self._scored) + len(self._others)
        if self._apart:
            row = len(rows) if is_scored else len(self._all) - 1 - len(rows)
        self._all[row] = vector
        rows.append(row)

    def album(self) -> tuple[Features, Features, list[int]]:
        """Return the (M, D) album, its (N, D) scored vectors, and the album's rows of the others."""
        scored, others = len(self._scored), len(self._others)
        if not self._apart:
            whole = self._all[: scored + others]
            return whole, whole[self._scored], self._others
        gap = len(self._all) - scored - others  # of photos that could not be read
        if gap:
            self._all[scored : scored + others] = self._all[scored + gap :]
        return self._all[: scored + others], self._all[:scored], [row - gap for row in self._others]


def restrict(album: Album, names: Sequence[str], groups: Mapping[str, int]) -> Album:
    """Return the album with only these photos scored, in this order, and these groups.

    Args:
        album: holds all of them.
        names: names of scored photos.
        groups: photo's name → number of its group.
    """
    row_of = {name: row for row, name in enumerate(album.names)}
    rows = np.array([row_of[name] for name in names], np.int64)
    numbers = np.array([groups[name] for name in names], np.int64)
    scored = dataclasses.replace(album.scored.subset(rows), groups=numbers)
    hashes = tuple(album.hashes[row] for row in rows)
    return dataclasses.replace(album, names=tuple(names), hashes=hashes, scored=scored)
