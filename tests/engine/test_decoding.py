"""A photo that can't be decoded, or not in time, costs the others nothing; none is decoded larger than needed."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

from engine.errors import ImageError, UsageError
from engine.features import extract
from engine.features.backbones import Preprocess, get_backbone
from engine.features.cache import FeatureCache
from engine.features.decoding import MOST_STUCK, DecodePool, seconds_to_decode
from engine.features.extract import Embedded, Embedder
from engine.features.preprocess import FloatArray, Pixels, input_shapes, load_pixels, needed_size
from engine.images import find_images, open_image
from tests.conftest import draw_photo

ASPECT = get_backbone("efficientnet_lite0").preprocess


class CountingRuntime:
    """A runtime whose vectors are the pictures' mean colours, and that notes what it was asked for."""

    name = "counting"

    def __init__(self, width: int) -> None:
        self.width = width
        self.runs = 0
        self.pictures = 0

    def run(self, pictures: Iterable[tuple[str, Pixels]]) -> dict[str, FloatArray]:
        self.runs += 1
        found = {}
        for key, picture in pictures:
            self.pictures += 1
            found[key] = np.resize(picture.mean(axis=(0, 1)).astype(np.float32), self.width)
        return found

    def prepare(self, shape: tuple[int, ...]) -> None:
        """Do nothing."""


def counting(embedder: Embedder) -> CountingRuntime:
    runtime = CountingRuntime(embedder.backbone.width)
    embedder._runtime = runtime
    return runtime


def computed(embedder: Embedder, paths: list[Path]) -> list[Embedded]:
    return [event for event in embedder.batch(paths) if isinstance(event, Embedded)]


def vector_of(item: Embedded) -> bytes:
    assert item.vector is not None
    return item.vector.tobytes()


@pytest.fixture
def pool() -> Iterator[DecodePool]:
    held = DecodePool(2, 0.05)
    yield held
    held.close()


def test_a_corrupt_photo_is_skipped_without_a_second_run_of_the_network(tmp_path: Path) -> None:
    paths = [draw_photo(tmp_path / f"{number}.jpg", number, 0.5) for number in range(40)]
    paths[7].write_bytes(paths[7].read_bytes()[:700])
    paths[33].write_text("no picture")
    with Embedder("efficientnet_lite0", cache=None) as embedder:
        runtime = counting(embedder)
        found = computed(embedder, paths)
    assert [item.path for item in found if item.error] == [paths[7], paths[33]]
    assert (runtime.runs, runtime.pictures) == (2, 38)  # a run a batch, a picture a sound photo


def test_a_cached_photo_is_neither_read_nor_decoded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [draw_photo(tmp_path / f"{number}.jpg", number, 0.5) for number in range(5)]
    with FeatureCache(tmp_path / "features.sqlite") as cache, Embedder("efficientnet_lite0", cache=cache) as embedder:
        runtime = counting(embedder)
        first = computed(embedder, paths)
        os.utime(paths[0])  # touched, not changed: read, and known again by its content
        decoded: list[Path] = []

        def load(path: Path, how: Preprocess, *, until: float) -> Pixels:
            decoded.append(path)
            return load_pixels(path, how, until=until)

        monkeypatch.setattr(extract, "load_pixels", load)
        again = computed(embedder, [*paths, draw_photo(tmp_path / "new.jpg", 9, 0.5)])
    assert decoded == [tmp_path / "new.jpg"]
    assert runtime.pictures == 6
    assert [vector_of(item) for item in again[:5]] == [vector_of(item) for item in first]


def test_a_photo_that_comes_again_while_the_network_has_it_is_computed_once(tmp_path: Path) -> None:
    photo = draw_photo(tmp_path / "a.png", 1, 0.5)
    others = [draw_photo(tmp_path / f"{number}.png", number, 0.5) for number in range(2, 66)]
    with Embedder("efficientnet_lite0", cache=None) as embedder:
        runtime = counting(embedder)
        found = computed(embedder, [photo, *others[:32], photo, *others[32:]])
    assert runtime.pictures == 65
    assert vector_of(found[0]) == vector_of(found[33])


@pytest.mark.parametrize(
    ("size", "drafted"),
    [((512, 512), (256, 256)), ((512, 384), (512, 384)), ((2400, 1800), (300, 225)), ((4000, 3000), (500, 375))],
)
def test_a_jpeg_is_decoded_as_small_as_its_own_input_allows_and_resized_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], drafted: tuple[int, int]
) -> None:
    path = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    Image.new("RGB", size, "teal").save(path, exif=exif)
    seen: list[tuple[int, int]] = []
    real = Image.Image.resize

    def resize(image: Image.Image, *how: Any, **more: Any) -> Image.Image:
        seen.append(image.size)
        return real(image, *how, **more)

    monkeypatch.setattr(Image.Image, "resize", resize)
    pixels = load_pixels(path, ASPECT)
    assert seen == [drafted[::-1]]
    assert pixels.shape[:2] in {(height, width) for width, height in input_shapes(ASPECT)}
    assert pixels.shape[0] >= pixels.shape[1]


@pytest.mark.parametrize("kind", ["crop", "squash", "border"])
def test_no_way_into_a_network_enlarges_what_it_decodes_small(tmp_path: Path, kind: str) -> None:
    how = Preprocess(kind, 224, 256, "bilinear")  # type: ignore[arg-type]
    path = tmp_path / "long.jpg"
    Image.new("RGB", (3000, 1000)).save(path)
    wanted = needed_size(3000, 1000, how)
    small = open_image(path, target=lambda width, height: needed_size(width, height, how)).size
    assert small[0] >= wanted[0] >= 224
    assert small[1] >= wanted[1]
    assert small != (3000, 1000)
    assert load_pixels(path, how).shape == (224, 224, 3)


@pytest.mark.slow
def test_features_of_a_small_decode_are_those_of_a_full_one_within_the_gate() -> None:
    base = Path(os.environ.get("BEHOLDER_EVAL_DATA", "../shared/data")) / "photos"
    if not base.is_dir():
        pytest.skip(f"there is no {base}; set BEHOLDER_EVAL_DATA")
    from engine.features.preprocess import resized

    with Embedder("efficientnet_lite0", cache=None) as embedder:
        for runtime in embedder.runtime():
            assert runtime
        away = []
        network = embedder._runtime
        assert network is not None
        for path in list(find_images(base))[::12]:
            small, full = load_pixels(path, ASPECT), np.asarray(resized(open_image(path), ASPECT))
            vectors = network.run([("small", small), ("full", full)])
            one, other = vectors["small"].astype(float), vectors["full"].astype(float)
            away.append(1 - one @ other / np.linalg.norm(one) / np.linalg.norm(other))
    assert np.mean(away) <= 0.002
    assert np.mean(np.asarray(away) <= 0.002) >= 0.8


def test_between_two_chunks_a_decoder_gives_up(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.png"):
        path = draw_photo(tmp_path / name, 1, 0.5)
        with pytest.raises(ImageError, match="too long"):
            open_image(path, until=time.monotonic())
        assert open_image(path, until=time.monotonic() + 600).size == (96, 72)


def test_a_decoder_that_hangs_loses_its_photo_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = [(80, 70) if number in {0, 3} else (96, 72) for number in range(6)]
    paths = [draw_photo(tmp_path / f"{number}.jpg", number, 0.5, size) for number, size in enumerate(sizes)]
    release = threading.Event()
    real = JpegImagePlugin.JpegImageFile.load

    def load(image: JpegImagePlugin.JpegImageFile) -> object:
        if image.size == (80, 70):
            release.wait(60)
        return real(image)

    monkeypatch.setenv("BEHOLDER_DECODE_SECONDS", "1")
    monkeypatch.setattr(JpegImagePlugin.JpegImageFile, "load", load)
    try:
        with Embedder("efficientnet_lite0", cache=None) as embedder:
            runtime = counting(embedder)
            found = computed(embedder, paths)
            assert runtime.runs == 1
    finally:
        release.set()
    assert [item.path for item in found] == paths
    assert [item.path for item in found if item.error] == [paths[0], paths[3]]
    assert all("too long" in str(item.error) for item in found if item.error)


def test_when_too_many_hang_the_rest_is_said_and_not_waited_for(pool: DecodePool, tmp_path: Path) -> None:
    release = threading.Event()
    hanging = [pool.decode(tmp_path / f"{number}.jpg", lambda _: release.wait(60)) for number in range(MOST_STUCK + 2)]
    try:
        for job in hanging:
            with pytest.raises(ImageError, match="too long"):
                job.result()
        with pytest.raises(ImageError, match="too many other photos"):
            pool.decode(tmp_path / "last.jpg", lambda _: 1).result()
    finally:
        release.set()
    threads = [thread for thread in threading.enumerate() if thread.name == "decode"]
    for thread in threads:
        thread.join(60)
    assert pool.stuck == 0
    assert pool.decode(tmp_path / "again.jpg", lambda _: 1).result() == 1  # they have let go: it works again


def test_hashing_goes_before_decoding_and_an_error_reaches_who_waits(tmp_path: Path) -> None:
    order: list[str] = []
    begun, go = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        go.wait(60)

    one = DecodePool(1, 60)
    first = one.hash(tmp_path, hold)
    assert begun.wait(60)
    late = one.decode(tmp_path, lambda _: order.append("decode"))
    early = one.hash(tmp_path, lambda: order.append("hash"))
    wrong = one.decode(tmp_path, lambda _: 1 // 0)
    go.set()
    for job in (first, late, early):
        job.result()
    with pytest.raises(ZeroDivisionError):
        wrong.result()
    one.close()
    assert order == ["hash", "decode"]


def test_a_process_ends_while_a_decoder_hangs() -> None:
    code = (
        "import threading; from pathlib import Path\n"
        "from engine.errors import ImageError\n"
        "from engine.features.decoding import DecodePool\n"
        "pool = DecodePool(1, 0.05)\n"
        "job = pool.decode(Path('a.jpg'), lambda _: threading.Event().wait())\n"
        "try: job.result()\n"
        "except ImageError as error: print(error.message)\n"
        "pool.close()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert "too long" in done.stdout


@pytest.mark.parametrize("text", ["0", "-3", "soon", "nan"])
def test_a_deadline_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="BEHOLDER_DECODE_SECONDS"):
        seconds_to_decode({"BEHOLDER_DECODE_SECONDS": text})
    assert seconds_to_decode({"BEHOLDER_DECODE_SECONDS": "2.5"}) == 2.5
