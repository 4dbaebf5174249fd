"""Compare two models on the photos that both judged unseen: metrics, their difference, a verdict, disagreements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.errors import Message, NotEnoughData, UsageError
from engine.metrics import Groups, Metrics, evaluate, paired_difference
from engine.models.bundle import BundleInfo, read_manifest
from engine.models.record import Guessed, read_record
from engine.workspace import Workspace

FEWEST_SHARED = 10
"""Photos that two models must share: with fewer every interval spans everything."""
DISAGREEMENTS = 12
"""Photos that a comparison names, those with the widest gap between the two predictions."""

_DIGITS = 3


@dataclass(frozen=True)
class Gap:
    """How far two models lie apart in one metric.

    Args:
        difference: the left model's value minus the right one's; a model that says the same of all has SRCC 0 here.
        low, high: ends of its 95 % interval, by paired bootstrap over groups of look-alikes.
    """

    difference: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0 or self.high < 0

    def to_dict(self) -> dict[str, float]:
        """Return a JSON-ready form, rounded to six digits."""
        return {key: round(value, 6) for key, value in vars(self).items()}


@dataclass(frozen=True)
class Disagreement:
    """One photo that two models judge differently.

    Args:
        name: the photo's name in ``data/``.
        given: the person's score. left, right: what each model said of it, never having seen it.
    """

    name: str
    given: float
    left: float
    right: float

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready form."""
        return {
            "name": self.name,
            "given": self.given,
            "left": round(self.left, 6),
            "right": round(self.right, 6),
        }


@dataclass(frozen=True)
class Difference:
    """How two models compare.

    Args:
        left, right: the two models.
        n: photos that both judged unseen, with the same given score.
        rescored: photos left out because the score changed between the two trainings.
        left_metrics, right_metrics: each model's figures on these photos.
        gaps: ``srcc`` (above 0: the left one ranks better) and ``mae`` (above 0: the left one is farther off).
        verdict: which one is better, in one sentence with the figures.
        better: the better one's id; empty where there is no clear difference.
        photos: those they disagree on most, the widest gap first.
    """

    left: BundleInfo
    right: BundleInfo
    n: int
    rescored: int
    left_metrics: Metrics
    right_metrics: Metrics
    gaps: Mapping[str, Gap]
    verdict: Message
    better: str
    photos: tuple[Disagreement, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready form."""
        return {
            "left": self.left.to_dict(),
            "right": self.right.to_dict(),
            "n": self.n,
            "rescored": self.rescored,
            "metrics": {"left": self.left_metrics.to_dict(), "right": self.right_metrics.to_dict()},
            "difference": {metric: gap.to_dict() for metric, gap in self.gaps.items()},
            "better": self.better or None,
            "verdict": self.verdict.to_dict(),
            "photos": [photo.to_dict() for photo in self.photos],
        }


def compare_bundles(workspace: Workspace, left: BundleInfo, right: BundleInfo) -> Difference:
    """Compare two models on the photos that both have held-out predictions for.

    A photo whose score was changed between the two trainings is left out: the one model would be measured against an
    opinion that the other never heard.

    Args:
        workspace: whose models they are.
        left, right: two different models.

    Raises:
        UsageError: they are one model, or their scores are on different scales.
        NotEnoughData: one of them kept no held-out predictions, or they share fewer than `FEWEST_SHARED` photos.
        DamagedFile: a manifest or record can't be read.
    """
    if left.path == right.path:
        raise UsageError(
            "{model} can't be compared with itself.",
            remedy="Name two different models; see them all with: beholder models",
            model=label(left),
        )
    if read_manifest(left)["scale"] != read_manifest(right)["scale"]:
        raise UsageError(
            "{left} and {right} learned scores on different scales.",
            remedy="Compare models of one workspace.",
            left=label(left, right),
            right=label(right, left),
        )
    ours, theirs = _held_out(left), _held_out(right)
    both = [name for name in ours if name in theirs]
    shared = [name for name in both if ours[name].given == theirs[name].given]
    if len(shared) < FEWEST_SHARED:
        raise NotEnoughData(
            "{left} and {right} judged only {n} of the same photos unseen, with the same scores; {needed} are needed.",
            remedy="Train both again on the present scores.",
            left=label(left, right),
            right=label(right, left),
            n=len(shared),
            needed=FEWEST_SHARED,
        )
    given = np.array([ours[name].given for name in shared])
    said = np.array([ours[name].predicted for name in shared]), np.array([theirs[name].predicted for name in shared])
    groups = _groups([ours[name] for name in shared], [theirs[name] for name in shared])
    metrics = evaluate(given, said[0]), evaluate(given, said[1])
    gaps = {metric: Gap(*paired_difference(given, *said, groups, metric=metric)) for metric in ("srcc", "mae")}
    verdict, better = _judge((left, right), metrics, gaps)
    widest = sorted(range(len(shared)), key=lambda row: (-abs(said[0][row] - said[1][row]), shared[row]))
    return Difference(
        left,
        right,
        len(shared),
        len(both) - len(shared),
        *metrics,
        gaps,
        verdict,
        better,
        tuple(
            Disagreement(shared[row], float(given[row]), float(said[0][row]), float(said[1][row]))
            for row in widest[:DISAGREEMENTS]
            if said[0][row] != said[1][row]
        ),
    )


def label(info: BundleInfo, other: BundleInfo | None = None) -> str:
    """Return what the person calls a model; its id where it has no name, or `other` has the same one."""
    return info.name if info.name and (other is None or other.name != info.name) else info.model_id


def _held_out(info: BundleInfo) -> dict[str, Guessed]:
    found = {guess.name: guess for guess in read_record(info.path).guesses if guess.held_out}
    if not found:
        raise NotEnoughData(
            "{model} kept no predictions of photos that it had not seen.",
            remedy="It is from an older version or comes from elsewhere: train it again here.",
            model=label(info),
        )
    return found


def _groups(*records: list[Guessed]) -> Groups | None:
    """Return the shared photos' groups as one of the trainings saw them, the stricter one; None if none kept them."""
    known = [
        np.array([guess.group for guess in record], np.int64)
        for record in records
        if all(guess.group is not None for guess in record)
    ]
    return min(known, key=lambda groups: np.unique(groups).size, default=None)


def _judge(
    models: tuple[BundleInfo, BundleInfo], metrics: tuple[Metrics, Metrics], gaps: Mapping[str, Gap]
) -> tuple[Message, str]:
    """Return the verdict and the better one's id: ranking decides, and where it does not, nearness to the scores."""
    ranking, distance = gaps["srcc"], gaps["mae"]
    # which of the two leads: a higher SRCC, a lower MAE
    ahead = int(ranking.difference < 0) if ranking.is_clear else int(distance.difference > 0)
    names = label(models[0], models[1]), label(models[1], models[0])
    values = {
        "better": names[ahead],
        "other": names[1 - ahead],
        "n": metrics[0].n,
        "srcc": _rounded(metrics[ahead].srcc),
        "other_srcc": _rounded(metrics[1 - ahead].srcc),
        "mae": _rounded(metrics[ahead].mae),
        "other_mae": _rounded(metrics[1 - ahead].mae),
    }
    if ranking.is_clear:
        opposed = distance.is_clear and (distance.difference > 0) == (ahead == 0)
        if opposed:
            template = (
                "{better} ranks {n} photos clearly better (SRCC {srcc} against {other_srcc}), "
                "but {other} comes closer to the scores (MAE {other_mae} against {mae})."
            )
            return Message(template, values), models[ahead].model_id
        template = (
            "{better} is better: on {n} photos its SRCC is {srcc} against {other_srcc}, "
            "its MAE {mae} against {other_mae}."
        )
        return Message(template, values), models[ahead].model_id
    if distance.is_clear:
        template = (
            "{better} comes closer to the scores (MAE {mae} against {other_mae} on {n} photos); "
            "there is no clear difference in how the two rank them (SRCC {srcc} against {other_srcc})."
        )
        return Message(template, values), models[ahead].model_id
    template = (
        "No clear difference on {n} photos: {better} has SRCC {srcc} and MAE {mae}, "
        "{other} has SRCC {other_srcc} and MAE {other_mae}."
    )
    return Message(template, values), ""


def _rounded(value: float | None) -> str:
    return "–" if value is None else f"{value:.{_DIGITS}f}"
