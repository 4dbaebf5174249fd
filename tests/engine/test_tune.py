"""A search finds settings honestly, survives kills, shares a journal, and trains what it found."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.errors import BeholderError, DamagedFile, Interrupted, NeedMissing, UsageError
from engine.events import Event, Notice, Row
from engine.jobs import client
from engine.labels.scorebook import ScoreBook
from engine.models import catalog
from engine.models.base import FitControl
from engine.models.bundle import list_bundles, read_manifest
from engine.training.search_space import search_space, with_settings
from engine.training.spec import TrainSpec, TuneSpec
from engine.training.tune import run_search
from engine.workspace import Workspace
from tests.engine.moody_family import EPOCHS, FAMILY, Moody
from tests.waiting import wait_until

SVR = {"model": "svr", "params": {"weighting": "variance"}}


@pytest.fixture
def workspace(workspace_with_model: Workspace) -> Workspace:
    """30 scored photos whose features are known."""
    return workspace_with_model


@pytest.fixture
def moody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(catalog.FAMILIES, "moody", FAMILY)  # type: ignore[misc]
    monkeypatch.setattr(Moody, "epochs_of", [])


def search(workspace: Workspace, base: dict[str, Any], control: FitControl | None = None, **more: Any) -> list[Event]:
    spec = TuneSpec(base=TrainSpec(**base), **more)
    return list(run_search(workspace, spec, control=control or FitControl()))


def trials(events: list[Event]) -> list[dict[str, Any]]:
    """Return the last row of each trial, as a table shows it."""
    rows = {event.key: dict(event.values) for event in events if isinstance(event, Row)}
    return [rows[key] for key in sorted(rows, key=int)]


def result(events: list[Event]) -> dict[str, Any]:
    found: dict[str, Any] = events[-1].to_dict()["result"]
    return found


def notices(events: list[Event]) -> list[str]:
    return [str(event.message) for event in events if isinstance(event, Notice)]


def test_a_search_tries_the_defaults_first_and_trains_the_best(workspace: Workspace) -> None:
    events = search(workspace, SVR, trials=6)
    rows = trials(events)
    assert [row["trial"] for row in rows] == list(range(6))
    family = catalog.get_family("svr")
    searched = {name: param.default for name, param in family.space().items() if name != "weighting"}
    assert rows[0]["params"] == searched
    whole = [row for row in rows if row["state"] == "complete"]
    best = max(whole, key=lambda row: row["value"])
    told = result(events)
    assert told["best"] == {"trial": best["trial"], "value": best["value"], "params": best["params"]}
    assert rows[-1]["best"] == best["value"]
    assert told["trials"] == 6
    assert told["storage"] == str(workspace.internal / "tuning.jsonl")
    (model,) = [info for info in list_bundles(workspace) if info.model_id == told["model_id"]]
    spec = read_manifest(model)["spec"]
    assert spec["params"] == {"weighting": "variance", **best["params"]}
    assert told["training"]["metrics"]["test"]["n"] > 0


def test_the_test_part_has_no_say_in_what_is_chosen(workspace: Workspace) -> None:
    first = search(workspace, SVR, trials=5, study="a")
    model = next(info for info in list_bundles(workspace) if info.model_id == result(first)["model_id"])
    test_part = read_manifest(model)["split"]["test"]
    assert test_part
    given = {entry.name: entry.score or 0.0 for entry in ScoreBook(workspace).entries()}
    ScoreBook(workspace).set_many({name: 100.0 - given[name] for name in test_part})
    second = search(workspace, SVR, trials=5, study="b")

    def known(events: list[Event]) -> list[Any]:
        return [[row[key] for key in ("params", "state", "value")] for row in trials(events)]

    assert known(first) == known(second)
    assert result(first)["training"]["metrics"]["test"] != result(second)["training"]["metrics"]["test"]


def test_a_study_goes_on_and_finds_what_one_run_would_have_found(workspace: Workspace, tmp_path: Path) -> None:
    at_once = trials(search(workspace, SVR, trials=5, storage=str(tmp_path / "one.jsonl")))
    search(workspace, SVR, trials=3, storage=str(tmp_path / "two.jsonl"))
    events = search(workspace, SVR, trials=5, storage=str(tmp_path / "two.jsonl"))
    assert [row["params"] for row in trials(events)] == [row["params"] for row in at_once]
    assert result(events)["trials"] == 5

    models = len(list_bundles(workspace))
    again = search(workspace, SVR, trials=5, storage=str(tmp_path / "two.jsonl"))
    assert result(again)["model_id"] == result(events)["model_id"]
    assert len(list_bundles(workspace)) == models
    assert any("trained already" in notice for notice in notices(again))


def test_failed_trials_are_rows_and_pruned_ones_end_early(workspace: Workspace, moody: None) -> None:
    events = search(workspace, {"model": "moody"}, trials=24)
    rows = trials(events)
    by_mood = {mood: {row["state"] for row in rows if row["params"]["mood"] == mood} for mood in ("bad", "broken")}
    assert by_mood["broken"] == {"failed"}
    assert "pruned" in by_mood["bad"]
    assert all("out of sorts" in row["error"]["text"] for row in rows if row["state"] == "failed")
    assert all(row["value"] is None for row in rows if row["state"] != "complete")
    pruned = sum(row["state"] == "pruned" for row in rows)
    assert sum(epochs < EPOCHS for epochs in Moody.epochs_of) == pruned > 0
    assert result(events)["best"]["params"] == {"mood": "fair"}
    assert any("Nothing better" in notice for notice in notices(events))


def test_a_search_in_which_nothing_works_says_why(workspace: Workspace, moody: None) -> None:
    with pytest.raises(UsageError, match="Every setting of moody"):
        search(workspace, {"model": "moody", "params": {"mood": "broken"}})
    broken = catalog.Param("broken", choices=("broken",))
    catalog.FAMILIES["moody"] = catalog.ModelFamily("moody", FAMILY.place, FAMILY.options, {"mood": broken})  # type: ignore[index]
    with pytest.raises(BeholderError, match="No trial of the search succeeded: ValueError: out of sorts"):
        search(workspace, {"model": "moody"}, trials=30)
    assert len(list_bundles(workspace)) == 1


def test_an_early_end_trains_the_best_so_far(workspace: Workspace) -> None:
    seen: list[Event] = []
    control = FitControl(should_finish=lambda: any(row["state"] == "complete" for row in trials(seen)))
    for event in run_search(workspace, TuneSpec(base=TrainSpec(**SVR), trials=500), control=control):
        seen += [event]
    assert [row["state"] for row in trials(seen)][:1] == ["complete"]
    assert result(seen)["trials"] <= 2
    assert result(seen)["model_id"] in {info.model_id for info in list_bundles(workspace)}


def test_a_stopped_search_leaves_no_trial_running_and_goes_on(workspace: Workspace) -> None:
    seen: list[Event] = []
    control = FitControl(should_stop=lambda: len(trials(seen)) == 3)
    with pytest.raises(Interrupted):
        for event in run_search(workspace, TuneSpec(base=TrainSpec(**SVR), trials=5), control=control):
            seen += [event]
    assert len(list_bundles(workspace)) == 1
    events = search(workspace, SVR, trials=5)
    states = [row["state"] for row in trials(events)]
    assert states[2] == "failed"
    assert len(states) == 6
    assert result(events)["trials"] == 5


def test_a_journal_survives_a_torn_line_and_a_stranger_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    search(workspace, SVR, trials=2, study="mine", storage=str(journal))
    with journal.open("a") as file:
        file.write('{"op_code": 5, "trial_')
    events = search(workspace, SVR, trials=3, study="mine", storage=str(journal))
    assert result(events)["trials"] == 3
    assert all(json.loads(line) for line in journal.read_text().splitlines())

    with pytest.raises(UsageError, match="The study mine searches settings of svr, not of random-forest"):
        search(workspace, {"model": "random-forest"}, study="mine", storage=str(journal))
    other = search(workspace, {**SVR, "seed": 7}, trials=1, study="mine", storage=str(journal))
    assert any("other settings or scores" in notice for notice in notices(other))

    photo = tmp_path / "photo.jpg"
    shutil.copy(next(workspace.data.glob("*.jpg")), photo)
    before = photo.read_bytes()
    for content in (before, b"{}\n", b"[1]\nnot json\n"):
        photo.write_bytes(content)
        with pytest.raises(DamagedFile, match=r"photo\.jpg is no journal of a search"):
            search(workspace, SVR, storage=str(photo))
        assert photo.read_bytes() == content


def test_without_optuna_or_anything_to_search_it_is_refused(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="taste leaves nothing to search"):
        search(workspace, {"model": "taste"})
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(NeedMissing, match=r"pip install 'beholder\[tune\]'"):
        search(workspace, SVR)


def test_what_is_set_is_not_searched() -> None:
    base = TrainSpec(model="frozen", lr=1e-3, params={"hidden": 32})
    space = search_space(base)
    assert not {"lr", "hidden", "epochs", "patience", "prior"} & set(space)
    assert {"batch", "dropout", "loss", "weight_decay"} <= set(space)
    found = with_settings(base, {"batch": 16, "dropout": 0.1 + 0.2})
    assert (found.lr, found.params, found.batch, found.dropout) == (1e-3, {"hidden": 32}, 16, 0.3)


@pytest.fixture
def jobs(workspace: Workspace) -> Iterator[list[str]]:
    started: list[str] = []
    yield started
    for job in started:
        if client.state_of(workspace, job).alive:
            client.cancel(workspace, job, grace=0.1)


def _rows(workspace: Workspace, job: str) -> list[dict[str, Any]]:
    return [event["values"] for event in client.read_events(workspace, job)[0] if event["type"] == "row"]


def _end(workspace: Workspace, job: str) -> dict[str, Any]:
    last = list(client.follow(workspace, job))[-1]
    assert last["type"] == "finished", client.log_text(workspace, job)
    found: dict[str, Any] = last["result"]
    return found


def _pid(workspace: Workspace, job: str) -> int:
    started = [event for event in client.read_events(workspace, job)[0] if event["type"] == "started"]
    return int(started[-1]["pid"])


@pytest.mark.slow
def test_two_processes_share_a_journal(workspace: Workspace, jobs: list[str]) -> None:
    payload = {"base": SVR, "trials": 10, "study": "ours"}
    jobs.append(client.start(workspace, "tune", payload, queue=False))
    wait_until(lambda: _rows(workspace, jobs[0]), "the first trial", 60)
    pid = _pid(workspace, jobs[0])
    os.kill(pid, signal.SIGSTOP)  # so that the second one surely gets its turn
    jobs.append(client.start(workspace, "tune", payload, queue=False))
    theirs = _rows(workspace, jobs[0])[-1]["trial"]
    wait_until(lambda: any(row["trial"] > theirs + 1 for row in _rows(workspace, jobs[1])), "trials of the second", 60)
    os.kill(pid, signal.SIGCONT)
    told = [_end(workspace, job) for job in jobs]
    journal = [json.loads(line) for line in (workspace.internal / "tuning.jsonl").read_text().splitlines()]
    workers = {line["user_attr"]["worker"] for line in journal if "worker" in line.get("user_attr", {})}
    assert len(workers) == 2
    last = max(told, key=lambda one: one["trials"])
    assert last["trials"] == 10
    params = [row["params"] for row in _rows(workspace, jobs[1]) if row["state"] in {"complete", "pruned"}]
    assert len({json.dumps(one) for one in params}) == len(params)


@pytest.mark.slow
def test_a_killed_search_goes_on(workspace: Workspace, jobs: list[str]) -> None:
    jobs.append(client.start(workspace, "tune", {"base": SVR, "trials": 6}))
    wait_until(lambda: len({row["trial"] for row in _rows(workspace, jobs[0])}) >= 3, "three trials", 60)
    pid = _pid(workspace, jobs[0])
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: client.state_of(workspace, jobs[0]) is client.JobState.CRASHED, "the job to be dead")
    client.resume(workspace, jobs[0])
    told = _end(workspace, jobs[0])
    assert told["trials"] == 6
    assert "running" not in {row["state"] for row in {row["trial"]: row for row in _rows(workspace, jobs[0])}.values()}
