r"""One form for the URLs that lead to the same page, as numba kernels over UTF-8 bytes.

What is done to every URL (RFC 3986, section 6.2.2; WHATWG URL standard where browsers differ):

- the scheme is in lower case, the host as in `prep.stages.shared.url.parts_kernels`; user information goes;
- the port goes where it is empty or the scheme's own (80, 443, 21; without a scheme 80 and 443), as do leading zeros;
- the segments `.` and `..` of the path are resolved, and `\` in it is `/`;
- escapes have one form (`prep.stages.shared.url.escape_kernels`);
- empty parameters and an empty query go. Parameters are separated by `&`.

An opaque URL (`mailto:…`) is left as it is but for the case of its scheme and its escapes. `Form` says what else is
done. Cost: O(bytes), and O(parameters · log parameters) comparisons where parameters are sorted.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import kernel, leaf
from prep.corpus.text.utf8 import find_byte
from prep.stages.shared.url.escape_kernels import write_character, write_escaped
from prep.stages.shared.url.name_kernels import Names, begins_with, is_name, is_text, names
from prep.stages.shared.url.parts_kernels import Parts, host_capacity, lower_byte, port_number, write_host
from prep.stages.shared.url.punycode_kernels import CodePoints
from prep.stages.shared.url.query_kernels import Scratch, read_parameters, sort_parameters, without_dropped

Fragments = Literal["drop", "keep_hashbang", "keep"]

_COLON, _SLASH, _BACKSLASH, _QUESTION, _HASH, _DOT = 0x3A, 0x2F, 0x5C, 0x3F, 0x23, 0x2E
_AMPERSAND, _BANG, _SEMICOLON = 0x26, 0x21, 0x3B
_HTTP = np.frombuffer(b"http", np.uint8)
_HTTPS = np.frombuffer(b"https", np.uint8)
_FTP = np.frombuffer(b"ftp", np.uint8)
_WWW = np.frombuffer(b"www.", np.uint8)


class Form(NamedTuple):
    """What distinguishes URLs; see `form`."""

    ignore_scheme: bool
    ignore_www: bool
    ignore_slash: bool
    fragments: int
    """0 drops all, 1 keeps those that begin with `#!`, 2 keeps all."""
    sort: bool
    dropped: Names
    """Parameters that go, from the query and from the path's segments (`;name=value`)."""
    index_files: Names
    """Last segments that go."""


def form(
    *,
    ignore_scheme: bool = False,
    ignore_www: bool = False,
    ignore_slash: bool = False,
    fragments: Fragments = "keep",
    sort: bool = False,
    dropped: Sequence[str] = (),
    index_files: Sequence[str] = (),
) -> Form:
    """Return a form that goes beyond what is done to every URL.

    `ignore_scheme`: `http`, `https` and no scheme are the same. `ignore_www`: so are hosts with and without `www.`
    where a full stop follows. `ignore_slash`: slashes at the path's end go. `fragments`: which stay. `sort`:
    parameters are ordered by name, byte by byte; of one name, they stay in their order. `dropped`: names of parameters
    that go, in any case of ASCII letters, from the query and from the segments of the path (RFC 3986, section 3.3:
    `/shop;jsessionid=1A2B`). `index_files`: names that, as the path's last segment, go, in any case.
    """
    kept = {"drop": 0, "keep_hashbang": 1, "keep": 2}[fragments]
    return Form(ignore_scheme, ignore_www, ignore_slash, kept, sort, names(dropped), names(index_files))


@leaf
def form_capacity(longest: int) -> int:
    """Return how many bytes `write_form` may write for a URL of so many bytes."""
    return host_capacity(longest) + 3 * longest + 16


@kernel
def write_form(data: Bytes, parts: Parts, form: Form, lower: CodePoints, scratch: Scratch, out: Bytes, at: int) -> int:
    """Write a URL in one form to `out` from `at` on, and return where it ends there."""
    if parts.opaque:
        for reading in range(parts.start, parts.scheme_end):
            out[at] = lower_byte(data[reading])
            at += 1
        out[at] = _COLON
        return write_escaped(data, parts.path, parts.end, out, at + 1)
    at = _write_scheme(data, parts, form, out, at)
    at = _write_authority(data, parts, form, lower, out, at)
    at = _write_path(data, parts, form, out, at)
    at = _write_query(data, parts, form, scratch, out, at)
    if form.fragments == 2 or (form.fragments == 1 and _is_hashbang(data, parts)):
        at = write_escaped(data, parts.fragment, parts.end, out, at)
    return at


@leaf
def _is_hashbang(data: Bytes, parts: Parts) -> bool:
    return parts.fragment + 1 < parts.end and data[parts.fragment + 1] == _BANG


@leaf
def _write_scheme(data: Bytes, parts: Parts, form: Form, out: Bytes, at: int) -> int:
    web = is_text(data, parts.start, parts.scheme_end, _HTTP) or is_text(data, parts.start, parts.scheme_end, _HTTPS)
    if parts.scheme_end > parts.start and not (web and form.ignore_scheme):
        for reading in range(parts.start, parts.scheme_end):
            out[at] = lower_byte(data[reading])
            at += 1
        out[at] = _COLON
        at += 1
    out[at] = out[at + 1] = _SLASH
    return at + 2


@leaf
def _write_authority(data: Bytes, parts: Parts, form: Form, lower: CodePoints, out: Bytes, at: int) -> int:
    to = write_host(data, parts.host, parts.host_end, lower, out, at)
    if form.ignore_www and begins_with(out, at, to, _WWW) and find_byte(out, at + 4, to, _DOT) < to:
        for place in range(at + 4, to):
            out[place - 4] = out[place]
        to -= 4
    port = port_number(data, parts)
    if port < 0:
        out[to] = _COLON
        return write_escaped(data, parts.port, parts.path, out, to + 1)
    if port == 0 or _is_default(data, parts, form, port):
        return to
    out[to] = _COLON
    digits = 1
    while port >= 10**digits:
        digits += 1
    for place in range(digits, 0, -1):
        out[to + place] = 0x30 + port % 10
        port //= 10
    return to + digits + 1


@leaf
def _is_default(data: Bytes, parts: Parts, form: Form, port: int) -> bool:
    start, end = parts.start, parts.scheme_end
    http, https = is_text(data, start, end, _HTTP), is_text(data, start, end, _HTTPS)
    unknown = start == end or ((http or https) and form.ignore_scheme)
    if port == 80:
        return http or unknown
    if port == 443:
        return https or unknown
    return port == 21 and is_text(data, start, end, _FTP)


@leaf
def _write_path(data: Bytes, parts: Parts, form: Form, out: Bytes, at: int) -> int:
    """Write the path, always with a slash at its beginning unless slashes at its end are ignored."""
    root = at
    out[root] = _SLASH
    to = segment = root + 1
    reading = min(parts.path + 1, parts.query)
    semicolon = 0
    while True:
        last = reading == parts.query
        if semicolon > 0 and (last or data[reading] in (_SLASH, _BACKSLASH, _SEMICOLON)):
            to = without_dropped(out, semicolon, to, form.dropped)
            semicolon = 0
        if not last and data[reading] == _SEMICOLON:
            semicolon = to
        if not last and data[reading] != _SLASH and data[reading] != _BACKSLASH:
            reading, to = write_character(data, reading, parts.query, out, to)
            continue
        dots = _dots(out, segment, to)
        if dots:
            segment = to = segment if dots == 1 else _parent(out, root, segment)
        elif not last:
            out[to] = _SLASH
            segment = to = to + 1
        if last:
            break
        reading += 1
    return _cut_end(form, out, root, to)


@leaf
def _cut_end(form: Form, out: Bytes, root: int, to: int) -> int:
    """Return where the path ends without its last segments that are index files and, where asked, its last slashes."""
    while True:
        while form.ignore_slash and to > root and out[to - 1] == _SLASH:
            to -= 1
        segment = to
        while segment > root and out[segment - 1] != _SLASH:
            segment -= 1
        if not is_name(out, segment, to, form.index_files):
            return to
        to = segment


@leaf
def _parent(out: Bytes, root: int, segment: int) -> int:
    """Return where the segment before the one that begins at `segment` begins; never leaves the root."""
    if segment == root + 1:
        return segment
    segment -= 1
    while out[segment - 1] != _SLASH:
        segment -= 1
    return segment


@leaf
def _dots(out: Bytes, segment: int, to: int) -> int:
    """Return 1 for the segment `.`, 2 for `..`, 0 for any other."""
    if to - segment == 1 and out[segment] == _DOT:
        return 1
    return 2 if to - segment == 2 and out[segment] == _DOT and out[segment + 1] == _DOT else 0


@leaf
def _write_query(data: Bytes, parts: Parts, form: Form, scratch: Scratch, out: Bytes, at: int) -> int:
    count = read_parameters(data, parts, form.dropped, scratch)
    if form.sort:
        sort_parameters(scratch, count)
    for index in range(count):
        out[at] = _AMPERSAND if index else _QUESTION
        at += 1
        parameter = scratch.order[index]
        for place in range(scratch.starts[parameter], scratch.ends[parameter]):
            out[at] = scratch.data[place]
            at += 1
    return at
