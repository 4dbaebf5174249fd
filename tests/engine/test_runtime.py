"""Both runtimes give the same vectors; a conversion is checked, kept and mended; nothing is reported to anybody."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from engine.errors import UsageError
from engine.events import Notice
from engine.features.backbones import Backbone, get_backbone
from engine.features.converted import (
    MIN_COSINE,
    ConvertedNetwork,
    check_pictures,
    cosine_of,
    cpu_precisions,
    worst_cosine,
)
from engine.features.openvino_runtime import OpenVinoRuntime, import_openvino
from engine.features.preprocess import FloatArray, Pixels, normalised
from engine.features.runtime import Runtime, chosen_runtime, open_runtime
from engine.features.torch_runtime import TorchRuntime

LITE0 = get_backbone("efficientnet_lite0")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("converted")


def opened(backbone: Backbone, weights: str, folder: Path, runtime: str = "openvino") -> tuple[list[str], Runtime]:
    environ = {"BEHOLDER_CACHE": str(folder), "BEHOLDER_RUNTIME": runtime}
    *said, last = open_runtime(backbone, backbone.find_weights(weights), environ)
    assert not isinstance(last, Notice)
    return [str(notice.message) for notice in said if isinstance(notice, Notice)], last


def vectors_of(runtime: Runtime, pictures: list[Pixels]) -> list[FloatArray]:
    found = runtime.run((str(place), picture) for place, picture in enumerate(pictures))
    return [found[str(place)] for place in range(len(pictures))]


def test_both_runtimes_agree_on_pictures_of_all_shapes(folder: Path) -> None:
    random = np.random.default_rng(5)
    pictures = [*check_pictures(LITE0), random.integers(0, 255, (160, 320, 3)).astype(np.uint8)]
    said, fast = opened(LITE0, "default", folder)
    assert any("happens once" in text for text in said)
    assert isinstance(fast, OpenVinoRuntime)
    again, kept = opened(LITE0, "default", folder)
    assert again == []
    exact = TorchRuntime(LITE0, LITE0.find_weights())
    wanted, found, same = (vectors_of(runtime, pictures) for runtime in (exact, fast, kept))
    assert [vector.shape for vector in found] == [(3584,)] * len(pictures)
    assert min(cosine_of(left, right) for left, right in zip(found, wanted, strict=True)) > 0.999
    assert all(np.array_equal(left, right) for left, right in zip(found, same, strict=True))


def test_a_vector_depends_on_no_other_photo(folder: Path) -> None:
    _, runtime = opened(LITE0, "default", folder)
    pictures = check_pictures(LITE0)
    assert np.array_equal(vectors_of(runtime, pictures)[1], vectors_of(runtime, pictures[1:2])[0])


def test_the_vector_is_mean_and_deviation_of_the_late_stages() -> None:
    import torch

    from engine.features.networks import build_classifier, load_weights

    weights = LITE0.find_weights()
    assert weights.path is not None
    network = build_classifier(LITE0)
    load_weights(LITE0, network, weights.path)
    picture = check_pictures(LITE0)[0]
    with torch.inference_mode():
        maps = network.forward_features(torch.from_numpy(normalised(picture, LITE0.preprocess))[None])[0].numpy()  # type: ignore[operator]
    vector = TorchRuntime(LITE0, weights).run([("a", picture)])["a"]
    assert np.allclose(vector[1024:2304], maps.mean((1, 2)), atol=1e-4)
    assert np.allclose(vector[2304:], maps.std((1, 2)), atol=1e-4)


def test_a_torchvision_network_runs_and_its_classifier_is_left_out(folder: Path) -> None:
    backbone = get_backbone("resnet18")
    picture = check_pictures(backbone)[0]
    _, fast = opened(backbone, "none", folder)
    (vector,) = vectors_of(fast, [picture])
    assert vector.shape == (512,)
    assert cosine_of(vector, vectors_of(TorchRuntime(backbone, backbone.find_weights("none")), [picture])[0]) > 0.999


def converted(folder: Path) -> ConvertedNetwork:
    opened(LITE0, "default", folder)
    return ConvertedNetwork(LITE0, LITE0.find_weights(), folder)


def test_a_conversion_that_failed_the_check_is_not_used(folder: Path) -> None:
    network = converted(folder)
    record = json.loads(network.record_file.read_text())
    assert min(record["cosine"].values()) > 0.99
    assert record["cosine"]["f32"] > 0.9999
    network.record_file.write_text(json.dumps({**record, "cosine": {"bf16": 0.9, "f32": 0.99}}))
    said, runtime = opened(LITE0, "default", folder)
    network.record_file.write_text(json.dumps(record))
    assert isinstance(runtime, TorchRuntime)
    assert "slower PyTorch" in said[0]


def reversed_colours(steps: Any) -> None:
    steps.input().preprocess().reverse_channels()


def other_normalisation(steps: Any) -> None:
    types = import_openvino().Type
    steps.input().preprocess().convert_element_type(types.f32).scale(1.4).convert_element_type(types.u8)


def overflow(steps: Any) -> None:
    ops = import_openvino().opset13
    steps.output().postprocess().custom(lambda output: ops.multiply(output, np.float32(np.inf)).output(0))


@pytest.mark.parametrize("wrong", [reversed_colours, other_normalisation, overflow])
def test_a_wrong_conversion_fails_the_check_in_every_precision(folder: Path, wrong: Callable[[Any], None]) -> None:
    openvino = import_openvino()
    steps = openvino.preprocess.PrePostProcessor(openvino.Core().read_model(converted(folder).model_file))
    steps.input().tensor().set_layout(openvino.Layout("NHWC"))
    steps.input().model().set_layout(openvino.Layout("NHWC"))
    wrong(steps)
    model = steps.build()
    pictures = check_pictures(LITE0)[:1]
    wanted = vectors_of(TorchRuntime(LITE0, LITE0.find_weights()), pictures)
    for precision in cpu_precisions():
        assert worst_cosine(model, precision, pictures, wanted) < MIN_COSINE


def test_the_quickest_precision_passes_the_check_with_room_to_spare(folder: Path) -> None:
    network = converted(folder)
    record = json.loads(network.record_file.read_text())
    assert network.precision() == cpu_precisions()[0]
    assert record["cosine"][cpu_precisions()[0]] > 0.9997


def test_only_the_first_depthwise_convolution_is_kept_exact(folder: Path) -> None:
    layers = list(ElementTree.parse(converted(folder).model_file).iter("layer"))
    marked = [layer for layer in layers if any("Precision" in each.get("name", "") for each in layer.iter("attribute"))]
    depthwise = [layer for layer in layers if layer.get("type") == "GroupConvolution"]
    assert len(depthwise) > 10
    assert marked == depthwise[:1]


def test_what_was_compiled_serves_the_next_process_and_is_mended_when_damaged(folder: Path) -> None:
    compiled = converted(folder).compiled()
    assert compiled is not None
    for file in compiled.iterdir():
        file.unlink()
    picture = check_pictures(LITE0)[:1]
    first = vectors_of(opened(LITE0, "default", folder)[1], picture)
    (file,) = compiled.iterdir()
    assert np.array_equal(vectors_of(opened(LITE0, "default", folder)[1], picture), first)
    assert list(compiled.iterdir()) == [file]
    size = file.stat().st_size
    file.chmod(0o600)
    os.truncate(file, size // 2)
    assert np.array_equal(vectors_of(opened(LITE0, "default", folder)[1], picture), first)
    assert file.stat().st_size == size


def test_what_was_compiled_takes_a_bounded_place(folder: Path) -> None:
    compiled = converted(folder).compiled()
    assert compiled is not None
    for number in range(30):
        (compiled / f"{number}.blob").write_bytes(b"")
        os.utime(compiled / f"{number}.blob", (1000 + number, 1000 + number))
    converted(folder).compiled()
    assert len(list(compiled.iterdir())) == 18
    assert not (compiled / "0.blob").exists()


def test_a_conversion_of_an_earlier_layout_is_made_again(folder: Path) -> None:
    network = converted(folder)
    record = json.loads(network.record_file.read_text())
    network.record_file.write_text(json.dumps({**record, "layout": 1}))
    assert network.record() is None
    network.record_file.write_text(json.dumps(record))
    assert network.record() == record


def test_a_precision_that_lost_too_much_gives_way_to_the_next(folder: Path) -> None:
    network = converted(folder)
    record = json.loads(network.record_file.read_text())
    network.record_file.write_text(json.dumps({**record, "cosine": {"bf16": 0.9, "f32": 1.0}}))
    assert network.precision() == "f32"
    network.record_file.write_text(json.dumps(record))


def test_a_damaged_conversion_is_made_again(folder: Path) -> None:
    network = converted(folder)
    numbers = network.model_file.with_suffix(".bin")
    numbers.write_bytes(numbers.read_bytes()[:1000])
    said, runtime = opened(LITE0, "default", folder)
    assert any("happens once" in text for text in said)
    assert isinstance(runtime, OpenVinoRuntime)
    assert opened(LITE0, "default", folder)[0] == []
    assert [path.name for path in network.folder.parent.iterdir() if path.name.startswith(".")] == []


def test_a_cache_folder_that_can_t_be_written_costs_only_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    said, runtime = opened(get_backbone("resnet18"), "none", tmp_path / "file")
    assert isinstance(runtime, OpenVinoRuntime)
    assert any("can't be kept" in text for text in said)


def test_the_runtime_is_chosen_by_the_environment() -> None:
    assert chosen_runtime({}) == "openvino"
    assert chosen_runtime({"BEHOLDER_RUNTIME": "torch"}) == "torch"
    with pytest.raises(UsageError, match="tensorrt"):
        chosen_runtime({"BEHOLDER_RUNTIME": "tensorrt"})


def test_openvino_reports_to_nobody(tmp_path: Path) -> None:
    code = (
        "import sys; from engine.features.openvino_runtime import import_openvino; import_openvino();"
        "from openvino.tools.ovc import telemetry_utils; print(telemetry_utils.tm.__name__);"
        "print([m for m in sys.modules if m.startswith('openvino_telemetry.')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"HOME": str(tmp_path)}
    )
    assert done.stdout.split() == ["openvino.tools.ovc.telemetry_stub", "[]"]
    assert list(tmp_path.iterdir()) == []


def test_of_many_conversions_the_last_used_twenty_are_kept(tmp_path: Path) -> None:
    networks = tmp_path / "networks"
    for number in range(25):
        (networks / f"tuned-{number:02}").mkdir(parents=True)
        record = networks / f"tuned-{number:02}" / "parity.json"
        record.write_text("{}")
        os.utime(record, (1000 + number, 1000 + number))
    (networks / ".part-abandoned").mkdir()
    os.utime(networks / ".part-abandoned", (1000, 1000))
    backbone = get_backbone("resnet18")
    opened(backbone, "none", tmp_path)
    kept = sorted(path.name for path in networks.iterdir())
    assert kept == [ConvertedNetwork(backbone, backbone.find_weights("none"), tmp_path).folder.name] + [
        f"tuned-{number:02}" for number in range(6, 25)
    ]


def test_using_a_conversion_counts_as_its_last_use(folder: Path) -> None:
    network = converted(folder)
    os.utime(network.record_file, (1000, 1000))
    opened(LITE0, "default", folder)
    assert network.record_file.stat().st_mtime > 2000


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vit_b_16", "swin_t", "inception_v3", "convnext_tiny", "densenet121", "vgg16"])
def test_a_network_of_fixed_size_is_converted(name: str, tmp_path: Path) -> None:
    backbone = get_backbone(name)
    said, runtime = opened(backbone, "none", tmp_path)
    assert isinstance(runtime, OpenVinoRuntime), said
    (vector,) = vectors_of(runtime, check_pictures(backbone)[:1])
    assert vector.shape == (backbone.width,)
