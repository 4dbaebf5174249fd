"""Everything that is known of one model, as text that fits a narrow pane."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from engine.errors import display_name
from engine.models.bundle import BundleInfo
from tui.i18n import t
from tui.job_story import duration_text
from tui.widgets.job_list import local_time
from tui.widgets.model_select import model_title

_METRICS = (("srcc", "SRCC"), ("plcc", "PLCC"), ("kendall", "τ"), ("mae", "MAE"), ("rmse", "RMSE"), ("r2", "R²"))
_SETTINGS = ("epochs", "lr", "batch", "loss", "augment", "dropout", "weight_decay", "patience")
_HASH = 12


def describe(info: BundleInfo, manifest: Mapping[str, Any], *, is_default: bool = False) -> Table:
    """Return a model's name, figures and facts.

    Args:
        info: the model as a list knows it.
        manifest: the whole manifest; one of an older version may lack some parts.
        is_default: whether it predicts wherever no model is named.
    """
    whole = Table.grid()
    title = Text(model_title(info), "bold")
    if is_default:
        title.append("  " + t("models.is_default"), "yellow")
    title.append(f"\n{display_name(info.model)} · {display_name(info.backbone)}", "not bold dim")
    whole.add_row(title)
    if manifest.get("note"):
        whole.add_row(Text(display_name(str(manifest["note"])), "italic"))
    whole.add_row("")
    whole.add_row(figures(manifest))
    whole.add_row("")
    facts = Table.grid(padding=(0, 1))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    for label, value in _facts(info, manifest):
        if value:
            facts.add_row(label, Text(display_name(value)))
    whole.add_row(facts)
    whole.add_row("")
    whole.add_row(Text(t("models.columns"), "dim"))
    return whole


def figures(manifest: Mapping[str, Any]) -> Table:
    """Return the metrics, a line each: of unseen photos, with their range, beside baselines and the leaked figure."""
    metrics, baselines = _part(manifest, "metrics"), _part(manifest, "baselines")
    test, ranges = _part(metrics, "test"), _part(_part(manifest, "intervals"), "test")
    columns = [
        (t("models.col_cv"), _part(metrics, "cv")),
        (t("models.col_mean"), _part(baselines, "mean") or _part(manifest, "baseline")),
        (t("models.col_nearest"), _part(baselines, "nearest")),
        (t("models.col_leaked"), _part(_part(manifest, "leaked"), "test")),
    ]
    columns = [(head, values) for head, values in columns if values]
    table = Table.grid(padding=(0, 1))
    table.add_column(style="dim", no_wrap=True)
    for _ in range(2 + len(columns)):
        table.add_column(justify="right", no_wrap=True)
    heads = [t("models.col_test"), t("models.col_range"), *(head for head, _ in columns)]
    table.add_row("", *(Text(head, "dim") for head in heads))
    for key, label in _METRICS:
        if key in test or any(key in values for _, values in columns):
            others = (Text(number(values.get(key))) for _, values in columns)
            table.add_row(label, Text(number(test.get(key)), "bold"), Text(_range(ranges.get(key)), "dim"), *others)
    counts = (Text(number(values.get("n")), "dim") for _, values in columns)
    table.add_row("n", Text(number(test.get("n")), "dim"), "", *counts)
    return table


def number(value: object) -> str:
    """Return a figure of a metric as tables show it.

    >>> number(0.7184), number(12.345), number(75), number(None)
    ('0.72', '12.3', '75', '–')
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "–"
    return str(value) if isinstance(value, int) else f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def _range(ends: object) -> str:
    if not isinstance(ends, list | tuple) or len(ends) != 2 or None in ends:
        return ""
    return f"{number(ends[0])}…{number(ends[1])}"


def _part(whole: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = whole.get(name)
    return found if isinstance(found, Mapping) else {}


def _facts(info: BundleInfo, manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    spec, interval, prior = _part(manifest, "spec"), _part(manifest, "interval"), _part(manifest, "prior")
    yield t("models.id"), info.model_id
    weights = str(manifest.get("weights", "default"))
    yield t("models.weights"), "" if weights == "default" else weights
    yield t("models.created"), local_time(info.created, "%Y-%m-%d %H:%M")
    yield t("models.n"), str(info.n)
    yield t("models.settings"), _settings(spec)
    yield t("models.prior"), str(prior.get("model_id", ""))
    yield t("models.split"), _split(spec, _part(manifest, "split"))
    yield t("models.seed"), str(spec.get("seed", ""))
    yield t("models.scale"), "–".join(f"{end:g}" for end in manifest.get("scale", ()))
    half = interval.get("halfwidth")
    yield t("models.interval"), f"± {half:.1f}" if isinstance(half, int | float) else ""
    yield t("models.held"), _held(interval)
    seconds = manifest.get("seconds")
    yield t("models.seconds"), duration_text(seconds) if isinstance(seconds, int | float) else ""
    yield t("models.size"), size_text(info.size)
    yield t("models.data"), str(manifest.get("data_hash", ""))[:_HASH]
    for key, value in _part(manifest, "details").items():
        yield str(key), f"{value:.4g}" if isinstance(value, float) else str(value)
    yield t("models.versions"), ", ".join(f"{name} {of}" for name, of in _part(manifest, "versions").items() if of)


def _held(interval: Mapping[str, Any]) -> str:
    """Return how many photos of the test part lay within their intervals; empty where that was not measured."""
    share, n = interval.get("held"), interval.get("held_of")
    if not isinstance(share, int | float) or not isinstance(n, int) or not n:
        return ""
    return t("models.held_of", count=round(share * n), n=n)


def size_text(size: int) -> str:
    """Return a number of bytes as people read it.

    >>> size_text(900), size_text(123_456), size_text(45_600_000)
    ('900 B', '123 kB', '45.6 MB')
    """
    if size < 1000:
        return f"{size} B"
    return f"{size / 1000:.0f} kB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"


def _settings(spec: Mapping[str, Any]) -> str:
    chosen = {name: spec.get(name) for name in _SETTINGS if spec.get(name) is not None} | dict(_part(spec, "params"))
    return ", ".join(
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}" for name, value in chosen.items()
    )


def _split(spec: Mapping[str, Any], split: Mapping[str, Any]) -> str:
    groups = split.get("groups", "–")
    if split.get("kind") == "folds":
        folds = split.get("folds")
        return t(
            "models.fold_sizes", folds=folds if isinstance(folds, int) else spec.get("folds") or "–", groups=groups
        )
    parts = {part: len(split.get(part, ())) for part in ("train", "validation", "test")}
    shares = "/".join(f"{100 * share:.0f}" for share in spec.get("split", ()))
    return f"{shares}: {t('models.part_sizes', groups=groups, **parts)}" if any(parts.values()) else shares
