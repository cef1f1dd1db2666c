r"""Cutting a URL into its parts, and writing its host in one form, as numba kernels over UTF-8 bytes.

How a URL is cut (RFC 3986, section 3, as lenient as browsers are: WHATWG URL standard, section 4.4):

1. Spaces and control characters at both ends do not belong to it.
2. A scheme is a letter, then letters, digits, `+`, `-` and `.`, before `://`. Where no `//` follows the colon, and
   what follows is no port (digits up to `/`, `?`, `#` or the end), the URL is opaque (`mailto:…`): it has no host.
   Otherwise it begins with the host (`example.org/x`, `//example.org/x`).
3. The authority ends before the first `/`, `\`, `?` or `#`; user information in it ends with the last `@`; a host
   in brackets is an IPv6 address; the port stands behind the first colon after the host.
4. The fragment begins at the first `#`, the query at the first `?` before it.

How a host is written: ASCII letters in lower case, without full stops at its end; the full stops U+3002, U+FF0E and
U+FF61 are `.`; a label that is not ASCII is encoded (`prep.stages.shared.url.punycode_kernels`), or copied where that
would make it longer than 63 bytes. Escapes (`%61`) are not decoded in hosts.
"""

from typing import NamedTuple

import numpy as np

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import inner, leaf
from prep.corpus.text.utf8 import HIGH_BITS, decode, load_up_to
from prep.stages.shared.url.punycode_kernels import CodePoints, encode_label

_COLON, _SLASH, _BACKSLASH, _QUESTION, _HASH, _AT, _DOT = 0x3A, 0x2F, 0x5C, 0x3F, 0x23, 0x40, 0x2E
_OPEN, _CLOSE = 0x5B, 0x5D


class Parts(NamedTuple):
    """Where the parts of a URL stand in the bytes; a part that is missing is empty."""

    start: int
    scheme_end: int
    """The scheme is `start` to here."""
    opaque: bool
    """Whether there is no host; the path then begins behind the colon."""
    host: int
    host_end: int
    port: int
    path: int
    """Where the path begins and the port ends."""
    query: int
    """Where the path ends; the query stands from here, with its `?`, to the fragment."""
    fragment: int
    """Where the query ends; the fragment stands from here, with its `#`, to the end."""
    end: int


@leaf
def split_url(data: Bytes, start: int, end: int) -> Parts:
    """Cut the URL `data[start:end]` into its parts."""
    while start < end and data[start] <= 0x20:
        start += 1
    while start < end and data[end - 1] <= 0x20:
        end -= 1
    scheme_end = start
    at = start
    while at < end and _is_scheme(data[at], at == start):
        at += 1
    opaque = False
    authority = start
    if at > start and at < end and data[at] == _COLON:
        if at + 2 < end and data[at + 1] == _SLASH and data[at + 2] == _SLASH:
            scheme_end = at
            authority = at + 3
        elif not _is_port(data, at + 1, end):
            scheme_end = at
            authority = at + 1
            opaque = True
    elif end - start >= 2 and data[start] == _SLASH and data[start + 1] == _SLASH:
        authority = start + 2
    fragment = authority
    while fragment < end and data[fragment] != _HASH:
        fragment += 1
    query = authority
    while query < fragment and data[query] != _QUESTION:
        query += 1
    if opaque:
        return Parts(start, scheme_end, opaque, authority, authority, authority, authority, query, fragment, end)
    path = host = authority
    while path < query and data[path] != _SLASH and data[path] != _BACKSLASH:
        host = path + 1 if data[path] == _AT else host
        path += 1
    host_end = host
    if host < path and data[host] == _OPEN:
        while host_end < path and data[host_end] != _CLOSE:
            host_end += 1
        host_end = min(host_end + 1, path)
    while host_end < path and data[host_end] != _COLON:
        host_end += 1
    port = min(host_end + 1, path)
    return Parts(start, scheme_end, opaque, host, host_end, port, path, query, fragment, end)


@leaf
def _is_scheme(byte: int, first: bool) -> bool:
    letter = 0x61 <= byte | 0x20 <= 0x7A
    return letter or (not first and (0x30 <= byte <= 0x39 or byte in (0x2B, 0x2D, _DOT)))


@leaf
def _is_port(data: Bytes, at: int, end: int) -> bool:
    while at < end and 0x30 <= data[at] <= 0x39:
        at += 1
    return at == end or data[at] == _SLASH or data[at] == _QUESTION or data[at] == _HASH


@leaf
def port_number(data: Bytes, parts: Parts) -> int:
    """Return the port, 0 where the URL names none, −1 where it is no number up to 65,535."""
    number = 0
    for at in range(parts.port, parts.path):
        if not 0x30 <= data[at] <= 0x39:
            return -1
        number = number * 10 + data[at] - 0x30
        if number > 0xFFFF:
            return -1
    return number


@leaf
def host_capacity(bytes_of_host: int) -> int:
    """Return how many bytes `write_host` may write for a host of so many."""
    return 8 * bytes_of_host + 64


@leaf
def write_host(data: Bytes, start: int, end: int, lower: CodePoints, out: Bytes, at: int) -> int:
    """Write the host `data[start:end]` in one form to `out` from `at` on, and return where it ends there."""
    seen = np.uint64(0)
    for reading in range(start, end, 8):
        seen |= load_up_to(data, reading, end)
    to = at
    if seen & HIGH_BITS:
        to = _write_labels(data, start, end, lower, out, at)
    else:
        for reading in range(start, end):
            out[to] = lower_byte(data[reading])
            to += 1
    while to > at and out[to - 1] == _DOT:
        to -= 1
    return to


@inner
def _write_labels(data: Bytes, start: int, end: int, lower: CodePoints, out: Bytes, to: int) -> int:
    label = start
    while label <= end:
        label_end, following = _label_end(data, label, end)
        to = _write_label(data, label, label_end, lower, out, to)
        if following > label_end:
            out[to] = _DOT
            to += 1
        label = following if following > label_end else end + 1
    return to


@leaf
def _label_end(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """Return where the label ends, and where the next begins: the same where there is no full stop."""
    while at < end:
        code, after = decode(data, at, end)
        if code in (_DOT, 0x3002, 0xFF0E, 0xFF61):
            return at, after
        at = after
    return end, end


@leaf
def _write_label(data: Bytes, start: int, end: int, lower: CodePoints, out: Bytes, to: int) -> int:
    ascii_only = True
    for reading in range(start, end):
        ascii_only &= data[reading] < 0x80
    after = to if ascii_only else encode_label(data, start, end, lower, out, to)
    if after == to:
        for reading in range(start, end):
            out[to] = lower_byte(data[reading])
            to += 1
        after = to
    return after


@leaf
def lower_byte(byte: int) -> int:
    """Return an ASCII letter in lower case, any other byte as it is."""
    return byte + 0x20 if 0x41 <= byte <= 0x5A else byte


@leaf
def is_address(host: Bytes, start: int, end: int) -> bool:
    """Return whether a host, as `write_host` writes it, is an IP address: in brackets, or its last label a number."""
    if start == end or host[start] == _OPEN:
        return start < end
    at = end
    while at > start and 0x30 <= host[at - 1] <= 0x39:
        at -= 1
    return at < end and (at == start or host[at - 1] == _DOT)
