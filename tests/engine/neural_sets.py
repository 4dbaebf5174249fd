"""Training sets of small photos that brighten with their score, and ways to run a fit and stop it."""

import hashlib

import numpy as np

from engine.errors import Interrupted
from engine.events import Epoch
from engine.features.backbones import get_backbone
from engine.features.extract import Embedded, embed
from engine.models.base import FitControl, TrainingSet
from tests.conftest import draw_photo


def photo_set(folder, photos=16, backbone="efficientnet_lite0", weights="default", features=True, seed=0):
    """Return a training set of new photos, two of three wide, the others upright; brighter means better."""
    paths = []
    for number in range(photos):
        size = (96, 72) if number % 3 else (72, 96)
        paths.append(draw_photo(folder / f"{number}.png", number, 0.1 + 0.8 * number / max(photos - 1, 1), size))
    network = get_backbone(backbone)
    if features:
        found = [item for item in embed(paths, network, cache=None, weights=weights) if isinstance(item, Embedded)]
        vectors = np.stack([item.vector for item in found])
    else:
        vectors = np.random.default_rng(0).normal(size=(photos, network.width)).astype(np.float32)
    return TrainingSet(
        vectors,
        np.linspace(10, 90, photos),
        np.arange(photos),
        vectors,
        [width for _, width in network.blocks],
        seed,
        tuple(paths),
        tuple(hashlib.sha256(path.read_bytes()).hexdigest() for path in paths),
    )


def epochs_of(events):
    """Return the epochs among events."""
    return [event for event in events if isinstance(event, Epoch)]


def notices_of(events):
    """Return the texts of the notices among events."""
    return [str(event.message) for event in events if event.type == "notice"]


def stop_after(scorer, data, validation, folder, epochs):
    """Fit until so many epochs were told, then ask to stop; return what was told by then."""
    told = []

    def should_stop():
        return len([event for event in epochs_of(told) if event.epoch]) >= epochs

    try:
        for event in scorer.fit(data, validation, control=FitControl(should_stop=should_stop, checkpoints=folder)):
            told += [event]
    except Interrupted:
        return told
    raise AssertionError("the fit was over before it could be stopped")


def files_of(scorer, folder):
    """Return the bytes of each file that a scorer saves."""
    folder.mkdir()
    scorer.save(folder)
    return {file.name: file.read_bytes() for file in folder.iterdir()}
