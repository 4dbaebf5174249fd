"""Where a training begins: at nothing, or at a trained model whose features are checked first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from engine.errors import Message, UsageError
from engine.events import Notice
from engine.features.backbones import get_backbone
from engine.models.base import Scorer
from engine.models.bundle import BundleInfo, find_bundle, load_bundle
from engine.models.catalog import make_scorer
from engine.models.record import read_record
from engine.training.spec import TrainSpec
from engine.workspace import Workspace


@dataclass(frozen=True)
class Prior:
    """The model that a training starts from.

    Args:
        info: which one it is.
        scorer: it, fitted; on whatever scale: a training finds out how far its scores are to be followed.
        learned: names of the photos in ``data/`` whose scores it has learned from; empty where it left no record.
    """

    info: BundleInfo
    scorer: Scorer
    learned: frozenset[str]

    def to_dict(self) -> dict[str, Any]:
        """Return the manifest's ``prior``."""
        return {"model_id": self.info.model_id, "model": self.info.model}


def find_prior(workspace: Workspace, spec: TrainSpec) -> Prior | None:
    """Return the model that the spec's ``prior`` means, loaded; None where it names none.

    Args:
        workspace: where it lies.
        spec: what is asked.

    Raises:
        UsageError: it takes other features, or the reference fits several models.
        NotFound: there is no such model. DamagedFile: it can't be loaded. NeedMissing: the weights are not here.
    """
    if not spec.prior:
        return None
    info = find_bundle(workspace, spec.prior)
    bundle = load_bundle(info)
    if bundle.manifest.get("fingerprint") != get_backbone(spec.backbone).fingerprint(spec.weights):
        raise UsageError(
            "{prior} takes other features than {backbone} gives here, so no training can start from it.",
            remedy="Choose a prior that was trained on {backbone} with the same weights, or its backbone: {other}.",
            prior=info.name or info.model_id,
            backbone=spec.backbone,
            other=info.backbone,
        )
    record = read_record(info.path)
    return Prior(info, bundle.scorer, frozenset(guess.name for guess in record.guesses))


def begin(spec: TrainSpec, prior: Prior | None) -> Scorer:
    """Return an unfitted scorer as the spec says, on top of the prior where there is one."""
    scorer = make_scorer(spec.recipe())
    if prior is None:
        return scorer
    from engine.models.prior import with_prior

    return with_prior(scorer, prior.scorer)


def prior_notices(prior: Prior | None, names: tuple[str, ...]) -> Iterator[Notice]:
    """Say where the prior makes the figures look better than they are: it has seen some of the scores."""
    known = len(prior.learned.intersection(names)) if prior is not None else 0
    if prior is not None and known:
        yield Notice(
            Message(
                "{prior} has learned from {n} of these photos: figures of a model that starts from it flatter.",
                {"prior": prior.info.name or prior.info.model_id, "n": known},
            )
        )
