"""The commands that change many scores, add and remove photos, check and repair; and hostile names through them all."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from engine.errors import display_name
from engine.labels.rerates import add_rerate
from engine.prediction.guesses import Guess, write_guesses
from engine.workspace import Scale, Workspace
from tests.conftest import WorkspaceFactory, draw_photo
from tui import cli

Output = pytest.CaptureFixture[str]
Run = Callable[..., tuple[int, str, str]]
Rows = list[dict[str, Any]]

XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<r:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4"/></r:RDF></x:xmpmeta>'
)


@pytest.fixture
def run(capsys: Output) -> Run:
    """Return a function that runs beholder and returns exit code, stdout and stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = cli.main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def place(workspace_factory: WorkspaceFactory) -> Workspace:
    """A workspace with five photos scored 10, 12, 15, 18 and 21."""
    return workspace_factory(photos=5)


def _json(run: Run, workspace: Workspace, *arguments: object) -> Any:
    code, out, error = run("-w", workspace.root, *arguments, "--json")
    assert code in {0, 1}, error
    return json.loads(out)


def _scores(run: Run, workspace: Workspace, *options: object) -> dict[str, float | None]:
    rows: Rows = _json(run, workspace, "scores", "list", *options)
    return {row["name"]: row["score"] for row in rows}


# Listing


def test_a_filter_and_an_order_choose_what_is_listed(run: Run, place: Workspace) -> None:
    assert list(_scores(run, place, "--filter", "score>12 -18")) == ["15_2.jpg", "21_4.jpg"]
    assert list(_scores(run, place, "--filter", "score>12", "--sort", "score")) == ["21_4.jpg", "18_3.jpg", "15_2.jpg"]
    code, out, error = run("-w", place.root, "scores", "list", "--filter", "score>12")
    assert code == 0
    assert "10_0.jpg" not in out
    assert "3 of 5" in error


def test_a_filter_speaks_the_language_of_the_person(run: Run, place: Workspace) -> None:
    code, out, _ = run("-w", place.root, "--lang", "zh", "scores", "list", "--filter", "分数>20")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[1:]] == ["21_4.jpg"]


def test_every_order_puts_the_most_first_and_the_unknown_last(run: Run, place: Workspace) -> None:
    for number, name in enumerate(["12_1.jpg", "10_0.jpg", "21_4.jpg"]):
        os.utime(place.data / name, (2_000_000_000 + number,) * 2)
    with (place.data / "15_2.jpg").open("ab") as photo:
        photo.write(b"x" * 9999)
    run("-w", place.root, "scores", "set", "18_3.jpg", "50")
    assert list(_scores(run, place, "--sort", "date"))[:3] == ["21_4.jpg", "10_0.jpg", "12_1.jpg"]
    assert next(iter(_scores(run, place, "--sort", "size"))) == "15_2.jpg"
    assert next(iter(_scores(run, place, "--sort", "changed"))) == "18_3.jpg"
    (place.data / "15_2.jpg").unlink()
    assert list(_scores(run, place, "--sort", "size"))[-1] == "15_2.jpg"
    for column in ("size", "date", "changed"):
        code, out, _ = run("-w", place.root, "scores", "list", "--sort", column)
        assert code == 0
        assert len(out.splitlines()) == 6


def test_what_a_model_guesses_stands_beside_the_scores(run: Run, workspace_with_model: Workspace) -> None:
    (model,) = (folder.name for folder in workspace_with_model.models.iterdir() if folder.is_dir())
    write_guesses(workspace_with_model, model, {"10_0.jpg": Guess(70.0, True), "12_1.jpg": Guess(13.0, False)})
    rows: Rows = _json(run, workspace_with_model, "scores", "list", "--sort", "difference")
    assert [(row["name"], row["guess"], row["difference"]) for row in rows[:2]] == [
        ("10_0.jpg", 70.0, -60.0),
        ("12_1.jpg", 13.0, -1.0),
    ]
    assert rows[2]["guess"] is None
    assert list(_scores(run, workspace_with_model, "--filter", "|diff|>15")) == ["10_0.jpg"]
    _, out, _ = run("-w", workspace_with_model.root, "scores", "list", "--sort", "guess")
    assert out.splitlines()[1].split() == ["10_0.jpg", "10", "70.0", "-60.0"]


# Bulk changes


def test_scores_are_shifted_and_taken_back_as_one(run: Run, place: Workspace) -> None:
    before = _scores(run, place)
    code, out, _ = run("-w", place.root, "scores", "shift", "-5", "--filter", "score>=15")
    assert code == 0
    assert len(out.splitlines()) == 3
    assert list(_scores(run, place).values()) == [10, 12, 10, 13, 16]
    assert run("-w", place.root, "scores", "undo")[0] == 0
    assert _scores(run, place) == before
    change = _json(run, place, "scores", "shift", "90", "10_0.jpg", place.data / "21_4.jpg")
    assert change["kind"] == "shift"
    assert list(_scores(run, place).values()) == [100, 12, 15, 18, 100]


def test_scores_are_rescaled_over_a_range(run: Run, place: Workspace) -> None:
    assert _json(run, place, "scores", "rescale", "0-100")["kind"] == "rescale"
    scores = [score for score in _scores(run, place).values() if score is not None]
    assert (scores[0], scores[-1]) == (0, 100)
    assert scores == sorted(scores)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["shift", "lots"], 2, "lots"),
        (["shift", "inf"], 2, "inf"),
        (["shift", "5", "no.jpg"], 3, "no.jpg"),
        (["shift", "5", "10_0.jpg", "--filter", "x"], 2, "not both"),
        (["shift", "5", "--filter", "nothing such"], 3, "None of"),
        (["rescale", "0-200"], 2, "0-200"),
        (["rescale", "9"], 2, "“9”"),
        (["flag", "no.jpg"], 3, "no.jpg"),
        (["rm", "no.jpg", "--yes"], 3, "no.jpg"),
        (["rm", "10_0.jpg"], 2, "--yes"),
        (["add", "no.jpg"], 3, "no.jpg"),
        (["add", ""], 2, "empty"),
        (["list", "--sort", "colour"], 2, "--sort"),
    ],
)
def test_what_cannot_be_done_says_why_and_changes_nothing(
    run: Run, place: Workspace, arguments: Sequence[str], code: int, words: str
) -> None:
    before = place.scores_file.read_bytes()
    result = run("-w", place.root, "scores", *arguments)
    assert result[0] == code
    assert words in result[2]
    assert place.scores_file.read_bytes() == before
    assert len([path for path in place.data.iterdir() if path.suffix == ".jpg"]) == 5


def test_named_photos_without_a_score_are_told(run: Run, place: Workspace) -> None:
    run("-w", place.root, "scores", "set", "10_0.jpg", "-")
    code, _, error = run("-w", place.root, "scores", "shift", "5", "10_0.jpg", "12_1.jpg")
    assert (code, error) == (1, "10_0.jpg: has no score\n")
    assert _scores(run, place)["12_1.jpg"] == 17


def test_of_many_changes_only_the_first_are_printed(run: Run, workspace_factory: WorkspaceFactory) -> None:
    workspace = workspace_factory()
    for number in range(30):
        draw_photo(workspace.data / f"IMG_{number}.jpg", number, 0.5)
    workspace.scores_file.write_text("".join(f"{path.name}\t5\n" for path in workspace.data.glob("*.jpg")))
    _, out, _ = run("-w", workspace.root, "scores", "shift", "1")
    assert len(out.splitlines()) == 41
    assert out.splitlines()[-1] == "… and 20 more"


# Photos that come and go


def test_a_photo_is_added_taken_out_and_brought_back(run: Run, place: Workspace, new_photos: Path) -> None:
    source = new_photos / "new-a.jpg"
    code, out, _ = run("-w", place.root, "scores", "add", source, "66")
    assert (code, out.splitlines()) == (0, ["new-a.jpg: copied into the workspace", "new-a.jpg: – → 66"])
    assert (place.data / "new-a.jpg").read_bytes() == source.read_bytes()
    code, out, _ = run("-w", place.root, "scores", "rm", "new-a.jpg", "--yes")
    assert (code, out.splitlines()) == (0, ["new-a.jpg: moved into the trash", "new-a.jpg: 66 → –"])
    assert not (place.data / "new-a.jpg").exists()
    assert [(item["name"], item["kind"]) for item in _json(run, place, "trash")] == [("new-a.jpg", "photo")]
    _, out, _ = run("-w", place.root, "scores", "undo")
    assert out.splitlines() == ["new-a.jpg: brought back from the trash", "new-a.jpg: – → 66"]
    assert (place.data / "new-a.jpg").read_bytes() == source.read_bytes()
    rows: Rows = _json(run, place, "scores", "history")
    assert [(row["kind"], row["name"], row["photo"]) for row in rows] == [
        ("add", "new-a.jpg", "in"),
        ("remove", "new-a.jpg", "out"),
        ("undo", "new-a.jpg", "in"),
    ]
    assert "new-a.jpg" in run("-w", place.root, "scores", "history")[1]


def test_removing_asks_on_a_terminal(run: Run, place: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    asked: list[str] = []

    def answer(text: str, **_: object) -> bool:
        asked.append(text)
        return len(asked) > 1

    monkeypatch.setattr("typer.confirm", answer)
    assert run("-w", place.root, "scores", "rm", "10_0.jpg")[0] == 0
    assert (place.data / "10_0.jpg").exists()
    assert run("-w", place.root, "scores", "rm", "10_0.jpg", "12_1.jpg")[0] == 0
    assert not (place.data / "10_0.jpg").exists()
    assert ["10_0.jpg" in asked[0], "2" in asked[1]] == [True, True]


def test_the_trash_is_listed_and_emptied_for_good(run: Run, place: Workspace) -> None:
    assert run("-w", place.root, "trash", "empty", "--yes")[0] == 3
    assert _json(run, place, "trash") == []
    size = (place.data / "10_0.jpg").stat().st_size
    run("-w", place.root, "scores", "rm", "10_0.jpg", "--yes")
    assert run("-w", place.root, "trash", "empty")[0] == 2
    code, out, error = run("-w", place.root, "trash", "list")
    assert code == 0
    assert "10_0.jpg" in out
    assert "1 in the trash" in error
    assert _json(run, place, "trash", "empty", "--yes") == {"items": 1, "bytes": size}
    assert run("-w", place.root, "trash", "list")[1] == ""


def test_flags_are_given_taken_and_found(run: Run, place: Workspace) -> None:
    answer = _json(run, place, "scores", "flag", "10_0.jpg", "12_1.jpg")
    assert answer == {"flagged": True, "changed": ["10_0.jpg", "12_1.jpg"]}
    assert run("-w", place.root, "scores", "flag", "12_1.jpg", "--off")[1] == "12_1.jpg: not flagged any more\n"
    assert list(_scores(run, place, "--filter", "flagged")) == ["10_0.jpg"]
    assert "flagged" in run("-w", place.root, "scores", "list")[1]


def test_a_photo_may_be_named_by_its_path_and_as_it_is_shown(
    run: Run, place: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "a\x1b[31m.jpg"
    draw_photo(place.data / "x.jpg", 9, 0.5).rename(place.data / name)
    assert run("-w", place.root, "scores", "set", display_name(name), "50")[0] == 0
    monkeypatch.chdir(place.root)
    assert run("scores", "set", "data/10_0.jpg", "51")[0] == 0
    scores = _scores(run, place)
    assert (scores[name], scores["10_0.jpg"]) == (50, 51)


# Checking, consistency, stars


def test_check_names_the_damage_and_repair_mends_it(run: Run, place: Workspace) -> None:
    assert run("-w", place.root, "scores", "check")[:2] == (0, "Nothing is wrong.\n")
    place.scores_file.write_text(place.scores_file.read_text().replace("10_0.jpg\t", "10_0.jpg "))
    code, out, _ = run("-w", place.root, "scores", "check")
    assert code == 4
    assert "line 1" in out
    assert "--repair" in out
    assert run("-w", place.root, "scores", "list")[0] == 4
    assert "scores check --repair" in run("-w", place.root, "scores", "list")[2]
    code, out, _ = run("-w", place.root, "scores", "check", "--repair")
    assert code == 0
    assert "Repaired: 10_0.jpg has 10" in out
    assert list(_scores(run, place).values()) == [10, 12, 15, 18, 21]


def test_what_cannot_be_mended_is_left_and_told(run: Run, place: Workspace) -> None:
    (place.data / "10_0.jpg").unlink()
    for option in ([], ["--repair"]):
        code, out, _ = run("-w", place.root, "scores", "check", *option)
        assert code == 1
        assert "“10_0.jpg” has a score, but there is no such photo" in out
    (problem,) = _json(run, place, "scores", "check")
    assert (problem["kind"], problem["line"], problem["text"]) == ("no_photo", 1, "10_0.jpg")
    with place.scores_file.open("a") as out:
        out.write("what is this\n")
    assert run("-w", place.root, "scores", "check", "--repair")[0] == 1
    assert run("-w", place.root, "scores", "check")[0] == 1


def test_consistency_is_told_from_second_ratings(run: Run, place: Workspace) -> None:
    assert _json(run, place, "scores", "consistency") == dict.fromkeys(["mae", "bias", "srcc", "share"]) | {"n": 0}
    assert "blind" in run("-w", place.root, "scores", "consistency")[1]
    for before, again in ((10, 20), (50, 50), (90, 85)):
        add_rerate(place, "10_0.jpg", before, again)
    found = _json(run, place, "scores", "consistency")
    assert (found["n"], found["mae"], found["srcc"]) == (3, 5.0, 1.0)
    _, out, _ = run("-w", place.root, "scores", "consistency")
    assert "5.00 points (5.0% of the scale)" in out
    assert "+1.67" in out


def test_stars_are_imported(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "stars"
    folder.mkdir()
    draw_photo(folder / "85.jpg", 1, 0.5)
    draw_photo(folder / "IMG_1.jpg", 2, 0.5)
    (folder / "IMG_1.xmp").write_text(XMP)
    workspace = Workspace(tmp_path / "w")
    code, out, _ = run("-w", workspace.root, "import", folder, "--stars", "--dry-run")
    assert code == 0
    assert "4 stars in IMG_1.xmp" in out
    run("init", workspace.root, "--scale", "1-7")
    report = _json(run, workspace, "import", folder, "--stars")
    assert (report["scored"], report["unscored"]) == (1, 1)
    assert _scores(run, workspace) == {"85.jpg": None, "IMG_1.jpg": 5.5}
    assert run("-w", workspace.root, "import", folder, "--stars", "--pattern", "(?P<score>[0-9])")[0] == 2


# Hostile names

NAMES = {
    "a[red]b.jpg": "a[red]b.jpg",
    "x[/b]y.jpg": "b]y.jpg",
    "esc\x1b[31m.jpg": "esc_[31m.jpg",
    "\u202egpj.jpg": "_gpj.jpg",
    "n" * 251 + ".jpg": "n" * 196 + ".jpg",
    os.fsdecode(b"\xff.jpg"): "_.jpg",
    "-5.jpg": "-5.jpg",
}


def test_hostile_names_go_all_the_way_and_back(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "hostile"
    (folder / "x[").mkdir(parents=True)
    for number, name in enumerate(NAMES):
        draw_photo(tmp_path / "x.jpg", number, 0.5).rename(folder / name)
    workspace = Workspace(tmp_path / "w")
    workspace.create(Scale(-10, 100))
    at = ("-w", workspace.root, "scores")
    report = _json(run, workspace, "import", folder)
    assert report["imported"] == len(NAMES)
    names = list(NAMES.values())
    assert set(_scores(run, workspace)) == set(names)
    assert _scores(run, workspace)["-5.jpg"] == -5
    for number, name in enumerate(names):
        assert run(*at, "set", "--", name, number)[0] == 0
    run(*at, "export", tmp_path / "s.csv")
    with (tmp_path / "s.csv").open(newline="", encoding="utf-8", errors="surrogateescape") as table:
        exported = {row["name"]: float(row["score"]) for row in csv.DictReader(table)}
    assert exported == {name: number for number, name in enumerate(names)}
    photos = {name: (workspace.data / name).read_bytes() for name in names}
    code, out, _ = run(*at, "rm", "--yes", "--", *names)
    assert code == 0
    assert "\x1b" not in out + run("-w", workspace.root, "trash")[1] + run(*at, "history")[1]
    assert _scores(run, workspace) == {}
    assert run(*at, "undo")[0] == 0
    assert _scores(run, workspace) == exported
    assert {name: (workspace.data / name).read_bytes() for name in names} == photos


def test_hostile_names_that_a_hand_put_into_the_workspace_are_scored_too(run: Run, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w")
    workspace.create()
    names = [Path(name).name for name in NAMES]
    for number, name in enumerate(names):
        draw_photo(tmp_path / "x.jpg", number, 0.5).rename(workspace.data / name)
        assert run("-w", workspace.root, "scores", "set", "--", name, number)[0] == 0
        assert run("-w", workspace.root, "scores", "flag", "--", name)[0] == 0
    assert _scores(run, workspace, "--filter", "flagged") == {name: number for number, name in enumerate(names)}
    for arguments in (
        ["list"],
        ["check"],
        ["history"],
        ["shift", "1"],
        ["undo"],
        ["rm", "--yes", "--", *names],
        ["undo"],
    ):
        code, out, error = run("-w", workspace.root, "scores", *arguments)
        assert code == 0
        assert not {"\x1b", "\u202e", "\udcff"} & set(out + error)
    assert _scores(run, workspace) == {name: number for number, name in enumerate(names)}
