"""Explaining one photo: its neighbours, its standing, its map and measures; what can't be explained says why."""

import json
import shutil
import time

import numpy as np
import pytest
from PIL import Image

from engine.errors import ImageError, Interrupted, NotFound
from engine.features.cache import FeatureCache
from engine.features.file_key import FileKey
from engine.labels.scorebook import ScoreBook
from engine.models.bundle import find_bundle
from engine.models.standardise import Standardiser
from engine.prediction.explain import explain
from engine.prediction.explanation import Explanation
from engine.prediction.neighbours import BINS, ScoredPhotos
from engine.prediction.open_model import OpenModel
from engine.workspace import Scale, Workspace
from tests.conftest import draw_photo


@pytest.fixture(scope="module")
def album(tmp_path_factory, trained_workspace):
    """A copy of the trained workspace, at another place."""
    return Workspace(shutil.copytree(trained_workspace.root, tmp_path_factory.mktemp("explain") / "ws"))


@pytest.fixture(scope="module")
def model(album):
    with OpenModel(album, find_bundle(album, "first")) as opened:
        yield opened


@pytest.fixture(scope="module")
def explained(model, new_photos):
    return explain(model, new_photos / "new-c.jpg")


def test_everything_that_can_be_said_is_there(explained, model, new_photos):
    prediction = next(item for item in model.predict([new_photos / "new-c.jpg"]) if hasattr(item, "score"))
    assert (explained.score, explained.low, explained.high) == (prediction.score, prediction.low, prediction.high)
    assert explained.heat.method == "occlusion"
    values = np.array(explained.heat.values)
    assert values.shape == (8, 10)
    assert np.abs(values).max() == 1
    assert explained.heat.box == (0, 0, 1, 1)
    assert explained.measurements.exposure > 20
    assert explained.standing.n == 30
    assert sum(explained.standing.counts) == 30
    assert len(explained.standing.counts) == BINS
    assert explained.model_id == model.info.model_id
    text = json.dumps(explained.to_dict(), allow_nan=False)
    again = Explanation.from_dict(json.loads(text))
    assert json.dumps(again.to_dict()) == text


def test_neighbours_are_scored_photos_the_nearest_first(explained, album):
    scores = ScoreBook(album).scores()
    assert len(explained.nearest) == 3
    assert all(item.score == scores[item.name] for item in explained.nearest)
    similar = [item.similarity for item in explained.nearest]
    assert similar == sorted(similar, reverse=True)
    assert max(abs(item.score - explained.score) for item in explained.nearest) < 40  # brightness is the taste here


def test_the_photo_itself_and_its_copies_are_no_neighbours(model, album, tmp_path):
    name = min(path.name for path in album.data.glob("*.jpg"))
    copy = shutil.copy(album.data / name, tmp_path / "copy.jpg")
    for path in (album.data / name, copy):
        found = explain(model, path, heat=False)
        assert found.heat is None
        assert len(found.nearest) == 3
        assert name not in {item.name for item in found.nearest}


def test_by_gradients_too(model, new_photos):
    found = explain(model, new_photos / "new-a.jpg", method="grad-cam")
    assert found.heat.method == "grad-cam"
    values = np.array(found.heat.values)
    assert values.shape == (12, 16)
    assert np.abs(values).max() == 1
    assert values.std() > 0


def test_a_plain_photo_has_a_map_of_nothing(model, tmp_path):
    Image.new("RGB", (300, 200), (90, 90, 90)).save(tmp_path / "plain.png")
    for method in ("occlusion", "grad-cam"):
        found = explain(model, tmp_path / "plain.png", method=method)
        assert not np.any(found.heat.values)


def test_what_cannot_be_explained(model, tmp_path, new_photos):
    with pytest.raises(NotFound, match=r"gone\.jpg"):
        explain(model, tmp_path / "gone.jpg")
    (tmp_path / "text.jpg").write_text("no picture")
    with pytest.raises(ImageError, match="not a picture"):
        explain(model, tmp_path / "text.jpg")
    with pytest.raises(Interrupted):
        explain(model, new_photos / "new-a.jpg", should_stop=lambda: True)


def test_standing_counts_ties_half_and_knows_its_scale(workspace_with_model):
    book = ScoreBook(workspace_with_model)
    names = sorted(book.scores())
    book.set_many(dict.fromkeys(names[:20], 40.0) | dict.fromkeys(names[20:], 60.0))
    with OpenModel(workspace_with_model, find_bundle(workspace_with_model, "first")) as opened:
        scored = ScoredPhotos(opened)
        assert scored.standing(40.0).percentile == pytest.approx(100 * 10 / 30)
        assert scored.standing(50.0).percentile == pytest.approx(100 * 20 / 30)
        assert scored.standing(100.0).percentile == 100
        counts = scored.standing(50.0).counts
        assert (counts[8], counts[12], sum(counts)) == (20, 10, 30)
        for name in names:
            book.set(name, None)
        empty = ScoredPhotos(opened)
        assert empty.standing(50.0) is None
        assert empty.nearest(np.zeros(opened.backbone.width, np.float32), "") == ()


def test_scores_of_another_scale_are_not_compared(workspace_with_model, tmp_path):
    other = Workspace(tmp_path / "other")
    other.create(Scale(0, 200))
    shutil.copytree(workspace_with_model.models, other.models, dirs_exist_ok=True)
    draw_photo(other.data / "a.jpg", 1, 0.5)
    ScoreBook(other).set("a.jpg", 150)
    with OpenModel(other, find_bundle(other, "first")) as opened:
        assert ScoredPhotos(opened).standing(50.0) is None


def test_among_many_the_nearest_are_those_of_the_whole_vectors(workspace_with_model, tmp_path):
    """Sketches choose the candidates: of 900 photos, the three that the whole vectors say."""
    workspace = Workspace(tmp_path / "many")
    workspace.create()
    random = np.random.default_rng(0)
    shutil.copytree(workspace_with_model.models, workspace.models, dirs_exist_ok=True)
    with OpenModel(workspace, find_bundle(workspace, "first")) as opened:
        width = opened.backbone.width
        themes = random.normal(size=(60, width)) * random.uniform(0.2, 3, width)
        vectors, keys, scores, lines = {}, {}, {}, []
        for number in range(900):
            file = workspace.data / f"{number}.jpg"
            file.write_bytes(b"%d" % number)  # no picture: neighbours are read from the cache alone
            status = file.stat()
            keys[FileKey.seen(file, status)] = f"{number:064x}"
            vectors[f"{number:064x}"] = (themes[number % 60] + random.normal(size=width) * 1.5).astype(np.float32)
            scores[file.name] = number % 100
            lines.append(f"{file.name}\t{number % 100}\n")
        workspace.scores_file.write_text("".join(lines), "utf-8")
        opened.cache.put_hashes(keys, time.time_ns() + 10**10)
        opened.cache.put_many(vectors, opened.embedder.fingerprint)
        scored = ScoredPhotos(opened)
        assert len(scored) == 900
        whole = np.stack(list(vectors.values()))
        exact = Standardiser.fit(whole, [block for _, block in opened.backbone.blocks]).apply(whole)
        exact /= np.linalg.norm(exact, axis=1, keepdims=True)
        for number in range(0, 900, 45):
            cosines = exact @ exact[number]
            best = [row for row in np.argsort(-cosines) if row != number][:3]
            found = scored.nearest(whole[number], f"{number:064x}")
            assert [item.name for item in found] == [f"{row}.jpg" for row in best]
            assert [item.similarity for item in found] == pytest.approx(cosines[best].tolist(), abs=1e-4)


def test_nothing_is_computed_for_photos_that_the_cache_does_not_know(workspace_with_model):
    draw_photo(workspace_with_model.data / "new_99.jpg", 99, 0.5)
    ScoreBook(workspace_with_model).set("new_99.jpg", 50.0)
    with OpenModel(workspace_with_model, find_bundle(workspace_with_model, "first")) as opened:
        scored = ScoredPhotos(opened)
        assert len(scored) == 30
        assert scored.standing(50.0).n == 31


def test_a_lost_cache_costs_the_neighbours_alone(workspace_with_model, new_photos):
    workspace_with_model.features_file.unlink()
    with OpenModel(workspace_with_model, find_bundle(workspace_with_model, "first")) as opened:
        found = explain(opened, new_photos / "new-a.jpg", heat=False)
        assert found.nearest == ()
        assert found.standing.n == 30
        assert isinstance(opened.cache, FeatureCache)
