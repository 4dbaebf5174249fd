"""What all tests share: an isolated home, small photos made on the spot, and workspaces made from them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.workspace import Scale, Workspace
from tui.i18n import set_language

REPOSITORY = Path(__file__).resolve().parent.parent
WorkspaceFactory = Callable[..., Workspace]


@pytest.fixture(scope="session", autouse=True)
def isolated_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give the whole run, and every process it starts, a home, caches and a locale of its own."""
    home = tmp_path_factory.mktemp("home")
    patch = pytest.MonkeyPatch()
    patch.setenv("HOME", str(home))
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        patch.setenv(name, str(home / name.lower()))
    patch.setenv("BEHOLDER_CACHE", str(home / "beholder"))
    patch.setenv("LANG", "C.UTF-8")
    for name in ("BEHOLDER_WORKSPACE", "LC_ALL", "LC_MESSAGES", "NO_COLOR", "FORCE_COLOR"):
        patch.delenv(name, raising=False)
    beside = REPOSITORY.parent / "shared" / "data"
    if "BEHOLDER_EVAL_DATA" not in os.environ and beside.is_dir():
        patch.setenv("BEHOLDER_EVAL_DATA", str(beside))
    yield home
    patch.undo()


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    """Let each test begin in English, whatever the one before chose."""
    set_language("en")
    yield
    set_language("en")


def draw_photo(path: Path, seed: int, brightness: float, size: tuple[int, int] = (96, 72)) -> Path:
    """Save a small textured picture.

    Args:
        path: where to; the suffix chooses the format.
        seed: makes the texture; each seed another picture.
        brightness: mean brightness, 0 (black) to 1 (white).
        size: width and height in pixels.

    Returns:
        `path`.
    """
    random = np.random.default_rng(seed)
    coarse = random.random((6, 8, 3)) * 0.5 - 0.25 + brightness
    pixels = (np.clip(coarse, 0, 1) * 255).astype(np.uint8)
    Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC).save(path)
    return path


@pytest.fixture(scope="session")
def photo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 small JPEGs named after their score (``10_1.jpg`` … ): brighter means better. Read only."""
    folder = tmp_path_factory.mktemp("photos")
    for number in range(30):
        score = 10 + number * 80 // 29
        draw_photo(folder / f"{score}_{number}.jpg", number, score / 100)
    return folder


@pytest.fixture(scope="session")
def new_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five small JPEGs without a score in their names. Read only."""
    folder = tmp_path_factory.mktemp("new")
    for number in range(5):
        draw_photo(folder / f"new-{'abcde'[number]}.jpg", 100 + number, 0.2 + number * 0.15)
    return folder


@pytest.fixture
def workspace_factory(tmp_path: Path, photo_folder: Path) -> WorkspaceFactory:
    """Return a function that makes a workspace below the test's folder.

    Its arguments: ``name`` of the folder, ``scale``, ``photos`` (how many of `photo_folder` lie in ``data/``)
    and ``scored`` (whether they have their scores).
    """

    def make(
        name: str = "workspace", *, scale: Scale | None = None, photos: int = 30, scored: bool = True
    ) -> Workspace:
        workspace = Workspace(tmp_path / name)
        workspace.create(scale)
        lines = []
        for photo in sorted(photo_folder.iterdir(), key=lambda path: int(path.stem.split("_")[1]))[:photos]:
            shutil.copy2(photo, workspace.data / photo.name)
            lines.append(f"{photo.name}\t{photo.stem.split('_')[0]}\n")
        if scored:
            workspace.scores_file.write_text("".join(lines), "utf-8")
        return workspace

    return make


@pytest.fixture
def workspace(workspace_factory: WorkspaceFactory) -> Workspace:
    """A workspace with 30 scored photos."""
    return workspace_factory()


@pytest.fixture(scope="session")
def trained_workspace(tmp_path_factory: pytest.TempPathFactory, photo_folder: Path) -> Workspace:
    """A workspace with 30 scored photos and one model that was really trained, named ``first``. Read only."""
    from engine.labels.scorebook import ScoreBook
    from engine.training.run import run_training
    from engine.training.spec import TrainSpec

    workspace = Workspace(tmp_path_factory.mktemp("trained"))
    workspace.create()
    for photo in photo_folder.iterdir():
        shutil.copy2(photo, workspace.data / photo.name)
    ScoreBook(workspace).set_many({photo.name: float(photo.stem.split("_")[0]) for photo in photo_folder.iterdir()})
    for _ in run_training(workspace, TrainSpec(model="taste", name="first")):
        pass
    return workspace


@pytest.fixture
def workspace_with_model(trained_workspace: Workspace, tmp_path: Path) -> Workspace:
    """A copy of `trained_workspace` that a test may change."""
    return Workspace(Path(shutil.copytree(trained_workspace.root, tmp_path / "with-model")))
