"""Scoring mode: one photo as large as the screen, its score at a key, the next photo at once."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Container
from textual.widgets import Static

from engine.errors import BeholderError, NotFound, display_name
from engine.labels.scorebook import Change
from engine.workspace import Settings, format_score
from tui import scoring_lines as lines
from tui.i18n import say, t
from tui.long_lists import uncollected
from tui.messages import ScoreNews
from tui.photo_info import info_line
from tui.score_keeper import Flagged, OutsideChanged, Rerated, ScoresChanged, ScoresRead, ScoresRefused
from tui.scoring_queue import ScoringQueue
from tui.scoring_session import ScoringSession
from tui.screens.scoring_keys import ScoringKeys
from tui.widgets.key_footer import KeyFooter
from tui.widgets.photo import Photo

_AGAIN_SECONDS = 1.0


class ScoringMode(ScoringKeys):
    """Score photos one by one.

    Args:
        names: which photos, in which order; None for all.
        at: the photo to begin with.
        seed: of what is shuffled; None for another order each time.
        clock: returns the present time in seconds, for the pace.
    """

    area = "scoring"
    help_key = "scoring.help"
    CSS_PATH = "scoring_mode.tcss"

    def __init__(
        self,
        names: Sequence[str] | None = None,
        at: str | None = None,
        seed: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._clock = clock
        self._names = names
        self._at = at
        self._seed = secrets.randbits(32) if seed is None else seed
        self._unread: BeholderError | None = None

    def compose(self) -> ComposeResult:
        """Yield the line above the photo, the photo, the lines below it and the footer."""
        yield Static(id="place")
        with Container(id="stage"):
            yield Photo(id="photo")
            yield Static(id="summary")
        yield Static(id="info")
        yield Static(id="score")
        yield KeyFooter()

    def on_mount(self) -> None:
        """Begin the sitting, listen to the thread that keeps the scores, and ask it for all photos."""
        try:
            settings = self.workspace.settings()
        except BeholderError as error:
            settings = Settings()
            self.beholder.show_error(error)
        self.sitting = ScoringSession(
            ScoringQueue(settings.scoring_order, self._seed, self._names),
            settings.scale,
            style=settings.scoring_keys,
            advance=settings.scoring_advance != "off",
            at=self._at,
            clock=self._clock,
        )
        self.beholder.score_news.subscribe(self, self._take_news)
        super().on_mount()
        self.beholder.keeper.read()

    # ---- what is on the screen

    def fill(self) -> None:
        """Show the present state."""
        self.redraw()

    def on_resize(self) -> None:
        """Fit the lines to the new width."""
        self.redraw()

    @property
    def is_readable(self) -> bool:
        """Whether the scores can be read."""
        return self._unread is None

    def redraw(self) -> None:
        """Show the present state; what is as it was is not sent again."""
        sitting, cells = self.sitting, self.size.width
        if sitting is None or not self.is_mounted:
            return
        cover = self._cover_text(sitting)
        note = self.note or (t("scoring.view", view=self.photo.view_text) if self.photo.zoomed else "")
        self.query_one("#summary").display, self.photo.display = cover is not None, cover is None
        self.query_one("#info").display = self.informing
        self._put("summary", cover or Text())
        self._put("place", lines.place_line(sitting, cells) if sitting.is_read else Text())
        info = self.photo.info
        self._put("info", Text("" if info is None else info_line(info), no_wrap=True, overflow="ellipsis"))
        self._put("score", lines.score_line(sitting, cells, finding=self.finding, note=note))
        turn, folder = sitting.queue.turn, self.workspace.data
        if turn is None:
            self.photo.show(None)
        else:
            self.photo.show(folder / turn.name, [folder / name for name in sitting.queue.neighbours()])

    def _put(self, name: str, text: Text) -> None:
        widget = self.query_one(f"#{name}", Static)
        if widget.content != text:
            widget.update(text)

    def _cover_text(self, sitting: ScoringSession) -> Text | None:
        """Return what stands in the photo's place: a summary, or why there is no photo; None for the photo."""
        if self._unread is not None:
            return Text(f"{say(self._unread.message)}\n\n{say(self._unread.remedy)}")
        if not sitting.is_read:
            return None
        if not sitting.queue.stop:
            return Text(t("scoring.empty"))
        return lines.summary(sitting) if self.summing or sitting.queue.turn is None else None

    # ---- what comes from the disk

    def _take_news(self, news: ScoreNews) -> None:
        sitting = self.sitting
        if sitting is None:
            return
        if isinstance(news, ScoresRead):
            first, self._unread = not sitting.is_read, None
            with uncollected():
                lost = sitting.take(news.entries)
            if lost:
                self.note = t("scoring.lost")
            if first:
                self._begin(sitting)
        elif isinstance(news, ScoresChanged):
            self.written(news.ticket)
            self._take_change(sitting, news.change)
        elif isinstance(news, Rerated):
            self.written(news.ticket)
        elif isinstance(news, Flagged):
            sitting.flagged = sitting.flagged | {news.name} if news.on else sitting.flagged - {news.name}
        elif isinstance(news, OutsideChanged):
            self._tell_outside(news)
        elif isinstance(news, ScoresRefused):
            self._refused(sitting, news)
        self.redraw()

    def _begin(self, sitting: ScoringSession) -> None:
        if sitting.queue.stop and sitting.score is not None and not sitting.tally().passed:
            self.note = t("scoring.all_scored")
        self.catch_up()

    def _take_change(self, sitting: ScoringSession, change: Change) -> None:
        for edit in change.edits:
            sitting.put(edit.name, edit.new)
        if self.asked and change.kind in {"undo", "redo"}:
            self.asked -= 1
            self.note = _told(change, by_name=not sitting.queue.is_blind)
            if change.edits:
                sitting.queue.show(change.edits[0].name)

    def _tell_outside(self, news: OutsideChanged) -> None:
        changed = sum(len(change.edits) for change in news.changes)
        if changed:
            self.note = t("scoring.outside_scores", n=changed)
        elif news.added:
            self.note = t("scoring.outside_photos", n=len(news.added))

    def _refused(self, sitting: ScoringSession, news: ScoresRefused) -> None:
        if self.asked and isinstance(news.error, NotFound):
            self.asked -= 1
            self.note = say(news.error.message)  # nothing more to undo: no reason to stop a burst with a dialog
            return
        self.asked = 0
        if not news.reading:
            self.beholder.show_error(news.error)
            self.refused()
            sitting.doubt()
            self.beholder.keeper.read()
        elif sitting.doubts:
            self.note = say(news.error.message)
            self.set_timer(_AGAIN_SECONDS, self.beholder.keeper.read)
        else:
            self.beholder.show_error(news.error)
            if not sitting.is_read:
                self._unread = news.error
                self.forget()


def _told(change: Change, *, by_name: bool) -> str:
    """Return one line about a change that was undone or redone."""
    undone = change.kind == "undo"
    if len(change.edits) != 1 or not by_name:
        return t("scoring.undone_many" if undone else "scoring.redone_many", n=len(change.edits))
    edit = change.edits[0]
    old, new = (format_score(score) or "–" for score in (edit.old, edit.new))
    return t("scoring.undone" if undone else "scoring.redone", name=display_name(edit.name), old=old, new=new)
