"""The dialog that takes one more picture into the workspace, or one that lies there already, with a score."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Footer, Input, Label, Static

from engine.errors import BeholderError
from engine.images import SUFFIXES
from engine.workspace import Workspace, format_score
from tui.dialogs.path_picker import PathPicker
from tui.i18n import say, t
from tui.keymap import bind
from tui.paths import parse_typed_path, typed_form
from tui.screens.base import BaseDialog
from tui.widgets.path_input import PathField


@dataclass(frozen=True)
class Added:
    """A picture and the score that it shall have; None leaves it unscored."""

    path: Path
    score: float | None


class AddEntryDialog(BaseDialog[Added | None]):
    """Returns what to add, or None.

    Args:
        workspace: the names in its ``data/`` may be typed without a folder.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("ctrl+o", "browse", "app.import.browse", id="add.browse"),
        bind("escape", "cancel", "app.key.cancel", id="add.cancel"),
    ]

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self._workspace = workspace

    def compose(self) -> ComposeResult:
        """Yield the path, the score and two buttons."""
        low, high = format_score(self._workspace.scale.low), format_score(self._workspace.scale.high)
        with Vertical(classes="dialog -add"):
            yield Static(t("data.add.title"), classes="dialog-title")
            with Horizontal(classes="line"):
                yield Label(t("data.add.picture"))
                yield PathField(t("data.add.picture_hint"), suffixes=SUFFIXES, id="add-path")
            with Horizontal(classes="line"):
                yield Label(t("app.score.label"))
                yield Input(placeholder=t("data.add.score_hint", low=low, high=high), id="add-score", compact=True)
            yield Static("", id="add-problem", markup=False)
            with Horizontal(classes="buttons"):
                yield Button(t("data.add.yes"), variant="primary", id="yes")
                yield Button(t("app.import.browse"), id="browse")
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        """Put the focus into the path."""
        self.query_one("#add-path", Input).focus()

    @on(Input.Submitted, "#add-path")
    def _path_entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.query_one("#add-score", Input).focus()

    @on(Input.Submitted, "#add-score")
    @on(Button.Pressed, "#yes")
    def _entered(self) -> None:
        try:
            path = self._path(self.query_one("#add-path", Input).value)
        except BeholderError as error:
            self._refuse(f"{say(error.message)} {say(error.remedy)}", "#add-path")
            return
        if path.is_dir() or not path.exists():
            self._refuse(t("data.add.no_file"), "#add-path")
            return
        typed = unicodedata.normalize("NFKC", self.query_one("#add-score", Input).value).strip().replace(",", ".")
        score = _number(typed)
        if typed and (score is None or score not in self._workspace.scale):
            scale = self._workspace.scale
            low, high = format_score(scale.low), format_score(scale.high)
            self._refuse(f"{typed} {t('app.score.outside', low=low, high=high)}", "#add-score")
            return
        self.dismiss(Added(path, score))

    def _path(self, text: str) -> Path:
        """Return what was typed as a path: a name that lies in ``data/`` means that photo."""
        name = text.strip()
        if name and "/" not in name and (known := self._workspace.data / name).is_file():
            return known
        return parse_typed_path(text)

    def _refuse(self, reason: str, field: str) -> None:
        self.query_one("#add-problem", Static).update(reason)
        self.query_one(field, Input).focus()

    @on(Button.Pressed, "#browse")
    def action_browse(self) -> None:
        """Choose the picture from a tree."""

        def chosen(path: Path | None) -> None:
            if path is not None:
                self.query_one("#add-path", Input).value = typed_form(path)
                self.query_one("#add-score", Input).focus()

        self.app.push_screen(PathPicker(Path.home(), t("data.add.pick"), suffixes=None, folders=False), chosen)

    def action_cancel(self) -> None:
        """Add nothing."""
        self.dismiss(None)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
