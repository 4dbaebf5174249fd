"""One piece of work on an album of any size, to be watched: ``python -m benchmarks.growth_work NAME WORKSPACE``."""

from __future__ import annotations

import sys
from pathlib import Path

from engine.workspace import Workspace


def features(workspace: Workspace) -> None:
    """Ask for the feature vector of each photo in ``data/``."""
    from engine.features.backbones import DEFAULT
    from engine.features.cache import FeatureCache
    from engine.features.extract import Embedded, embed
    from engine.images import find_images

    paths = list(find_images(workspace.data))
    with FeatureCache(workspace.features_file) as cache:
        done = 0
        for event in embed(paths, DEFAULT, cache=cache):
            if isinstance(event, Embedded):
                assert event.vector is not None, event.error
                done += 1
    assert done == len(paths)


def train(workspace: Workspace, model: str) -> None:
    """Train one model on all scores, as a job would."""
    from engine.training.run import run_training
    from engine.training.spec import TrainSpec

    for _ in run_training(workspace, TrainSpec(model=model)):
        pass


if __name__ == "__main__":
    what, place = sys.argv[1], Workspace(Path(sys.argv[2]))
    features(place) if what == "features" else train(place, what)
