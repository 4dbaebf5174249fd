"""The main job on real photos with real people's votes, through the command line, on themes the model never saw."""

import csv
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from tui.cli import main

_SAME_PHOTO = {"Lightning": "Thunderstorm"}


@pytest.fixture
def votes() -> Path:
    folder = Path(os.environ.get("BEHOLDER_EVAL_DATA", "../shared/data")) / "oasis"
    if not folder.is_dir():
        pytest.skip(f"there is no evaluation set in {folder}; BEHOLDER_EVAL_DATA names its folder")
    return folder


@pytest.mark.slow
def test_the_mean_score_is_ranked_on_themes_never_seen(votes, tmp_path, capsys):
    with (votes / "scores.csv").open(encoding="utf-8", newline="") as rows:
        photos = list(csv.DictReader(rows))
    theme = {row["filename"]: _SAME_PHOTO.get(row["theme"], row["theme"]) for row in photos}
    score = {row["filename"]: float(row["mean_score"]) for row in photos}
    names = np.unique(list(theme.values()))
    found = []
    for draw in range(3):
        held_out = set(np.random.default_rng(draw).permutation(names)[: len(names) // 3])
        place, seen, unseen = tmp_path / f"ws{draw}", tmp_path / f"seen{draw}", tmp_path / f"unseen{draw}"
        for folder in (seen, unseen):
            folder.mkdir()
        for name in score:
            (unseen if theme[name] in held_out else seen).joinpath(name).symlink_to((votes / "images" / name).resolve())
        labels = tmp_path / f"{draw}.csv"
        labels.write_text("filename,score\n" + "".join(f"{name},{score[name]}\n" for name in score), "utf-8")

        assert main(["init", str(place), "--scale", "1-7"]) == 0
        if draw:  # the same photos again: what was computed for them is kept by content
            shutil.copy(tmp_path / "ws0" / ".beholder" / "features.sqlite", place / ".beholder")
        assert main(["-w", str(place), "import", str(seen), "--scores", str(labels)]) == 0
        capsys.readouterr()
        assert main(["-w", str(place), "train", "taste", "--json"]) == 0
        result = json.loads(capsys.readouterr().out)
        assert result["metrics"]["test"]["mae"] < result["baseline"]["mae"]
        out = tmp_path / f"out{draw}.csv"
        assert main(["-w", str(place), "predict", str(unseen), "--format", "csv", "--out", str(out)]) == 0
        with out.open(encoding="utf-8", newline="") as rows:
            predicted = {Path(row["path"]).name: float(row["score"]) for row in csv.DictReader(rows)}
        assert predicted.keys() == {name for name in score if theme[name] in held_out}
        found.append(spearmanr(list(predicted.values()), [score[name] for name in predicted])[0])
    assert np.mean(found) >= 0.65, found
