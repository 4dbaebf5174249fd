"""An ONNX file gives the same scores as beholder: each family's head on made features, and whole models on photos."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper

from engine.errors import BeholderError, NeedMissing, UsageError
from engine.events import exhaust
from engine.features.backbones import get_backbone
from engine.features.preprocess import load_pixels
from engine.features.torch_runtime import TorchRuntime
from engine.models.base import Recipe, TrainingSet
from engine.models.bundle import load_bundle
from engine.models.catalog import FAMILIES, make_scorer
from engine.models.finding import find_bundle
from engine.models.prior import with_prior
from engine.outputs import onnx_model
from engine.outputs.onnx_graph import OPSET, TREES_OPSET, Graph
from engine.outputs.onnx_heads import add_head
from engine.outputs.onnx_model import export_onnx
from engine.prediction.score import Prediction, predict
from engine.workspace import Workspace
from tests.engine.made_features import made_set

SMALL: dict[str, dict[str, Any]] = {
    "random-forest": {"params": {"trees": 40}},
    "gradient-boosting": {"params": {"stages": 40}},
    "hist-gradient-boosting": {"params": {"stages": 10}},
    "frozen": {"epochs": 3},
}
_SLOW = {"stacking", "hist-gradient-boosting"}
ON_FEATURES = [name for name, family in FAMILIES.items() if not family.trains_network]


def in_onnxruntime(scorer: Any, features: np.ndarray) -> np.ndarray:
    """Return what a fitted scorer's head says when onnxruntime computes it."""
    graph = Graph()
    score = add_head(graph, scorer, "features")
    inputs = [helper.make_tensor_value_info("features", onnx.TensorProto.FLOAT, ["N", features.shape[1]])]
    outputs = [helper.make_tensor_value_info(score, onnx.TensorProto.DOUBLE, ["N"])]
    whole = helper.make_graph(graph.nodes, "head", inputs, outputs, graph.constants)
    versions = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", TREES_OPSET)]
    model = helper.make_model(whole, opset_imports=versions, ir_version=8)
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    found: np.ndarray = session.run(None, {"features": features})[0]
    return found


def fitted(model: str, data: TrainingSet) -> Any:
    scorer = make_scorer(Recipe(model, **SMALL.get(model, {})))
    exhaust(scorer.fit(data, None))
    return scorer


@pytest.mark.parametrize(
    "model", [pytest.param(name, marks=[pytest.mark.slow] if name in _SLOW else []) for name in ON_FEATURES]
)
def test_a_family_s_head_says_the_same(model: str) -> None:
    data = made_set(photos=60, unscored=200)
    scorer = fitted(model, data)
    wanted = scorer.predict(data.album)
    found = in_onnxruntime(scorer, data.album)
    assert found.shape == (260,)
    assert np.ptp(wanted) > 5
    # features are float32 in both: what differs is the order of sums, of leaves in float32
    assert np.abs(found - wanted).max() < 1e-3


def test_taste_s_kernel_is_written_too() -> None:
    random = np.random.default_rng(1)
    album = random.normal(size=(120, 8)).astype(np.float32)
    scores = np.clip(50 + 40 * np.cos(2 * album[:, 0]) * np.cos(2 * album[:, 1]), 0, 100)
    data = TrainingSet(album[:, :2], scores, np.arange(120, dtype=np.int64), album[:, :2], (1, 1))
    scorer = fitted("taste", data)
    assert scorer.details()["estimator"] == "kernel"
    assert np.abs(in_onnxruntime(scorer, data.features) - scorer.predict(data.features)).max() < 1e-3


def test_a_prior_is_composed() -> None:
    data = made_set(photos=60, noise=0.5)
    few = data.subset(np.arange(12, dtype=np.int64))
    scorer = with_prior(make_scorer(Recipe("ridge")), fitted("random-forest", data))
    exhaust(scorer.fit(few, None))
    assert scorer.details()["prior_weight"] != 0
    assert np.abs(in_onnxruntime(scorer, data.album) - scorer.predict(data.album)).max() < 1e-3


def test_a_family_that_onnx_can_t_hold_is_named() -> None:
    class Odd:
        name = "odd"

    with pytest.raises(UsageError, match="family odd"):
        add_head(Graph(), Odd(), "features")


@pytest.fixture(scope="module")
def exported(trained_workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ONNX file of the trained `taste` model."""
    folder = tmp_path_factory.mktemp("onnx") / "new"
    return export_onnx(trained_workspace, find_bundle(trained_workspace, "first"), folder)


def test_a_file_scores_new_photos_as_beholder_does(
    exported: Path, trained_workspace: Workspace, new_photos: Path
) -> None:
    info = find_bundle(trained_workspace, "first")
    assert exported.name == f"{info.model_id}.onnx"
    assert [path.name for path in exported.parent.iterdir()] == [exported.name]
    session = onnxruntime.InferenceSession(str(exported), providers=["CPUExecutionProvider"])
    (pixels,), (score,) = session.get_inputs(), session.get_outputs()
    assert (pixels.name, pixels.type, score.name, score.type) == (
        "pixels", "tensor(uint8)", "score", "tensor(float)"
    )  # fmt: skip
    rows = [row for row in predict(trained_workspace, info, [new_photos]) if isinstance(row, Prediction)]
    assert len(rows) == 5
    backbone = get_backbone(info.backbone)
    how, exact = backbone.preprocess, TorchRuntime(backbone, backbone.find_weights())
    scorer = load_bundle(info).scorer
    for row in rows:
        image = load_pixels(row.path, how)
        alone = session.run(["score"], {"pixels": image[None]})[0]
        assert alone.shape == (1,)
        (vector,) = exact.run([("", image)]).values()
        assert abs(float(alone[0]) - float(scorer.predict(vector[None])[0])) < 0.1  # both in float32
        assert abs(float(alone[0]) - row.score) < 2.0  # 2 % of the scale: predicting may compute in bfloat16
        # several at once, and every shape that the network takes
        pair = session.run(["score"], {"pixels": np.stack([image, image])})[0]
        assert np.allclose(pair, alone[0], atol=1e-2)
    for width, height in ((160, 320), (224, 224), (288, 160)):
        assert session.run(["score"], {"pixels": np.zeros((1, height, width, 3), np.uint8)})[0].shape == (1,)


def test_a_file_says_what_it_is(exported: Path, trained_workspace: Workspace) -> None:
    info = find_bundle(trained_workspace, "first")
    model = onnx.load(str(exported))
    onnx.checker.check_model(model)
    facts = {entry.key.removeprefix("beholder."): entry.value for entry in model.metadata_props}
    assert (facts["model_id"], facts["model"], facts["backbone"]) == (info.model_id, "taste", "efficientnet_lite0")
    assert (json.loads(facts["scale"]), facts["clipped"]) == ([0.0, 100.0], "true")
    how = json.loads(facts["preprocess"])
    assert (how["kind"], how["size"], how["interpolation"], how["normalised_inside"]) == (
        "aspect",
        224,
        "bicubic",
        True,
    )
    assert [256, 192] in json.loads(facts["shapes"])


def test_nothing_is_overwritten(exported: Path, trained_workspace: Workspace) -> None:
    before = exported.read_bytes()
    with pytest.raises(UsageError, match="there already"):
        export_onnx(trained_workspace, find_bundle(trained_workspace, "first"), exported)
    assert exported.read_bytes() == before


def test_a_file_with_other_scores_is_refused(exported: Path, trained_workspace: Workspace, tmp_path: Path) -> None:
    from engine.models.bundle import Bundle, load_bundle
    from engine.outputs.onnx_worker import _check

    bundle = load_bundle(find_bundle(trained_workspace, "first"))
    data = made_set(photos=40)
    wide = np.random.default_rng(0).normal(size=(40, 3584)).astype(np.float32)
    other = fitted("ridge", TrainingSet(wide, data.scores, data.groups, wide, (3584,)))
    changed = Bundle(bundle.info, bundle.manifest, other)
    backbone = get_backbone("efficientnet_lite0")
    assert _check(exported, trained_workspace, bundle, backbone, "default", trained_workspace.scale)[0] > 0
    with pytest.raises(BeholderError, match="not kept"):
        _check(exported, trained_workspace, changed, backbone, "default", trained_workspace.scale)


def test_a_damaged_model_leaves_no_file(workspace_with_model: Workspace, tmp_path: Path) -> None:
    info = find_bundle(workspace_with_model, "first")
    weights = info.path / "taste.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8])
    with pytest.raises(BeholderError) as caught:
        export_onnx(workspace_with_model, info, tmp_path / "out")
    assert caught.value.exit_code == 4
    assert list((tmp_path / "out").iterdir()) == []


def test_the_missing_extra_is_named(
    trained_workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_model, "_NEEDED", ("onnx", "no_such_package_at_all"))
    with pytest.raises(NeedMissing, match=r"pip install 'beholder\[onnx\]'") as caught:
        export_onnx(trained_workspace, find_bundle(trained_workspace, "first"), tmp_path)
    assert caught.value.exit_code == 5


def test_exporting_imports_nothing_heavy() -> None:
    code = (
        "import sys; import engine.outputs.onnx_model;"
        "print([m for m in ('torch', 'onnx', 'onnxruntime', 'sklearn', 'timm') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
@pytest.mark.parametrize("model", ["random-forest", "gradient-boosting", "frozen", "finetune"])
def test_a_whole_model_of_another_family(model: str, workspace: Workspace, tmp_path: Path) -> None:
    from engine.training.run import run_training
    from engine.training.spec import TrainSpec

    exhaust(run_training(workspace, TrainSpec(model=model, **({"epochs": 1} if model == "finetune" else {}))))
    file = export_onnx(workspace, find_bundle(workspace, "latest"), tmp_path / "one.onnx")
    assert file == tmp_path / "one.onnx"


@pytest.mark.slow
@pytest.mark.parametrize("backbone", ["vit_b_16", "swin_t", "inception_v3", "convnext_tiny", "densenet121"])
def test_a_network_of_fixed_size_is_written(backbone: str, tmp_path: Path) -> None:
    import torch

    from engine.features.networks import build_features
    from engine.outputs.onnx_network import FromPixels, write_network

    found = get_backbone(backbone)
    weights = found.find_weights("none")
    write_network(found, weights, tmp_path / "network.onnx")
    pixels = np.random.default_rng(0).integers(0, 255, (3, found.input, found.input, 3), np.uint8)
    session = onnxruntime.InferenceSession(str(tmp_path / "network.onnx"), providers=["CPUExecutionProvider"])
    vectors = session.run(["features"], {"pixels": pixels})[0]
    with torch.inference_mode():
        wanted = FromPixels(build_features(found, weights), found.preprocess)(torch.from_numpy(pixels)).numpy()
    assert vectors.shape == (3, found.width)
    assert np.abs(vectors - wanted).max() < 1e-3 * np.abs(wanted).max()
