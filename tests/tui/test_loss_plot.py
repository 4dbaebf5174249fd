"""The live curve: a legend in the person's language, a hint while there is nothing, and any number of points."""

from __future__ import annotations

from textual.app import App, ComposeResult

from tests.tui.piloting import wait_for
from tui.i18n import set_language
from tui.training.curve import Curve, drawn, smoothed
from tui.widgets.loss_plot import MOST_POINTS, LossPlot, downsample


class PlotApp(App[None]):
    def compose(self) -> ComposeResult:
        yield LossPlot("nothing yet")


def curve(count: int, axis: str = "labels") -> list[dict[str, object]]:
    return [
        {"type": "curve", "axis": axis, "x": x, "metric": "mae", "train": 10 / (x + 1), "validation": 20 / (x + 1)}
        for x in range(count)
    ]


def shown(app: App[None]) -> str:
    return "\n".join("".join(piece.text for piece in strip) for strip in app.screen._compositor.render_strips())


async def test_a_hint_then_curves_with_a_legend_in_a_small_pane() -> None:
    app = PlotApp()
    async with app.run_test(size=(40, 10)) as pilot:
        await wait_for(pilot, lambda: "nothing yet" in shown(app), "the hint")
        app.query_one(LossPlot).add_points(curve(20))
        await wait_for(pilot, lambda: "train  ━━ validation" in shown(app), "the legend")
        assert "nothing yet" not in shown(app)
        assert any("\u2800" < char < "\u2900" for char in shown(app))
        app.query_one(LossPlot).clear()
        await wait_for(pilot, lambda: "nothing yet" in shown(app), "the hint again")


async def test_points_that_come_fast_are_all_drawn_in_the_end() -> None:
    app = PlotApp()
    async with app.run_test(size=(60, 20)) as pilot:
        plot = app.query_one(LossPlot)
        for point in curve(3000, "trees"):
            plot.add_points([point])
        assert plot.point_count == 3000
        # 2999 trees round to 2999.0 at the right end of the axis.
        await wait_for(pilot, lambda: "2999" in shown(app), "the last point")


async def test_the_legend_is_chinese_and_the_frame_stays_straight() -> None:
    set_language("zh")
    app = PlotApp()
    async with app.run_test(size=(60, 16)) as pilot:
        app.query_one(LossPlot).add_points(curve(5))
        await wait_for(pilot, lambda: "训练" in shown(app) and "验证" in shown(app), "the legend")
        ends = {line.rstrip()[-1] for line in shown(app).splitlines() if "┤" in line}
        assert ends == {"│"}


async def test_a_curve_without_validation_is_drawn_alone() -> None:
    app = PlotApp()
    async with app.run_test(size=(60, 16)) as pilot:
        app.query_one(LossPlot).add_points({**point, "validation": None} for point in curve(5))
        await wait_for(pilot, lambda: "━━ train" in shown(app), "the legend")
        assert "validation" not in shown(app)


def test_downsampling_keeps_ends_and_the_one_peak() -> None:
    ys = [1.0] * 5000
    ys[2345] = 99.0
    xs = list(range(5000))
    few_xs, few_ys = downsample(xs, ys)
    assert len(few_xs) <= MOST_POINTS
    assert (few_xs[0], few_xs[-1]) == (0, 4999)
    assert few_ys[few_xs.index(2345)] == 99.0
    assert few_xs == sorted(few_xs)


def epochs_curve(count: int) -> list[dict[str, object]]:
    return [
        {"type": "curve", "axis": "epochs", "x": x, "metric": metric, "train": None, "validation": value}
        for x in range(count)
        for metric, value in (("loss", 1 / (x + 1) + x / 50), ("srcc", x / count - 0.2))
    ]


async def test_keys_choose_metric_axis_and_smoothing_and_the_legend_says_so() -> None:
    app = PlotApp()
    async with app.run_test(size=(80, 20)) as pilot:
        plot = app.query_one(LossPlot)
        plot.add_points(epochs_curve(40))
        await wait_for(pilot, lambda: "LOSS by number of epochs" in shown(app), "the loss")
        assert "curve 1 of 2" in shown(app)
        assert "smoothed" in shown(app)
        plot.toggle_smooth()
        plot.toggle_log()
        await wait_for(pilot, lambda: "log axis" in shown(app) and "smoothed" not in shown(app), "the other look")
        plot.next_metric()
        await wait_for(pilot, lambda: "SRCC by number of epochs" in shown(app), "the other metric")
        assert "no log axis: values at or below 0" in shown(app)
        plot.next_metric()
        assert plot.metric == "loss"


async def test_the_best_epoch_is_marked_and_told() -> None:
    app = PlotApp()
    async with app.run_test(size=(80, 20)) as pilot:
        plot = app.query_one(LossPlot)
        plot.add_points(epochs_curve(40))
        await wait_for(pilot, lambda: "best at epoch 6" in shown(app), "the lowest loss")
        plot.mark_best(20.0)
        await wait_for(pilot, lambda: "best at epoch 20" in shown(app), "what the fit says")
        plot.next_metric()
        await wait_for(pilot, lambda: "best at epoch 20: 0.3" in shown(app), "its SRCC")


def test_smoothing_follows_the_curve_without_lag() -> None:
    line = [float(x) for x in range(200)]
    assert max(abs(a - b) for a, b in zip(smoothed(line), line, strict=True)) < 6
    noisy = [100.0 + (-1) ** x for x in range(200)]
    assert max(abs(y - 100) for y in smoothed(noisy)) < 0.6


def test_another_axis_begins_another_curve() -> None:
    curves = Curve()
    curves.add(curve(5, "folds"))
    curves.add(curve(3, "labels"))
    assert curves.axis == "labels"
    assert len(curves.metrics["mae"]) == 3
    assert curves.best("mae") is None


def test_at_most_500_points_of_a_curve_are_drawn() -> None:
    points = [float(x) for x in range(20_000)], [float(x % 7) for x in range(20_000)]
    raw, smooth = drawn(points, smooth=True)
    assert smooth is not None
    assert max(len(raw[0]), len(smooth[0])) <= MOST_POINTS
