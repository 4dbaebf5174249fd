"""The benchmark of growth: a bend is told, what was measured is kept, made albums are sound, every line is drawn."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageColor

from benchmarks.growth import SIZES, growth, plot, read_points, run
from benchmarks.growth_album import fill_cache, make_folder, scores
from benchmarks.growth_plot import LINE_COLOURS
from benchmarks.growth_points import ACTIVITIES, DATA, IMPORT, Point
from engine.features.backbones import DEFAULT, get_backbone
from engine.features.cache import FeatureCache
from engine.features.known import known_photos
from engine.storage import content_hash
from engine.workspace import Workspace


def points(name: str, power: float) -> list[Point]:
    return [Point(name, size, 0.001 * size**power, 40_000_000 + 2_000 * size) for size in SIZES]


def test_a_bend_does_not_hold_and_a_straight_line_does() -> None:
    lines = list(growth([*points(IMPORT, 1.0), *points(DATA, 1.5)]))
    times = [line for line in lines if line.holds is not None]
    assert [(round(line.ours, 2), line.holds) for line in times] == [(1.0, True), (1.5, False)]
    memory = [line.ours for line in lines if line.unit == "kB a photo"]
    assert np.allclose(memory, 2.0)
    assert list(growth(points(IMPORT, 1.0)[:1])) == []


def test_what_was_measured_is_not_measured_again(tmp_path: Path) -> None:
    kept = tmp_path / "growth.jsonl"
    kept.write_text("".join(json.dumps(point._asdict()) + "\n" for point in points(IMPORT, 1.0)))
    assert run(kept, SIZES, [IMPORT], {}) == read_points(kept) == points(IMPORT, 1.0)


def test_every_photo_of_a_made_album_is_another_and_known_to_the_cache(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "album")
    table = make_folder(workspace.data, 600)
    workspace.create()
    photos = sorted(workspace.data.glob("*.jpg"))
    assert len({content_hash(photo) for photo in photos}) == 600
    assert len(table.read_text().splitlines()) == 601
    with Image.open(photos[599]) as picture:
        picture.load()
    assert 10 < float(np.std(scores(600))) < 30
    fill_cache(workspace, 600)
    with FeatureCache(workspace.features_file) as cache:
        known = known_photos(cache, get_backbone(DEFAULT).fingerprint(), photos)
    assert known == {photo: content_hash(photo) for photo in photos}


def test_every_activity_has_a_line_in_both_panels(tmp_path: Path) -> None:
    made = [
        point._replace(seconds=point.seconds * 2**place, peak=point.peak * 2**place)
        for place, name in enumerate(ACTIVITIES)
        for point in points(name, 0.9)
    ]
    plot(tmp_path / "growth.png", made)
    with Image.open(tmp_path / "growth.png") as picture:
        halves = np.split(np.asarray(picture.convert("RGB"), np.int16), [picture.width // 2], axis=1)
    for half in halves:
        for colour in LINE_COLOURS[: len(ACTIVITIES)]:
            far = np.abs(half - ImageColor.getrgb(colour)).max(axis=2)
            assert (far < 16).sum() > 200, colour
