"""What is asked of one training: checked where it comes in, stored with the job and the model."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from engine.errors import UsageError
from engine.features.backbones import get_backbone
from engine.models.catalog import DEFAULT_MODEL, check_model

Split = tuple[float, float, float]
_SPLIT_REMEDY = "Write three numbers such as 70/15/15: train, validation, test."


class TrainSpec(BaseModel):
    """One training.

    Args:
        model: model family, a name of `engine.models.catalog.MODELS`.
        backbone: the network whose features are used, a name of `engine.features.backbones`.
        weights: ``default``, ``none`` (random, on purpose) or a file.
        split: shares of train, validation and test; they sum to 1; train and test are above 0.
        folds: grouped cross-validation with so many folds (2…20) in place of the split; None means the split.
        seed: makes every random choice repeatable.
        name: what the person calls the model; may be empty.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = DEFAULT_MODEL
    backbone: str = "efficientnet_lite0"
    weights: str = "default"
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


def make_spec(**values: object) -> TrainSpec:
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
