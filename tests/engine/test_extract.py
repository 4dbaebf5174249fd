"""Photos become vectors in the order asked, each failure its own, nothing computed twice, stops keep what is done."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.errors import Interrupted, Message, NeedMissing, UsageError
from engine.events import Notice, Progress
from engine.features import batches
from engine.features.cache import FeatureCache
from engine.features.extract import BATCH, Embedded, Embedder, embed

WIDTH = 3584


def photo(path: Path, seed: int, size: tuple[int, int] = (64, 48)) -> Path:
    random = np.random.default_rng(seed)
    small = Image.fromarray(random.integers(0, 255, (6, 8, 3), dtype=np.uint8))
    small.resize(size, Image.Resampling.BICUBIC).save(path)
    return path


def embedded(paths: list[Path], cache: FeatureCache | None) -> list[Embedded]:
    return [event for event in embed(paths, "efficientnet_lite0", cache=cache) if isinstance(event, Embedded)]


def test_vectors_come_in_order_and_a_bad_photo_is_its_own_affair(tmp_path: Path) -> None:
    good = [photo(tmp_path / f"{number}.png", number, (40 + 9 * number, 48)) for number in range(4)]
    text, cut, empty = (tmp_path / name for name in ("text.jpg", "cut.jpg", "empty.png"))
    text.write_text("I am no picture")
    photo(tmp_path / "whole.jpg", 9, (400, 300))
    cut.write_bytes((tmp_path / "whole.jpg").read_bytes()[:2000])
    empty.touch()
    asked = [good[0], text, good[1], tmp_path / "missing.jpg", cut, good[2], empty, good[3]]
    found = embedded(asked, None)
    assert [item.path for item in found] == asked
    for item in found:
        if item.path in good:
            assert item.error is None
            assert item.vector is not None
            assert (item.vector.shape, item.vector.dtype) == ((WIDTH,), np.float32)
            assert np.isfinite(item.vector).all()
            assert len(item.content_hash) == 64
        else:
            assert item.vector is None
            assert str(item.error)
    assert not np.allclose(found[0].vector, found[2].vector)


def test_progress_ends_at_all_of_them(tmp_path: Path) -> None:
    paths = [photo(tmp_path / f"{number}.png", number) for number in range(3)]
    events = list(embed(paths, "efficientnet_lite0", cache=None))
    last = events[-1]
    assert isinstance(last, Progress)
    assert (last.phase, last.done, last.total, last.eta) == ("features", 3, 3, 0)


def test_progress_is_said_at_most_five_times_a_second(tmp_path: Path) -> None:
    paths = [photo(tmp_path / "a.png", 1)] * 3200
    ticks = [0.0]

    def clock() -> float:
        ticks.append(ticks[-1] + 0.05)
        return ticks[-1]

    with FeatureCache(tmp_path / "features.sqlite") as cache:
        events = list(embed(paths, "efficientnet_lite0", cache=cache, clock=clock))
    done = [event.done for event in events if isinstance(event, Progress)]
    assert (done[0], done[-1]) == (0, 3200)
    assert done == sorted(set(done))
    assert 2 < len(done) <= 3 + ticks[-1] / 0.2


def test_what_is_cached_needs_no_network_and_no_decoding(tmp_path: Path) -> None:
    first = photo(tmp_path / "a.png", 1)
    with FeatureCache(tmp_path / "features.sqlite") as cache:
        (one,) = embedded([first], cache)
    first.rename(tmp_path / "renamed.png")
    code = (
        "import sys; from pathlib import Path; from engine.features.cache import FeatureCache\n"
        "from engine.features.extract import Embedded, embed\n"
        "with FeatureCache(Path(sys.argv[1])) as cache:\n"
        "    found = [e for e in embed([Path(sys.argv[2])], 'efficientnet_lite0', cache=cache)]\n"
        "print([float(e.vector.sum()) for e in found if isinstance(e, Embedded)][0])\n"
        "print([m for m in ('torch', 'timm', 'torchvision', 'openvino') if m in sys.modules])"
    )
    asked = [sys.executable, "-c", code, str(tmp_path / "features.sqlite"), str(tmp_path / "renamed.png")]
    done = subprocess.run(asked, capture_output=True, text=True, check=True)
    total, loaded = done.stdout.strip().splitlines()
    assert one.vector is not None
    assert float(total) == float(one.vector.sum())
    assert loaded == "[]"


def test_once_converted_the_network_needs_no_torch(tmp_path: Path) -> None:
    embedded([photo(tmp_path / "a.png", 1)], None)
    code = (
        "import sys; from pathlib import Path; from engine.features.extract import Embedded, embed\n"
        "found = [e for e in embed([Path(sys.argv[1])], 'efficientnet_lite0', cache=None)]\n"
        "print([len(e.vector) for e in found if isinstance(e, Embedded)])\n"
        "print([m for m in ('torch', 'timm', 'torchvision') if m in sys.modules])"
    )
    environ = {**os.environ, "BEHOLDER_RUNTIME": "openvino"}
    asked = [sys.executable, "-c", code, str(tmp_path / "a.png")]
    done = subprocess.run(asked, capture_output=True, text=True, check=True, env=environ)
    assert done.stdout.strip().splitlines() == ["[3584]", "[]"]


def test_a_changed_photo_gets_a_new_vector(tmp_path: Path) -> None:
    path = photo(tmp_path / "a.png", 1)
    with FeatureCache(tmp_path / "features.sqlite") as cache:
        (before,) = embedded([path], cache)
        photo(path, 2)
        os.utime(path, ns=(1, 1))
        (after,) = embedded([path], cache)
    assert before.content_hash != after.content_hash
    assert not np.array_equal(before.vector, after.vector)


def test_equal_content_gets_an_equal_vector_and_is_kept_once(tmp_path: Path) -> None:
    paths = [photo(tmp_path / name, 1) for name in ("a.png", "b.png", "c.png")]
    with FeatureCache(tmp_path / "features.sqlite") as cache:
        found = embedded(paths, cache)
        assert cache._base is not None
        assert cache._base.execute("SELECT count(*) FROM features").fetchone() == (1,)
    assert len({item.content_hash for item in found}) == 1
    assert all(np.array_equal(item.vector, found[0].vector) for item in found)


def test_a_stop_keeps_what_is_done(tmp_path: Path) -> None:
    paths = [photo(tmp_path / f"{number}.png", number, (32, 32)) for number in range(40)]
    seen: list[Path] = []
    with FeatureCache(tmp_path / "features.sqlite") as cache:
        with pytest.raises(Interrupted):
            for event in embed(paths, "efficientnet_lite0", cache=cache, should_stop=lambda: bool(seen)):
                if isinstance(event, Embedded):
                    seen.append(event.path)  # noqa: PERF401 - the stop check looks at it meanwhile
        assert seen == paths[:32]
        assert cache._base is not None
        # what the network had computed behind them by then is kept too
        assert 32 <= cache._base.execute("SELECT count(*) FROM features").fetchone()[0] <= 40
        assert [item.path for item in embedded(paths, cache)] == paths


def test_a_damaged_cache_is_said_and_the_work_goes_on(tmp_path: Path) -> None:
    (tmp_path / "features.sqlite").write_text("no database" * 50)
    with FeatureCache(tmp_path / "features.sqlite") as cache:
        events = list(embed([photo(tmp_path / "a.png", 1)], "efficientnet_lite0", cache=cache))
    assert any(isinstance(event, Notice) and "damaged" in str(event.message) for event in events)
    assert [event.error for event in events if isinstance(event, Embedded)] == [None]


def test_random_weights_are_used_only_when_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("BEHOLDER_RUNTIME", "torch")
    path = photo(tmp_path / "a.png", 1)
    with pytest.raises(NeedMissing, match="resnet18"):
        list(embed([path], "resnet18", cache=None))
    found = [event for event in embed([path], "resnet18", cache=None, weights="none") if isinstance(event, Embedded)]
    assert found[0].vector is not None
    assert found[0].vector.shape == (512,)


def test_an_unknown_backbone_is_refused() -> None:
    with pytest.raises(UsageError):
        list(embed([], "efficientnet_lite9", cache=None))


def test_no_photos_are_no_work() -> None:
    assert embedded([], None) == []


def test_several_links_to_a_file_are_read_once_and_a_changed_one_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    real = batches.content_hash
    monkeypatch.setattr(batches, "content_hash", lambda path: read.append(path.name) or real(path))
    first = photo(tmp_path / "a.png", 1)
    for name in "bcd":
        (tmp_path / f"{name}.png").hardlink_to(first)
    paths = [tmp_path / f"{name}.png" for name in "abcd"]
    with FeatureCache(tmp_path / "features.sqlite") as cache, Embedder("efficientnet_lite0", cache=cache) as embedder:
        one = list(embedder.batch(paths[:2]))
        two = list(embedder.batch(paths[2:]))
        assert read == ["a.png"]
        assert len({item.content_hash for item in [*one, *two] if isinstance(item, Embedded)}) == 1
        with first.open("ab") as out:
            out.write(b"more")
        (again,) = (item for item in embedder.batch([paths[3]]) if isinstance(item, Embedded))
    assert read == ["a.png", "d.png"]
    assert again.content_hash != one[-1].content_hash


def test_a_pipe_and_a_folder_are_no_photos_and_hold_nothing_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    found = embedded([tmp_path / "pipe.jpg", tmp_path, Path("a\0b.jpg")], None)
    assert [item.vector for item in found] == [None] * 3
    assert all(item.error for item in found)


def test_a_pause_lets_out_what_there_is_and_what_is_done_goes_through(tmp_path: Path) -> None:
    paths = [photo(tmp_path / f"{number}.png", number) for number in range(3)]
    ready = Embedded(Path("other.jpg"), None, "", Message("gone"))
    taken: list[object] = []

    def source() -> Iterator[Path | Embedded | None]:
        for item in (paths[0], ready, None, None, paths[1], None, paths[2]):
            taken.append(item)
            yield item

    with Embedder("efficientnet_lite0", cache=None) as embedder:
        seen = []
        for event in embedder.stream(source()):
            assert isinstance(event, list)
            seen.append([item.path for item in event])
            assert len(taken) <= 3 + 2 * len(seen)  # not more is taken than the next batch
    assert seen == [[paths[0], ready.path], [paths[1]], [paths[2]]]


def test_what_is_new_is_computed_in_small_parts_behind_a_long_run_of_known_photos(tmp_path: Path) -> None:
    known = photo(tmp_path / "known.png", 1)
    new = [photo(tmp_path / f"{number}.png", number, (32, 32)) for number in range(2, 42)]
    with FeatureCache(tmp_path / "features.sqlite") as cache, Embedder("efficientnet_lite0", cache=cache) as embedder:
        asked = [known] * 600 + [path for pair in zip(new, [known] * 40, strict=True) for path in pair]
        sizes, found = [], []
        for event in embedder.stream(asked):
            assert isinstance(event, list)
            sizes.append(len(event))
            found += event
    assert [item.path for item in found] == asked
    assert all(item.vector is not None for item in found)
    assert max(sizes) > 2 * BATCH
    assert len({item.content_hash for item in found}) == 41
