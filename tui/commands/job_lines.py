"""One line of text for what a job's events tell: epochs, rows of a table, whom it waits for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.errors import Message, display_name
from tui.i18n import say, t, texts
from tui.progress_line import duration, epoch_parts, phase_name

Event = Mapping[str, Any]


def metric(value: object) -> str | None:
    """Return a metric as it stands in tables; None where it doesn't exist."""
    return f"{value:.3f}" if isinstance(value, int | float) else None


def waiting_line(event: Event) -> str:
    """Return for whom a job waits."""
    behind = event.get("behind")
    return t("training_cli.waits_behind", job=display_name(str(behind))) if behind else t("training_cli.waits")


def epoch_line(event: Event) -> str:
    """Return how an epoch went."""
    return " · ".join([*epoch_parts(event), t("training_cli.best_epoch", n=event["best_epoch"])])


def metrics_line(event: Event) -> str:
    """Return the figures of one part of the split."""
    part = str(event["part"])
    shown = ", ".join(f"{key} {value:g}" for key, value in event["values"].items() if value is not None)
    return f"{t(f'cli.part.{part}') if f'cli.part.{part}' in texts('en') else part}: {shown}"


def row_line(event: Event) -> str | None:
    """Return what is new in a row of a table; None while there is nothing to tell yet."""
    values = event["values"]
    state = str(values.get("state"))
    if state in {"waiting", "running"}:
        return None
    parts = [f"{event['key']}:" if event["table"] == "leaderboard" else t("training_cli.trial", n=values["trial"])]
    if state in {"failed", "pruned"}:
        parts.append(t(f"training_cli.row.{state}"))
    if event["table"] == "leaderboard":
        best = _unseen(values.get("metrics") or {})
        parts += [f"SRCC {best}"] if best else []
    elif values.get("value") is not None:
        parts.append(f"SRCC {values['value']:.3f} ({t('training_cli.best', value=metric(values.get('best')))})")
    if values.get("seconds") is not None:
        parts.append(duration(float(values["seconds"])))
    if params := values.get("params"):
        parts.append(settings_text(params))
    parts += [say(Message.from_dict(values[key])) for key in ("verdict", "error") if values.get(key)]
    return "  ".join(parts)


def settings_text(params: Mapping[str, Any]) -> str:
    """Return settings as they would be typed.

    >>> settings_text({"C": 2.0, "loss": "huber"})
    'C=2 loss=huber'
    """
    return " ".join(
        f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}" for name, value in params.items()
    )


def _unseen(metrics: Mapping[str, Mapping[str, Any]]) -> str | None:
    return next((text for part in ("cv", "test") if (text := metric(metrics.get(part, {}).get("srcc")))), None)


def latest_text(event: Event | None) -> str | None:
    """Return in a few words how far a living job is."""
    if event is None:
        return None
    if event["type"] == "waiting":
        return waiting_line(event)
    if event["type"] == "epoch":
        return f"{phase_name('fitting')} {event['epoch']}/{event['epochs']}"
    done, total = event.get("done"), event.get("total")
    counted = f" {done}/{total}" if total else "" if done is None else f" {done}"
    return f"{phase_name(str(event['phase']))}{counted}"
