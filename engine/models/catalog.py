"""Which model families there are, and what can be set for each; a Scorer is imported only when asked for."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from engine.errors import UsageError

if TYPE_CHECKING:
    from engine.models.base import Recipe, Scorer, Setting

DEFAULT_MODEL = "taste"
FEWEST_SCORES = 8  # with fewer, no split leaves enough to learn from
AUGMENTATIONS = ("none", "light", "strong")

Option = Literal["epochs", "lr", "batch", "weight_decay", "dropout", "loss", "augment", "patience", "prior"]


@dataclass(frozen=True)
class Param:
    """One hyper-parameter of a family, and where a search looks for a better value.

    Args:
        default: what is used when nobody chooses.
        low: lowest value of a number. high: highest.
        log: the search walks in factors, not in steps.
        choices: the values there are, where it is no number of a range; the type is the default's.
    """

    default: Setting
    low: float | None = None
    high: float | None = None
    log: bool = False
    choices: tuple[Setting, ...] = ()


@dataclass(frozen=True)
class ModelFamily:
    """One model family as forms, commands and searches see it.

    Args:
        name: how people call it.
        place: ``module:Class`` of its `Scorer`.
        options: which fields of a `Recipe` (and ``prior``) it heeds, each with its default and its search range.
        params: its own hyper-parameters, set through `Recipe.params`.
        axis: what its live curve counts: ``labels``, ``trees``, ``stages``, ``folds`` or ``epochs``.
        trains_network: it learns from the photos themselves and trains the whole backbone.
    """

    name: str
    place: str
    options: Mapping[Option, Param] = field(default_factory=dict)
    params: Mapping[str, Param] = field(default_factory=dict)
    axis: str = "labels"
    trains_network: bool = False

    def space(self) -> dict[str, Param]:
        """Return everything that a search may vary: the options with a range or choices, and all params."""
        found: dict[str, Param] = dict(self.params)
        found.update((name, value) for name, value in self.options.items() if value.choices or value.low is not None)
        return found


_PRIOR: Mapping[Option, Param] = {"prior": Param("")}
_WEIGHTING: Mapping[str, Param] = {"weighting": Param("auto", choices=("auto", "block", "variance"))}
_LOSS = Param("huber", choices=("mse", "mae", "huber", "rank", "huber+0.5*rank"))

FAMILIES: Mapping[str, ModelFamily] = {
    family.name: family
    for family in (
        ModelFamily("taste", "engine.models.taste:Taste", _PRIOR),
        ModelFamily(
            "frozen",
            "engine.models.neural.frozen:Frozen",
            {
                "epochs": Param(80),
                "lr": Param(2e-3, 1e-4, 3e-2, log=True),
                "batch": Param(32, choices=(16, 32, 64)),
                "weight_decay": Param(1e-2, 1e-4, 1.0, log=True),
                "dropout": Param(0.4, 0.0, 0.7),
                "loss": _LOSS,
                "patience": Param(20),
                **_PRIOR,
            },
            {"hidden": Param(64, choices=(0, 32, 64, 128, 256))},
            axis="epochs",
        ),
        ModelFamily(
            "finetune",
            "engine.models.neural.finetune:Finetune",
            {
                "epochs": Param(15),
                "lr": Param(3e-4, 1e-5, 3e-3, log=True),
                "batch": Param(16, choices=(8, 16, 32)),
                "weight_decay": Param(5e-2, 1e-4, 0.5, log=True),
                "dropout": Param(0.3, 0.0, 0.7),
                "loss": _LOSS,
                "augment": Param("light", choices=AUGMENTATIONS),
                "patience": Param(4),
            },
            {
                "layer_decay": Param(0.8, 0.5, 1.0),
                "ema": Param(0.99, choices=(0.0, 0.9, 0.99, 0.999)),
                "held": Param(0.02, choices=(0.0, 0.02, 0.1)),
            },
            axis="epochs",
            trains_network=True,
        ),
        ModelFamily(
            "random-forest",
            "engine.models.forest:RandomForest",
            _PRIOR,
            {
                "trees": Param(300, 50, 1000, log=True),
                "max_features": Param("sqrt", choices=("sqrt", "log2", "0.05", "0.2")),
                "min_samples_leaf": Param(2, 1, 20, log=True),
            },
            axis="trees",
        ),
        ModelFamily(
            "svr",
            "engine.models.svr:SupportVector",
            _PRIOR,
            {
                "C": Param(2.0, 0.05, 50.0, log=True),
                "epsilon": Param(0.1, 0.01, 0.5, log=True),
                "width": Param(1.0, 0.1, 4.0, log=True),
                **_WEIGHTING,
            },
        ),
        ModelFamily(
            "gradient-boosting",
            "engine.models.boosting:GradientBoosting",
            _PRIOR,
            {
                "stages": Param(200, 50, 600, log=True),
                "learning_rate": Param(0.05, 0.01, 0.3, log=True),
                "max_depth": Param(3, 1, 6),
                "subsample": Param(0.7, 0.4, 1.0),
            },
            axis="stages",
        ),
        ModelFamily(
            "stacking",
            "engine.models.stacking:Stacking",
            _PRIOR,
            {"strength": Param(0.3, 0.01, 10.0, log=True), "folds": Param(5, 3, 10)},
            axis="folds",
        ),
        ModelFamily(
            "ridge",
            "engine.models.ridge:Ridge",
            _PRIOR,
            {
                "strength": Param("auto", choices=("auto", "0.01", "0.03", "0.1", "0.3", "1", "3", "10", "30", "100")),
                **_WEIGHTING,
            },
        ),
        ModelFamily(
            "gp",
            "engine.models.gp:GaussianProcess",
            _PRIOR,
            {"kernel": Param("rbf+linear", choices=("rbf+linear", "rbf", "linear")), **_WEIGHTING},
        ),
        ModelFamily(
            "hist-gradient-boosting",
            "engine.models.boosting:HistGradientBoosting",
            _PRIOR,
            {
                "stages": Param(200, 50, 600, log=True),
                "learning_rate": Param(0.05, 0.01, 0.3, log=True),
                "max_leaf_nodes": Param(15, 4, 63, log=True),
                "columns": Param(250, 20, 1000, log=True),
            },
            axis="stages",
        ),
    )
}
MODELS: tuple[str, ...] = tuple(FAMILIES)


def check_model(name: str) -> str:
    """Return the name if it is a model family.

    Raises:
        UsageError: it is not; the nearest names are given.
    """
    if name in FAMILIES:
        return name
    near = difflib.get_close_matches(name, MODELS, n=3, cutoff=0.4) or MODELS
    raise UsageError(
        "There is no model “{name}”.", remedy="Choose one of: {choices}.", name=name, choices=", ".join(near)
    )


def get_family(name: str) -> ModelFamily:
    """Return the model family of this name.

    Raises:
        UsageError: there is none.
    """
    return FAMILIES[check_model(name)]


def scorer_class(name: str) -> type[Scorer]:
    """Return the class of a model family (imports what it needs).

    Raises:
        UsageError: there is no such family.
    """
    module, _, attribute = get_family(name).place.partition(":")
    found: type[Scorer] = getattr(importlib.import_module(module), attribute)
    return found


def make_scorer(recipe: Recipe) -> Scorer:
    """Return an unfitted scorer of the recipe's family.

    Raises:
        UsageError: there is no such family.
    """
    return scorer_class(recipe.model)(recipe)
