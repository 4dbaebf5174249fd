"""Feature vectors made by the tests: a hidden direction decides the scores, the rest is noise."""

import numpy as np

from engine.models.base import TrainingSet

BLOCKS = (12, 20)


def made_set(photos=80, unscored=20, noise=0.1, seed=0, group_size=1):
    """Return a training set whose scores (0…100) follow a direction of the features."""
    random = np.random.default_rng(seed)
    album = random.normal(size=(photos + unscored, sum(BLOCKS))).astype(np.float32)
    album[:, : BLOCKS[0]] *= 50.0
    direction = np.zeros(sum(BLOCKS))
    direction[[0, 15]] = [1 / 50, 1.0]
    hidden = album @ direction + noise * random.normal(size=album.shape[0])
    scores = np.clip(50 + 15 * hidden, 0, 100)[:photos]
    groups = np.arange(photos, dtype=np.int64) // group_size
    return TrainingSet(album[:photos], scores, groups, album, BLOCKS, seed)
