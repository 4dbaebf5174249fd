"""Plan an import: look at every photo of a folder and decide its name, its score and whether it is new."""

from __future__ import annotations

import dataclasses
import os
import time
from collections import deque
from collections.abc import Generator, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from engine.errors import BeholderError, ImageError, Message, NotFound, UsageError
from engine.events import Event, Notice, Phase, Progress, StopCheck, never_stop, raise_if_stopped
from engine.images import READABLE, find_images, open_image
from engine.labels.filenames import ParsedScore, compile_pattern, parse_score
from engine.labels.scorebook import ScoreBook
from engine.labels.scoretable import ScoreTable, match_rows, read_table
from engine.labels.stars import STAR_SCALE, parse_stars
from engine.storage import content_hash, disk_errors, safe_name
from engine.workspace import Scale, Workspace, format_score

State = Literal["new", "same", "bad"]
_AHEAD = 16  # photos a thread that are looked at before they are asked for


@dataclass(frozen=True)
class ImportOptions:
    """What to import.

    Args:
        folder: where the photos lie.
        scores_csv: a table of scores; None to read them from the file names.
        pattern: a regular expression with a group ``score``, for file names.
        scale: the scale of the incoming scores; None for the workspace's own.
        recursive: whether to look into the folder's folders.
        stars: whether the scores are the stars that other programs gave; then nothing else counts.
    """

    folder: Path
    scores_csv: Path | None = None
    pattern: str | None = None
    scale: Scale | None = None
    recursive: bool = True
    stars: bool = False


@dataclass(frozen=True, slots=True)
class ImportItem:
    """One file of the folder, and what becomes of it.

    Args:
        source: the file.
        name: its name in ``data/``.
        score: its score on the plan's scale; None for none. May be edited with `dataclasses.replace`.
        reason: where the score comes from, why there is none, or why the file is bad.
        state: ``new``, ``same`` (its content is in ``data/`` or comes earlier in the plan) or ``bad`` (left out).
        renamed: whether `name` differs from the file's own.
        size: bytes.
        typed: whether a person gave the score to this very photo; it then replaces one that is there.
    """

    source: Path
    name: str
    score: float | None
    reason: Message
    state: State
    renamed: bool
    size: int
    typed: bool = False


@dataclass(frozen=True)
class ImportPlan:
    """All that an import will do.

    Args:
        items: one for each file, in natural order; what had to be passed over comes last.
        folder: the folder that is imported.
        scale: the scale of the items' scores, and of the workspace after the import.
    """

    items: tuple[ImportItem, ...]
    folder: Path = Path()
    scale: Scale = field(default_factory=Scale)

    @property
    def counts(self) -> dict[str, int]:
        """How many items are found, new, same, bad, scored, unscored and renamed."""
        sound = [item for item in self.items if item.state != "bad"]
        scored = sum(item.score is not None for item in sound)
        return {
            "found": len(self.items),
            "new": sum(item.state == "new" for item in sound),
            "same": sum(item.state == "same" for item in sound),
            "bad": len(self.items) - len(sound),
            "scored": scored,
            "unscored": len(sound) - scored,
            "renamed": sum(item.renamed for item in sound),
        }


def plan_import(
    workspace: Workspace, options: ImportOptions, *, should_stop: StopCheck = never_stop
) -> Generator[Event, None, ImportPlan]:
    """Open each photo of a folder, read its score, and say what an import would do; nothing is written.

    Yields:
        Phase and Progress ``scanning``; a Notice when scores are mapped or rows of the table are left over.

    Returns:
        The plan, for `run_import`.

    Raises:
        NotFound: the folder or the table is missing, or there is no picture.
        UsageError: the folder is the workspace's own; the pattern or the table makes no sense, or stars are wanted
            beside them.
        Interrupted: `should_stop` said so.
    """
    _check_options(options)
    incoming, scale = _scales(workspace, options.scale)
    table = read_table(options.scores_csv) if options.scores_csv else None
    pattern = compile_pattern(options.pattern) if options.pattern else None
    yield Phase("scanning")
    passed_over: list[ImportItem] = []

    def pass_over(path: Path, reason: Message) -> None:
        passed_over.append(ImportItem(path, path.name, None, reason, "bad", False, 0))

    own = _own_folders(workspace, options.folder)
    found = find_images(options.folder, recursive=options.recursive, on_problem=pass_over)
    paths = [path for path in found if not any(path.is_relative_to(folder) for folder in own)]
    if not paths and not passed_over:
        raise NotFound(
            "There is no picture in {path}.",
            remedy="beholder reads {formats}; choose a folder with such files.",
            path=options.folder,
            formats=READABLE,
        )
    parsed: dict[Path, ParsedScore] = {}
    if table is None and not options.stars:
        parsed = {path: parse_score(path.name, incoming, pattern) for path in paths}
    elif table is not None:
        relative = {path: path.relative_to(options.folder).as_posix() for path in paths}
        parsed, unmatched = _from_table(table, relative, incoming)
        if unmatched:
            values = {"count": unmatched, "table": table.path.name}
            yield Notice(Message("Lines of {table} that name no photo in the folder: {count}.", values))
    if incoming != scale and not options.stars:
        parsed = {path: _mapped(score, incoming, scale) for path, score in parsed.items()}
        values = {"incoming": str(incoming), "scale": str(scale)}
        yield Notice(Message("Scores were mapped from {incoming} onto the workspace's scale {scale}.", values))
    shelf = _Shelf(workspace)
    items: list[ImportItem] = []
    started = time.monotonic()
    for path, verdict, stars in _inspect(paths, scale if options.stars else None, should_stop):
        items.append(shelf.place(path, stars or parsed.pop(path), verdict))
        rate = len(items) / max(time.monotonic() - started, 1e-6)
        yield Progress("scanning", len(items), len(paths), rate, (len(paths) - len(items)) / rate)
    return ImportPlan((*items, *passed_over), options.folder, scale)


def _check_options(options: ImportOptions) -> None:
    if not options.stars:
        return
    if options.scores_csv is not None or options.pattern:
        raise UsageError(
            "Scores come from stars, or from a table or a pattern, not from both.",
            remedy="Leave one of them out.",
        )
    if options.scale not in (None, STAR_SCALE):
        raise UsageError(
            "Stars are given from {stars}, not from {scale}.",
            remedy="Leave the scale out: stars are mapped onto the workspace's own.",
            stars=str(STAR_SCALE),
            scale=str(options.scale),
        )


def _scales(workspace: Workspace, asked: Scale | None) -> tuple[Scale, Scale]:
    """Return the scale of the incoming scores and the scale that the workspace will have."""
    present = workspace.scale
    if asked is None:
        return present, present
    fresh = not workspace.settings_file.exists() and not ScoreBook(workspace).scores()
    return asked, asked if fresh else present


def _own_folders(workspace: Workspace, folder: Path) -> list[Path]:
    """Return the workspace's own folders inside `folder`, which are not imported."""
    source = folder.resolve()
    own: list[Path] = []
    for place in (workspace.data, workspace.models, workspace.internal):
        real = place.resolve()
        if source.is_relative_to(real):
            raise UsageError(
                "{path} belongs to the workspace itself: its photos are already in.",
                remedy="Choose the folder that your photos come from.",
                path=folder,
            )
        if real.is_relative_to(source):
            own.append(folder / real.relative_to(source))
    return own


def _from_table(table: ScoreTable, relative: Mapping[Path, str], scale: Scale) -> tuple[dict[Path, ParsedScore], int]:
    """Return each photo's score in the table, and how many rows are left over."""
    matches = match_rows(table, list(relative.values()))
    parsed: dict[Path, ParsedScore] = {}
    used: set[str] = set()
    for path, name in relative.items():
        key, reason = matches[name].key, matches[name].reason
        score = table.scores[key] if key is not None else None
        if key is not None:
            used.add(key)
            reason = Message("from {table}", {"table": table.path.name})
            if score is None:
                reason = Message("no score in {table}", {"table": table.path.name})
            elif score not in scale:
                values = {"score": f"{score:.10g}", "scale": str(scale)}
                score, reason = None, Message("{score} is outside the scale {scale}", values)
        parsed[path] = ParsedScore(score, reason or Message(""))
    return parsed, len(table.scores.keys() - used)


def _mapped(parsed: ParsedScore, incoming: Scale, scale: Scale) -> ParsedScore:
    if parsed.score is None:
        return parsed
    share = (parsed.score - incoming.low) / incoming.span
    score = scale.clip(round(scale.low + share * scale.span, 6))
    values = {"given": format_score(parsed.score), "incoming": str(incoming)}
    return ParsedScore(score, Message("{given} on the scale {incoming}", values))


def _inspect(
    paths: list[Path], star_scale: Scale | None, should_stop: StopCheck
) -> Iterator[tuple[Path, Message | None, ParsedScore | None]]:
    """Decode each photo on several threads; yield it with what is wrong with it, and its stars where they count."""

    def look(path: Path) -> tuple[Path, Message | None, ParsedScore | None]:
        verdict = _verdict(path)
        return path, verdict, parse_stars(path, star_scale) if star_scale is not None else None

    workers = min(4, os.cpu_count() or 1)
    with ThreadPoolExecutor(max_workers=workers) as pool:
        waiting: deque[Future[tuple[Path, Message | None, ParsedScore | None]]] = deque()
        try:
            for path in paths:
                waiting.append(pool.submit(look, path))
                if len(waiting) > _AHEAD * workers:  # no more, or a hundred thousand photos wait in memory
                    raise_if_stopped(should_stop)
                    yield waiting.popleft().result()
            while waiting:
                raise_if_stopped(should_stop)
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _verdict(path: Path) -> Message | None:
    try:
        open_image(path, target=(64, 64))
    except ImageError as error:
        return error.message
    return None


class _Shelf:
    """What lies in ``data/`` and what the plan has put there so far: names, contents and scores."""

    def __init__(self, workspace: Workspace) -> None:
        self._scores: dict[str, float | None] = {**ScoreBook(workspace).scores()}
        self._taken: set[str] = {"scores.txt"}
        self._sizes: set[int] = set()
        self._unhashed: dict[int, list[tuple[Path, str]]] = {}
        self._by_hash: dict[str, str] = {}
        self._counters: dict[str, int] = {}
        if workspace.data.is_dir():
            with disk_errors(workspace.data), os.scandir(workspace.data) as listing:
                for entry in listing:
                    self._taken.add(entry.name.casefold())
                    if entry.is_file() and not entry.name.startswith("."):
                        self._remember(Path(entry.path), entry.name, entry.stat().st_size)

    def place(self, path: Path, parsed: ParsedScore, verdict: Message | None) -> ImportItem:
        """Return what becomes of one photo."""
        item = ImportItem(path, safe_name(path.name), None, parsed.reason, "bad", False, 0)
        if verdict is not None:
            return dataclasses.replace(item, reason=verdict)
        try:
            with disk_errors(path):
                size = path.stat().st_size
            digest = self._digest(path, size)
        except BeholderError as error:
            return dataclasses.replace(item, reason=error.message)
        twin = None if digest is None else self._by_hash.get(digest)
        name = twin or self._free_name(item.name)
        score, reason = self._merged(name, parsed, is_twin=twin is not None)
        if twin is None:
            self._remember(path, name, size, digest)
        self._scores[name] = score
        renamed = twin is None and name != path.name
        state: State = "new" if twin is None else "same"
        return ImportItem(path, name, score, reason, state, renamed, size)

    def _merged(self, name: str, parsed: ParsedScore, *, is_twin: bool) -> tuple[float | None, Message]:
        """Return the photo's score: one that it already has is never overwritten."""
        present = self._scores.get(name)
        if present is None:
            if is_twin and parsed.score is None:
                return None, Message("the same photo as {name}", {"name": name})
            return parsed.score, parsed.reason
        if is_twin and parsed.score in (None, present):
            return present, Message("the same photo as {name}", {"name": name})
        values = {"name": name, "score": format_score(present)}
        if is_twin:
            return present, Message("the same photo as {name}, which keeps its score {score}", values)
        return present, Message("scores.txt already has the score {score} for {name}", values)

    def _digest(self, path: Path, size: int) -> str | None:
        """Return the hash of a photo, or None if no other file has its size; each file is hashed at most once."""
        if size not in self._sizes:
            return None
        for other, name in self._unhashed.pop(size, []):
            self._by_hash.setdefault(content_hash(other), name)
        return content_hash(path)

    def _remember(self, path: Path, name: str, size: int, digest: str | None = None) -> None:
        self._sizes.add(size)
        if digest is None:
            self._unhashed.setdefault(size, []).append((path, name))
        else:
            self._by_hash[digest] = name

    def _free_name(self, name: str) -> str:
        stem, suffix = os.path.splitext(name)  # noqa: PTH122
        key, free = name.casefold(), name
        while free.casefold() in self._taken:
            self._counters[key] = self._counters.get(key, 1) + 1
            free = f"{stem}_{self._counters[key]}{suffix}"
        self._taken.add(free.casefold())
        return free
