"""Score photos with a trained bundle: files and folders in, one row a photo out, in the order given."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import BeholderError, DamagedFile, Interrupted, Message, NotFound
from engine.events import Notice, Progress, StopCheck, never_stop
from engine.features.backbones import get_backbone
from engine.features.cache import FeatureCache
from engine.features.extract import Embedded, embed
from engine.images import find_images
from engine.models.base import Features, Scorer, Scores, Uncertain
from engine.models.bundle import Bundle, BundleInfo, load_bundle
from engine.models.damaged import damaged_model
from engine.prediction.guesses import NewGuesses
from engine.storage import disk_errors
from engine.workspace import Scale, Workspace

_BATCH = 32
COLUMNS = ("path", "score", "low", "high", "model_id", "error")


@dataclass(frozen=True)
class Prediction:
    """One photo's predicted score, or the reason why there is none.

    Args:
        path: the photo.
        score: predicted, on the model's scale; None where `error` says why.
        low: lower end of the 90 % interval. high: its upper end.
        model_id: the bundle that predicted.
        error: why the photo could not be scored.
        content_hash: SHA-256 of the file; empty where it can't be read.
    """

    path: Path
    score: float | None
    low: float | None
    high: float | None
    model_id: str
    error: Message | None = None
    content_hash: str = ""

    def to_row(self) -> dict[str, Any]:
        """Return the contract's columns, scores rounded to four digits."""
        numbers = {
            key: None if (value := getattr(self, key)) is None else round(value, 4) for key in ("score", "low", "high")
        }
        return {
            "path": str(self.path),
            **numbers,
            "model_id": self.model_id,
            "error": None if self.error is None else str(self.error),
        }


def predict(
    workspace: Workspace,
    info: BundleInfo,
    paths: Sequence[Path],
    *,
    recursive: bool = True,
    should_stop: StopCheck = never_stop,
) -> Iterator[Prediction | Progress | Notice]:
    """Score photos; one that can't be read is a row with the reason, never a stop.

    What is said of photos in the workspace's ``data/`` is kept as the model's guesses; see `engine.prediction.guesses`.

    Args:
        workspace: its feature cache is used and filled.
        info: the model.
        paths: files and folders; a folder stands for the pictures in it.
        recursive: look into the folders' folders too.
        should_stop: asked between batches.

    Raises:
        NotFound: none of the paths exists, or there is no picture in them.
        DamagedFile: the bundle is damaged, or its features are no longer computed the same way.
        NeedMissing: the backbone's weights are not on this machine.
        Interrupted: `should_stop` said so.
    """
    photos, lost = _photos(paths, recursive)
    bundle = load_bundle(info)
    for path, reason in lost:
        yield Prediction(path, None, None, None, info.model_id, reason)
    guesses = NewGuesses(workspace, info.model_id, photos)
    try:
        for event in _score(workspace, bundle, photos, should_stop):
            if isinstance(event, Prediction):
                guesses.add(event.path, event.score, event.content_hash)
            yield event
    except Interrupted:
        yield from _kept(guesses)
        raise
    yield from _kept(guesses)


def _kept(guesses: NewGuesses) -> Iterator[Notice]:
    """Save the guesses; where they can't be, the rows are no worse for it."""
    try:
        guesses.save()
    except BeholderError as error:
        yield Notice(error.message)


def _photos(paths: Sequence[Path], recursive: bool) -> tuple[list[Path], list[tuple[Path, Message]]]:
    """Return the photos that are meant, and what can't even be looked at, with the reason."""
    photos: list[Path] = []
    lost: list[tuple[Path, Message]] = []
    missing: list[Path] = []

    def pass_over(path: Path, reason: Message) -> None:
        lost.append((path, reason))

    for path in paths:
        try:
            with disk_errors(path):
                is_folder = stat.S_ISDIR(path.stat().st_mode)
            if is_folder:
                photos += find_images(path, recursive=recursive, on_problem=pass_over)
            else:
                photos.append(path)
        except NotFound:
            missing.append(path)
            pass_over(path, Message("There is no such file."))
        except BeholderError as error:
            pass_over(path, error.message)
    if not photos and len(lost) == len(missing):
        if missing:
            raise NotFound("There is no {path}.", remedy="Check the spelling of the path.", path=missing[0])
        raise NotFound(
            "There is no picture in {path}.",
            remedy="beholder reads JPEG, PNG, WebP, TIFF, BMP, GIF and AVIF.",
            path=paths[0] if paths else Path(),
        )
    return photos, lost


def _weights(bundle: Bundle) -> str:
    """Return the weights of the bundle's network: a tuned one lies in the bundle itself."""
    weights = str(bundle.manifest["weights"])
    if not bundle.manifest.get("tuned"):
        return weights
    if weights not in bundle.manifest["files"]:
        raise ValueError(f"there is no {weights} in it")
    return str(bundle.info.path / weights)


def _half_widths(interval: Mapping[str, Any], scorer: Scorer) -> Callable[[Features], Scores]:
    """Return what gives each photo's half width: the same for all, or by the model's own doubt."""
    half, factor = float(interval["halfwidth"]), interval.get("factor")
    if factor is None or not isinstance(scorer, Uncertain):
        return lambda vectors: np.full(len(vectors), half)
    by_doubt = float(factor)
    return lambda vectors: by_doubt * scorer.spread(vectors)


def _score(
    workspace: Workspace, bundle: Bundle, photos: Sequence[Path], should_stop: StopCheck
) -> Iterator[Prediction | Progress | Notice]:
    manifest, model_id = bundle.manifest, bundle.info.model_id
    try:
        half = _half_widths(manifest["interval"], bundle.scorer)
        scale, made_with = Scale(*manifest["scale"]), manifest["fingerprint"]
        weights = _weights(bundle)
    except (LookupError, TypeError, ValueError) as error:
        raise damaged_model(bundle.info.path / "manifest.json", f"{type(error).__name__}: {error}") from error
    backbone = get_backbone(bundle.info.backbone)
    if backbone.fingerprint(weights) != made_with:
        raise DamagedFile(
            "{path} was trained on features that this version of beholder computes differently.",
            remedy="Train it again; the photos and scores are not touched.",
            path=bundle.info.path,
        )
    waiting: list[Embedded] = []

    def rows() -> Iterator[Prediction]:
        good = [item.vector for item in waiting if item.vector is not None]
        vectors = np.stack(good) if good else np.zeros((0, backbone.width), np.float32)
        scores = iter(zip(bundle.scorer.predict(vectors).tolist(), half(vectors).tolist(), strict=True) if good else ())
        for item in waiting:
            if item.vector is None:
                yield Prediction(item.path, None, None, None, model_id, item.error, item.content_hash)
            else:
                raw, width = next(scores)
                score = scale.clip(raw)
                low, high = scale.clip(score - width), scale.clip(score + width)
                yield Prediction(item.path, score, low, high, model_id, content_hash=item.content_hash)
        waiting.clear()

    with FeatureCache(workspace.features_file) as cache:
        for event in embed(photos, backbone, cache=cache, weights=weights, should_stop=should_stop):
            if isinstance(event, Embedded):
                waiting.append(event)
                if len(waiting) >= _BATCH:
                    yield from rows()
            else:
                yield from rows()
                yield event
    yield from rows()
