"""The face's end of the companion process: against the real one, and against ones that die, hang or talk too much."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import BeholderError, Interrupted, NeedMissing, NotFound
from engine.workspace import Workspace
from tests.conftest import WorkspaceFactory
from tests.tui.piloting import screen_text, wait_for
from tui.app import BeholderApp
from tui.companion import Companion
from tui.i18n import set_language
from tui.messages import CompanionChanged

PATIENCE = 120.0
RECORDS = """
import sys
print('{"event": "ready"}', flush=True)
with open(sys.argv[2] + "/heard", "a") as out:
    for line in sys.stdin:
        print(line, end="", file=out, flush=True)
"""
TALKS = """
import json, sys
print('{"event": "ready"}', flush=True)
for line in sys.stdin:
    guesses = {f"photo-{n}.jpg": [1, 2, 3] for n in range(100_000)}
    print(json.dumps({"id": json.loads(line)["id"], "answer": {"n": 8, "guesses": guesses}}), flush=True)
"""


async def until(predicate: Callable[[], object], description: str) -> None:
    """Let the event loop run until the predicate holds."""
    end = time.monotonic() + PATIENCE
    while not predicate():
        assert time.monotonic() < end, f"waited in vain for: {description}"
        await asyncio.sleep(0.01)


def is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def _notices(app: BeholderApp) -> str:
    return "\n".join(str(notice.message) for notice in app._notifications)


class Told(list[CompanionChanged]):
    """What the client has told, oldest first."""

    @property
    def states(self) -> list[str]:
        return [change.state for change in self]


@pytest.fixture(scope="module")
def album(trained_workspace: Workspace, new_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    root = tmp_path_factory.mktemp("client") / "album"
    shutil.copytree(trained_workspace.root, root)
    for photo in new_photos.iterdir():
        shutil.copy2(photo, root / "data" / photo.name)
    return Workspace(root)


async def test_each_question_is_answered_as_the_engine_would(album: Workspace) -> None:
    told = Told()
    companion = Companion(album, told.append)
    warmed = await companion.warm()
    assert warmed.name == "first"
    photo = album.data / "new-d.jpg"
    (row, far), (twin, _) = await asyncio.gather(companion.predict(photo), companion.predict(photo, "first"))
    assert row == twin
    assert row["model_id"] == warmed.model_id
    assert isinstance(far, bool)
    explanation = await companion.explain(photo, heat=False)
    assert explanation.score == pytest.approx(row["score"], abs=1e-3)
    assert {item.name[:4] for item in await companion.next(5)} == {"new-"}
    refitted = await companion.refit()
    assert refitted.n == 30
    assert refitted.guesses["new-a.jpg"][0] < refitted.guesses["new-e.jpg"][0]
    with pytest.raises(NotFound, match="nobody"):
        await companion.predict(photo, "nobody")
    set_language("zh")
    assert (await companion.predict(album.data / "gone.jpg"))[0]["error"].endswith("。")
    pid = companion.pid
    assert pid is not None
    await companion.aclose()
    assert is_gone(pid)
    assert told.states == ["starting", "ready", "off"]
    with pytest.raises(Interrupted):
        await companion.warm()


async def test_a_question_is_asked_again_when_the_process_is_killed_over_it(album: Workspace) -> None:
    told = Told()
    companion = Companion(album, told.append)
    await companion.warm()
    pid = companion.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)  # so that the question is still open for sure
    asked = asyncio.create_task(companion.predict(album.data / "new-b.jpg"))
    await asyncio.sleep(0)
    os.kill(pid, signal.SIGKILL)
    row, _ = await asked
    assert row["score"] is not None
    assert companion.pid not in {pid, None}
    assert told.states == ["starting", "ready", "starting", "restarted"]
    assert "SIGKILL" in told[-1].reason
    await companion.aclose()


async def test_it_gives_up_when_the_process_keeps_dying_and_tries_again_when_asked(album: Workspace) -> None:
    told = Told()
    dying = (sys.executable, "-c", "import sys; sys.exit('no such luck')")
    companion = Companion(album, told.append, command=dying)
    with pytest.raises(BeholderError, match="no such luck"):
        await companion.warm()
    await until(lambda: "failed" in told.states, "giving up")
    assert told.states == ["starting"] * 3 + ["failed"]
    assert "no such luck" in told[-1].reason
    with pytest.raises(BeholderError, match="three times"):
        await companion.warm()
    assert told.states[4:] == ["starting", "failed"]
    await companion.aclose()


async def test_a_process_that_cant_be_started_is_an_error_with_a_remedy(album: Workspace, tmp_path: Path) -> None:
    told = Told()
    companion = Companion(album, told.append, command=(str(tmp_path / "no-python"),))
    with pytest.raises(NeedMissing) as error:
        await companion.warm()
    assert error.value.remedy.template
    assert told.states == ["starting", "failed"]
    await companion.aclose()


async def test_an_answer_that_nobody_waits_for_any_more_is_taken_back(tmp_path: Path) -> None:
    companion = Companion(Workspace(tmp_path), lambda change: None, command=(sys.executable, "-c", RECORDS, "-"))
    asked = asyncio.create_task(companion.warm("one"))
    heard = tmp_path / "heard"
    await until(lambda: heard.exists() and '"one"' in heard.read_text(), "the question")
    asked.cancel()
    await until(lambda: "forget" in heard.read_text(), "the taking back")
    lines = [json.loads(line) for line in heard.read_text().splitlines()]
    assert lines == [{"ask": "warm", "model": "one", "id": 1}, {"ask": "forget", "id": 1}]
    await companion.aclose()


async def test_an_answer_may_be_long(tmp_path: Path) -> None:
    companion = Companion(Workspace(tmp_path), lambda change: None, command=(sys.executable, "-c", TALKS))
    assert len((await companion.refit()).guesses) == 100_000
    await companion.aclose()


async def test_closing_does_not_wait_for_an_answer(tmp_path: Path) -> None:
    companion = Companion(Workspace(tmp_path), lambda change: None, command=(sys.executable, "-c", RECORDS, "-"))
    asked = asyncio.create_task(companion.warm())
    await until(lambda: (tmp_path / "heard").exists(), "the process")
    await companion.aclose()
    with pytest.raises(Interrupted):
        await asked


async def test_a_workspace_without_a_model_says_so_and_covers_the_album(workspace_factory: WorkspaceFactory) -> None:
    companion = Companion(workspace_factory(photos=12, scored=False), lambda change: None)
    with pytest.raises(NotFound, match="no trained model"):
        await companion.warm()
    assert [item.score for item in await companion.next(4)] == [None] * 4
    await companion.aclose()


async def test_the_app_tells_of_a_restart_and_leaves_no_process_behind(album: Workspace) -> None:
    app = BeholderApp(album, "en")
    async with app.run_test(size=(100, 30)) as pilot:
        assert app.companion_news.state == "off"
        asked = asyncio.create_task(app.companion.warm())
        await wait_for(pilot, lambda: "loading a model" in screen_text(app), "the word that a model is loaded")
        await asked
        await wait_for(pilot, lambda: app.companion_news.state == "ready", "the process")
        await wait_for(pilot, lambda: "loading a model" not in screen_text(app), "that this is over")
        pid = app.companion.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await wait_for(pilot, lambda: app.companion_news.state == "restarted", "the restart")
        await wait_for(pilot, lambda: "SIGKILL" in _notices(app), "the notice")
        again = app.companion.pid
        assert again is not None
    assert is_gone(again)
