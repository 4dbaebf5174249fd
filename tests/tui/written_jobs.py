"""Jobs as their workers leave them on disk, written in a moment: a live training, a comparison, a search."""

from __future__ import annotations

import math
import os
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.errors import Message
from engine.events import CurvePoint, Epoch, Event, Finished, ItemFailed, Notice, PartMetrics, Phase, Progress, Row
from engine.jobs import lock
from engine.jobs.events import EVENTS_NAME, ROWS_NAME, EventWriter, LineWriter
from engine.jobs.spec import JobSpec, check_payload, save_spec
from engine.workspace import Workspace

Told = Event | Mapping[str, Any]
STARTED: Mapping[str, Any] = {"type": "started"}


def write_job(workspace: Workspace, job_id: str, kind: str, payload: Mapping[str, Any], events: list[Told]) -> Path:
    """Write a job's folder; its worker is dead, unless `held` holds its lock."""
    folder = workspace.jobs / job_id
    folder.mkdir(parents=True)
    day = job_id[:8]
    created = f"{day[:4]}-{day[4:6]}-{day[6:]}T{job_id[9:11]}:{job_id[11:13]}:{job_id[13:15]}Z"
    checked = check_payload(kind, payload)
    save_spec(
        folder,
        JobSpec.model_validate({"job_id": job_id, "kind": kind, "created": created, "payload": checked}),
    )
    tell(folder, events)
    return folder


def tell(folder: Path, events: list[Told]) -> None:
    """Append events to a job."""
    writer = EventWriter(folder / EVENTS_NAME)
    for event in events:
        writer.write(event)
    writer.close()


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Let a job look alive: its lock is held."""
    handle = lock.take(folder)
    assert handle is not None
    try:
        yield
    finally:
        os.close(handle)


def figures(srcc: float, n: int = 60) -> dict[str, float | int | None]:
    """Return plausible metrics of one part."""
    return {
        "srcc": srcc,
        "plcc": srcc + 0.02,
        "kendall": srcc * 0.7,
        "mae": 9.31,
        "rmse": 12.4,
        "r2": srcc * srcc,
        "n": n,
    }


def epochs(count: int, total: int) -> list[Told]:
    """Return what a family with epochs tells, `count` of `total` of them done."""
    noise = random.Random(1)
    best, told = (math.inf, 0), list[Told]()
    for epoch in range(count):
        train = 0.9 * math.exp(-epoch / 30) + 0.12 + 0.05 * noise.random()
        unseen = 0.8 * math.exp(-epoch / 22) + 0.30 + 0.0012 * epoch + 0.06 * noise.random()
        best = min(best, (unseen, epoch))
        srcc = 0.55 * (1 - math.exp(-epoch / 15))
        seen = {"srcc": srcc, "mae": 14 * unseen + 4}
        rate = 1e-3 * (1 - epoch / total)
        told += [
            Epoch(epoch, total, "all", train, unseen, seen, rate, best[1], eta=(total - epoch) * 0.4),
            CurvePoint("epochs", epoch, "loss", train, unseen),
            CurvePoint("epochs", epoch, "mae", 14 * train + 4, 14 * unseen + 4),
            CurvePoint("epochs", epoch, "srcc", None, srcc),
        ]
    return told


def frozen_training(workspace: Workspace, *, finished: bool) -> Path:
    """Write a training of ``frozen`` that is in its 140th epoch, or has ended there."""
    told: list[Told] = [STARTED, Phase("fitting"), Notice(Message("There are no jobs yet.")), *epochs(140, 200)]
    if finished:
        result = {
            "model_id": "frozen-20261121",
            "model": "frozen",
            "metrics": {"test": figures(0.52), "cv": figures(0.48)},
            "baselines": {"mean": figures(0.0), "nearest": figures(0.21)},
            "intervals": {"test": {"srcc": [0.31, 0.68], "mae": [7.9, 10.8]}},
            "leaked": {"test": figures(0.71)},
            "seconds": 84.2,
        }
        told += [PartMetrics("test", figures(0.52)), PartMetrics("cv", figures(0.48)), Finished(result)]
    return write_job(workspace, "20261121-101500-train-a1b1", "train", {"model": "frozen", "name": "dusk"}, told)


def comparison(workspace: Workspace) -> Path:
    """Write a comparison in which three of five are done, one with a verdict."""

    def row(
        model: str, state: str, srcc: float | None = None, seconds: float | None = None, verdict: Any = None
    ) -> Row:
        metrics = {"test": figures(srcc)} if srcc is not None else {}
        values = {"model": model, "backbone": "efficientnet_lite0", "state": state, "metrics": metrics}
        values |= {"seconds": seconds, "verdict": verdict, "error": None, "model_id": None}
        return Row("leaderboard", f"{model}/efficientnet_lite0", values)

    no_better = Message("There is no job {job}.", {"job": "x"}).to_dict()
    told: list[Told] = [STARTED, Phase("comparing")]
    told += [row(model, "waiting") for model in ("ridge", "svr", "random-forest", "gp", "frozen")]
    told += [row("ridge", "done", 0.43, 2.1), row("svr", "done", 0.52, 3.4)]
    told += [row("random-forest", "done", 0.37, 8.9, no_better), row("gp", "running"), Progress("comparing", 3, 5)]
    payload = {"models": ["ridge", "svr", "random-forest", "gp", "frozen"]}
    return write_job(workspace, "20261122-101500-compare-a1b2", "compare", payload, told)


def search(workspace: Workspace, trials: int = 24) -> Path:
    """Write a search of 40 trials of which `trials` are done, some of them broken off."""
    noise, best, told = random.Random(3), -1.0, list[Told]([STARTED, Phase("searching")])
    for trial in range(trials):
        value = 0.35 + 0.2 * noise.random() * (1 - math.exp(-trial / 6))
        pruned = trial % 7 == 3
        best = best if pruned else max(best, value)
        params = {"C": 10 ** noise.uniform(-1, 1.5), "epsilon": 0.1 * noise.random(), "width": noise.uniform(0.1, 4)}
        values = {"trial": trial, "state": "pruned" if pruned else "complete", "value": None if pruned else value}
        told.append(Row("trials", str(trial), {**values, "params": params, "seconds": 1.3, "best": best}))
    told.append(Progress("searching", trials, 40))
    payload = {"base": {"model": "svr"}, "trials": 40}
    return write_job(workspace, "20261123-101500-tune-a1b3", "tune", payload, told)


def prediction(workspace: Workspace, rows: list[Mapping[str, Any]], *, end: Told | None = None) -> Path:
    """Write a prediction of the folder in which the rows' photos lie, its rows done, finished unless told otherwise.

    Args:
        workspace: the job's.
        rows: in the contract's columns.
        end: its last event.
    """
    folder = str(Path(str(rows[0]["path"])).parent)
    failed = [
        ItemFailed(str(row["path"]), Message("{name} is damaged or cut off.", {"name": Path(str(row["path"])).name}))
        for row in rows
        if row["score"] is None
    ]
    told: list[Told] = [STARTED, Progress("features", len(rows), len(rows)), *failed]
    told.append(end or Finished({"model_id": rows[0]["model_id"], "n": len(rows), "failed": len(failed)}))
    place = write_job(workspace, "20261121-171500-predict-e5f6", "predict", {"paths": [folder]}, told)
    with LineWriter(place / ROWS_NAME) as writer:
        for row in rows:
            writer.append(row)
    return place
