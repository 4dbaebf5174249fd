"""The feature vectors that the cache knows of photos; nothing is computed, no photo is opened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from engine.features.cache import FeatureCache
from engine.features.file_key import FileKey
from engine.features.preprocess import FloatArray

_CHUNK = 256  # photos whose vectors are in memory at once


def known_photos(cache: FeatureCache, fingerprint: str, photos: Sequence[Path]) -> dict[Path, str]:
    """Return the photos whose vectors are in the cache, each with the SHA-256 of its content.

    A photo is recognised by path, size and time of change, as when it was last read.

    Args:
        cache: where to look.
        fingerprint: of backbone, weights and preprocessing.
        photos: the files; one that is gone or touched since is left out.
    """
    keys = {path: key for path in photos if (key := FileKey.of(path)) is not None}
    hashes = cache.hashes(keys.values())
    there = cache.known(hashes.values(), fingerprint)
    return {path: content for path, key in keys.items() if (content := hashes.get(key, "")) in there}


def known_vectors(
    cache: FeatureCache, fingerprint: str, width: int, photos: Mapping[Path, str]
) -> Iterator[tuple[list[Path], FloatArray]]:
    """Yield photos and their vectors, 256 at a time; what has left the cache meanwhile is left out.

    Args:
        cache: where to look.
        fingerprint: of backbone, weights and preprocessing.
        width: length of a vector.
        photos: from `known_photos`.

    Yields:
        N photos in their order, and their (N, width) float32 vectors, N ≥ 1.
    """
    paths = list(photos)
    for start in range(0, len(paths), _CHUNK):
        chunk = paths[start : start + _CHUNK]
        found = cache.get_many([photos[path] for path in chunk], fingerprint, width)
        there = [path for path in chunk if photos[path] in found]
        if there:
            yield there, np.stack([found[photos[path]] for path in there])
