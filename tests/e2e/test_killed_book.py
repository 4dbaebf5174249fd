"""SIGKILL at two hundred random moments of scoring: every score that was acknowledged is there afterwards."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from engine.labels.scorebook import ScoreBook
from engine.workspace import Workspace

KILLS = 200
PHOTOS = 40

# Forks a scorer that tells of each score when it is set, and kills it; a fork begins sooner than an interpreter.
KILLER = """
import json, os, random, signal, sys, time
from pathlib import Path
from engine.labels import scorestore
from engine.labels.scorebook import ScoreBook
from engine.workspace import Workspace

workspace, kills, photos = Workspace(Path(sys.argv[1])), int(sys.argv[2]), int(sys.argv[3])
scorestore._DELAY = 0.004  # so that many are killed while the file is rewritten behind their back
chance = random.Random(7)
allowed, lost, number, told = {}, [], 0, 0  # allowed: photo -> the scores that it may have


def name(number):
    return f"p{number % photos}.jpg"


def score(number):
    return number % 100_000 / 1000


def be_killed(number, out, at_once):
    book = ScoreBook(workspace, "victim", at_once=at_once)
    while True:
        book.set(name(number), score(number))
        os.write(out, b"%d\\n" % number)
        number += 1


for kill in range(kills):
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        be_killed(number, writer, 0 if kill % 2 else 1000)
    os.close(writer)
    time.sleep(chance.uniform(0, 0.06))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with open(reader, "rb") as pipe:
        numbers = [int(line) for line in pipe.read().split()]
    told += len(numbers)
    allowed.update({name(one): {score(one)} for one in numbers})
    number += len(numbers)
    allowed.setdefault(name(number), {None}).add(score(number))  # it may have happened, but nobody was told
    scores = ScoreBook(workspace).scores()
    lost += [(kill, photo, scores.get(photo)) for photo in allowed if scores.get(photo) not in allowed[photo]]
    allowed[name(number)] = {scores.get(name(number))}
    number += 1
print(json.dumps({"lost": lost, "told": told}))
"""


@pytest.mark.slow
def test_a_killed_program_loses_no_score_that_it_acknowledged(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.create()
    for number in range(PHOTOS):
        (workspace.data / f"p{number}.jpg").touch()
    arguments = [str(tmp_path), str(KILLS), str(PHOTOS)]
    done = subprocess.run([sys.executable, "-c", KILLER, *arguments], capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr.decode()
    result = json.loads(done.stdout)
    assert result["lost"] == []
    assert result["told"] > KILLS // 10  # enough of them were killed in the middle of their work
    book = ScoreBook(workspace)
    before = book.scores()
    assert len(before) == PHOTOS
    assert book.take_outside() == []
    book.flush()
    lines = workspace.scores_file.read_text("utf-8").splitlines()
    assert {name: float(score) for name, score in (line.split("\t") for line in lines)} == before
    assert all(change.kind == "set" for change in book.history())
