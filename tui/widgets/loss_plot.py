"""The live curve of a training: error on fitted photos and on photos that the fit never saw."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
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

MOST_POINTS = 500
REDRAW_EVERY = 0.25
_AXES = {"labels": "train.axis_labels", "trees": "train.axis_trees", "epochs": "train.axis_epochs"}


def downsample(xs: Sequence[float], ys: Sequence[float], most: int = MOST_POINTS) -> tuple[list[float], list[float]]:
    """Return at most `most` points that keep the ends and every peak and dip.

    Args:
        xs: positions, ascending.
        ys: values, as many as positions.
        most: how many points may be left, at least 4.

    >>> downsample([0, 1, 2, 3, 4, 5, 6, 7], [0, 0, 9, 0, 0, 0, 0, 0], 6)[1]
    [0, 0, 9, 0, 0]
    """
    if len(xs) <= most:
        return list(xs), list(ys)
    buckets = (most - 2) // 2
    inner = len(xs) - 2
    keep = [0]
    for bucket in range(buckets):
        rows = range(1 + bucket * inner // buckets, 1 + (bucket + 1) * inner // buckets)
        keep += sorted({min(rows, key=ys.__getitem__), max(rows, key=ys.__getitem__)})
    keep.append(len(xs) - 1)
    return [xs[row] for row in keep], [ys[row] for row in keep]


def whole_ticks(xs: Sequence[float], count: int = 5) -> list[int]:
    """Return about `count` whole numbers from the lowest to the highest x: scores, trees and epochs are counted.

    >>> whole_ticks([6.0, 20.0, 69.0])
    [6, 22, 38, 53, 69]
    """
    low, high = round(min(xs)), round(max(xs))
    return sorted({round(low + (high - low) * step / (count - 1)) for step in range(count)})


class LossPlot(Vertical):
    """Two curves with a legend above them; a hint while there is nothing to draw.

    The legend is a line of its own, since plotext counts a Chinese character as one cell.
    """

    DEFAULT_CSS = """
    LossPlot { height: 1fr; min-height: 6; }
    LossPlot > #plot-legend { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
    LossPlot > #plot-hint { height: 1fr; content-align: center middle; color: $text-muted; }
    LossPlot.-empty > PlotextPlot, LossPlot.-empty > #plot-legend { display: none; }
    LossPlot.-drawn > #plot-hint { display: none; }
    """

    def __init__(self, hint: str, *, id: str | None = None) -> None:
        super().__init__(id=id, classes="-empty")
        self._hint = hint
        self._train: tuple[list[float], list[float]] = ([], [])
        self._validation: tuple[list[float], list[float]] = ([], [])
        self._axis = "labels"
        self._metric = "mae"
        self._drawn_at = 0.0
        self._waiting: Timer | None = None

    def compose(self) -> ComposeResult:
        yield Static("", id="plot-legend", markup=False)
        yield PlotextPlot(id="plot")
        yield Static(self._hint, id="plot-hint", markup=False)

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self._draw())

    @property
    def point_count(self) -> int:
        """How many points the longer curve has."""
        return max(len(self._train[0]), len(self._validation[0]))

    @property
    def legend(self) -> str:
        """The line above the curves, as text."""
        return self._legend().plain

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
        """Forget all points."""
        self._train, self._validation = ([], []), ([], [])
        self._draw()

    def add_points(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Add the points of ``curve`` events; redraws at most four times a second."""
        added = False
        for event in events:
            self._axis, self._metric = str(event["axis"]), str(event["metric"])
            for side, (xs, ys) in (("train", self._train), ("validation", self._validation)):
                if event.get(side) is not None:
                    xs.append(float(event["x"]))
                    ys.append(float(event[side]))
                    added = True
        if added and self._waiting is None:
            wait = self._drawn_at + REDRAW_EVERY - time.monotonic()
            if wait <= 0:
                self._draw()
            else:
                self._waiting = self.set_timer(wait, self._draw)

    def _colours(self) -> tuple[Color, Color]:
        variables = self.app.theme_variables
        return Color.parse(variables["secondary"]), Color.parse(variables["primary"])

    def _legend(self) -> Text:
        train, validation = self._colours()
        legend = Text(no_wrap=True)
        if self._train[0]:
            legend.append("━━ ", Style(color=train.rich_color)).append(t("train.curve_train") + "  ")
        if self._validation[0]:
            legend.append("━━ ", Style(color=validation.rich_color)).append(t("train.curve_validation") + "  ")
        axis = t(_AXES[self._axis]) if self._axis in _AXES else self._axis
        return legend.append(t("train.curve_axes", metric=self._metric.upper(), axis=axis), "dim")

    def _draw(self) -> None:
        self._drawn_at = time.monotonic()
        if self._waiting is not None:
            self._waiting.stop()
            self._waiting = None
        if not self.is_mounted:
            return
        drawn = self.point_count > 0
        self.set_class(drawn, "-drawn")
        self.set_class(not drawn, "-empty")
        if not drawn:
            return
        self.query_one("#plot-legend", Static).update(self._legend())
        plot = self.query_one(PlotextPlot)
        plot.plt.clear_data()
        for (xs, ys), colour in zip((self._train, self._validation), self._colours(), strict=True):
            if xs:
                plot.plt.plot(*downsample(xs, ys), color=colour.rgb, marker="braille")
        places = whole_ticks(self._train[0] + self._validation[0])
        plot.plt.xticks([float(place) for place in places], [str(place) for place in places])
        plot.refresh()
