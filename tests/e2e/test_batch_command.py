"""A batch through the real command: kills at several moments, bad input, places that can't be written, the watch."""

from __future__ import annotations

import csv
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from engine.workspace import Workspace
from tests.conftest import draw_photo
from tests.waiting import wait_until
from tui import cli

BEHOLDER = [sys.executable, "-m", "tui", "--quiet"]
PATIENCE = 120.0


def start(workspace: Workspace, *words: object, **how: object) -> subprocess.Popen[bytes]:
    arguments = [*BEHOLDER, "-w", str(workspace.root), "predict", *map(os.fspath, map(str, words))]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **how)  # type: ignore[call-overload,no-any-return]


def run(workspace: Workspace, *words: object, **how: object) -> tuple[int, bytes, str]:
    process = start(workspace, *words, **how)
    out, error = process.communicate(timeout=PATIENCE)
    assert b"Traceback" not in error
    return process.returncode, out, error.decode("utf-8", "replace")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory, photo_folder: Path) -> Path:
    """20,000 links to 30 photos, and one file that is no photo."""
    folder = tmp_path_factory.mktemp("many")
    photos = list(photo_folder.iterdir())
    for number in range(20_000):
        (folder / f"{number}.jpg").hardlink_to(photos[number % 30])
    (folder / "500 x.jpg").write_text("no picture")
    return folder


@pytest.mark.slow
def test_killed_again_and_again_the_rows_are_those_of_one_run(
    trained_workspace: Workspace, many: Path, tmp_path: Path
) -> None:
    whole, out, journal = tmp_path / "whole.csv", tmp_path / "out.csv", tmp_path / "out.csv.part.jsonl"
    assert run(trained_workspace, many, "--out", whole)[0] == 1
    chance = random.Random(3)
    kills = 0
    while True:
        left = set(tmp_path.iterdir())
        process = start(trained_workspace, many, "--out", out, "--resume")
        before = journal.stat().st_size if journal.exists() else 0
        further, writes = chance.randrange(1, 900_000), 4 < kills < 8

        def far_enough(
            process: subprocess.Popen[bytes] = process,
            enough: int = before + further,
            writes: bool = writes,
            left: set[Path] = left,
        ) -> bool:
            size = journal.stat().st_size if journal.exists() else 0
            writing = writes and any(path not in left and path.name.endswith(".part") for path in tmp_path.iterdir())
            return process.poll() is not None or size >= enough or writing

        wait_until(far_enough, "rows, or the end", PATIENCE)
        process.kill()
        process.communicate()
        if process.returncode != -signal.SIGKILL:
            break
        kills += 1
        assert not out.exists() or out.read_bytes() == whole.read_bytes()
    assert process.returncode == 1
    assert kills > 4
    assert out.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.csv", "whole.csv"]
    before = out.stat().st_mtime_ns
    code, _, _ = run(trained_workspace, many, "--out", out, "--resume")
    assert (code, out.stat().st_mtime_ns) == (1, before)  # the file that is no photo is tried again, and fails again


@pytest.mark.slow
def test_interrupted_it_says_what_is_kept_and_goes_on(trained_workspace: Workspace, many: Path, tmp_path: Path) -> None:
    out, journal = tmp_path / "out.jsonl", tmp_path / "out.jsonl.part.jsonl"
    process = start(trained_workspace, many, "--out", out)
    wait_until(lambda: journal.exists() and journal.stat().st_size > 0, "the first rows", PATIENCE)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    kept = len(journal.read_bytes().splitlines())
    assert f"{kept} rows are kept in {journal}" in error.decode()
    assert "--resume" in error.decode()
    assert run(trained_workspace, many, "--out", out, "--resume")[0] == 1
    rows = [json.loads(line) for line in out.read_bytes().splitlines()]
    assert len({row["path"] for row in rows}) == len(rows) == 20_001


@pytest.mark.slow
def test_what_reached_stdout_before_an_interruption_is_a_valid_document(
    trained_workspace: Workspace, many: Path
) -> None:
    process = start(trained_workspace, many, "--json", bufsize=0)
    assert process.stdout is not None
    head = process.stdout.read(1000)
    process.send_signal(signal.SIGTERM)
    rest, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert 0 < len(json.loads(head + rest)) < 20_001


@pytest.mark.slow
def test_no_room_in_the_middle_is_told_and_what_was_written_stays(
    trained_workspace: Workspace, many: Path, tmp_path: Path
) -> None:
    out, journal = tmp_path / "out.csv", tmp_path / "out.csv.part.jsonl"
    out.write_text("old")

    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, 1_500_000))

    code, _, error = run(trained_workspace, many, "--out", out, preexec_fn=little_room)
    assert code == 5
    assert "--resume" in error
    assert out.read_text() == "old"
    assert all(json.loads(line)["path"] for line in journal.read_bytes().splitlines())
    assert run(trained_workspace, many, "--out", out, "--resume")[0] == 1
    assert len(out.read_bytes().splitlines()) == 20_002


def _bomb(path: Path) -> None:
    """Write a PNG that says it has 20,000 by 15,000 pixels: 300 million."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    size = (20_000).to_bytes(4, "big") + (15_000).to_bytes(4, "big")
    data = chunk(b"IHDR", size + b"\x08\x00\x00\x00\x00") + chunk(b"IDAT", zlib.compress(bytes(1 << 20)))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data + chunk(b"IEND", b""))


def test_bad_input_is_a_row_each_and_the_good_photos_are_scored(
    trained_workspace: Workspace, new_photos: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    odd = os.fsdecode(b"odd\xff\x1b[31m.jpg")
    shutil.copy(new_photos / "new-a.jpg", folder / odd)
    photo = (new_photos / "new-b.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(photo[: len(photo) // 2])
    (folder / "corrupt.jpg").write_bytes(photo[:200] + b"\xff" * 300)
    (folder / "empty.jpg").touch()
    (folder / "text.jpg").write_text("no picture")
    (folder / "loop.jpg").symlink_to("loop.jpg")
    (folder / "round").symlink_to(folder)
    os.mkfifo(folder / "pipe.jpg")
    _bomb(folder / "bomb.png")
    out = tmp_path / "out.csv"
    code, _, error = run(trained_workspace, folder, "--out", out)
    assert code == 1
    with out.open(encoding="utf-8", errors="surrogateescape", newline="") as stream:
        rows = {Path(row["path"]).name: row for row in csv.DictReader(stream)}
    bad = {"cut.jpg", "corrupt.jpg", "empty.jpg", "text.jpg", "loop.jpg", "pipe.jpg", "bomb.png"}
    assert rows.keys() == bad | {odd}
    assert {name for name, row in rows.items() if row["error"]} == bad
    assert float(rows[odd]["score"]) >= 0
    for name in bad:
        assert f"{name}: " in error
    assert "\x1b" not in error


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else, and reads all itself")
def test_a_folder_without_permission_is_a_row(trained_workspace: Workspace, new_photos: Path) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        folder.chmod(0o755)
        shutil.copy(new_photos / "new-a.jpg", folder)
        (folder / "closed").mkdir(mode=0o700)
        code = (
            "import os, sys; os.setuid(65534)\n"
            "from pathlib import Path; from engine.prediction.gathering import Gathering\n"
            "print([getattr(item, 'error', None) and str(item.error) for item in Gathering([Path(sys.argv[1])])])"
        )
        done = subprocess.run([sys.executable, "-c", code, place], capture_output=True, text=True)
        if done.returncode:
            pytest.skip("somebody else can't even import beholder here")
        assert done.stdout.strip() == f"[None, 'No permission for {folder / 'closed'}.']"


def test_what_can_not_work_is_told_before_the_work(
    workspace_with_model: Workspace, new_photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = workspace_with_model

    def call(*words: object) -> tuple[int, str, str]:
        code = cli.main(["--quiet", "-w", str(workspace.root), "predict", *map(str, words)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    before = {path: path.read_bytes() for path in new_photos.iterdir()}
    listed = tmp_path / "list.csv"
    listed.write_text("x")
    photo = new_photos / "new-a.jpg"
    for words, wanted in (
        (["--out", tmp_path / "gone" / "out.csv"], 3),
        (["--out", tmp_path], 2),
        (["--out", tmp_path / "out.txt"], 2),
        (["--out", photo, "--format", "csv"], 2),
        (["--html", photo], 2),
        ([listed, "--out", listed], 2),
        (["--resume"], 2),
        (["--format", "table", "--out", tmp_path / "t"], 2),
        (["--watch", "--format", "json"], 2),
        (["--watch", "--top", "3"], 2),
        (["--stars", "1,2,3,4"], 2),
        (["--xmp", "lightroom", "--stars", "4,3,2,1"], 2),
        (["--engine", "ray"], 5),
        (["--model", "nonesuch"], 3),
    ):
        code, out, error = call(new_photos, *words)
        assert (words, code, out) == (words, wanted, ""), error
        assert error.startswith("Error: ")
    assert {path: path.read_bytes() for path in new_photos.iterdir()} == before
    assert listed.read_text() == "x"
    assert not list(tmp_path.glob("*.part*"))
    code, _, error = call(new_photos, "--out", "/dev/full", "--format", "csv")
    assert (code, "full" in error) == (5, True)
    (model,) = workspace.models.iterdir()
    weights = next(path for path in model.iterdir() if path.suffix in {".safetensors", ".skops"})
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(data)
    assert call(new_photos)[0] == 4


def test_stars_reach_sidecars_and_the_gallery_is_written(
    trained_workspace: Workspace, new_photos: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(new_photos, tmp_path / "photos")
    out, page = tmp_path / "out.csv", tmp_path / "page.html"
    assert run(trained_workspace, folder, "--out", out)[0] == 0
    # the stars of rows that are there already are written, too
    code, _, error = run(
        trained_workspace, folder, "--out", out, "--resume", "--xmp", "lightroom", "--stars", "1,2,3,99", "--html", page
    )
    assert code == 0, error
    texts = [(folder / f"new-{letter}.xmp").read_text() for letter in "abcde"]
    assert all("Rating" in text for text in texts)
    assert "<html" in page.read_text("utf-8")
    (folder / "new-a.xmp").write_text("damaged")
    code, _, error = run(trained_workspace, folder, "--out", out, "--resume", "--xmp", "lightroom")
    assert code == 1
    assert "new-a.jpg: " in error
    assert (folder / "new-a.xmp").read_text() == "damaged"


def test_the_watch_scores_what_comes_until_it_is_stopped(trained_workspace: Workspace, tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out.jsonl"
    folder.mkdir()
    draw_photo(folder / "first.jpg", 1, 0.5)
    process = start(trained_workspace, folder, "--watch", "--out", out, "--xmp", "darktable")

    def names() -> list[str]:
        return [Path(json.loads(line)["path"]).name for line in out.read_bytes().splitlines()] if out.exists() else []

    try:
        wait_until(lambda: names() == ["first.jpg"], "the first", PATIENCE)
        draw_photo(tmp_path / "second.jpg", 2, 0.7).rename(folder / "second.jpg")
        wait_until(lambda: names() == ["first.jpg", "second.jpg"], "the second", PATIENCE)
        assert (folder / "second.jpg.xmp").is_file()
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert process.returncode == 130
    assert b"Traceback" not in error
    assert len(names()) == 2
    code, _, _ = run(trained_workspace, folder, "--out", out, "--resume")
    assert (code, len(names())) == (0, 2)


def test_a_list_is_scored_as_it_comes(trained_workspace: Workspace, new_photos: Path) -> None:
    process = start(trained_workspace, "-", "--format", "jsonl", stdin=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    for letter in "ba":  # the row of one before the name of the next
        process.stdin.write(os.fsencode(new_photos / f"new-{letter}.jpg") + b"\0")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["path"].endswith(f"new-{letter}.jpg")
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
