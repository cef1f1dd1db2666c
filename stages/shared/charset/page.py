"""Which character set a page of HTML or XHTML is in, and its text.

The order is that of the HTML standard (WHATWG HTML, section 13.2.3.2): byte order mark, the transport's declaration,
the page's own, and last what its bytes look like. The standard takes the first and replaces what it cannot decode; it
has no choice, as it must decide before the page is read. Here all of the page is known:

1. Text that is UTF-8 beyond ASCII, at some length, is UTF-8 whatever is declared: other text does not look like that.
2. A declaration that leaves more than `TOLERATED` damage is compared with what is declared next and with what the
   bytes look like; the least damage decides, the order of the standard between equals.
3. Where transport and page differ, and the bytes look like what the page says, the page is believed: it was written
   with its text, the transport's declaration is often a server's default. So it is where the transport says Latin 1,
   the commonest default, and what the page says leaves no damage.
4. Latin 1 gives way, too, to another Latin character set that text looks like in the language that the page declares.
"""

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE
from collections.abc import Iterator
from itertools import islice
from typing import Final, Literal, NamedTuple

from prep.stages.shared.charset.declarations import declared_labels
from prep.stages.shared.charset.decoding import decode
from prep.stages.shared.charset.detection import (
    LATIN,
    MULTI_BYTE,
    SEVEN_BIT,
    TOLERATED,
    Utf8,
    damage,
    detect_charset,
    read_utf8,
    undecodable,
    wide_charset,
)
from prep.stages.shared.charset.names import charset_of

Origin = Literal["bom", "transport", "meta", "detected"]

_META_BYTES, _MOST_META_BYTES = 16384, 1 << 20
"""Bytes in which a declaration is looked for, as the standard's 1024 are often taken by scripts: in all pages, and in
those that are not in UTF-8, which browsers read again when they come upon one."""
_BOMS = ((BOM_UTF32_BE, "utf-32be"), (BOM_UTF32_LE, "utf-32le"), (BOM_UTF16_BE, "utf-16be"), (BOM_UTF16_LE, "utf-16le"))
_LANGUAGE = re.compile(rb"<html\b[^>]*?\blang\s*=\s*[\"']?\s*([a-z]{2,3})\b", re.IGNORECASE)
_DEFAULT: Final = ("windows-1252", "transport")
"""What servers say of all pages, unless told otherwise."""
_ENOUGH, _ENOUGH_FOR_PAIRS = 3, 6
"""Characters beyond ASCII from which UTF-8 is believed against a declaration, and against one of pairs of bytes."""


class Decoded(NamedTuple):
    """A page's text and how it was decoded."""

    text: str
    utf8: bytes
    """The text in UTF-8."""
    charset: str
    """The character set's name in the WHATWG Encoding standard, in lower case."""
    origin: Origin
    undecodable: int
    """Places at which bytes were replaced."""


def decode_page(data: bytes, declared: str | None) -> Decoded:
    """Decode a page; `declared` is the transport's character set. Never fails: what cannot be decoded is replaced."""
    for mark, marked in _BOMS:
        if data.startswith(mark):
            return _decoded(data, marked, "bom")
    if data.startswith(BOM_UTF8):
        if read_utf8(data).plausible:
            return _decoded(data, "utf-8", "bom")
        data = data.removeprefix(BOM_UTF8)  # a mark that came with a file put before the page
    candidates = list(islice(_declared(data, declared, _META_BYTES), 2))
    if wide := wide_charset(data):
        return _decoded(data, wide, _origin_of(wide, candidates))
    utf8 = read_utf8(data)
    if _is_utf8(data, utf8, candidates):
        origin = _origin_of("utf-8", candidates)
        return Decoded(utf8.text, data if utf8.broken == 0 else utf8.text.encode(), "utf-8", origin, utf8.broken)
    return _least_damaged(data, utf8, list(_declared(data, declared, _MOST_META_BYTES)))


def _declared(data: bytes, transport: str | None, end: int) -> Iterator[tuple[str, Origin]]:
    """Yield what is declared, in the standard's order. What can be read byte by byte is not in 16 bits."""
    if (charset := charset_of(transport)) and not charset.startswith(("utf-16", "utf-32")):
        yield charset, "transport"
    for label in declared_labels(data, end):
        if charset := charset_of(label.decode("ascii", "replace")):
            meant = "utf-8" if charset.startswith(("utf-16", "utf-32")) else charset
            yield "windows-1252" if meant == "x-user-defined" else meant, "meta"


def _origin_of(charset: str, candidates: list[tuple[str, Origin]]) -> Origin:
    return next((origin for candidate, origin in candidates if candidate == charset), "detected")


def _is_utf8(data: bytes, utf8: Utf8, candidates: list[tuple[str, Origin]]) -> bool:
    if utf8.ascii:
        named = {charset for charset, _ in candidates}
        return not named & SEVEN_BIT and (b"\x1b" not in data or detect_charset(data) == "utf-8")
    if not utf8.plausible:
        return False
    if not candidates or candidates[0][0] == "utf-8":
        return True
    enough = _ENOUGH_FOR_PAIRS if candidates[0][0] in MULTI_BYTE else _ENOUGH
    return utf8.characters - utf8.broken >= enough


def _least_damaged(data: bytes, utf8: Utf8, candidates: list[tuple[str, Origin]]) -> Decoded:
    best: Decoded | None = None
    least = 2.0
    language = _LANGUAGE.search(data, 0, _META_BYTES)
    detected = detect_charset(data, language[1].decode() if language else None)
    if len({charset for charset, _ in candidates}) > 1:
        candidates.sort(key=lambda candidate: (candidate == _DEFAULT, candidate[0] != detected))
    doubtful = language is not None and detected in LATIN
    for charset, origin in candidates:
        if charset == "windows-1252" != detected and doubtful:
            continue
        decoded = _decoded(data, charset, origin)
        harm = damage(decoded.text, charset, utf8)
        if harm <= TOLERATED:
            return decoded
        if harm < least:
            best, least = decoded, harm
    others = [detected] if utf8.characters <= utf8.broken else [detected, "utf-8"]
    for charset in others:
        decoded = _decoded(data, charset, "detected")
        harm = damage(decoded.text, charset, utf8)
        if harm < least:
            best, least = decoded, harm
    assert best is not None
    return best


def _decoded(data: bytes, charset: str, origin: Origin) -> Decoded:
    text = decode(data, charset)
    # A lone surrogate of a 16-bit text has no form in UTF-8.
    return Decoded(text, text.encode("utf-8", "replace"), charset, origin, undecodable(data, text, charset))
