"""A workspace is a folder: data/, trained_models_storage/ and .beholder/; and its scale and settings."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from engine.errors import BeholderError, DamagedFile, NotFound, UsageError
from engine.storage import disk_errors, write_text

_LOCK_SECONDS = 20.0

PICTURES = ("half", "quadrant", "exact", "auto", "kitty", "sixel")
"""How photos can be drawn: half or quadrant cells, half cells of exact colours, or the pixels that the terminal has."""

_SCALE = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*(?:-|–|\.\.|:)\s*(-?\d+(?:\.\d+)?)\s*")


@dataclass(frozen=True)
class Scale:
    """The range in which scores are given, both ends included.

    >>> Scale.parse("1-7").clip(9.0)
    7.0
    """

    low: float = 0.0
    high: float = 100.0

    @classmethod
    def parse(cls, text: str) -> Scale:
        """Return the scale that ``LOW-HIGH`` names.

        Raises:
            UsageError: the text is not two numbers, the lower one first.
        """
        match = _SCALE.fullmatch(text)
        if match:
            low, high = float(match[1]), float(match[2])
            # no more decimals than a score keeps, or the scale could not be written down
            if low < high < math.inf and [low, high] == [round(low, 6), round(high, 6)]:
                return cls(low + 0.0, high + 0.0)
        raise UsageError(
            "“{text}” is not a scale.",
            remedy="Write the lowest and the highest score, such as 0-100 or 1-5.",
            text=text,
        )

    @property
    def span(self) -> float:
        """The width of the scale, in score units."""
        return self.high - self.low

    def __contains__(self, score: object) -> bool:
        return isinstance(score, int | float) and math.isfinite(score) and self.low <= score <= self.high

    def clip(self, score: float) -> float:
        """Return the nearest score on the scale."""
        return min(max(score, self.low), self.high)

    def __str__(self) -> str:
        return f"{format_score(self.low)}-{format_score(self.high)}"


def format_score(score: float | None) -> str:
    """Return a score as people write it: no needless zeros, an empty text for none.

    >>> format_score(85.0), format_score(8.5), format_score(None)
    ('85', '8.5', '')
    """
    if score is None:
        return ""
    return f"{score:.6f}".rstrip("0").rstrip(".") if score else "0"


@dataclass(frozen=True)
class Settings:
    """What a workspace remembers, in ``.beholder/settings.toml``.

    Args:
        scale: the scale of all its scores.
        language: ``en`` or ``zh``; empty means: as the terminal says.
        theme: name of the app's theme; empty means the default.
        pictures: how the app draws photos, one of `PICTURES`; empty means ``half``.
        scoring_order: in which order photos come up to be scored, one of `engine.labels.order.ORDERS`; empty means
            those without a score first.
        scoring_keys: what the digits mean then, one of `engine.labels.quick.STYLES`; empty means ``type``.
        scoring_advance: ``off`` where only enter goes on to the next photo.
        beside: ``photo`` where the table shows the photo beside it.
        default_model: id of the model that is used where none is named; empty means the best one.
        star_thresholds: from which score on a photo has 2, 3, 4 and 5 stars, such as ``20,40,60,80``; empty means
            five equal parts of the scale.
    """

    scale: Scale = Scale()
    language: str = ""
    theme: str = ""
    pictures: str = ""
    scoring_order: str = ""
    scoring_keys: str = ""
    scoring_advance: str = ""
    beside: str = ""
    default_model: str = ""
    star_thresholds: str = ""


def _expanded(path: Path) -> Path:
    """Return a path with its ``~`` replaced by the home folder; that of an unknown user stays as it is."""
    try:
        return path.expanduser()
    except RuntimeError:
        return path


@dataclass(frozen=True)
class Workspace:
    """The folders and files of one workspace; making one of these touches no disk."""

    root: Path

    @classmethod
    def find(
        cls, explicit: Path | None = None, *, cwd: Path | None = None, environ: Mapping[str, str] = os.environ
    ) -> Workspace:
        """Return the workspace that is meant: the named one, the current folder or ``$BEHOLDER_WORKSPACE``.

        Raises:
            NotFound: the current folder was deleted.
        """
        if explicit is not None and (explicit := _expanded(explicit)).is_absolute():
            return cls(explicit)
        try:
            here = (cwd or Path.cwd()).absolute()
        except FileNotFoundError as error:
            raise NotFound(
                "The current folder is gone.", remedy="Go to a folder that is there and try again."
            ) from error
        if explicit is not None:
            return cls(here / explicit)
        named = environ.get("BEHOLDER_WORKSPACE")
        if named and not ((here / "data").is_dir() or (here / ".beholder").is_dir()):
            return cls(here / _expanded(Path(named)))
        return cls(here)

    @property
    def data(self) -> Path:
        """The photos and ``scores.txt``."""
        return self.root / "data"

    @property
    def scores_file(self) -> Path:
        """The labels, source of truth: one ``name<TAB>score`` a line."""
        return self.data / "scores.txt"

    @property
    def models(self) -> Path:
        """One folder for each trained model."""
        return self.root / "trained_models_storage"

    @property
    def internal(self) -> Path:
        """Everything that can be rebuilt or is internal."""
        return self.root / ".beholder"

    @property
    def jobs(self) -> Path:
        """One folder for each job."""
        return self.internal / "jobs"

    @property
    def features_file(self) -> Path:
        """The cache of feature vectors."""
        return self.internal / "features.sqlite"

    @property
    def thumbnails(self) -> Path:
        """Small pictures for the gallery."""
        return self.internal / "thumbnails"

    @property
    def history_file(self) -> Path:
        """Who changed which score, when, from what to what."""
        return self.internal / "history.jsonl"

    @property
    def settings_file(self) -> Path:
        """Scale, language, theme and how photos are drawn."""
        return self.internal / "settings.toml"

    @property
    def trash(self) -> Path:
        """What was deleted and can still be brought back."""
        return self.internal / "trash"

    def exists(self) -> bool:
        """Say whether the folder already is a workspace."""
        return self.data.is_dir() or self.internal.is_dir()

    def ensure(self) -> None:
        """Make the folders that are missing.

        Raises:
            BeholderError: the place is read-only, full, or a file is in the way.
        """
        for folder in (self.data, self.models, self.internal):
            with disk_errors(folder):
                folder.mkdir(parents=True, exist_ok=True)

    def settings(self) -> Settings:
        """Return what the workspace remembers; the defaults where nothing was saved.

        Raises:
            DamagedFile: the file is not TOML, or its scale is none.
        """
        try:
            with disk_errors(self.settings_file):
                raw = tomllib.loads(self.settings_file.read_text("utf-8")) if self.settings_file.exists() else {}
            scale = Scale.parse(str(raw["scale"])) if "scale" in raw else Scale()
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, UsageError) as error:
            raise DamagedFile(
                "{path} is damaged: {cause}.",
                remedy="Mend the file in an editor, or delete it to go back to the defaults.",
                path=self.settings_file,
                cause=str(error.message if isinstance(error, UsageError) else error).rstrip("."),
            ) from error
        pictures = str(raw.get("pictures", ""))
        # a mode that only a later version knows is no reason to refuse the workspace
        pictures = pictures if pictures in PICTURES else ""
        kept = ("scoring_order", "scoring_keys", "scoring_advance", "beside", "default_model", "star_thresholds")
        others = {key: str(raw.get(key, "")) for key in kept}
        return Settings(scale, str(raw.get("language", "")), str(raw.get("theme", "")), pictures, **others)

    def save_settings(self, settings: Settings) -> None:
        """Write the settings atomically."""
        self.ensure()
        raw = {key: str(value) for key, value in vars(settings).items() if str(value)}
        write_text(self.settings_file, tomli_w.dumps(raw))

    def change_settings(self, **choices: Any) -> Settings:
        """Change some settings and keep the others as they stand by now, whoever else changes one at this moment.

        Args:
            choices: fields of `Settings`.

        Raises:
            BeholderError: the settings can't be read or written, or another program holds them for too long.
        """
        from filelock import FileLock, Timeout

        self.ensure()
        path = self.internal / "settings.lock"
        with contextlib.ExitStack() as stack:
            try:
                with disk_errors(path):
                    stack.enter_context(FileLock(path, timeout=_LOCK_SECONDS, poll_interval=0.01))
            except Timeout as error:
                raise BeholderError(
                    "Another program has held the settings of {path} for {seconds} seconds.",
                    remedy="Close it and try again.",
                    path=self.root,
                    seconds=int(_LOCK_SECONDS),
                ) from error
            settings = dataclasses.replace(self.settings(), **choices)
            self.save_settings(settings)
        return settings

    def create(self, scale: Scale | None = None) -> None:
        """Make this folder a workspace; one that exists is kept as it is.

        Raises:
            UsageError: it exists with another scale.
        """
        if self.settings_file.exists():
            present = self.settings().scale
            if scale is not None and scale != present:
                raise UsageError(
                    "{path} already is a workspace with the scale {scale}.",
                    remedy="Choose another folder, or keep its scale.",
                    path=self.root,
                    scale=str(present),
                )
            self.ensure()
            return
        self.save_settings(dataclasses.replace(Settings(), scale=scale or Scale()))

    @property
    def scale(self) -> Scale:
        """The scale of all scores in this workspace."""
        return self.settings().scale
