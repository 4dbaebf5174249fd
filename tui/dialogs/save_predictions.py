"""The dialog that asks what to make of a batch: a table, a web page, stars in sidecars, or a folder of the best."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Button, Footer, Input, Label, Select, Static

from engine.errors import BeholderError, UsageError
from engine.workspace import Scale, format_score
from tui.i18n import say, t
from tui.keymap import bind
from tui.paths import parse_typed_path, shown_path, typed_form
from tui.prediction.rows import Rows
from tui.prediction.saving import Cull, SaveGallery, SaveTable, Wish, WriteStars, star_counts
from tui.screens.base import BaseDialog
from tui.widgets.path_input import PathField

if TYPE_CHECKING:
    from engine.outputs.sidecar_names import Naming
    from engine.outputs.tables import Format

TABLES = ("csv", "json", "jsonl", "parquet")
FORMS = (*TABLES, "html", "stars", "cull")
_MOST_DIGITS = 6


class SavePredictionsDialog(BaseDialog[Wish | None]):
    """Returns what to do with the rows, or None.

    Args:
        title: how many photos it is about, in the present language.
        rows: by rank.
        scale: of the scores.
        folder: where files are suggested.
        thresholds: of stars, that the workspace remembers; empty means the usual ones.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("f9", "save", "predict_room.key.save", id="save_predictions.save", priority=True),
        bind("escape", "cancel", "app.key.cancel", id="save_predictions.cancel"),
    ]

    def __init__(self, title: str, rows: Rows, scale: Scale, folder: Path, thresholds: str = "") -> None:
        super().__init__()
        self._remembered = thresholds
        self._title, self._rows, self._scale, self._folder = title, rows, scale, folder
        self._sure_of: Path | None = None
        self._suggested = ""

    def compose(self) -> ComposeResult:
        """Yield the form, and the fields of each kind of result: only one kind's are shown."""
        with Vertical(classes="dialog -export -save"):
            yield Static(self._title, classes="dialog-title", markup=False)
            with VerticalScroll(id="save-fields", can_focus=False):
                forms = [(t(f"predict_room.save.{form}"), form) for form in FORMS]
                with _line(t("predict_room.save.form")):
                    yield Select(forms, value="csv", allow_blank=False, id="save-form", compact=True)
                with _line(t("predict_room.save.to"), "file cull"):
                    yield PathField("", id="save-path")
                yield from self._stars()
                yield from self._cull()
            yield Static("", id="save-hint", markup=False)
            with Horizontal(classes="buttons"):
                yield Button(t("predict_room.save.yes"), variant="primary", id="yes", compact=True)
        yield Footer(show_command_palette=False, compact=True)

    def _stars(self) -> ComposeResult:
        namings = [(t(f"predict_room.save.{naming}"), naming) for naming in ("lightroom", "darktable")]
        with _line(t("predict_room.save.naming"), "stars"):
            yield Select(namings, value="lightroom", allow_blank=False, id="save-naming", compact=True)
        with _line(t("predict_room.save.thresholds"), "stars"):
            yield Input(id="save-thresholds", compact=True)
        yield Static("", id="save-counts", classes="kind stars", markup=False)
        ratings = [(t(f"predict_room.save.{what}"), what) for what in ("keep", "overwrite")]
        with _line(t("predict_room.save.ratings"), "stars"):
            yield Select(ratings, value="keep", allow_blank=False, id="save-ratings", compact=True)

    def _cull(self) -> ComposeResult:
        which = [(t(f"predict_room.save.{kind}"), kind) for kind in ("best", "per_burst")]
        with _line(t("predict_room.save.which"), "cull"):
            yield Select(which, value="best", allow_blank=False, id="save-which", compact=True)
        with _line(t("predict_room.save.count"), "cull"):
            yield Input("20", id="save-count", compact=True, type="integer", max_length=_MOST_DIGITS)
        hows = [(t(f"predict_room.save.{how}"), how) for how in ("copy", "move", "hard", "symbolic")]
        with _line(t("predict_room.save.how"), "cull"):
            yield Select(hows, value="copy", allow_blank=False, id="save-how", compact=True)

    def on_mount(self) -> None:
        """Suggest the usual, and let the form be chosen first."""
        from engine.outputs.sidecars import default_thresholds, parse_thresholds

        try:
            usual = parse_thresholds(self._remembered, self._scale)
        except UsageError:
            usual = default_thresholds(self._scale)  # they were written for another scale
        self.query_one("#save-thresholds", Input).value = " ".join(map(format_score, usual))
        self.query_one("#save-form", Select).focus()
        self._shape()

    @property
    def form(self) -> str:
        """What is to be made, one of `FORMS`."""
        return str(self.query_one("#save-form", Select).value)

    @on(Select.Changed, "#save-form")
    def _shape(self) -> None:
        """Show the fields that belong to the form, and suggest a place."""
        kind = self.form if self.form in {"stars", "cull"} else "file"
        for field in self.query(".kind"):
            field.display = field.has_class(kind)
        path = self.query_one("#save-path", Input)
        if path.value in {"", self._suggested}:
            name = t("predict_room.save.best_folder") if kind == "cull" else f"predictions.{self.form}"
            path.value = self._suggested = _short_form(self._folder / name)
        self._hint(t(f"predict_room.save.hint_{kind}"))
        self._sure_of = None

    def _hint(self, text: str) -> None:
        self.query_one("#save-hint", Static).update(Text(text))

    # --- stars ------------------------------------------------------------------------------------------------

    @on(Input.Changed, "#save-thresholds")
    def _count(self) -> None:
        """Show how many photos get how many stars."""
        try:
            counts = star_counts(self._rows, self._thresholds())
        except UsageError as error:
            self.query_one("#save-counts", Static).update(Text(say(error.message), "red"))
            return
        parts = [f"{'★' * stars} {count}" for stars, count in enumerate(counts, 1)]
        self.query_one("#save-counts", Static).update(Text("   ".join(parts)))

    def _thresholds(self) -> tuple[float, ...]:
        from engine.outputs.sidecars import parse_thresholds

        return parse_thresholds(self.query_one("#save-thresholds", Input).value, self._scale)

    # --- the answer -------------------------------------------------------------------------------------------

    @on(Input.Submitted)
    @on(Button.Pressed, "#yes")
    def _entered(self, event: Input.Submitted | Button.Pressed) -> None:
        event.stop()
        self.action_save()

    def action_save(self) -> None:
        """Return what is wished, if it can be."""
        make: dict[str, Callable[[], Wish | None]] = {"stars": self._stars_wish, "cull": self._cull_wish}
        try:
            wish = make.get(self.form, self._file_wish)()
        except BeholderError as error:
            self._hint(f"{say(error.message)} {say(error.remedy)}".strip())
            return
        if wish is not None:
            self.dismiss(wish)

    def _file_wish(self) -> Wish | None:
        out = parse_typed_path(self.query_one("#save-path", Input).value)
        if not out.parent.is_dir():
            self._hint(t("predict.export_no_folder"))
            return None
        if self.form == "html":
            from engine.outputs.gallery import check_place

            check_place(out)
        if out.exists() and out != self._sure_of:
            self._sure_of = out
            self._hint(t("predict.export_replace"))
            return None
        return SaveTable(out, cast("Format", self.form)) if self.form in TABLES else SaveGallery(out)

    def _stars_wish(self) -> Wish:
        naming: Naming = "darktable" if self.query_one("#save-naming", Select).value == "darktable" else "lightroom"
        return WriteStars(naming, self._thresholds(), self.query_one("#save-ratings", Select).value == "overwrite")

    def _cull_wish(self) -> Wish | None:
        to = parse_typed_path(self.query_one("#save-path", Input).value)
        typed = self.query_one("#save-count", Input).value
        if not typed.strip().isdecimal() or not int(typed):
            self._hint(t("predict_room.save.no_count"))
            return None
        which, how = (self.query_one(f"#save-{name}", Select).value for name in ("which", "how"))
        return Cull(to, which, int(typed), how)  # type: ignore[arg-type]

    def action_cancel(self) -> None:
        """Save nothing."""
        self.dismiss(None)


def _short_form(path: Path) -> str:
    """Return a path as it is typed, the person's home as ``~`` where that means the same."""
    short = shown_path(path)
    return short if parse_typed_path(short) == path else typed_form(path)


def _line(label: str, kinds: str = "") -> Horizontal:
    """Return a line of the form for its fields, with its label; `kinds` are the forms that have it."""
    return Horizontal(Label(label), classes=f"line {'kind ' if kinds else ''}{kinds}")
