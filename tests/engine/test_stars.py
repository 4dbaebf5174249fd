"""Star ratings of other programs: where they stand, which one counts, and what hostile files do."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from engine.errors import UsageError
from engine.labels.importing import ImportOptions, ImportPlan, plan_import, run_import
from engine.labels.recent import recent_folders, remember_folder
from engine.labels.scorebook import ScoreBook
from engine.labels.stars import Stars, parse_stars, read_stars
from engine.workspace import Scale, Workspace
from tests.conftest import draw_photo

XMP = "http://ns.adobe.com/xap/1.0/"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"


def packet(rating: object, *, element: bool = False, prefix: str = "xmp", before: str = "") -> str:
    """Return an XMP packet as editors write them, the rating as an attribute or as an element."""
    attribute = "" if element else f' {prefix}:Rating="{rating}"'
    inside = f"<{prefix}:Rating>{rating}</{prefix}:Rating>" if element else ""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        f'<rdf:RDF xmlns:rdf="{RDF}"><rdf:Description rdf:about="" xmlns:{prefix}="{XMP}"{attribute}>{before}{inside}'
        '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    )


def photo(path: Path, *, xmp: str = "", stars: int | None = None) -> Path:
    """Save a small picture with an XMP packet or an EXIF rating inside."""
    image = Image.new("RGB", (8, 6), (40, 90, 160))
    exif = Image.Exif()
    if stars is not None:
        exif[0x4746] = stars
    if path.suffix == ".png":
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", xmp)
        image.save(path, pnginfo=info)
    elif path.suffix == ".tif":
        image.save(path, tiffinfo={700: xmp.encode()})
    elif xmp:
        image.save(path, xmp=xmp.encode(), exif=exif)
    else:
        image.save(path, exif=exif)
    return path


def said(stars: Stars | None) -> tuple[float | None, str]:
    assert stars is not None
    return stars.count, str(stars.reason)


@pytest.mark.parametrize("sidecar", ["IMG_1.xmp", "IMG_1.jpg.xmp", "IMG_1.XMP"])
@pytest.mark.parametrize("element", [False, True])
@pytest.mark.parametrize("prefix", ["xmp", "xap", "ns0"])
def test_a_sidecar_is_found_and_read(tmp_path: Path, sidecar: str, element: bool, prefix: str) -> None:
    path = photo(tmp_path / "IMG_1.jpg")
    (tmp_path / sidecar).write_text(packet(4, element=element, prefix=prefix))
    assert said(read_stars(path)) == (4, f"4 stars in {sidecar}")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".avif"])
def test_a_rating_inside_the_photo_is_read(tmp_path: Path, suffix: str) -> None:
    path = photo(tmp_path / f"a{suffix}", xmp=packet(2, element=True))
    assert said(read_stars(path)) == (2, f"2 stars in a{suffix}")


def test_an_exif_rating_is_read(tmp_path: Path) -> None:
    assert said(read_stars(photo(tmp_path / "a.jpg", stars=1))) == (1, "one star in a.jpg")


def test_the_sidecar_goes_before_the_packet_and_the_packet_before_exif(tmp_path: Path) -> None:
    path = photo(tmp_path / "a.jpg", xmp=packet(3), stars=2)
    assert said(read_stars(path))[0] == 3
    (tmp_path / "a.xmp").write_text(packet(4))
    assert said(read_stars(path)) == (4, "4 stars in a.xmp")
    (tmp_path / "a.jpg.xmp").write_text(packet(5))
    assert said(read_stars(path)) == (5, "5 stars in a.jpg.xmp")


def test_a_sidecar_without_a_rating_leaves_the_word_to_the_photo(tmp_path: Path) -> None:
    path = photo(tmp_path / "a.jpg", stars=2)
    (tmp_path / "a.xmp").write_text(packet(4).replace("Rating", "Label"))
    assert said(read_stars(path)) == (2, "2 stars in a.jpg")


def test_a_photo_that_nobody_rated_has_no_stars(tmp_path: Path) -> None:
    assert read_stars(photo(tmp_path / "a.jpg")) is None
    assert parse_stars(tmp_path / "a.jpg", Scale()).score is None


@pytest.mark.parametrize(
    ("rating", "score", "reason"),
    [
        ("1", 0.0, "one star in a.xmp"),
        ("3", 50.0, "3 stars in a.xmp"),
        ("5.0", 100.0, "5 stars in a.xmp"),
        ("0", None, "unrated in a.xmp"),
        ("-1", None, "rejected in a.xmp"),
        ("6", None, "“6” in a.xmp is no number of stars"),
        ("nan", None, "“nan” in a.xmp is no number of stars"),
        ("many\x85", None, r"“many\x85” in a.xmp is no number of stars"),
    ],
)
def test_stars_become_scores_on_the_scale(tmp_path: Path, rating: str, score: float | None, reason: str) -> None:
    path = photo(tmp_path / "a.jpg", stars=4)
    (tmp_path / "a.xmp").write_text(packet(rating))
    parsed = parse_stars(path, Scale(0, 100))
    assert (parsed.score, str(parsed.reason)) == (score, reason)


def test_stars_are_kept_as_they_are_on_their_own_scale(tmp_path: Path) -> None:
    assert parse_stars(photo(tmp_path / "a.jpg", stars=4), Scale(1, 5)).score == 4.0


def test_a_rating_of_something_inside_the_photo_does_not_count(tmp_path: Path) -> None:
    inner = f'<rdf:Bag><rdf:li><rdf:Description xmlns:xmp="{XMP}" xmp:Rating="1"/></rdf:li></rdf:Bag>'
    pantry = f'<m:Pantry xmlns:m="urn:pantry">{inner}</m:Pantry>'
    path = photo(tmp_path / "a.jpg")
    (tmp_path / "a.xmp").write_text(packet(4, element=True, before=pantry))
    assert said(read_stars(path))[0] == 4


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><x>&c;</x>'
)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no XML at all",
        packet(4).encode()[:200],
        BOMB.encode(),
        BOMB.replace('"aaaaaaaaaa"', 'SYSTEM "file:///etc/hostname"').encode(),
        b"<a>" * 200_000,
        b'<?xml version="1.0" encoding="nope"?><a/>',
        bytes(range(256)),
    ],
)
def test_a_hostile_sidecar_is_named_and_gives_no_score(tmp_path: Path, content: bytes) -> None:
    path = photo(tmp_path / "a.jpg", stars=4)
    (tmp_path / "a.xmp").write_bytes(content)
    assert said(read_stars(path)) == (None, "a.xmp is damaged, or no XMP")


def test_a_damaged_packet_leaves_the_word_to_exif(tmp_path: Path) -> None:
    assert said(read_stars(photo(tmp_path / "a.jpg", xmp="<broken", stars=3))) == (3, "3 stars in a.jpg")
    assert said(read_stars(photo(tmp_path / "b.jpg", xmp="<broken"))) == (None, "b.jpg is damaged, or no XMP")


def test_a_rating_far_behind_long_development_data_is_found(tmp_path: Path) -> None:
    path = photo(tmp_path / "a.jpg")
    masks = f'<d:mask xmlns:d="urn:darkroom">{"0123456789" * 200_000}</d:mask>'
    (tmp_path / "a.jpg.xmp").write_text(packet(5, element=True, before=masks))
    assert said(read_stars(path))[0] == 5


@given(content=st.binary(max_size=300))
def test_no_bytes_make_reading_fail(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("x")
    (folder / "a.xmp").write_bytes(content)
    stars = read_stars(folder / "a.jpg")
    assert stars is not None
    shutil.rmtree(folder)


def test_the_longest_name_and_undecodable_ones_are_asked_too(tmp_path: Path) -> None:
    longest = photo(tmp_path / "a.jpg", stars=3).rename(tmp_path / ("n" * 251 + ".jpg"))
    assert said(read_stars(longest))[0] == 3
    odd = photo(tmp_path / "a.jpg").rename(tmp_path / os.fsdecode(b"\xff.jpg"))
    (tmp_path / os.fsdecode(b"\xff.xmp")).write_text(packet(2))
    assert said(read_stars(odd)) == (2, r"2 stars in \udcff.xmp")


def _plan(workspace: Workspace, options: ImportOptions) -> ImportPlan:
    work = plan_import(workspace, options)
    try:
        while True:
            next(work)
    except StopIteration as end:
        plan: ImportPlan = end.value
        return plan


def _import(workspace: Workspace, plan: ImportPlan) -> None:
    for _ in run_import(workspace, plan):
        pass


def test_an_import_takes_stars_and_only_stars(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    folder.mkdir()
    photo(draw_photo(folder / "85.jpg", 1, 0.5), stars=None)
    draw_photo(folder / "IMG_1.jpg", 2, 0.5)
    (folder / "IMG_1.xmp").write_text(packet(4))
    workspace = Workspace(tmp_path / "w")
    plan = _plan(workspace, ImportOptions(folder, stars=True))
    found = {item.name: (item.score, str(item.reason)) for item in plan.items}
    assert found == {"85.jpg": (None, "no stars"), "IMG_1.jpg": (75.0, "4 stars in IMG_1.xmp")}
    _import(workspace, plan)
    assert ScoreBook(workspace).scores() == {"IMG_1.jpg": 75.0}


def test_stars_make_a_workspace_of_stars_where_that_is_asked(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    photo(tmp_path / "x" / "a.jpg", stars=4)
    workspace = Workspace(tmp_path / "w")
    _import(workspace, _plan(workspace, ImportOptions(tmp_path / "x", scale=Scale(1, 5), stars=True)))
    assert (str(workspace.scale), ScoreBook(workspace).scores()) == ("1-5", {"a.jpg": 4.0})


@pytest.mark.parametrize(
    "options", [{"scores_csv": Path("x.csv")}, {"pattern": "(?P<score>[0-9]+)"}, {"scale": Scale(0, 10)}]
)
def test_stars_stand_alone(tmp_path: Path, options: dict[str, object]) -> None:
    photo(tmp_path / "a.jpg", stars=4)
    with pytest.raises(UsageError):
        _plan(Workspace(tmp_path / "w"), ImportOptions(tmp_path, stars=True, **options))  # type: ignore[arg-type]


def test_folders_are_remembered_when_something_was_imported(
    tmp_path: Path, photo_folder: Path, new_photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace(tmp_path / "w")
    assert recent_folders(workspace) == []
    plan = _plan(workspace, ImportOptions(photo_folder))
    assert recent_folders(workspace) == []
    _import(workspace, plan)
    monkeypatch.chdir(new_photos)
    _import(workspace, _plan(workspace, ImportOptions(Path())))
    assert recent_folders(workspace) == [new_photos, photo_folder]
    _import(workspace, plan)
    assert recent_folders(workspace) == [photo_folder, new_photos]


def test_ten_folders_are_remembered_whatever_their_names(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.create()
    folders = [tmp_path / name for name in (*"abcdefghi", "x[", "a\x1b\n", os.fsdecode(b"\xff"), "美丽")]
    for folder in folders:
        remember_folder(workspace, folder)
    assert recent_folders(workspace) == folders[:2:-1]


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[1, null, [], {}, 'x']", b'[1, "relative", "/a\\u0000"]', b"[" * 10**5]
)
def test_a_damaged_list_of_folders_counts_for_nothing(tmp_path: Path, content: bytes) -> None:
    workspace = Workspace(tmp_path)
    workspace.create()
    (workspace.internal / "recent.json").write_bytes(content)
    assert recent_folders(workspace) == []
    remember_folder(workspace, tmp_path)
    assert recent_folders(workspace) == [tmp_path]
