"""scikit-learn estimators on disk as skops files: an allow-list of types, never a pickle."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.errors import DamagedFile
from engine.models.damaged import damaged_model
from engine.storage import disk_errors, write_bytes


def save_estimator(path: Path, estimator: Any) -> None:
    """Write a fitted estimator to a ``.skops`` file, atomically."""
    from skops.io import dumps

    write_bytes(path, dumps(estimator, compression=zipfile.ZIP_DEFLATED))


def load_estimator(path: Path, trusted: Sequence[str]) -> Any:
    """Return the estimator of a ``.skops`` file.

    Args:
        path: the file.
        trusted: dotted names of the few types beyond scikit-learn's own public ones that the file may hold.

    Raises:
        DamagedFile: the file is no skops file, or holds a type that is not trusted.
        NotFound: there is no such file.
    """
    from skops.io import get_untrusted_types, loads
    from skops.io.exceptions import UntrustedTypesFoundException

    with disk_errors(path):
        data = path.read_bytes()
    try:
        strange = sorted(set(get_untrusted_types(data=data)) - set(trusted))
        if strange:
            raise DamagedFile(
                "{path} is not trusted: it holds {types}.",
                remedy="Delete this model and train it again; load only models that beholder made.",
                path=path,
                types=", ".join(strange),
            )
        return loads(data, trusted=list(trusted))
    except (
        zipfile.BadZipFile,
        KeyError,
        ValueError,
        TypeError,
        AttributeError,
        ImportError,
        EOFError,
        UntrustedTypesFoundException,
    ) as error:
        raise damaged_model(path, f"{type(error).__name__}: {error}") from error
