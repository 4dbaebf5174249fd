"""The trained models as a list to choose from, and what each of them is called."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.widgets import Select

from engine.errors import display_name
from engine.models.bundle import BundleInfo, best_first
from tui.i18n import t
from tui.widgets.job_list import local_time

DEFAULT = "default"
_NONE = ""


def model_title(info: BundleInfo) -> str:
    """Return what a person recognises a model by: its name, or its family and the time it was made."""
    return display_name(info.name) or f"{info.model} {local_time(info.created)}"


class ModelSelect(Select[str]):
    """Chooses a model; the first choice is the default one, or where none is marked the best, whichever that is."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__([(Text(t("predict.no_model"), "dim"), _NONE)], allow_blank=False, id=id, compact=True)
        self._shown: list[BundleInfo] = []

    def show(self, bundles: Sequence[BundleInfo], wanted: str = "", *, default: str = "") -> None:
        """Offer these models.

        Args:
            bundles: newest first.
            wanted: id of the one to choose; empty keeps the present choice where it can be kept.
            default: id of the one that is used where none is named; empty: the best one is.
        """
        before = wanted or str(self.value)
        self._shown = list(bundles)
        if not bundles:
            self.set_options([(Text(t("predict.no_model"), "dim"), _NONE)])
            return
        marked = next((info for info in bundles if info.model_id == default), None)
        if marked is not None:
            first = t("predict.default", model=_line(marked))
        else:
            first = t("predict.best", model=_line(best_first(bundles)[0]))
        options = [(Text(first), DEFAULT)]
        options += [(Text(_line(info)), info.model_id) for info in bundles]
        self.set_options(options)
        self.value = before if before in {value for _, value in options} else DEFAULT

    @property
    def chosen(self) -> str | None:
        """The reference of the chosen model: ``default`` or an id; None when there is no model."""
        return None if self.value == _NONE else str(self.value)

    def title_of(self, model_id: str) -> str:
        """Return what the person calls a model; its id if it is not listed any more."""
        return next((model_title(info) for info in self._shown if info.model_id == model_id), model_id)


def _line(info: BundleInfo) -> str:
    srcc = info.unseen("srcc")
    parts = [model_title(info), info.model if info.name else "", f"SRCC {srcc:.2f}" if srcc is not None else ""]
    return " · ".join(part for part in parts if part)
