"""Progress on stderr: one redrawn line on a terminal, otherwise one JSON line every five seconds."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from shutil import get_terminal_size
from types import TracebackType
from typing import Any, Self

from tui.cell_width import cut, width
from tui.console import Console
from tui.i18n import t, texts

_INTERVAL = 5.0
_REDRAW = 0.1
_BAR = 24
_SHOWN = frozenset({"phase", "progress", "epoch", "step", "curve"})


class ProgressLine:
    """Shows how far the work is; use it as a context, so that the line is gone at the end.

    Args:
        console: where to; a quiet one shows nothing.
        clock: seconds that only grow.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console, self._clock = console, clock
        self._terminal = console.err.isatty()
        self._last_json = clock()
        self._last_draw = float("-inf")
        self._phase = ("", "")
        self._drawn = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()

    def show(self, event: Mapping[str, Any]) -> None:
        """Take a ``phase``, ``progress``, ``epoch``, ``step`` or ``curve`` event in its JSON form; pass over others."""
        if self._console.quiet or event.get("type") not in _SHOWN or event.get("axis") == "epochs":
            return  # the epoch itself tells what its points of the curve say
        if not self._terminal:
            self._write_json(event)
            return
        now, phase = self._clock(), (str(event.get("phase")), str(event["type"]) if "phase" in event else "fit")
        last = event.get("total") is not None and event.get("done") == event["total"]
        if phase != self._phase or last or now - self._last_draw >= _REDRAW:
            self._phase, self._last_draw = phase, now
            self._draw(_line(event))

    def note(self, text: str) -> None:
        """Print a line for the person above the bar."""
        self.clear()
        self._console.note(text)

    def failure(self, item: str, reason: str) -> None:
        """Name a failed item above the bar."""
        self.clear()
        self._console.failure(item, reason)

    def clear(self) -> None:
        """Take the line away."""
        if self._drawn:
            self._console.err.write("\r\x1b[K")
            self._console.err.flush()
            self._drawn = 0

    def _draw(self, line: str) -> None:
        line = cut(line, get_terminal_size().columns - 1)
        self._console.err.write(f"\r{line}\x1b[K")
        self._console.err.flush()
        self._drawn = width(line)

    def _write_json(self, event: Mapping[str, Any]) -> None:
        if event["type"] not in {"progress", "epoch"} or self._clock() - self._last_json < _INTERVAL:
            return
        self._last_json = self._clock()
        kept = {key: event.get(key) for key in ("phase", "done", "total", "rate", "eta")}
        if event["type"] == "epoch":
            kept |= {"phase": "fitting", "done": event["epoch"], "total": event["epochs"]}
            kept |= {key: event.get(key) for key in ("train_loss", "validation_loss", "metrics", "best_epoch")}
        print(json.dumps(kept), file=self._console.err, flush=True)


def phase_name(phase: str) -> str:
    """Return the name of a stage in the present language; an unknown stage keeps its own."""
    return t(f"cli.phase.{phase}") if f"cli.phase.{phase}" in texts("en") else phase


def epoch_parts(event: Mapping[str, Any]) -> list[str]:
    """Return an ``epoch`` event in short pieces: which one, its losses, its rank correlation."""
    stage = t("training_cli.stage_head") if event.get("stage") == "head" else t("training_cli.stage_all")
    losses = [f"{event[key]:.3g}" for key in ("train_loss", "validation_loss") if event.get(key) is not None]
    parts = [t("training_cli.epoch", n=event["epoch"], total=event["epochs"], stage=stage)]
    parts += [t("training_cli.loss", values=" → ".join(losses))] if losses else []
    srcc = (event.get("metrics") or {}).get("srcc")
    return parts if srcc is None else [*parts, f"SRCC {srcc:.3f}"]


def _bar(done: float, total: float) -> str:
    filled = min(int(_BAR * done / total), _BAR)
    return "█" * filled + "░" * (_BAR - filled)


def _line(event: Mapping[str, Any]) -> str:
    kind = event["type"]
    if kind == "epoch":
        parts = [phase_name("fitting"), _bar(event["epoch"], event["epochs"]), *epoch_parts(event)]
        return "  ".join([*parts, *_eta(event)])
    if kind == "step":
        step = t("training_cli.step", epoch=event["epoch"], n=event["step"], total=event["steps"])
        loss = t("training_cli.loss", values=f"{event['loss']:.3g}")
        return "  ".join([phase_name("fitting"), _bar(event["step"], event["steps"]), step, loss])
    if kind == "curve":
        values = [f"{event[key]:.3g}" for key in ("train", "validation") if event.get(key) is not None]
        counted = t(f"training_cli.axis.{event['axis']}", n=f"{event['x']:g}")
        return "  ".join([phase_name("fitting"), counted, f"{str(event['metric']).upper()} {' → '.join(values)}"])
    name = phase_name(str(event["phase"]))
    done, total = event.get("done"), event.get("total")
    if done is None:
        return f"{name} …"
    if event["phase"] == "download":  # counted in bytes
        done, total = round(done / 1e6, 1), round(total / 1e6, 1) if total else None
        rate = event.get("rate")
        event = {**event, "phase": f"{name} (MB)", "rate": rate / 1e6 if rate else None}
        name = str(event["phase"])
    parts = [name]
    if total:
        parts += [_bar(done, total), f"{done}/{total}"]
    else:
        parts.append(str(done))
    if event.get("rate"):
        parts.append(t("cli.progress.rate", rate=f"{event['rate']:.1f}"))
    return "  ".join([*parts, *_eta(event)])


def _eta(event: Mapping[str, Any]) -> list[str]:
    eta = event.get("eta")
    return [] if eta is None else [t("cli.progress.eta", time=duration(float(eta)))]


def duration(seconds: float) -> str:
    """Return a time span as people read it.

    >>> duration(4.24), duration(75), duration(3700)
    ('4.2 s', '1:15', '1:01:40')
    """
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
