"""Editing XMP packets: whatever else stands in them keeps its bytes."""

from __future__ import annotations

import contextlib
import difflib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.labels.stars import RATING
from engine.outputs.sidecars import OWN_RATING, SCORE
from engine.outputs.xmp import Packet
from tests.engine.written_sidecars import DARKTABLE, DIGIKAM, LIGHTROOM

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XMP = "http://ns.adobe.com/xap/1.0/"
WANTED = {SCORE: "73.21", RATING: "4", OWN_RATING: "4"}


def wrapped(inside: str, *, declared: str = "") -> str:
    return (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}"{declared}>\n {inside}\n</rdf:RDF></x:xmpmeta>'
    )


def kept_lines(before: str, after: str) -> list[str]:
    """Return the lines that were taken away or changed."""
    return [line[2:] for line in difflib.ndiff(before.split("\n"), after.split("\n")) if line.startswith("- ")]


def write(text: str, encoding: str = "utf-8") -> str:
    """Change a packet and return it, after looking at what has to hold for any."""
    content = text.encode(encoding)
    after = Packet(content).changed(WANTED)
    packet = Packet(after)
    assert [packet.text(name) for name in WANTED] == list(WANTED.values())
    assert packet.changed(WANTED) is packet.content
    return after.decode(encoding)


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        (DARKTABLE.replace("{rating}", "0"), ['   xmp:Rating="0"']),
        (DARKTABLE.replace("{rating}", "4"), []),
        (DIGIKAM.replace("{rating}", "2"), ["   <xap:Rating>2</xap:Rating>"]),
        (LIGHTROOM, []),
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_only_the_rating_changes_in_what_other_programs_wrote(text: str, changed: list[str], line_end: str) -> None:
    after = write(text.replace("\n", line_end))
    assert kept_lines(text, after.replace("\r\n", "\n")) == changed
    assert after.count("\r\n") == (after.count("\n") if line_end == "\r\n" else 0)


@pytest.mark.parametrize(
    ("inside", "becomes"),
    [
        (f'<rdf:Description rdf:about="" xmlns:q="{XMP}" q:Rating=\'1\' q:Label="x"/>', "q:Rating='4' q:Label=\"x\"/>"),
        (f'<rdf:Description xmlns:q="{XMP}"><q:Rating>1</q:Rating></rdf:Description>', "<q:Rating>4</q:Rating>"),
        (f'<rdf:Description><q:Rating xmlns:q="{XMP}"/></rdf:Description>', f'<q:Rating xmlns:q="{XMP}">4</q:Rating>'),
        (f'<rdf:Description><Rating xmlns="{XMP}"> 1 </Rating></rdf:Description>', f'<Rating xmlns="{XMP}">4</Rating>'),
        (
            f'<rdf:Description xmlns:q="{XMP}" q:Rating="1"/><rdf:Description xmlns:q="{XMP}" q:Rating="2"/>',
            f'<rdf:Description xmlns:q="{XMP}" q:Rating="4"/><rdf:Description xmlns:q="{XMP}" q:Rating="4"/>',
        ),
        (f'<rdf:Description xmlns:q="{XMP}" q:Rating = "1" />', f'<rdf:Description xmlns:q="{XMP}" q:Rating = "4" />'),
    ],
)
def test_a_rating_is_changed_where_and_how_it_stands(inside: str, becomes: str) -> None:
    assert becomes in write(wrapped(inside))


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \r\n",
        "<x:xmpmeta xmlns:x='adobe:ns:meta/'/>",
        "<x:xmpmeta xmlns:x='adobe:ns:meta/'>\n</x:xmpmeta>",
        f'<rdf:RDF xmlns:rdf="{RDF}"/>',
        f'<RDF xmlns="{RDF}"><Description/></RDF>',
        f'<xmp:RDF xmlns:xmp="{RDF}"></xmp:RDF>',
        wrapped("<!-- nothing -->"),
        wrapped('<m:Typed xmlns:m="urn:m"/>'),
        wrapped('<rdf:Description xmlns:xmp="urn:other" xmp:Rating="1" xmlns:beholder="urn:o2" beholder:Score="7"/>'),
        wrapped('<rdf:Description xmlns:beholder="urn:beholder:xmp:1.0:" beholder:Score="7" xmlns:xmp="urn:other"/>'),
    ],
)
def test_a_packet_without_ours_gets_it(text: str) -> None:
    after = write(text)
    signs = iter(after)
    assert all(sign in signs for sign in text.strip())


def test_the_new_description_is_about_the_same_photo() -> None:
    after = write(wrapped('<rdf:Description rdf:about="uuid:1 &amp; &quot;2&quot;" xmlns:d="urn:d" d:a="1"/>'))
    assert after.count('rdf:about="uuid:1 &amp; &quot;2&quot;"') == 2


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [
        ("utf-8", ""),
        ("utf-8-sig", "utf-8"),
        ("utf-16", "utf-16"),
        ("utf-16-le", ""),
        ("utf-16-be", "UTF-16"),
        ("iso-8859-1", "ISO-8859-1"),
        ("cp1252", "windows-1252"),
    ],
)
def test_the_encoding_stays(encoding: str, declared: str) -> None:
    head = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    content = (head + wrapped('<rdf:Description xmlns:d="urn:d" d:place="Café ü"/>')).encode(encoding)
    after = Packet(content).changed(WANTED)
    assert "Café ü" in after.decode(encoding)
    assert after[:3] == content[:3]


def test_padding_and_wrapper_stay() -> None:
    text = DIGIKAM.replace("{rating}", "0") + "\n\0\0\0"
    after = write(text)
    assert after.endswith(" " * 2000 + '\n<?xpacket end="w"?>\n\0\0\0')
    assert after.startswith('<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n')


DOCTYPE = '<!DOCTYPE x [<!ENTITY a "b">]>'


@pytest.mark.parametrize(
    "content",
    [
        b"no XML",
        wrapped("<rdf:Description/>").encode()[:-5],
        b"<a/>",
        (DOCTYPE + wrapped("<rdf:Description/>")).encode(),
        b'<?xml version="1.0" encoding="utf-7"?><a/>',
        b'<?xml version="1.0" encoding="unicode_escape"?><a/>',
        b"\xff\xfe<\0a\0/\0>",
        wrapped("<rdf:Description/>").encode() + b"\xff",
        b"<a>" * 50_000,
        b"<a>" + b"<b xmlns:p='urn:1'>" * 100 + b"</b>" * 100 + b"</a>",
        bytes(range(256)),
        wrapped('<rdf:Description rdf:about=""/>' * 10_001).encode(),
        wrapped("<rdf:Description {}/>".format(" ".join(map('d{}=""'.format, range(10_001))))).encode(),
        wrapped("<rdf:Description {}/>".format(" ".join(map('xmlns:d{}="u"'.format, range(10_001))))).encode(),
    ],
)
def test_what_is_no_sound_xmp_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError):
        Packet(content).changed(WANTED)


@pytest.mark.parametrize(
    "rating",
    [
        "<q:Rating><rdf:value>3</rdf:value></q:Rating>",
        "<q:Rating>3<!-- mine --></q:Rating>",
        '<q:Rating rdf:value="3"/>',
    ],
)
def test_a_rating_in_a_form_that_cant_be_changed_is_left(rating: str) -> None:
    packet = Packet(wrapped(f'<rdf:Description xmlns:q="{XMP}">{rating}</rdf:Description>').encode())
    assert packet.texts(RATING) == [None]
    assert rating.encode() in packet.changed({SCORE: "5"})
    with pytest.raises(ValueError, match="form"):
        packet.changed(WANTED)


def test_ratings_of_what_lies_inside_the_photo_are_not_ours() -> None:
    inner = f'<m:P xmlns:m="urn:m"><rdf:Description xmlns:xmp="{XMP}" xmp:Rating="1"/></m:P>'
    after = write(wrapped(f"<rdf:Description>{inner}</rdf:Description>"))
    assert inner in after


NAMES = st.sampled_from(["dc:title", "dt:history", "xmp:Label", "xmp:CreateDate", "crs:Tint"])
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='<>&"\ufffe\uffff'), max_size=12)
SPACES = st.sampled_from(["", " ", "\n", "\r\n  ", "\t", "<!-- note -->", "<?hint a?>", "\n   "])
PREFIXES = 'xmlns:dc="urn:dc" xmlns:dt="urn:dt" xmlns:crs="urn:crs"'


@st.composite
def properties(draw: st.DrawFn) -> str:
    name, text = draw(NAMES), draw(TEXTS)
    kind = draw(st.integers(0, 4))
    if kind == 0:
        return f"<{name}>{text}</{name}>"
    if kind == 1:
        items = "".join(f"{draw(SPACES)}<rdf:li>{item}</rdf:li>" for item in draw(st.lists(TEXTS, max_size=3)))
        return f"<{name}><rdf:Bag>{items}</rdf:Bag></{name}>"
    if kind == 2:
        return f"<{name} rdf:parseType='Resource'>{draw(SPACES)}<dt:x>{text}</dt:x></{name}>"
    if kind == 3:
        return f"<{name}><![CDATA[{text}]]></{name}>"
    return f'<{name}><rdf:Description xmp:Rating="2" dt:y="{text}"/></{name}>'


@st.composite
def packets(draw: st.DrawFn) -> str:
    """Return a packet of any shape, perhaps with a rating somewhere."""
    nodes = []
    for number in range(draw(st.integers(0, 3))):
        space = draw(st.sampled_from([" ", "\n   ", "\r\n\t"]))
        quote = draw(st.sampled_from(["'", '"']))
        tags = draw(st.lists(NAMES, unique=True, max_size=3))
        attributes = [f"{tag}={quote}{draw(TEXTS).replace(quote, '')}{quote}" for tag in tags]
        if number == 0 and draw(st.booleans()):
            attributes.insert(draw(st.integers(0, len(attributes))), f"xmp:Rating={quote}0{quote}")
        inside = "".join(draw(SPACES) + draw(properties()) for _ in range(draw(st.integers(0, 3))))
        if number == 1 and draw(st.booleans()):
            inside += draw(st.sampled_from(["<xmp:Rating>0</xmp:Rating>", "<xmp:Rating/>"])) + draw(SPACES)
        about = draw(st.sampled_from(['rdf:about=""', "rdf:about='uuid:1'"]))
        words = space.join([about, *attributes])
        nodes.append(
            f"<rdf:Description{space}{words}{draw(st.sampled_from(['', ' ']))}/>"
            if not inside
            else f"<rdf:Description{space}{words}>{inside}</rdf:Description>"
        )
    body = "".join(draw(SPACES) + node for node in nodes) + draw(SPACES)
    rdf = f'<rdf:RDF xmlns:rdf="{RDF}" xmlns:xmp="{XMP}" {PREFIXES}>{body}</rdf:RDF>'
    head = draw(st.sampled_from(["", '<?xpacket begin="\ufeff" id="W5M0"?>\n', '<?xml version="1.0"?>\n']))
    return f'{head}<x:xmpmeta xmlns:x="adobe:ns:meta/">{draw(SPACES)}{rdf}{draw(SPACES)}</x:xmpmeta>{draw(SPACES)}'


@given(text=packets(), encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_whatever_stands_in_a_packet_stays(text: str, encoding: str) -> None:
    content = text.encode(encoding)
    after = Packet(content).changed(WANTED).decode(encoding)
    again = Packet(after.encode(encoding))
    assert again.changed(WANTED) == again.content
    # our description and the ratings taken away by plain text, both are the same to the last sign
    assert _without_ours(after, "4") == _without_ours(text, "0")


def _without_ours(text: str, rating: str) -> str:
    text = re.sub(r"\s*<rdf:Description [^<>]*xmlns:beholder=[^<>]*/>", "", text)
    text = re.sub(f"(?<=xmp:Rating=['\"]){rating}(?=['\"])", "", text)
    return text.replace(f"<xmp:Rating>{rating}</xmp:Rating>", "<xmp:Rating/>")


@given(content=st.binary(max_size=200))
def test_no_bytes_make_more_than_a_value_error(content: bytes) -> None:
    with contextlib.suppress(ValueError):
        Packet(content).changed(WANTED)
