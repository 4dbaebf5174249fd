"""The sample album of the demo: two photos that scikit-learn carries, cropped, spoiled and scored by a stated rule."""

from __future__ import annotations

import csv
import importlib.util
import io
import math
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from engine.errors import Message, NeedMissing
from engine.storage import disk_errors, write_text

RULE = Message(
    "A rule gave these scores, not a person: a sound picture gets {sound}, and each fault takes points away by its "
    "strength: blur up to {blur}, noise {noise}, wrong exposure {exposure}, a colour cast {cast}, a tilt {tilt}, "
    "a bad crop {crop}.",
    {"sound": 92, "blur": 60, "noise": 45, "exposure": 55, "cast": 40, "tilt": 25, "crop": 30},
)
_SOURCES = ("flower.jpg", "china.jpg")
_SCORED, _NEW = 100, 20
_SIZE = (480, 320)
_LOWEST = 3

Random = np.random.Generator
Picture = Image.Image


@dataclass(frozen=True)
class SampleAlbum:
    """Where the album lies.

    Args:
        scored: folder of 100 pictures whose names are their scores.
        new: folder of 20 pictures without scores.
        rule_scores: what the rule gives to the new pictures: file name → score.
    """

    scored: Path
    new: Path
    rule_scores: dict[str, float]


def make_album(folder: Path, *, seed: int = 0) -> SampleAlbum:
    """Make the album in `folder`; one that is already there is taken as it is.

    Raises:
        NeedMissing: the installed scikit-learn carries no sample photos, or the disk is full or read-only.
    """
    truth = folder / "rule_scores.csv"
    if not truth.exists():
        with disk_errors(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            part = Path(tempfile.mkdtemp(prefix=".album-", dir=folder.parent))
        try:
            _paint(part, seed)
            with disk_errors(folder):
                part.chmod(0o755)
                part.rename(folder)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
    with disk_errors(truth), truth.open(encoding="utf-8", newline="") as rows:
        scores = {row["filename"]: float(row["score"]) for row in csv.DictReader(rows)}
    return SampleAlbum(folder / "scored", folder / "new", scores)


def _paint(folder: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    photos = [_source(name) for name in _SOURCES]
    with disk_errors(folder):
        (folder / "scored").mkdir()
        (folder / "new").mkdir()
        times: dict[int, int] = {}
        rows = io.StringIO()
        table = csv.writer(rows, lineterminator="\n")
        table.writerow(["filename", "score"])
        for number in range(_SCORED + _NEW):
            picture, score = _spoil(photos[number % len(photos)], random)
            if number < _SCORED:
                again = times[score] = times.get(score, -1) + 1
                picture.save(folder / "scored" / (f"{score}_{again}.jpg" if again else f"{score}.jpg"), quality=90)
            else:
                name = f"new-{chr(ord('a') + number - _SCORED)}.jpg"
                picture.save(folder / "new" / name, quality=90)
                table.writerow([name, score])
    write_text(folder / "rule_scores.csv", rows.getvalue())


def _source(name: str) -> Picture:
    # found without importing scikit-learn, which takes a second
    package = importlib.util.find_spec("sklearn")
    for place in (package.submodule_search_locations or []) if package else []:
        file = Path(place) / "datasets" / "images" / name
        if file.is_file():
            with Image.open(file, formats=["JPEG"]) as photo:
                return photo.convert("RGB")
    raise NeedMissing(
        "The sample photo {name} of scikit-learn is missing.",
        remedy="Install scikit-learn again: pip install --force-reinstall scikit-learn",
        name=name,
    )


def _spoil(photo: Picture, random: Random) -> tuple[Picture, int]:
    """Return a crop of the photo with none to two faults, and the rule's score of it."""
    faults = random.choice(len(_FAULTS), size=int(random.choice([0, 1, 1, 1, 2])), replace=False)
    strengths = {_FAULT_NAMES[fault]: float(random.uniform(0.25, 1.0)) for fault in faults}
    picture = _crop(photo, strengths.get("crop", 0.0), random)
    if "tilt" in strengths:
        picture = _tilt(picture, strengths["tilt"], random)
    picture = picture.resize(_SIZE, Image.Resampling.LANCZOS)
    for name, fault in _FAULTS.items():
        if name in strengths and fault is not None:
            picture = fault(picture, strengths[name], random)
    lost = sum(float(RULE.values[name]) * strength for name, strength in strengths.items())
    return picture, max(_LOWEST, round(float(RULE.values["sound"]) - lost))


def _crop(photo: Picture, badness: float, random: Random) -> Picture:
    """Return a 3:2 piece; the worse, the smaller and the farther from the middle."""
    share = random.uniform(0.6, 0.98) * (1 - 0.5 * badness)
    width = share * min(photo.width, photo.height * _SIZE[0] / _SIZE[1])
    height = width * _SIZE[1] / _SIZE[0]
    free_x, free_y = photo.width - width, photo.height - height
    angle = random.uniform(0, 2 * math.pi)
    reach = 0.45 + 0.55 * badness
    left = free_x * (0.5 + 0.5 * reach * math.cos(angle))
    top = free_y * (0.5 + 0.5 * reach * math.sin(angle))
    piece = photo.crop((round(left), round(top), round(left + width), round(top + height)))
    return piece.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if random.random() < 0.5 else piece


def _tilt(picture: Picture, strength: float, random: Random) -> Picture:
    """Turn by up to 15 degrees and cut the largest upright piece without empty corners."""
    angle = math.radians(15 * strength)
    turned = picture.rotate(math.degrees(angle) * random.choice([-1, 1]), Image.Resampling.BICUBIC)
    ratio = picture.height / picture.width
    keep = 1 / (math.cos(angle) + math.sin(angle) * max(ratio, 1 / ratio))
    width, height = picture.width * keep, picture.height * keep
    left, top = (picture.width - width) / 2, (picture.height - height) / 2
    return turned.crop((round(left), round(top), round(left + width), round(top + height)))


def _blur(picture: Picture, strength: float, random: Random) -> Picture:
    return picture.filter(ImageFilter.GaussianBlur(1 + 7 * strength))


def _noise(picture: Picture, strength: float, random: Random) -> Picture:
    grain = random.normal(0, 12 + 60 * strength, (picture.height, picture.width, 3))
    return Image.fromarray(np.clip(np.asarray(picture, np.float64) + grain, 0, 255).astype(np.uint8))


def _exposure(picture: Picture, strength: float, random: Random) -> Picture:
    factor = 1 + 2.2 * strength if random.random() < 0.5 else 1 - 0.85 * strength
    return ImageEnhance.Brightness(picture).enhance(factor)


def _cast(picture: Picture, strength: float, random: Random) -> Picture:
    tint = tuple(int(value) for value in random.permutation([255, 140, 20]))
    return Image.blend(picture, Image.new("RGB", picture.size, tint), 0.55 * strength)


# crop and tilt change what is in the frame, before the picture gets its size; the others spoil the finished picture
_FAULTS: dict[str, Callable[[Picture, float, Random], Picture] | None] = {
    "crop": None,
    "tilt": None,
    "cast": _cast,
    "exposure": _exposure,
    "blur": _blur,
    "noise": _noise,
}
_FAULT_NAMES = tuple(_FAULTS)
