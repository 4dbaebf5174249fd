"""Models: what was trained, how well it does, and what to do with it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, cast

from rich.table import Table
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.message import Message
from textual.widgets import Static

from engine.errors import BeholderError, display_name
from engine.models.bundle import BundleInfo, list_bundles, read_manifest, remove_bundle
from tui.dialogs.confirm import ConfirmDialog
from tui.i18n import say, t
from tui.keymap import bind
from tui.screens.base import BaseScreen
from tui.widgets.job_list import local_time
from tui.widgets.job_status import metrics_table
from tui.widgets.model_select import model_title
from tui.widgets.score_table import Column, ScoreTable

if TYPE_CHECKING:
    from tui.screens.predict import PredictScreen


@dataclass
class BundlesListed(Message):
    """The workspace's models, newest first."""

    bundles: Sequence[BundleInfo]


@dataclass
class ManifestRead(Message):
    """One model's manifest, or why it can't be read."""

    info: BundleInfo
    manifest: Mapping[str, Any]
    error: BeholderError | None = None


class BundleTable(ScoreTable):
    """The models; Enter, which every table has, is shown in the footer here."""

    BINDINGS: ClassVar[list[BindingType]] = [bind("enter", "select", "models.key.use", id="models.use")]

    def __init__(self, *, id: str | None = None) -> None:
        columns = (
            Column(t("models.name")),
            Column(t("models.family"), 14, from_width=56),
            Column(t("models.created"), 11, from_width=56),
            Column(t("models.n"), 6, "right"),
            Column("SRCC", 5, "right"),
            Column("MAE", 5, "right"),
        )
        super().__init__(lambda info: info.model_id, _cells, columns, id=id)


class ModelsScreen(BaseScreen):
    """The room where trained models are kept."""

    area = "models"
    help_key = "models.help"
    CSS_PATH = "models.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("delete", "delete", "models.key.delete", id="models.delete"),
    ]

    def body(self) -> ComposeResult:
        with Horizontal(id="models-body"):
            yield BundleTable(id="bundles")
            with VerticalScroll(id="model-pane", can_focus=False):
                yield Static("", id="model-detail", markup=False)
        yield Static(t("models.none"), id="models-none", markup=False)

    def on_mount(self) -> None:
        self.query_one(BundleTable).focus()

    def fill(self) -> None:
        self._refresh()

    def came_back(self) -> None:
        """Look again: a training may have ended meanwhile."""
        self._refresh()

    def _refresh(self) -> None:
        async def read() -> None:
            self.post_message(BundlesListed(await asyncio.to_thread(list_bundles, self.workspace)))

        self.in_background(read(), "models-list")

    @on(BundlesListed)
    def _listed(self, message: BundlesListed) -> None:
        self.set_class(not message.bundles, "-none")
        self.query_one(BundleTable).set_rows(list(message.bundles))
        self.refresh_bindings()

    @property
    def current(self) -> BundleInfo | None:
        """The highlighted model."""
        return self.query_one(BundleTable).row if self.is_mounted else None

    @on(BundleTable.RowHighlighted)
    def _highlighted(self, message: BundleTable.RowHighlighted) -> None:
        self.refresh_bindings()
        info: BundleInfo | None = message.row
        if info is None:
            self.query_one("#model-detail", Static).update("")
            return

        async def read(info: BundleInfo) -> None:
            try:
                manifest = await asyncio.to_thread(read_manifest, info)
            except BeholderError as error:
                self.post_message(ManifestRead(info, {}, error))
            else:
                self.post_message(ManifestRead(info, manifest))

        self.in_background(read(info), "models-manifest")

    @on(ManifestRead)
    def _manifest_read(self, message: ManifestRead) -> None:
        if self.current is None or self.current.model_id != message.info.model_id:
            return
        detail = self.query_one("#model-detail", Static)
        if message.error is not None:
            detail.update(Text(f"{say(message.error.message)}\n{say(message.error.remedy)}", "red"))
        else:
            detail.update(_detail(message.info, message.manifest))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Show the keys only where there is a model."""
        if action == "delete":
            return self.current is not None
        return super().check_action(action, parameters)

    @on(BundleTable.RowSelected)
    def _use(self) -> None:
        """Go to Predict with this model."""
        if self.current is not None:
            cast("PredictScreen", self.beholder.room("predict")).choose_model(self.current.model_id)
            self.beholder.go("predict")

    def action_delete(self) -> None:
        """Ask, then move the model to the trash."""
        info = self.current
        if info is None:
            return

        async def remove() -> None:
            await asyncio.to_thread(remove_bundle, self.workspace, info)
            self.post_message(BundlesListed(await asyncio.to_thread(list_bundles, self.workspace)))
            self.notify(t("models.deleted"), markup=False)

        def answered(sure: bool | None) -> None:
            if sure:
                self.in_background(remove(), "models-delete")

        dialog = ConfirmDialog(
            t("models.delete_title", name=model_title(info)),
            t("models.delete_text"),
            yes=t("models.delete_yes"),
            dangerous=True,
        )
        self.app.push_screen(dialog, answered)


def _cells(info: BundleInfo) -> list[str]:
    srcc, mae = info.unseen("srcc"), info.unseen("mae")
    return [
        model_title(info),
        info.model,
        local_time(info.created),
        str(info.n),
        "–" if srcc is None else f"{srcc:.2f}",
        "–" if mae is None else f"{mae:.1f}",
    ]


def _detail(info: BundleInfo, manifest: Mapping[str, Any]) -> Table:
    facts = Table.grid(padding=(0, 1))
    facts.add_column(style="dim")
    facts.add_column(overflow="fold")
    split = manifest.get("spec", {}).get("split", ())
    interval = manifest.get("interval") or {}
    rows = [
        (t("models.id"), info.model_id),
        (t("models.family"), info.model),
        (t("models.backbone"), info.backbone),
        (t("models.created"), local_time(info.created, "%Y-%m-%d %H:%M")),
        (t("models.n"), str(info.n)),
        (t("models.split"), "/".join(f"{100 * part:.0f}" for part in split)),
        (t("models.seed"), str(manifest.get("spec", {}).get("seed", ""))),
        (t("models.scale"), "–".join(f"{end:g}" for end in manifest.get("scale", ()))),
        (t("models.interval"), f"± {interval['halfwidth']:.1f}" if interval.get("halfwidth") else ""),
        *(
            (str(key), f"{value:.4g}" if isinstance(value, float) else str(value))
            for key, value in manifest.get("details", {}).items()
        ),
    ]
    for label, value in rows:
        if value:
            facts.add_row(label, Text(display_name(value)))
    whole = Table.grid(padding=(0, 0, 1, 0))
    whole.add_row(Text(model_title(info), "bold"))
    measured = {part: figures for part, figures in info.metrics.items() if part in {"test", "cv"}}
    whole.add_row(metrics_table({**measured, "baseline": manifest.get("baseline", {})}))
    whole.add_row(facts)
    return whole
