"""Begin from what a model of other people, or of other photos, says; learn only what is left of this person.

The prior's prediction p(x) enters as b · (p(x) − centre), where the centre is its mean over the scored photos, and the
family learns the rest: score − b · (p − centre). How far the prior is believed, b, is a share of the regression slope
of the scores on p. Grouped cross-validation chooses the share: none where the prior doesn't help on groups that were
held out, and less of it as the features alone come to say the same.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from engine.errors import UsageError
from engine.events import Event, StopCheck, raise_if_stopped
from engine.models.base import Features, FitControl, Recipe, Scorer, Scores, TrainingSet, Uncertain
from engine.models.catalog import scorer_class
from engine.models.damaged import damaged_model
from engine.models.folds import deal_folds
from engine.models.moments import MANY
from engine.models.ridge import STRENGTHS, ridge_weights
from engine.models.standardise import Standardiser
from engine.storage import disk_errors, write_json

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
PRIOR_FOLDER = "prior"
_FILE = "prior.json"
_FOLDS = 5
_ENOUGH = 2000  # scores by which the share is chosen where there are thousands
# standard errors by which the prior has to better the held-out error, less may be chance; with few scores, where no
# gain could be sure, it has the benefit of the doubt, and the whole is asked of it from some tens of scores on
_SURE, _DOUBT = 0.5, 40
_LIKE_MINDED, _AGREEMENT = 10, 0.5  # see `_slope`
_ALONE = FitControl()


@dataclass(frozen=True)
class Belief:
    """How far the prior is believed.

    Args:
        share: of the slope, one of `SHARES`. slope: change of the scores with the prior's prediction, 0 or more.
        centre: the prior's mean prediction over the scored photos.
    """

    share: float = 0.0
    slope: float = 0.0
    centre: float = 0.0

    @property
    def weight(self) -> float:
        """The factor b of the prior's prediction."""
        return self.share * self.slope

    def of(self, prior: Scores) -> Scores:
        """Return the part of (N,) predictions that comes from the prior, in score units."""
        return self.weight * (prior - self.centre)


class WithPrior:
    """A family on top of a fitted prior, which takes the same features; a `Scorer`."""

    name: ClassVar[str] = "with-prior"

    def __init__(self, recipe: Recipe | None = None, *, scorer: Scorer, prior: Scorer, belief: Belief | None = None):
        self._scorer, self._prior = scorer, prior
        self._belief = belief or Belief()

    def fit(
        self, data: TrainingSet, validation: TrainingSet | None = None, *, control: FitControl = _ALONE
    ) -> Iterator[Event]:
        """Decide how far to believe the prior, then let the family learn the rest; see `Scorer.fit`."""
        raise_if_stopped(control.should_stop)
        said = np.asarray(self._prior.predict(self._scorer.vectors(data)), np.float64)
        self._belief = choose_belief(data, said, control.should_stop)
        left = None if validation is None or not validation.scores.size else self._left(validation)
        yield from self._scorer.fit(self._left(data), left, control=control)

    def _left(self, data: TrainingSet) -> TrainingSet:
        """Return the set with what the prior leaves to be learned as its scores."""
        part = self.prior_share(self._scorer.vectors(data))
        low, high = data.scale
        scale = (low - float(part.max(initial=0.0)), high - float(part.min(initial=0.0)))
        return dataclasses.replace(data, scores=data.scores - part, scale=scale)

    def vectors(self, data: TrainingSet) -> Features:
        """Return the vectors that the family takes; see `Scorer.vectors`."""
        return self._scorer.vectors(data)

    def predict(self, features: Features) -> Scores:
        """Return (N,) scores for (N, D) float32 features: the prior's part and the family's."""
        return self.prior_share(features) + self._scorer.predict(features)

    def prior_share(self, features: Features) -> Scores:
        """Return (N,) how far the prior moves each prediction, in score units, for (N, D) float32 features."""
        if not self._belief.weight:
            return np.zeros(features.shape[0])
        return self._belief.of(np.asarray(self._prior.predict(features), np.float64))

    def details(self) -> dict[str, float | int | str]:
        """Return what the family chose, the prior's weight, and which share of the slope that is."""
        found = {"prior_weight": round(self._belief.weight, 6), "prior_share": self._belief.share}
        return {**self._scorer.details(), **found}

    def save(self, folder: Path) -> None:
        """Write the family's files, ``prior.json``, and the prior's files in ``prior/``."""
        self._scorer.save(folder)
        below = folder / PRIOR_FOLDER
        with disk_errors(below):
            below.mkdir(exist_ok=True)
        self._prior.save(below)
        names = {"model": self._scorer.name, "prior_model": self._prior.name}
        write_json(folder / _FILE, {**names, **dataclasses.asdict(self._belief)})

    @classmethod
    def load(cls, folder: Path) -> WithPrior:
        """Return the fitted model that `save` wrote; see `Scorer.load`."""
        content = _content(folder)
        return load_with_prior(folder, str(content["model"]), str(content["prior_model"]))


class UncertainWithPrior(WithPrior):
    """A family that says how sure it is, on top of a prior, which adds no doubt of its own; `Uncertain`."""

    def spread(self, features: Features) -> Scores:
        """Return (N,) standard deviations; see `Uncertain.spread`."""
        assert isinstance(self._scorer, Uncertain)
        return self._scorer.spread(features)


def with_prior(scorer: Scorer, prior: Scorer, belief: Belief | None = None) -> WithPrior:
    """Return a scorer that learns only what is left of the person when the prior has spoken.

    Args:
        scorer: unfitted, of the family that learns; it takes the backbone's features as they are.
        prior: fitted, on features of the same fingerprint.
        belief: that of a model fitted before.

    Raises:
        UsageError: the prior itself begins from a prior.
    """
    if isinstance(prior, WithPrior):
        raise UsageError(
            "This model begins from a prior itself, so no training can start from it.",
            remedy="Choose a model that was trained without a prior.",
        )
    kind = UncertainWithPrior if isinstance(scorer, Uncertain) else WithPrior
    return kind(scorer=scorer, prior=prior, belief=belief)


def load_with_prior(folder: Path, model: str, prior_model: str) -> WithPrior:
    """Return the fitted scorer that `WithPrior.save` wrote.

    Args:
        folder: the bundle's.
        model: family of the model. prior_model: family of its prior.

    Raises:
        DamagedFile: a file is not what was written, or is of other families.
        NotFound: a file is missing.
    """
    content = _content(folder)
    if (content["model"], content["prior_model"]) != (model, prior_model):
        raise damaged_model(folder / _FILE, "it is of other model families than the manifest says")
    try:
        belief = Belief(*(float(content[place.name]) for place in dataclasses.fields(Belief)))
    except (LookupError, TypeError, ValueError) as error:
        raise damaged_model(folder / _FILE, f"{type(error).__name__}: {error}") from error
    if not all(np.isfinite(dataclasses.astuple(belief))):
        raise damaged_model(folder / _FILE, "a weight that is not finite")
    loaded = scorer_class(model).load(folder), scorer_class(prior_model).load(folder / PRIOR_FOLDER)
    return with_prior(*loaded, belief)


def _content(folder: Path) -> Mapping[str, Any]:
    file = folder / _FILE
    try:
        with disk_errors(file):
            content = json.loads(file.read_bytes())
        if not isinstance(content, dict) or not {"model", "prior_model"} <= content.keys():
            raise ValueError("it names no model and no prior")
    except (LookupError, TypeError, ValueError, RecursionError) as error:
        raise damaged_model(file, f"{type(error).__name__}: {error}") from error
    return content


def choose_belief(data: TrainingSet, prior: Scores, should_stop: StopCheck) -> Belief:
    """Return how far a prior is to be believed, by its worth on groups that were held out.

    What a family would learn of the rest is stood in for by ridge regression of the same features: in closed form it
    answers for all shares at once, where fitting a forest or a network for each would cost minutes.

    Args:
        data: N scored photos.
        prior: (N,) what the prior says of them.
        should_stop: see `FitControl`.

    Raises:
        Interrupted: `should_stop` said so.
    """
    centre = float(prior.mean())
    slope = _slope(data.scores, prior)
    if data.scores.size > MANY:  # so many tell the share; what is believed is worked out in their products
        some = np.sort(np.random.default_rng(data.seed).permutation(data.scores.size)[:_ENOUGH])
        data, prior = data.subset(some), prior[some]
    folds = deal_folds(data.groups, _FOLDS, data.seed)
    if not slope or folds.max() == 0:
        return Belief(0.0, slope, centre)
    rows = Standardiser.fit(data.album, data.blocks).apply(data.features)
    errors = np.zeros((len(SHARES), len(STRENGTHS), data.scores.size))
    for fold in range(int(folds.max()) + 1):
        raise_if_stopped(should_stop)
        seen, unseen = folds != fold, folds == fold
        told, weights = prior[unseen, None], _slope(data.scores[seen], prior[seen]) * np.asarray(SHARES)
        # ridge is linear in what it learns: scores minus b times prior is answered by the two answers' difference
        of_scores, of_prior = (
            rows[unseen] @ found.T + level
            for found, level in (ridge_weights(rows[seen], target[seen], STRENGTHS) for target in (data.scores, prior))
        )
        for number, weight in enumerate(weights):
            guess = of_scores + weight * (told - of_prior)
            errors[number][:, unseen] = ((guess - data.scores[unseen, None]) ** 2).T
    best = errors[np.arange(len(SHARES)), errors.mean(axis=2).argmin(axis=1)]
    chosen = int(best.mean(axis=1).argmin())
    gain = best[0] - best[chosen]
    sure = _SURE * gain.size / (gain.size + _DOUBT)
    if gain.mean() <= sure * gain.std() / np.sqrt(gain.size):
        chosen = 0
    return Belief(SHARES[chosen], slope, centre)


def _slope(scores: Scores, prior: Scores) -> float:
    """Return the slope of scores on a prior, drawn towards what like-minded people show; 0 where it can't be told.

    With a handful of scores the plain regression slope is mostly chance. `_LIKE_MINDED` photos' worth of two persons
    who agree at a correlation of `_AGREEMENT` steady it, and count for nothing as scores come.
    """
    away, scatter = prior - prior.mean(), float(prior.std())
    if scatter <= 1e-6 * max(1.0, float(np.abs(prior).max())):
        return 0.0
    found = float(away @ (scores - scores.mean())) / (prior.size * scatter**2)
    expected = _AGREEMENT * float(scores.std()) / scatter
    return max((prior.size * found + _LIKE_MINDED * expected) / (prior.size + _LIKE_MINDED), 0.0)
