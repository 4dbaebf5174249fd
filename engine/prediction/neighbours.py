"""The person's scored photos as a model sees them: which resemble a photo most, and where a score stands among theirs.

What is kept in memory of a photo is a sketch of 256 numbers, a random projection of its standardised features: 10 MB
for 10,000 photos, whose vectors would take 143 MB. The sketches find the candidates; the cosines that are told are
computed from their vectors, read from the cache again.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.errors import BeholderError
from engine.features.cache import FeatureCache, FileKey
from engine.labels.scorebook import ScoreBook
from engine.models.standardise import Standardiser
from engine.prediction.explanation import Neighbour, Standing
from engine.prediction.open_model import OpenModel
from engine.storage import content_hash
from engine.workspace import Workspace

BINS = 20
_SKETCH = 256  # cosines by it are off by 0.06 where photos differ, and less where they are alike
_CANDIDATES = 96  # whose exact cosine is worked out
_READ_TOGETHER = 300
_READ_ANEW = 500_000_000  # bytes, half a second
_FLAT = 1e-6

Floats = NDArray[np.float32]


class ScoredPhotos:
    """The scored photos of a model's workspace whose feature vectors are in the cache; none is computed.

    Args:
        model: it may not be closed while this is used.

    Raises:
        DamagedFile: ``scores.txt`` is damaged.
    """

    def __init__(self, model: OpenModel) -> None:
        self._cache, self._fingerprint, self._width = model.cache, model.embedder.fingerprint, model.backbone.width
        workspace = model.workspace
        scored = {entry.name: entry.score for entry in ScoreBook(workspace).entries() if entry.present}
        self._given = {name: score for name, score in scored.items() if score is not None}
        self._scale = model.scale
        self._same_scale = workspace.scale == model.scale
        self._sorted = np.sort(np.fromiter(self._given.values(), np.float64, len(self._given)))
        names = _by_content(workspace, self._cache, list(self._given))
        self._hashes: list[str] = []
        self._standardiser = self._learn(list(names), [width for _, width in model.backbone.blocks])
        # random directions, the same ones each time (Johnson and Lindenstrauss 1984)
        self._projection = np.random.default_rng(0).standard_normal((self._width, _SKETCH), np.float32)
        self._projection /= np.float32(np.sqrt(_SKETCH))
        self._sketches = self._sketch()
        self._names = [names[content] for content in self._hashes]

    def __len__(self) -> int:
        """Return how many different photos can be neighbours."""
        return len(self._hashes)

    def nearest(self, vector: Floats, content_hash: str, count: int = 3) -> tuple[Neighbour, ...]:
        """Return the scored photos that resemble a photo most, the nearest first.

        Args:
            vector: (D,) float32, the photo's features.
            content_hash: SHA-256 of the photo; it and its exact copies are left out.
            count: at most so many.
        """
        if not self._hashes:
            return ()
        direction = self._unit(vector[None])[0]
        by_sketch = self._sketches @ (direction @ self._projection)
        rows = np.argsort(-by_sketch)[: _CANDIDATES + 1]
        wanted = {self._hashes[row]: self._names[row] for row in rows if self._hashes[row] != content_hash}
        found = [
            Neighbour(wanted[content], float(self._given[wanted[content]]), float(np.clip(cosine, -1.0, 1.0)))
            for contents, vectors in self._chunks(list(wanted))
            for content, cosine in zip(contents, self._unit(vectors) @ direction, strict=True)
        ]
        return tuple(sorted(found, key=lambda item: (-item.similarity, item.name))[:count])

    def standing(self, score: float) -> Standing | None:
        """Return where a score stands among the person's; None without scores, or where theirs are on another scale."""
        if not self._sorted.size or not self._same_scale:
            return None
        below, upto = (int(np.searchsorted(self._sorted, score, side)) for side in ("left", "right"))
        scale = (self._scale.low, self._scale.high)
        counts, _ = np.histogram(np.clip(self._sorted, *scale), BINS, scale)
        share = (below + upto) / 2 / self._sorted.size
        return Standing(100 * share, self._sorted.size, tuple(int(count) for count in counts))

    def _learn(self, contents: Sequence[str], blocks: Sequence[int]) -> Standardiser:
        """Note which photos have vectors, and what brings these to one footing: `Standardiser.fit`, in parts."""
        total, squares, count = np.zeros(self._width), np.zeros(self._width), 0
        for found, vectors in self._chunks(contents):
            self._hashes += found
            exact = vectors.astype(np.float64)
            # about each part's own mean, so that nothing cancels (Chan, Golub and LeVeque 1979)
            mean = exact.mean(axis=0)
            more = ((exact - mean) ** 2).sum(axis=0)
            if count:
                step = mean - total / count
                squares += step**2 * (count * len(found) / (count + len(found)))
            squares += more
            total += exact.sum(axis=0)
            count += len(found)
        deviation = np.sqrt(squares / max(count, 1))
        width = np.repeat(np.asarray(blocks, np.float64), blocks)
        factor = np.where(deviation > _FLAT, 1.0 / (np.maximum(deviation, _FLAT) * np.sqrt(width)), 0.0)
        return Standardiser((total / max(count, 1)).astype(np.float32), factor.astype(np.float32))

    def _sketch(self) -> Floats:
        sketches, found = [np.zeros((0, _SKETCH), np.float32)], list[str]()
        for contents, vectors in self._chunks(self._hashes):
            sketches.append(self._unit(vectors) @ self._projection)
            found += contents
        self._hashes = found
        return np.concatenate(sketches)

    def _unit(self, vectors: Floats) -> Floats:
        """Return (N, D) standardised features of length 1; of length 0 where a photo is the mean itself."""
        rows = (vectors - self._standardiser.mean) * self._standardiser.factor
        length = np.linalg.norm(rows, axis=1, keepdims=True)
        unit: Floats = rows / np.maximum(length, np.float32(_FLAT))
        return unit

    def _chunks(self, contents: Sequence[str]) -> Iterator[tuple[list[str], Floats]]:
        """Yield hashes and their (N, D) vectors, as many as the memory may hold at once."""
        for start in range(0, len(contents), _READ_TOGETHER):
            wanted = contents[start : start + _READ_TOGETHER]
            found = self._cache.get_many(wanted, self._fingerprint, self._width)
            known = [content for content in wanted if content in found]
            if known:
                yield known, np.stack([found[content] for content in known])


def _by_content(workspace: Workspace, cache: FeatureCache, names: Sequence[str]) -> dict[str, str]:
    """Return the content hash of each photo with its name; of copies the first.

    The cache knows the hashes by path: those of a workspace that was moved are computed anew, up to `_READ_ANEW` bytes
    at a time, and remembered.
    """
    looked = time.time_ns()
    keys: dict[FileKey, str] = {}
    folder = os.fsencode(workspace.data.absolute())
    for name in names:
        key = FileKey.of(os.path.join(folder, os.fsencode(name)))  # noqa: PTH118 - ten thousand times
        if key is not None:  # else it is gone meanwhile
            keys[key] = name
    known = cache.hashes(keys)
    room, fresh = _READ_ANEW, dict[FileKey, str]()
    for key in keys:
        if key not in known and (room := room - key.size) >= 0:
            with contextlib.suppress(BeholderError):  # a photo that can't be read is no neighbour
                fresh[key] = content_hash(Path(os.fsdecode(key.path)))
    cache.put_hashes(fresh, looked)
    found: dict[str, str] = {}
    for key, name in keys.items():
        if (content := known.get(key) or fresh.get(key)) is not None:
            found.setdefault(content, name)
    return found
