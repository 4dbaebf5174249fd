"""What runs behind the screens: guarded work, the jobs that are followed, and the thread that keeps the scores."""

from __future__ import annotations

import asyncio
import gc
import importlib
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from textual import on
from textual.signal import Signal
from textual.worker import Worker

from engine.errors import BeholderError
from engine.workspace import Workspace
from tui.i18n import t
from tui.key_order import KeyOrder
from tui.messages import CompanionChanged, JobProgress, ScoreNews
from tui.screens.base import Work

if TYPE_CHECKING:
    from engine.jobs.client import JobInfo
    from tui.companion import Companion
    from tui.picture_pool import PicturePool
    from tui.score_keeper import ScoreKeeper

_REDRAW_SECONDS = 0.25
_LOOK_SECONDS = 1.0
PAUSE_SECONDS = 0.1
"""Between two things that are done ahead, while nothing else is to be done."""
_ALIVE = {"queued", "running", "silent"}
_ENDED = {"finished", "failed", "cancelled", "crashed"}


class BackgroundApp(KeyOrder):
    """An app whose work outlives its screens.

    Args:
        workspace: where the photos, scores and jobs are.
    """

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self.workspace = workspace
        self.job_events: dict[str, list[dict[str, Any]]] = {}
        self.job_progress: Signal[JobProgress] = Signal(self, "job_progress")
        self.score_news: Signal[ScoreNews] = Signal(self, "score_news")
        self.companion_state: Signal[CompanionChanged] = Signal(self, "companion_state")
        self.companion_news = CompanionChanged("off")
        self._companion: Companion | None = None
        self._keeper: ScoreKeeper | None = None
        self._pictures: PicturePool | None = None

    def show_error(self, error: BeholderError) -> None:
        """Open the error dialog, unless the same error is being shown."""
        from tui.dialogs.error import ErrorDialog

        if not (isinstance(self.screen, ErrorDialog) and str(self.screen.error) == str(error)):
            self.push_screen(ErrorDialog(error))

    def in_background(self, work: Work, group: str) -> Worker[None]:
        """Run work as a worker of the app; its errors become a dialog.

        Args:
            work: a coroutine, or a function that returns one.
            group: a newer worker of the same group ends the older one.
        """
        return self.run_worker(partial(self._guarded, work), group=group, exclusive=True)

    async def _guarded(self, work: Work) -> None:
        try:
            await (work() if callable(work) else work)
        except Exception as error:  # noqa: BLE001 - the app must not close under a person's hands
            from tui.faults import explained

            self.show_error(explained(self.workspace, error))

    def remember(self, **choices: str) -> None:
        """Save language, theme or the way to draw photos in the workspace's settings."""

        async def save() -> None:
            await asyncio.to_thread(lambda: self.workspace.change_settings(**choices))

        self.in_background(save, "settings")

    async def import_ahead(self, modules: Iterable[str]) -> None:
        """Import what the other screens need while nothing else is to be done, so that opening one is quick."""
        for module in modules:
            await asyncio.sleep(PAUSE_SECONDS)
            await asyncio.to_thread(importlib.import_module, module)

    def settle(self) -> None:
        """Spare what the screens are built of the search for garbage, which would stop everything for 0.1 s."""
        if not self.is_headless:  # where many apps begin and end in one process, they must not stay for ever
            gc.freeze()

    @property
    def keeper(self) -> ScoreKeeper:
        """The one thread that reads and writes the scores; what it has to tell comes through `score_news`."""
        if self._keeper is None:
            from tui.score_keeper import ScoreKeeper

            self._keeper = ScoreKeeper(self.workspace, self)
            self.set_interval(_LOOK_SECONDS, self._keeper.look)
        return self._keeper

    @property
    def pictures(self) -> PicturePool:
        """The few threads that draw photos and thumbnails."""
        if self._pictures is None:
            from tui.faults import explained
            from tui.picture_pool import PicturePool

            self._pictures = PicturePool(partial(explained, self.workspace))
        return self._pictures

    @property
    def companion(self) -> Companion:
        """The process that holds a model warm; it is started at the first question."""
        if self._companion is None:
            from tui.companion import Companion

            self._companion = Companion(self.workspace, self.post_message)
        return self._companion

    @on(CompanionChanged)
    def _tell_companion_state(self, news: CompanionChanged) -> None:
        self.companion_news = news
        self.companion_state.publish(news)
        if news.state == "restarted":
            self.notify(t("companion.restarted", reason=news.reason), severity="warning", markup=False)

    @on(ScoreNews)
    def _tell_score_news(self, news: ScoreNews) -> None:
        self.score_news.publish(news)

    async def on_unmount(self) -> None:
        """Draw no more pictures; end the companion; wait until every score that was given is written."""
        if self._companion is not None:
            await self._companion.aclose()
        if self._pictures is not None:
            self._pictures.close()
        if self._keeper is not None:
            await asyncio.to_thread(self._keeper.close)

    async def follow_running_jobs(self) -> None:
        """Follow every job that still runs."""
        if not self.workspace.jobs.is_dir():
            return
        for job in await asyncio.to_thread(_jobs, self.workspace):
            if str(job.state) in _ALIVE:
                self.follow_job(job.job_id)

    def follow_job(self, job_id: str) -> None:
        """Follow a job from its first event until it ends; screens hear of it through `job_progress`.

        One that was followed to its end and goes on now is followed from its first event again.
        """
        heard = self.job_events.get(job_id)
        if heard is None or (heard and heard[-1]["type"] in _ENDED):
            self.job_events[job_id] = []
            self.in_background(partial(self._follow, job_id), f"job-{job_id}")

    async def _follow(self, job_id: str) -> None:
        from engine.jobs.client import afollow

        async for batch in afollow(self.workspace, job_id):
            self.post_message(JobProgress(job_id, batch))
            await asyncio.sleep(_REDRAW_SECONDS)

    def on_job_progress(self, progress: JobProgress) -> None:
        """Remember the events and tell every screen that listens."""
        self.job_events.setdefault(progress.job_id, []).extend(progress.events)
        self.job_progress.publish(progress)


def _jobs(workspace: Workspace) -> list[JobInfo]:
    from engine.jobs.client import list_jobs  # in a thread, and not before the first frame

    return list_jobs(workspace)
