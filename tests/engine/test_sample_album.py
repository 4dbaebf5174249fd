"""The sample album follows its stated rule, is the same each time, and is made once."""

from PIL import Image

from engine.sample_album import RULE, make_album
from engine.storage import content_hash


def test_the_album_is_complete_repeatable_and_scored_by_its_names(tmp_path):
    album, again = make_album(tmp_path / "a"), make_album(tmp_path / "b")
    scored, new = sorted(album.scored.iterdir()), sorted(album.new.iterdir())
    assert (len(scored), len(new)) == (100, 20)
    assert [content_hash(file) for file in scored + new] == [
        content_hash(file) for file in sorted(again.scored.iterdir()) + sorted(again.new.iterdir())
    ]
    assert {file.name for file in new} == album.rule_scores.keys()
    scores = [int(file.stem.split("_")[0]) for file in scored] + list(album.rule_scores.values())
    assert min(scores) >= 3
    assert max(scores) == RULE.values["sound"]
    assert len(set(scores)) > 30
    for file in scored[:5]:
        with Image.open(file) as picture:
            assert picture.size == (480, 320)


def test_an_album_that_is_there_is_left_alone(tmp_path):
    album = make_album(tmp_path / "a")
    first = sorted(album.scored.iterdir())[0]
    first.unlink()
    assert make_album(tmp_path / "a") == album
    assert not first.exists()
