"""Convert a backbone for OpenVINO once, check it against torch, and keep it in the user's cache folder."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import BeholderError
from engine.features.backbones import Backbone, fingerprint
from engine.features.graph import from_pixels, with_exact_start
from engine.features.openvino_runtime import OpenVinoRuntime, import_openvino
from engine.features.preprocess import FloatArray, Pixels, aspect_shapes, normalised
from engine.features.weights import Weights, file_stem
from engine.storage import disk_error, disk_errors, write_json

# A row of features below this cosine to torch's own counts as another vector. Two photos that people would call alike
# have 0.985; a draft decode may cost 0.002. Measured on 396 photos with the votes of many: at 0.9993, bfloat16's worst,
# taste and ridge rank unseen themes as with float32 (SRCC 0.732 and 0.744 against 0.732 and 0.743), and a model that
# learned in one precision scores photos in the other within 0.17 of 100 points on average, 0.8 at worst.
MIN_COSINE = 0.999
# Each fine-tuned model brings a network of its own, of up to half a gigabyte: so many are kept, by last use.
KEPT = 20
# Raise it when what is written changes: an earlier conversion is then made again.
LAYOUT = 3
# Compiling a shape takes a fifth of a second of one core, reading what was compiled half of that. The file is as large
# as the network, one a shape: only of small networks are they kept, and not more than two sets of shapes.
_SMALL = 32_000_000
_COMPILED = 18
_ABANDONED = 24 * 3600.0  # seconds after which a folder that was never finished is nobody's


class ConvertedNetwork:
    """One backbone with one set of weights, as OpenVINO's files in a folder of their own.

    The folder is complete from the moment it has its name: it is filled under another name and renamed.

    Args:
        backbone: which network.
        weights: which weights.
        cache: the folder of all that can be rebuilt.
    """

    def __init__(self, backbone: Backbone, weights: Weights, cache: Path) -> None:
        self.backbone = backbone
        self.weights = weights
        self._model: Any = None
        self._fresh: dict[str, Any] | None = None
        self.folder = cache / "networks" / f"{file_stem(backbone.name)}-{fingerprint(backbone, weights.digest)}"

    @property
    def model_file(self) -> Path:
        """OpenVINO's description of the network; its numbers lie beside it."""
        return self.folder / "network.xml"

    @property
    def record_file(self) -> Path:
        """What the parity check found, as JSON."""
        return self.folder / "parity.json"

    def record(self) -> dict[str, Any] | None:
        """Return what the conversion wrote down; None where it must be done (again)."""
        try:
            record = json.loads(self.record_file.read_text("utf-8"))
            sizes = {name: (self.folder / name).stat().st_size for name in record["sizes"]}
        except (OSError, ValueError, KeyError, TypeError):
            return None
        whole = sizes == record["sizes"] and record.get("layout") == LAYOUT
        return record if whole and isinstance(record.get("cosine"), dict) else None

    def precision(self) -> str | None:
        """Return the fastest precision that passed the check and that this CPU has; None where none passed."""
        record = self._fresh or self.record() or {"cosine": {}}
        passed = [name for name, cosine in record["cosine"].items() if cosine >= MIN_COSINE]
        return next((name for name in cpu_precisions() if name in passed), None)

    def model(self) -> Any:
        """Return the converted model, or the file that holds it, which counts as its use."""
        if self._model is not None:
            return self._model
        with contextlib.suppress(OSError):
            os.utime(self.record_file)
        return self.model_file

    def compiled(self) -> Path | None:
        """Return the folder for what was compiled of a network that is kept, with room in it; None: keep nothing."""
        folder = self.folder / "compiled"
        try:
            if self.model_file.with_suffix(".bin").stat().st_size > _SMALL or not os.access(self.folder, os.W_OK):
                return None
            folder.mkdir(exist_ok=True)
            files = sorted((file.stat().st_mtime, file) for file in folder.iterdir())
            for _, file in files[: max(len(files) - _COMPILED, 0)]:
                file.unlink(missing_ok=True)
        except OSError:
            return None
        return folder

    def convert(self) -> None:
        """Convert and check against torch; the result is in memory, `save` keeps it.

        Raises:
            DamagedFile: the weights are not of this backbone.
            RuntimeError: OpenVINO can't convert this network.
        """
        from engine.features.networks import build_features
        from engine.features.torch_runtime import run_module

        openvino = import_openvino()
        module = build_features(self.backbone, self.weights)
        how = self.backbone.preprocess
        pictures = check_pictures(self.backbone)
        with _quiet(), traceable():
            try:
                model = openvino.convert_model(module, example_input=_tensor(normalised(pictures[0], how)[None]))
            except (TypeError, ValueError, LookupError, AttributeError, AssertionError) as error:
                # what tracing makes of a network that looks at its numbers while it runs
                raise RuntimeError(f"{type(error).__name__}: {error}") from error
        model.reshape([-1, 3, -1, -1] if how.kind == "aspect" else [-1, 3, how.size, how.size])
        model = with_exact_start(from_pixels(model, how))
        wanted = [run_module(module, how, picture[None])[0] for picture in pictures]
        self._fresh = {
            "layout": LAYOUT,
            "backbone": self.backbone.name,
            "weights": self.weights.digest,
            "openvino": openvino.__version__,
            "min_cosine": MIN_COSINE,
            # All are noted: a cache folder may be shared by computers with and without bf16.
            "cosine": {name: worst_cosine(model, name, pictures, wanted) for name in cpu_precisions()},
        }
        self._model = model

    def save(self) -> None:
        """Keep what `convert` made; a damaged earlier conversion is replaced, and the least used one makes room.

        Raises:
            BeholderError: the cache folder can't be written, or the disk is full.
        """
        with disk_errors(self.folder.parent):
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            part = Path(tempfile.mkdtemp(prefix=".part-", dir=self.folder.parent))
        try:
            self._fill(part)
            if self.record() is None:
                shutil.rmtree(self.folder, ignore_errors=True)
            try:
                part.rename(self.folder)
            except OSError as error:
                # Another process was faster; its files are as good.
                if self.record() is None:
                    raise disk_error(error, self.folder) from error
        finally:
            shutil.rmtree(part, ignore_errors=True)
        _make_room(self.folder.parent, self.folder)

    def _fill(self, part: Path) -> None:
        try:
            import_openvino().save_model(self._model, part / self.model_file.name, compress_to_fp16=False)
        except RuntimeError as error:
            raise BeholderError(
                "The converted network could not be written to {path}: {cause}.",
                remedy="Free some space, or set BEHOLDER_RUNTIME=torch to do without.",
                path=part,
                cause=str(error).strip().rpartition("\n")[2],
            ) from error
        sizes = {file.name: file.stat().st_size for file in sorted(part.iterdir())}
        write_json(part / self.record_file.name, {**(self._fresh or {}), "sizes": sizes})


def _make_room(folder: Path, newest: Path) -> None:
    """Remove the conversions whose last use is longest ago, but for `KEPT`, and what was left half done."""
    used: list[tuple[float, Path]] = []
    with contextlib.suppress(OSError):
        for place in folder.iterdir():
            with contextlib.suppress(OSError):
                if place.name.startswith("."):
                    if time.time() - place.stat().st_mtime > _ABANDONED:
                        shutil.rmtree(place, ignore_errors=True)
                elif place != newest:
                    used.append(((place / "parity.json").stat().st_mtime, place))
    for _, place in sorted(used, reverse=True)[KEPT - 1 :]:
        shutil.rmtree(place, ignore_errors=True)


def cpu_precisions() -> tuple[str, ...]:
    """Return the precisions that this CPU computes natively, the fastest first."""
    able = import_openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return ("bf16", "f32") if "BF16" in able else ("f32",)


def check_pictures(backbone: Backbone) -> list[Pixels]:
    """Return a few deterministic (height, width, 3) uint8 pictures with the smooth areas, edges and grain of photos."""
    how = backbone.preprocess
    shapes = aspect_shapes(how.size)[:2] if how.kind == "aspect" else ((how.size, how.size),)
    return [_picture(width, height, seed) for seed, (width, height) in enumerate(shapes * 2)]


def _picture(width: int, height: int, seed: int) -> Pixels:
    random = np.random.default_rng(seed)
    down, across = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    pixels = np.empty((3, height, width))
    for channel in range(3):
        low, high, turn = random.uniform(0, 1, 3)
        pixels[channel] = low + (high - low) * (across * turn + down * (1 - turn))
    for _ in range(12):
        x, y, size = random.uniform(0, 1, 3)
        inside = (across - x) ** 2 + (down - y) ** 2 < (0.05 + 0.25 * size) ** 2
        pixels[:, inside] = random.uniform(0, 1, (3, 1))
    pixels = np.clip(pixels + random.normal(0, 0.03, pixels.shape), 0, 1)
    return np.ascontiguousarray(np.rint(255 * pixels.transpose(1, 2, 0)).astype(np.uint8))


def worst_cosine(model: Any, precision: str, pictures: list[Pixels], wanted: list[FloatArray]) -> float:
    """Return how far a converted model's vectors are from those wanted, at worst: what the parity check looks at.

    Args:
        model: OpenVINO's, from pixels. precision: that it computes in.
        pictures: what it gets. wanted: the vectors that torch made of them.

    Returns:
        A cosine of -1…1; -1 where a vector is not finite.
    """
    found = OpenVinoRuntime(model, precision).run((str(at), picture) for at, picture in enumerate(pictures))
    cosines = [cosine_of(found[str(at)], right) for at, right in enumerate(wanted)]
    return min(cosines) if np.isfinite(cosines).all() else -1.0


def cosine_of(left: FloatArray, right: FloatArray) -> float:
    """Return the cosine of the angle between two vectors; -1 where one of them has no direction."""
    length = float(np.linalg.norm(left) * np.linalg.norm(right))
    return float(left @ right) / length if length > 0 else -1.0


def _tensor(batch: FloatArray) -> Any:
    import torch

    return torch.from_numpy(batch)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the converter's tracing warnings off the terminal."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def traceable() -> Iterator[None]:
    """Let torch compute as it predicts, and attention by plain operators: its fused one can't be converted."""
    import torch

    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad():  # with gradients a network pools otherwise, and what is traced must be what is checked
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
