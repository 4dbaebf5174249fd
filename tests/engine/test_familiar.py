"""A photo unlike all that was scored is known, also by a bundle from elsewhere, and its interval is wide."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from engine.errors import DamagedFile
from engine.features.extract import Embedded
from engine.models.arrays import load_arrays, save_arrays
from engine.models.bundle import find_bundle, load_bundle, read_manifest
from engine.models.carrying import export_bundle, import_bundle
from engine.models.familiar import Familiar
from engine.models.verifying import verify_bundle
from engine.prediction.judge import Judge
from engine.storage import write_json
from engine.workspace import Workspace
from tests.engine.made_bundles import refused, rewrite, vouch

BLOCKS = (40, 60)
FILE = "familiar.safetensors"


@pytest.fixture(autouse=True)
def one_thread():
    """Threads of a busy machine wait for each other longer than they work."""
    with threadpool_limits(limits=1):
        yield


def world(seed=0, kinds=12):
    """Return what makes photos of one world: a dozen subjects, mixed, as features that are never negative."""
    subjects = np.abs(np.random.default_rng(seed).normal(size=(kinds, sum(BLOCKS)))) ** 2

    def photos(count, seed):
        random = np.random.default_rng(seed)
        mix = random.dirichlet(np.full(kinds, 0.7), count)
        return (mix @ subjects + 0.4 * np.abs(random.normal(size=(count, sum(BLOCKS))))).astype(np.float32)

    return photos


@pytest.mark.parametrize(("size", "alarm"), [(12, 0.1), (25, 0.05), (75, 0.05), (300, 0.05)])
def test_photos_of_the_same_world_are_rarely_far_and_those_of_another_mostly(size, alarm):
    alarms, found = [], []
    for seed in range(8 if size < 100 else 2):
        here, elsewhere = world(seed), world(1000 + seed)
        familiar = Familiar.fit(here(size, seed), np.arange(size), BLOCKS, seed=seed)
        alarms.append(familiar.is_far(here(300, 5000 + seed)).mean())
        found.append(familiar.is_far(elsewhere(300, 6000 + seed)).mean())
    assert np.mean(alarms) <= alarm
    assert np.mean(found) >= 0.8


def test_what_was_scored_itself_is_never_far():
    rows = world()(60, 0)
    familiar = Familiar.fit(rows, np.arange(60), BLOCKS)
    assert not familiar.is_far(rows).any()
    assert not familiar.is_far(rows * 3).any()  # the direction counts, not the length
    assert familiar.strangeness(rows[:0]).shape == (0,)


def test_photos_of_one_burst_do_not_make_each_other_usual():
    photos = world()
    rows = np.repeat(photos(20, 0), 5, axis=0) * np.random.default_rng(0).uniform(0.97, 1.03, (100, sum(BLOCKS)))
    groups = np.repeat(np.arange(20), 5)
    rows = rows.astype(np.float32)
    careful = Familiar.fit(rows, groups, BLOCKS)
    careless = Familiar.fit(rows, np.arange(100), BLOCKS)
    unseen = photos(300, 1)
    assert careful.is_far(unseen).mean() <= 0.15
    assert careless.is_far(unseen).mean() > 0.5


def test_few_groups_say_nothing():
    rows = world()(20, 0)
    assert Familiar.fit(rows, np.arange(20) % 4, BLOCKS) is None
    unseen = np.zeros(20, np.bool_)
    unseen[:3] = True
    assert Familiar.fit(rows, np.arange(20), BLOCKS, unseen=unseen) is None


def test_features_that_are_flat_or_empty_break_nothing():
    rows = world()(30, 0)
    rows[:, : BLOCKS[0]] = 0
    rows[3] = 0
    familiar = Familiar.fit(rows, np.arange(30), BLOCKS)
    assert np.isfinite(familiar.strangeness(rows)).all()
    same = Familiar.fit(np.ones((10, sum(BLOCKS)), np.float32), np.arange(10), (sum(BLOCKS),))
    assert not same.is_far(np.ones((2, sum(BLOCKS)), np.float32)).any()


def test_what_is_kept_is_small_and_says_the_same(tmp_path):
    photos, blocks = np.random.default_rng(0).random((600, 1280)).astype(np.float32), (320, 320, 640)
    familiar = Familiar.fit(photos, np.arange(600) // 2, blocks)
    familiar.save(tmp_path)
    assert (tmp_path / FILE).stat().st_size < 500_000
    loaded = Familiar.load(tmp_path)
    np.testing.assert_array_equal(loaded.strangeness(photos[:50]), familiar.strangeness(photos[:50]))


def test_a_group_of_many_leaves_room_for_the_others():
    photos = world()
    rows = np.concatenate([np.repeat(photos(1, 0), 400, axis=0), photos(60, 1)])
    groups = np.concatenate([np.zeros(400, np.int64), np.arange(1, 61)])
    familiar = Familiar.fit(rows, groups, BLOCKS)
    assert familiar.strangeness(photos(60, 1)).max() < 0.9


def embedded(rows):
    return [Embedded(Path(f"{number}.jpg"), row, "") for number, row in enumerate(rows)]


def strange(model):
    """Return a vector that looks like nothing: noise of any sign where features are never negative."""
    return np.random.default_rng(0).normal(size=(1, model.familiar.width)).astype(np.float32) * 10


def test_a_far_photo_is_said_to_be_far_and_has_the_interval_of_any_score(workspace_with_model):
    info = find_bundle(workspace_with_model, "first")
    bundle = load_bundle(info)
    known = load_arrays(info.path / "golden.safetensors", ("features",))["features"]
    far = Judge(bundle)(embedded(strange(bundle)))[0]
    near = Judge(bundle)(embedded(known))
    low, high = bundle.manifest["interval"]["far"]
    assert far.far and not any(row.far for row in near)
    assert far.low <= low < high <= far.high
    assert far.high - far.low > max(row.high - row.low for row in near)
    assert all(row.low <= row.score <= row.high for row in (far, *near))
    assert "far" not in far.to_row()


def test_a_bundle_of_before_knows_no_far_photo_and_predicts_as_before(workspace_with_model):
    info = find_bundle(workspace_with_model, "first")
    bundle = load_bundle(info)
    asked = embedded(strange(bundle))
    manifest = read_manifest(info)
    (info.path / FILE).unlink()
    half = manifest["interval"]["halfwidth"]
    manifest["interval"] = {"coverage": 0.9, "halfwidth": half}
    manifest["files"].pop(FILE)
    write_json(info.path / "manifest.json", manifest)
    old = load_bundle(info)
    assert old.familiar is None
    row = Judge(old)(asked)[0]
    assert not row.far
    assert row.score == Judge(bundle)(asked)[0].score
    assert (row.low, row.high) == (max(row.score - half, 0), min(row.score + half, 100))


def test_a_carried_model_still_knows(workspace_with_model, tmp_path):
    info = find_bundle(workspace_with_model, "first")
    there = Workspace(tmp_path / "there")
    there.create()
    carried = load_bundle(import_bundle(there, export_bundle(workspace_with_model, info, tmp_path / "stick")))
    assert Judge(carried)(embedded(strange(carried)))[0].far


def forged(name):
    """Return what somebody who forges the file would write into it."""

    def change(arrays):
        made = {
            "nan": {"usual": arrays["usual"] * np.nan},
            "limit": {"limit": np.zeros(1)},
            "spread": {"spread": -arrays["spread"]},
            "blocks": {"widths": arrays["widths"] * 2},
            "no blocks": {"widths": np.array([-1.0, *arrays["widths"][1:]])},
            "many photos": {"rows": np.repeat(arrays["rows"], 300, 1), "lengths": np.repeat(arrays["lengths"], 300, 0)},
            "other features": {"basis": arrays["basis"][:-1], "widths": arrays["widths"] - np.eye(6)[5]},
            "integers": {"rows": np.ones(arrays["rows"].shape, np.int16)},
            "parts": {"usual": arrays["usual"][:2], "spread": arrays["spread"][:2]},
        }
        return {**arrays, **made[name]}

    return change


@pytest.mark.parametrize(
    "name",
    ["nan", "limit", "spread", "blocks", "no blocks", "many photos", "other features", "integers", "parts"],
)
def test_a_forged_reference_is_refused(workspace_with_model, tmp_path, name):
    info = find_bundle(workspace_with_model, "first")
    folder = export_bundle(workspace_with_model, info, tmp_path / "stick")
    save_arrays(folder / FILE, forged(name)(load_arrays(folder / FILE, ())))
    vouch(folder)
    there = Workspace(tmp_path / "there")
    there.create()
    refused(there, folder, FILE)
    save_arrays(info.path / FILE, forged(name)(load_arrays(info.path / FILE, ())))
    vouch(info.path)
    with pytest.raises(DamagedFile, match=FILE):
        load_bundle(info)
    assert [check.subject for check in verify_bundle(info) if not check.is_ok] == [FILE]


def test_what_is_no_reference_at_all_is_refused(workspace_with_model, tmp_path):
    info = find_bundle(workspace_with_model, "first")
    folder = export_bundle(workspace_with_model, info, tmp_path / "stick")
    there = Workspace(tmp_path / "there")
    there.create()
    (folder / FILE).write_bytes(b"\x80\x04nonsense")
    refused(there, folder, FILE)  # its hash
    vouch(folder)
    refused(there, folder, FILE)
    with (folder / FILE).open("wb") as file:
        file.truncate((16 << 20) + 1)
    vouch(folder)
    refused(there, folder, "too many")
    rewrite(folder, interval={"coverage": 0.9, "halfwidth": 5.0, "far": [9.0, 1.0]})
    refused(there, folder, "interval")


def test_asking_takes_numpy_alone(workspace_with_model):
    code = (
        "import sys; from pathlib import Path; from engine.workspace import Workspace\n"
        "from engine.models.bundle import find_bundle, load_bundle; import numpy as np\n"
        "b = load_bundle(find_bundle(Workspace(Path(sys.argv[1])), 'first'))\n"
        "from engine.prediction.judge import Judge; from engine.features.extract import Embedded\n"
        "rows = np.random.default_rng(0).normal(size=(3, b.familiar.width)).astype(np.float32)\n"
        "assert all(p.far for p in Judge(b)([Embedded(Path('x'), r, '') for r in rows]))\n"
        "print([n for n in ('torch', 'sklearn', 'scipy', 'openvino', 'pandas') if n in sys.modules])"
    )
    command = [sys.executable, "-c", code, str(workspace_with_model.root)]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ), check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


@pytest.mark.slow
def test_made_pictures_are_far_from_real_photos_and_photos_are_not(tmp_path):
    base = Path(os.environ.get("BEHOLDER_EVAL_DATA", "../shared/data"))
    if not (base / "oasis").is_dir():
        pytest.skip(f"there is no evaluation set in {base}; BEHOLDER_EVAL_DATA names its folder")
    from benchmarks.coverage import other_pictures
    from benchmarks.model_families import draws, read_album
    from engine.features.cache import FeatureCache

    with FeatureCache(tmp_path / "features.sqlite") as cache:
        album, others = read_album(base / "oasis", cache), other_pictures(base, cache)
    alarms, flagged = [], {kind: [] for kind in others}
    for draw in draws(album, 75, 10):
        data = draw.data.subset(draw.seen)
        familiar = Familiar.fit(data.features, data.groups, data.blocks, seed=data.seed)
        alarms.append(familiar.is_far(draw.data.features[draw.unseen]).mean())
        for kind, rows in others.items():
            flagged[kind].append(familiar.is_far(rows).mean())
    assert np.mean(alarms) <= 0.05
    assert np.mean(flagged.pop("photos from elsewhere")) <= 0.05
    drawings = np.mean(flagged.pop("line drawing"))  # the network takes them for things on a white ground
    assert drawings < np.mean([np.mean(shares) for shares in flagged.values()])
    assert np.mean([np.mean(shares) for shares in flagged.values()]) >= 0.75
    for kind in ("page of text", "screen", "scan", "pattern"):
        assert np.mean(flagged[kind]) >= 0.7, kind
