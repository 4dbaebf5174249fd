"""What a model says of one photo, and the columns in which it is written down."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import Message

COLUMNS = ("path", "score", "low", "high", "model_id", "error")


@dataclass(frozen=True)
class Prediction:
    """One photo's predicted score, or the reason why there is none.

    Args:
        path: the photo.
        score: predicted, on the model's scale; None where `error` says why.
        low: lower end of the 90 % interval. high: its upper end.
        model_id: the bundle that predicted.
        error: why the photo could not be scored.
        content_hash: SHA-256 of the file; empty where it can't be read.
        far: it is unlike everything that the model has learned from, so that its score is a guess at best.
    """

    path: Path
    score: float | None
    low: float | None
    high: float | None
    model_id: str
    error: Message | None = None
    content_hash: str = ""
    far: bool = False

    def to_row(self) -> dict[str, Any]:
        """Return the contract's columns, scores rounded to four digits."""
        numbers = {
            key: None if (value := getattr(self, key)) is None else round(value, 4) for key in ("score", "low", "high")
        }
        return {
            "path": str(self.path),
            **numbers,
            "model_id": self.model_id,
            "error": None if self.error is None else str(self.error),
        }
