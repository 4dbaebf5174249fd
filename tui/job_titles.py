"""What a job was asked for, in a few words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from engine.errors import display_name
from tui.i18n import t

ROOMS: Mapping[str, str] = {"train": "train", "compare": "train", "tune": "train", "predict": "predict"}
"""Kind of job → the room that shows it."""

_KINDS = {"train": "jobs.kind.train", "compare": "jobs.kind.compare", "tune": "jobs.kind.tune"}


def kind_name(kind: str) -> str:
    """Return the word for a kind of job in the present language; a damaged job has the kind ``?``."""
    if kind == "predict":
        return t("jobs.kind.predict")
    return t(_KINDS[kind]) if kind in _KINDS else t("jobs.kind.unknown")


def job_title(kind: str, payload: Mapping[str, Any]) -> str:
    """Return what a job was asked for, safe to show.

    Args:
        kind: ``train``, ``compare``, ``tune``, ``predict``, or anything else for a damaged job.
        payload: what stands in its ``spec.json``; may lack anything.
    """
    if kind == "train":
        return training_title(payload)
    if kind == "compare":
        models, backbones = _texts(payload.get("models")), _texts(payload.get("backbones"))
        learners = ", ".join(models) if models else t("jobs.all_models")
        return display_name(f"{learners} · {', '.join(backbones)}".strip(" ·"))
    if kind == "tune":
        base = payload.get("base")
        model = training_title(base) if isinstance(base, Mapping) else ""
        return t("jobs.trials", what=model, n=display_name(str(payload.get("trials", "?"))))
    if kind == "predict":
        return ", ".join(display_name(PurePath(path).name or path) for path in _texts(payload.get("paths")))
    return ""


def training_title(payload: Mapping[str, Any]) -> str:
    """Return what a training was asked for: its name if it has one, else model and backbone."""
    name = str(payload.get("name") or "")
    model = f"{payload.get('model', '')} · {payload.get('backbone', '')}".strip(" ·")
    return display_name(f"{name} ({payload.get('model', '')})" if name else model)


def _texts(value: Any) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list | tuple) else []
