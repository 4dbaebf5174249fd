"""The live curve of a training: what was fitted, and what the fit never saw; for each metric, smoothed, logarithmic."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from typing import Any

from rich.style import Style
from rich.text import Text
from textual.app import ComposeResult
from textual.color import Color
from textual.containers import Vertical
from textual.timer import Timer
from textual.widgets import Static
from textual_plotext import PlotextPlot

from tui.i18n import t
from tui.training.curve import MOST_POINTS, Curve, Points, Series, downsample, drawn, log_ticks, whole_ticks

__all__ = ["MOST_POINTS", "LossPlot", "downsample"]

REDRAW_EVERY = 0.25
_LEGEND_LINES = 2
_FAINT = 0.62  # how far the raw points of a smoothed curve fade into the background
_AXES = {
    "labels": "train.axis_labels",
    "trees": "train.axis_trees",
    "stages": "train.axis_stages",
    "folds": "train.axis_folds",
    "epochs": "train.axis_epochs",
    "trials": "train.axis_trials",
}


class LossPlot(Vertical, can_focus=True):
    """Two curves of one metric with a legend above them; a hint while there is nothing to draw.

    The legend is a line of its own, since plotext counts a Chinese character as one cell.

    Args:
        hint: what is shown while there is nothing to draw.
    """

    DEFAULT_CSS = """
    LossPlot { height: 1fr; min-height: 6; }
    LossPlot > .legend { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
    LossPlot > #plot-hint { height: 1fr; content-align: center middle; color: $text-muted; }
    LossPlot:focus > #plot-legend { text-style: bold; }
    LossPlot.-empty > PlotextPlot, LossPlot.-empty > .legend { display: none; }
    LossPlot.-drawn > #plot-hint { display: none; }
    """

    def __init__(self, hint: str, *, id: str | None = None) -> None:
        super().__init__(id=id, classes="-empty")
        self._hint = hint
        self.curve = Curve()
        self._chosen = ""
        self.wants_log = False
        self.smooth = True
        self._drawn_at = 0.0
        self._waiting: Timer | None = None

    def compose(self) -> ComposeResult:
        """Yield the legend, the plot and the hint."""
        yield Static("", id="plot-legend", classes="legend", markup=False)
        yield Static("", id="plot-best", classes="legend", markup=False)
        yield PlotextPlot(id="plot")
        yield Static(self._hint, id="plot-hint", markup=False)

    def on_mount(self) -> None:
        """Draw what came before, and again in the colours of a new theme."""
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self._draw())
        self._draw()

    # --- what is drawn ----------------------------------------------------------------------------------------

    def on_resize(self) -> None:
        """Draw with as many marks as there is room for."""
        self._draw_soon()

    @property
    def metric(self) -> str:
        """The metric that is drawn; the first one that came unless another was chosen."""
        return self._chosen if self._chosen in self.curve.metrics else next(iter(self.curve.metrics), "")

    @property
    def series(self) -> Series:
        """The curves that are drawn."""
        return self.curve.metrics.get(self.metric) or Series()

    @property
    def point_count(self) -> int:
        """How many points the longer curve has."""
        return len(self.series)

    @property
    def is_drawn(self) -> bool:
        """Whether the picture shows all that is known."""
        return self._waiting is None

    @property
    def legend(self) -> str:
        """The lines above the curves, as text."""
        return f"{self._legend().plain}\n{self._second_line().plain}"

    @property
    def hint(self) -> str:
        """What is shown while there is nothing to draw."""
        return self._hint

    @hint.setter
    def hint(self, text: str) -> None:
        if text != self._hint:
            self._hint = text
            if self.is_mounted:
                self.query_one("#plot-hint", Static).update(text)

    def clear(self) -> None:
        """Forget all points; what was chosen to be drawn stays chosen."""
        self.begin_with(())

    def begin_with(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Forget all points and draw these, at once: another fit is shown."""
        self.curve = Curve()
        self.curve.add(events)
        self._draw()

    def add_points(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Add the points of ``curve`` events; redraws at most four times a second."""
        if self.curve.add(events):
            self._draw_soon()

    def set_points(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Draw these points instead of all that were added so far: the same fit, told anew."""
        self.curve = Curve()
        self.curve.add(events)
        self._draw_soon()

    def mark_best(self, at: float | None) -> None:
        """Mark where the fit says that it is best."""
        if at != self.curve.best_at:
            self.curve.best_at = at
            self._draw_soon()

    def _draw_soon(self) -> None:
        if self._waiting is None:
            wait = self._drawn_at + REDRAW_EVERY - time.monotonic()
            if wait <= 0:
                self._draw()
            else:
                self._waiting = self.set_timer(wait, self._draw)

    # --- what a person chooses --------------------------------------------------------------------------------

    def next_metric(self) -> None:
        """Draw the next metric."""
        names = list(self.curve.metrics)
        if names:
            self._chosen = names[(names.index(self.metric) + 1) % len(names)]
            self._draw()

    def toggle_log(self) -> None:
        """Draw values on a logarithmic axis, or not."""
        self.wants_log = not self.wants_log
        self._draw()

    def toggle_smooth(self) -> None:
        """Draw a smoothed curve over the faint raw one, or the raw one alone."""
        self.smooth = not self.smooth
        self._draw()

    @property
    def is_log(self) -> bool:
        """Whether the axis is logarithmic now: it is wanted, and every value is above 0."""
        return self.wants_log and bool(self.series.ys) and min(self.series.ys) > 0

    @property
    def _smooths(self) -> bool:
        return self.smooth and self.curve.axis != "trials"

    # --- drawing ----------------------------------------------------------------------------------------------

    def _colours(self) -> tuple[Color, Color]:
        variables = self.app.theme_variables
        return Color.parse(variables["secondary"]), Color.parse(variables["primary"])

    def _legend(self) -> Text:
        train, validation = self._colours()
        series, is_search = self.series, self.curve.axis == "trials"
        legend = Text(no_wrap=True)
        if series.train[0]:
            name = t("train.curve_trial") if is_search else t("train.curve_train")
            legend.append("━━ ", Style(color=train.rich_color)).append(name + "  ")
        if series.validation[0]:
            name = t("train.curve_so_far") if is_search else t("train.curve_validation")
            legend.append("━━ ", Style(color=validation.rich_color)).append(name + "  ")
        axis = t(_AXES[self.curve.axis]) if self.curve.axis in _AXES else self.curve.axis
        return legend.append(t("train.curve_axes", metric=self.metric.upper(), axis=axis), "dim")

    def _second_line(self) -> Text:
        _, validation = self._colours()
        line, best = Text(no_wrap=True), self.curve.best(self.metric)
        if best is not None:
            line.append("◆ ", Style(color=validation.rich_color))
            axis = self.curve.axis
            place = t(f"train.best_at.{axis}", x=f"{best[0]:g}", value=f"{best[1]:.3g}")
            line.append(place + "  ")
        modes = []
        if len(self.curve.metrics) > 1:
            place_of = list(self.curve.metrics).index(self.metric) + 1
            modes.append(t("train.curve_metric", n=place_of, total=len(self.curve.metrics)))
        if self.wants_log:
            modes.append(t("train.curve_log") if self.is_log else t("train.curve_no_log"))
        if self._smooths and any(
            drawn(points, smooth=True)[1] for points in (self.series.train, self.series.validation)
        ):
            modes.append(t("train.curve_smooth"))
        return line.append(" · ".join(modes), "dim")

    def _draw(self) -> None:
        self._drawn_at = time.monotonic()
        if self._waiting is not None:
            self._waiting.stop()
            self._waiting = None
        if not self.is_mounted:
            return
        has_points = self.point_count > 0
        self.set_class(has_points, "-drawn")
        self.set_class(not has_points, "-empty")
        if not has_points:
            return
        self.query_one("#plot-legend", Static).update(self._legend())
        second = self._second_line()
        self.query_one("#plot-best", Static).update(second)
        self.query_one("#plot-best").display = bool(second.plain)
        self._plot()

    def _plot(self) -> None:
        plot = self.query_one(PlotextPlot)
        plt, background = plot.plt, Color.parse(self.app.theme_variables["surface"])
        plt.clear_data()
        curves = list(zip((self.series.train, self.series.validation), self._colours(), strict=True))
        layers: list[tuple[Points, Color]] = []
        for points, colour in curves:
            raw, smooth = drawn(points, smooth=self._smooths)
            if smooth is not None:
                layers.insert(0, (raw, colour.blend(background, _FAINT)))  # below the strong ones
                layers.append((smooth, colour))
            elif raw[0]:
                layers.append((raw, colour))
        if self.curve.axis == "trials":  # one trial has nothing to do with the next one: no line joins them
            (xs, ys), colour = layers.pop(0)
            plt.scatter(xs, self._scaled(ys), color=colour.rgb, marker="•")
        for (xs, ys), colour in layers:
            plt.plot(xs, self._scaled(ys), color=colour.rgb, marker="braille")
        best = self.curve.best(self.metric)
        if best is not None:
            plt.scatter([best[0]], self._scaled([best[1]]), color=self._colours()[1].rgb, marker="◆")
        places = whole_ticks(self.series.xs)
        plt.xticks([float(place) for place in places], [str(place) for place in places])
        self._mark_values()
        plot.refresh()

    def _scaled(self, ys: list[float]) -> list[float]:
        return [math.log10(y) for y in ys] if self.is_log else ys

    def _mark_values(self) -> None:
        plt, ys = self.query_one(PlotextPlot).plt, self.series.ys
        low, high = min(ys), max(ys)
        if self.is_log:
            marks = log_ticks(low, high)
            marks = marks if len(marks) > 1 else [low, high]
        else:
            # labels that fall on one line overwrite each other
            height = self.size.height - _LEGEND_LINES
            steps = 4 if height >= 9 else 2 if height >= 7 else 1
            marks = [low + (high - low) * step / steps for step in range(steps + 1)] if high > low else [low]
        plt.yticks(self._scaled(marks), [f"{mark:.3g}" for mark in marks])
