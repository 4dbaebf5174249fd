"""Real photos with real people's votes as training sets; no theme is on both sides."""

import csv
from pathlib import Path

import numpy as np

from engine.features.backbones import get_backbone
from engine.features.extract import Embedded, embed
from engine.models.base import TrainingSet

_SAME_PHOTO = {"Lightning": "Thunderstorm"}
_RATERS = 30  # one rater saw a quarter of the photos: the mean of so many is a person who scored them all


def album(folder: Path):
    """Return files, features, hashes, theme numbers and the (raters, photos) votes, NaN where there is none."""
    with (folder / "scores.csv").open(encoding="utf-8", newline="") as rows:
        photos = list(csv.DictReader(rows))
    names = [row["filename"] for row in photos]
    files = [folder / "images" / name for name in names]
    found = [item for item in embed(files, "efficientnet_lite0", cache=None) if isinstance(item, Embedded)]
    themes = [_SAME_PHOTO.get(row["theme"], row["theme"]) for row in photos]
    with (folder / "votes.csv").open(encoding="utf-8", newline="") as rows:
        votes = list(csv.DictReader(rows))
    raters = {rater: number for number, rater in enumerate(sorted({vote["rater"] for vote in votes}))}
    place = {name: number for number, name in enumerate(names)}
    table = np.full((len(raters), len(names)), np.nan)
    for vote in votes:
        table[raters[vote["rater"]], place[vote["filename"]]] = float(vote["score"])
    groups = np.unique(themes, return_inverse=True)[1].astype(np.int64)
    hashes = tuple(item.content_hash for item in found)
    return files, np.stack([item.vector for item in found]), hashes, groups, table


def persons(folder: Path, scores: int, count: int):
    """Yield training set, features and scores of unseen photos for made-up persons, each the mean of 30 raters."""
    files, features, hashes, groups, votes = album(folder)
    blocks = [width for _, width in get_backbone("efficientnet_lite0").blocks]
    for number in range(count):
        random = np.random.default_rng(100 + number)
        chosen = votes[random.permutation(votes.shape[0])[:_RATERS]]
        seen_by = np.isfinite(chosen).any(axis=0)
        mean = np.where(seen_by, np.nansum(chosen, axis=0) / np.maximum(np.isfinite(chosen).sum(axis=0), 1), np.nan)
        rated = np.flatnonzero(seen_by)
        order = np.concatenate(
            [rated[groups[rated] == group] for group in random.permutation(np.unique(groups[rated]))]
        )
        seen, rest = order[:scores], order[scores:]
        unseen = rest[~np.isin(groups[rest], groups[seen])]
        data = TrainingSet(
            features[seen],
            mean[seen],
            groups[seen],
            features,
            blocks,
            number,
            tuple(files[row] for row in seen),
            tuple(hashes[row] for row in seen),
            (1.0, 7.0),
        )
        yield data, features[unseen], mean[unseen]
