"""Puts the parts of a streamed page where its scripts move them.

React, and what builds on it (Next.js, Remix), sends a page before all of its parts are ready. Where one is missing
stands `<template id="B:0"></template>`, with something to look at meanwhile; the part follows at the page's end, in
`<div hidden id="S:0">`, and a script moves it. Without the script its text is hidden, or stands behind the footer. A
part belongs to the place of its number unless a script names another; one without a place stays where it is. Source:
React's `ReactFizzConfigDOM`. Cost: linear in the page; the engine calls it only for pages that have such a place.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

_PART: Final = re.compile(
    rb'<(?:(?:div|table) hidden(?:="")?|table hidden(?:="")?><(?:tbody|tr|colgroup))'
    rb' id="([^"<>]{0,64}?)S:([0-9a-f]{1,8})">'
)
_PLACE_END: Final = rb' id="([^"<>]{0,64}?[BP]:[0-9a-f]{1,8})"></template>'
_PLACE: Final = re.compile(b"<template" + _PLACE_END)
_IS_PLACE: Final = re.compile(_PLACE_END)
_CALL: Final = re.compile(rb'\$R[CRS]\("([^"<>]{0,64}?[BS]:[0-9a-f]{1,8})","([^"<>]{0,64}?[SP]:[0-9a-f]{1,8})"')
_TOKEN: Final = re.compile(rb"<(?:(/?)(div|table)\b|(!--|script\b|style\b|textarea\b))")
_ENDS: Final = {b"!--": b"-->", b"script": b"</script", b"style": b"</style", b"textarea": b"</textarea"}
_PENDING: Final = b"<!--$?-->"
"""Stands before the place of a part that is awaited; what is to be seen until then ends with `<!--/$-->`."""
_BOUNDARY: Final = re.compile(rb"<!--(/?)[$&][?!~]?-->")
_DEEPEST: Final = 100
"""Parts inside each other that are put in place."""


class _Range(NamedTuple):
    """Bytes of the page."""

    start: int
    end: int


class _Part(NamedTuple):
    """A part with the element that hides it, and without."""

    whole: _Range
    content: _Range


class _Place(NamedTuple):
    """What a part replaces."""

    whole: _Range
    part: _Part


def has_places(page: bytes, templates: Iterable[int]) -> bool:
    """Return whether one of a page's templates, given by where their tags' attributes begin, is a part's place."""
    return any(_IS_PLACE.match(page, tag) for tag in templates)


def place_parts(page: bytes) -> bytes:
    """Return a page with its streamed parts in place, and without what is to be seen until they come."""
    parts = _parts(page)
    if not parts:
        return page
    places = _places(page, parts)
    if not places:
        return page
    moved = sorted({place.part.whole for place in places})
    written: list[bytes] = []
    at = 0
    for hidden in moved:
        written += _pieces(page, _Range(at, hidden.start), places)
        at = hidden.end
    written += _pieces(page, _Range(at, len(page)), places)
    return b"".join(written)


def _parts(page: bytes) -> dict[bytes, _Part]:
    """Return the parts by their ids. One that is not closed ends the search."""
    parts: dict[bytes, _Part] = {}
    at = 0
    while match := _PART.search(page, at):
        kind = b"div" if match[0].startswith(b"<div") else b"table"
        closing = _closing_tag(page, match.end(), kind)
        if closing is None:
            break
        last = closing.start if match[0].count(b"<") == 1 else page.rfind(b"</", match.end(), closing.start)
        content = _Range(match.end(), max(match.end(), last))
        parts[match[1] + b"S:" + match[2]] = _Part(_Range(match.start(), closing.end), content)
        at = closing.end
    return parts


def _closing_tag(page: bytes, at: int, kind: bytes) -> _Range | None:
    """Return the tag that closes an element, given where its start tag ends."""
    depth = 1
    while token := _TOKEN.search(page, at):
        at = token.end()
        if token[3]:
            at = page.find(_ENDS[token[3]], at)
            if at < 0:
                return None
        elif token[2] == kind:
            depth += -1 if token[1] else 1
            if depth == 0:
                end = page.find(b">", at)
                return _Range(token.start(), end + 1) if end >= 0 else None
    return None


def _places(page: bytes, parts: dict[bytes, _Part]) -> list[_Place]:
    """Return the places of parts in the order of the page; a part has one at most, outside of itself."""
    part_of: dict[bytes, _Part] = {}
    for first, second in _CALL.findall(page):
        name, place = (second, first) if second in parts else (first, second)
        if name in parts:
            part_of.setdefault(place, parts[name])
    named = set(part_of.values())
    for name, part in parts.items():
        if part not in named:
            prefix, _, number = name.rpartition(b"S:")
            part_of.setdefault(prefix + b"B:" + number, part)
            part_of.setdefault(prefix + b"P:" + number, part)
    waiting = _ends_of_waiting(page)
    found: dict[_Part, _Place] = {}
    for match in _PLACE.finditer(page):
        moved = part_of.get(match[1])
        if moved is not None and moved not in found:
            found[moved] = _Place(_Range(match.start(), waiting.get(match.start(), match.end())), moved)
    in_order = list(parts.values())
    return sorted(place for place in found.values() if _leads_out(place, found, in_order))


def _leads_out(place: _Place, found: dict[_Part, _Place], in_order: list[_Part]) -> bool:
    """Return whether a place stands in the page, or in a part whose place does, and so on."""
    for _ in range(_DEEPEST):
        index = bisect_left(in_order, place.whole.start, key=lambda part: part.whole.start) - 1
        around = found.get(in_order[index]) if index >= 0 and place.whole.start < in_order[index].whole.end else None
        if around is None:
            return True
        place = around
    return False


def _ends_of_waiting(page: bytes) -> dict[int, int]:
    """Return where what is to be seen until parts come ends, by where the places of the parts begin."""
    ends: dict[int, int] = {}
    opened: list[int] = []
    for boundary in _BOUNDARY.finditer(page):
        if not boundary[1]:
            opened.append(boundary.end() if boundary[0] == _PENDING else -1)
        elif opened:
            ends[opened.pop()] = boundary.start()
    return ends


def _pieces(page: bytes, within: _Range, places: list[_Place]) -> Iterator[bytes]:
    """Yield the bytes of a range with parts in place of their places."""
    at = within.start
    for index in range(bisect_left(places, within.start, key=lambda place: place.whole.start), len(places)):
        place = places[index]
        if place.whole.start >= within.end:
            break
        if place.whole.start < at:  # it stands in what another part replaces
            continue
        yield page[at : place.whole.start]
        yield from _pieces(page, place.part.content, places)
        at = place.whole.end
    yield page[at : within.end]
