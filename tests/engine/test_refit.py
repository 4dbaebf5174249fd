"""Learning the present scores anew, in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import Interrupted, NotEnoughData
from engine.labels.scorebook import ScoreBook
from engine.models.bundle import find_bundle
from engine.prediction.predicted import Prediction
from engine.prediction.score import predict
from engine.training.refit import refit
from engine.workspace import Workspace
from tests.conftest import WorkspaceFactory


def looked_at(workspace: Workspace) -> Workspace:
    """Let the network look at every photo of a trained workspace."""
    done = list(predict(workspace, find_bundle(workspace), [workspace.data]))
    assert all(item.error is None for item in done if isinstance(item, Prediction))
    return workspace


def test_it_learns_what_was_scored_since_the_training(workspace_with_model: Workspace) -> None:
    workspace = looked_at(workspace_with_model)
    book = ScoreBook(workspace)
    given = {entry.name: entry.score or 0.0 for entry in book.entries()}
    hidden = sorted(given, key=lambda name: given[name])[::6]
    book.set_many(dict.fromkeys(hidden))
    before = refit(workspace)
    assert before.n == 25
    assert sorted(before.guesses) == sorted(hidden)
    guessed = [before.guesses[name][0] for name in hidden]
    assert guessed[-1] > guessed[0]
    assert all(0 <= low <= score <= high <= 100 for score, low, high in before.guesses.values())
    # the taste turns round: dark is liked now
    book.set_many({name: 100 - score for name, score in given.items() if name not in hidden})
    after = [refit(workspace).guesses[name][0] for name in hidden]
    assert after[-1] < after[0]
    assert [path.name for path in workspace.models.iterdir()] == [find_bundle(workspace).model_id]


def test_too_few_scores_are_not_enough(workspace_factory: WorkspaceFactory) -> None:
    with pytest.raises(NotEnoughData, match="at least 8"):
        refit(workspace_factory(photos=5))


def test_scored_photos_that_the_network_has_not_seen_are_not_enough(workspace: Workspace) -> None:
    with pytest.raises(NotEnoughData, match="looked at 0 of 30"):
        refit(workspace)
    assert not list(Path(workspace.models).glob("*"))


def test_it_can_be_stopped(workspace_with_model: Workspace) -> None:
    with pytest.raises(Interrupted):
        refit(looked_at(workspace_with_model), should_stop=lambda: True)
