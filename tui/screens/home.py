"""Home: the workspace's state and the next sensible step."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Button, Static

from engine.errors import BeholderError, display_name
from tui.i18n import say, t
from tui.keymap import AREAS, bind, shown_text
from tui.messages import JobProgress
from tui.paths import shown_path
from tui.screens.base import BaseScreen

if TYPE_CHECKING:  # what looks through the workspace is imported in the thread that does it, after the first frame
    from engine.labels.entries import Entry
    from engine.workspace import Workspace

_LETTERS = {"import": "i", "data": "d", "train": "t", "predict": "p", "models": "m", "jobs": "j"}
_RUNNING = {"queued", "running", "silent"}


@dataclass(frozen=True)
class Survey:
    """What a workspace holds."""

    photos: int
    scored: int
    scale: str
    models: int
    running: int
    newest: str = ""

    def next_step(self) -> tuple[str, str]:
        """Return the next sensible step: the area where it is done (``scoring`` is no room), and its text."""
        from engine.models.catalog import FEWEST_SCORES

        if not self.photos:
            return "import", t("app.home.step_import")
        if self.scored < FEWEST_SCORES:
            return "scoring", t("app.home.step_score", enough=FEWEST_SCORES, missing=FEWEST_SCORES - self.scored)
        if self.running:
            return "train", t("app.home.step_watch")
        if not self.models:
            return "train", t("app.home.step_train")
        return "predict", t("app.home.step_predict")


def survey(workspace: Workspace, entries: Sequence[Entry]) -> Survey:
    """Look through a workspace; call it in a thread.

    Args:
        workspace: the workspace.
        entries: its photos and scores.

    Raises:
        BeholderError: the scores or the settings are damaged.
    """
    from engine.jobs.client import list_jobs
    from engine.models.bundle import list_bundles

    models = list_bundles(workspace) if workspace.models.is_dir() else []
    jobs = list_jobs(workspace) if workspace.jobs.is_dir() else []
    return Survey(
        photos=sum(entry.present for entry in entries),
        scored=sum(entry.present and entry.score is not None for entry in entries),
        scale=str(workspace.scale),
        models=len(models),
        running=sum(str(job.state) in _RUNNING for job in jobs),
        newest=models[0].name or models[0].model_id if models else "",
    )


class HomeScreen(BaseScreen):
    """The first screen."""

    area = "home"
    help_key = "app.help.home"
    keys_are_known = True
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("enter", "next", "app.home.next", id="home.next", priority=True),
        *(
            # the footer of a narrow terminal has no room for the last one, which the list below names as well
            bind(letter, f"app.go('{area}')", f"app.area.{area}", id=f"home.{area}", show=area != "jobs")
            for area, letter in _LETTERS.items()
        ),
        bind("s", "app.score", "scoring.key.open", id="home.score", priority=True),
    ]

    @dataclass
    class Surveyed(Message):
        """The workspace was looked through, or is damaged."""

        survey: Survey | None
        error: BeholderError | None = None

    def __init__(self) -> None:
        super().__init__()
        self.survey: Survey | None = None
        self.error: BeholderError | None = None

    def body(self) -> ComposeResult:
        """Yield the logo, the next step, the state and the areas."""
        with Vertical(id="home"):
            yield Static(self._logo(), id="logo")
            yield Static("", id="problem", markup=False)
            yield Button("…", id="next", variant="primary")
            with Horizontal(id="columns"):
                yield Static("", id="state")
                yield Static(self._areas(), id="areas")

    def _logo(self) -> Text:
        return Text.assemble(("◉ beholder", "bold"), "  ", (t("app.home.motto"), "italic dim"))

    def _areas(self) -> Table:
        table = Table.grid(padding=(0, 1))
        for area, letter in _LETTERS.items():
            tip = shown_text(f"app.area.{area}_tip")
            table.add_row(Text(letter, style="bold"), Text(AREAS[area].upper(), style="dim"), Text(tip))
            if area == "data":
                tip = shown_text("scoring.key.open_tip")
                table.add_row(Text("s", style="bold"), Text("F7", style="dim"), Text(tip))
        return table

    def fill(self) -> None:
        """Show what is known, and look again."""
        self._redraw()
        self.query_one("#next", Button).focus()

    def on_mount(self) -> None:
        """Listen to the jobs."""
        super().on_mount()
        self.beholder.job_progress.subscribe(self, self._job_progressed)

    def on_screen_resume(self) -> None:
        """Look through the workspace each time Home is shown, once it is: threads would only delay that."""
        self.call_after_refresh(self.look)

    def _job_progressed(self, progress: JobProgress) -> None:
        if any(event["type"] in {"started", "finished", "failed", "cancelled"} for event in progress.events):
            self.look()

    def look(self) -> None:
        """Look through the workspace in a thread."""
        self.in_background(self._survey, "survey")

    async def _survey(self) -> None:
        try:
            await asyncio.to_thread(importlib.import_module, "tui.score_keeper")
            entries = await asyncio.to_thread(self.beholder.keeper.entries)
            self.post_message(self.Surveyed(await asyncio.to_thread(survey, self.workspace, entries)))
        except BeholderError as error:
            self.post_message(self.Surveyed(None, error))

    def on_home_screen_surveyed(self, surveyed: HomeScreen.Surveyed) -> None:
        """Show the state, or what is damaged."""
        self.survey, self.error = surveyed.survey, surveyed.error
        self._redraw()

    def _redraw(self) -> None:
        self.refresh_bindings()
        problem = self.query_one("#problem", Static)
        problem.display = self.error is not None
        button = self.query_one("#next", Button)
        button.display = self.error is None
        if self.error is not None:
            problem.update(Text(f"{say(self.error.message)}\n{say(self.error.remedy)}"))
            self.query_one("#state", Static).update("")
        elif self.survey is not None:
            button.label = Text(f"{self.survey.next_step()[1]}  ⏎")
            self.query_one("#state", Static).update(self._state(self.survey))

    def _state(self, seen: Survey) -> Table:
        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim")
        rows = [
            (t("app.home.photos"), str(seen.photos)),
            (t("app.home.scored"), str(seen.scored)),
            (t("app.home.unscored"), str(seen.photos - seen.scored)),
            (t("app.home.scale"), seen.scale),
            (t("app.home.models"), f"{seen.models}  {display_name(seen.newest)}".strip()),
            (t("app.home.running"), str(seen.running)),
            (t("app.home.workspace"), shown_path(self.workspace.root)),
        ]
        for name, value in rows:
            table.add_row(Text(name), Text(value, overflow="fold"))
        return table

    def on_button_pressed(self) -> None:
        """Do the next step."""
        self.action_next()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer no next step where something is damaged."""
        return not (action == "next" and self.error is not None)

    def action_next(self) -> None:
        """Go where the next step is done."""
        if self.survey is None or self.error is not None:
            return
        area = self.survey.next_step()[0]
        if area == "scoring":
            self.beholder.open_scoring()
        else:
            self.beholder.go(area)
