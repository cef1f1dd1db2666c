"""Which character set a page is in, and its text.

The candidates come in the order of the HTML standard (WHATWG, "Determining the character encoding", section 13.2.3.2):
byte order mark, the transport's declaration, the page's own <meta>, and last what its bytes look like. The standard
takes the first and replaces what it cannot decode. Servers declare wrongly too often for that: a candidate under which
more than a tenth of the bytes beyond ASCII are undecodable is passed over while there is another.
"""

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from typing import Literal, NamedTuple

from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5

Origin = Literal["bom", "transport", "meta", "detected"]

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
TOLERATED = 0.1
"""Undecodable places per byte beyond ASCII up to which a declaration is believed."""

_META_BYTES = 4096  # the standard looks at 1024; pages put scripts before the tag
_BOMS = ((BOM_UTF8, "utf-8"), (BOM_UTF16_BE, "utf-16-be"), (BOM_UTF16_LE, "utf-16-le"))
_META = re.compile(
    rb"<meta\s[^>]*?charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:\-]+)|<\?xml[^>]*encoding=[\"']([^\"']+)", re.IGNORECASE
)
_BEYOND_ASCII = bytes(range(128, 256))


class Decoded(NamedTuple):
    """A page's text and how it was decoded."""

    text: str
    utf8: bytes
    """The text in UTF-8."""
    charset: str
    """The character set's name in Python."""
    origin: Origin
    undecodable: int
    """Places at which bytes were replaced."""


def decode_page(data: bytes, declared: str | None) -> Decoded:
    """Decode a page; `declared` is the transport's character set. Never fails: what cannot be decoded is replaced."""
    best: Decoded | None = None
    for charset, origin in _candidates(data, declared):
        decoded = _decode(data, charset, origin)
        if decoded.undecodable == 0 or decoded.undecodable <= TOLERATED * _beyond_ascii(data):
            return decoded
        if best is None or decoded.undecodable < best.undecodable:
            best = decoded
    assert best is not None
    return best


def _candidates(data: bytes, declared: str | None) -> Iterator[tuple[str, Origin]]:
    for mark, marked in _BOMS:
        if data.startswith(mark):
            yield marked, "bom"
    if transport := _known(declared):
        yield transport, "transport"
    meta = _META.search(data, 0, _META_BYTES)
    if meta and (tagged := _known((meta[1] or meta[2]).decode("ascii", "replace"))):
        # A tag that can be read byte by byte is in no 16-bit encoding, whatever it says.
        yield ("utf-8" if tagged.startswith("utf-16") else tagged), "meta"
    yield "utf-8", "detected"
    yield str(detect_encoding(data)), "detected"


def _known(label: str | None) -> str | None:
    charset = map_encoding_to_html5(label.strip(), fallback_utf8=False) if label else None
    return charset.lower() if charset else None


def _beyond_ascii(data: bytes) -> int:
    return len(data) - len(data.translate(None, _BEYOND_ASCII))


def _decode(data: bytes, charset: str, origin: Origin) -> Decoded:
    if charset == "utf-8":
        whole = data.removeprefix(BOM_UTF8)
        try:
            return Decoded(whole.decode(), whole, charset, origin, 0)
        except UnicodeDecodeError:
            pass
    text = data.decode(charset, "replace").removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")
    # A page that says U+FFFD itself is not undecodable: only UTF encodings can say it.
    written = data.count(REPLACEMENT.encode()) if charset == "utf-8" else 0
    return Decoded(text, text.encode(), charset, origin, text.count(REPLACEMENT) - written)
