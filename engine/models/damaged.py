"""The one error for a bundle's file that is not what it should be."""

from __future__ import annotations

from pathlib import Path

from engine.errors import DamagedFile


def damaged_model(path: Path, cause: str) -> DamagedFile:
    """Return the error for a file of a bundle that is not what it should be."""
    return DamagedFile(
        "{path} is damaged: {cause}.",
        remedy="Delete this model and train it again; the photos and scores are not touched.",
        path=path,
        cause=cause,
    )
