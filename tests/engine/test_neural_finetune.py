"""`finetune`: whole networks on small photos; learns, predicts as its saved network does, resumes, survives trouble."""

import dataclasses
import resource
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.errors import BeholderError, DamagedFile, ImageError, Interrupted, NeedMissing, NotEnoughData
from engine.events import ItemFailed, StepLoss
from engine.features.extract import Embedded, embed
from engine.models.base import FitControl, Recipe
from engine.models.catalog import make_scorer
from engine.models.neural.finetune import Finetune
from engine.storage import content_hash
from tests.engine.neural_sets import epochs_of, files_of, notices_of, photo_set, stop_after

FILES = ["finetune.json", "head.safetensors", "network.safetensors"]


@pytest.fixture(autouse=True)
def one_thread():
    """Bit-equal sums need one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """10 photos for training, with the features of the network as it is. Read only."""
    return photo_set(tmp_path_factory.mktemp("training"), photos=10)


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """4 photos for validation. Read only."""
    return photo_set(tmp_path_factory.mktemp("watched"), photos=4, seed=1)


@pytest.fixture(scope="module")
def tuned(photos, watched):
    """A network tuned for four epochs, and what it told. Read only."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    scorer = make_scorer(Recipe("finetune", epochs=4, batch=5, augment="none", dropout=0.0))
    events = list(scorer.fit(photos, watched))
    torch.set_num_threads(before)
    return scorer, events


def test_its_loss_falls_and_its_order_is_right(tuned, photos):
    scorer, events = tuned
    epochs = epochs_of(events)
    assert [event.epoch for event in epochs] == [0, 1, 2, 3, 4]
    assert [event.stage for event in epochs] == ["head", "all", "all", "all", "all"]
    assert epochs[-1].train_loss < epochs[1].train_loss
    assert min(event.validation_loss for event in epochs[1:]) < epochs[0].validation_loss
    assert [event.steps for event in events if isinstance(event, StepLoss)] and epochs[-1].eta == 0
    assert {event.metric for event in events if event.type == "curve"} == {"loss", "mae", "srcc"}
    guesses = scorer.predict(scorer.vectors(photos))
    assert np.corrcoef(guesses, photos.scores)[0, 1] > 0.7


def test_the_saved_network_gives_the_vectors_and_scores(tuned, photos, tmp_path):
    scorer, _ = tuned
    scorer.save(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == FILES
    network = tmp_path / "network.safetensors"
    assert scorer.weights_digest() == content_hash(network)
    embedded = embed(photos.photos, "efficientnet_lite0", cache=None, weights=str(network))
    found = np.stack([item.vector for item in embedded if isinstance(item, Embedded)])
    own = scorer.vectors(photos)
    cosine = (found * own).sum(axis=1) / np.linalg.norm(found, axis=1) / np.linalg.norm(own, axis=1)
    assert cosine.min() >= 0.999
    # of 100 points: a processor with bf16 rounds what it predicts from
    assert np.abs(scorer.predict(found) - scorer.predict(own)).max() <= 1.5
    assert np.abs(own - photos.features).max() > 0.01  # it is not the network that it began with


def test_what_is_loaded_predicts_the_same(tuned, photos, watched, tmp_path):
    scorer, _ = tuned
    scorer.save(tmp_path)
    loaded = Finetune.load(tmp_path)
    vectors = scorer.vectors(watched)
    assert loaded.predict(vectors).tolist() == scorer.predict(vectors).tolist()
    assert loaded.weights_digest() == scorer.weights_digest()
    assert loaded.vectors(watched) == pytest.approx(vectors, abs=1e-3)
    assert files_of(loaded, tmp_path / "again") == {name: (tmp_path / name).read_bytes() for name in FILES}


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_named(tuned, photos, tmp_path, name):
    tuned[0].save(tmp_path)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-9])
    with pytest.raises(DamagedFile, match=name.partition(".")[0]):
        Finetune.load(tmp_path).vectors(photos)


@pytest.mark.slow
def test_groups_are_held_out_where_there_is_no_validation_part(tmp_path):
    data = photo_set(tmp_path, photos=24, features=False)
    scorer = Finetune(Recipe("finetune", epochs=1))
    events = list(scorer.fit(data))
    assert epochs_of(events)[-1].metrics["n"] == scorer.details()["held_out"] == 4


@pytest.mark.slow
def test_a_stopped_fit_goes_on_to_the_same_bits(photos, watched, tmp_path):
    recipe = Recipe("finetune", epochs=4, batch=4, augment="strong", loss="huber+0.5*rank")
    whole = Finetune(recipe)
    events = list(whole.fit(photos, watched))
    stop_after(Finetune(recipe), photos, watched, tmp_path / "kept", 2)
    second = Finetune(recipe)
    told = list(second.fit(photos, watched, control=FitControl(checkpoints=tmp_path / "kept")))
    assert files_of(second, tmp_path / "second") == files_of(whole, tmp_path / "whole")
    assert [dataclasses.replace(event, eta=None) for event in epochs_of(told)] == [
        dataclasses.replace(event, eta=None) for event in epochs_of(events)
    ]
    assert second.details() == whole.details()

    asked = []
    third = Finetune(recipe)
    control = FitControl(checkpoints=tmp_path / "kept", should_stop=lambda: bool(asked.append(1)))
    told = list(third.fit(photos, watched, control=control))
    assert asked == [] and [event.epoch for event in epochs_of(told)] == [0, 1, 2, 3, 4]
    assert files_of(third, tmp_path / "third") == files_of(whole, tmp_path / "same")
    assert third.vectors(photos).tolist() == second.vectors(photos).tolist()


def test_a_stop_in_the_middle_of_a_step_is_heeded(photos, watched):
    steps = []
    asked = []

    def should_stop():
        asked.append(len(steps))
        return asked.count(1) >= 2  # once at the head of the second step, then within it

    scorer = Finetune(Recipe("finetune", epochs=50))
    with pytest.raises(Interrupted):
        for event in scorer.fit(photos, watched, control=FitControl(should_stop=should_stop)):
            if event.type == "epoch" and event.epoch:
                steps += [event]
    assert len(steps) == 1


def test_a_finish_keeps_the_best_so_far(photos, watched):
    told = []
    scorer = Finetune(Recipe("finetune", epochs=50))
    control = FitControl(should_finish=lambda: len(epochs_of(told)) == 2)
    for event in scorer.fit(photos, watched, control=control):
        told += [event]
    assert [event.epoch for event in epochs_of(told)] == [0, 1] and scorer.details()["epochs"] == 1
    assert np.isfinite(scorer.predict(scorer.vectors(photos))).all()


def test_random_weights_and_strong_augmentation_are_told(photos):
    few = photos.subset(np.arange(8))
    events = Finetune(Recipe("finetune", epochs=1, weights="none", augment="strong")).fit(few)
    told = notices_of(events)
    assert any("begins with random numbers" in text for text in told)
    assert any("Strong augmentation changes colours and crops" in text for text in told)


def test_a_pure_rank_loss_ends_in_the_persons_unit(photos):
    scorer = Finetune(Recipe("finetune", epochs=1, loss="rank"))
    list(scorer.fit(photos))
    guesses = scorer.predict(scorer.vectors(photos))
    assert abs(guesses.mean() - photos.scores.mean()) < 1 and 5 < guesses.std() < 40


def test_a_photo_that_vanished_or_changed_is_told_and_left_out(photos, tmp_path):
    data = copied(photos, tmp_path)
    data.photos[3].unlink()
    shutil.copy(data.photos[5], data.photos[4])
    scorer = Finetune(Recipe("finetune", epochs=1))
    failed = [event for event in scorer.fit(data) if isinstance(event, ItemFailed)]
    assert [event.path for event in failed] == [str(data.photos[3]), str(data.photos[4])]
    assert "There is no" in str(failed[0].reason) and "changed" in str(failed[1].reason)
    assert scorer.details()["left_out"] == 2
    with pytest.raises(ImageError, match="2 photos"):
        scorer.vectors(data)
    data.photos[4].unlink()
    shutil.copy(photos.photos[4], data.photos[4])
    guesses = scorer.predict(scorer.vectors(data))  # one that is lost gets an average score
    assert guesses.min() < guesses[3] < guesses.max()


def copied(data, folder):
    files = tuple(shutil.copy(path, folder / path.name) for path in data.photos)
    return dataclasses.replace(data, photos=files)


def test_too_few_readable_photos_are_an_error(photos, tmp_path):
    data = copied(photos, tmp_path)
    for path in data.photos[:3]:
        path.write_bytes(b"no picture")
    with pytest.raises(NotEnoughData, match="Only 7 scored photos"):
        list(Finetune(Recipe("finetune", epochs=1)).fit(data))


def test_pixels_beyond_the_limit_lie_on_the_disk(photos):
    from engine.features.backbones import get_backbone
    from engine.features.preprocess import load_input
    from engine.models.neural.pixels import normalised, read_pixels

    how = get_backbone("efficientnet_lite0").preprocess
    reading = read_pixels(photos.photos, photos.hashes, how, lambda: False, 3_000_000)
    while True:
        try:
            next(reading)
        except StopIteration as end:
            store = end.value
            break
    assert store.rows().tolist() == list(range(10)) and len(store._places) > 4
    for row in range(10):
        found = normalised(store.batch([row]), how)[0].numpy()
        assert np.abs(found - load_input(photos.photos[row], how)).max() < 1e-5
    batches = store.by_shape(np.arange(10), 4)
    assert sorted(np.concatenate(batches).tolist()) == list(range(10)) and max(map(len, batches)) <= 4


def test_equal_scores_and_eight_photos_are_no_obstacle(photos):
    data = dataclasses.replace(photos.subset(np.arange(8)), scores=np.full(8, 42.0))
    scorer = Finetune(Recipe("finetune", epochs=1))
    list(scorer.fit(data))
    assert scorer.predict(scorer.vectors(data)) == pytest.approx(np.full(8, 42.0), abs=1.0)


def test_a_learning_rate_far_too_high_is_an_error_with_a_remedy(photos):
    recipe = Recipe("finetune", epochs=1, lr=1e30, batch=4, augment="none")
    with pytest.raises(BeholderError, match="Try a learning rate of 1e\\+29"):
        list(Finetune(recipe).fit(photos))


def test_a_network_too_large_for_the_memory_is_refused_with_figures():
    from engine.features.backbones import get_backbone
    from engine.models.neural.appetite import appetite, require_memory
    from engine.models.neural.memory import available_memory

    vgg = get_backbone("vgg16")
    need = appetite(vgg)
    assert 4e9 < need.fixed < 5e9 and 3e7 < need.each < 3e8
    with pytest.raises(NeedMissing, match=r"vgg16 needs about 4\.\d GB of memory; 1\.0 GB are free"):
        require_memory(vgg, need, 10**9)
    require_memory(vgg, need, 10**10)
    assert need.batch_within(16, need.fixed * 2) == 16
    assert need.batch_within(16, int((need.fixed + 5 * need.each) / 0.9)) == 4
    assert need.batch_within(16, None) == 16

    free = available_memory(torch.device("cpu"))
    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (pages + 10**9, before[1]))
    try:
        limited = available_memory(torch.device("cpu"))
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
    assert free is not None and limited is not None and limited <= 10**9 < free + 10**9
