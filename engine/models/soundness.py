"""Is a bundle what it should be: its files, the scorer in them, and what that scorer predicts."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import DamagedFile, NotFound, UsageError
from engine.models.damaged import damaged_model
from engine.models.manifest_check import MANIFEST_NAME
from engine.storage import content_hash

if TYPE_CHECKING:
    from engine.models.base import Scorer
    from engine.models.familiar import Familiar

GOLDEN_NAME = "golden.safetensors"
GOLDEN_ROWS = 16
FAMILIAR_NAME = "familiar.safetensors"
# relative to the scale's width; bf16 never enters here: golden rows start from stored vectors
_GOLDEN_TOLERANCE = 1e-4
# a manifest that is just being written, or whose writer was killed; see `engine.storage.replacing`
_UNFINISHED = re.compile(rf"\.{re.escape(MANIFEST_NAME)}\.[0-9a-f]{{8}}\.part")
# what a crafted file can make numpy and scikit-learn raise; none of it may be taken for a fault of the program
BROKEN = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError, MemoryError)


def stray_files(folder: Path, manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield name and fault of what lies in a bundle's folder and should not: files not vouched for, links, devices."""
    vouched = {*manifest["files"], MANIFEST_NAME}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        try:
            kind = path.lstat().st_mode
        except FileNotFoundError:
            continue  # an unfinished manifest has become the manifest
        if stat.S_ISDIR(kind):
            continue
        if _UNFINISHED.fullmatch(name):
            continue
        if name not in vouched:
            yield name, f"it does not vouch for {name}"
        elif not stat.S_ISREG(kind):
            yield name, f"{name} is no regular file"


def check_no_strays(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Refuse a bundle with files that its manifest does not vouch for.

    Raises:
        DamagedFile: there is one; all are named.
    """
    faults = [fault for _, fault in stray_files(folder, manifest)]
    if faults:
        raise damaged_model(folder / MANIFEST_NAME, "; ".join(faults[:5]))


def check_hash(file: Path, expected: str) -> None:
    """Refuse a file that is not the one that the manifest vouches for.

    Raises:
        DamagedFile: its SHA-256 is another one, or it is missing.
    """
    if not os.path.lexists(file):
        raise damaged_model(file, "it is missing")
    actual = content_hash(file)
    if actual != expected:
        raise damaged_model(file, f"its SHA-256 is {actual[:12]}…, should be {expected[:12]}…")


def load_scorer(folder: Path, manifest: Mapping[str, Any]) -> Scorer:
    """Return the fitted scorer of a bundle's folder; no hash is checked.

    Raises:
        DamagedFile: a file is not what its family writes, or holds a type that is not trusted.
    """
    from engine.models.catalog import FAMILIES, scorer_class
    from engine.models.prior import load_with_prior

    prior = manifest.get("prior")
    if manifest["model"] not in FAMILIES:
        raise damaged_model(folder / MANIFEST_NAME, f"there is no model family {manifest['model']}")
    if prior is not None and prior["model"] not in FAMILIES:
        raise damaged_model(folder / MANIFEST_NAME, f"there is no model family {prior['model']}")
    try:
        if prior is not None:
            return load_with_prior(folder, manifest["model"], prior["model"])
        return scorer_class(manifest["model"]).load(folder)
    except NotFound as error:
        raise damaged_model(error.message.values.get("path", folder), "it is missing") from error
    except BROKEN as error:
        raise damaged_model(folder, f"{type(error).__name__}: {error}") from error


def load_familiar(folder: Path, manifest: Mapping[str, Any]) -> Familiar | None:
    """Return what tells photos that are far from those of a bundle's training; None for one that was made without.

    Raises:
        DamagedFile: it is not what a training writes, or takes other vectors than the model does.
    """
    from engine.models.arrays import load_arrays
    from engine.models.familiar import Familiar

    if FAMILIAR_NAME not in manifest["files"]:
        return None
    file = folder / FAMILIAR_NAME
    try:
        familiar = Familiar.load(folder)
        width = load_arrays(folder / GOLDEN_NAME, ("features",))["features"].shape[-1]
        if familiar.width != width:
            raise ValueError(f"it takes {familiar.width} features, the model {width}")
    except NotFound as error:
        raise damaged_model(error.message.values.get("path", file), "it is missing") from error
    except BROKEN as error:
        raise damaged_model(file, f"{type(error).__name__}: {error}") from error
    return familiar


def check_golden(folder: Path, manifest: Mapping[str, Any], scorer: Scorer) -> int:
    """Let the scorer predict the bundle's golden rows again.

    Args:
        folder: the bundle's folder. manifest: its manifest. scorer: what `load_scorer` gave.

    Returns:
        How many there are.

    Raises:
        DamagedFile: it gives them other scores than where the bundle was made, or they can't be read.
    """
    import numpy as np

    from engine.models.arrays import load_arrays

    golden = load_arrays(folder / GOLDEN_NAME, ("features", "scores"))
    features, scores = golden["features"], golden["scores"]
    try:
        if features.ndim != 2 or scores.shape != features.shape[:1]:
            raise ValueError("golden rows of another shape")
        predicted = np.asarray(scorer.predict(features.astype(np.float32)))
        if predicted.shape != scores.shape:
            raise ValueError("predictions of another shape")
        off = float(np.abs(predicted - scores).max(initial=0.0))
    except BROKEN as error:
        raise damaged_model(folder, f"{type(error).__name__}: {error}") from error
    span = float(manifest["scale"][1]) - float(manifest["scale"][0])
    # written so that a prediction that is not a number fails too
    if not off <= _GOLDEN_TOLERANCE * span:
        raise DamagedFile(
            "{path} predicts other scores here than where it was made (off by {off}).",
            remedy="Install the library versions that its manifest names, or train it again.",
            path=folder,
            off=f"{off:.4g}",
        )
    return int(scores.size)


def check_features(manifest: Mapping[str, Any], folder: Path) -> None:
    """Look whether this machine computes the features that the model was trained on.

    Raises:
        NeedMissing: the backbone's weights are not here. NotFound: nor is the file that they were read from.
        DamagedFile: the features would be others, or nobody knows such a backbone.
    """
    from engine.features.backbones import fingerprint, get_backbone

    try:
        backbone = get_backbone(manifest["backbone"])
        if manifest.get("tuned"):
            made = fingerprint(backbone, str(manifest["files"][str(manifest["weights"])]))
        else:
            made = backbone.fingerprint(str(manifest["weights"]))
        expected = manifest["fingerprint"]
    except LookupError as error:
        raise damaged_model(folder / MANIFEST_NAME, f"{type(error).__name__}: {error}") from error
    except UsageError as error:
        raise damaged_model(folder / MANIFEST_NAME, str(error.message).rstrip(".")) from error
    if made != expected:
        raise DamagedFile(
            "{path} was trained on features that this version of beholder computes differently.",
            remedy="Train it again; the photos and scores are not touched.",
            path=folder,
        )


def check_network(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Look whether a bundle's own network, where it carries one, is of the backbone that it names.

    Raises:
        DamagedFile: it is not, or there is no such backbone. BeholderError: the backbone can't be built here.
    """
    if not manifest.get("tuned"):
        return
    from engine.features.backbones import get_backbone
    from engine.features.networks import build_features
    from engine.features.weights import Weights

    name = manifest["weights"]
    try:
        build_features(get_backbone(manifest["backbone"]), Weights(folder / name, manifest["files"][name]))
    except UsageError as error:
        raise damaged_model(folder / MANIFEST_NAME, str(error.message).rstrip(".")) from error
    except BROKEN as error:
        raise damaged_model(folder / name, f"{type(error).__name__}: {error}") from error
