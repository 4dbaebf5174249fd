"""Albums of any size, made at once: small photos that all differ, and feature vectors from which their scores follow.

The photos are a few drawings; a number behind the end of the picture makes each a file of its own. Their vectors are
made, too, as no network of a real album's size would be done in time: photos come in bursts of four that resemble each
other, and a score is what a person with one clear taste would give.
"""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.labelling_album import named
from engine.features.backbones import DEFAULT, get_backbone
from engine.features.batches import look_at
from engine.features.cache import FeatureCache
from engine.workspace import Workspace

_DRAWINGS, _SIZE = 24, (96, 72)
_BURST, _HIDDEN = 4, 24
_CHUNK = 500


def _drawings() -> list[bytes]:
    """Return small JPEGs of about 1 kB."""
    made = []
    for number in range(_DRAWINGS):
        colours = np.random.default_rng(number).integers(0, 255, (3, 4, 3), np.uint8)
        out = io.BytesIO()
        Image.fromarray(colours).resize(_SIZE, Image.Resampling.BICUBIC).save(out, "JPEG", quality=60)
        made.append(out.getvalue())
    return made


def make_folder(folder: Path, count: int) -> Path:
    """Fill a folder with so many photos; return the table with their scores, which lies beside it."""
    folder.mkdir(parents=True)
    drawings = _drawings()
    for number in range(count):
        (folder / named(number)).write_bytes(drawings[number % _DRAWINGS] + b"%08d" % number)
    table = folder.with_suffix(".csv")
    rows = (f"{named(number)},{score:.2f}\n" for number, score in enumerate(scores(count)))
    table.write_text("filename,score\n" + "".join(rows))
    return table


def scores(count: int) -> list[float]:
    """Return the score of each photo, 0…100."""
    found: list[float] = []
    for start in range(0, count, _CHUNK):
        taste = _hidden(start)[:, 0] + np.random.default_rng([start, 2]).normal(0, 0.3, _CHUNK)
        found += np.clip(50 + 18 * taste, 0, 100).tolist()
    return found[:count]


def _hidden(start: int) -> NDArray[np.float64]:
    """Return what the vectors of photos are made from: (500, 24), normally distributed, alike within a burst."""
    random = np.random.default_rng([start, 1])
    bursts = random.normal(0, 1, (_CHUNK // _BURST, _HIDDEN))
    within = random.normal(0, 0.15, (_CHUNK, _HIDDEN))
    hidden: NDArray[np.float64] = np.repeat(bursts, _BURST, axis=0) + within
    return hidden


def _vectors(count: int, width: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield a number and the (up to 500, width) vectors of the photos from there on."""
    spread = np.random.default_rng(0).normal(0, 1, (_HIDDEN, width)).astype(np.float32)
    for start in range(0, count, _CHUNK):
        hidden = _hidden(start)[: count - start].astype(np.float32)
        noise = np.random.default_rng([start, 3]).normal(0, 2, hidden.shape).astype(np.float32)
        yield start, hidden @ spread + np.tile(noise, (1, -(-width // _HIDDEN)))[:, :width]


def fill_cache(workspace: Workspace, count: int) -> None:
    """Let the feature cache know a vector of each photo in ``data/``."""
    backbone = get_backbone(DEFAULT)
    fingerprint = backbone.fingerprint()
    drawings = _drawings()
    with FeatureCache(workspace.features_file) as cache:
        for start, vectors in _vectors(count, backbone.width):
            keys, rows, looked = {}, {}, time.time_ns()
            for number, vector in enumerate(vectors, start):
                look = look_at(workspace.data / named(number))
                assert isinstance(look, tuple), look
                content = hashlib.sha256(drawings[number % _DRAWINGS] + b"%08d" % number).hexdigest()
                keys[look.key] = content
                rows[content] = vector
            cache.put_hashes(keys, looked)
            cache.put_many(rows, fingerprint)
