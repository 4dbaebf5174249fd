"""What is asked of one training, comparison or search: checked where it comes in, stored with the job."""

from __future__ import annotations

import math
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from engine.errors import UsageError
from engine.features.backbones import get_backbone
from engine.models.base import Recipe, Setting
from engine.models.catalog import AUGMENTATIONS, DEFAULT_MODEL, Param, check_model, get_family
from engine.models.loss_terms import parse_loss

Split = tuple[float, float, float]
_SPLIT_REMEDY = "Write three numbers such as 70/15/15: train, validation, test."
_RECIPE_FIELDS = ("model", "backbone", "weights", "epochs", "lr", "batch", "weight_decay", "dropout", "loss")


class TrainSpec(BaseModel):
    """One training.

    Args:
        model: model family, a name of `engine.models.catalog.MODELS`.
        backbone: the network whose features are used, a name of `engine.features.backbones`.
        weights: ``default``, ``none`` (random, on purpose) or a file.
        epochs, lr, batch, weight_decay, dropout, loss, augment, patience: see `engine.models.base.Recipe`; None is the
            family's default. One that the family has no use for is refused.
        params: the family's own hyper-parameters; see `engine.models.catalog.ModelFamily.params`.
        prior: the id of a trained model to start from; empty means none.
        split: shares of train, validation and test; they sum to 1; train and test are above 0.
        folds: grouped cross-validation with so many folds (2…20) in place of the split; None means the split.
        seed: makes every random choice repeatable.
        name: what the person calls the model; may be empty.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = DEFAULT_MODEL
    backbone: str = "efficientnet_lite0"
    weights: str = "default"
    epochs: int | None = Field(default=None, ge=1, le=10_000)
    lr: float | None = Field(default=None, gt=0, le=100, allow_inf_nan=False)
    batch: int | None = Field(default=None, ge=1, le=4096)
    weight_decay: float | None = Field(default=None, ge=0, le=100, allow_inf_nan=False)
    dropout: float | None = Field(default=None, ge=0, lt=1, allow_inf_nan=False)
    loss: str | None = None
    augment: str | None = None
    patience: int | None = Field(default=None, ge=1, le=10_000)
    params: dict[str, Setting] = Field(default_factory=dict)
    prior: str = Field(default="", max_length=200)
    split: Split = (0.7, 0.15, 0.15)
    folds: int | None = Field(default=None, ge=2, le=20)
    seed: int = Field(default=0, ge=0, lt=2**31)
    name: str = Field(default="", max_length=100)

    @field_validator("model")
    @classmethod
    def _known_model(cls, value: str) -> str:
        return check_model(value)

    @field_validator("backbone")
    @classmethod
    def _known_backbone(cls, value: str) -> str:
        return get_backbone(value).name

    @field_validator("split")
    @classmethod
    def _whole_split(cls, value: Split) -> Split:
        if min(value) < 0 or value[0] <= 0 or value[2] <= 0 or abs(sum(value) - 1) > 1e-6:
            raise ValueError("shares must sum to 1, train and test above 0")
        return value

    @field_validator("loss")
    @classmethod
    def _known_loss(cls, value: str | None) -> str | None:
        if value is not None:
            parse_loss(value)
        return value

    @field_validator("augment")
    @classmethod
    def _known_augmentation(cls, value: str | None) -> str | None:
        if value is not None and value not in AUGMENTATIONS:
            raise ValueError(f"must be one of {', '.join(AUGMENTATIONS)}")
        return value

    @model_validator(mode="after")
    def _only_what_applies(self) -> TrainSpec:
        family = get_family(self.model)
        for option in ("epochs", "lr", "batch", "weight_decay", "dropout", "loss", "augment", "patience", "prior"):
            if getattr(self, option) not in {None, ""} and option not in family.options:
                raise UsageError(
                    "{model} has no use for {option}.",
                    remedy="Leave it away. {model} heeds: {known}.",
                    model=self.model,
                    option=option,
                    known=", ".join(family.options) or "–",
                )
        for name, value in self.params.items():
            if name not in family.params:
                raise UsageError(
                    "{model} has no hyper-parameter “{name}”.",
                    remedy="It has: {known}.",
                    model=self.model,
                    name=name,
                    known=", ".join(family.params) or "–",
                )
            check_setting(name, value, family.params[name])
        return self

    def recipe(self) -> Recipe:
        """Return how the scorer is to be made."""
        fields = (*_RECIPE_FIELDS, "augment", "patience", "params")
        return Recipe(**{name: getattr(self, name) for name in fields})


def check_setting(name: str, value: Setting, param: Param) -> None:
    """Refuse a hyper-parameter of the wrong kind or out of its range.

    Raises:
        UsageError: it is.
    """
    if param.choices:
        allowed = value in param.choices
        known = ", ".join(str(choice) for choice in param.choices)
    else:
        low, high = (
            param.low if param.low is not None else -math.inf,
            param.high if param.high is not None else math.inf,
        )
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        allowed = is_number and low <= float(value) <= high
        allowed = allowed and (not isinstance(param.default, int) or float(value) == int(float(value)))
        known = f"{low:g} … {high:g}"
    if not allowed:
        raise UsageError(
            "“{value}” is no value for {name}.", remedy="Possible: {known}.", value=value, name=name, known=known
        )


class CompareSpec(BaseModel):
    """One comparison: each family on each backbone, all under one split.

    Args:
        models: families; empty means all that don't train a network.
        backbones: networks.
        split, folds, seed: as in `TrainSpec`.
        epochs: at most so many, for the families that have epochs; None is each family's default.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: list[str] = Field(default_factory=list)
    backbones: list[str] = Field(default_factory=lambda: ["efficientnet_lite0"], min_length=1)
    weights: str = "default"
    split: Split = (0.7, 0.15, 0.15)
    folds: int | None = Field(default=None, ge=2, le=20)
    seed: int = Field(default=0, ge=0, lt=2**31)
    epochs: int | None = Field(default=None, ge=1, le=10_000)

    @model_validator(mode="after")
    def _each_can_be_trained(self) -> CompareSpec:
        self.trainings()
        return self

    def trainings(self) -> list[TrainSpec]:
        """Return the trainings it is made of, backbone by backbone."""
        from engine.models.catalog import FAMILIES

        models = self.models or [name for name, family in FAMILIES.items() if not family.trains_network]
        shared = {"weights": self.weights, "split": self.split, "folds": self.folds, "seed": self.seed}
        return [
            TrainSpec(
                model=model,
                backbone=backbone,
                epochs=self.epochs if "epochs" in get_family(model).options else None,
                **shared,  # type: ignore[arg-type]
            )
            for backbone in dict.fromkeys(self.backbones)
            for model in dict.fromkeys(models)
        ]


class TuneSpec(BaseModel):
    """One search for better hyper-parameters.

    Args:
        base: the training that is varied; what it sets is not searched.
        trials: how many trials the whole study has when it ends, those of earlier runs included.
        study: name of the study inside its journal file; the same name goes on with it.
        storage: the journal file, shared by any number of processes; empty: one in the workspace.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    base: TrainSpec
    trials: int = Field(default=30, ge=1, le=100_000)
    study: str = Field(default="", max_length=200)
    storage: str = ""


def parse_split(text: str) -> Split:
    """Return the three shares that ``70/15/15`` (or ``0.7/0.15/0.15``) names.

    Raises:
        UsageError: not three numbers, negative, or no train or test part.

    >>> parse_split("60/20/20")
    (0.6, 0.2, 0.2)
    """
    try:
        parts = [float(part) for part in text.replace(",", "/").split("/")]
        total = sum(parts)
        if len(parts) != 3 or min(parts) < 0 or parts[0] <= 0 or parts[2] <= 0 or not 0 < total < 1e6:
            raise ValueError(text)
    except ValueError as error:
        raise UsageError("“{text}” is not a split.", remedy=_SPLIT_REMEDY, text=text) from error
    return (
        round(parts[0] / total, 6),
        round(parts[1] / total, 6),
        round(1 - round(parts[0] / total, 6) - round(parts[1] / total, 6), 6),
    )


def make_spec(**values: Any) -> TrainSpec:
    """Return a checked spec.

    Raises:
        UsageError: a value makes no sense; the message names it.
    """
    try:
        return TrainSpec.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(
            "{option}: {cause}.",
            remedy="See beholder train --help.",
            option=".".join(str(part) for part in first["loc"]),
            cause=str(first["msg"]),
        ) from error
