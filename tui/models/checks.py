"""What a check of a model's files found, as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from engine.errors import display_name
from tui.i18n import say, t

if TYPE_CHECKING:
    from engine.models.verifying import BundleCheck

_MARKS = {"ok": ("✔", "green"), "damaged": ("✖", "red"), "missing": ("!", "yellow"), "skipped": ("–", "dim")}


def checks_text(checks: Sequence[BundleCheck]) -> Text:
    """Return a line a check, what is wrong below it, and the outcome."""
    text = Text()
    for check in checks:
        mark, colour = _MARKS[check.state]
        text.append(f"{mark} ", colour).append(t(f"models.check.{check.kind}"))
        text.append(f" {display_name(check.subject)}" if check.subject else "", "dim")
        text.append(f"  {t(f'models.check.{check.state}')}\n", colour)
        for message in (check.message, check.remedy):
            if message is not None:
                text.append(f"  {say(message)}\n")
    good = all(check.is_ok for check in checks)
    return text.append("\n" + t("models.verify_good" if good else "models.verify_bad"), "bold")
