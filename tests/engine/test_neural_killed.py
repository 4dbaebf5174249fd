"""A training that is killed by the system and taken up again ends in the same bits as one that ran through."""

import os
import signal
import subprocess
import sys

import pytest

from tests.conftest import REPOSITORY
from tests.waiting import wait_until

_FIT = """
import json, pathlib, sys
import torch
torch.set_num_threads(1)
from engine.models.base import FitControl, Recipe
from engine.models.catalog import make_scorer
from tests.engine.made_features import made_set
from tests.engine.neural_sets import photo_set

model, place, kept, out = sys.argv[1], *map(pathlib.Path, sys.argv[2:])
if model == "frozen":
    data, recipe = made_set(400), Recipe(model, epochs=40, patience=40)
else:
    place.mkdir(exist_ok=True)
    data, recipe = photo_set(place, photos=8, features=False), Recipe(model, epochs=4, batch=4)
scorer = make_scorer(recipe)
told = [event.to_dict() for event in scorer.fit(data, control=FitControl(checkpoints=kept))]
out.mkdir()
scorer.save(out)
told = [event | {"eta": None} for event in told if event["type"] in ("epoch", "curve")]
(out / "events.json").write_text(json.dumps(told))
"""


def start(model, folder, name, kept):
    environ = os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    arguments = [model, str(folder / "photos"), str(kept), str(folder / name)]
    return subprocess.Popen([sys.executable, "-c", _FIT, *arguments], env=environ, stderr=subprocess.PIPE, text=True)


def run(model, folder, name, kept):
    process = start(model, folder, name, kept)
    errors = process.communicate()[1]
    assert process.returncode == 0, errors
    return {file.name: file.read_bytes() for file in (folder / name).iterdir()}


@pytest.mark.slow
@pytest.mark.parametrize(("model", "epoch"), [("frozen", "held-out/epoch-*"), ("finetune", "all/epoch-*")])
def test_killed_and_resumed_is_the_same_training(tmp_path, model, epoch):
    whole = run(model, tmp_path, "whole", tmp_path / "unbroken")
    kept = tmp_path / "kept"
    process = start(model, tmp_path, "never", kept)
    wait_until(lambda: list(kept.glob(epoch)) or process.poll() is not None, "a checkpoint", timeout=120)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL and not (tmp_path / "never").exists()

    resumed = run(model, tmp_path, "resumed", kept)
    assert len(resumed) > 1 and resumed == whole
