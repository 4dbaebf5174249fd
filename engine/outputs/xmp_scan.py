"""Read an XMP packet in a stream: where its properties stand, byte by byte, and a digest of all that is not ours.

Anyone may have written it: document types and entities are refused, and no tree is built.
"""

from __future__ import annotations

import hashlib
import re
from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.etree.ElementTree import ParseError

from defusedxml.ElementTree import DefusedXMLParser

from engine.labels.stars import DESCRIPTION, RATING, RDF, RDF_NAMESPACE

BEHOLDER_NAMESPACE = "urn:beholder:xmp:1.0:"
"""Names what beholder writes: it leads nowhere, on purpose."""
META = frozenset({"{adobe:ns:meta/}xmpmeta", "{adobe:ns:meta/}xapmeta"})

_STEP = 64 << 10
_DEEPEST = 64  # elements around rdf:RDF; there are two
_MOST = 10_000  # attributes of one element, elements in rdf:RDF: a hundred times what any program writes
_SAID = 1000
_LONGEST = 4096  # characters of a value that is ours to read
_NAME = re.compile(rb"<([^\s/>]+)")
_ATTRIBUTE = re.compile(rb"""\s+([^\s=/>]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_END = re.compile(rb"\s*(/?)>")


@dataclass(frozen=True)
class Tag:
    """A start tag as it stands in the packet; all places are byte offsets in its UTF-8 form.

    Args:
        name: with its prefix. start: of ``<``. end: behind ``>``. inner: behind the last attribute, or the name.
        empty: it ends in ``/>``. values: (name with prefix, start, end) of each attribute's value.
        space: before the last attribute.
    """

    name: bytes
    start: int
    end: int
    inner: int
    empty: bool
    values: tuple[tuple[bytes, int, int], ...]
    space: bytes = b" "


@dataclass
class Spot:
    """One place where a property stands.

    Args:
        text: its value; None where it has a form that can't be changed.
        start: of the value. end: of the value; for an empty element both are those of the whole tag.
        tag: of the element; None for an attribute.
    """

    text: str | None
    start: int
    end: int
    tag: Tag | None = None


@dataclass
class Node:
    """One ``rdf:Description`` of the packet's photo, or what else lies in ``rdf:RDF``.

    Args:
        tag: its start tag. scope: prefix → namespace there. about: the photo, as it is written there.
        end: byte offset behind it. ours: whether a property of beholder stands in it.
    """

    tag: Tag
    scope: Mapping[str, str]
    about: str | None
    end: int = 0
    ours: bool = False


@dataclass
class Found:
    """What a scan found.

    Args:
        root: start tag of the outermost element. root_name: ``{namespace}name`` of it. root_close: of its end tag.
        rdf: start tag of the first ``rdf:RDF``. nodes: what lies in it.
        spots: ``{namespace}name`` → where it stands, for ``xmp:Rating`` and what is beholder's.
        digest: of everything else.
    """

    root: Tag | None = None
    root_name: str = ""
    root_close: int = 0
    rdf: Tag | None = None
    nodes: list[Node] = field(default_factory=list)
    spots: dict[str, list[Spot]] = field(default_factory=dict)
    digest: str = ""


def is_ours(name: str) -> bool:
    """Say whether beholder may change a property: ``xmp:Rating`` or one in its own namespace."""
    return name == RATING or name.startswith(f"{{{BEHOLDER_NAMESPACE}}}")


def scan(data: bytes) -> Found:
    """Return where what beholder may change stands in a packet.

    Args:
        data: the packet in UTF-8, without a byte order mark, whatever encoding it declares.

    Raises:
        ValueError: it is no XML, or holds a document type or entities.
    """
    scanner = _Scanner(data)
    parser: Any = DefusedXMLParser(target=scanner, encoding="utf-8", forbid_dtd=True)
    scanner.expat = parser.parser
    try:
        for start in range(0, len(data), _STEP):
            parser.feed(data[start : start + _STEP])
        parser.close()
    except (ParseError, LookupError) as error:
        raise ValueError(str(error)) from error
    return scanner.result()


class _Scanner:
    """Takes an XML parser's events."""

    def __init__(self, data: bytes) -> None:
        self.expat: Any = None
        self.found = Found()
        self._data = data
        self._depth = 0
        self._rdf_depth = 0  # of the open rdf:RDF; 0 outside of it
        self._scopes: list[ChainMap[str, str]] = [ChainMap()]  # as deep as rdf:RDF's children
        self._declared: dict[str, str] = {}
        self._node: Node | None = None
        self._property: tuple[str, Spot] | None = None
        self._rest = _Rest()

    def start_ns(self, prefix: str | None, uri: str | None) -> None:
        self._declared[prefix or ""] = uri or ""
        if len(self._declared) > _MOST:
            raise ValueError("an element has too many attributes")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        declared, self._declared = self._declared, {}
        if len(attributes) > _MOST:
            raise ValueError("an element has too many attributes")
        self._depth += 1
        inside = self._depth - self._rdf_depth if self._rdf_depth else 0
        if inside > 2:
            self._deeper(name, attributes)
            return
        tag = _tag_at(self._data, self.expat.CurrentByteIndex)
        if inside == 2:
            self._start_property(name, attributes, tag)
            return
        if self._depth > _DEEPEST:
            raise ValueError("elements are nested too deeply")
        self._scopes.append(self._scopes[-1].new_child(declared) if declared else self._scopes[-1])
        if inside == 1:
            self._start_node(name, attributes, tag)
            return
        if self._depth == 1:
            self.found.root, self.found.root_name = tag, name
        if name == RDF and self.found.rdf is None:
            self.found.rdf, self._rdf_depth = tag, self._depth
            self._rest.open(name, attributes, droppable=not attributes)
        else:
            self._rest.open(name, attributes)

    def _deeper(self, name: str, attributes: dict[str, str]) -> None:
        if self._property is None:
            self._rest.open(name, attributes)
        else:
            self._property[1].text = None

    def _start_node(self, name: str, attributes: dict[str, str], tag: Tag) -> None:
        about = attributes.get(f"{{{RDF_NAMESPACE}}}about", attributes.get("about"))
        node = Node(tag, self._scopes[-1], about)
        self.found.nodes.append(node)
        if len(self.found.nodes) > _MOST:
            raise ValueError("there are too many elements in rdf:RDF")
        if name != DESCRIPTION:
            self._rest.open(name, attributes)
            return
        self._node = node
        for raw, start, end in tag.values:
            prefix, colon, local = raw.decode().partition(":")
            whole = f"{{{node.scope.get(prefix, '')}}}{local}" if colon else prefix
            if is_ours(whole):
                self._remember(whole, Spot(attributes[whole], start, end))
        rest = {key: value for key, value in attributes.items() if not is_ours(key)}
        self._rest.open(name, rest, droppable=rest.keys() <= {f"{{{RDF_NAMESPACE}}}about", "about"})

    def _start_property(self, name: str, attributes: dict[str, str], tag: Tag) -> None:
        if self._node is None or not is_ours(name):
            self._rest.open(name, attributes)
            return
        plain = attributes.keys() <= {"{http://www.w3.org/XML/1998/namespace}lang"}
        spot = Spot("" if plain else None, tag.start if tag.empty else tag.end, tag.end, tag)
        self._property = (name, spot)
        self._remember(name, spot)

    def _remember(self, name: str, spot: Spot) -> None:
        self.found.spots.setdefault(name, []).append(spot)
        assert self._node is not None
        self._node.ours |= name != RATING

    def data(self, text: str) -> None:
        if self._property is not None:
            spot = self._property[1]
            if spot.text is not None and len(spot.text) <= _LONGEST:
                spot.text += text[:_LONGEST]
        elif (self._rdf_depth and self._depth - self._rdf_depth >= 2) or text.strip():
            self._rest.text(text)

    def comment(self, text: str) -> None:
        if self._property is None:
            self._rest.say("comment", text)
        else:
            self._property[1].text = None

    def pi(self, target: str, text: str | None = None) -> None:
        if self._property is None:
            self._rest.say("instruction", target, text or "")
        else:
            self._property[1].text = None

    def end(self, name: str) -> None:
        inside = self._depth - self._rdf_depth if self._rdf_depth else 0
        at = self.expat.CurrentByteIndex
        self._depth -= 1
        if inside == 2 and self._property is not None:
            spot = self._property[1]
            if spot.tag is not None and not spot.tag.empty:
                spot.end = at
            self._property = None
            return
        if self._property is not None:
            return
        self._rest.close(name)
        if inside == 1:
            node = self.found.nodes[-1]
            node.end = node.tag.end if node.tag.empty else self._data.index(b">", at) + 1
            self._node = None
        if inside == 0 and self.found.rdf is not None and self._depth + 1 == self._rdf_depth:
            self._rdf_depth = 0
        if inside <= 1:
            self._scopes.pop()
        if not self._depth:
            self.found.root_close = at

    def close(self) -> None:
        """Do nothing: the parser asks for it."""

    def result(self) -> Found:
        self.found.digest = self._rest.digest()
        return self.found


class _Rest:
    """A digest of what is not ours; elements that hold nothing but ours don't count, nor does the space around them."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._waiting: list[tuple[str, ...]] = []  # droppable elements that are open and hold nothing so far
        self._text: list[str] = []
        self._said: list[str] = []

    def open(self, name: str, attributes: dict[str, str], *, droppable: bool = False) -> None:
        self._flush()
        words = ("open", name, *(word for pair in sorted(attributes.items()) for word in pair))
        if droppable:
            self._waiting.append(words)
        else:
            self.say(*words)

    def close(self, name: str) -> None:
        self._flush()
        if self._waiting:
            self._waiting.pop()
        else:
            self.say("close", name)

    def text(self, text: str) -> None:
        self._text.append(text)

    def say(self, *words: str) -> None:
        if self._text:
            self._flush()
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            self._said += map("\0".join, waiting)
        self._said.append("\0".join(words))
        if len(self._said) >= _SAID:
            self._hash_said()

    def _flush(self) -> None:
        """Say the text so far as one, however the parser cut it."""
        text, self._text = "".join(self._text), []
        if text:
            self.say("text", text)

    def digest(self) -> str:
        self._flush()
        self._hash_said()
        return self._hash.hexdigest()

    def _hash_said(self) -> None:
        # these signs are in no XML, so that nothing else could make the same bytes
        self._hash.update("\1".join([*self._said, ""]).encode("utf-8", "surrogatepass"))
        self._said.clear()


def _tag_at(data: bytes, start: int) -> Tag:
    """Return the start tag at an offset; the parser has found it well formed."""
    name = _NAME.match(data, start)
    if name is None:
        raise ValueError(f"there is no tag at byte {start}")
    at, values, space = name.end(), [], b" "
    while (attribute := _ATTRIBUTE.match(data, at)) is not None:
        group = 2 if attribute[2] is not None else 3
        values.append((attribute[1], attribute.start(group), attribute.end(group)))
        at, space = attribute.end(), data[at : attribute.start(1)]
    end = _END.match(data, at)
    if end is None:
        raise ValueError(f"the tag at byte {start} doesn't end")
    return Tag(name[1], start, end.end(), at, bool(end[1]), tuple(values), space)
