"""Checkpoints: complete or not there, two kept, never taken up by another fit, never fatal when damaged."""

import json

import numpy as np
import pytest
import torch

from engine.errors import Message
from engine.events import CurvePoint, Epoch, Notice
from engine.models.base import Recipe
from engine.models.neural.checkpoint import Checkpoint, CheckpointStore, put, take
from engine.models.neural.digest import fit_digest
from tests.engine.dying import dying_at
from tests.engine.made_features import made_set

EVENTS = (
    Epoch(1, 4, "all", 0.5, None, {"srcc": 0.25, "n": 4}, 1e-3, 1, None),
    CurvePoint("epochs", 1.0, "loss", 0.1 + 0.2, None),
    Notice(Message("Out of memory with {batch} photos in a step: going on with {half}.", {"batch": 8, "half": 4})),
)


def checkpoint(number):
    layout = torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(number))
    tensors = {"model.a": layout.contiguous(memory_format=torch.channels_last), "b": torch.tensor(float(number))}
    return Checkpoint({"epoch": number}, tensors, EVENTS)


def newest(store):
    """Return the notices and the checkpoint that a store gives."""
    found = list(store.latest())
    notices = [str(item.message) for item in found if isinstance(item, Notice)]
    return notices, found[-1] if found and isinstance(found[-1], Checkpoint) else None


@pytest.fixture
def store(tmp_path):
    made = CheckpointStore(tmp_path / "fit", "mine")
    for number in (1, 2, 3):
        made.save_epoch(number, checkpoint(number))
    return made


def names(store):
    return sorted(place.name for place in store.folder.iterdir())


def test_what_was_kept_comes_back_bit_by_bit(store):
    notices, found = newest(store)
    assert notices == [] and found.notes == {"epoch": 3} and list(found.events) == list(EVENTS)
    assert torch.equal(found.tensors["model.a"], checkpoint(3).tensors["model.a"])
    assert float(found.tensors["b"]) == 3.0


def test_the_last_two_are_kept(store):
    assert names(store) == ["epoch-00002", "epoch-00003"]


def test_nothing_but_tensors_and_json_is_written(store):
    assert {file.suffix for file in store.folder.rglob("*") if file.is_file()} == {".safetensors", ".json"}


def test_a_finished_fit_takes_the_place_of_its_epochs(store):
    store.save_done(checkpoint(9))
    assert names(store) == ["done"] and newest(store)[1].notes == {"epoch": 9}


@pytest.mark.parametrize("file", ["state.safetensors", "state.json"])
def test_a_damaged_one_falls_back_to_the_one_before(store, file):
    place = store.folder / "epoch-00003" / file
    data = bytearray(place.read_bytes())
    data[len(data) // 2] ^= 0xFF
    place.write_bytes(data)
    notices, found = newest(store)
    assert found.notes == {"epoch": 2}
    assert len(notices) == 1 and "can't be used" in notices[0]
    store.save_epoch(3, checkpoint(3))  # its place is free again
    assert newest(store)[1].notes == {"epoch": 3}


def test_an_emptied_one_and_a_cut_one_fall_back_too(store):
    (store.folder / "epoch-00003" / "state.json").unlink()
    tensors = store.folder / "epoch-00002" / "state.safetensors"
    tensors.write_bytes(tensors.read_bytes()[:20])
    notices, found = newest(store)
    assert found is None and len(notices) == 2


def test_one_of_another_fit_is_set_aside(store):
    other = CheckpointStore(store.folder, "another")
    notices, found = newest(other)
    assert found is None and len(notices) == 1 and "set aside" in notices[0]
    assert newest(other) == ([], None)
    assert sorted(place.name for place in (store.folder / "aside").iterdir()) == ["epoch-00002", "epoch-00003"]


def test_a_format_of_another_version_is_set_aside(store):
    notes = store.folder / "epoch-00003" / "state.json"
    notes.write_text(json.dumps(json.loads(notes.read_text()) | {"format": 99}))
    assert newest(store)[1] is None


def test_without_a_folder_nothing_is_kept():
    store = CheckpointStore(None, "mine").within("stage")
    store.save_epoch(1, checkpoint(1))
    store.save_done(checkpoint(1))
    assert list(store.latest()) == []


def test_death_at_any_moment_leaves_whole_checkpoints(tmp_path):
    step, seen = 1, set()
    while 4 not in seen:
        store = CheckpointStore(tmp_path / str(step), "mine")
        for number in (1, 2, 3):
            store.save_epoch(number, checkpoint(number))
        with dying_at(step):
            store.save_epoch(4, checkpoint(4))
        notices, found = newest(store)
        assert notices == [] and found.notes["epoch"] in {3, 4}
        seen.add(found.notes["epoch"])
        # the next one clears away what was left half done
        store.save_epoch(5, checkpoint(5))
        assert newest(store)[1].notes == {"epoch": 5}
        assert not [name for name in names(store) if name.startswith(".")]
        step += 1
    assert seen == {3, 4} and step > 4


def test_names_are_put_before_tensors_and_taken_away():
    tensors = {"a.b": torch.zeros(1), "c": torch.ones(1)}
    assert take({**put("model", tensors), **put("best", tensors)}, "best").keys() == tensors.keys()


def test_a_digest_tells_settings_scores_photos_and_seeds_apart():
    data = made_set(20)
    base = fit_digest(Recipe("frozen"), data, None)
    assert base == fit_digest(Recipe("frozen"), made_set(20), None)
    changed = made_set(20)
    changed.scores[3] += 1e-9
    others = [
        fit_digest(Recipe("frozen", lr=1e-4), data, None),
        fit_digest(Recipe("frozen", params={"hidden": 0}), data, None),
        fit_digest(Recipe("frozen"), changed, None),
        fit_digest(Recipe("frozen"), data, data),
        fit_digest(Recipe("frozen"), data, None, "other weights"),
        fit_digest(Recipe("frozen"), data.subset(np.arange(19)), None),
    ]
    assert len({base, *others}) == 7
