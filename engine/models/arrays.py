"""Arrays on disk as safetensors: written atomically, read with every mistake turned into one of our errors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.models.damaged import damaged_model
from engine.storage import disk_errors, write_bytes


def save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write named arrays to a ``.safetensors`` file.

    Raises:
        BeholderError: the place can't be written.
    """
    from safetensors.numpy import save

    write_bytes(path, save({name: np.ascontiguousarray(array) for name, array in arrays.items()}))


def load_arrays(path: Path, names: Iterable[str]) -> dict[str, NDArray[Any]]:
    """Return the named arrays of a ``.safetensors`` file.

    Raises:
        DamagedFile: the file is no safetensors file, or a name is missing or not finite.
        NotFound: there is no such file.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    with disk_errors(path):
        data = path.read_bytes()
    try:
        arrays: dict[str, NDArray[Any]] = load(data)
    except SafetensorError as error:
        raise damaged_model(path, str(error)) from error
    for name in names:
        if name not in arrays:
            raise damaged_model(path, f"no “{name}” in it")
        if not np.isfinite(arrays[name]).all():
            raise damaged_model(path, f"“{name}” is not finite")
    return arrays


def load_shaped(path: Path, shapes: Mapping[str, Sequence[str | int]]) -> dict[str, NDArray[Any]]:
    """Return the arrays of a ``.safetensors`` file that fit together.

    Args:
        path: the file.
        shapes: name → its dimensions; a letter stands for any length, the same in all arrays.

    Raises:
        DamagedFile: see `load_arrays`; also where an array holds no numbers of floating point or has another shape.
        NotFound: there is no such file.
    """
    arrays = load_arrays(path, shapes)
    known: dict[str, int] = {}
    for name, shape in shapes.items():
        array = arrays[name]
        fits = array.ndim == len(shape) and array.dtype.kind == "f"
        for side, actual in zip(shape, array.shape, strict=False):
            fits = fits and actual == (known.setdefault(side, actual) if isinstance(side, str) else side)
        if not fits:
            raise damaged_model(path, f"“{name}” has an unexpected shape or type")
    return arrays
