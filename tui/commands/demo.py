"""``beholder demo``: the whole job on a sample album, and what each step took."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.errors import display_name
from engine.workspace import Workspace, format_score
from tui.commands.importing import finish, show
from tui.commands.train import metric
from tui.help_pages import add_command
from tui.i18n import language, say, t
from tui.interrupts import StopSwitch
from tui.progress_line import ProgressLine, duration
from tui.session import Session

if TYPE_CHECKING:
    from engine.models.bundle import BundleInfo
    from engine.sample_album import SampleAlbum

_MODELS = {"taste": "demo-taste", "random-forest": "demo-forest"}


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    add_command(app, "demo", demo, help=t("cli.demo.help"), example="beholder demo\nbeholder demo ~/try-it --open")


@dataclass
class _Steps:
    """What was done, in words, and how long each step took, in seconds."""

    session: Session
    rows: list[tuple[str, str, str]] = field(default_factory=list)

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[list[str]]:
        """Time one step; what the block appends to the list says how it went."""
        words: list[str] = []
        begun = time.monotonic()
        yield words
        self.rows.append((name, " ".join(words), duration(time.monotonic() - begun)))


def demo(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help=t("cli.demo.folder"))] = Path("beholder-demo"),
    open_it: Annotated[bool, typer.Option("--open", help=t("cli.demo.open"))] = False,
) -> int:
    """Make the album, import, train two models, predict, and print what was done."""
    from engine.sample_album import RULE, make_album

    session = Session.of(context)
    console, workspace = session.console, Workspace.find(folder)
    steps = _Steps(session)
    with StopSwitch(console) as stop, ProgressLine(console) as progress:
        with steps.step(t("cli.demo.album")) as words:
            workspace.create()
            album = make_album(workspace.root / "album")
            words.append(display_name(album.scored))
        with steps.step(t("cli.demo.import")) as words:
            words.append(_import(workspace, album, stop, progress))
        for model, name in _MODELS.items():
            with steps.step(t("cli.demo.train", model=model)) as words:
                words.append(_train(workspace, model, name, stop, progress))
        with steps.step(t("cli.demo.predict")) as words:
            info, rows = _predict(workspace, album, stop, progress)
            words.append(t("cli.demo.predicted", n=len(rows), model=info.name))
    _print(session, workspace, steps, rows, album.rule_scores)
    console.line()
    console.paragraph(say(RULE))
    _print_next(session, workspace)
    if open_it:
        from tui.cli import open_app

        return open_app(replace(session, workspace=workspace), language())
    return 0


def _import(workspace: Workspace, album: SampleAlbum, stop: StopSwitch, progress: ProgressLine) -> str:
    from engine.labels.importing import ImportOptions, plan_import, run_import

    plan = finish(plan_import(workspace, ImportOptions(album.scored), should_stop=stop), progress)
    report = finish(run_import(workspace, plan, should_stop=stop), progress)
    return t("cli.demo.imported", imported=report.imported, scored=report.scored)


def _train(workspace: Workspace, model: str, name: str, stop: StopSwitch, progress: ProgressLine) -> str:
    from engine.models.bundle import list_bundles, read_manifest
    from engine.training.album import data_hash

    present = data_hash(workspace)
    for info in list_bundles(workspace):
        if info.name == name and read_manifest(info).get("data_hash") == present:
            return t("cli.demo.kept", id=info.model_id, srcc=_srcc(info.metrics))
    from engine.events import Finished
    from engine.models.base import FitControl
    from engine.training.run import run_training
    from engine.training.spec import TrainSpec

    result: Mapping[str, Any] = {}
    for event in run_training(workspace, TrainSpec(model=model, name=name), control=FitControl(stop)):
        if isinstance(event, Finished):
            result = event.result
        else:
            show(event, progress)
    return t("cli.demo.trained", id=result["model_id"], srcc=_srcc(result["metrics"]))


def _srcc(metrics: Mapping[str, Mapping[str, Any]]) -> str:
    from engine.models.bundle import unseen_metric

    return metric(unseen_metric(metrics, "srcc")) or "–"


def _predict(
    workspace: Workspace, album: SampleAlbum, stop: StopSwitch, progress: ProgressLine
) -> tuple[BundleInfo, list[dict[str, Any]]]:
    from engine.models.bundle import find_bundle
    from engine.prediction.score import Prediction, predict

    info = find_bundle(workspace, "best")
    rows = []
    for item in predict(workspace, info, [album.new], should_stop=stop):
        if isinstance(item, Prediction):
            rows.append(item.to_row())
        else:
            show(item, progress)
    return info, sorted(rows, key=lambda row: -(row["score"] or 0.0))


def _print(
    session: Session, workspace: Workspace, steps: _Steps, rows: list[dict[str, Any]], rule: Mapping[str, float]
) -> None:
    console = session.console
    headings = [t("cli.table.photo"), t("cli.demo.predicted_score"), t("cli.demo.range"), t("cli.demo.rule_score")]
    cells = []
    for row in rows:
        name = Path(row["path"]).name
        span = f"{row['low']:.0f}–{row['high']:.0f}" if row["low"] is not None else row["error"]
        cells.append(
            [name, None if row["score"] is None else f"{row['score']:.1f}", span, format_score(rule.get(name))]
        )
    console.table(headings, cells, right=[1, 2, 3])
    console.line()
    console.table([t("cli.demo.step"), t("cli.demo.result"), t("cli.demo.time")], steps.rows, right=[2])


def _print_next(session: Session, workspace: Workspace) -> None:
    import shlex

    place = display_name(shlex.quote(str(workspace.root)))
    session.console.line()
    session.console.line(t("cli.demo.next"))
    for command in ("", " models", " predict ~/Pictures --top 10"):
        session.console.line(f"  beholder -w {place}{command}")
