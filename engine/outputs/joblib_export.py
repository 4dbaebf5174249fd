"""Write a model as a joblib file for people's own scripts: plain scikit-learn, which loads where beholder is not.

beholder itself never loads one: a joblib file is a pickle, and loading a pickle runs what its author wrote.
"""

from __future__ import annotations

import importlib.metadata
import io
import os
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.errors import DamagedFile, UsageError, display_name
from engine.features.backbones import get_backbone
from engine.models.bundle import BundleInfo, load_bundle
from engine.models.part_folder import already_there
from engine.models.soundness import check_golden
from engine.outputs.sklearn_form import sklearn_form
from engine.storage import disk_errors, replacing
from engine.workspace import Scale, Workspace

_NEEDS = ("scikit-learn", "numpy", "scipy", "joblib")


def export_joblib(workspace: Workspace, info: BundleInfo, to: Path) -> Path:
    """Write ``<id>.joblib``, an object with ``predict(features)``, and ``<id>.README.txt`` beside it.

    Args:
        workspace: where the model is.
        info: the model.
        to: the folder; made if missing.

    Returns:
        The joblib file.

    Raises:
        UsageError: the family can't be said in scikit-learn's classes, or a file of that name is there.
        DamagedFile: the model is damaged. BeholderError: the place can't be written.
    """
    target, readme = to / f"{info.model_id}.joblib", to / f"{info.model_id}.README.txt"
    for place in (target, readme):
        if os.path.lexists(place):
            raise already_there(place)
    bundle = load_bundle(info)
    form = sklearn_form(bundle.scorer)
    try:
        check_golden(info.path, bundle.manifest, form)
    except DamagedFile as error:
        raise UsageError(
            "This model can't be said in scikit-learn's classes so that it predicts the same.",
            remedy="Export it as ONNX or as a bundle: --format onnx, --format bundle.",
        ) from error
    data = _dumped(form)
    with disk_errors(to):
        to.mkdir(parents=True, exist_ok=True)
    with replacing(readme, over=False) as out:
        out.write(_readme(info, bundle.manifest, target.name).encode("utf-8", "backslashreplace"))
    try:
        with replacing(target, over=False) as out:
            out.write(data)
    except BaseException:
        readme.unlink(missing_ok=True)
        raise
    return target


def _dumped(form: Any) -> bytes:
    import joblib

    buffer = io.BytesIO()
    joblib.dump(form, buffer, compress=3)
    return buffer.getvalue()


def _readme(info: BundleInfo, manifest: Mapping[str, Any], file: str) -> str:
    backbone = get_backbone(info.backbone)
    blocks = "\n".join(f"    {name}: {width}" for name, width in backbone.blocks)
    versions = "\n".join(f"    {package} {importlib.metadata.version(package)}" for package in _NEEDS)
    scale = Scale(*manifest["scale"])
    title = display_name(f"{info.model_id} {info.name}".strip())
    head = f"""\
        {title}
        {"=" * min(len(title), 78)}

        A model of the family {info.model}, trained on {info.n} scores from {scale}, as an object of scikit-learn.

        WARNING. A joblib file is a pickle: loading one runs whatever its author wrote. Load only a file that you
        exported yourself; never one that somebody else gave you, and give this one only to people who trust you.
        To carry a model to another machine use: beholder models export ID --to DIR, and there: beholder models import.
        beholder itself never loads a joblib file.

            import joblib
            model = joblib.load("{file}")
            scores = model.predict(features)  # (N,), on the scale {scale}, but not clipped to it

        features is an (N, {backbone.width}) array of float32: a row a photo, seen through {info.backbone}.
        Its fingerprint is {display_name(str(manifest.get("fingerprint")))}: vectors of another one give scores without
        meaning. A row is made of these blocks, in this order:

        """
    tail = f"""\

        Where beholder is installed it makes them:

            from pathlib import Path
            from engine.features.backbones import get_backbone
            from engine.features.extract import Embedded, embed
            found = embed([Path("photo.jpg")], get_backbone("{info.backbone}"), cache=None, weights="default")
            vectors = [item.vector for item in found if isinstance(item, Embedded)]

        Made with these versions; scikit-learn promises that a file loads only with the one that wrote it:

        """
    parts = (textwrap.dedent(head), blocks, "\n", textwrap.dedent(tail), versions, "\n")
    return "".join(parts)
