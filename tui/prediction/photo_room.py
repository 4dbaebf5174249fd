"""One photo in the Predict room: its score from the warm process at once, then why it has that score."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from textual import on
from textual.message import Message

from engine.errors import BeholderError
from engine.prediction.explanation import Explanation
from tui.corrections import keep_correction
from tui.i18n import say, t
from tui.job_following import JobRoom
from tui.messages import CompanionChanged
from tui.prediction.rows import PredictedRow
from tui.widgets.model_select import ModelSelect
from tui.widgets.prediction_card import PredictionCard

_PATIENCE = 0.15
"""Seconds for which the screen waits for a score before it shows a photo without."""


@dataclass
class ScoreCame(Message):
    """The warm process has answered a question: the photo's prediction."""

    question: int
    row: PredictedRow


@dataclass
class ExplanationCame(Message):
    """The warm process has said why; `is_last`: nothing more is asked about this photo."""

    question: int
    explanation: Explanation
    is_last: bool


@dataclass
class Unanswered(Message):
    """The warm process could not answer.

    Args:
        question: which one.
        error: why.
        path: of the photo whose score is missing; None where the score is known, and only the reasons are not.
        model: that was asked for.
    """

    question: int
    error: BeholderError
    path: Path | None = None
    model: str = ""


@dataclass
class CorrectionKept(Message):
    """A corrected score reached the training data."""

    path: Path
    text: str


class PhotoRoom(JobRoom):
    """A room that asks the warm process about one photo; an answer about another one than the shown is dropped."""

    def __init__(self) -> None:
        super().__init__()
        self._question = 0
        self._is_asking = ""
        self._explanation: Explanation | None = None
        self._begin: Callable[[], None] | None = None
        self.single: PredictedRow | None = None

    def on_mount(self) -> None:
        """Listen to how the warm process fares."""
        self.beholder.companion_state.subscribe(self, self._companion_changed)

    @property
    def card(self) -> PredictionCard:
        """The shown photo."""
        return self.query_one(PredictionCard)

    @property
    def has_companion(self) -> bool:
        """Whether the warm process can be asked, as far as is known."""
        return self.beholder.companion_news.state != "failed"

    def predict_as_job(self, path: Path, model: str) -> None:
        """Score a photo or a folder in a job: the warm process can't, or need not."""
        raise NotImplementedError

    def warm(self, model: str) -> None:
        """Let the warm process load a model ahead; what goes wrong is told when a photo is asked for."""

        async def load() -> None:
            try:
                await self.beholder.companion.warm(model)
            except BeholderError:
                return

        if self.has_companion:
            self.in_background(load, "predict-warm")

    def show_single_again(self) -> None:
        """Show the one photo in fresh widgets, with all that is known of it."""
        row = self.single
        if row is None:
            return
        self.card.begin(row.path)
        if row.score is not None or row.error:
            self.card.show(row, row.error or "", self.query_one(ModelSelect).title_of(row.model_id))
        self.card.explain(self._explanation)
        self._wait(self._is_asking)

    # --- asking -----------------------------------------------------------------------------------------------

    def ask_photo(self, path: Path, model: str, prepare: Callable[[], None]) -> None:
        """Ask for a photo's score, and then why it has it.

        Args:
            path: the photo. model: which is to score it.
            prepare: makes room for one photo. It is called when the score is there, or after a moment: to draw the
                screen twice takes longer than a warm process needs.
        """
        self._question += 1
        question = self._question
        self.single, self._explanation = PredictedRow(str(path), None, None, None, "", None), None

        def begin() -> None:
            prepare()
            self.card.begin(path)
            self._wait("scoring")

        self._begin = begin
        self.in_background(self._answer(question, path, model), "predict-photo")
        self.set_timer(_PATIENCE, lambda: self._begun_with(question))

    def _begun_with(self, question: int) -> None:
        """Show the photo of a question, unless it is shown or another one was asked about."""
        begin = self._begin
        if begin is not None and question == self._question:
            self._begin = None
            begin()

    def ask_why(self, row: PredictedRow) -> None:
        """Ask why a photo has the score that it has."""
        self._question += 1
        self._begin = None
        if row.score is None:
            self._wait("")
            return
        self._wait("explaining")
        self.in_background(self._explain(self._question, row.path, row.model_id), "predict-photo")

    def drop_question(self) -> None:
        """Want no answer any more."""
        self._question += 1
        self._begin = None
        self._wait("")
        self.in_background(asyncio.sleep(0), "predict-photo")  # ends the older one, which takes its question back

    async def _answer(self, question: int, path: Path, model: str) -> None:
        try:
            found, far = await self.beholder.companion.predict(path, model)
        except BeholderError as error:
            self.post_message(Unanswered(question, error, path, model))
            return
        row = PredictedRow.from_dict({**found, "far": far})
        self.post_message(ScoreCame(question, row))
        if row.score is not None:
            await self._explain(question, path, model)

    async def _explain(self, question: int, path: Path, model: str) -> None:
        """Ask for what is known at once, then for the heat map, which takes longer."""
        try:
            for heat in (False, True):
                explanation = await self.beholder.companion.explain(path, model, heat=heat)
                self.post_message(ExplanationCame(question, explanation, is_last=heat))
        except BeholderError as error:
            self.post_message(Unanswered(question, error))

    @on(ScoreCame)
    def _score_came(self, message: ScoreCame) -> None:
        if message.question != self._question:
            return
        self._begun_with(message.question)
        row = self.single = message.row
        self.card.show(row, row.error or "", self.query_one(ModelSelect).title_of(row.model_id))
        self._wait("explaining" if row.score is not None else "")
        self.refresh_bindings()

    @on(ExplanationCame)
    def _explanation_came(self, message: ExplanationCame) -> None:
        if message.question != self._question:
            return
        self._explanation = message.explanation
        self.card.explain(message.explanation)
        self._wait("" if message.is_last else "looking")
        self.refresh_bindings()

    @on(Unanswered)
    def _unanswered(self, message: Unanswered) -> None:
        if message.question != self._question:
            return
        self._begun_with(message.question)
        self._wait("")
        if message.path is not None and not self.has_companion:
            self.notify(t("predict_room.as_job"), severity="warning", markup=False)
            self.predict_as_job(message.path, message.model)
            return
        reason = f"{say(message.error.message)} {say(message.error.remedy)}".strip()
        if message.path is not None:
            row = PredictedRow(str(message.path), None, None, None, "", reason)
            self.card.show(row, reason)
        else:
            self.card.facts.wait(t("predict_room.no_reasons", reason=reason))

    # --- what is being waited for -----------------------------------------------------------------------------

    def _companion_changed(self, news: CompanionChanged) -> None:
        self._wait(self._is_asking)

    def _wait(self, stage: str) -> None:
        """Say what is being waited for: ``scoring``, ``explaining``, ``looking``, or nothing."""
        self._is_asking = stage
        if not self.is_mounted:
            return
        if stage and self.beholder.companion_news.state == "starting":
            text = t("predict_room.wait_model")
        elif stage == "scoring":
            text = t("predict_room.wait_score")
        elif stage == "explaining":
            text = t("predict_room.wait_reasons")
        else:
            text = t("predict_room.wait_heat") if stage else ""
        self.card.facts.wait(text)

    # --- the person's own score -------------------------------------------------------------------------------

    @on(PredictionCard.Corrected)
    def _corrected(self, message: PredictionCard.Corrected) -> None:
        async def keep() -> None:
            text = await asyncio.to_thread(keep_correction, self.workspace, message.path, message.score)
            self.post_message(CorrectionKept(message.path, text))

        self.in_background(keep(), f"correct-{message.path}")

    @on(CorrectionKept)
    def _kept(self, message: CorrectionKept) -> None:
        if self.card.path == message.path:
            self.card.say(t("predict.kept", name=message.text))
        self.leave_field()

    def leave_field(self) -> None:
        """Give the keyboard back to what was used before the score was corrected."""
