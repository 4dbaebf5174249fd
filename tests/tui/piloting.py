"""Drive the app in tests: wait for conditions instead of sleeping, make small photos."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw
from textual.pilot import Pilot

from engine.workspace import Workspace
from tui.app import BeholderApp

SECONDS = 60.0


async def wait_for(pilot: Pilot[Any], predicate: Callable[[], bool], description: str) -> None:
    """Let the app run until the predicate holds.

    Raises:
        AssertionError: it did not hold in time; the description says what was waited for.
    """
    end = time.monotonic() + SECONDS
    while not predicate():
        if time.monotonic() > end:
            raise AssertionError(f"waited {SECONDS:g} s in vain for: {description}")
        await pilot.pause(0.01)


def make_photos(folder: Path, names: Iterable[str]) -> list[Path]:
    """Draw a small photo of its own under each name."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, name in enumerate(names):
        image = Image.new("RGB", (48, 36), (37 * number % 256, 91 * number % 256, 200))
        ImageDraw.Draw(image).ellipse((4, 4, 8 + number % 40, 30), fill=(255, 13 * number % 256, 0))
        path = folder / name
        image.save(path, "PNG" if name.endswith("png") else "JPEG")
        paths.append(path)
    return paths


def make_app(root: Path, names: Iterable[str] = (), language: str = "en") -> BeholderApp:
    """Return the app on a new workspace that holds photos of these names."""
    workspace = Workspace(root)
    workspace.create()
    make_photos(workspace.data, names)
    return BeholderApp(workspace, language)


def screen_text(app: BeholderApp) -> str:
    """Return all that the terminal shows now, as lines of text."""
    return "\n".join("".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips())
