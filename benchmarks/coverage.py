"""How often the 90 % intervals hold on photos of groups that were never seen, and which pictures are told to be far.

``python -m benchmarks.coverage [--people N] [--n 25,50,75] [--splits N] [--families taste,ridge,…]``

Reads ``oasis/`` below ``$BEHOLDER_EVAL_DATA``; nothing of it is kept. Every draw is trained, saved, loaded and asked as
`beholder train` and `beholder predict` do it, but that the photos' features are computed once. With up to 75 scores a
draw is one real person; with more it is the mean score of all raters. Every draw has its own seed.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.model_families import BACKBONE, MOST_OF_ONE_PERSON, SCALE, Draw, draws, read_album
from benchmarks.model_families import Album as EvaluationSet
from benchmarks.table import print_table
from benchmarks.unlike_photos import draw_all
from engine.events import Event, exhaust
from engine.features.backbones import get_backbone
from engine.features.cache import FeatureCache
from engine.features.extract import Embedded, embed
from engine.models.bundle import find_bundle, load_bundle, remove_bundle
from engine.models.catalog import check_model
from engine.prediction.judge import Judge
from engine.prediction.predicted import Prediction
from engine.training.album import Album
from engine.training.measure import make_plan
from engine.training.run import train_album
from engine.training.spec import TrainSpec, make_spec
from engine.workspace import Scale, Workspace

CHEAP = ("taste", "ridge", "svr", "gp")
DEAR = ("random-forest", "gradient-boosting", "frozen", "stacking")
_EACH = 20  # made pictures of each kind


@dataclass(frozen=True)
class Held:
    """What became of one draw.

    Args:
        covered: share of the unseen photos whose score lies within its interval. far: share that is called far.
        width: mean width of the intervals, clipped to the scale.
        shown: share of the test part that lay within its interval, as the manifest tells; None where it doesn't.
        flagged: what else was asked about → share that is called far.
    """

    covered: float
    far: float
    width: float
    shown: float | None
    flagged: Mapping[str, float]


def one_draw(family: str, draw: Draw, others: Mapping[str, NDArray[np.float32]], workspace: Workspace) -> Held:
    """Train on what a draw has seen and ask about the rest.

    Args:
        family: what to train. draw: on what.
        others: name → (N, D) float32 features of other pictures.
        workspace: where the bundle is made.
    """
    data = draw.data.subset(draw.seen)
    data = dataclasses.replace(data, album=data.features)  # a photo that is asked about is new altogether
    spec = make_spec(model=family, name="measured", seed=data.seed)
    names = tuple(photo.name for photo in data.photos)
    album = Album(names, data.hashes, data, {}, {}, get_backbone(BACKBONE).fingerprint(spec.weights))
    exhaust(_training(workspace, spec, album))
    info = find_bundle(workspace, "latest")
    bundle = load_bundle(info)
    judge = Judge(bundle)
    unseen = draw.data.subset(draw.unseen)
    said = _ask(judge, unseen.features)
    remove_bundle(workspace, info)
    low, high = (np.array([getattr(row, end) for row in said], np.float64) for end in ("low", "high"))
    return Held(
        float(((low <= unseen.scores) & (unseen.scores <= high)).mean()),
        float(np.mean([row.far for row in said])),
        float((high - low).mean()),
        bundle.manifest["interval"].get("held"),
        {name: float(np.mean([row.far for row in _ask(judge, rows)])) for name, rows in others.items()},
    )


def _training(workspace: Workspace, spec: TrainSpec, album: Album) -> Iterator[Event]:
    plan = yield from make_plan(spec, album.scored)
    yield from train_album(workspace, spec, album, plan, leaked=False)


def _ask(judge: Judge, features: NDArray[np.float32]) -> list[Prediction]:
    return judge([Embedded(Path(str(number)), row, str(number)) for number, row in enumerate(features)])


def coverage(
    album: EvaluationSet, family: str, n: int, count: int, others: Mapping[str, NDArray[np.float32]] | None = None
) -> list[Held]:
    """Return what became of each of `count` draws with `n` scores."""
    found = []
    with tempfile.TemporaryDirectory() as place:
        workspace = Workspace(Path(place))
        workspace.create(Scale(*SCALE))
        for number, draw in enumerate(draws(album, n, count), start=1):
            print(f"\r{n} scores, {family}, draw {number} of {count}   ", end="", file=sys.stderr, flush=True)
            found.append(one_draw(family, draw, others or {}, workspace))
    print("\r" + " " * 70 + "\r", end="", file=sys.stderr, flush=True)
    return found


def other_pictures(base: Path, cache: FeatureCache) -> dict[str, NDArray[np.float32]]:
    """Return features of made pictures by kind, and of photos from elsewhere where there are some."""
    found = {}
    with tempfile.TemporaryDirectory() as place:
        kinds = draw_all(Path(place), _EACH)
        elsewhere = sorted((base / "photos").glob("*.jpg"))
        if elsewhere:
            kinds["photos from elsewhere"] = elsewhere
        for kind, files in kinds.items():
            events = embed(files, BACKBONE, cache=cache)
            vectors = [event.vector for event in events if isinstance(event, Embedded) and event.vector is not None]
            found[kind] = np.stack(vectors)
    return found


def run(families: Mapping[str, int], sizes: Sequence[int], splits: int) -> None:
    """Measure and print all.

    Args:
        families: model family → how many persons. sizes: numbers of scores. splits: draws of the mean score.
    """
    base = Path(os.environ.get("BEHOLDER_EVAL_DATA", "../shared/data"))
    if not (base / "oasis").is_dir():
        print(f"skipped: there is no {base / 'oasis'}; set BEHOLDER_EVAL_DATA")
        return
    with tempfile.TemporaryDirectory() as scratch, FeatureCache(Path(scratch) / "features.sqlite") as cache:
        album, others = read_album(base / "oasis", cache), other_pictures(base, cache)
    rows, flagged = [], {}
    for family, people in families.items():
        for n in sizes:
            count = people if n <= MOST_OF_ONE_PERSON else splits
            # which pictures are far depends on the photos, not on the family
            first = family == next(iter(families))
            found = coverage(album, family, n, count, others if first else None)
            rows.append(_row(family, n, found))
            if first:
                flagged[n] = found
    head = ("family", "scores", "draws", "coverage", "± SE", "SD over draws", "mean width", "said of the test part")
    print_table(f"90 % intervals on groups never seen (scale {SCALE[0]:g}…{SCALE[1]:g})", head, rows)
    kinds = [(name, *(f"{np.mean([h.flagged[name] for h in flagged[n]]):.1%}" for n in sizes)) for name in others]
    own = ("unseen photos of the same set", *(f"{np.mean([h.far for h in flagged[n]]):.1%}" for n in sizes))
    print_table("Told to be far", ("pictures", *(f"{n} scores" for n in sizes)), [own, *kinds])


def _row(family: str, n: int, found: Sequence[Held]) -> tuple[str, ...]:
    covered = np.array([held.covered for held in found])
    shown = [held.shown for held in found if held.shown is not None]
    return (
        family,
        str(n),
        str(covered.size),
        f"{covered.mean():.1%}",
        f"{covered.std() / np.sqrt(covered.size):.1%}",
        f"{covered.std():.1%}",
        f"{np.mean([held.width for held in found]):.2f}",
        f"{np.mean(shown):.1%}" if shown else "–",
    )


def main() -> None:
    """Print the short form, as a part of all benchmarks."""
    run(dict.fromkeys(CHEAP, 40), (50,), splits=4)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--people", type=int, default=40, help="persons where each draw is one")
    parser.add_argument("--splits", type=int, default=8, help="draws of the mean score of all raters")
    parser.add_argument("--n", default="25,50,75", help="how many scores are learned from")
    parser.add_argument("--families", default=",".join(CHEAP), help=f"the dear ones are {', '.join(DEAR)}")
    asked = parser.parse_args()
    run(
        {check_model(name): asked.people for name in asked.families.split(",")},
        [int(size) for size in asked.n.split(",")],
        asked.splits,
    )
