"""scikit-learn estimators on disk as skops files: an allow-list of types, never a pickle."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from engine.errors import DamagedFile
from engine.models.damaged import damaged_model
from engine.models.stored_trees import StoredEstimator, file_types
from engine.storage import disk_errors, write_bytes

E = TypeVar("E")
S = TypeVar("S")

# what any estimator's settings and numbers are made of
_PLAIN = frozenset(
    {"builtins." + name for name in ("bool", "dict", "float", "int", "list", "str", "tuple")}
    | {"numpy." + name for name in ("dtype", "float64", "int64", "ndarray", "uint64")}
)
_LARGEST = 2**31  # bytes unpacked; a forest of a thousand trees over ten thousand photos stays far below
_PROBLEMS = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    ImportError,
    EOFError,
    ArithmeticError,
    MemoryError,
    RuntimeError,  # also RecursionError, an encrypted file, an unknown compression
)


def save_estimator(path: Path, estimator: Any) -> None:
    """Write a fitted estimator to a ``.skops`` file, atomically.

    Raises:
        BeholderError: the place can't be written.
    """
    from skops.io import dumps

    write_bytes(path, dumps(estimator, compression=zipfile.ZIP_DEFLATED, compresslevel=1))


def read_stored(
    path: Path, kind: str, trusted: Collection[str], build: Callable[[StoredEstimator], S]
) -> tuple[S, bytes]:
    """Return what is made of the numbers in a ``.skops`` file, without making the estimator that it describes.

    Args:
        path: the file.
        kind: dotted name of the one class that the estimator may be of.
        trusted: as for `load_estimator`.
        build: takes what it needs; raises `ValueError` where that makes no sense.

    Returns:
        What `build` returned, and the file's bytes, from which `load_estimator` can make the estimator later.

    Raises:
        DamagedFile, NotFound: as `load_estimator`.
    """
    with disk_errors(path):
        data = path.read_bytes()
    try:
        _check_types(path, data, trusted)
        return build(StoredEstimator(data, kind)), data
    except _PROBLEMS as error:
        raise damaged_model(path, f"{type(error).__name__}: {error}") from error


def load_estimator(
    path: Path,
    kind: type[E],
    trusted: Collection[str],
    check: Callable[[E], None],
    data: bytes | None = None,
) -> E:
    """Return the estimator of a ``.skops`` file, checked before and after its objects are made.

    Args:
        path: the file.
        kind: the one class that the estimator may be of.
        trusted: dotted names of all types that the file may hold beside numbers, texts, containers and arrays. The
            file's own list of types is never asked for, nor is skops' list of what is harmless in general.
        check: looks at what native code would take for granted; raises `ValueError` where it can't.
        data: the file's bytes, where they were read before.

    Raises:
        DamagedFile: the file is no skops file, holds a type that is not trusted, is no `kind`, or fails the check.
        NotFound: there is no such file.
    """
    from skops.io import loads
    from skops.io.exceptions import UnsupportedTypeException, UntrustedTypesFoundException

    if data is None:
        with disk_errors(path):
            data = path.read_bytes()
    try:
        _check_types(path, data, trusted)
        found = loads(data, trusted=sorted(trusted))
        if type(found) is not kind:
            raise ValueError(f"it holds a {type(found).__name__}, should be a {kind.__name__}")
        check(found)
        # whatever else is missing or of the wrong kind shows here, and not in front of the person's photos
        features = found.n_features_in_  # type: ignore[attr-defined]
        guess = np.asarray(found.predict(np.zeros((1, features), np.float32)))  # type: ignore[attr-defined]
        if guess.shape != (1,) or not np.isfinite(guess).all():
            raise ValueError("it does not predict one number for one photo")
    except (*_PROBLEMS, UntrustedTypesFoundException, UnsupportedTypeException) as error:
        raise damaged_model(path, f"{type(error).__name__}: {error}") from error
    return found


def _check_types(path: Path, data: bytes, trusted: Collection[str]) -> None:
    strange = sorted(file_types(data, _LARGEST) - _PLAIN - set(trusted))
    if strange:
        raise DamagedFile(
            "{path} is not trusted: it holds {types}.",
            remedy="Delete this model and train it again; load only models that beholder made.",
            path=path,
            types=", ".join(strange[:5]),
        )
