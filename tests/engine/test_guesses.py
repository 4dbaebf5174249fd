"""What a model says of the album's photos: honest, kept by content, and never in the way."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import Interrupted
from engine.events import Notice, exhaust
from engine.jobs import client
from engine.labels.scorebook import ScoreBook
from engine.models.bundle import find_bundle, read_manifest, remove_bundle
from engine.prediction.guess_file import (
    GuessFile,
    Stamp,
    guess_folder,
    guess_path,
    load_guesses,
    save_guesses,
    still_true,
)
from engine.prediction.guesses import Guess, read_guesses, unguessed, write_guesses
from engine.prediction.score import Prediction, predict
from engine.training.run import run_training
from engine.training.spec import make_spec
from engine.workspace import Workspace
from tests.conftest import draw_photo


def train(workspace: Workspace, **values: object) -> str:
    exhaust(run_training(workspace, make_spec(**values)))
    return find_bundle(workspace, "latest").model_id


def ask(workspace: Workspace, *paths: Path, model: str = "best") -> list[Prediction]:
    return [
        event for event in predict(workspace, find_bundle(workspace, model), paths) if isinstance(event, Prediction)
    ]


@pytest.mark.parametrize("values", [{"split": (0.6, 0.2, 0.2)}, {"folds": 4, "model": "random-forest"}])
def test_a_scored_photos_guess_is_what_a_model_said_that_had_not_seen_it(workspace_factory, values):
    workspace = workspace_factory()
    book = ScoreBook(workspace)
    unscored = sorted(book.scores())[:4]
    book.set_many(dict.fromkeys(unscored))
    model_id = train(workspace, **values)
    found_id, guesses = read_guesses(workspace)
    scores = book.scores()
    assert found_id == model_id
    assert guesses.keys() == {entry.name for entry in book.entries()}
    assert {name for name, guess in guesses.items() if guess.held_out} == scores.keys()
    # the cross-validation's figure is exactly these guesses' error, and no in-sample guess has it
    cv = read_manifest(find_bundle(workspace, model_id))["metrics"]["cv"]
    error = sum(abs(guesses[name].score - score) for name, score in scores.items()) / len(scores)
    assert error == pytest.approx(cv["mae"], abs=1e-3)
    rows = {row.path.name: row.score for row in ask(workspace, *(workspace.data / name for name in unscored))}
    assert {name: guesses[name].score for name in unscored} == pytest.approx(rows, abs=1e-3)


def test_a_copy_of_a_scored_photo_does_not_betray_the_score(workspace_factory):
    workspace = workspace_factory()
    shutil.copy2(workspace.data / "10_0.jpg", workspace.data / "copy.jpg")
    train(workspace)
    _, guesses = read_guesses(workspace)
    assert guesses["copy.jpg"] == guesses["10_0.jpg"]
    assert guesses["copy.jpg"].held_out


def test_photos_added_since_are_asked_for_and_then_known(workspace_with_model, new_photos):
    workspace = workspace_with_model
    _, before = read_guesses(workspace)
    assert unguessed(workspace).paths == []
    for photo in new_photos.iterdir():
        shutil.copy2(photo, workspace.data)
    (workspace.data / "broken.jpg").write_text("not a picture")
    wanted = unguessed(workspace)
    assert {path.name for path in wanted.paths} == {"broken.jpg", *(photo.name for photo in new_photos.iterdir())}
    job = client.start(workspace, "predict", wanted.request())
    events = list(client.follow(workspace, job))
    assert events[-1]["type"] == "finished", client.log_text(workspace, job)
    model_id, after = read_guesses(workspace)
    assert model_id == wanted.model_id
    rows, _ = client.read_rows(workspace, job)
    told = {Path(row["path"]).name: row["score"] for row in rows if row["score"] is not None}
    assert {name: guess.score for name, guess in after.items() if name not in before} == told
    assert {name: after[name] for name in before} == before
    assert [path.name for path in unguessed(workspace).paths] == ["broken.jpg"]


def test_asking_about_a_learned_photo_keeps_the_honest_guess(workspace_with_model):
    workspace = workspace_with_model
    _, before = read_guesses(workspace)
    rows = {row.path.name: row.score for row in ask(workspace, workspace.data)}
    assert read_guesses(workspace)[1] == before
    assert any(abs(rows[name] - guess.score) > 1 for name, guess in before.items())


def test_a_replaced_photo_loses_its_guess_until_it_is_asked_about(workspace_with_model):
    workspace = workspace_with_model
    _, before = read_guesses(workspace)
    photo = workspace.data / "10_0.jpg"
    draw_photo(photo, 777, 0.9)
    assert read_guesses(workspace)[1].keys() == before.keys() - {photo.name}
    assert unguessed(workspace).paths == [photo]
    row = ask(workspace, photo)[0]
    # the model has never seen this picture, so its own word is honest
    assert read_guesses(workspace)[1][photo.name] == Guess(round(row.score, 4), False)


def test_a_learned_photo_that_was_touched_or_renamed_gets_its_honest_guess_back(workspace_with_model):
    workspace = workspace_with_model
    _, before = read_guesses(workspace)
    os.utime(workspace.data / "10_0.jpg", (1, 1))
    (workspace.data / "12_1.jpg").rename(workspace.data / "other name.jpg")
    exhaust(predict(workspace, find_bundle(workspace), unguessed(workspace).paths))
    _, after = read_guesses(workspace)
    assert after["10_0.jpg"] == before["10_0.jpg"]
    assert after["other name.jpg"] == before["12_1.jpg"]


def test_a_photo_scored_after_the_training_keeps_its_guess(workspace_with_model, new_photos):
    workspace = workspace_with_model
    name = shutil.copy2(next(new_photos.iterdir()), workspace.data).rpartition("/")[2]
    ask(workspace, workspace.data / name)
    guess = read_guesses(workspace)[1][name]
    ScoreBook(workspace).set(name, 3.0)
    assert read_guesses(workspace)[1][name] == guess
    assert not guess.held_out


def test_photos_elsewhere_leave_no_guess(workspace_with_model, new_photos):
    workspace = workspace_with_model
    before = read_guesses(workspace)
    (workspace.data / "deeper").mkdir()
    deeper = Path(shutil.copy2(next(new_photos.iterdir()), workspace.data / "deeper"))
    ask(workspace, new_photos, deeper)
    assert read_guesses(workspace) == before


def test_a_relative_path_and_a_linked_folder_lead_to_the_same_photo(workspace_with_model, new_photos, monkeypatch):
    workspace = workspace_with_model
    first, second = (Path(shutil.copy2(photo, workspace.data)) for photo in sorted(new_photos.iterdir())[:2])
    link = workspace.root.parent / "link"
    link.symlink_to(workspace.root)
    monkeypatch.chdir(workspace.root)
    ask(workspace, Path("data") / first.name, link / "data" / second.name)
    assert {first.name, second.name} <= read_guesses(workspace)[1].keys()


def test_an_interrupted_prediction_keeps_what_was_said(workspace_with_model):
    workspace = workspace_with_model
    for number in range(40):  # more than one batch
        draw_photo(workspace.data / f"new {number}.jpg", 1000 + number, 0.5, (32, 24))
    said: list[Prediction] = []
    photos = unguessed(workspace).paths
    events = predict(workspace, find_bundle(workspace), photos, should_stop=lambda: bool(said))
    with pytest.raises(Interrupted):
        for event in events:
            said += [event] if isinstance(event, Prediction) else []
    assert said
    assert {row.path.name for row in said} <= read_guesses(workspace)[1].keys()


def test_without_a_training_of_its_own_nothing_learned_is_remembered(workspace_with_model, new_photos):
    workspace = workspace_with_model
    shutil.rmtree(guess_folder(workspace))  # a model of an earlier version
    new = Path(shutil.copy2(next(new_photos.iterdir()), workspace.data))
    wanted = unguessed(workspace)
    assert wanted.paths == [new]
    assert wanted.model_id == find_bundle(workspace).model_id
    ask(workspace, workspace.data)
    assert read_guesses(workspace)[1].keys() == {new.name}


def test_the_best_model_with_guesses_speaks_until_it_is_gone(workspace_with_model):
    workspace = workspace_with_model
    first = find_bundle(workspace, "first")
    second = train(workspace, model="random-forest", name="second")
    best = find_bundle(workspace, "best")
    other = next(model_id for model_id in (first.model_id, second) if model_id != best.model_id)
    assert read_guesses(workspace)[0] == best.model_id
    guess_path(workspace, best.model_id).rename(workspace.root / "kept")
    assert read_guesses(workspace)[0] == other
    (workspace.root / "kept").rename(guess_path(workspace, best.model_id))
    place = remove_bundle(workspace, best)
    assert read_guesses(workspace)[0] == other
    # from the trash it may come back, so its guesses wait; they go when it is really gone
    write_guesses(workspace, other, {"10_0.jpg": Guess(50, True)})
    assert len(list(guess_folder(workspace).iterdir())) == 2
    shutil.rmtree(place)
    write_guesses(workspace, other, {"10_0.jpg": Guess(50, True)})
    assert [path.stem for path in guess_folder(workspace).iterdir()] == [other]
    assert read_guesses(workspace) == (other, {"10_0.jpg": Guess(50.0, True)})


def test_no_model_no_guesses(workspace):
    assert read_guesses(workspace) == ("", {})
    assert unguessed(workspace) == ("", [])


def test_known_sizes_and_times_spare_the_look(workspace_with_model):
    workspace = workspace_with_model
    guesses = read_guesses(workspace)
    entries = ScoreBook(workspace).entries(details=True)
    assert read_guesses(workspace, entries) == guesses
    assert read_guesses(workspace, entries[:3])[1].keys() == {entry.name for entry in entries[:3]}
    draw_photo(workspace.data / entries[0].name, 778, 0.5)
    assert entries[0].name not in read_guesses(workspace, ScoreBook(workspace).entries(details=True))[1]


def test_a_place_that_cannot_be_written_costs_the_guesses_alone(workspace_with_model):
    workspace = workspace_with_model
    shutil.rmtree(guess_folder(workspace))
    guess_folder(workspace).write_text("in the way")
    new = draw_photo(workspace.data / "new.jpg", 5, 0.5)
    events = list(predict(workspace, find_bundle(workspace), [new]))
    assert any(isinstance(event, Prediction) and event.score is not None for event in events)
    assert any("guesses" in str(event.message) for event in events if isinstance(event, Notice))
    before = len(list(workspace.models.iterdir()))
    events = list(run_training(workspace, make_spec(model="random-forest")))
    assert events[-1].type == "finished"
    assert any("guesses" in str(event.message) for event in events if isinstance(event, Notice))
    assert len(list(workspace.models.iterdir())) == before + 1


names = st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=20)
numbers = st.floats(-1e6, 1e6)


@settings(max_examples=50)
@given(st.dictionaries(names, st.tuples(numbers, st.booleans(), st.integers(0, 2**50), numbers)), st.booleans())
def test_what_is_written_is_read(tmp_path_factory, rows, complete):
    workspace = Workspace(tmp_path_factory.mktemp("roundtrip"))
    file = GuessFile(complete)
    for name, (score, held_out, size, modified) in rows.items():
        file.put(name, Guess(score, held_out), Stamp(size, modified, "0123456789abcdef" * 4))
    save_guesses(workspace, "m", file)
    again = load_guesses(workspace, "m")
    assert again == file
    now = {name: Stamp(size, modified) for name, (_, _, size, modified) in rows.items()}
    assert still_true(again.rows, now) == {name: Guess(round(row[0], 4), row[1]) for name, row in rows.items()}


@settings(max_examples=100)
@given(st.data())
def test_a_damaged_file_counts_as_none(tmp_path_factory, data):
    workspace = Workspace(tmp_path_factory.mktemp("damaged"))
    file = GuessFile(True)
    file.put("a.jpg", Guess(50.0, True), Stamp(10, 2.5, "ab" * 32))
    save_guesses(workspace, "m", file)
    path = guess_path(workspace, "m")
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    junk = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=3)
    line = data.draw(st.sampled_from(lines))
    line[data.draw(st.sampled_from(sorted(line)))] = data.draw(junk)
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    found = load_guesses(workspace, "m")
    for name, (score, _, size, modified, content) in found.rows.items():
        assert math.isfinite(score)
        assert [type(value) for value in (name, size, modified, content)] == [str, int, float, str]
    path.write_bytes(data.draw(st.binary()))
    assert load_guesses(workspace, "m") == GuessFile()


def test_reading_guesses_imports_nothing_heavy(workspace_with_model):
    code = f"""
import sys
from pathlib import Path
from engine.prediction.guesses import read_guesses
from engine.workspace import Workspace
assert len(read_guesses(Workspace(Path({str(workspace_with_model.root)!r})))[1]) == 30
heavy = {{"numpy", "torch", "sklearn", "pandas", "openvino", "scipy", "pydantic", "PIL"}} & sys.modules.keys()
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
