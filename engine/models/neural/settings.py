"""A recipe's settings with the family's defaults filled in; imports nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.models.base import Recipe, Setting
from engine.models.catalog import get_family


@dataclass(frozen=True)
class Settings:
    """How a network is trained; see `engine.models.base.Recipe`."""

    epochs: int
    lr: float
    batch: int
    weight_decay: float
    dropout: float
    loss: str
    augment: str
    patience: int
    params: Mapping[str, Setting]


def read_settings(recipe: Recipe, family: str) -> Settings:
    """Return the settings of a recipe for a family with epochs; what it leaves open is the family's default."""
    known = get_family(family)

    def of(name: Any) -> Any:
        own = getattr(recipe, name)
        return known.options[name].default if own is None and name in known.options else own

    return Settings(
        epochs=int(of("epochs")),
        lr=float(of("lr")),
        batch=int(of("batch")),
        weight_decay=float(of("weight_decay")),
        dropout=float(of("dropout")),
        loss=str(of("loss")),
        augment=str(of("augment") or "none"),
        patience=int(of("patience")),
        params={name: recipe.params.get(name, param.default) for name, param in known.params.items()},
    )
