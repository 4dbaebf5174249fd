"""The form of the Import screen: which folder, and where the scores come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Button, Checkbox, Input, Label, Static

from engine.errors import UsageError
from engine.images import is_picture_name
from engine.labels.filenames import compile_pattern
from engine.labels.importing import ImportOptions
from engine.workspace import Scale
from tui.cell_width import cut_left, width
from tui.i18n import say, t
from tui.paths import Pasted, parse_typed_path, shown_path, typed_form
from tui.widgets.path_input import PastingInput, PathField

_TABLES = frozenset({".csv", ".tsv", ".txt"})
Values = Mapping[str, str | bool]


@dataclass(frozen=True)
class Request:
    """What the form asks for.

    Args:
        options: for the engine.
        photo: the photo that was named instead of its folder; None as a rule.
    """

    options: ImportOptions
    photo: Path | None = None


def read_request(values: Values) -> Request:
    """Return what the values of a form ask for; looks at the disk, so call it in a thread.

    Raises:
        UsageError: no folder was typed, or the scale is none.
    """
    folder, csv, scale = (str(values[name]).strip() for name in ("folder", "csv", "scale"))
    if not folder:
        raise UsageError("No folder was chosen.", remedy="Type or paste its path, or choose one with ctrl+o.")
    path, photo = parse_typed_path(folder), None
    if is_picture_name(path.name) and path.is_file():
        path, photo = path.parent, path
    stars = bool(values["stars"])
    options = ImportOptions(
        folder=path,
        scores_csv=parse_typed_path(csv) if csv and not stars else None,
        pattern=str(values["pattern"]) or None if not (stars or csv) else None,
        scale=Scale.parse(scale) if scale and not stars else None,
        recursive=bool(values["recursive"]),
        stars=stars,
    )
    return Request(options, photo)


def _fault(check: Callable[[str], object], text: str) -> UsageError | None:
    try:
        check(text)
    except UsageError as error:
        return error
    return None


def _said(error: UsageError) -> str:
    return t("importing.sentences", first=say(error.message), second=say(error.remedy))


class TickBox(Checkbox):
    """A checkbox whose state is told by its sign, and not by the sign's colour alone."""

    @property
    def BUTTON_INNER(self) -> str:  # type: ignore[override]
        """The sign in the box."""
        return "✓" if self.value else " "


class ImportForm(Vertical):
    """The inputs; posts `Asked` when a preview is wanted, `Browse` when the picker is.

    Once there is a plan, the form folds into one line, so that the photos have the room.
    """

    class Asked(Message):
        """A preview is wanted."""

    class Browse(Message):
        """The person wants to choose the folder from a tree."""

    class Save(Message):
        """The import is wanted."""

    class Unfold(Message):
        """The folded form was clicked."""

    class TookPath(Message):
        """A pasted or dropped path was put into its input."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._folder: Path | None = None

    def compose(self) -> ComposeResult:
        """Yield the summary, the inputs and buttons, all one line high."""
        yield Static("", id="summary")
        with Horizontal(classes="line"):
            yield Label(t("app.import.folder"))
            yield PathField(t("app.import.folder_hint"), on_paths=self.take_paths, id="folder")
            yield Button(t("app.import.browse"), id="browse", compact=True)
        with Horizontal(classes="line"):
            yield Label(t("app.import.csv"))
            yield PathField(t("app.import.csv_hint"), suffixes=_TABLES, on_paths=self.take_paths, id="csv")
            yield TickBox(t("importing.stars"), id="stars", compact=True)
        with Horizontal(classes="line"):
            yield Label(t("app.import.pattern"))
            yield PastingInput(t("app.import.pattern_hint"), on_paths=self.take_paths, id="pattern")
            yield Label(t("app.import.scale"), id="scale-label")
            yield PastingInput(t("app.import.scale_hint"), on_paths=self.take_paths, id="scale")
        yield Static("", id="form-note")
        with Horizontal(classes="line", id="buttons"):
            yield TickBox(t("app.import.recursive"), True, id="recursive", compact=True)
            yield Button(t("app.import.preview"), id="preview", variant="primary", compact=True)
            yield Button(t("app.import.save"), id="save", variant="success", compact=True, disabled=True)

    @property
    def values(self) -> dict[str, str | bool]:
        """All that was typed, by the id of its input."""
        found: dict[str, str | bool] = {field.id or "": field.value for field in self.query(Input)}
        return found | {box.id or "": box.value for box in self.query(Checkbox)}

    def restore(self, values: Values) -> None:
        """Put back what `values` returned."""
        for name, value in values.items():
            if isinstance(value, bool):
                self.query_one(f"#{name}", Checkbox).value = value
            else:
                self.query_one(f"#{name}", Input).value = value

    def offer_recent(self, folders: Sequence[Path]) -> None:
        """Offer the folders that photos were imported from lately."""
        self.query(PathField).first().offer_recent(folders)

    def fold(self, folder: Path | None) -> None:
        """Fold into one line that says what is previewed; None opens the form."""
        self._folder = folder
        self.set_class(folder is not None, "-folded")
        self._show_summary()

    def on_resize(self) -> None:
        """Fit the summary into the line."""
        self._show_summary()

    def _show_summary(self) -> None:
        if self._folder is None:
            return
        values = self.values
        source = t("importing.from_names")
        if values["stars"]:
            source = t("importing.from_stars")
        elif str(values["csv"]).strip():
            source = t("importing.from_csv")
        elif values["pattern"]:
            source = t("importing.from_pattern")
        rest = source if values["recursive"] else f"{source} · {t('importing.flat')}"
        room = max(self.size.width - width(rest) - 4, 16)
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append(cut_left(shown_path(self._folder), room), style="bold").append(f"  {rest}", style="dim")
        self.query_one("#summary", Static).update(text)

    @property
    def is_folded(self) -> bool:
        """Whether only the summary is shown."""
        return self.has_class("-folded")

    def on_click(self, event: events.Click) -> None:
        """Open the form again."""
        if self.is_folded:
            event.stop()
            self.post_message(self.Unfold())

    def allow(self, *, busy: bool, planned: bool) -> None:
        """Enable the buttons that make sense.

        Args:
            busy: whether work runs.
            planned: whether there is something to save.
        """
        self.query_one("#preview", Button).disabled = busy
        self.query_one("#save", Button).disabled = busy or not planned

    def take_paths(self, pasted: Pasted) -> None:
        """Put a pasted path where it belongs: a table of scores beside a folder of photos."""
        is_table = pasted.path.suffix.lower() in _TABLES
        field = self.query_one("#csv" if is_table else "#folder", Input)
        field.value = typed_form(pasted.path)
        field.cursor_position = len(field.value)
        if is_table:
            self.query_one("#stars", Checkbox).value = False
        if pasted.more:
            self.notify(t("importing.one_path", n=pasted.more), markup=False)
        self.post_message(self.TookPath())
        if pasted.is_submitted:
            self.post_message(self.Asked())
        else:
            field.focus()

    @on(Input.Changed)
    @on(Checkbox.Changed)
    def _check(self) -> None:
        """Say at once what is wrong, and which inputs do not count."""
        stars = self.query_one("#stars", Checkbox).value
        csv, pattern, scale = (self.query_one(f"#{name}", Input) for name in ("csv", "pattern", "scale"))
        by_table = bool(csv.value.strip())
        csv.disabled, pattern.disabled, scale.disabled = stars, stars or by_table, stars
        wrong = {
            pattern: None if pattern.disabled or not pattern.value else _fault(compile_pattern, pattern.value),
            scale: None if scale.disabled or not scale.value.strip() else _fault(Scale.parse, scale.value),
        }
        notes = [_said(error) for error in wrong.values() if error is not None]
        if stars and (by_table or pattern.value or scale.value):
            notes.append(t("importing.stars_alone"))
        elif by_table and pattern.value:
            notes.append(t("importing.csv_alone"))
        for field, error in wrong.items():
            field.set_class(error is not None, "-wrong")
        note = self.query_one("#form-note", Static)
        note.update(Text("\n".join(notes)))
        note.display = bool(notes)
        note.set_class(any(wrong.values()), "-wrong")

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self.post_message(self.Asked())

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        messages = {"preview": self.Asked, "browse": self.Browse, "save": self.Save}
        event.stop()
        self.post_message(messages[str(event.button.id)]())
