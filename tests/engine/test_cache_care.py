"""What a workspace keeps is told truly, and pruning removes what nobody will ask for again and nothing else."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from engine.cache_prune import PruneReport, PruneWish, prune_cache
from engine.cache_survey import survey_cache
from engine.errors import DamagedFile
from engine.features.backbones import fingerprint, get_backbone
from engine.features.cache import FeatureCache
from engine.features.cache_file import PAGE_BYTES, VERSION
from engine.features.file_key import FileKey
from engine.features.weights import cache_folder
from engine.thumbnails import Thumbnails
from engine.trash import put_into_trash
from engine.workspace import Workspace
from tests.conftest import draw_photo

DAY = 86_400
NOW = 1_800_000_000.0
TODAY = int(NOW // DAY)
WIDTH = 3584
DEFAULT = get_backbone("efficientnet_lite0")


def vectors(*contents: str) -> dict[str, np.ndarray]:
    return {content: np.full(WIDTH, len(content), np.float32) for content in contents}


def keep(workspace: Workspace, photos: list[Path], mark: str = "", *, day: int = TODAY, named: bool = True) -> str:
    """Put a vector of each photo into the workspace's cache, as if it was computed on a day."""
    mark = mark or DEFAULT.fingerprint()
    with FeatureCache(workspace.features_file, clock=lambda: day * DAY) as cache:
        if named:
            cache.note_network(mark, "efficientnet_lite0", DEFAULT.find_weights().digest)
        keys = [FileKey(os.fsencode(photo), 1, 1, 1) for photo in photos]
        cache.put_hashes({key: photo.name for key, photo in zip(keys, photos, strict=True)}, int(NOW * 1e9))
        cache.put_many(vectors(*(photo.name for photo in photos)), mark)
    return mark


def kept(workspace: Workspace) -> set[str]:
    with sqlite3.connect(workspace.features_file) as base:
        return {name for (name,) in base.execute("SELECT hash FROM features")}


def pruned(workspace: Workspace, **wish: object) -> PruneReport:
    return prune_cache(workspace, PruneWish(**wish), NOW)  # type: ignore[arg-type]


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    """A workspace with three photos that have vectors."""
    found = Workspace(tmp_path / "place")
    found.create()
    keep(found, [draw_photo(found.data / f"{name}.png", 1, 0.5, (8, 8)) for name in "abc"])
    return found


def test_nothing_is_removed_where_all_is_needed(place: Workspace) -> None:
    report = pruned(place)
    assert (report.vectors, report.files, report.thumbnails, report.found_nothing) == (0, 0, 0, True)
    assert kept(place) == {"a.png", "b.png", "c.png"}


def test_the_survey_tells_whose_vectors_there_are_and_how_often_they_helped(place: Workspace) -> None:
    keep(place, [place.data / "a.png"], "0123456789abcdef", named=False)
    for _ in range(2):
        with FeatureCache(place.features_file) as cache:
            cache.count(hits=10, misses=3)
            cache.count(hits=1, misses=0)
    found = survey_cache(place, TODAY)
    assert (found.photos, found.files, found.readable, found.large_pages) == (3, 3, True, True)
    assert (found.hits, found.misses, found.run_hits, found.run_misses) == (22, 6, 11, 3)
    assert [(each.backbone, each.use, each.vectors, each.bytes) for each in found.networks] == [
        ("efficientnet_lite0", "current", 3, 3 * 4 * WIDTH),
        ("", "stale", 1, 4 * WIDTH),
    ]
    assert found.bytes == sum(file.stat().st_size for file in place.internal.glob("features.sqlite*"))
    shares = [network["share"] for network in found.to_dict()["networks"]]
    assert shares == [0.75, 0.25]


def test_a_survey_makes_no_file(tmp_path: Path) -> None:
    found = survey_cache(Workspace(tmp_path / "nowhere"), TODAY)
    assert (found.bytes, found.networks, found.thumbnails.count, found.readable) == (0, (), 0, True)
    assert list(tmp_path.iterdir()) == []


def test_vectors_that_nobody_will_ask_for_go(place: Workspace) -> None:
    keep(place, [place.data / "a.png", place.data / "b.png"], "0123456789abcdef", named=False)
    with sqlite3.connect(place.features_file) as base:
        base.execute("UPDATE features SET hash = 'x' || hash WHERE fingerprint = '0123456789abcdef'")
    assert prune_cache(place, PruneWish(only_stale=True), NOW, dry_run=True).stale == 2
    assert len(kept(place)) == 5
    report = pruned(place, only_stale=True)
    assert (report.stale, report.vectors) == (2, 2)
    assert kept(place) == {"a.png", "b.png", "c.png"}


def test_what_a_model_or_named_weights_need_is_not_stale(workspace_with_model: Workspace, tmp_path: Path) -> None:
    place = workspace_with_model
    named = fingerprint(DEFAULT, "5" * 64)
    with FeatureCache(place.features_file, clock=lambda: NOW) as cache:
        cache.note_network(named, DEFAULT.name, "5" * 64)
        cache.put_many(vectors("n"), named)
        for manifest in place.models.glob("*/manifest.json"):
            manifest.write_text(manifest.read_text().replace(DEFAULT.fingerprint(), "00000000deadbeef"))
        cache.put_many(vectors("m"), "00000000deadbeef")
    uses = {network.fingerprint: network.use for network in survey_cache(place, TODAY).networks}
    assert uses == {DEFAULT.fingerprint(): "current", named: "current", "00000000deadbeef": "model"}
    for folder in list(place.models.iterdir()):
        put_into_trash(folder, place.trash / "models" / folder.name)
    uses = {network.fingerprint: network.use for network in survey_cache(place, TODAY + 40).networks}
    assert uses == {DEFAULT.fingerprint(): "current", named: "stale", "00000000deadbeef": "model"}


def test_a_photo_that_is_gone_takes_its_vector_along_unless_a_copy_is_there(place: Workspace) -> None:
    with FeatureCache(place.features_file) as cache:
        copy = draw_photo(place.data / "copy.png", 1, 0.5, (8, 8))
        cache.put_hashes({FileKey(os.fsencode(copy), 1, 1, 1): "b.png"}, int(NOW * 1e9))
    (place.data / "a.png").unlink()
    (place.data / "b.png").unlink()
    put_into_trash(place.data / "c.png", place.trash / "photos" / "20260101T000000-0000-abcd" / "c.png")
    report = pruned(place)
    assert (report.gone, report.files) == (1, 2)
    assert kept(place) == {"b.png", "c.png"}  # the copy's, and that of a photo which may be brought back


def test_a_disk_that_is_not_plugged_in_loses_nothing_unless_asked_for(place: Workspace, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "mount").mkdir()
    keep(place, [tmp_path / "disk" / "p.png", tmp_path / "mount" / "q.png"])
    (tmp_path / "disk").rmdir()
    report = pruned(place)
    assert (report.vectors, report.out_of_reach) == (0, 2)
    assert {"p.png", "q.png"} < kept(place)
    assert pruned(place, out_of_reach=True).gone == 2
    assert kept(place) == {"a.png", "b.png", "c.png"}


def test_what_was_not_asked_for_in_a_while_goes_when_asked_for(place: Workspace) -> None:
    old = [draw_photo(place.data / f"old{number}.png", 1, 0.5, (8, 8)) for number in range(3)]
    keep(place, old, day=TODAY - 50)
    with FeatureCache(place.features_file, clock=lambda: NOW) as cache:  # somebody looks at one of them today
        cache.hashes([FileKey(os.fsencode(old[0]), 1, 1, 1)])
    assert pruned(place, older_than=60).vectors == 0
    assert pruned(place, older_than=40).old == 2
    assert kept(place) == {"a.png", "b.png", "c.png", "old0.png"}


def test_the_file_is_kept_under_a_size_and_shrinks(place: Workspace) -> None:
    many = [draw_photo(place.data / f"{number}.png", 1, 0.5, (8, 8)) for number in range(60)]
    keep(place, many, day=TODAY - 1)
    before = survey_cache(place, TODAY).bytes
    guess = prune_cache(place, PruneWish(keep_under=600_000), NOW, dry_run=True)
    report = pruned(place, keep_under=600_000)
    assert (report.complete, report.vectors, report.bytes_before) == (True, report.over, before)
    assert survey_cache(place, TODAY).bytes == report.bytes_after <= 600_000
    assert guess.over == report.over
    assert {"a.png", "b.png", "c.png"} <= kept(place)  # what was asked for last stays
    assert len(kept(place)) > 10


def test_small_pictures_of_photos_that_are_gone_go(place: Workspace, tmp_path: Path) -> None:
    photos = [draw_photo(place.data / f"t{seed}.jpg", seed, 0.5) for seed in range(3)]
    store = Thumbnails(place.thumbnails)
    for photo in photos:
        store.read(photo, (32, 32))
    store.close()
    photos[0].unlink()
    photos[1].rename(place.data / "moved.jpg")
    Thumbnails(place.thumbnails).read(place.data / "moved.jpg", (32, 32))
    report = pruned(place)
    assert (report.thumbnails, survey_cache(place, TODAY).thumbnails.count) == (1, 2)


def test_converted_networks_go_when_they_were_not_used_for_long(place: Workspace) -> None:
    folder = cache_folder() / "networks" / "test-0000"
    folder.mkdir(parents=True)
    (folder / "network.bin").write_bytes(b"0" * 1000)
    os.utime(folder / "network.bin", (NOW - 100 * DAY,) * 2)
    os.utime(folder, (NOW, NOW))
    try:
        assert survey_cache(place, TODAY).converted.bytes >= 1000
        assert pruned(place).networks == 0
        assert prune_cache(place, PruneWish(older_than=99), NOW).networks >= 1
        assert not folder.exists()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def earlier_file(path: Path) -> None:
    """Make a cache as the first version laid it out."""
    with sqlite3.connect(path) as base:
        base.executescript(
            "PRAGMA journal_mode = WAL;"
            "CREATE TABLE files (path BLOB PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,"
            " hash TEXT NOT NULL) WITHOUT ROWID;"
            "CREATE TABLE features (hash TEXT NOT NULL, fingerprint TEXT NOT NULL, vector BLOB NOT NULL,"
            " PRIMARY KEY (hash, fingerprint));"
        )
        for number in range(20):
            base.execute("INSERT INTO files VALUES (?, 1, 2, ?)", (b"/somewhere/%d" % number, str(number)))
            blob = np.full(WIDTH, number, np.float32).tobytes()
            base.execute("INSERT INTO features VALUES (?, ?, ?)", (str(number), DEFAULT.fingerprint(), blob))
    base.close()


def test_an_earlier_file_keeps_its_vectors_and_is_laid_out_anew_by_pruning(tmp_path: Path) -> None:
    place = Workspace(tmp_path)
    place.create()
    earlier_file(place.features_file)
    assert [network.use for network in survey_cache(place, TODAY).networks] == ["current"]
    with FeatureCache(place.features_file, clock=lambda: NOW) as cache:
        assert cache.hashes([FileKey(b"/somewhere/3", 1, 2, 3)]) == {}  # is read again, as nothing told of its ctime
        found = cache.get_many(["3"], DEFAULT.fingerprint(), WIDTH)
        assert found["3"].tolist() == [3.0] * WIDTH
        assert cache.take_notices() == []
    assert not survey_cache(place, TODAY).large_pages
    with FeatureCache(place.features_file):  # while somebody has it open
        assert not pruned(place, older_than=10).complete
    assert pruned(place, older_than=10).complete
    found = survey_cache(place, TODAY)
    assert (found.large_pages, found.photos, found.files) == (True, 20, 20)
    with sqlite3.connect(place.features_file) as base:
        assert base.execute("PRAGMA page_size").fetchone() == (PAGE_BYTES,)
        assert base.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_later_version_s_file_is_left_alone(place: Workspace) -> None:
    with sqlite3.connect(place.features_file) as base:
        base.execute(f"PRAGMA user_version = {VERSION + 1}")
    content = place.features_file.read_bytes()
    with FeatureCache(place.features_file) as cache:
        cache.put_many(vectors("new"), "f")
        assert cache.get_many(["a.png"], DEFAULT.fingerprint(), WIDTH) == {}
        assert "later version" in str(cache.take_notices()[0].message)
    with pytest.raises(DamagedFile, match="later version"):
        pruned(place)
    assert place.features_file.read_bytes() == content


def test_a_damaged_file_is_told(place: Workspace) -> None:
    place.features_file.write_bytes(b"no database" * 1000)
    assert not survey_cache(place, TODAY).readable
    with pytest.raises(DamagedFile):
        pruned(place)


def test_a_job_may_write_while_it_is_pruned(place: Workspace) -> None:
    many = [draw_photo(place.data / f"{number}.png", 1, 0.5, (8, 8)) for number in range(10)]
    keep(place, many, "0123456789abcdef", named=False)
    with FeatureCache(place.features_file) as cache:
        cache.put_many(vectors("before"), DEFAULT.fingerprint())
        report = prune_cache(
            place,
            PruneWish(only_stale=True),
            NOW,
            tell=lambda progress: cache.put_many(vectors("meanwhile"), DEFAULT.fingerprint()),
        )
        cache.flush()
        assert (report.stale, cache.take_notices()) == (10, [])
    assert kept(place) >= {"before", "meanwhile", "a.png"}
