"""The form of the Import screen: which folder, and where the scores come from."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Button, Checkbox, Input, Label

from engine.errors import UsageError
from engine.labels.importing import ImportOptions
from engine.workspace import Scale
from tui.i18n import t
from tui.paths import parse_typed_path
from tui.widgets.path_input import PathInput


class ImportForm(Vertical):
    """The inputs; posts `Asked` when a preview is wanted, `Browse` when the picker is."""

    class Asked(Message):
        """A preview is wanted."""

    class Browse(Message):
        """The person wants to choose the folder from a tree."""

    class Save(Message):
        """The import is wanted."""

    def compose(self) -> ComposeResult:
        """Yield the inputs and buttons, all one line high."""
        with Horizontal(classes="line"):
            yield Label(t("app.import.folder"))
            yield PathInput(t("app.import.folder_hint"), id="folder")
            yield Button(t("app.import.browse"), id="browse", compact=True)
        with Horizontal(classes="line"):
            yield Label(t("app.import.csv"))
            yield PathInput(t("app.import.csv_hint"), suffixes=frozenset({".csv", ".tsv", ".txt"}), id="csv")
            yield Checkbox(t("app.import.recursive"), True, id="recursive", compact=True)
        with Horizontal(classes="line"):
            yield Label(t("app.import.pattern"))
            yield Input(placeholder=t("app.import.pattern_hint"), id="pattern", compact=True)
            yield Label(t("app.import.scale"), id="scale-label")
            yield Input(placeholder=t("app.import.scale_hint"), id="scale", compact=True)
        with Horizontal(classes="line", id="buttons"):
            yield Button(t("app.import.preview"), id="preview", variant="primary", compact=True)
            yield Button(t("app.import.save"), id="save", variant="success", compact=True, disabled=True)

    @property
    def values(self) -> dict[str, str | bool]:
        """All that was typed, by the id of its input."""
        found: dict[str, str | bool] = {field.id or "": field.value for field in self.query(Input)}
        return {**found, "recursive": self.query_one("#recursive", Checkbox).value}

    def restore(self, values: dict[str, str | bool]) -> None:
        """Put back what `values` returned."""
        for name, value in values.items():
            if isinstance(value, bool):
                self.query_one(f"#{name}", Checkbox).value = value
            else:
                self.query_one(f"#{name}", Input).value = value

    def options(self) -> ImportOptions:
        """Return what the form asks for.

        Raises:
            UsageError: no folder was typed, or the scale is none.
        """
        values = {name: str(value) for name, value in self.values.items()}
        if not values["folder"].strip():
            raise UsageError("No folder was chosen.", remedy="Type or paste its path, or choose one with ctrl+o.")
        csv, scale = values["csv"].strip(), values["scale"].strip()
        return ImportOptions(
            folder=parse_typed_path(values["folder"]),
            scores_csv=parse_typed_path(csv) if csv else None,
            pattern=values["pattern"] or None,
            scale=Scale.parse(scale) if scale else None,
            recursive=self.query_one("#recursive", Checkbox).value,
        )

    def allow(self, *, busy: bool, planned: bool) -> None:
        """Enable the buttons that make sense.

        Args:
            busy: whether work runs.
            planned: whether there is something to save.
        """
        self.query_one("#preview", Button).disabled = busy
        self.query_one("#save", Button).disabled = busy or not planned

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Asked())

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        wanted = {"browse": self.Browse, "preview": self.Asked, "save": self.Save}
        self.post_message(wanted[event.button.id or ""]())
