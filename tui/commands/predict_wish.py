"""What a person asked of ``beholder predict``, checked before any work."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from engine.errors import UsageError
from engine.workspace import Scale, Workspace

if TYPE_CHECKING:
    from engine.models.bundle import BundleInfo
    from engine.outputs.sidecars import SidecarWriter
    from engine.prediction.watching import Watch

Form = Literal["table", "csv", "json", "jsonl", "parquet"]


@dataclass
class Wish:
    """One call of the command.

    Args:
        workspace: whose model. model: its id, name, ``latest``, ``best`` or ``default``.
        words: the photos, folders and patterns, as they come. places: those that are known beforehand.
        recursive: look into the folders' folders too.
        out: the file; None means stdout. form: of the rows; None means as the file's ending says, else a table.
        sort: ``score`` or ``name``. top: only the so many best.
        watch: go on with new photos. resume: keep the rows that are there.
        xmp: which sidecars to write. stars: their thresholds. overwrite_ratings: a person's give way.
        html: a gallery of the best.

    Raises:
        UsageError: these don't go together. NotFound: there is no such model, or no such folder to write to.
    """

    workspace: Workspace
    model: str
    words: Iterable[Path | None]
    places: Sequence[Path]
    recursive: bool
    out: Path | None
    form: Form | None
    sort: Literal["score", "name"] | None
    top: int | None
    watch: bool
    resume: bool
    xmp: Literal["lightroom", "darktable"] | None
    stars: str
    overwrite_ratings: bool
    html: Path | None
    info: BundleInfo = field(init=False)
    scale: Scale = field(init=False)

    def __post_init__(self) -> None:
        from engine.models.bundle import find_bundle, read_manifest

        self.form = self._checked_form()
        self._check()
        self.info = find_bundle(self.workspace, self.model)
        self.scale = Scale(*read_manifest(self.info)["scale"])
        self.thresholds  # noqa: B018  (a wrong text is told before the work)
        if self.html is not None:
            from engine.outputs.gallery import check_place
            from engine.outputs.out_file import check_place as check_output

            check_place(self.html)
            check_output(self.html, self.places)

    def _checked_form(self) -> Form:
        from engine.outputs.tables import format_of

        if self.out is None:
            return self.form or ("csv" if self.watch else "table")
        if self.form == "table":
            raise UsageError("A table is for the eye, not for a file.", remedy="Choose csv, json, jsonl or parquet.")
        return self.form or format_of(self.out)

    def _check(self) -> None:
        if self.resume and self.out is None:
            raise UsageError("--resume goes on with a file.", remedy="Name the file with --out.")
        if self.stars and self.xmp is None and self.html is None:
            raise UsageError("--stars goes with --xmp or --html.", remedy="Say for which program: --xmp lightroom")
        if self.overwrite_ratings and self.xmp is None:
            raise UsageError("--overwrite-ratings goes with --xmp.", remedy="Say for which program: --xmp lightroom")
        if not self.watch:
            return
        if self.form not in {"csv", "jsonl"}:
            raise UsageError("While it watches, rows are added one by one.", remedy="Choose --format csv or jsonl.")
        if self.sort or self.top or self.html:
            raise UsageError(
                "--watch never ends, so nothing can be sorted.", remedy="Leave --sort, --top and --html away."
            )

    @cached_property
    def thresholds(self) -> tuple[float, ...]:
        """The scores from which a photo has 2, 3, 4 and 5 stars: as asked, else as the workspace remembers."""
        from engine.outputs.sidecars import default_thresholds, remembered_thresholds

        if not self.stars and self.xmp is None and self.html is None:
            return default_thresholds(self.scale)
        return remembered_thresholds(self.workspace, self.scale, self.stars)

    def sidecars(self) -> SidecarWriter | None:
        """Return what writes the sidecars, if any are wanted."""
        if self.xmp is None:
            return None
        from engine.outputs.sidecars import SidecarWriter

        return SidecarWriter(self.xmp, self.thresholds, overwrite_ratings=self.overwrite_ratings, scale=self.scale)

    def open_watch(self) -> Watch:
        """Begin to watch the folders."""
        from engine.prediction.watching import Watch

        return Watch(self.places, recursive=self.recursive)
