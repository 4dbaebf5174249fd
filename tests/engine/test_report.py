"""A report is one page that loads and runs nothing, tells the truth about the model, and is never longer than 2 MB."""

import base64
import dataclasses
import hashlib
import html.parser
import io
import os
import re

import numpy as np
import pytest
from PIL import Image

from engine.errors import DamagedFile, NotFound, UsageError
from engine.models.bundle import read_manifest
from engine.models.record import read_record
from engine.outputs.report import write_report
from engine.outputs.report_facts import pick_photos
from engine.outputs.report_page import MARK, Content, report_page
from engine.outputs.report_words import ENGLISH, Words
from engine.workspace import Scale, Workspace
from tests.conftest import draw_photo
from tests.engine.made_records import made_bundle, said

HOSTILE = "<img src=x onerror=alert(1)>&\"'\x1b[31m.jpg".replace("/", "")
_VOID = {"meta", "img"}


class Page(html.parser.HTMLParser):
    """Reads a page strictly: every element is closed, nothing runs, nothing is loaded."""

    def __init__(self, file):
        super().__init__(convert_charrefs=True)
        self.source = file.read_text("utf-8")
        self.open, self.images, self.anchors, self.ids, self.tables, self.seen = [], [], [], [], [], []
        self.feed(self.source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        assert tag not in {"script", "iframe", "object", "embed", "link", "base", "form", "audio", "video", "use"}
        assert not [name for name in found if name.startswith("on") or name in {"style", "srcset"}], attrs
        self.seen.append(tag)
        if tag == "img":
            assert found["src"].startswith("data:image/jpeg;base64,")
            assert found["alt"]
            self.images.append((found["alt"], base64.b64decode(found["src"].partition(",")[2], validate=True)))
        if tag == "a":
            assert found["href"].startswith("#")
            self.anchors.append(found["href"][1:])
        if "id" in found:
            self.ids.append(found["id"])
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        assert self.open.pop() == tag

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    @property
    def text(self):
        """What a reader sees, on one line."""
        body = self.source.partition("<body>")[2]
        return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", body)).split())


@pytest.fixture
def workspace(tmp_path):
    found = Workspace(tmp_path / "album")
    found.create()
    return found


def album(workspace, names):
    for number, name in enumerate(names):
        draw_photo(workspace.data / name, number, 0.2 + 0.6 * number / len(names))
    return names


def guesses(names, seed=0):
    given = np.linspace(5, 95, len(names))
    return said(names, given, np.clip(given + np.random.default_rng(seed).normal(scale=15, size=len(names)), 0, 100))


def figures(**values):
    return {"srcc": 0.6, "plcc": 0.6, "kendall": 0.4, "mae": 9.0, "rmse": 12.0, "r2": 0.4, "n": 30, **values}


FULL = {
    "name": "mine",
    "metrics": {"train": figures(srcc=0.9), "test": figures(), "cv": figures(srcc=0.55)},
    "intervals": {"test": {"srcc": [0.31, 0.82], "mae": [7.1, 11.4]}},
    "baseline": figures(srcc=None, mae=20.0),
    "baselines": {"mean": figures(srcc=None, mae=20.0), "nearest": figures(srcc=0.41, mae=15.5)},
    "leaked": {"test": figures(srcc=0.87)},
    "seconds": 12.34,
    "note": "the good one",
    "spec": {"model": "taste", "lr": 0.001, "params": {"hidden": 64}, "seed": 7},
    "split": {"kind": "parts", "groups": 17, "train": ["a"] * 40, "validation": ["b"] * 9, "test": ["c"] * 11},
}
CURVE = [
    *(
        {"type": "curve", "axis": "epochs", "x": x, "metric": "mae", "train": 9 / x, "validation": 10 / x}
        for x in (1, 2, 3)
    ),
    {"type": "epoch", "epoch": 3, "train_loss": 0.2, "validation_loss": 0.3, "best_epoch": 2},
    *(
        {"type": "curve", "axis": "labels", "x": x, "metric": "mae", "train": 1.0, "validation": 20 - x / 5}
        for x in (10, 20, 30, 40, 60)
    ),
]


def test_a_report_tells_what_was_trained_and_how_good_it_is(workspace, tmp_path):
    names = album(workspace, [f"{number}.jpg" for number in range(60)])
    info = made_bundle(workspace, guesses(names), CURVE, **FULL)
    out = write_report(workspace, info, tmp_path / "report.html")
    page = Page(out)
    for words in (
        "Report on mine",
        info.model_id,
        "the good one",
        "lr = 0.001 · hidden = 64",
        "40 to learn from, 9 to watch, 11 to test; 17 groups",
        "12.3 s",
        "2026-11-23 12:00 UTC",
        "95 % interval 0.310 … 0.820",
        "its mean error is 55% smaller than that of always saying the mean score",
        "would have claimed an SRCC of 0.870; the honest one is 0.600",
        "the score of the most similar photo 0.410",
        "± 12.0",
        "best epoch: 2",
        "The error still falls at the end",
    ):
        assert words in page.text, words
    assert page.source.count("<svg ") == 2 + 1 + 3  # MAE and loss, labels, agreement, two of the errors
    assert set(page.anchors) <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    assert [tag for tag in page.seen if tag in {"h1", "h2"}] == ["h1", *["h2"] * 8]
    assert len(page.images) == 24
    assert MARK in page.source[:1000]


def test_the_policy_allows_the_one_style_and_nothing_else(workspace, tmp_path):
    page = Page(write_report(workspace, made_bundle(workspace, **FULL), tmp_path / "report.html"))
    style = re.search(r"<style>(.*?)</style>", page.source, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page.source)[1]
    assert policy.split("; ") == [
        "default-src 'none'",
        "img-src data:",
        f"style-src 'sha256-{digest}'",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    assert "url(" not in style
    assert not re.search(r"https?:", page.source)


def test_the_best_the_worst_and_the_most_wrong_photos_are_shown_with_their_scores(workspace, tmp_path):
    names = album(workspace, [f"{number}.jpg" for number in range(30)])
    given = np.arange(30.0)
    predicted = given.copy()
    predicted[12] += 14.5  # now 26.5
    page = Page(write_report(workspace, made_bundle(workspace, said(names, given, predicted)), tmp_path / "r.html"))
    shown = [alt for alt, _ in page.images]
    assert shown[0] == "29.jpg: given 29.0, predicted 29.0"
    assert "12.jpg: given 12.0, predicted 26.5" in shown[:8]
    assert shown[8] == "0.jpg: given 0.0, predicted 0.0"
    assert shown[16] == "12.jpg: given 12.0, predicted 26.5"
    for _, content in page.images:
        with Image.open(io.BytesIO(content)) as image:
            assert image.format == "JPEG"
            assert max(image.size) <= 256


def test_only_held_out_predictions_are_drawn(workspace, tmp_path):
    seen = said(["seen.jpg"], [50], [50], held_out=False)
    page = Page(write_report(workspace, made_bundle(workspace, seen), tmp_path / "r.html"))
    assert page.source.count("<svg ") == 0
    assert page.text.count("keeps no predictions of photos that it had not seen") == 3
    assert "seen.jpg" not in page.text


def test_what_a_camera_wrote_does_not_leave_the_house(workspace, tmp_path):
    exif = Image.Exif()
    exif[0x010E] = "SECRET PLACE"
    names = [f"{number}.jpg" for number in range(3)]
    for name in names:
        Image.new("RGB", (300, 200), "red").save(workspace.data / name, exif=exif, comment=b"SECRET PLACE")
    page = Page(write_report(workspace, made_bundle(workspace, guesses(names)), tmp_path / "r.html"))
    assert len(page.images) == 6
    assert not [alt for alt, content in page.images if b"SECRET" in content]


def test_hostile_names_and_notes_stay_text(workspace, tmp_path):
    names = album(workspace, [HOSTILE, os.fsdecode(b"\xff.jpg"), "美.jpg", "plain.jpg"])
    info = made_bundle(
        workspace,
        guesses(names),
        [{"type": "curve", "axis": HOSTILE, "x": 1, "metric": HOSTILE, "train": 1, "validation": 1}],
        **{
            **FULL,
            "name": HOSTILE,
            "note": HOSTILE,
        },
    )
    page = Page(write_report(workspace, info, tmp_path / "r.html"))
    assert "<img src=x" not in page.source
    assert "\x1b" not in page.source
    assert r"\x1b[31m" in page.text
    assert r"\udcff.jpg" in page.text
    assert "美.jpg" in page.text


def test_a_record_from_elsewhere_leads_nowhere(workspace, tmp_path):
    secret = draw_photo(tmp_path / "secret.jpg", 1, 0.5)
    names = ["../../secret.jpg", str(secret), "..", "", "a\0b.jpg", "gone.jpg", "x" * 5000, "gone-too.jpg"]
    page = Page(write_report(workspace, made_bundle(workspace, guesses(names)), tmp_path / "r.html"))
    assert page.images == []
    # each is among the best or the worst, and among the most wrong
    assert page.text.count(ENGLISH["photo_gone"]) == 14
    assert page.text.count(ENGLISH["photo_unreadable"]) == 2
    assert "x" * 256 not in page.source


def test_a_photo_that_cannot_be_read_is_named(workspace, tmp_path):
    album(workspace, ["good.jpg"])
    (workspace.data / "bad.jpg").write_bytes(b"no picture")
    page = Page(write_report(workspace, made_bundle(workspace, guesses(["bad.jpg", "good.jpg"])), tmp_path / "r.html"))
    assert ENGLISH["photo_unreadable"] in page.text
    assert {alt.partition(":")[0] for alt, _ in page.images} == {"good.jpg"}


def test_an_older_model_says_what_is_missing(workspace, tmp_path):
    page = Page(write_report(workspace, made_bundle(workspace, record=False), tmp_path / "r.html"))
    for key in ("record_none", "curves_none", "labels_none", "held_out_none"):
        assert ENGLISH[key] in page.text, key
    assert "<svg" not in page.source


@pytest.mark.parametrize(
    "odd",
    [
        {"spec": [], "details": "x", "versions": 7, "split": None, "interval": 3, "leaked": [], "baselines": "no"},
        {"intervals": {"test": {"srcc": ["a", None], "mae": 3}}, "seconds": "long", "prior": 5, "note": 3.5},
        {"leaked": {"test": {"srcc": "0.9"}}, "baselines": {"mean": {"mae": True}}, "created": "yesterday"},
        {"split": {"kind": "parts", "train": 3}, "versions": {"a": {"b": ["<b>"]}}, "tuned": "yes"},
        {"spec": {HOSTILE: HOSTILE}, "details": {HOSTILE: HOSTILE}, "versions": {HOSTILE: HOSTILE}, "weights": HOSTILE},
    ],
)
def test_a_manifest_with_anything_in_it_still_makes_a_sound_page(workspace, tmp_path, odd):
    events = [
        {"type": "curve", "axis": None, "x": "1", "metric": 3, "train": [], "validation": {}},
        {"type": "epoch", "epoch": None, "best_epoch": "x"},
        {},
    ]
    info = made_bundle(workspace, guesses(["a.jpg", "b.jpg"]), events, **FULL)
    manifest = {**read_manifest(info), **odd}
    info = dataclasses.replace(info, backbone=HOSTILE, created=str(manifest["created"]))
    (tmp_path / "r.html").write_text(
        report_page(Content(info, manifest, read_record(info.path), {}), Words({})), "utf-8"
    )
    Page(tmp_path / "r.html")


def test_a_model_no_better_than_the_mean_is_told_so(workspace, tmp_path):
    worse = {**FULL, "metrics": {"test": figures(mae=21.0)}}
    unsure = {**FULL, "intervals": {"test": {"mae": [5.0, 25.0]}}}
    equal = {**FULL, "leaked": {"test": figures(srcc=0.61)}}
    said = [
        Page(write_report(workspace, made_bundle(workspace, **each), tmp_path / "r.html")).text
        for each in (worse, unsure, equal)
    ]
    assert "it does no better than always saying the mean score" in said[0]
    assert "this may be chance" in said[1]
    assert "look-alikes hardly flatter" in said[2]


def test_ten_thousand_photos_stay_below_two_megabytes(workspace, tmp_path):
    names = [f"{number}-{'&' * 200}.jpg" for number in range(10_000)]
    told = guesses(names)
    random = np.random.default_rng(0)
    for name in pick_photos(told).names():
        # noise is the hardest picture to make small
        pixels = random.integers(0, 256, size=(300, 300, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(workspace.data / name)
    events = [
        {"type": "curve", "axis": "epochs", "x": x, "metric": metric, "train": 1 / (x + 1), "validation": 2 / (x + 1)}
        for x in range(5000)
        for metric in ("loss", "mae", "srcc")
    ]
    out = write_report(workspace, made_bundle(workspace, told, events), tmp_path / "r.html")
    page = Page(out)
    assert out.stat().st_size < 2_000_000
    assert len(page.images) == 24
    assert "1000 of 10000 photos are drawn" in page.text


def test_a_scale_of_few_points_shows_more_decimals(tmp_path):
    workspace = Workspace(tmp_path / "seven")
    workspace.create(Scale(1, 7))
    names = ["a.jpg", "b.jpg", "c.jpg"]
    info = made_bundle(workspace, said(names, [1, 4, 7], [1.25, 4.5, 6.75]), scale=[1, 7])
    assert "given 7.00, predicted 6.75" in Page(write_report(workspace, info, tmp_path / "r.html")).text


def test_the_words_may_be_of_another_language(workspace, tmp_path):
    words = {key: f"«{text}»" for key, text in ENGLISH.items()} | {"language": "zh"}
    page = Page(write_report(workspace, made_bundle(workspace, **FULL), tmp_path / "r.html", words))
    assert '<html lang="zh">' in page.source
    assert "«In short»" in page.text
    assert "«Report on mine»" in page.text


def test_only_a_report_is_written_over(workspace, tmp_path):
    info = made_bundle(workspace, **FULL)
    out = tmp_path / "page.html"
    out.write_text("my own page")
    with pytest.raises(UsageError, match="is not a report"):
        write_report(workspace, info, out)
    assert out.read_text() == "my own page"
    write_report(workspace, info, out, force=True)
    first = out.read_text("utf-8")
    write_report(workspace, info, out)
    assert out.read_text("utf-8") == first
    with pytest.raises(UsageError, match="is a folder"):
        write_report(workspace, info, tmp_path, force=True)
    with pytest.raises(NotFound):
        write_report(workspace, info, tmp_path / "none" / "page.html")
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []


def test_a_link_is_followed_and_an_empty_file_is_filled(workspace, tmp_path):
    info = made_bundle(workspace, **FULL)
    (tmp_path / "real.html").touch()
    (tmp_path / "link.html").symlink_to(tmp_path / "real.html")
    assert write_report(workspace, info, tmp_path / "link.html") == tmp_path / "real.html"
    assert (tmp_path / "link.html").is_symlink()
    Page(tmp_path / "real.html")


def test_a_damaged_record_is_an_error_and_no_page(workspace, tmp_path):
    info = made_bundle(workspace, guesses(["a.jpg"]))
    (info.path / "record.json").write_text('{"events": []}')
    with pytest.raises(DamagedFile, match=r"record\.json"):
        write_report(workspace, info, tmp_path / "r.html")
    assert not (tmp_path / "r.html").exists()
