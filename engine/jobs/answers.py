"""What the companion process answers: each question's fields in, a JSON-ready answer out."""

from __future__ import annotations

import os
import stat
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from engine.errors import BeholderError, UsageError
from engine.events import Notice, StopCheck, exhaust
from engine.features.preprocess import input_shapes
from engine.jobs.warm import WarmModels
from engine.models.manifest import bundle_folders
from engine.prediction.open_model import OpenModel
from engine.prediction.predicted import Prediction
from engine.storage import disk_errors
from engine.workspace import Workspace

Answer = dict[str, Any]

MOST_SUGGESTIONS = 1000
_COMMON_SHAPES = 4  # each takes 24 MB and 0.15 s; a panorama can wait for its own
_DONE = object()
_LONGEST = 8192  # characters of a path or of a model's reference


class Answers:
    """Answers questions about one workspace, one after the other; holds the models that were asked.

    Args:
        workspace: whose models, photos and scores.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._warm = WarmModels(workspace)
        self._chores: Iterator[object] = iter(())
        self._known: OpenModel | None = None
        self._kinds: dict[str, Callable[[Mapping[str, Any], StopCheck], Answer]] = {
            "warm": self._answer_warm,
            "predict": self._answer_predict,
            "explain": self._answer_explain,
            "next": self._answer_next,
            "refit": self._answer_refit,
        }

    @property
    def kinds(self) -> tuple[str, ...]:
        """What can be asked."""
        return tuple(self._kinds)

    def answer(self, question: Mapping[str, Any], should_stop: StopCheck) -> Answer:
        """Return the answer to one question.

        Args:
            question: ``ask`` says which; the other fields are checked here.
            should_stop: whether nobody wants the answer any more.

        Raises:
            UsageError: the question makes no sense. Interrupted: `should_stop` said so.
            BeholderError: whatever keeps it from being answered.
        """
        ask = question.get("ask")
        kind = self._kinds.get(ask) if isinstance(ask, str) else None
        if kind is None:
            raise UsageError(
                "There is no question “{ask}”.",
                remedy="These can be asked: {choices}.",
                ask=str(ask)[:80],
                choices=", ".join(self._kinds),
            )
        return kind(question, should_stop)

    def use_pause(self) -> bool:
        """Do a little of what would make a later answer wait, while nobody asks; False when nothing is left to do."""
        try:
            return next(self._chores, _DONE) is not _DONE
        except Exception:  # noqa: BLE001 - whoever asks about that model is told; nobody has asked yet
            traceback.print_exc()
            return False

    def let_go(self) -> None:
        """Close all models: memory is short, or the work is over."""
        self._warm.close()
        self._known, self._chores = None, iter(())

    def _model(self, question: Mapping[str, Any]) -> OpenModel:
        model = self._warm.model(_text(question, "model", ""))
        if model is not self._known:
            self._known, self._chores = model, _make_ready(model)
        return model

    def _answer_warm(self, question: Mapping[str, Any], should_stop: StopCheck) -> Answer:
        model = self._model(question)
        exhaust(model.embedder.runtime())
        self.use_pause()  # the commonest shape belongs to it; the others can wait for a pause
        return {"model_id": model.info.model_id, "name": model.info.name}

    def _answer_predict(self, question: Mapping[str, Any], should_stop: StopCheck) -> Answer:
        path = Path(_text(question, "path"))
        found = _predict(self._model(question), path)
        error = None if found.error is None else found.error.to_dict()
        return {"row": found.to_row(), "far": found.far, "error": error}

    def _answer_explain(self, question: Mapping[str, Any], should_stop: StopCheck) -> Answer:
        from engine.prediction.explain import explain

        path, heat = Path(_text(question, "path")), question.get("heat", True)
        if not isinstance(heat, bool):
            raise _wrong("heat")
        _check_regular(path)
        model = self._model(question)
        among = self._warm.scored_photos(model)
        found = explain(model, path, heat=heat, among=among, should_stop=should_stop)
        return {"explanation": found.to_dict()}

    def _answer_next(self, question: Mapping[str, Any], should_stop: StopCheck) -> Answer:
        from engine.prediction.suggest import Suggestion, suggest

        n = question.get("n", 1)
        if type(n) is not int or not 1 <= n <= MOST_SUGGESTIONS:
            raise _wrong("n")
        model = self._model(question) if question.get("model") or any(bundle_folders(self._workspace)) else None
        found = list(suggest(self._workspace, n, model=model, should_stop=should_stop))
        notices = [event.message.to_dict() for event in found if isinstance(event, Notice)]
        return {"suggestions": [item.to_dict() for item in found if isinstance(item, Suggestion)], "notices": notices}

    def _answer_refit(self, question: Mapping[str, Any], should_stop: StopCheck) -> Answer:
        from engine.training.refit import refit

        return refit(self._workspace, should_stop=should_stop).to_dict()


def _make_ready(model: OpenModel) -> Iterator[object]:
    """Load the model's network, then compile it for the shapes that photos have, the commonest first."""
    runtime = yield from model.embedder.runtime()
    for width, height in input_shapes(model.backbone.preprocess)[:_COMMON_SHAPES]:
        runtime.prepare((height, width, 3))
        yield width, height


def _predict(model: OpenModel, path: Path) -> Prediction:
    try:
        _check_regular(path)
    except BeholderError as error:
        return Prediction(path, None, None, None, model.info.model_id, error.message)
    return next(event for event in model.predict([path]) if isinstance(event, Prediction))


def _check_regular(path: Path) -> None:
    """Refuse what opening would wait for ever: a pipe without a writer, a terminal.

    Raises:
        BeholderError: it is no file, or there is none.
    """
    with disk_errors(path):
        is_file = stat.S_ISREG(os.stat(path).st_mode)  # noqa: PTH116
    if not is_file:
        raise UsageError("{name} is not a file.", remedy="Give a picture file.", name=path.name or str(path))


def _text(question: Mapping[str, Any], key: str, default: str | None = None) -> str:
    value = question.get(key, default)
    if not isinstance(value, str) or len(value) > _LONGEST or "\0" in value:
        raise _wrong(key)
    return value


def _wrong(key: str) -> UsageError:
    return UsageError("The field “{key}” of the question is missing or makes no sense.", key=key)
