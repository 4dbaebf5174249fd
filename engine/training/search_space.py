"""What a search may vary: a family's settings with a range or choices, less what the person has set."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping

from engine.errors import NeedMissing, UsageError
from engine.models.base import Setting
from engine.models.catalog import FAMILIES, Param, get_family
from engine.training.spec import TrainSpec


def search_space(base: TrainSpec) -> dict[str, Param]:
    """Return what is searched, by name: the family's `space` without what the base sets.

    >>> sorted(search_space(TrainSpec(model="svr", params={"C": 2.0})))
    ['epsilon', 'weighting', 'width']
    """
    family = get_family(base.model)
    fixed = {name for name in family.options if getattr(base, name) not in {None, ""}} | base.params.keys()
    return {name: param for name, param in family.space().items() if name not in fixed}


def require_search(base: TrainSpec) -> None:
    """Refuse early what no search can be made of.

    Raises:
        UsageError: the family has nothing to search, or all of it is set. NeedMissing: Optuna is not installed.
    """
    if not search_space(base):
        able = ", ".join(name for name, family in FAMILIES.items() if family.space())
        raise UsageError(
            "{model} leaves nothing to search."
            if not get_family(base.model).space()
            else "Every setting of {model} that could be searched is given.",
            remedy="Leave a setting away, or choose another model: {able}.",
            model=base.model,
            able=able,
        )
    if importlib.util.find_spec("optuna") is None:
        raise NeedMissing(
            "A search needs Optuna, which is not installed.", remedy="Install it with: pip install 'beholder[tune]'"
        )


def defaults(space: Mapping[str, Param]) -> dict[str, Setting]:
    """Return the family's own value of each searched setting."""
    return {name: param.default for name, param in space.items()}


def tidy(value: Setting) -> Setting:
    """Return a found value as people would write it down: six digits.

    >>> tidy(0.30000000000000004)
    0.3
    """
    return float(f"{value:.6g}") if isinstance(value, float) else value


def settings_of(found: Mapping[str, Setting]) -> dict[str, Setting]:
    """Return found settings, each as `tidy` writes it."""
    return {name: tidy(value) for name, value in found.items()}


def with_settings(base: TrainSpec, settings: Mapping[str, Setting]) -> TrainSpec:
    """Return the training with these settings, options and hyper-parameters alike.

    Raises:
        UsageError: a value is out of its range, or they don't go together.
    """
    own = get_family(base.model).params
    told = base.model_dump()
    told["params"] = base.params | {name: tidy(value) for name, value in settings.items() if name in own}
    told |= {name: tidy(value) for name, value in settings.items() if name not in own}
    return TrainSpec.model_validate(told)
