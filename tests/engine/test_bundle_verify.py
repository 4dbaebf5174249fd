"""verify looks at everything and says of each thing whether it is sound; nothing is raised, nothing changed."""

import pytest

from engine.features.backbones import get_backbone
from engine.models.bundle import find_bundle
from engine.models.verifying import exit_code, verify_bundle
from engine.workspace import Workspace
from tests.engine.made_bundles import contents, rewrite, save, vouch


@pytest.fixture
def info(tmp_path):
    workspace = Workspace(tmp_path)
    fingerprint = get_backbone("efficientnet_lite0").fingerprint()
    return save(workspace, weights="default", fingerprint=fingerprint, versions={"beholder": "0"})


def faults(info):
    """Return kind and state of all checks that found something, and the exit code."""
    before = contents(info.path)
    checks = verify_bundle(info)
    assert contents(info.path) == before
    assert all((check.message is None) == (check.state == "ok") for check in checks)
    assert all(check.to_dict()["state"] == check.state for check in checks)
    return [(check.kind, check.state) for check in checks if not check.is_ok], exit_code(checks)


def test_a_sound_model(info):
    checks = verify_bundle(info)
    assert [(check.kind, check.subject, check.state) for check in checks] == [
        ("manifest", "", "ok"),
        ("file", "golden.safetensors", "ok"),
        ("file", "taste.safetensors", "ok"),
        ("strays", "", "ok"),
        ("model", "taste", "ok"),
        ("golden", "16", "ok"),
        ("features", "efficientnet_lite0", "ok"),
    ]
    assert faults(info) == ([], 0)


def test_a_damaged_manifest_ends_it(info):
    (info.path / "manifest.json").write_text("{")
    assert faults(info) == ([("manifest", "damaged")], 4)


def test_changed_and_missing_files_are_all_named(info):
    (info.path / "taste.safetensors").write_bytes(b"other")
    (info.path / "golden.safetensors").unlink()
    assert faults(info) == (
        [("file", "damaged"), ("file", "damaged"), ("model", "skipped"), ("golden", "skipped")],
        4,
    )


def test_files_that_beholder_did_not_put_there(info, tmp_path):
    (info.path / "extra.py").write_text("x")
    kept = (info.path / "taste.safetensors").rename(tmp_path / "moved")
    (info.path / "taste.safetensors").symlink_to(kept)
    found, code = faults(info)
    assert found[:2] == [("strays", "damaged")] * 2
    assert code == 4


def test_forged_weights(info):
    from engine.models.arrays import load_arrays, save_arrays

    file = info.path / "taste.safetensors"
    arrays = load_arrays(file, ())
    save_arrays(file, {**arrays, "intercept": arrays["intercept"] + 5})
    vouch(info.path)
    assert faults(info) == ([("golden", "damaged")], 4)
    file.write_bytes(b"no tensors")
    vouch(info.path)
    assert faults(info) == ([("model", "damaged"), ("golden", "skipped")], 4)


def test_a_model_without_golden_rows(info):
    (info.path / "golden.safetensors").unlink()
    manifest = find_bundle(Workspace(info.path.parent.parent), info.model_id)
    vouched = {"taste.safetensors": ""}
    rewrite(manifest.path, files={})
    vouch(info.path, **vouched)
    assert faults(info) == ([("model", "skipped"), ("golden", "damaged")], 4)


def test_weights_that_are_not_here_are_no_damage(info):
    rewrite(info.path, backbone="vgg16")
    assert faults(info) == ([("features", "missing")], 5)
    rewrite(info.path, backbone="efficientnet_lite0", weights="/nowhere/net.safetensors")
    assert faults(info) == ([("features", "missing")], 5)


@pytest.mark.parametrize("change", [{"fingerprint": "0" * 16}, {"fingerprint": None}, {"backbone": "resnet51"}])
def test_features_that_would_be_others(info, change):
    rewrite(info.path, **change)
    assert faults(info) == ([("features", "damaged")], 4)
