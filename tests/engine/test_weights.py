"""Every backbone builds, gives vectors of its width, takes weights that are its own and refuses all others."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from engine.errors import BeholderError, DamagedFile, NotFound, UsageError
from engine.features.adding import add_weights
from engine.features.backbones import Backbone, get_backbone, is_available, list_backbones
from engine.features.networks import build_classifier, build_features, cut_head, load_weights, matching_state
from engine.features.weights import added_file

TIMM = "timm:test_vit.r160_in1k"
_QUICK = {"efficientnet_lite0", "resnet18", "mobilenet_v3_large"}


def _params() -> list[object]:
    plain = [backbone for backbone in list_backbones() if backbone.source != "timm"]
    marks = {backbone.name: [] if backbone.name in _QUICK else [pytest.mark.slow] for backbone in plain}
    return [*(pytest.param(name, marks=mark) for name, mark in marks.items()), TIMM]


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("described")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BEHOLDER_CACHE", str(folder))
        get_backbone(TIMM)
    return folder


@pytest.fixture(autouse=True)
def own_caches(tmp_path: Path, described: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(described / "timm", tmp_path / "beholder" / "timm")
    monkeypatch.setenv("BEHOLDER_CACHE", str(tmp_path / "beholder"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


def picture_for(backbone: Backbone) -> Tensor:
    """One small picture; a transformer takes only its own size."""
    fixed = backbone.name in {"vit_b_16"} or backbone.source == "timm"
    side = backbone.input if fixed else 96
    pixels = np.random.default_rng(1).normal(size=(1, 3, side, side)).astype(np.float32)
    return torch.from_numpy(pixels)


def vector_of(module: nn.Module, picture: Tensor) -> Tensor:
    with torch.inference_mode():
        vector: Tensor = module(picture)
    return vector


@pytest.mark.parametrize("name", _params())
def test_a_backbone_takes_its_own_weights_and_no_others(name: str, tmp_path: Path) -> None:
    backbone = get_backbone(name)
    picture = picture_for(backbone)
    network = build_classifier(backbone)
    state = {key: value.clone() for key, value in network.state_dict().items()}
    wanted = vector_of(cut_head(backbone, network), picture)
    assert wanted.shape == (1, backbone.width)
    assert torch.isfinite(wanted).all()

    torch.save(state, tmp_path / "own.pth")
    added = add_weights(backbone, tmp_path / "own.pth")
    (tmp_path / "own.pth").unlink()
    assert is_available(backbone)
    weights = backbone.find_weights()
    assert (weights.path, weights.is_random) == (added.path, False)
    assert torch.equal(vector_of(build_features(backbone, weights), picture), wanted)
    # the file that was kept is a named file too, with the same vectors and the same name for them
    shutil.copy(added.path, tmp_path / "own.safetensors")
    assert backbone.fingerprint(str(tmp_path / "own.safetensors")) == backbone.fingerprint()
    digest = backbone.fingerprint()

    key = next(key for key, value in state.items() if value.dim() == 4)
    save_file({**state, key: torch.zeros(2, 3, 5, 7)}, tmp_path / "wrong.safetensors")
    with pytest.raises(DamagedFile, match=rf"{key}: \(2, 3, 5, 7\), not"):
        add_weights(backbone, tmp_path / "wrong.safetensors")
    for wrong, said in (
        ({other: value for other, value in state.items() if other != key}, key),
        ({**state, key: torch.zeros(state[key].shape, dtype=torch.int8)}, f"{key}: int8, not float32"),
        ({**state, "stranger.weight": torch.zeros(1)}, "stranger.weight"),
    ):
        with pytest.raises(DamagedFile, match=said):
            matching_state(backbone, state, wrong, tmp_path / "wrong.pth")
    assert backbone.fingerprint() == digest
    assert [path.name for path in added_file(name).parent.iterdir()] == [added.path.name]


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    save_file(build_classifier(get_backbone("mobilenet_v3_large")).state_dict(), tmp_path / "other.safetensors")
    for name in ("resnet18", "efficientnet_lite0", "densenet121", TIMM):
        with pytest.raises(DamagedFile, match="holds no weights of"):
            add_weights(get_backbone(name), tmp_path / "other.safetensors")
    assert not is_available(get_backbone("resnet18"))


def test_numbers_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    state = build_classifier(get_backbone("resnet18")).state_dict()
    state["layer3.0.conv1.weight"][0, 0, 0, 0] = float("nan")
    save_file(state, tmp_path / "nan.safetensors")
    with pytest.raises(DamagedFile, match=r"layer3\.0\.conv1\.weight"):
        add_weights(get_backbone("resnet18"), tmp_path / "nan.safetensors")


def test_adding_says_what_served_until_now(tmp_path: Path) -> None:
    backbone = get_backbone("efficientnet_lite0")
    package = backbone.find_weights().path
    state = build_classifier(backbone).state_dict()
    save_file(state, tmp_path / "mine.safetensors")
    before = backbone.fingerprint()
    first = add_weights(backbone, tmp_path / "mine.safetensors")
    assert first.replaced == package
    assert first.tensors == len(state)
    assert backbone.fingerprint() != before
    assert add_weights(backbone, str(tmp_path / "mine.safetensors")).replaced == first.path
    first.path.unlink()
    assert backbone.fingerprint() == before


def test_a_classifier_of_other_classes_is_left_out(tmp_path: Path) -> None:
    backbone = get_backbone("mobilenet_v3_large")
    state = build_classifier(backbone).state_dict()
    state["classifier.3.weight"], state["classifier.3.bias"] = torch.zeros(7, 1280), torch.zeros(7)
    save_file(state, tmp_path / "seven.safetensors")
    assert add_weights(backbone, tmp_path / "seven.safetensors").tensors == len(state) - 2
    features = build_features(backbone, backbone.find_weights())
    assert torch.equal(features.state_dict()["classifier.0.weight"], state["classifier.0.weight"])


@pytest.mark.parametrize("wrapper", ["state_dict", "model"])
def test_a_training_s_checkpoint_is_unwrapped(wrapper: str, tmp_path: Path) -> None:
    backbone = get_backbone("resnet18")
    state = build_classifier(backbone).state_dict()
    torch.save({wrapper: {f"module.{key}": value for key, value in state.items()}}, tmp_path / "checkpoint.pth")
    add_weights(backbone, tmp_path / "checkpoint.pth")
    features = build_features(backbone, backbone.find_weights())
    assert torch.equal(features.state_dict()["layer1.0.conv1.weight"], state["layer1.0.conv1.weight"])


def test_a_file_that_is_missing_or_of_no_kind(tmp_path: Path) -> None:
    backbone = get_backbone("resnet18")
    with pytest.raises(NotFound):
        add_weights(backbone, tmp_path / "nothing.pth")
    (tmp_path / "weights.npz").write_bytes(b"x")
    with pytest.raises(UsageError, match="kind of weights"):
        add_weights(backbone, tmp_path / "weights.npz")


def test_inception_s_auxiliary_head_may_be_there_or_not() -> None:
    backbone = get_backbone("inception_v3")
    with torch.device("meta"):
        own = build_classifier(backbone).state_dict()
    assert any(key.startswith("AuxLogits.") for key in own)
    assert backbone.input == 299


@pytest.mark.slow
def test_inception_without_its_auxiliary_head(tmp_path: Path) -> None:
    backbone = get_backbone("inception_v3")
    network = build_classifier(backbone)
    state = {key: value for key, value in network.state_dict().items() if not key.startswith("AuxLogits.")}
    save_file(state, tmp_path / "short.safetensors")
    features = build_features(backbone, backbone.find_weights(str(tmp_path / "short.safetensors")))
    picture = picture_for(backbone)
    assert torch.equal(vector_of(features, picture), vector_of(cut_head(backbone, network), picture))
    # in training mode too there is one output, and it is the vector
    features.train()
    assert features(torch.cat([picture, picture])).shape == (2, 2048)
    # the colours are shifted from ImageNet's mean to Google's: what `transform_input` is for
    assert network.transform_input is True


def test_timm_translates_a_publisher_s_own_names(tmp_path: Path) -> None:
    import timm

    backbone = get_backbone(TIMM)
    network = timm.create_model(backbone.architecture, pretrained=False)
    state = dict(network.state_dict())
    # the published files of distilled ViTs and of MAE say "model" and "module."; timm's own filter reads them
    torch.save({"model": {f"module.{key}": value for key, value in state.items()}}, tmp_path / "published.pth")
    fresh = build_classifier(backbone)
    load_weights(backbone, fresh, tmp_path / "published.pth")
    assert all(torch.equal(value, state[key]) for key, value in fresh.state_dict().items())


def test_random_weights_say_so() -> None:
    assert get_backbone("resnet18").find_weights("none").is_random


def test_an_unknown_timm_network_is_told_its_neighbours() -> None:
    with pytest.raises(BeholderError, match="timm:resnet18") as caught:
        get_backbone("timm:resnet-18")
    assert caught.value.exit_code == 2


def test_a_timm_network_is_described_once_and_listed(described: Path) -> None:
    backbone = get_backbone("timm:test_vit.r160_in1k")
    assert (backbone.name, backbone.width, backbone.input) == ("timm:test_vit.r160_in1k", 64, 160)
    assert backbone in list_backbones()
    (file,) = (described / "timm").glob("*.json")
    assert file.stat().st_size < 2000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "width", "size", "kind"),
    [
        ("vit_base_patch16_clip_224.openai", 768, 224, "crop"),
        ("vit_base_patch16_siglip_224.webli", 768, 224, "crop"),
        ("vit_small_patch14_dinov2.lvd142m", 384, 518, "crop"),
        ("vit_small_patch16_dinov3.lvd1689m", 384, 256, "crop"),
        ("convnext_tiny.in12k_ft_in1k_384", 768, 384, "squash"),
        ("mobilenetv4_conv_small.e2400_r224_in1k", 1280, 224, "crop"),
    ],
)
def test_timm_s_own_data_settings_are_taken(name: str, width: int, size: int, kind: str) -> None:
    import timm
    from PIL import Image
    from timm.data import create_transform, resolve_model_data_config

    from engine.features.preprocess import prepare

    backbone = get_backbone(f"timm:{name}")
    assert (backbone.width, backbone.input, backbone.preprocess.kind) == (width, size, kind)
    with torch.device("meta"):
        network = timm.create_model(name)
    transform = create_transform(**resolve_model_data_config(network), is_training=False)
    smooth = np.random.default_rng(0).integers(0, 255, (9, 12, 3), dtype=np.uint8)
    image = Image.fromarray(smooth).resize((900, 640), Image.Resampling.BICUBIC)
    assert abs(prepare(image, backbone.preprocess) - transform(image).numpy()).mean() < 0.02


def test_a_border_is_filled_as_timm_does_it() -> None:
    from PIL import Image
    from timm.data import create_transform

    from engine.features.backbones import Preprocess
    from engine.features.preprocess import prepare

    how = Preprocess("border", 160, 180, "bicubic", (0.4, 0.5, 0.6), (0.2, 0.2, 0.2))
    transform = create_transform(
        (3, 160, 160), interpolation="bicubic", mean=how.mean, std=how.std, crop_pct=160 / 180, crop_mode="border"
    )
    smooth = np.random.default_rng(0).integers(0, 255, (9, 12, 3), dtype=np.uint8)
    image = Image.fromarray(smooth).resize((900, 500), Image.Resampling.BICUBIC)
    assert abs(prepare(image, how) - transform(image).numpy()).mean() < 0.02
