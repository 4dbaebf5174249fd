"""Which photos of a cull are one burst: taken within seconds, and alike by vectors that the cache knows already."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.errors import BeholderError
from engine.features.backbones import get_backbone
from engine.features.cache import FeatureCache, FileKey
from engine.images import find_images
from engine.models.arrays import load_arrays
from engine.models.bundle import BundleInfo, read_manifest
from engine.models.soundness import GOLDEN_NAME
from engine.models.standardise import Standardiser
from engine.storage import content_hash
from engine.training.bursts import BURST_ALIKE, burst_candidates, capture_times
from engine.workspace import Workspace

Directions = NDArray[np.float32]
Likeness = Callable[[Sequence[Path]], Directions]
"""Photos → (N, D) float32 rows of length one whose products say how alike they are; NaN where nothing is known."""

_BLIND_SECONDS = 2.0  # where nobody knows what two photos show, they have to be nearer in time
_MOST_REFERENCES = 512
_FEWEST_REFERENCES = 12  # with fewer, what is common to all photos can't be told from what two of them share


def burst_numbers(photos: Sequence[Path], features: Likeness | None = None) -> list[int]:
    """Return each photo's burst, numbered from 0; a photo without a time is a burst of its own.

    Args:
        photos: N photos; of each the head is read for the time at which it was taken.
        features: tells how alike they are; without it only photos at most 2 s apart are one burst.
    """
    taken = capture_times(photos)
    pairs = burst_candidates(taken)
    apart = np.abs(taken[pairs[:, 0]] - taken[pairs[:, 1]])
    together = apart <= _BLIND_SECONDS
    if features is not None and len(pairs):
        rows = np.unique(pairs)
        found = features([photos[row] for row in rows])
        places = np.searchsorted(rows, pairs)
        cosines = np.einsum("ij,ij->i", found[places[:, 0]], found[places[:, 1]])
        together = np.where(np.isnan(cosines), together, cosines > BURST_ALIKE)
    return _numbers(len(photos), pairs[together])


def _numbers(size: int, pairs: NDArray[np.int64]) -> list[int]:
    """Return a number for each of `size` rows: whoever is joined by a chain of pairs shares one."""
    leads = list(range(size))

    def lead(row: int) -> int:
        while leads[row] != row:
            leads[row] = leads[leads[row]]
            row = leads[row]
        return row

    for left, right in pairs.tolist():
        first, second = sorted((lead(left), lead(right)))
        leads[second] = first
    known: dict[int, int] = {}
    return [known.setdefault(lead(row), len(known)) for row in range(size)]


def cached_likeness(workspace: Workspace, info: BundleInfo) -> Likeness:
    """Return how alike photos are to a model's network, from vectors that were computed before; none is computed now.

    What is common to all photos is taken from those that the model learned from, as far as their vectors are known.

    Args:
        workspace: its feature cache is asked.
        info: the model with which the photos were scored.

    Raises:
        DamagedFile: the model is damaged.
    """
    backbone, mark = get_backbone(info.backbone), str(read_manifest(info)["fingerprint"])
    golden = load_arrays(info.path / GOLDEN_NAME, ("features",))["features"]
    if golden.ndim != 2 or golden.shape[1] != backbone.width:
        golden = np.zeros((0, backbone.width), np.float32)

    def likeness(photos: Sequence[Path]) -> Directions:
        with FeatureCache(workspace.features_file) as cache:
            own = _vectors(cache, photos, mark, backbone.width, read_unknown=True)
            album = _vectors(cache, _some_of(workspace.data), mark, backbone.width, read_unknown=False)
        known = np.isfinite(own[:, 0])
        everything = np.concatenate([own[known], album[np.isfinite(album[:, 0])], golden.astype(np.float32)])
        found = np.full_like(own, np.nan)
        if len(everything) >= _FEWEST_REFERENCES and known.any():
            rows = Standardiser.fit(everything, [width for _, width in backbone.blocks]).apply(own[known])
            found[known] = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
        return found

    return likeness


def _some_of(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    photos = list(find_images(folder, recursive=False))
    return photos[:: max(1, len(photos) // _MOST_REFERENCES)]


def _vectors(
    cache: FeatureCache, photos: Sequence[Path], mark: str, width: int, *, read_unknown: bool
) -> NDArray[np.float32]:
    """Return (N, width) float32 vectors, NaN where the cache knows none.

    Args:
        read_unknown: read the content of photos that the cache knows under another name, such as moved ones.
    """
    keys = [FileKey.of(photo) for photo in photos]
    hashes = cache.hashes(key for key in keys if key is not None)
    contents = [hashes.get(key, "") if key is not None else "" for key in keys]
    if read_unknown:
        contents = [known or _content(photo) for known, photo in zip(contents, photos, strict=True)]
    vectors = cache.get_many([content for content in contents if content], mark, width)
    found = np.full((len(photos), width), np.nan, np.float32)
    for row, content in enumerate(contents):
        if content in vectors:
            found[row] = vectors[content]
    return found


def _content(photo: Path) -> str:
    try:
        return content_hash(photo)
    except BeholderError:
        return ""
