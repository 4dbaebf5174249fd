"""The gallery as a file: what is in it, in which order, escaped, and what happens where it can't be written."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import re
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from engine.errors import Interrupted, NeedMissing, NotFound, UsageError
from engine.events import Notice, Progress
from engine.outputs import gallery
from engine.outputs.gallery import check_place, write_gallery
from engine.outputs.gallery_words import ENGLISH
from engine.workspace import Scale
from tests.conftest import draw_photo
from tui.gallery_words import gallery_words
from tui.i18n import set_language, texts

Row = dict[str, Any]


class Page(HTMLParser):
    """What a browser would see: the photos' buttons with their attributes, all text, links and scripts."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.source = source
        self.photos: list[dict[str, str]] = []
        self.pictures: list[dict[str, str]] = []
        self.tags: list[str] = []
        self.failed: list[str] = []
        self._inside: list[str] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {key: value or "" for key, value in attrs}
        self.tags.append(tag)
        self._inside.append(tag)
        if tag == "button" and found.get("class") == "photo":
            self.photos.append(found)
        if tag == "img" and "src" in found:
            self.pictures.append(found)

    def handle_endtag(self, tag: str) -> None:
        while self._inside and self._inside.pop() != tag:
            continue

    def handle_data(self, data: str) -> None:
        if "section" in self._inside and "li" in self._inside:
            self.failed += [data] if self._inside[-1] == "bdi" else []
            if self._inside[-1] == "li" and data.strip():
                self.failed[-1] += data.rstrip()


def row(path: Path | str, score: float | None, half: float = 5.0, error: str | None = None) -> Row:
    ends = (None, None) if score is None else (score - half, score + half)
    return {
        "path": str(path),
        "score": score,
        "low": ends[0],
        "high": ends[1],
        "model_id": "taste-20261123-121530-a1b2",
        "error": error,
    }


def write(rows: list[Row], out: Path, **more: Any) -> tuple[Page, list[Progress | Notice]]:
    values: dict[str, Any] = {"words": ENGLISH, "title": "Best of all", "scale": Scale()}
    events = list(write_gallery(rows, out, **{**values, **more}))
    return Page(out.read_text("utf-8")), events


def test_the_best_stand_first_with_score_interval_stars_and_picture(tmp_path: Path) -> None:
    rows = [row(draw_photo(tmp_path / f"p{n}.jpg", n, 0.5), 10.0 + 20 * n, half=n + 1.0) for n in range(5)]
    page, events = write(rows, tmp_path / "gallery.html")
    assert [photo["data-text"] for photo in page.photos] == ["p4.jpg", "p3.jpg", "p2.jpg", "p1.jpg", "p0.jpg"]
    assert [photo["data-stars"][0] for photo in page.photos] == ["5", "4", "3", "2", "1"]
    assert page.photos[0]["data-interval"] == "90 % interval 85.0 – 95.0"
    assert [float(photo["data-width"]) for photo in page.photos] == [10.0, 8.0, 6.0, 4.0, 2.0]
    first = Image.open(io.BytesIO(base64.b64decode(page.pictures[0]["src"].partition("base64,")[2])))
    assert (first.format, first.size) == ("JPEG", (96, 72))
    assert page.pictures[0]["alt"] == "p4.jpg"
    assert [(event.phase, event.done, event.total) for event in events if isinstance(event, Progress)][-1] == (
        "gallery",
        5,
        5,
    )


def test_pictures_are_small_and_the_best_have_a_large_one_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.outputs.gallery_pictures.LARGE", 1)
    names = [tmp_path / "best.jpg", tmp_path / "other.jpg"]
    for path in names:
        draw_photo(path, 1, 0.5, (1600, 1200))
    page, _ = write([row(names[0], 90.0), row(names[1], 20.0)], tmp_path / "gallery.html")
    sizes = [(picture["width"], picture["height"]) for picture in page.pictures]
    assert sizes == [("240", "180"), ("240", "180")]
    large = base64.b64decode(page.photos[0]["data-large"].partition("base64,")[2])
    assert Image.open(io.BytesIO(large)).size == (1024, 768)
    assert "data-large" not in page.photos[1]


def test_a_picture_carries_nothing_that_the_camera_wrote(tmp_path: Path) -> None:
    photo = tmp_path / "a.jpg"
    exif = Image.Exif()
    exif[0x010F] = "SECRET CAMERA"
    Image.new("RGB", (400, 300), "red").save(photo, exif=exif, comment=b"SECRET COMMENT")
    page, _ = write([row(photo, 50.0)], tmp_path / "gallery.html")
    for data in (page.pictures[0]["src"], page.photos[0]["data-large"]):
        assert b"SECRET" not in base64.b64decode(data.partition("base64,")[2])


def test_only_the_most_are_shown_and_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery, "MOST", 3)
    photo = draw_photo(tmp_path / "a.jpg", 1, 0.5)
    rows = [row(photo, float(score)) for score in (10, 50, 30, 90, 70)]
    page, events = write(rows, tmp_path / "gallery.html")
    assert [float(photo["data-score"]) for photo in page.photos] == [90.0, 70.0, 50.0]
    assert "Photos scored: 5; these are the best 3 of them." in page.source
    assert [str(event.message) for event in events if isinstance(event, Notice)] == [
        "The gallery shows the best 3 of 5 photos."
    ]


def test_any_number_of_rows_streams_by(tmp_path: Path) -> None:
    asked = 0

    def rows() -> Iterator[Mapping[str, Any]]:
        nonlocal asked
        for number in range(20_000):
            asked += 1
            yield row(f"/nowhere/{number}.jpg", None, error="gone")

    for _ in write_gallery(rows(), tmp_path / "g.html", words={}, title="t", scale=Scale()):
        pass
    page = Page((tmp_path / "g.html").read_text("utf-8"))
    assert (asked, len(page.failed)) == (20_000, 500)
    assert (
        "And 19500 more." in page.source
        and "Not scored: 20000" in page.source
        and "No photo was scored." in page.source
    )


def test_what_failed_is_listed_with_its_reason(tmp_path: Path) -> None:
    good = draw_photo(tmp_path / "good.jpg", 1, 0.5)
    rows = [
        row(good, 50.0),
        row(tmp_path / "bad.jpg", None, error="bad.jpg is <damaged>."),
        row(tmp_path / "odd", None),
    ]
    page, _ = write(rows, tmp_path / "gallery.html")
    assert page.failed == ["bad.jpg: bad.jpg is <damaged>.", "odd: no reason is known"]


def test_a_photo_that_is_gone_by_now_keeps_its_score(tmp_path: Path) -> None:
    page, _ = write([row(tmp_path / "gone.jpg", 77.0)], tmp_path / "gallery.html")
    assert page.photos[0]["data-text"] == "gone.jpg" and page.pictures == []
    assert "The photo can&#x27;t be read any more." in page.source


HOSTILE = [
    '"><script>alert(1)<.jpg',
    "'onmouseover=alert(1) x='.jpg",
    "<!--.jpg",
    "javascript:alert(1).jpg",
    "a\u202egpj.exe.jpg",
    "line\nbreak\x1b[31m.jpg",
    "&lt;amp&.jpg",
    os.fsdecode(b"bad\xff.jpg"),
    "#frag?query%20.jpg",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stays_text(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "<"
    folder.mkdir()
    plain, _ = write([row(draw_photo(folder / "plain.jpg", 1, 0.5), 50.0, error=None)], tmp_path / "plain.html")
    photo = folder / name
    (folder / "plain.jpg").rename(photo)
    rows = [row(photo, 50.0), row(tmp_path / f"script>{name}", None, error=name)]
    page, _ = write(rows, tmp_path / "gallery.html", title=f"</title></script>{name}")
    assert page.tags.count("script") == plain.tags.count("script") == 1
    assert page.tags.count("button") == plain.tags.count("button")
    shown = page.photos[0]["data-text"]
    assert shown == name or "\\" in shown
    assert not re.search("[\u202e\x1b\n]", shown)
    link = page.photos[0]["data-link"]
    assert link.startswith("./%3C/") and re.fullmatch(r"[A-Za-z0-9./%_~-]+", link)


def test_originals_are_linked_where_they_lie_beside_the_page(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "page").mkdir()
    photos = [draw_photo(tmp_path / name, 1, 0.5) for name in ("sub/ä 1.jpg", "page/b.jpg")]
    rows = [row(photo, 50.0) for photo in photos]
    page, _ = write(rows, tmp_path / "gallery.html")
    assert [photo.get("data-link") for photo in page.photos] == ["./sub/%C3%A4%201.jpg", "./page/b.jpg"]
    assert [photo["data-text"] for photo in page.photos] == ["sub/ä 1.jpg", "page/b.jpg"]
    page, _ = write(rows, tmp_path / "page" / "gallery.html")
    assert [photo.get("data-link") for photo in page.photos] == [None, "./b.jpg"]
    assert str(tmp_path) not in page.source


def test_names_are_ordered_as_people_count(tmp_path: Path) -> None:
    photo = draw_photo(tmp_path / "a2.jpg", 1, 0.5)
    rows = [row(tmp_path / name, 50.0) for name in ("a10.jpg", "B1.jpg")] + [row(photo, 50.0)]
    page, _ = write(rows, tmp_path / "gallery.html")
    places = {photo["data-text"]: int(photo["data-name"]) for photo in page.photos}
    assert sorted(places, key=places.__getitem__) == ["a2.jpg", "a10.jpg", "B1.jpg"]


def test_the_policy_lets_the_page_run_its_own_script_alone(tmp_path: Path) -> None:
    page, _ = write([row(draw_photo(tmp_path / "a.jpg", 1, 0.5), 50.0)], tmp_path / "gallery.html")
    found = re.search('Content-Security-Policy" content="([^"]*)"', page.source)
    assert found
    policy = dict(part.strip().partition(" ")[::2] for part in found[1].split(";"))
    for kind in ("script", "style"):
        text = page.source.partition(f"<{kind}>")[2].partition(f"</{kind}>")[0]
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert policy.pop(f"{kind}-src") == f"'sha256-{digest}'"
    assert policy == {"default-src": "'none'", "img-src": "data:", "base-uri": "'none'", "form-action": "'none'"}
    assert not re.search(r'(?:src|href)="(?!data:)', page.source)
    assert re.search(r"https?:", page.source) is None


def test_thresholds_give_the_stars(tmp_path: Path) -> None:
    rows = [row(draw_photo(tmp_path / f"{n}.jpg", n, 0.5), score) for n, score in enumerate((1.0, 2.0, 4.5, 5.0))]
    page, _ = write(rows, tmp_path / "g.html", scale=Scale(1, 5), thresholds=(2.0, 3.0, 4.0, 5.0))
    assert [photo["data-stars"][0] for photo in page.photos] == ["5", "4", "2", "1"]
    assert ">4.50<" in page.source


def test_another_gallery_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    photo = draw_photo(tmp_path / "a.jpg", 1, 0.5)
    out = tmp_path / "gallery.html"
    write([row(photo, 10.0)], out)
    page, _ = write([row(photo, 20.0)], out)
    assert page.photos[0]["data-score"] == "20"
    before = photo.read_bytes()
    asked = iter(lambda: pytest.fail("a row was asked for"), None)
    for place, kind in ((photo, UsageError), (tmp_path, UsageError), (tmp_path / "no" / "g.html", NotFound)):
        with pytest.raises(kind):
            next(write_gallery(asked, place, words={}, title="t", scale=Scale()))
        with pytest.raises(kind):
            check_place(place)
    assert photo.read_bytes() == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_an_error_before_the_work(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(NeedMissing):
        check_place(tmp_path / "g.html")


def test_a_place_that_takes_nothing_is_an_error_of_ours() -> None:
    with pytest.raises(NeedMissing, match="disk is full"):
        list(write_gallery([row("/nowhere/a.jpg", 1.0)], Path("/dev/full"), words={}, title="t", scale=Scale()))


def test_when_it_is_stopped_the_old_page_stays(tmp_path: Path) -> None:
    photo = draw_photo(tmp_path / "a.jpg", 1, 0.5)
    out = tmp_path / "gallery.html"
    write([row(photo, 10.0)], out)
    before = out.read_bytes()
    answers = iter([False] * 20)
    with pytest.raises(Interrupted):
        write([row(photo, 20.0)] * 50, out, should_stop=lambda: next(answers, True))
    assert out.read_bytes() == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.jpg", "gallery.html"]


def test_small_pictures_are_kept_where_the_workspace_keeps_them(tmp_path: Path) -> None:
    photo = draw_photo(tmp_path / "a.jpg", 1, 0.5, (600, 400))
    write([row(photo, 10.0)], tmp_path / "g.html", thumbnails=tmp_path / "kept")
    assert [file.suffix for file in (tmp_path / "kept").glob("??/*")] == [".jpg"]


def test_every_word_of_the_page_has_its_chinese(tmp_path: Path) -> None:
    chinese = texts("zh")
    assert [text for key, text in ENGLISH.items() if key != "language" and text not in chinese] == []
    set_language("zh")
    page, _ = write([row(draw_photo(tmp_path / "a.jpg", 1, 0.5), 50.0)], tmp_path / "g.html", words=gallery_words())
    assert '<html lang="zh">' in page.source and "90 % 区间 45.0 – 55.0" in page.source
    left = [text for key, text in ENGLISH.items() if len(text) > 12 and text in page.source]
    assert left == []
