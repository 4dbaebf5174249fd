"""The feature cache survives damage, other processes and places that can't be written."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from engine.errors import NeedMissing
from engine.features.cache import FeatureCache
from engine.features.file_key import FileKey
from engine.mounts import file_system_of, is_remote

WIDTH = 8
NOW = 1_700_000_000_123_456_789  # ns since 1970
SETTLED = NOW - 60_000_000_000


def vector(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=WIDTH).astype(np.float32)


def test_vectors_come_back_bit_by_bit_and_only_under_their_fingerprint(tmp_path: Path) -> None:
    saved = {f"{number:064x}": vector(number) for number in range(1000)}
    with FeatureCache(tmp_path / "deep" / "features.sqlite") as cache:
        cache.put_many(saved, "here")
    with FeatureCache(tmp_path / "deep" / "features.sqlite") as cache:
        found = cache.get_many([*saved, "unknown"], "here", WIDTH)
        assert found.keys() == saved.keys()
        assert all(np.array_equal(found[key], saved[key]) for key in saved)
        assert cache.get_many(saved, "elsewhere", WIDTH) == {}
        assert cache.get_many(saved, "here", WIDTH + 1) == {}
        assert cache.take_notices() == []


def test_a_file_s_hash_holds_as_long_as_size_and_times_do(tmp_path: Path) -> None:
    key = FileKey(os.fsencode("/a/\udcff 照片.jpg"), 10, 99, SETTLED)
    with FeatureCache(tmp_path / "features.sqlite") as cache:
        cache.put_hashes({key: "aa"}, NOW)
        assert cache.hashes([key]) == {key: "aa"}  # while it waits to be written,
        cache.flush()
        assert cache.hashes([key]) == {key: "aa"}  # and afterwards
        others = [key._replace(size=11), key._replace(mtime_ns=98), key._replace(ctime_ns=SETTLED + 1)]
        assert [cache.hashes([other]) for other in (*others, key._replace(path=b"/b"))] == [{}] * 4
        cache.put_hashes({others[2]: "bb"}, NOW)
        assert cache.hashes([others[2]]) == {others[2]: "bb"}
        cache.flush()
        assert cache.hashes([key]) == {}


@pytest.mark.parametrize("damage", [b"this is no database at all" * 100, b""])
def test_a_damaged_file_is_set_aside_and_built_anew(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "features.sqlite"
    path.write_bytes(damage)
    with FeatureCache(path) as cache:
        said = cache.take_notices()
        cache.put_many({"aa": vector(1)}, "f")
        assert np.array_equal(cache.get_many(["aa"], "f", WIDTH)["aa"], vector(1))
    if damage:
        assert "damaged" in str(said[0].message)
        assert path.with_name("features.sqlite.damaged").read_bytes() == damage
    else:
        assert not said


def test_damage_found_while_reading_costs_only_the_cache(tmp_path: Path) -> None:
    path = tmp_path / "features.sqlite"
    saved = {f"{number:064x}": vector(number) for number in range(400)}
    with FeatureCache(path) as cache:
        cache.put_many(saved, "f")
    content = bytearray(path.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    path.write_bytes(content)
    with FeatureCache(path) as cache:
        cache.get_many(saved, "f", WIDTH)
        assert cache.take_notices()
        cache.put_many(saved, "f")
        assert len(cache.get_many(saved, "f", WIDTH)) == len(saved)


def test_where_no_folder_can_be_made_the_work_goes_on_unsaved(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with FeatureCache(tmp_path / "file" / "features.sqlite") as cache:
        cache.put_many({"aa": vector(1)}, "f")
        assert cache.get_many(["aa"], "f", WIDTH) == {}
        assert not cache.writable
        assert len(cache.take_notices()) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody without rights")
def test_a_read_only_cache_is_read() -> None:
    # Not in tmp_path, which lies below folders that are closed to everybody else.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "features.sqlite"
        with FeatureCache(path) as cache:
            cache.put_many({"aa": vector(1)}, "f")
        path.chmod(0o444)
        path.parent.chmod(0o555)
        said = read_by_nobody(path)
    assert said == "['aa'] False 1"


def read_by_nobody(path: Path) -> str:
    # The rights are given away after the imports: the interpreter's own folder may be closed to others.
    code = (
        "import os, sys; from pathlib import Path; import numpy as np;"
        "from engine.features.cache import FeatureCache; import encodings.idna;"
        "os.setgid(65534); os.setuid(65534); cache = FeatureCache(Path(sys.argv[1]));"
        "cache.put_many({'bb': np.zeros(8, np.float32)}, 'f');"
        "print(sorted(cache.get_many(['aa', 'bb'], 'f', 8)), cache.writable, len(cache.take_notices()))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
    return done.stdout.strip() or done.stderr


def test_a_full_disk_says_so(tmp_path: Path) -> None:
    with FeatureCache(tmp_path / "features.sqlite") as cache:
        # The engine's own limit stands for the disk's: sqlite reports both as SQLITE_FULL.
        base = cache._base
        assert base is not None
        base.execute(f"PRAGMA max_page_count = {base.execute('PRAGMA page_count').fetchone()[0]}")
        with pytest.raises(NeedMissing, match="disk is full"):
            cache.put_many({f"{number:064x}": vector(number) for number in range(5000)}, "f")
            cache.flush()


def test_several_processes_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "features.sqlite"
    code = (
        "import sys; import numpy as np; from pathlib import Path; from engine.features.cache import FeatureCache\n"
        "who = int(sys.argv[2])\n"
        "with FeatureCache(Path(sys.argv[1])) as cache:\n"
        "    for number in range(60):\n"
        "        cache.put_many({f'{who}-{number}': np.full(8, who, np.float32)}, 'f')\n"
        "    print([str(notice.message) for notice in cache.take_notices()])\n"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(path), str(who)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for who in range(4)
    ]
    assert [process.communicate(timeout=100)[0].strip() for process in running] == ["[]"] * 4
    with FeatureCache(path) as cache:
        assert len(cache.get_many([f"{who}-{n}" for who in range(4) for n in range(60)], "f", WIDTH)) == 240


def test_a_local_cache_uses_wal(tmp_path: Path) -> None:
    path = tmp_path / "features.sqlite"
    with FeatureCache(path), sqlite3.connect(path) as base:
        assert base.execute("PRAGMA journal_mode").fetchone()[0] == (
            "delete" if is_remote(file_system_of(path)) else "wal"
        )
