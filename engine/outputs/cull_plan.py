"""What a cull would do: which photos are the best, or the best of each burst, and where each would go."""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from engine.errors import BeholderError, Message, NotFound, UsageError
from engine.labels.stars import find_sidecars
from engine.natural_order import natural_key
from engine.outputs.cull_bursts import Likeness, burst_numbers
from engine.outputs.cull_log import LOG_NAME, Moved, moved_files
from engine.outputs.sidecar_names import sharers
from engine.storage import content_hash, disk_error, disk_errors

How = Literal["copy", "move", "link"]
Link = Literal["hard", "symbolic"]
State = Literal["new", "renamed", "there"]
_LONGEST_NAME = 255


@dataclass(frozen=True)
class Carried:
    """One file that goes along: the photo itself, or a sidecar of it.

    Args:
        source: where it lies. target: where it will lie.
        shared: another photo needs it too where it lies, so that even a move only copies it.
    """

    source: Path
    target: Path
    shared: bool = False


@dataclass(frozen=True)
class Choice:
    """One photo that was chosen.

    Args:
        photo: where it lies; where it lay, if an earlier cull moved it.
        score: predicted.
        target: its place in the folder.
        state: ``new``; ``renamed``, since another file has its name; ``there``: the same content is there already.
        burst: number of its burst, from 1, the burst of the best photo first; None where bursts were not asked for.
        sidecars: those that go along and are not there yet.
    """

    photo: Path
    score: float
    target: Path
    state: State
    burst: int | None = None
    sidecars: tuple[Carried, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready form."""
        return {
            "path": str(self.photo),
            "score": round(self.score, 4),
            "to": str(self.target),
            "state": self.state,
            "burst": self.burst,
            "sidecars": [str(item.target) for item in self.sidecars],
        }


@dataclass(frozen=True)
class CullPlan:
    """Everything that `carry_out` needs; nothing is written yet.

    Args:
        to: the folder. how: what happens to the photos. link: of which kind links are.
        choices: the chosen photos, the best first; with bursts, burst by burst in the order of their best.
        failed: photos that can't take part, with the reason: they have no score, or are gone.
        considered: how many photos had a score. bursts: how many bursts these make; None where not asked for.
        notes: what the person should know.
    """

    to: Path
    how: How
    link: Link
    choices: tuple[Choice, ...]
    failed: tuple[tuple[Path, Message], ...]
    considered: int
    bursts: int | None = None
    notes: tuple[Message, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready form."""
        return {
            "to": str(self.to),
            "how": self.how if self.how != "link" else f"link {self.link}",
            "considered": self.considered,
            "bursts": self.bursts,
            "chosen": [choice.to_dict() for choice in self.choices],
            "failed": [{"path": str(path), "reason": str(reason)} for path, reason in self.failed],
        }


@dataclass(frozen=True)
class _Candidate:
    photo: Path
    score: float
    lies: Path  # where it lies now: in the folder, if it was moved there


def plan_cull(
    rows: Sequence[Mapping[str, Any]],
    to: Path,
    *,
    best: int | None = None,
    per_burst: int | None = None,
    how: How = "copy",
    link: Link = "hard",
    min_score: float | None = None,
    features: Likeness | None = None,
    sources: Sequence[Path] = (),
    album: Path | None = None,
) -> CullPlan:
    """Choose the best photos and a place for each; only reads.

    Photos that lie in the folder already are not taken again. Those that an earlier cull moved there count as if they
    still lay where they lay, so that the same cull, repeated or continued, has the same outcome.

    Args:
        rows: predictions, in the contract's columns: ``path``, ``score`` and ``error``.
        to: the folder; it may not exist yet.
        best: how many photos. per_burst: how many of each burst. At most one of the two; see also `min_score`.
        how: what happens to them. link: of which kind links are.
        min_score: choose none with a lower score; alone it chooses all others.
        features: how alike photos are, for bursts; see `engine.outputs.cull_bursts.cached_likeness`.
        sources: the folders and files that were scored: what was moved away from below them counts.
        album: the workspace's ``data/``: out of it nothing is moved, since its photos would leave their scores behind.

    Raises:
        UsageError: it is not said how many; the folder is a file; hard links can't reach it; photos of the album
            were to be moved.
        NotFound: no photo has a score, or none is good enough.
        BeholderError: the folder can't be read.
    """
    check_request(to, best=best, per_burst=per_burst, min_score=min_score)
    moved = moved_files(to) if how == "move" else []
    candidates, failed = _candidates(rows, to, moved, sources)
    if not candidates:
        raise NotFound("No photo has a score.", remedy="Name photos outside the folder that is to be filled.")
    chosen = [item for item in candidates if min_score is None or item.score >= min_score]
    if not chosen:
        raise NotFound(
            "None of {n} photos reaches the score {score}.",
            remedy="Ask for a lower --min-score.",
            n=len(candidates),
            score=min_score,
        )
    chosen.sort(key=lambda item: (-item.score, natural_key(item.photo)))
    numbers: list[int] | None = None
    bursts = None
    if per_burst is not None:
        chosen, numbers, bursts = _best_of_bursts(chosen, per_burst, features)
    elif best is not None:
        chosen = chosen[:best]
    if how == "link" and link == "hard":
        _check_device(chosen, to)
    if how == "move" and album is not None:
        _check_album(chosen, album)
    places = _Places(to, how)
    choices, notes = [], []
    for place, item in enumerate(chosen):
        choice, note = places.choose(item, None if numbers is None else numbers[place] + 1)
        choices.append(choice)
        notes += note
    return CullPlan(to, how, link, tuple(choices), tuple(failed), len(candidates), bursts, tuple(notes))


def check_request(
    to: Path, *, best: int | None = None, per_burst: int | None = None, min_score: float | None = None
) -> None:
    """Refuse what can't be done before any photo is scored for it; see `plan_cull`.

    Raises:
        UsageError: it is not said how many; the folder is a file, or holds a file in the log's place.
        NeedMissing: the folder can't be written.
    """
    if os.path.lexists(to) and not to.is_dir():
        raise UsageError("{path} is a file, not a folder.", remedy="Name a folder for the photos.", path=to)
    moved_files(to)
    there = _nearest_folder(to)
    if not os.access(there, os.W_OK | os.X_OK):
        raise disk_error(PermissionError(errno.EACCES, ""), there)
    if best is None and per_burst is None and min_score is None:
        raise UsageError(
            "It is not said how many photos to choose.", remedy="Add --best N, --per-burst K or --min-score F."
        )
    if best is not None and per_burst is not None:
        raise UsageError("--best and --per-burst don't go together.", remedy="Choose one of them.")
    if min(best or 1, per_burst or 1) < 1 or 0 in (best, per_burst):
        raise UsageError("The number of photos must be 1 or more.", remedy="Write a whole number, such as 50.")
    if min_score is not None and not math.isfinite(min_score):
        raise UsageError("The lowest score is not a number.", remedy="Write a number on the model's scale.")


def _candidates(
    rows: Sequence[Mapping[str, Any]], to: Path, moved: Sequence[Moved], sources: Sequence[Path]
) -> tuple[list[_Candidate], list[tuple[Path, Message]]]:
    """Return the photos that may be chosen, and those that can't take part, with the reason."""
    inside = _Inside([to])
    away = {str(item.source): item for item in moved if item.score is not None and item.target.is_file()}
    found: dict[str, _Candidate] = {}
    failed: list[tuple[Path, Message]] = []
    for row in rows:
        path, score = Path(row["path"]), _number(row.get("score"))
        if inside(path):
            continue
        if score is None:
            cause = row.get("error")
            reason = Message("no score: {cause}", {"cause": str(cause)}) if cause else Message("no score")
            failed.append((path, reason))
            continue
        key = os.path.abspath(path)  # noqa: PTH100 - a link is a photo of its own
        if path.is_file():
            found.setdefault(key, _Candidate(path, score, path))
        elif key in away:
            found.setdefault(key, _Candidate(path, score, away[key].target))
        else:
            failed.append((path, Message("There is no such file.")))
    scored = _Inside(sources)
    for key, item in away.items():
        if key not in found and scored(item.source) and not os.path.lexists(item.source):
            found[key] = _Candidate(item.source, item.score or 0.0, item.target)
    return list(found.values()), failed


def _number(score: object) -> float | None:
    if isinstance(score, int | float) and not isinstance(score, bool) and math.isfinite(score):
        return float(score)
    return None


class _Inside:
    """Says whether a path lies in one of some folders; each folder on the way is resolved once."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = [os.path.realpath(folder) for folder in folders]
        self._known: dict[str, bool] = {}

    def __call__(self, path: Path) -> bool:
        parent = os.path.dirname(os.path.abspath(path))  # noqa: PTH100, PTH120 - as above
        if parent not in self._known:
            real = os.path.realpath(parent)
            self._known[parent] = any(
                real == folder or real.startswith(f"{folder.rstrip('/')}/") for folder in self._folders
            )
        return self._known[parent] or os.path.realpath(path) in self._folders


def _best_of_bursts(
    chosen: Sequence[_Candidate], per_burst: int, features: Likeness | None
) -> tuple[list[_Candidate], list[int], int]:
    """Return the best of each burst, burst by burst, with the number of each one's burst, and how many there are."""
    numbers = burst_numbers([item.lies for item in chosen], features)
    groups: dict[int, list[_Candidate]] = {}
    for item, number in zip(chosen, numbers, strict=True):
        groups.setdefault(number, []).append(item)
    kept = [(item, number) for number, items in groups.items() for item in items[:per_burst]]
    return [item for item, _ in kept], [number for _, number in kept], len(groups)


def _check_album(chosen: Sequence[_Candidate], album: Path) -> None:
    inside = _Inside([album])
    if any(inside(item.lies) for item in chosen):
        raise UsageError(
            "Photos of the album {path} can't be moved out of it: their scores would stay behind.",
            remedy="Copy them, or link to them: --link symbolic",
            path=album,
        )


def _nearest_folder(to: Path) -> Path:
    return next(folder for folder in [to.absolute(), *to.absolute().parents] if folder.is_dir())


def _check_device(chosen: Sequence[_Candidate], to: Path) -> None:
    there = _nearest_folder(to)
    with disk_errors(there):
        device = there.stat().st_dev
    for folder in {item.lies.parent for item in chosen}:
        with disk_errors(folder):
            if folder.stat().st_dev != device:
                raise no_hard_link(folder, to)


def no_hard_link(source: Path, to: Path) -> UsageError:
    """Return the error that says why a hard link can't be made."""
    return UsageError(
        "A hard link can't reach from {source} to {to}: they are on different file systems, or theirs has none.",
        remedy="Use --link symbolic or --copy, or a folder on the photos' own disk.",
        source=source,
        to=to,
    )


class _Places:
    """Gives each chosen photo and its sidecars names that are free, or where their content lies already."""

    def __init__(self, to: Path, how: How) -> None:
        self._to, self._how = to, how
        self._planned: dict[str, Path] = {LOG_NAME.casefold(): to / LOG_NAME}

    def choose(self, item: _Candidate, burst: int | None) -> tuple[Choice, list[Message]]:
        """Return the photo's place, and what there is to say about it."""
        choice = Choice(item.photo, item.score, item.lies, "there", burst)
        photo, sidecars = item.photo, find_sidecars(item.photo)
        if item.lies != photo:  # of a move that was cut short a sidecar may be left behind
            left = [self._carried(photo, sidecar, item.lies) for sidecar in sidecars]
            missing = tuple(one for one in left if self._state(one.source, one.target) == "free")
            return replace(choice, sidecars=missing), []
        for name in _names(photo.name):
            target = self._to / name
            state = self._state(photo, target)
            if state == "taken":
                continue
            carried = [self._carried(photo, sidecar, target) for sidecar in sidecars]
            states = [self._state(one.source, one.target) for one in carried]
            if state == "free" and "taken" in states:
                continue  # a sidecar of another photo lies there and would count for this one
            for one in [Carried(photo, target), *carried]:
                self._planned.setdefault(one.target.name.casefold(), one.source)
            missing = tuple(one for one, known in zip(carried, states, strict=True) if known == "free")
            notes = [
                Message("{target} is there with other content; it is left as it is.", {"target": str(one.target)})
                for one, known in zip(carried, states, strict=True)
                if known == "taken"
            ]
            if state == "same":
                return replace(choice, target=target, sidecars=missing), notes
            renamed: State = "new" if name == photo.name else "renamed"
            return replace(choice, target=target, state=renamed, sidecars=missing), notes
        raise AssertionError("there is always another name")

    def _carried(self, photo: Path, sidecar: Path, target: Path) -> Carried:
        if sidecar.name.startswith(f"{photo.name}."):
            return Carried(sidecar, target.with_name(target.name + sidecar.suffix))
        stem = target.name.rpartition(".")[0] or target.name
        shared = self._how == "move" and bool(sharers(photo))
        return Carried(sidecar, target.with_name(stem + sidecar.suffix), shared)

    def _state(self, source: Path, target: Path) -> Literal["free", "same", "taken"]:
        planned = self._planned.get(target.name.casefold())
        if planned is not None:
            return "same" if _same_content(planned, source) else "taken"
        if not os.path.lexists(target):
            return "free"
        return "same" if _same_content(target, source) else "taken"


def _names(name: str) -> Iterator[str]:
    """Yield a name, then ``name (2).jpg``, ``name (3).jpg``, …, none longer than a file's name may be."""
    yield name
    stem, dot, suffix = name.rpartition(".")
    if not dot:
        stem, suffix = name, ""
    number = 2
    while True:
        end = os.fsencode(f" ({number}){dot}{suffix}")
        yield os.fsdecode(os.fsencode(stem)[: _LONGEST_NAME - len(end)] + end)
        number += 1


def _same_content(one: Path, other: Path) -> bool:
    try:
        if not one.is_file() or not other.is_file():
            return False
        if one.samefile(other):
            return True
        return one.stat().st_size == other.stat().st_size and content_hash(one) == content_hash(other)
    except (OSError, BeholderError):
        return False
