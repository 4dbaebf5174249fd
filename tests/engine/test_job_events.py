"""A job's events: numbered, dated, paced, and readable while they are being written or after a crash."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.errors import Message, NeedMissing
from engine.events import CurvePoint, Finished, Notice, Phase, Progress, StepLoss
from engine.jobs.events import EventWriter, LineWriter, last_line, last_lines, read_lines


class Timer:
    """A clock that only moves when told."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def test_each_event_has_number_time_and_type_first(path: Path) -> None:
    moment = datetime(2026, 11, 23, 12, 15, 30, 250_000, tzinfo=UTC)
    writer = EventWriter(path, clock=lambda: moment)
    writer.write({"type": "started", "pid": 7})
    writer.write(CurvePoint("trees", 10, "mae", 3.5, float("nan")))
    writer.close()
    first, second = path.read_text("utf-8").splitlines()
    assert first == '{"seq": 1, "time": "2026-11-23T12:15:30.250Z", "type": "started", "pid": 7}'
    assert list(json.loads(second))[:3] == ["seq", "time", "type"]
    assert json.loads(second)["seq"] == 2
    assert json.loads(second)["validation"] is None


def test_fast_progress_is_thinned_but_its_last_value_is_kept(path: Path) -> None:
    timer = Timer()
    writer = EventWriter(path, timer=timer)
    for done in range(1, 1001):
        timer.seconds += 0.001
        writer.write(Progress("features", done, 2000))
    writer.write(Phase("fitting"))
    writer.write(Progress("fitting", 1, 1))
    writer.close()
    events, _ = read_lines(path)
    counted = [event["done"] for event in events if event.get("phase") == "features"]
    assert len(counted) <= 12
    assert counted[0] == 1
    assert counted[-1] == 1000
    assert [event["type"] for event in events][-2:] == ["phase", "progress"]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))


def test_steps_are_thinned_and_never_hold_up_what_comes_after(path: Path) -> None:
    timer = Timer()
    writer = EventWriter(path, timer=timer)
    for step in range(1, 1001):
        timer.seconds += 0.001
        writer.write(StepLoss(1, step, 1000, 1 / step, 0.1))
    writer.write(CurvePoint("epochs", 1, "loss", 0.5, None))
    writer.close()
    events, _ = read_lines(path)
    assert [event["type"] for event in events] == ["step"] * (len(events) - 1) + ["curve"]
    assert len(events) <= 12
    assert events[0]["step"] == 1


def test_progress_of_a_new_phase_does_not_swallow_that_of_the_old_one(path: Path) -> None:
    timer = Timer()
    writer = EventWriter(path, timer=timer)
    for phase, done in (("a", 1), ("a", 2), ("b", 1)):
        writer.write(Progress(phase, done, 9))
    writer.close()
    assert [(event["phase"], event["done"]) for event in read_lines(path)[0]] == [
        ("a", 1),
        ("a", 2),
        ("b", 1),
    ]


def test_reader_goes_on_at_its_offset_and_leaves_an_unfinished_line(path: Path) -> None:
    path.write_bytes(b'{"seq": 1}\n{"seq": 2}\n{"se')
    events, offset = read_lines(path)
    assert [event["seq"] for event in events] == [1, 2]
    assert read_lines(path, offset) == ([], offset)
    with path.open("ab") as more:
        more.write('q": 3, "name": "猫"}\n'.encode())
    events, offset = read_lines(path, offset)
    assert events == [{"seq": 3, "name": "猫"}]
    assert offset == path.stat().st_size


def test_a_damaged_line_is_skipped(path: Path) -> None:
    path.write_bytes(b'{"seq": 1}\nnot json\n[1]\n\xff\xfe\n\n{"seq": 2}\n')
    assert [event["seq"] for event in read_lines(path)[0]] == [1, 2]


def test_a_missing_file_is_empty(path: Path) -> None:
    assert read_lines(path, 0) == ([], 0)
    assert last_line(path) is None


def test_last_line_is_found_behind_long_damaged_and_unfinished_ones(path: Path) -> None:
    long = json.dumps({"seq": 2, "text": "x" * 50_000}).encode()
    path.write_bytes(b'{"seq": 1}\n' + long + b"\n" + b"y" * 20_000 + b'\n{"seq": 3')
    last = last_line(path)
    assert last is not None
    assert last["seq"] == 2
    path.write_bytes(b'{"seq": 1')
    assert last_line(path) is None


def test_the_last_lines_are_those_that_lie_whole_in_the_end_of_the_file(path: Path) -> None:
    assert last_lines(path) == []
    lines = [json.dumps({"seq": number}) for number in range(1000)]
    path.write_text("\n".join([*lines, '{"seq": 1000']))
    found = [line["seq"] for line in last_lines(path, 200)]
    assert found == list(range(found[0], 1000))
    assert 1 < len(found) < 20
    assert [line["seq"] for line in last_lines(path, 1 << 20)] == list(range(1000))


def test_writing_goes_on_after_a_writer_was_killed_in_the_middle_of_a_line(path: Path) -> None:
    path.write_bytes(b'{"seq": 4, "type": "phase"}\n{"seq": 5, "ty')
    writer = EventWriter(path)
    writer.write(Finished({"model_id": "m"}))
    writer.close()
    events, offset = read_lines(path)
    assert [(event["seq"], event["type"]) for event in events] == [(4, "phase"), (5, "finished")]
    assert offset == path.stat().st_size


def test_undecodable_file_names_survive(path: Path) -> None:
    name = b"caf\xe9.jpg".decode("utf-8", "surrogateescape")
    with LineWriter(path) as rows:
        rows.append({"path": name, "folder": Path("照片")})
    assert read_lines(path)[0] == [{"path": name, "folder": "照片"}]


def test_message_comes_back_whole(path: Path) -> None:
    writer = EventWriter(path)
    writer.write(Notice(Message("{n} photos in {path}.", {"n": 3, "path": Path("a\nb")})))
    writer.close()
    message = Message.from_dict(read_lines(path)[0][0]["message"])
    assert str(message) == "3 photos in a\\nb."


def test_a_full_disk_is_an_error_with_a_remedy() -> None:
    writer = EventWriter(Path("/dev/full"))
    with pytest.raises(NeedMissing, match="disk is full"):
        writer.write(Phase("fitting"))
    writer.close()
