"""``beholder models show``: everything that is known about one model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.errors import BeholderError, display_name
from tui.help_pages import add_command
from tui.i18n import say, t
from tui.session import Session

if TYPE_CHECKING:
    from engine.models.bundle import BundleInfo

METRICS = {"srcc": "SRCC", "plcc": "PLCC", "kendall": "Kendall", "mae": "MAE", "rmse": "RMSE", "r2": "R²", "n": ""}
_PARTS = ("test", "cv")
_AXES = ("labels", "trees", "stages", "folds", "epochs")


def register(group: typer.Typer) -> None:
    """Add the command to the group ``models``."""
    add_command(group, "show", show, help=t("cli.models.show.help"), example="beholder models show best")


def show(
    context: typer.Context,
    model: Annotated[str, typer.Argument(metavar="[ID]", help=t("cli.models.id"))] = "default",
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> None:
    """Print one model's manifest, or what a person wants to know of it."""
    from engine.models.bundle import default_model, find_bundle, read_manifest

    session = Session.of(context)
    workspace = session.existing_workspace()
    info = find_bundle(workspace, model)
    manifest = read_manifest(info)
    if as_json:
        session.console.json({**manifest, "model_id": info.model_id})
        return
    console = session.console
    for label, value in _facts(info, manifest):
        if value:
            console.line(f"{label}: {display_name(value)}")
    if default_model(workspace) == info.model_id:
        console.line(t("models_cli.show.is_default"))
    for line in info.note.splitlines():
        console.line(f"{t('models_cli.show.note')}: {display_name(line)}")
    console.line()
    _print_figures(session, manifest)
    lines = list(_curve(info))
    if lines:
        console.line()
    for line in lines:
        console.line(line)


def _facts(info: BundleInfo, manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key in ("model_id", "name", "model", "backbone", "created", "n"):
        yield t(f"cli.models.{key}"), str(getattr(info, key) or "–")
    yield t("models_cli.show.imported"), str(manifest.get("imported") or "")
    prior = manifest.get("prior")
    if prior:
        yield t("models_cli.show.prior"), f"{prior['model_id']} ({prior['model']})"
    yield t("models_cli.show.weights"), str(manifest.get("weights") or "")
    yield t("models_cli.show.settings"), _settings(manifest)
    yield t("models_cli.show.split"), _split(manifest.get("split") or {})
    yield t("models_cli.show.learned"), _pairs(manifest.get("details") or {})
    interval = manifest.get("interval") or {}
    if interval.get("halfwidth"):
        about = t("models_cli.show.interval_by_doubt") if interval.get("factor") else t("models_cli.show.interval")
        yield about, f"± {interval['halfwidth']:.1f}"
    if interval.get("held") is not None and interval.get("held_of"):
        n = int(interval["held_of"])
        yield t("models_cli.show.held"), t("models_cli.show.held_of", count=round(interval["held"] * n), n=n)
    yield t("models_cli.show.scale"), "–".join(f"{end:g}" for end in manifest["scale"])
    if info.seconds is not None:
        yield t("models_cli.show.seconds"), f"{info.seconds:.1f} s"
    yield t("models_cli.show.size"), readable_size(info.size)
    yield t("models_cli.show.data"), str(manifest.get("data_hash") or "")[:16]
    yield t("models_cli.show.versions"), _pairs(manifest.get("versions") or {}, " ")
    yield t("cli.models.path"), str(info.path)


def readable_size(size: int) -> str:
    """Return a number of bytes as people write it.

    >>> readable_size(512), readable_size(2_500), readable_size(18_400_000)
    ('512 B', '2.5 kB', '18.4 MB')
    """
    if size < 1000:
        return f"{size} B"
    number = float(size)
    for unit in ("kB", "MB"):
        number /= 1000
        if number < 1000:
            return f"{number:.1f} {unit}"
    return f"{number / 1000:.1f} GB"


def _settings(manifest: Mapping[str, Any]) -> str:
    """Return what was asked for, without what stands elsewhere or was left to the family."""
    known = {"model", "backbone", "weights", "name", "split", "prior", "params"}
    spec = manifest.get("spec") or {}
    asked = {key: value for key, value in spec.items() if key not in known and value not in (None, "")}
    params = spec.get("params")
    return _pairs({**asked, **(params if isinstance(params, dict) else {})})


def _pairs(values: Mapping[str, Any], between: str = "=") -> str:
    return ", ".join(f"{key}{between}{_short(value)}" for key, value in values.items() if value not in (None, ""))


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _split(split: Mapping[str, Any]) -> str:
    groups = split.get("groups", "?")
    if split.get("kind") == "folds":
        return t("models_cli.show.folds", folds=split.get("folds", "?"), groups=groups)
    sizes = {part: len(names) for part in ("train", "validation", "test") if isinstance(names := split.get(part), list)}
    return t("models_cli.show.parts", groups=groups, **sizes) if len(sizes) == 3 else ""


def _print_figures(session: Session, manifest: Mapping[str, Any]) -> None:
    """Print a row a metric: each part with its interval, and beside it what plainer guesses reach."""
    metrics, intervals = manifest["metrics"], manifest.get("intervals") or {}
    plain = dict(manifest.get("baselines") or {"mean": manifest.get("baseline") or {}})
    plain["leaked"] = (manifest.get("leaked") or {}).get("test") or {}
    headings, columns = [""], []
    for part in [part for part in _PARTS if metrics.get(part)]:
        headings += [t(f"cli.part.{part}"), "95 %"]
        columns += [metrics[part], {key: _range(pair) for key, pair in (intervals.get(part) or {}).items()}]
    for name, figures in plain.items():
        if figures:
            headings.append(t(f"models_cli.plain.{name}") if name in {"mean", "nearest", "leaked"} else name)
            columns.append(figures)
    rows = []
    for key, label in METRICS.items():
        cells = [_figure(column.get(key), whole=key == "n") for column in columns]
        if any(cells):
            rows.append([label or t("cli.table.photos"), *cells])
    session.console.table(headings, rows, right=range(1, len(headings)))


def _figure(value: Any, *, whole: bool) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return f"{value:.0f}" if whole else f"{value:.3f}"


def _range(pair: Any) -> str | None:
    if not pair or None in pair:
        return None
    return f"{pair[0]:.3f}…{pair[1]:.3f}"


def _curve(info: BundleInfo) -> Iterator[str]:
    """Yield a line a measured curve: where it began, where it ended and where it was best."""
    from engine.models.record import read_record

    try:
        events = read_record(info.path).events
    except BeholderError as error:
        yield say(error.message)
        return
    points: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for event in events:
        y = event.get("validation") if event.get("validation") is not None else event.get("train")
        x = event.get("x")
        if event.get("type") == "curve" and isinstance(x, int | float) and isinstance(y, int | float):
            key = str(event.get("axis")), str(event.get("metric"))
            points.setdefault(key, []).append((float(x), float(y)))
    for (axis, metric), curve in points.items():
        better = max if metric in {"srcc", "plcc", "kendall", "r2"} else min
        best = better(curve, key=lambda point: point[1])
        values = {"first": curve[0][1], "last": curve[-1][1], "best": best[1]}
        yield t(
            "models_cli.show.curve",
            metric=display_name(METRICS.get(metric, metric)),
            axis=t(f"models_cli.axis.{axis}") if axis in _AXES else display_name(axis),
            begin=f"{curve[0][0]:g}",
            end=f"{curve[-1][0]:g}",
            at=f"{best[0]:g}",
            **{name: f"{value:.4g}" for name, value in values.items()},
        )
