"""However many photos there are, only those on their way are in memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import draw_photo

pytest.importorskip("resource", reason="memory is asked of the system the POSIX way")

_FEW, _MANY = 1000, 5000
_MOST_GROWTH = 40_000_000  # bytes; 4,000 decoded photos of 192 x 256 would be 590 million, their vectors 57 million

_CODE = f"""
import os, sys
from pathlib import Path
from engine.features.cache import FeatureCache
from engine.features.extract import Embedded, Embedder, embed_with

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

folder, done = Path(sys.argv[1]), 0
paths = sorted(folder.iterdir())
with FeatureCache(folder.parent / "features.sqlite") as cache:
    with Embedder("efficientnet_lite0", cache=cache) as embedder:
        for event in embed_with(embedder, paths):
            if isinstance(event, Embedded):
                assert event.error is None
                done += 1
                if done == {_FEW}:
                    first = resident()
assert done == {_MANY}
print(resident() - first)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_memory_is_flat_from_a_thousand_photos_to_five_thousand(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    whole = [draw_photo(tmp_path / f"{number}.jpg", number, 0.5, (640, 480)).read_bytes() for number in range(4)]
    for number in range(_MANY):  # each another file: what stands behind a JPEG's end is not decoded
        (folder / f"{number:05}.jpg").write_bytes(whole[number % len(whole)] + number.to_bytes(4, "big"))
    asked = [sys.executable, "-c", _CODE, str(folder)]
    done = subprocess.run(asked, capture_output=True, text=True, check=True)
    assert int(done.stdout) < _MOST_GROWTH
