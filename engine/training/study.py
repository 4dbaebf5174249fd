"""A study of Optuna in a journal file: any number of processes share it, and one that is killed breaks nothing."""

from __future__ import annotations

import fcntl
import json
import math
import os
import secrets
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, Trial, TrialState

from engine.errors import DamagedFile, Message, UsageError
from engine.events import Row
from engine.models.base import Setting
from engine.models.catalog import Param
from engine.storage import disk_errors
from engine.training.search_space import defaults, settings_of, tidy

_STATES = {
    TrialState.RUNNING: "running",
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}
_WORKER, _ERROR, _ABOUT, _MODELS = "worker", "error", "about", "models"
_STARTUP = 5  # trials before the first one may be pruned


class Study:
    """One study, opened for work by one process; use it as a context.

    Args:
        file: the journal.
        name: the study's name in it; one that is there is gone on with.
        about: what values can be compared with: ``model``, ``backbone``, …; kept with a new study.
        space: what is searched.
        seed: makes the proposals repeatable where one process works alone.
        warm_up: intermediate steps before which no trial is pruned.

    Raises:
        DamagedFile: the file is no journal of Optuna.
        UsageError: the study of that name searches another model or backbone.
        BeholderError: the file can't be written.
    """

    def __init__(
        self,
        file: Path,
        name: str,
        about: Mapping[str, str],
        space: Mapping[str, Param],
        *,
        seed: int,
        warm_up: int,
    ) -> None:
        self.file, self.name, self._seed = file, name, seed
        self._space = space
        self._alive = file.with_name(f".{file.name}.alive")
        self._shown: dict[int, tuple[object, object]] = {}
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with disk_errors(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            _check_journal(file)
            self._alive.mkdir(exist_ok=True)
        with self._journal(), warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            self._study = optuna.create_study(
                storage=JournalStorage(JournalFileBackend(str(file), lock_obj=_KernelLock(file))),
                study_name=name,
                direction="maximize",
                load_if_exists=True,
                pruner=optuna.pruners.MedianPruner(_STARTUP, warm_up),
            )
            known = self._study.user_attrs.get(_ABOUT)
            if known is None:
                self._study.set_user_attr(_ABOUT, dict(about))
                # the first trial is what the person has now, so that the search never ends with less
                self._study.enqueue_trial(defaults(space), skip_if_exists=True)
            self.is_same = known is None or known == dict(about)
        for key in ("model", "backbone"):
            if known is not None and known.get(key) != about[key]:
                raise UsageError(
                    "The study {study} searches settings of {other}, not of {model}.",
                    remedy="Give this search a name of its own: --study NAME",
                    study=name,
                    other=str(known.get(key)),
                    model=about[key],
                )

    def __enter__(self) -> Study:
        self._token = secrets.token_hex(8)
        with disk_errors(self._alive):
            self._handle = os.open(self._alive / self._token, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            fcntl.flock(self._handle, fcntl.LOCK_EX)
        with self._journal():
            for trial in self._trials():
                token = trial.user_attrs.get(_WORKER)
                if trial.state is TrialState.RUNNING and token and not self._lives(str(token)):
                    self._study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            (self._alive / self._token).unlink(missing_ok=True)
        os.close(self._handle)

    def _lives(self, token: str) -> bool:
        """Say whether the process of that name holds its lock; a dead one's file is taken away."""
        place = self._alive / Path(token).name
        try:
            handle = os.open(place, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            place.unlink(missing_ok=True)
        except BlockingIOError:
            return True
        finally:
            os.close(handle)
        return False

    @contextmanager
    def _journal(self) -> Iterator[None]:
        with disk_errors(self.file):
            try:
                yield
            except (KeyError, AssertionError, json.JSONDecodeError) as error:
                raise _damaged(self.file, f"{type(error).__name__}: {error}") from error

    def _trials(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False)

    def count(self, *, before: int | None = None) -> int:
        """Return how many trials there are: running, whole, pruned, or failed by themselves.

        Args:
            before: only those with a lower number.
        """
        with self._journal():
            return sum(_counts(trial) for trial in self._trials() if before is None or trial.number < before)

    def done(self) -> int:
        """Return how many of these have ended."""
        with self._journal():
            return sum(_counts(trial) and trial.state.is_finished() for trial in self._trials())

    def ask(self, limit: int) -> tuple[Trial, dict[str, Setting]] | None:
        """Return a new trial and the settings that it is to try; None where the study has `limit` trials."""
        if self.count() >= limit:
            return None
        with self._journal():
            trial = self._study.ask()
            trial.set_user_attr(_WORKER, self._token)
            if self.count(before=trial.number) >= limit:  # another process was faster
                self._study.tell(trial, state=TrialState.FAIL)
                return None
            # by its number: alone, the same study proposes the same; beside others, no two propose the same
            seed = int(np.random.SeedSequence((self._seed, trial.number)).generate_state(1)[0])
            self._study.sampler = optuna.samplers.TPESampler(seed=seed, multivariate=False)
            found = {key: _suggest(trial, key, param) for key, param in self._space.items()}
        return trial, {key: tidy(value) for key, value in found.items()}

    def prune(self, trial: Trial, value: float, step: int) -> bool:
        """Report a trial's value so far, and say whether it lies below the median of the others at this step."""
        with self._journal():
            trial.report(value, step)
            return trial.should_prune()

    def complete(self, trial: Trial, value: float) -> None:
        """Note a trial's value."""
        with self._journal():
            self._study.tell(trial, value)

    def end(self, trial: Trial, *, pruned: bool = False, error: Message | None = None) -> None:
        """Note that a trial was pruned, failed by itself, or was broken off (which does not count)."""
        with self._journal():
            if error is not None:
                trial.set_user_attr(_ERROR, error.to_dict())
            self._study.tell(trial, state=TrialState.PRUNED if pruned else TrialState.FAIL)

    def best(self) -> FrozenTrial | None:
        """Return the trial with the highest value, the earliest of equals; None before the first whole one."""
        with self._journal():
            whole = [trial for trial in self._trials() if trial.state is TrialState.COMPLETE]
        return max(whole, key=lambda trial: (_value(trial), -trial.number), default=None)

    def rows(self) -> Iterator[Row]:
        """Yield a table's row for each trial that is new or has changed since the last call, of any process."""
        with self._journal():
            trials = self._trials()
        for trial in trials:
            if trial.state not in _STATES:
                continue
            news = (trial.state, dict(trial.params))
            if self._shown.get(trial.number) != news:
                self._shown[trial.number] = news
                yield Row("trials", str(trial.number), _row(trial, trials))

    def model_of(self, trial: FrozenTrial, place: str) -> str | None:
        """Return the id of the model that was trained with a trial's settings there; None if none was."""
        with self._journal():
            found = self._study.user_attrs.get(f"{_MODELS}:{trial.number}", {}).get(place)
        return str(found) if found else None

    def note_model(self, trial: FrozenTrial, place: str, model_id: str) -> None:
        """Note which model was trained with a trial's settings."""
        with self._journal():
            key = f"{_MODELS}:{trial.number}"
            self._study.set_user_attr(key, {**self._study.user_attrs.get(key, {}), place: model_id})


def _row(trial: FrozenTrial, trials: list[FrozenTrial]) -> Mapping[str, Any]:
    return {
        "trial": trial.number,
        "state": _STATES[trial.state],
        "value": _value(trial) if trial.state is TrialState.COMPLETE else None,
        "params": settings_of(trial.params),
        "seconds": round(trial.duration.total_seconds(), 3) if trial.duration else None,
        "best": _best_until(trial, trials),
        "error": trial.user_attrs.get(_ERROR),
    }


def _counts(trial: FrozenTrial) -> bool:
    ended = trial.state in {TrialState.RUNNING, TrialState.COMPLETE, TrialState.PRUNED}
    return ended or (trial.state is TrialState.FAIL and _ERROR in trial.user_attrs)


def _value(trial: FrozenTrial) -> float:
    """Return a whole trial's value; what a pruned one had after some folds compares with nothing."""
    value = trial.value if trial.state is TrialState.COMPLETE else None
    return -math.inf if value is None else value


def _best_until(trial: FrozenTrial, trials: list[FrozenTrial]) -> float | None:
    whole = [other for other in trials if other.state is TrialState.COMPLETE and other.datetime_complete]
    moment = trial.datetime_complete
    known = [_value(other) for other in whole if moment is None or (other.datetime_complete or moment) <= moment]
    return max(known, default=None)


def _suggest(trial: Trial, name: str, param: Param) -> Setting:
    if param.choices:
        chosen = trial.suggest_categorical(name, list(param.choices))
        return param.default if chosen is None else chosen
    low, high = float(param.low or 0.0), float(param.high or 0.0)
    if isinstance(param.default, int):
        return trial.suggest_int(name, int(low), int(high), log=param.log)
    return trial.suggest_float(name, low, high, log=param.log)


class _KernelLock(JournalFileOpenLock):
    """The journal's lock as a flock, which ends with its process; Optuna's own outlives a kill for half a minute.

    Whoever takes it first removes what a writer that was killed, or a full disk, left of a line.
    """

    def __init__(self, file: Path) -> None:
        super().__init__(str(file))
        self._file = file
        self._handle = -1

    def acquire(self) -> bool:
        place = self._file.with_name(f".{self._file.name}.lock")
        self._handle = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        fcntl.flock(self._handle, fcntl.LOCK_EX)
        with self._file.open("rb+") as journal:
            size = journal.seek(0, os.SEEK_END)
            if size and os.pread(journal.fileno(), 1, size - 1) != b"\n":
                journal.seek(0)
                journal.truncate(journal.read().rfind(b"\n") + 1)
        return True

    def release(self) -> None:
        os.close(self._handle)


def _check_journal(file: Path) -> None:
    """Refuse a file in which a whole line is none of a journal: nothing is written into a stranger's file."""
    if not file.exists():
        return
    for number, line in enumerate(file.read_bytes().split(b"\n")[:-1], 1):
        try:
            is_entry = "op_code" in json.loads(line)
        except (ValueError, TypeError, RecursionError):
            is_entry = False
        if not is_entry:
            raise _damaged(file, f"line {number}")


def _damaged(file: Path, cause: str) -> DamagedFile:
    return DamagedFile(
        "{path} is no journal of a search, or is damaged ({cause}).",
        remedy="Choose another file with --storage FILE; this one is left as it is.",
        path=file,
        cause=cause,
    )
