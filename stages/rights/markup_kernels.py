"""Finding what pages say of rights: a scan of their bytes for a few tags, as numba kernels.

Tags are read as the HTML standard's tokenizer reads them (WHATWG HTML, section 13.2.5): comments and the contents of
`script`, `style`, `title` and `textarea` hold none, and a `>` in a quoted value ends none. No tree is built. Bytes must
be an extension of ASCII, as all character sets of the web but UTF-16 are. Cost: one pass, 1 to 2 ns per byte.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes, Offsets
from prep.corpus.kernels import kernel, leaf
from prep.corpus.text.utf8 import find_byte
from prep.stages.shared.url.name_kernels import Names, begins_with, find_name, is_text, names
from prep.stages.shared.url.parts_kernels import lower_byte

LICENCE_LINK, PLAIN_LINK, JSON_LD, META = 0, 1, 2, 3
"""Kinds of statement: a link that says it leads to the licence; a link to Creative Commons that does not; a script of
JSON-LD with a licence; META + k: the meta tag of name k."""

_OPEN, _CLOSE, _SLASH, _BANG, _MINUS, _EQUALS, _QUESTION = 0x3C, 0x3E, 0x2F, 0x21, 0x2D, 0x3D, 0x3F
_DOUBLE, _SINGLE = 0x22, 0x27
_TAGS = names(["meta", "link", "a", "script", "style", "title", "textarea"])
_META_TAG, _LINK_TAG, _ANCHOR_TAG, _SCRIPT_TAG = range(4)
_ATTRIBUTES = names(["name", "property", "http-equiv", "itemprop", "content", "rel", "href", "type"])
_LAST_NAME, _CONTENT, _REL, _HREF, _TYPE = 3, 4, 5, 6, 7
_LICENCE = np.frombuffer(b"license", np.uint8)
_COMMONS = np.frombuffer(b"creativecommons.org/", np.uint8)
_LD = np.frombuffer(b"application/ld+json", np.uint8)


class Statements(NamedTuple):
    """What pages say, in order: statement k is of page `rows[k]`, `data[starts[k]:ends[k]]`, all int64."""

    rows: npt.NDArray[np.int64]
    kinds: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]


class Span(NamedTuple):
    """`data[start:end]`."""

    start: int
    end: int


class Tag(NamedTuple):
    """The attributes of a tag that matter, empty where they are missing, and where the tag ends."""

    name: Span
    content: Span
    rel: Span
    href: Span
    type: Span
    end: int


@kernel
def find_statements(data: Bytes, offsets: Offsets, meta_names: Names) -> Statements:
    """Return what the pages say of rights in links, JSON-LD and the meta tags of some names."""
    found = np.empty((4, 64), np.int64)
    count = 0
    for row in range(len(offsets) - 1):
        at, end = offsets[row], offsets[row + 1]
        while at < end:
            at, kind, statement = _next_statement(data, at, end, meta_names)
            if kind >= 0:
                if count == found.shape[1]:
                    found = np.concatenate((found, np.empty_like(found)), axis=1)
                found[0, count] = row
                found[1, count] = kind
                found[2, count] = statement.start
                found[3, count] = statement.end
                count += 1
    return Statements(found[0, :count], found[1, :count], found[2, :count], found[3, :count])


@leaf
def _next_statement(data: Bytes, at: int, end: int, meta_names: Names) -> tuple[int, int, Span]:
    """Read up to the end of the next tag: where the scan goes on, the kind of the statement (−1: none), its place."""
    at = find_byte(data, at, end, _OPEN)
    if at + 1 >= end:
        return end, -1, Span(end, end)
    first = data[at + 1]
    if first in (_BANG, _QUESTION):
        return _after_comment(data, at, end), -1, Span(end, end)
    if first != _SLASH and not 0x61 <= lower_byte(first) <= 0x7A:
        return at + 1, -1, Span(end, end)
    start = at + 1
    name_end = _name_end(data, start, end)
    tag_name = find_name(data, start, name_end, _TAGS)
    if first == _SLASH:
        closes = at + 2 < end and 0x61 <= lower_byte(data[at + 2]) <= 0x7A
        tag = _read_tag(data, _name_end(data, at + 2, end) if closes else at + 2, end)
    else:
        tag = _read_tag(data, name_end, end)
    if tag_name == _META_TAG:
        name = find_name(data, tag.name.start, tag.name.end, meta_names)
        return tag.end, META + name if name >= 0 else -1, tag.content
    if tag_name in (_LINK_TAG, _ANCHOR_TAG):
        return tag.end, _link_kind(data, tag), tag.href
    if tag_name < _SCRIPT_TAG:
        return tag.end, -1, Span(end, end)
    closed = _closing_tag(data, tag.end, end, start, name_end)
    content = Span(tag.end, closed)
    is_ld = tag_name == _SCRIPT_TAG and is_text(data, tag.type.start, tag.type.end, _LD)
    return closed, JSON_LD if is_ld and _holds(data, content, _LICENCE) else -1, content


@leaf
def _name_end(data: Bytes, at: int, end: int) -> int:
    """Return where the name of a tag ends that begins at `at`."""
    while at < end and data[at] > 0x20 and data[at] != _CLOSE and data[at] != _SLASH:
        at += 1
    return at


@leaf
def _link_kind(data: Bytes, tag: Tag) -> int:
    at = tag.rel.start
    while at < tag.rel.end:
        word = at
        while at < tag.rel.end and data[at] > 0x20:
            at += 1
        if is_text(data, word, at, _LICENCE):
            return LICENCE_LINK
        at += 1
    return PLAIN_LINK if _holds(data, tag.href, _COMMONS) else -1


@leaf
def _holds(data: Bytes, span: Span, text: Bytes) -> bool:
    """Return whether a text in lower-case ASCII stands in a span, in any case of letters."""
    for at in range(span.start, span.end - len(text) + 1):
        if lower_byte(data[at]) == text[0] and begins_with(data, at, span.end, text):
            return True
    return False


@leaf
def _after_comment(data: Bytes, at: int, end: int) -> int:
    """Return where a comment, or another declaration, that begins at `at` has ended."""
    if not (at + 3 < end and data[at + 2] == _MINUS and data[at + 3] == _MINUS):
        return find_byte(data, at, end, _CLOSE) + 1
    at += 4
    if at < end and data[at] == _CLOSE:
        return at + 1
    while True:
        at = find_byte(data, at, end, _CLOSE)
        if at >= end or (data[at - 1] == _MINUS and data[at - 2] == _MINUS):
            return at + 1
        at += 1


@leaf
def _closing_tag(data: Bytes, at: int, end: int, name: int, name_end: int) -> int:
    """Return where the closing tag begins of an element whose content is text; `end` where none does."""
    length = name_end - name
    while True:
        at = find_byte(data, at, end, _OPEN)
        if at + 2 + length > end:
            return end
        if data[at + 1] == _SLASH:
            place = 0
            while place < length and lower_byte(data[at + 2 + place]) == lower_byte(data[name + place]):
                place += 1
            after = at + 2 + length
            if place == length and (after == end or data[after] <= 0x20 or data[after] in (_SLASH, _CLOSE)):
                return at
        at += 1


@leaf
def _read_tag(data: Bytes, at: int, end: int) -> Tag:
    """Read a tag from behind its name on; of an attribute that comes twice, the first counts."""
    empty = Span(end, end)
    name = content = rel = href = kind = empty
    while True:
        while at < end and (data[at] <= 0x20 or data[at] == _SLASH):
            at += 1
        if at >= end or data[at] == _CLOSE:
            return Tag(name, content, rel, href, kind, min(at + 1, end))
        start = at
        at += 1
        while at < end and data[at] > 0x20 and data[at] not in (_SLASH, _CLOSE, _EQUALS):
            at += 1
        attribute = find_name(data, start, at, _ATTRIBUTES)
        while at < end and data[at] <= 0x20:
            at += 1
        value = empty
        if at < end and data[at] == _EQUALS:
            value, at = _read_value(data, at + 1, end)
        if 0 <= attribute <= _LAST_NAME and name.start == end:
            name = value
        elif attribute == _CONTENT and content.start == end:
            content = value
        elif attribute == _REL and rel.start == end:
            rel = value
        elif attribute == _HREF and href.start == end:
            href = value
        elif attribute == _TYPE and kind.start == end:
            kind = value


@leaf
def _read_value(data: Bytes, at: int, end: int) -> tuple[Span, int]:
    """Read an attribute's value behind its `=`, white space at its ends left out; return it and where it has ended."""
    while at < end and data[at] <= 0x20:
        at += 1
    start = at
    if at < end and (data[at] == _DOUBLE or data[at] == _SINGLE):
        start += 1
        stop = find_byte(data, start, end, data[at])
        at = min(stop + 1, end)
    else:
        while at < end and data[at] > 0x20 and data[at] != _CLOSE:
            at += 1
        stop = at
    while start < stop and data[start] <= 0x20:
        start += 1
    while stop > start and data[stop - 1] <= 0x20:
        stop -= 1
    return Span(start, stop), at
