"""The parts of a report that rest on the record: curves, predicted against given scores, errors, photos."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.errors import display_name
from engine.metrics import evaluate
from engine.models.record import Guessed
from engine.outputs.charts import Axes, Dot, Series, dot_chart, histogram, line_chart, number_text, thinned
from engine.outputs.report_facts import Curve, Picked, trend
from engine.outputs.report_words import Words

MOST_DOTS = 1000
"""Photos drawn as dots; of more, so many evenly over the scores."""

_METRICS = {"srcc": "SRCC", "plcc": "PLCC", "kendall": "Kendall", "mae": "MAE", "rmse": "RMSE", "r2": "R²"}
_NAME_LENGTH = 255
_STILL_FALLING = 0.98  # of the error at half the scores: what is below this still falls


@dataclass(frozen=True)
class Thumbnail:
    """A small JPEG of a photo, or why there is none.

    Args:
        jpeg: the file's bytes; empty where there is none.
        width, height: pixels.
        problem: key of the words that say what is wrong; empty where nothing is.
    """

    jpeg: bytes = b""
    width: int = 0
    height: int = 0
    problem: str = ""


@dataclass(frozen=True)
class ScoreText:
    """How scores and errors are written: with as many decimals as the scale asks for."""

    low: float
    high: float

    def __call__(self, value: float) -> str:
        """Return a score, or a distance between scores."""
        digits = 1 if self.high - self.low >= 20 else 2
        return f"{value:.{digits}f}".replace("-", "−")


def heading(title: str, anchor: str, content: str) -> str:
    """Return a section of the page; title and content are HTML already."""
    named = f"{anchor}-title"
    return f'<section id="{anchor}" aria-labelledby="{named}"><h2 id="{named}">{title}</h2>{content}</section>'


def notice(text: str) -> str:
    """Return a paragraph that says what is missing; `text` is HTML already."""
    return f'<p class="notice">{text}</p>'


def metric_name(metric: str, words: Words) -> str:
    """Return a metric's name for people, unescaped."""
    return _METRICS.get(metric) or (words.plain("metric_loss") if metric == "loss" else metric)


def curves_section(curves: Sequence[Curve], best: int | None, words: Words) -> str:
    """Return how it learned, along everything but the number of scores."""
    along = [curve for curve in curves if curve.axis != "labels"]
    if not along:
        return heading(words("curves"), "curves", notice(words("curves_labels_only" if curves else "curves_none")))
    charts = [_curve(curve, best if curve.axis == "epochs" else None, words) for curve in along]
    return heading(words("curves"), "curves", f'<div class="charts">{"".join(charts)}</div>')


def labels_section(curves: Sequence[Curve], words: Words) -> str:
    """Return the curve over the number of scores, and whether more of them are likely to help."""
    along = [curve for curve in curves if curve.axis == "labels"]
    if not along:
        return heading(words("labels_curve"), "labels", notice(words("labels_none")))
    charts = "".join(_curve(curve, None, words) for curve in along)
    said = ""
    points = next((curve.validation for curve in along if curve.metric == "mae"), ())
    if len(points) >= 4:
        last_x, last_y = points[-1]
        halfway = min(points, key=lambda point: abs(point[0] - last_x / 2))[1]
        said = f"<p>{words('labels_falling' if last_y < _STILL_FALLING * halfway else 'labels_flat')}</p>"
    return heading(words("labels_curve"), "labels", f'<div class="charts">{charts}</div>{said}')


def _curve(curve: Curve, best: int | None, words: Words) -> str:
    axis = words.plain(f"axis_{curve.axis}") if words.has(f"axis_{curve.axis}") else curve.axis
    metric = metric_name(curve.metric, words)
    lines = [(kind, points) for kind, points in (("train", curve.train), ("validation", curve.validation)) if points]
    title = " ".join(
        words.plain(
            "curve_alt",
            metric=metric,
            axis=axis,
            series=words.plain(kind),
            first=number_text(points[0][1]),
            last=number_text(points[-1][1]),
        )
        for kind, points in lines
    )
    chart = line_chart([Series(kind, points) for kind, points in lines], Axes(title, axis, metric), mark=best)
    key = [f'<li class="{kind}">{words(kind)}</li>' for kind, _ in lines]
    if best is not None:
        key.append(f'<li class="guide">{words("best_epoch", epoch=best)}</li>')
    return _figure(chart, f'<ul class="key">{"".join(key)}</ul>')


def _figure(chart: str, caption: str) -> str:
    return f'<figure class="chart">{chart}<figcaption>{caption}</figcaption></figure>'


def agreement_sections(guesses: Sequence[Guessed], scale: tuple[float, float], words: Words) -> str:
    """Return predicted against given scores, and the errors; of held-out photos alone.

    Args:
        guesses: held-out ones, by given score.
        scale: lowest and highest score.
        words: of the page.
    """
    if not guesses:
        missing = notice(words("held_out_none"))
        return heading(words("agreement"), "agreement", missing) + heading(words("residuals"), "residuals", missing)
    given = np.array([guess.given for guess in guesses])
    errors = np.array([guess.predicted for guess in guesses]) - given
    score = ScoreText(*scale)
    figures = evaluate(given, given + errors)
    shown = thinned(guesses, MOST_DOTS)
    drawn = f"<p>{words('dots', shown=len(shown), n=len(guesses))}</p>" if len(shown) < len(guesses) else ""
    air = 0.03 * (scale[1] - scale[0])
    across = scale[0] - air, scale[1] + air
    axes = Axes(
        words.plain(
            "agreement_alt",
            n=len(guesses),
            srcc="–" if figures.srcc is None else f"{figures.srcc:.3f}",
            mae=score(figures.mae),
        ),
        words.plain("given"),
        words.plain("predicted"),
    )
    dots = [Dot(guess.given, guess.predicted, display_name(guess.name)) for guess in shown]
    agreement = _figure(
        dot_chart(dots, axes, x=across, y=across, guide=lambda value: value), f"<p>{words('identity')}</p>{drawn}"
    )
    low, high = np.quantile(errors, [0.25, 0.75])
    title = words.plain("histogram_alt", n=len(guesses), low=score(low), high=score(high))
    bars = histogram(errors.tolist(), Axes(title, words.plain("residual"), words.plain("residual_count")))
    reach = max(float(np.abs(errors).max()), 1e-6) * 1.05
    along = dot_chart(
        [Dot(guess.given, guess.predicted - guess.given, display_name(guess.name)) for guess in shown],
        Axes(words.plain("residual_alt"), words.plain("given"), words.plain("residual")),
        x=across,
        y=(-reach, reach),
        guide=lambda _: 0.0,
        trend=(way := trend(given, errors)),
    )
    key = f'<ul class="key"><li class="trend">{words("trend")}</li></ul>' if way else ""
    residuals = f'<div class="charts">{_figure(bars, "")}{_figure(along, key)}</div><p>{words("residuals_note")}</p>'
    return heading(words("agreement"), "agreement", f'<div class="charts">{agreement}</div>') + heading(
        words("residuals"), "residuals", residuals
    )


def photos_section(
    picked: Picked, thumbnails: Mapping[str, Thumbnail], scale: tuple[float, float], words: Words
) -> str:
    """Return the best, the worst and the most wrong photos with their scores."""
    if not picked.names():
        return heading(words("photos"), "photos", notice(words("held_out_none")))
    lists = (("photos_best", picked.best), ("photos_worst", picked.worst), ("photos_wrong", picked.wrong))
    parts = [f'<p class="soft">{words("photos_note")}</p>']
    for key, guesses in lists:
        if guesses:
            shown = [
                _photo(guess, thumbnails.get(guess.name, Thumbnail()), ScoreText(*scale), words) for guess in guesses
            ]
            parts.append(f'<h3>{words(key)}</h3><ul class="photos">{"".join(shown)}</ul>')
    return heading(words("photos"), "photos", "".join(parts))


def _photo(guess: Guessed, thumbnail: Thumbnail, score: ScoreText, words: Words) -> str:
    name = html.escape(display_name(guess.name)[:_NAME_LENGTH])
    scores = words("photo_scores", given=score(guess.given), predicted=score(guess.predicted))
    if thumbnail.jpeg:
        data = base64.b64encode(thumbnail.jpeg).decode("ascii")
        size = f'width="{thumbnail.width}" height="{thumbnail.height}"'
        picture = f'<img src="data:image/jpeg;base64,{data}" {size} alt="{name}: {scores}">'
    else:
        picture = f'<div class="gone">{words(thumbnail.problem or "photo_unreadable")}</div>'
    return f"<li><figure>{picture}<figcaption><b>{name}</b>{scores}</figcaption></figure></li>"
