"""Models: what was trained, how well it does, and what to do with it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, cast

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.message import Message
from textual.widgets import Static

from engine.errors import BeholderError, display_name
from engine.models.bundle import (
    BundleInfo,
    damaged_bundles,
    default_model,
    filtered_bundles,
    list_bundles,
    read_manifest,
    sorted_bundles,
)
from engine.models.record import Record, read_record
from tui.i18n import say, t
from tui.keymap import bind
from tui.models.actions import ModelActions
from tui.models.detail import describe
from tui.widgets.filter_bar import FilterBar
from tui.widgets.job_list import local_time
from tui.widgets.loss_plot import LossPlot
from tui.widgets.model_select import model_title
from tui.widgets.score_table import Column, ScoreTable

if TYPE_CHECKING:
    from tui.screens.predict import PredictScreen

_SORTS = ("date", "name", "model", "n", "srcc", "mae")
_LARGEST_FIRST = ("date", "n", "srcc")


@dataclass
class BundlesListed(Message):
    """The workspace's models, newest first; which one is the default, and which can't be read."""

    bundles: Sequence[BundleInfo]
    default: str = ""
    damaged: Sequence[str] = ()


@dataclass
class ManifestRead(Message):
    """One model's manifest and record, or why they can't be read."""

    info: BundleInfo
    manifest: Mapping[str, Any]
    record: Record
    error: BeholderError | None = None


class BundleTable(ScoreTable):
    """The models; Enter, which every table has, is shown in the footer here."""

    BINDINGS: ClassVar[list[BindingType]] = [bind("enter", "select", "models.key.use", id="models.use")]

    def __init__(self, *, id: str | None = None) -> None:
        self.marked = ""
        self.default = ""
        columns = (
            Column("", 2),
            Column(t("models.name"), key="name"),
            Column(t("models.family"), 14, from_width=58, key="model"),
            Column(t("models.created"), 11, from_width=58, key="date"),
            Column(t("models.n"), 6, "right", key="n"),
            Column("SRCC", 6, "right", key="srcc"),
            Column("MAE", 5, "right", key="mae"),
        )
        super().__init__(lambda info: info.model_id, self._texts, columns, id=id)

    def _texts(self, info: BundleInfo) -> list[str]:
        srcc, mae = info.unseen("srcc"), info.unseen("mae")
        signs = ("●" if info.model_id == self.marked else " ") + ("★" if info.model_id == self.default else " ")
        return [
            signs,
            model_title(info),
            info.model,
            local_time(info.created),
            str(info.n),
            "–" if srcc is None else f"{srcc:.2f}" + ("" if info.is_cross_validated else "*"),
            "–" if mae is None else f"{mae:.1f}",
        ]


class ModelsScreen(ModelActions):
    """The room where trained models are kept."""

    area = "models"
    help_key = "models.help"
    CSS_PATH = "models.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("slash", "filter", "models.key.filter", id="models.filter", display="/"),
        bind("s", "sort", "models.key.sort", id="models.sort"),
        bind("S", "turn", "models.key.turn", id="models.turn", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._bundles: Sequence[BundleInfo] = ()
        self._damaged: Sequence[str] = ()
        self._sort, self._reverse, self._filter = "date", False, ""

    def body(self) -> ComposeResult:
        with Horizontal(id="models-body"):
            yield BundleTable(id="bundles")
            with VerticalScroll(id="model-pane"):
                yield Static("", id="model-detail", markup=False)
                yield LossPlot(t("models.no_curve"), id="model-curve")
        yield Static(t("models.none"), id="models-none", markup=False)
        yield Static("", id="models-damaged", markup=False)
        yield FilterBar(t("models.filter_hint"), id="models-filter")

    def on_mount(self) -> None:
        self.query_one(BundleTable).focus()

    def fill(self) -> None:
        self.query_one(FilterBar).restore(self._filter)
        self._show()
        self.look_again()

    def came_back(self) -> None:
        """Look again: a training may have ended meanwhile."""
        self.look_again()

    def look_again(self) -> None:
        """Read the list of models from the disk."""

        async def read() -> None:
            def listed() -> BundlesListed:
                place = self.workspace
                found = list_bundles(place)
                return BundlesListed(found, default_model(place), damaged_bundles(place, found))

            self.post_message(await asyncio.to_thread(listed))

        self.in_background(read(), "models-list")

    @on(BundlesListed)
    def _listed(self, message: BundlesListed) -> None:
        self._bundles, self._damaged = message.bundles, message.damaged
        table = self.query_one(BundleTable)
        table.default = message.default
        if table.marked not in {info.model_id for info in message.bundles}:
            table.marked = ""
        self._show()

    def _show(self) -> None:
        """Put the models that fit the filter into the table, in the chosen order."""
        shown = filtered_bundles(sorted_bundles(self._bundles, self._sort, self._reverse), self._filter)
        self.set_class(not self._bundles, "-none")
        table = self.query_one(BundleTable)
        table.show_order(self._sort, reverse=self._reverse != (self._sort in _LARGEST_FIRST))
        table.set_rows(shown)
        note = t("models.found", n=len(shown), total=len(self._bundles)) if shown else t("models.none_found")
        self.query_one(FilterBar).note(note)
        names = ", ".join(display_name(model_id) for model_id in self._damaged)
        self.query_one("#models-damaged", Static).update(t("models.damaged", ids=names) if names else "")
        self.set_class(bool(names), "-damaged")
        self.refresh_bindings()

    @property
    def current(self) -> BundleInfo | None:
        """The highlighted model."""
        return self.query_one(BundleTable).row if self.is_mounted else None

    @property
    def marked(self) -> BundleInfo | None:
        """The model that is marked for a comparison."""
        marked = self.query_one(BundleTable).marked
        return next((info for info in self._bundles if info.model_id == marked), None)

    @property
    def default(self) -> str:
        """Id of the model that predicts where none is named; empty: the best one."""
        return self.query_one(BundleTable).default

    def mark(self, info: BundleInfo | None) -> None:
        """Mark a model, or none."""
        table = self.query_one(BundleTable)
        table.marked = "" if info is None else info.model_id
        table.refresh()

    # --- the pane -------------------------------------------------------------------------------------------------

    @on(BundleTable.RowHighlighted)
    def _highlighted(self, message: BundleTable.RowHighlighted) -> None:
        self.refresh_bindings()
        info: BundleInfo | None = message.row
        self.set_class(info is None, "-empty")
        if info is None:
            self.query_one("#model-detail", Static).update("")
            self.query_one(LossPlot).clear()
            return

        async def read(info: BundleInfo) -> None:
            try:
                manifest = await asyncio.to_thread(read_manifest, info)
                record = await asyncio.to_thread(read_record, info.path)
            except BeholderError as error:
                self.post_message(ManifestRead(info, {}, Record(), error))
            else:
                self.post_message(ManifestRead(info, manifest, record))

        self.in_background(read(info), "models-manifest")

    @on(ManifestRead)
    def _manifest_read(self, message: ManifestRead) -> None:
        if self.current is None or self.current.model_id != message.info.model_id:
            return
        detail, plot = self.query_one("#model-detail", Static), self.query_one(LossPlot)
        plot.clear()
        if message.error is not None:
            detail.update(Text(f"{say(message.error.message)}\n{say(message.error.remedy)}", "red"))
            return
        info = message.info
        detail.update(describe(info, message.manifest, is_default=info.model_id == self.default))
        plot.add_points([event for event in message.record.events if event.get("type") == "curve"])

    # --- what the person does -------------------------------------------------------------------------------------

    @on(BundleTable.RowSelected)
    def _use(self) -> None:
        """Go to Predict with this model."""
        if self.current is not None:
            cast("PredictScreen", self.beholder.room("predict")).choose_model(self.current.model_id)
            self.beholder.go("predict")

    def action_sort(self) -> None:
        """Sort by the next column."""
        self._sort_by(_SORTS[(_SORTS.index(self._sort) + 1) % len(_SORTS)])

    def action_turn(self) -> None:
        """Turn the order round."""
        self._sort_by(self._sort)

    @on(BundleTable.HeaderClicked)
    def _heading_clicked(self, message: BundleTable.HeaderClicked) -> None:
        self._sort_by(message.key)

    def _sort_by(self, key: str) -> None:
        self._reverse = not self._reverse if key == self._sort else False
        self._sort = key
        self._show()

    def action_filter(self) -> None:
        """Type a filter."""
        self.query_one(FilterBar).open()

    def action_keep_filter(self) -> None:
        """Keep the filter and go back to the list."""
        self.query_one(FilterBar).keep()

    def action_drop_filter(self) -> None:
        """Drop the filter and go back to the list."""
        self.query_one(FilterBar).drop()

    @on(FilterBar.Changed)
    def _filtered(self, message: FilterBar.Changed) -> None:
        self._filter = message.text.strip()
        self._show()

    @on(FilterBar.Left)
    def _filter_left(self) -> None:
        self.query_one(BundleTable).focus()
