"""Put a report's page together: what was trained, how good it is, and the parts that rest on the record."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from engine.metrics import NAMES
from engine.models.bundle import BundleInfo
from engine.models.record import Record
from engine.outputs import report_facts as facts
from engine.outputs.report_sections import (
    ScoreText,
    Thumbnail,
    agreement_sections,
    curves_section,
    heading,
    labels_section,
    metric_name,
    notice,
    photos_section,
)
from engine.outputs.report_style import STYLE
from engine.outputs.report_words import Words

MARK = '<meta name="generator" content="beholder report">'
"""What tells a report from any other file; it stands among the first lines."""

_SECTIONS = {
    "summary": "summary",
    "trained": "trained",
    "figures": "figures",
    "curves": "curves",
    "labels": "labels_curve",
    "agreement": "agreement",
    "residuals": "residuals",
    "photos": "photos",
}
_ASKED_ELSEWHERE = {"model", "backbone", "weights", "seed", "name", "split", "folds", "prior"}
_SAME = 0.02  # a careless split that shows less than this much more SRCC does not flatter


@dataclass(frozen=True)
class Content:
    """What a report tells.

    Args:
        info: the model. manifest: its manifest; no more of it is trusted than `read_manifest` has checked.
        record: what its training left.
        thumbnails: photo's name → its small picture, for the photos that `pick_photos` names.
    """

    info: BundleInfo
    manifest: Mapping[str, Any]
    record: Record
    thumbnails: Mapping[str, Thumbnail]

    @property
    def scale(self) -> tuple[float, float]:
        """Lowest and highest score that the model knows."""
        low, high = self.manifest["scale"]
        return float(low), float(high)

    def figure(self, part: str, metric: str) -> float | None:
        """Return one of the model's own figures."""
        return facts.number(facts.mapping(self.info.metrics.get(part)).get(metric))

    def interval(self, part: str, metric: str) -> tuple[float, float] | None:
        """Return the 95 % interval of a figure, where it was kept."""
        return facts.ends(facts.mapping(facts.mapping(self.manifest.get("intervals")).get(part)).get(metric))

    def baselines(self) -> dict[str, Mapping[str, Any]]:
        """Return the plain guesses' figures on the test part: ``mean``, and ``nearest`` where it was measured."""
        found = facts.mapping(self.manifest.get("baselines")) or {"mean": self.manifest.get("baseline")}
        return {name: facts.mapping(found.get(name)) for name in ("mean", "nearest") if facts.mapping(found.get(name))}

    def leaked(self) -> Mapping[str, Any]:
        """Return what a split that cuts groups would have shown of the test part; empty where it wasn't measured."""
        return facts.mapping(facts.mapping(self.manifest.get("leaked")).get("test"))


def report_page(content: Content, words: Words) -> str:
    """Return the whole page as one HTML document that loads nothing and runs nothing."""
    title = words("title", model=facts.text(content.info.name or content.info.model_id))
    guesses = facts.held_out(content.record)
    curves = facts.read_curves(content.record)
    body = [
        _summary(content, words),
        _trained(content, words),
        _figures(content, words),
        curves_section(curves, facts.best_epoch(content.record), words),
        labels_section(curves, words),
        agreement_sections(guesses, content.scale, words),
        photos_section(facts.pick_photos(guesses), content.thumbnails, content.scale, words),
    ]
    links = "".join(f'<li><a href="#{anchor}">{words(key)}</a></li>' for anchor, key in _SECTIONS.items())
    under = " · ".join(html.escape(facts.text(part)) for part in (content.info.model, content.info.backbone) if part)
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode("ascii")
    policy = f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return (
        f'<!doctype html>\n<html lang="{words("language")}">\n<head>\n<meta charset="utf-8">\n{MARK}\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n<meta name="color-scheme" content="light dark">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f'<header><h1>{title}</h1><p class="under">{under}</p>'
        f'<nav aria-label="{words("contents")}"><ul>{links}</ul></nav></header>\n'
        f"<main>\n{chr(10).join(body)}\n</main>\n<footer><p>{words('made')}</p></footer>\n</body>\n</html>\n"
    )


def _tested(content: Content) -> str:
    """Return the part whose figures speak for the model: the test part, or the folds that stand in for it."""
    return "test" if content.figure("test", "n") is not None else "cv"


def _summary(content: Content, words: Words) -> str:
    part, score = _tested(content), ScoreText(*content.scale)
    cards = []
    for key, metric in (("card_srcc", "srcc"), ("card_mae", "mae")):
        value, ends = content.figure(part, metric), content.interval(part, metric)
        shown = "–" if value is None else _written(value, metric, score)
        small = (
            words("interval", low=_written(ends[0], metric, score), high=_written(ends[1], metric, score))
            if ends
            else ""
        )
        cards.append(_card(words(key), shown, small))
    within = facts.mapping(content.manifest.get("interval"))
    half, coverage = facts.number(within.get("halfwidth")), facts.number(within.get("coverage"))
    if half is not None and coverage is not None:
        cards.append(_card(words("card_within", percent=f"{coverage:.0%}"), f"± {score(half)}", ""))
    cards.append(
        _card(words("card_n"), str(content.info.n), words("card_scale", low=_end(content, 0), high=_end(content, 1)))
    )
    return heading(
        words("summary"), "summary", f'<dl class="cards">{"".join(cards)}</dl>{_against_the_mean(content, words)}'
    )


def _end(content: Content, place: int) -> str:
    return f"{content.scale[place]:g}"


def _card(title: str, value: str, small: str) -> str:
    return f"<div><dt>{title}</dt><dd>{value}{f'<small>{small}</small>' if small else ''}</dd></div>"


def _against_the_mean(content: Content, words: Words) -> str:
    """Say plainly whether it has learned anything."""
    part = _tested(content)
    error = content.figure(part, "mae")
    plain = facts.number(content.baselines().get("mean", {}).get("mae"))
    said = []
    if error is not None and plain:
        gain = 1 - error / plain
        if gain <= 0:
            said.append(words("beats_not"))
        else:
            ends = content.interval(part, "mae")
            unsure = ends is not None and ends[1] >= plain
            said.append(
                f"{words('beats', percent=f'{gain:.0%}')} {words('beats_unsure')}"
                if unsure
                else words("beats", percent=f"{gain:.0%}")
            )
    paragraphs = "".join(f"<p>{sentence}</p>" for sentence in said)
    return paragraphs + ("" if content.record.guesses or content.record.events else notice(words("record_none")))


def _trained(content: Content, words: Words) -> str:
    manifest, info = content.manifest, content.info
    spec = facts.mapping(manifest.get("spec"))
    rows: list[tuple[str, str]] = [
        ("name", info.name),
        ("note", facts.text(manifest.get("note") or "")),
        ("model", info.model),
        ("backbone", info.backbone),
        ("weights", _weights(content, words)),
        ("prior", facts.text(facts.mapping(manifest.get("prior")).get("model_id") or "")),
        (
            "settings",
            _joined(facts.pairs({k: v for k, v in spec.items() if k not in _ASKED_ELSEWHERE}))
            or words.plain("default"),
        ),
        ("chosen", _joined(facts.pairs(manifest.get("details")))),
        ("n", str(info.n)),
        ("scale", f"{_end(content, 0)} … {_end(content, 1)}"),
        ("split", _split(content, words)),
        ("seed", facts.text(spec.get("seed", ""))),
        ("created", _moment(info.created)),
        ("seconds", _duration(facts.number(manifest.get("seconds")), words)),
        ("model_id", info.model_id),
        ("data_hash", facts.text(manifest.get("data_hash") or "")),
        ("fingerprint", facts.text(manifest.get("fingerprint") or "")),
    ]
    terms = "".join(f"<dt>{words(key)}</dt><dd>{html.escape(facts.text(value))}</dd>" for key, value in rows if value)
    versions = "".join(
        f"<dt>{html.escape(name)}</dt><dd>{html.escape(version)}</dd>"
        for name, version in facts.pairs(manifest.get("versions"))
    )
    folded = f'<details><summary>{words("versions")}</summary><dl class="facts">{versions}</dl></details>'
    return heading(words("trained"), "trained", f'<dl class="facts">{terms}</dl>{folded if versions else ""}')


def _moment(created: str) -> str:
    """Return a time to the minute, as UTC; what is no time stays as it is."""
    try:
        return f"{datetime.fromisoformat(created).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError):
        return created


def _weights(content: Content, words: Words) -> str:
    if content.manifest.get("tuned"):
        return words.plain("weights_tuned")
    weights = facts.text(content.manifest.get("weights") or "")
    return words.plain("default") if weights == "default" else weights


def _joined(items: Sequence[tuple[str, str]]) -> str:
    return " · ".join(f"{name} = {value}" for name, value in items)


def _split(content: Content, words: Words) -> str:
    split = facts.mapping(content.manifest.get("split"))
    groups = facts.text(split.get("groups", "–"))
    if split.get("kind") == "folds":
        return words.plain("split_folds", folds=facts.text(split.get("folds", "–")), groups=groups)
    sizes = {part: len(split[part]) for part in ("train", "validation", "test") if isinstance(split.get(part), list)}
    return words.plain("split_parts", **sizes, groups=groups) if len(sizes) == 3 else ""


def _duration(seconds: float | None, words: Words) -> str:
    if seconds is None:
        return ""
    if seconds < 120:
        return words.plain("seconds_value", seconds=f"{seconds:.1f}")
    return words.plain("minutes_value", minutes=int(seconds // 60), seconds=int(seconds % 60))


def _written(value: float, metric: str, score: ScoreText) -> str:
    """Return a figure: errors like scores, the others with three decimals."""
    return score(value) if metric in {"mae", "rmse"} else f"{value:.3f}".replace("-", "−")


def _figures(content: Content, words: Words) -> str:
    score = ScoreText(*content.scale)
    split = facts.mapping(content.manifest.get("split"))
    # where folds stand in for the test part, the two are one
    parts = [
        part
        for part in ("train", "validation", "test", "cv")
        if part in content.info.metrics
        and not (part == "test" and split.get("kind") == "folds" and "cv" in content.info.metrics)
    ]
    rows = []
    for part in parts:
        cells = [_cell(content.figure(part, name), content.interval(part, name), name, score) for name in NAMES]
        rows.append(
            _row(words(f"part_{part}"), cells, content.figure(part, "n"), "main" if part in {"test", "cv"} else "")
        )
    plain = {f"baseline_{name}": values for name, values in content.baselines().items()}
    if leaked := content.leaked():
        plain["leaked_test"] = leaked
    for key, values in plain.items():
        cells = [_cell(facts.number(values.get(name)), None, name, score) for name in NAMES]
        kind = "leaked" if key == "leaked_test" else "baseline"
        rows.append(_row(words(key), cells, facts.number(values.get("n")), kind))
    if not rows:
        return heading(words("figures"), "figures", notice(words("leaked_unknown")))
    head = "".join(f'<th scope="col">{html.escape(metric_name(name, words))}</th>' for name in NAMES)
    table = (
        f'<div class="wide" tabindex="0" role="region" aria-labelledby="figures-title"><table>'
        f'<thead><tr><th scope="col">{words("part")}</th>{head}<th scope="col">{words("count")}</th></tr></thead>'
        f'<tbody>{"".join(rows)}</tbody></table></div><p class="soft">{words("figures_caption")}</p>'
    )
    return heading(words("figures"), "figures", f"{table}<p>{_leak(content, words)}</p>")


def _cell(value: float | None, ends: tuple[float, float] | None, metric: str, score: ScoreText) -> str:
    if value is None:
        return "<td>–</td>"
    small = f"<small>{_written(ends[0], metric, score)} … {_written(ends[1], metric, score)}</small>" if ends else ""
    return f"<td>{_written(value, metric, score)}{small}</td>"


def _row(title: str, cells: Sequence[str], count: float | None, kind: str) -> str:
    look = f' class="{kind}"' if kind else ""
    n = "–" if count is None else f"{count:.0f}"
    return f'<tr{look}><th scope="row">{title}</th>{"".join(cells)}<td>{n}</td></tr>'


def _leak(content: Content, words: Words) -> str:
    leaked, honest = facts.number(content.leaked().get("srcc")), content.figure(_tested(content), "srcc")
    if leaked is None or honest is None:
        return words("leaked_unknown")
    key = "leaked_flatters" if leaked - honest > _SAME else "leaked_equal"
    return words(
        key, leaked=_written(leaked, "srcc", ScoreText(0, 1)), honest=_written(honest, "srcc", ScoreText(0, 1))
    )
