"""Which model families there are: name → Scorer, imported only when asked for."""

from __future__ import annotations

import difflib
import importlib
from typing import TYPE_CHECKING

from engine.errors import UsageError

if TYPE_CHECKING:
    from engine.models.base import Scorer

_SCORERS = {
    "taste": "engine.models.taste:Taste",
    "random-forest": "engine.models.forest:RandomForest",
}
MODELS: tuple[str, ...] = tuple(_SCORERS)
DEFAULT_MODEL = "taste"
FEWEST_SCORES = 8  # with fewer, no split leaves enough to learn from


def check_model(name: str) -> str:
    """Return the name if it is a model family.

    Raises:
        UsageError: it is not; the nearest names are given.
    """
    if name in _SCORERS:
        return name
    near = difflib.get_close_matches(name, MODELS, n=3, cutoff=0.4) or MODELS
    raise UsageError(
        "There is no model “{name}”.", remedy="Choose one of: {choices}.", name=name, choices=", ".join(near)
    )


def scorer_class(name: str) -> type[Scorer]:
    """Return the class of a model family (imports what it needs).

    Raises:
        UsageError: there is no such family.
    """
    module, _, attribute = _SCORERS[check_model(name)].partition(":")
    found: type[Scorer] = getattr(importlib.import_module(module), attribute)
    return found
