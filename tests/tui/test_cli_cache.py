"""``cache`` and ``doctor --cache`` say what is kept; pruning removes what is of no use, here and in the app."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from engine.features.cache import FeatureCache
from engine.features.file_key import FileKey
from engine.workspace import Workspace
from tests.tui.piloting import make_app, screen_text, wait_for
from tui import cli
from tui.cache_words import size_text
from tui.commands.cache import parse_size
from tui.dialogs.cache import CacheDialog
from tui.dialogs.show_text import ShowTextDialog

Output = pytest.CaptureFixture[str]


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    """A workspace with a scores file, the vector of a photo that is gone and one of a forgotten network."""
    found = Workspace(tmp_path / "place")
    found.create()
    remember_gone_photo(found)
    return found


def remember_gone_photo(workspace: Workspace) -> None:
    (workspace.data / "scores.txt").touch()
    with FeatureCache(workspace.features_file) as cache:
        key = FileKey(os.fsencode(workspace.data / "gone.jpg"), 1, 1, 1)
        cache.put_hashes({key: "a" * 64}, 10**18)
        cache.put_many({"a" * 64: np.zeros(4, np.float32)}, "0123456789abcdef")


def rows_of(workspace: Workspace) -> list[str]:
    with sqlite3.connect(workspace.features_file) as base:
        return list(base.iterdump())


def test_what_is_kept_is_told_alike_by_both_commands(place: Workspace, capsys: Output) -> None:
    root = ["-w", str(place.root)]
    told = []
    for command in (["cache", "--json"], ["doctor", "--cache", "--json"]):
        assert cli.main([*root, *command]) == 0
        told.append(json.loads(capsys.readouterr().out))
    assert told[0] == told[1]
    assert (told[0]["photos"], told[0]["files"]) == (1, 1)
    assert told[0]["networks"] == [
        {
            "fingerprint": "0123456789abcdef",
            "backbone": "",
            "vectors": 1,
            "bytes": 16,
            "use": "stale",
            "used": None,
            "share": 1.0,
        }
    ]
    assert cli.main([*root, "doctor", "--cache"]) == 0
    text = capsys.readouterr().out
    assert "of no use any more" in text
    assert "beholder cache prune --stale" in text
    assert cli.main([*root, "--lang", "zh", "cache"]) == 0
    assert "已没有用处" in capsys.readouterr().out


def test_a_dry_run_says_what_pruning_then_does(place: Workspace, capsys: Output) -> None:
    root = ["-w", str(place.root), "cache"]
    content = rows_of(place)
    assert cli.main([*root, "prune", "--dry-run"]) == 0
    text = capsys.readouterr().out
    assert "Would be removed:\n  1 vectors that no network and no model uses any more" in text
    assert rows_of(place) == content
    assert cli.main([*root, "prune", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["stale"], report["files"], report["dry_run"], report["complete"]) == (1, 1, False, True)
    assert cli.main([*root, "prune"]) == 0
    assert "nothing to remove" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--keep-under", "much"], "500MB"),
        (["--older-than", "0"], "--older-than"),
        (["--stale", "--missing"], "--stale"),
    ],
)
def test_wrong_wishes_are_refused(options: list[str], words: str, place: Workspace, capsys: Output) -> None:
    assert cli.main(["-w", str(place.root), "cache", "prune", *options]) == 2
    assert words in capsys.readouterr().err


def test_a_damaged_cache_is_told_with_what_to_do(place: Workspace, capsys: Output) -> None:
    place.features_file.write_bytes(b"no database" * 500)
    assert cli.main(["-w", str(place.root), "cache"]) == 0
    assert "builds it anew" in capsys.readouterr().out
    assert cli.main(["-w", str(place.root), "cache", "prune"]) == 4
    assert "can't be read" in capsys.readouterr().err


def test_sizes_are_read_and_written_as_people_do() -> None:
    assert [parse_size(text) for text in ("500MB", "1.5g", "2 GiB", "12")] == [
        500_000_000,
        1_500_000_000,
        2 * 10**9,
        12,
    ]
    assert [size_text(size) for size in (900, 14_336, 166 * 10**6, 25 * 10**8)] == [
        "900 B",
        "14.3 kB",
        "166.0 MB",
        "2.5 GB",
    ]


@pytest.mark.parametrize(("language", "button"), [("en", "Prune"), ("zh", "清理")])
async def test_the_app_shows_what_is_kept_and_prunes_it(tmp_path: Path, language: str, button: str) -> None:
    app = make_app(tmp_path, ["a.jpg"], language)
    remember_gone_photo(app.workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_for(pilot, lambda: app.is_mounted and bool(app.screen.focused), "the first screen")
        await pilot.press("ctrl+p")
        await pilot.press(*("cache" if language == "en" else "缓存"))
        await wait_for(
            pilot,
            lambda: "1 GB" in screen_text(app) or "prune" in screen_text(app) or "清理" in screen_text(app),
            "the command",
        )
        await pilot.press("enter")
        await wait_for(pilot, lambda: isinstance(app.screen, CacheDialog), "what is kept")
        await wait_for(pilot, lambda: f" {button} " in screen_text(app), "the button")
        await pilot.press("left", "enter")
        await wait_for(pilot, lambda: isinstance(app.screen, ShowTextDialog), "what was removed")
        with FeatureCache(app.workspace.features_file) as cache:
            assert cache.known(["a" * 64], "0123456789abcdef") == set()
        await pilot.press("escape")
        await wait_for(pilot, lambda: not isinstance(app.screen, ShowTextDialog), "the room again")
