"""A graphics card for many pictures: the first few go the quick way, so that a single photo never waits for torch."""

from __future__ import annotations

import importlib.util
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from engine.features.preprocess import FloatArray, Pixels
from engine.features.runtime import Runtime

# To import torch and wake a card takes some seconds, in which the CPU computes this many pictures.
FEW = 512
_DRIVERS = ("/proc/driver/nvidia/version", "/dev/nvidiactl", "/usr/lib/wsl/lib/libcuda.so.1")


def card_seems_present(environ: Mapping[str, str]) -> bool:
    """Say whether torch may find an NVIDIA card: there is a driver, and this torch was made for one.

    Nothing is imported: a photo's prediction must not wait for torch to learn that there is no card.
    """
    if environ.get("CUDA_VISIBLE_DEVICES", "0").strip() in {"", "-1"}:
        return False
    if not any(Path(driver).exists() for driver in _DRIVERS):
        return False
    spec = importlib.util.find_spec("torch")
    try:
        text = Path(spec.origin).with_name("version.py").read_text("utf-8") if spec and spec.origin else ""
    except OSError:
        return False
    return re.search(r"^cuda\b[^=\n]*= *['\"]", text, re.MULTILINE) is not None


class LargeRuns:
    """Two runtimes as one: the first few pictures go through the one that is open, further ones through a better one.

    Args:
        first: is open already.
        open_better: opens the other one, when it is needed; None: there is none after all.
        few: pictures that the first one computes.
    """

    def __init__(self, first: Runtime, open_better: Callable[[], Runtime | None], few: int = FEW) -> None:
        self.name = first.name
        self._used = first
        self._open_better: Callable[[], Runtime | None] | None = open_better
        self._left = few

    def run(self, pictures: Iterable[tuple[str, Pixels]]) -> dict[str, FloatArray]:
        """Return a vector for each picture; see `engine.features.runtime.Runtime.run`."""
        source = iter(pictures)
        found: dict[str, FloatArray] = {}
        if self._open_better is not None:
            if self._left:
                found = self._used.run(self._counted(source))
            following = next(source, None)
            if following is None:
                return found
            self._used = self._open_better() or self._used
            self.name = self._used.name
            self._open_better = None
            source = itertools.chain([following], source)
        return found | self._used.run(source)

    def prepare(self, shape: tuple[int, ...]) -> None:
        """Make the runtime ready that is used at the moment; see `engine.features.runtime.Runtime.prepare`."""
        self._used.prepare(shape)

    def _counted(self, source: Iterator[tuple[str, Pixels]]) -> Iterator[tuple[str, Pixels]]:
        for item in itertools.islice(source, self._left):
            self._left -= 1
            yield item
