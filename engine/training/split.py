"""Split scored photos so that near-copies and one theme's photos never stand on both sides."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.events import Progress, StopCheck, never_stop, raise_if_stopped
from engine.models.base import Features
from engine.models.folds import Index, deal_folds
from engine.models.moments import MANY
from engine.models.standardise import Standardiser
from engine.training.bursts import BURST_ALIKE, Seconds, burst_candidates
from engine.training.likeness import Likeness, connected, unit_rows

# a name's words before a counter name its theme: Lake_1, Lake_2; but cameras number everything they take
_THEME = re.compile(r"(?P<theme>.*?)[\s_.-]*\(?\d+\)?$")
_CAMERA = re.compile(
    r"(?i)_?(img|dsc[fn]?|dscn|imgp|p|pxl|mvi|gopr|gp|dji|sam|pict|photo|image|picture|bild|scan|foto|wp|cimg|kimg|hpim|wa|screenshot|unsplash|pexels|pixabay)\d*[\s_.-]*(\d+[\s_.-]*)*"
)
_LARGEST_THEME = 0.25
# cosine of standardised features: copies, crops and bursts lie above the first, different photos of a theme mostly
# below; where that ties too much of an album together, only closer likeness counts
_ALIKE = (0.75, 0.85, 0.92, 0.97)
_LARGEST_GROUP = 0.25
_OVERSHOOT = 1.2  # a part may get this much more than its share where whole groups ask for it
_CHUNK = 2048
_FEWEST_GROUPS = 6


@dataclass(frozen=True)
class Parts:
    """Row numbers of the three parts; each is sorted, they are disjoint."""

    train: Index
    validation: Index
    test: Index


def group_photos(
    names: Sequence[str],
    features: Features,
    blocks: Sequence[int],
    taken: Seconds | None = None,
    should_stop: StopCheck = never_stop,
) -> Index:
    """Return (N,) group numbers: photos that look alike, or whose names say one theme, share a number.

    Photos that were taken within seconds of each other (a burst) need to look less alike for that.

    Args:
        names: file names of the N photos.
        features: (N, D) float32.
        blocks: widths of the feature vector's blocks.
        taken: (N,) seconds, when each photo was taken, NaN where unknown; None: of no photo.
        should_stop: asked on the way.

    Raises:
        Interrupted: `should_stop` said so.
    """
    steps = grouping(names, features, blocks, taken, should_stop)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return np.asarray(end.value, np.int64)


def grouping(
    names: Sequence[str],
    features: Features,
    blocks: Sequence[int],
    taken: Seconds | None = None,
    should_stop: StopCheck = never_stop,
    many: int = MANY,
) -> Generator[Progress, None, Index]:
    """As `group_photos`, with progress on the way.

    Args:
        many: photos beyond which pairs are found by sketches; see `Likeness`.
    """
    by_name: dict[str, int] = {}
    same_theme = [(row, by_name.setdefault(theme, row)) for row, theme in enumerate(themes(names)) if theme]
    by_theme = np.array(same_theme, np.int64).reshape(-1, 2)
    limit = max(2.0, _LARGEST_GROUP * len(names))
    groups = np.arange(len(names), dtype=np.int64)
    if len(names) > many:
        likeness = Likeness(features, blocks, should_stop)
        near = burst_candidates(taken) if taken is not None else np.zeros((0, 2), np.int64)
        known = np.concatenate([by_theme, near[likeness.cosines(near) > BURST_ALIKE]])
        for alike in _ALIKE:
            groups = yield from likeness.join(known, alike)
            if np.bincount(groups).max() <= limit:
                break
    else:
        raise_if_stopped(should_stop)
        directions = directions_of(features, blocks)
        known = by_theme if taken is None else np.concatenate([by_theme, _bursts(directions, taken)])
        for alike in _ALIKE:
            groups = connected(len(names), np.concatenate([known, _pairs(directions, alike)]))
            if np.bincount(groups).max() <= limit:
                break
    if np.unique(groups).size < min(_FEWEST_GROUPS, len(names)):
        # everything looks like everything: the honest split is impossible, each photo stands for itself
        return np.arange(len(names), dtype=np.int64)
    return groups


def themes(names: Sequence[str]) -> list[str]:
    """Return each name's theme: its words before a counter, or an empty text.

    A camera's prefix is no theme, nor is a word that more than a quarter of the photos share.

    >>> themes(["Lake_1.jpg", "Lake_2.jpg", "Cat 1.jpg", "IMG_2041.jpg", "85.jpg"])
    ['Lake', 'Lake', 'Cat', '', '']
    """
    found = []
    for name in names:
        stem = name.rpartition(".")[0] or name
        match = _THEME.fullmatch(stem)
        theme = match["theme"].strip(" _.-") if match else ""
        is_word = sum(char.isalpha() for char in theme) >= 2 or any(ord(char) > 0x2E80 for char in theme)
        found.append(theme if is_word and not _CAMERA.fullmatch(theme) else "")
    counts = Counter(found)
    limit = max(2.0, _LARGEST_THEME * len(names))
    return [theme if counts[theme] <= limit else "" for theme in found]


def directions_of(features: Features, blocks: Sequence[int]) -> Features:
    """Return (N, D) standardised features of length one, so that their products are cosines."""
    return unit_rows(Standardiser.fit(features, blocks), features)


def _bursts(directions: Features, taken: Seconds) -> Index:
    """Return the (P, 2) row numbers of photos of one burst."""
    pairs = burst_candidates(taken)
    cosines = np.einsum("ij,ij->i", directions[pairs[:, 0]], directions[pairs[:, 1]])
    alike: Index = pairs[cosines > BURST_ALIKE]
    return alike


def _pairs(directions: Features, alike: float) -> Index:
    """Return the (P, 2) row numbers of photos whose cosine is above `alike`."""
    found = [np.zeros((0, 2), np.int64)]
    for start in range(0, directions.shape[0], _CHUNK):
        left, right = np.nonzero(directions[start : start + _CHUNK] @ directions.T > alike)
        keep = left + start < right
        found.append(np.stack([left[keep] + start, right[keep]], axis=1))
    return np.concatenate(found)


def split_groups(groups: Index, shares: tuple[float, float, float], seed: int) -> Parts:
    """Return a split whose parts come as close to their shares as whole groups allow.

    Test gets at least one group, train at least one; validation may be empty with very few groups.

    Args:
        groups: (N,) group numbers.
        shares: of train, validation and test; they sum to 1.
        seed: makes the draw repeatable.
    """
    names, counts = np.unique(groups, return_counts=True)
    order = np.random.default_rng(seed).permutation(names.size)
    wanted = {"test": shares[2] * groups.size, "validation": shares[1] * groups.size}
    part_of: dict[int, str] = {}
    left = names.size
    for part, aim in wanted.items():
        taken = 0
        for index in order:
            group = int(names[index])
            nearer = taken + counts[index] / 2 <= aim
            fits = nearer and taken + counts[index] <= _OVERSHOOT * aim
            must = part == "test" and taken == 0 and counts[index] == counts.min()
            if group not in part_of and left > 1 and aim > 0 and (fits or must):
                part_of[group] = part
                taken += int(counts[index])
                left -= 1
    where = np.array([part_of.get(int(group), "train") for group in groups])
    return Parts(*(np.flatnonzero(where == part).astype(np.int64) for part in ("train", "validation", "test")))


def fold_masks(groups: Index, folds: int, seed: int) -> list[NDArray[np.bool_]]:
    """Return one (N,) mask a fold: True where a photo is held out."""
    dealt = deal_folds(groups, folds, seed)
    return [dealt == fold for fold in range(int(dealt.max()) + 1)]
