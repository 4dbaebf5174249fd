"""What the form has to know from disk: scores, backbones and models; call it in a thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.errors import BeholderError
from engine.features import backbones
from engine.labels.scorebook import ScoreBook
from engine.models.bundle import BundleInfo, list_bundles
from engine.workspace import Workspace
from tui.i18n import t
from tui.training.settings import told
from tui.widgets.train_form import BackboneChoice, Scored


@dataclass(frozen=True)
class FormNeeds:
    """Scores, backbones and models as they are now."""

    scored: Scored
    backbones: Sequence[BackboneChoice]
    models: Sequence[BundleInfo]


def read_needs(workspace: Workspace) -> FormNeeds:
    """Return what the form needs; damaged scores are told in it.

    Raises:
        BeholderError: the folder of models can't be read.
    """
    choices = [_choice(backbone) for backbone in backbones.list_backbones()]
    models = list_bundles(workspace) if workspace.models.is_dir() else []
    try:
        entries = ScoreBook(workspace).entries()
    except BeholderError as error:
        return FormNeeds(Scored(0, 0, error), choices, models)
    scores = [entry.score for entry in entries if entry.present and entry.score is not None]
    return FormNeeds(Scored(len(scores), len(set(scores))), choices, models)


def look_up_backbone(name: str) -> BackboneChoice:
    """Return what a typed backbone is; the first time that takes seconds, because another process describes it."""
    try:
        return _choice(backbones.get_backbone(name))
    except BeholderError as error:
        return BackboneChoice(name, False, "", told(error), known=False)


def _choice(backbone: backbones.Backbone) -> BackboneChoice:
    note = t("train.about_backbone", input=backbone.input, parameters=f"{backbone.parameters / 1e6:.1f}")
    if backbones.is_available(backbone):
        return BackboneChoice(backbone.name, True, note)
    advice = ""
    try:
        backbone.find_weights()
    except BeholderError as error:
        advice = told(error)
    return BackboneChoice(backbone.name, False, note, advice)
