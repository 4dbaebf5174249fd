"""A recipe's hyper-parameters as numbers and texts, with the catalogue's defaults for those that nobody chose."""

from __future__ import annotations

from engine.models.base import Recipe, Setting
from engine.models.catalog import get_family


def settings(recipe: Recipe) -> dict[str, Setting]:
    """Return every hyper-parameter of the recipe's family, the recipe's own values first.

    >>> settings(Recipe("svr", params={"C": 3.0}))["C"]
    3.0
    """
    known = {name: param.default for name, param in get_family(recipe.model).params.items()}
    return {name: recipe.params.get(name, default) for name, default in known.items()}
