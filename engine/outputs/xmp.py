"""Edit an XMP packet where it stands: what is not ours keeps its bytes, its order and its looks."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from engine.labels.stars import RDF_NAMESPACE, XMP_NAMESPACE
from engine.outputs.xmp_scan import BEHOLDER_NAMESPACE, META, Found, Spot, Tag, is_ours, scan

_PREFIXES = {XMP_NAMESPACE: "xmp", BEHOLDER_NAMESPACE: "beholder", RDF_NAMESPACE: "rdf"}
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_DECLARED = re.compile(rb"""\s*<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_ENCODINGS = frozenset({"utf-8", "ascii", "iso8859-1", "iso8859-2", "iso8859-15", "cp1250", "cp1251", "cp1252"})
_NEW = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="beholder">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
"""

_LONGEST_INDENT = 400

Edit = tuple[int, int, bytes]


@dataclass(frozen=True)
class _Form:
    """How a packet is written.

    Args:
        mark: byte order mark. encoding: Python's name of it. body: the packet in UTF-8. tail: what pads it at the end.
    """

    mark: bytes
    encoding: str
    body: bytes
    tail: str

    def encode(self, body: bytes) -> bytes:
        return self.mark + (body.decode() + self.tail).encode(self.encoding)


class Packet:
    """An XMP packet that can be changed.

    Args:
        content: the bytes of a sidecar; empty ones stand for a new packet.

    Raises:
        ValueError: it is damaged, no XMP, holds a document type or entities, or is in an unknown encoding.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content
        self._form = _decode(content)
        if not self._form.body:
            self._form = _Form(b"", "utf-8", _NEW.encode(), "")
        self._found = scan(self._form.body)
        if self._found.rdf is None and self._found.root_name not in META:
            raise ValueError("there is no rdf:RDF in it")

    def texts(self, name: str) -> list[str | None]:
        """Return a property's values, one for each place where it stands; None for a form that can't be changed.

        Args:
            name: ``{namespace}name``: ``xmp:Rating`` or one in beholder's namespace.
        """
        return _stripped(self._found.spots.get(name, []))

    def text(self, name: str) -> str:
        """Return a property's first value; an empty text where there is none."""
        return next((text for text in self.texts(name) if text is not None), "")

    def changed(self, wanted: Mapping[str, str]) -> bytes:
        """Return the packet with some properties changed or added, and everything else as it was.

        Args:
            wanted: ``{namespace}name`` → value.

        Returns:
            The very same content where all values stand there already.

        Raises:
            ValueError: a property has a form that can't be changed, or the outcome would not say what it has to.
        """
        assert all(is_ours(name) for name in wanted)
        spots = self._found.spots
        edits = [
            _replacement(self._form.body, spot, value)
            for name, value in wanted.items()
            for spot in spots.get(name, [])
            if spot.text is None or spot.text.strip() != value
        ]
        missing = {name: value for name, value in wanted.items() if name not in spots}
        if missing:
            edits.append(self._addition(missing))
        if not edits:
            return self.content
        body = _applied(self._form.body, edits)
        self._check(scan(body), wanted)
        return self._form.encode(body)

    def _check(self, after: Found, wanted: Mapping[str, str]) -> None:
        """Make sure that the new packet says what was wanted and all that it said before."""
        for name in {*self._found.spots, *wanted}:
            was = self._found.spots.get(name, [])
            should = [wanted[name]] * max(len(was), 1) if name in wanted else _stripped(was)
            if _stripped(after.spots.get(name, [])) != should:
                raise ValueError(f"{name} would not stand in it")
        if after.digest != self._found.digest:
            raise ValueError("other programs' tags would change")

    def _addition(self, values: Mapping[str, str]) -> Edit:
        """Return the edit that adds properties: to the description that holds ours, else in one of their own."""
        host = next((node for node in self._found.nodes if node.ours), None)
        if host is not None:
            attributes = _attributes(values, dict(host.scope))
            return host.tag.inner, host.tag.inner, b"".join(host.tag.space + word.encode() for word in attributes)
        return self._own_description(values)

    def _own_description(self, values: Mapping[str, str]) -> Edit:
        body, found = self._form.body, self._found
        line = b"\r\n" if b"\r\n" in body else b"\n" if b"\n" in body else b""
        if found.rdf is None:
            assert found.root is not None
            block = _description("rdf", "", values, line and line + b"  ")
            indent = line and line + b" "
            opened = f'<rdf:RDF xmlns:rdf="{RDF_NAMESPACE}">'.encode()
            return _inside(found.root, indent + opened + block + indent + b"</rdf:RDF>", line, body)
        prefix = found.rdf.name.decode().rpartition(":")[0]
        about = next((node.about for node in found.nodes if node.about is not None), "")
        if found.nodes:
            last = found.nodes[-1]
            return last.end, last.end, _description(prefix, about, values, _lead(body, last.tag.start))
        lead = line and (_lead(body, found.rdf.start) or line)
        return _inside(found.rdf, _description(prefix, about, values, lead and lead + b" "), lead, body)


def _stripped(spots: Iterable[Spot]) -> list[str | None]:
    return [None if spot.text is None else spot.text.strip() for spot in spots]


def _decode(content: bytes) -> _Form:
    """Return how a packet is written, and its text.

    Raises:
        ValueError: its encoding is unknown, or it doesn't hold to it.
    """
    mark, encoding = next(((mark, name) for mark, name in _MARKS if content.startswith(mark)), (b"", ""))
    if not encoding:
        encoding = (
            "utf-16-le" if content[:2] == b"<\0" else "utf-16-be" if content[:2] == b"\0<" else _declared(content)
        )
    text = content[len(mark) :].decode(encoding)
    if text.encode(encoding) != content[len(mark) :]:
        raise ValueError("its encoding is not kept to")
    body = text.rstrip("\0 \r\n\t")
    return _Form(mark, encoding, body.encode(), text[len(body) :])


def _declared(content: bytes) -> str:
    declared = _DECLARED.match(content[:1000])
    if declared is None:
        return "utf-8"
    try:
        name = codecs.lookup(declared[1].decode()).name
    except LookupError:
        name = ""
    if name not in _ENCODINGS:
        raise ValueError(f"its encoding {declared[1].decode()} is unknown")
    return name


def _escape(value: str) -> str:
    """Return a value as it may stand in an attribute or an element of any encoding."""
    signs = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;"}
    return "".join(
        signs.get(sign) or (sign if " " <= sign <= "~" else f"&#{ord(sign)};" if sign >= "\xa0" else " ")
        for sign in value
    )


def _replacement(body: bytes, spot: Spot, value: str) -> Edit:
    if spot.text is None:
        raise ValueError("a property of ours has a form that can't be changed")
    text = _escape(value).encode()
    if spot.tag is None or not spot.tag.empty:
        return spot.start, spot.end, text
    return spot.start, spot.end, body[spot.tag.start : spot.tag.inner] + b">" + text + b"</" + spot.tag.name + b">"


def _applied(body: bytes, edits: Iterable[Edit]) -> bytes:
    parts, at = [], 0
    for start, end, text in sorted(edits):
        parts += [body[at:start], text]
        at = end
    return b"".join([*parts, body[at:]])


def _attributes(values: Mapping[str, str], scope: dict[str, str]) -> list[str]:
    """Return properties as attributes, after the declarations that they need where some prefixes are known."""
    words, properties = [], []
    prefixes: dict[str, str] = {}
    for name, value in values.items():
        uri, _, local = name[1:].partition("}")
        if uri not in prefixes:
            known = next((prefix for prefix, space in scope.items() if space == uri and prefix), None)
            prefixes[uri] = known or next(word for word in _numbered(_PREFIXES[uri]) if word not in scope)
            if known is None:
                words.append(f'xmlns:{prefixes[uri]}="{uri}"')
                scope[prefixes[uri]] = uri
        properties.append(f'{prefixes[uri]}:{local}="{_escape(value)}"')
    return words + properties


def _numbered(word: str) -> Iterator[str]:
    yield word
    number = 2
    while True:
        yield f"{word}{number}"
        number += 1


def _description(prefix: str, about: str | None, values: Mapping[str, str], lead: bytes) -> bytes:
    """Return a description of its own, which declares what it needs, behind the space that leads to it.

    Args:
        prefix: of ``rdf:RDF``; empty where its namespace is the default.
        about: as in the other descriptions. values: of the properties.
        lead: a line's end and the indent; empty where the packet has no lines.
    """
    words = [] if prefix else [f'xmlns:rdf="{RDF_NAMESPACE}"']
    words.append(f'{prefix or "rdf"}:about="{_escape(about or "")}"')
    first, *others = [*words, *_attributes(values, {prefix or "rdf": RDF_NAMESPACE})]
    between = f"{lead.decode()}  " if lead else " "
    name = f"{prefix}:Description" if prefix else "Description"
    return lead + f"<{name} {between.join([first, *others])}/>".encode()


def _inside(tag: Tag, block: bytes, lead: bytes, body: bytes) -> Edit:
    """Return the edit that puts a block first into an element; an empty one is opened for it, and ends after `lead`."""
    if not tag.empty:
        return tag.end, tag.end, block
    return tag.start, tag.end, body[tag.start : tag.inner] + b">" + block + lead + b"</" + tag.name + b">"


def _lead(body: bytes, start: int) -> bytes:
    """Return the line's end and the indent before an offset; nothing where something else stands between."""
    space = body[max(start - _LONGEST_INDENT, 0) : start]
    at = len(space.rstrip(b" \t"))
    for end in (b"\r\n", b"\n"):
        if space[:at].endswith(end):
            return space[at - len(end) :]
    return b""
