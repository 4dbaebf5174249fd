"""The gallery in a real browser: keys, order, filter, large view, colours, phone and paper, and no word to anybody."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from engine.outputs.gallery import write_gallery
from engine.workspace import Scale
from tests.conftest import draw_photo
from tests.e2e.browser import Browser, missing, started_browser
from tests.waiting import wait_until

pytestmark = pytest.mark.skipif(missing() != "", reason=missing())

# name → score, half width: no two orders are the same
PHOTOS = {
    "a10.jpg": (90.0, 9.0),
    "a2.jpg": (80.0, 1.0),
    "中文 海.jpg": (70.0, 8.0),
    'quote"><b>.jpg': (60.0, 2.0),
    "Forest.jpg": (50.0, 7.0),
    "lake.jpg": (40.0, 3.0),
    "forest 2.jpg": (30.0, 6.0),
    "z.jpg": (20.0, 4.0),
}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gallery")
    rows: list[dict[str, Any]] = []
    for number, (name, (score, half)) in enumerate(PHOTOS.items()):
        path = draw_photo(folder / name, number, score / 100, (800, 600) if number % 2 else (450, 600))
        rows.append(
            {"path": str(path), "score": score, "low": score - half, "high": score + half, "model_id": "taste-1"}
        )
    rows.append(
        {"path": str(folder / "bad.jpg"), "score": None, "low": None, "high": None, "error": "bad.jpg is empty."}
    )
    out = folder / "gallery.html"
    for _ in write_gallery(rows, out, words={}, title="Pictures <1>", scale=Scale()):
        pass
    return out


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with started_browser(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def browser(started: Browser, page: Path) -> Iterator[Browser]:
    """The page, freshly opened at a desktop's size; nothing may have been asked for and no error noted at the end."""
    started.prefer("light")
    started.resize(1280, 900)
    started.open(page)
    started.run("localStorage.clear()")
    started.open(page)
    started.log("browser")
    started.requests()
    yield started
    assert [entry["message"] for entry in started.log("browser")] == []
    assert [address for address in started.requests() if not address.startswith("file:")] == []


def names(browser: Browser) -> list[str]:
    """Return the photos that are shown, in order."""
    found: list[str] = browser.run(
        "return [...document.querySelectorAll('#photos > li:not([hidden]) > button')].map(b => b.dataset.text)"
    )
    return found


def focused(browser: Browser) -> str:
    """Return the photo, or the id of what else has the focus."""
    found: str = browser.run("const e = document.activeElement; return e.dataset.text || e.id || e.tagName")
    return found


def large(browser: Browser) -> str | None:
    """Return which photo is shown large; None where none is."""
    found: str | None = browser.run(
        "return document.getElementById('large').open ? document.getElementById('large-name').textContent : null"
    )
    return found


def test_keys_put_the_photos_in_order(browser: Browser) -> None:
    best = list(PHOTOS)
    assert names(browser) == best
    browser.press("s")
    by_name = ["a2.jpg", "a10.jpg", "forest 2.jpg", "Forest.jpg", "lake.jpg", 'quote"><b>.jpg', "z.jpg", "中文 海.jpg"]
    assert names(browser) == by_name
    browser.press("s")
    assert names(browser) == sorted(best, key=lambda name: PHOTOS[name][1])
    browser.press("s", "r")
    assert names(browser) == best[::-1]
    assert browser.run("return document.getElementById('sort').value") == "score"


def test_arrows_home_and_end_go_through_the_photos(browser: Browser) -> None:
    best = list(PHOTOS)
    columns = browser.run(
        "return getComputedStyle(document.getElementById('photos')).gridTemplateColumns.split(' ').length"
    )
    assert 2 < columns < 8
    browser.press("ArrowRight")
    assert focused(browser) == best[0]
    browser.press("ArrowRight", "ArrowRight", "ArrowLeft")
    assert focused(browser) == best[1]
    browser.press("ArrowDown")
    assert focused(browser) == best[1 + columns]
    browser.press("ArrowUp", "ArrowUp")
    assert focused(browser) == best[1]
    browser.press("End")
    assert focused(browser) == best[-1]
    browser.press("ArrowRight", "Home")
    assert focused(browser) == best[0]
    # all photos together are one stop of the Tab key
    assert browser.run("return document.querySelectorAll('#photos button[tabindex=\"0\"]').length") == 1


def test_enter_shows_a_photo_large_and_escape_goes_back_to_it(browser: Browser) -> None:
    best = list(PHOTOS)
    browser.press("Home", "Enter")
    assert large(browser) == best[0]
    facts = browser.run("return document.getElementById('large-facts').textContent")
    assert facts == "score 90.0 · 90 % interval 81.0 – 99.0 · 5 of 5 stars · No. 1 by score"
    assert browser.run("return document.getElementById('picture').decode().then(() => picture.naturalHeight)") == 600
    assert browser.run("return document.getElementById('picture').alt") == best[0]
    browser.press("ArrowRight", "ArrowDown")
    assert large(browser) == best[2]
    browser.press("End", "ArrowRight")
    assert large(browser) == best[-1]
    assert browser.run("return document.getElementById('next').disabled")
    browser.press("Escape")
    wait_until(lambda: (large(browser), focused(browser)) == (None, best[-1]), "the focus on the last photo")
    browser.click("#photos button")
    assert large(browser) == best[0]
    browser.click("#next")
    browser.click("#close")
    wait_until(lambda: (large(browser), focused(browser)) == (None, best[1]), "the focus on the second photo")


def test_the_original_is_where_its_link_leads(browser: Browser, page: Path) -> None:
    browser.press("Home", "ArrowRight", "ArrowRight", "Enter")
    address = browser.run("return document.getElementById('original').href")
    assert address == (page.parent / "中文 海.jpg").as_uri()
    browser.click("#original")
    assert browser.run("return document.contentType") == "image/jpeg"


def test_the_filter_takes_names_and_a_least_score(browser: Browser) -> None:
    browser.press("/", *"FOREST")
    assert names(browser) == ["Forest.jpg", "forest 2.jpg"]
    assert browser.run("return document.getElementById('count').textContent") == "Shown: 2 of 8"
    browser.press("Enter")
    assert focused(browser) == "Forest.jpg"
    browser.press("/", "Escape")
    assert len(names(browser)) == 8
    browser.run("document.getElementById('minimum').focus()")
    browser.press(*"60.5")
    assert names(browser) == list(PHOTOS)[:3]
    browser.press("Escape", "/", *"nothing")
    assert names(browser) == []
    assert browser.run("return document.getElementById('nothing').checkVisibility()")
    browser.press("Escape")
    # letters in a field are letters
    browser.press("/", *"sr?t")
    assert browser.run("return document.getElementById('search').value") == "sr?t"
    assert browser.run("return document.getElementById('sort').value") == "score"
    browser.press("Escape")


def test_the_colours_follow_the_system_until_they_are_chosen_and_are_remembered(browser: Browser, page: Path) -> None:
    def brightness() -> float:
        return sum(Image.open(io.BytesIO(browser.screenshot())).convert("L").resize((1, 1)).get_flattened_data())

    assert brightness() > 150
    browser.prefer("dark")
    assert brightness() < 110
    browser.press("t")
    assert brightness() > 150
    browser.open(page)
    assert brightness() > 150
    browser.press("t")
    browser.prefer("light")
    assert brightness() < 110
    browser.click("#theme")
    assert brightness() > 150


def test_help_names_the_keys(browser: Browser) -> None:
    browser.press("ArrowRight", "?")
    assert browser.run("return document.getElementById('help').open")
    keys = browser.run("return [...document.querySelectorAll('#help kbd')].map(k => k.textContent)")
    assert {"Home", "End", "Enter", "Esc", "s", "/", "?"} <= set(keys)
    browser.press("s", "Escape")
    assert not browser.run("return document.getElementById('help').open")
    assert (names(browser), focused(browser)) == (list(PHOTOS), "a10.jpg")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_stands_out_enough(browser: Browser, scheme: str) -> None:
    browser.prefer(scheme)
    browser.press("Home", "Enter")
    poor = browser.run(
        """
        const light = (rgb) => rgb.map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
          .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
        const parts = (text) => text.match(/[\\d.]+/g).map(Number);
        const ground = (e) => {
          for (; e; e = e.parentElement) {
            const [r, g, b, a = 1] = parts(getComputedStyle(e).backgroundColor);
            if (a === 1) return [r, g, b];
          }
          return null;
        };
        const poor = [];
        for (const e of document.querySelectorAll('body *')) {
          const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
          if (!own || !e.checkVisibility() || e.tagName === 'SCRIPT' || e.disabled || !ground(e)) continue;
          const [a, b] = [light(parts(getComputedStyle(e).color).slice(0, 3)), light(ground(e))];
          const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
          if (contrast < 4.5) poor.push([e.tagName, e.className, contrast]);
        }
        return poor;
        """
    )
    assert poor == []


def test_it_fits_on_a_phone(browser: Browser) -> None:
    browser.resize(360, 740)
    assert browser.run("return document.documentElement.scrollWidth") <= 360
    assert (
        browser.run("return getComputedStyle(document.getElementById('photos')).gridTemplateColumns.split(' ').length")
        == 2
    )
    browser.press("Home", "Enter")
    box = browser.run("const b = document.getElementById('large').getBoundingClientRect(); return [b.left, b.right]")
    assert 0 <= box[0] < box[1] <= 360


def test_on_paper_there_are_photos_and_no_buttons(browser: Browser) -> None:
    browser.devtools("Emulation.setEmulatedMedia", media="print")
    try:
        assert not browser.run("return document.getElementById('bar').checkVisibility()")
        assert browser.run("return document.querySelector('#photos img').checkVisibility()")
        assert browser.run("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    finally:
        browser.devtools("Emulation.setEmulatedMedia", media="")


def test_without_scripts_the_photos_are_there_and_what_failed_too(browser: Browser, page: Path) -> None:
    browser.devtools("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(page)
        source = browser.devtools("DOM.getDocument", depth=-1)
        assert str(source).count("'IMG'") == len(PHOTOS) + 1  # and the large view's own
        assert "bad.jpg is empty." in str(source)
    finally:
        browser.devtools("Emulation.setScriptExecutionDisabled", value=False)


def test_nothing_leaves_the_page_even_if_it_is_asked_to(started: Browser, page: Path) -> None:
    asked: list[str] = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        started.open(page)
        blocked = started.run(
            """
            const to = `http://127.0.0.1:${arguments[0]}/`, blocked = [];
            document.addEventListener('securitypolicyviolation', (e) => blocked.push(e.effectiveDirective));
            const add = (tag, values) => document.body.append(Object.assign(document.createElement(tag), values));
            add('img', {src: to + 'picture'});
            add('script', {src: to + 'script'});
            add('script', {textContent: 'window.broken = 1'});
            add('iframe', {src: to + 'frame'});
            add('link', {rel: 'stylesheet', href: to + 'style'});
            fetch(to + 'fetch').catch(() => null);
            return new Promise((done) => {
              const look = () => new Set(blocked).size < 5 ? setTimeout(look, 20) : done([blocked, window.broken]);
              look();
            });
            """,
            server.server_port,
        )
    finally:
        server.shutdown()
        server.server_close()
        started.log("browser")
    kinds, broken = blocked
    assert set(kinds) == {"img-src", "script-src-elem", "frame-src", "style-src-elem", "connect-src"}
    assert broken is None
    assert asked == []
