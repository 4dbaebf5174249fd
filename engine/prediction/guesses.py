"""What the models say of the photos in ``data/``, kept so that any list can show it at once.

A training writes the first guesses; see `engine.training.run`. For a photo whose score it had seen, a model's own
prediction would flatter, so there its guess is the out-of-fold one and marked `Guess.held_out`. Predictions of photos
in ``data/`` are added later. A guess belongs to a content: a photo that was replaced under its name has none.

An app fills in what is missing with a job (all three calls read files, so none belongs on an event loop)::

    wanted = unguessed(workspace)
    if wanted.paths:
        job_id = client.start(workspace, "predict", wanted.request())  # engine.jobs.client
    # when the job has finished: read_guesses(workspace)
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from engine.models.bundle import list_bundles, preferred_first
from engine.prediction.guess_file import (
    SUFFIX,
    UNREADABLE,
    Guess,
    GuessFile,
    Stamp,
    guess_folder,
    load_guesses,
    locked_guesses,
    read_blocks,
    save_guesses,
    short_hash,
    still_true,
)
from engine.workspace import Workspace

if TYPE_CHECKING:
    from engine.labels.scorebook import Entry

__all__ = ["Guess", "NewGuesses", "Stamp", "Unguessed", "read_guesses", "unguessed", "write_guesses"]


def write_guesses(
    workspace: Workspace,
    model_id: str,
    guesses: Mapping[str, Guess],
    *,
    stamps: Mapping[str, Stamp] | None = None,
    complete: bool = True,
) -> None:
    """Write a model's first guesses, all at once; what it had is replaced.

    Args:
        workspace: whose ``data/`` the photos lie in.
        model_id: the model; guesses of models that are gone are removed on the way.
        guesses: photo's name → guess.
        stamps: what the photos were when they were guessed; None looks at them now. A photo without one is left out.
        complete: whatever the model has learned from is among them, held out; else photos with a score get no further
            guess, because nobody knows which of them it has learned from.

    Raises:
        BeholderError: the disk is full or read-only.
    """
    file = GuessFile(complete=complete)
    for name, guess in guesses.items():
        stamp = Stamp.of(workspace.data / name) if stamps is None else stamps.get(name)
        if stamp is not None:
            file.put(name, guess, stamp)
    with locked_guesses(workspace):
        save_guesses(workspace, model_id, file)
        _remove_orphans(workspace)


def _remove_orphans(workspace: Workspace) -> None:
    """Remove the guesses of models that are neither here nor in the trash, from where they may come back."""
    folder = workspace.trash / "models"
    trashed = [place.name for place in folder.iterdir()] if folder.is_dir() else []
    for path in guess_folder(workspace).glob(f"*{SUFFIX}"):
        model_id = path.name.removesuffix(SUFFIX)
        if not (workspace.models / model_id).exists() and not any(name.startswith(model_id) for name in trashed):
            path.unlink(missing_ok=True)


def read_guesses(workspace: Workspace, entries: Iterable[Entry] | None = None) -> tuple[str, dict[str, Guess]]:
    """Return the guesses of the default model, else of the best one that has any; those of replaced photos left out.

    Args:
        workspace: whose.
        entries: the photos with their size and time, where these are known already: it spares a look at every photo,
            and with 100,000 of them that look takes longer than all else. An entry without a time gets no guess.

    Returns:
        The model's id and photo's name → guess; an empty text and nothing where no model has guesses. A file that
        can't be read counts as none: guesses can be had again.
    """
    known = None if entries is None else {entry.name: entry for entry in entries}
    second: tuple[str, dict[str, Guess]] = "", {}
    if not guess_folder(workspace).is_dir():
        return second
    for info in preferred_first(workspace, list_bundles(workspace)):
        complete, found = False, {}
        try:
            for block in read_blocks(workspace, info.model_id):
                complete = block.complete
                found.update(still_true(block.rows, _looked_at(workspace.data, block.rows) if known is None else known))
        except UNREADABLE:
            continue
        if complete:
            return info.model_id, found
        if found and not second[0]:
            second = info.model_id, found  # no training left them: it goes behind one whose training did
    return second


def _looked_at(folder: Path, names: Iterable[str]) -> dict[str, Stamp]:
    """Return what the photos of these names are now; those that can't be looked at are left out."""
    found: dict[str, Stamp] = {}
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return found  # no photos, so no guesses of them
    try:
        for name in names:
            try:
                status = os.stat(name, dir_fd=handle)
            except (OSError, ValueError):
                continue
            found[name] = Stamp(status.st_size, status.st_mtime)
    finally:
        os.close(handle)
    return found


class Unguessed(NamedTuple):
    """The photos in ``data/`` that a model has no guess for.

    Args:
        model_id: the model; empty where there is none.
        paths: the photos, in natural order.
    """

    model_id: str
    paths: list[Path]

    def request(self) -> dict[str, Any]:
        """Return the payload of the ``predict`` job that fills them in."""
        return {"model": self.model_id, "paths": [str(path) for path in self.paths], "recursive": False}


def unguessed(workspace: Workspace) -> Unguessed:
    """Return the photos in ``data/`` that have no guess yet, and the model to ask.

    It is the model of `read_guesses`; where there are no guesses at all, the default one.

    Raises:
        DamagedFile: ``scores.txt`` is damaged.
    """
    from engine.labels.scorebook import ScoreBook

    model_id, guesses = read_guesses(workspace)
    if not model_id:
        bundles = preferred_first(workspace, list_bundles(workspace))
        if not bundles:
            return Unguessed("", [])
        model_id = bundles[0].model_id
    complete = load_guesses(workspace, model_id).complete
    return Unguessed(
        model_id,
        [
            workspace.data / entry.name
            for entry in ScoreBook(workspace).entries()
            if entry.present and entry.name not in guesses and (complete or entry.score is None)
        ],
    )


class NewGuesses:
    """Collects what a model predicts, and remembers what is about photos in the workspace's ``data/``.

    Args:
        workspace: whose ``data/``.
        model_id: the model that predicts.
        photos: what it will be asked, as far as that is known; see `look`.
    """

    def __init__(self, workspace: Workspace, model_id: str, photos: Iterable[Path] = ()) -> None:
        self._workspace, self._model_id = workspace, model_id
        self._stamps: dict[Path, Stamp] = {}
        self._found: dict[str, tuple[float, Stamp]] = {}
        self._home = os.path.realpath(workspace.data)
        self._folder, self._is_home = "", False
        for path in photos:
            self.look(path)

    def __len__(self) -> int:
        """How many are not saved yet."""
        return len(self._found)

    def look(self, path: Path) -> None:
        """Look at a photo that the model will be asked about; one that is replaced from then on gets no guess."""
        folder = os.path.dirname(path) or os.curdir  # noqa: PTH120  (half a million a second)
        if folder != self._folder:
            self._folder, self._is_home = folder, os.path.realpath(folder) == self._home
        if self._is_home and (stamp := Stamp.of(path)) is not None:
            self._stamps[path] = stamp

    def add(self, path: Path, score: float | None, content: str) -> None:
        """Take note of one prediction; of a photo elsewhere, or one that failed, nothing is kept.

        Args:
            path: the photo, as it was given.
            score: what the model says; None where it failed.
            content: SHA-256 of the file that it saw.
        """
        stamp = self._stamps.pop(path, None)
        if stamp is not None and score is not None:
            self._found[path.name] = score, stamp._replace(content=content)

    def save(self) -> None:
        """Add what was found to the model's guesses.

        A photo that the model has learned from, under whatever name, keeps its held-out guess. Where no training left
        any, nobody knows what the model has learned from: photos that have a score now are left out.

        Raises:
            BeholderError: the disk is full or read-only, or ``scores.txt`` is damaged.
        """
        if not self._found:
            return
        with locked_guesses(self._workspace):
            if not (self._workspace.models / self._model_id).is_dir():
                return  # removed meanwhile
            file = load_guesses(self._workspace, self._model_id)
            learned = file.held_out()
            scored = {} if file.complete else _scores(self._workspace)
            for name, (score, stamp) in self._found.items():
                if file.is_held_out(name, stamp):
                    continue
                if (held := learned.get(short_hash(stamp.content))) is not None:
                    file.put(name, held, stamp)
                elif name not in scored:
                    file.put(name, Guess(score, False), stamp)
            save_guesses(self._workspace, self._model_id, file)
        self._found.clear()


def _scores(workspace: Workspace) -> Mapping[str, float]:
    from engine.labels.scorebook import ScoreBook

    return ScoreBook(workspace).scores()
