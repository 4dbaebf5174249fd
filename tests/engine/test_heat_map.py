"""A heat map over its photo: colours where they belong, the photo still to be seen, and the same in words."""

import numpy as np
import pytest
from PIL import Image

from engine.errors import NeedMissing, NotFound, UsageError
from engine.outputs.heat_map import FEWEST, MOST, check_place, heat_picture, overlay, write_heat_picture
from engine.outputs.heat_words import where_it_looked
from engine.prediction.explanation import HeatMap
from tests.conftest import draw_photo


def spot(row, column, shape=(9, 12), value=1.0, box=(0.0, 0.0, 1.0, 1.0)):
    """Return a map with one strong cell, and another of the opposite sign in the last one."""
    values = np.zeros(shape)
    values[row, column] = value
    return HeatMap("occlusion", tuple(map(tuple, values.tolist())), box)


def colours(picture):
    """Return how much more red than blue each pixel is."""
    pixels = np.asarray(picture, np.float64)
    return pixels[:, :, 0] - pixels[:, :, 2]


@pytest.mark.parametrize("size", [(400, 300), (300, 400), (37, 5)])
@pytest.mark.parametrize(("value", "warm"), [(1.0, True), (-1.0, False)])
def test_warm_raised_and_cold_lowered_where_the_map_says(size, value, warm):
    gray = Image.new("RGB", size, (128, 128, 128))
    shown = overlay(gray, spot(2, 9, value=value))
    assert shown.size == size
    assert shown.mode == "RGB"
    tint = colours(shown) * (1 if warm else -1)
    y, x = np.unravel_index(tint.argmax(), tint.shape)
    assert x / size[0] == pytest.approx(9.5 / 12, abs=0.07)
    assert abs(y / size[1] - 2.5 / 9) < 0.2
    assert tint.max() > 40
    assert abs(tint[-1, 0]) < 2


def test_the_photo_stays_to_be_seen():
    random = np.random.default_rng(0)
    photo = Image.fromarray(random.integers(0, 255, (90, 120), dtype=np.uint8)).convert("RGB")
    everywhere = HeatMap("occlusion", ((1.0, 1.0), (1.0, 1.0)))
    shown = np.asarray(overlay(photo, everywhere).convert("L"), np.float64)
    assert np.corrcoef(shown.ravel(), np.asarray(photo.convert("L"), np.float64).ravel())[0, 1] > 0.95
    assert shown.std() > 25


def test_what_was_not_seen_is_darker_and_bears_no_heat():
    gray = Image.new("RGB", (300, 200), (120, 120, 120))
    shown = np.asarray(overlay(gray, spot(4, 6, box=(1 / 6, 0.0, 5 / 6, 1.0))))
    assert (shown[:, :48] < 80).all()
    assert np.ptp(shown[:, :48]) == 0
    assert (shown[5, 60] == 120).all()
    assert shown[100, 158, 0] > shown[100, 158, 2]


def test_a_map_of_nothing_leaves_the_photo_alone():
    gray = Image.new("RGB", (30, 20), (120, 120, 120))
    nothing = HeatMap("occlusion", ((0.0, 0.0),))
    assert np.array_equal(np.asarray(overlay(gray, nothing)), np.asarray(gray))
    assert [str(said) for said in where_it_looked(nothing)] == ["No part of the photo moved the score."]


@pytest.mark.parametrize(
    ("size", "wanted"), [((4000, 3000), (MOST, 1200)), ((96, 72), (FEWEST, 480)), ((900, 1200), (900, 1200))]
)
def test_the_picture_has_a_sensible_size_and_a_legend_below(size, wanted):
    picture = heat_picture(Image.new("RGB", size, (128, 128, 128)), spot(2, 9), "5.2   (4.0 - 6.4)")
    assert picture.width == wanted[0]
    legend = np.asarray(picture.crop((0, wanted[1], *picture.size)), np.float64)
    assert 0 < legend.shape[0] < wanted[1] / 4
    tint = legend[:, :, 0] - legend[:, :, 2]
    assert tint.max() > 150 and tint.min() < -150
    assert (legend[:, legend.shape[1] * 3 // 4 :].min(axis=2) > 200).any()  # the text
    # the signs are white on black, so that they are told on any photo and without colours
    around = np.asarray(
        picture.crop((int(wanted[0] * 0.7), int(wanted[1] * 0.15), int(wanted[0] * 0.9), wanted[1] // 2))
    )
    assert (around.min(axis=2) > 240).any() and (around.max(axis=2) < 15).any()


@pytest.mark.parametrize(
    ("row", "column", "place"),
    [
        (0, 0, "upper left"), (0, 6, "at the top"), (1, 11, "upper right"), (4, 1, "at the left"), (4, 6, "centre"),
        (5, 11, "at the right"), (8, 0, "lower left"), (8, 6, "at the bottom"), (8, 11, "lower right"),
    ],
)  # fmt: skip
def test_places_are_told_in_words(row, column, place):
    raised = [str(said) for said in where_it_looked(spot(row, column))]
    assert place in raised[0] and raised[0].startswith("What raised")
    assert raised[1] == "No part of the photo lowered the score much."
    lowered = [str(said) for said in where_it_looked(spot(row, column, value=-1.0))]
    assert lowered[0] == "No part of the photo raised the score much."
    assert place in lowered[1] and lowered[1].startswith("What lowered")


def test_places_are_those_of_the_photo_not_of_what_was_seen():
    left = spot(4, 0, box=(0.4, 0.0, 0.6, 1.0))
    assert "centre" in str(where_it_looked(left)[0])
    even = HeatMap("occlusion", tuple(tuple([1.0] * 9) for _ in range(9)))
    assert "spread over" in str(where_it_looked(even)[0])


def test_only_a_heat_map_is_replaced(tmp_path):
    photo = draw_photo(tmp_path / "photo.png", 1, 0.5)
    before = photo.read_bytes()
    out = tmp_path / "out.png"
    assert write_heat_picture(photo, spot(1, 1), out) == out
    first = out.read_bytes()
    write_heat_picture(photo, spot(8, 8), out)
    assert out.read_bytes() != first
    with Image.open(out) as picture:
        assert picture.format == "PNG"
    for force in (False, True):
        with pytest.raises(UsageError, match="no heat map"):
            write_heat_picture(photo, spot(1, 1), photo, force=force)
    (tmp_path / "link.png").symlink_to(photo)
    with pytest.raises(UsageError, match="no heat map"):
        write_heat_picture(photo, spot(1, 1), tmp_path / "link.png", force=True)
    mine = draw_photo(tmp_path / "mine.png", 2, 0.5)
    with pytest.raises(UsageError, match="no heat map"):
        write_heat_picture(photo, spot(1, 1), mine)
    write_heat_picture(photo, spot(1, 1), mine, force=True)
    assert photo.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.png", "mine.png", "out.png", "photo.png"]


def test_a_place_that_cannot_be_written_is_told_before_the_work(tmp_path):
    photo = draw_photo(tmp_path / "photo.png", 1, 0.5)
    with pytest.raises(UsageError, match=r"\.png"):
        check_place(photo, tmp_path / "out.jpg")
    with pytest.raises(UsageError, match="folder"):
        check_place(photo, tmp_path)
    with pytest.raises(NotFound, match="none"):
        check_place(photo, tmp_path / "none" / "out.png")
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    try:
        check_place(photo, locked / "out.png")
    except NeedMissing as error:
        assert "No permission" in str(error)
    else:
        assert (locked / "probe").write_text("") == 0  # root may write anywhere
