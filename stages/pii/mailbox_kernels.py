"""Finding the e-mail addresses that people write, as numba kernels over UTF-8 bytes.

The name before the `@` (also the full-width one) is of letters of one script, digits, marks, `_+-='` and full stops,
at most two at a time; it begins with a letter, a digit or `_`. Letters of another script beside it are no part of it:
in `邮箱keeper@mill.co.uk` the name is `keeper`, in `müller@mühle.de` it is `müller`. What stands before a `=` is
part of it only where it holds a `+` (an address in an address, as mailing lists write it). Names in braces are one
finding (`{keeper,miller}@mill.edu`).

The domain behind it (RFC 1034, IDNA) is of labels of letters of one script, digits and hyphens; it ends with the last
label that is a top-level domain, of at most 253 bytes. So `logo@2x.png` and `lodash@4.17.21.min.js` are no addresses,
nor is a domain that begins like a version (`4.17.co`). Or it is an IPv4 address in brackets. Where the domain is in
ASCII, a name that ends with an ASCII digit is in Latin letters.

Soft hyphens and zero-width characters, which hide addresses from search, are part of both. Cost: O(bytes), and one look
at the list of top-level domains for each label.
"""

from functools import cache
from typing import NamedTuple

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import leaf
from prep.corpus.text.utf8 import code_point_table, decode
from prep.stages.pii.border_kernels import is_word
from prep.stages.pii.email_kernels import literal_end
from prep.stages.shared.url.name_kernels import Names, find_name, names

_AT, _DOT, _HYPHEN, _OPEN, _EQUALS, _PLUS = 0x40, 0x2E, 0x2D, 0x5B, 0x3D, 0x2B
_BRACE_OPEN, _BRACE_CLOSE = 0x7B, 0x7D
_NONE, _SIGN, _DIGIT, _LATIN, _HANGUL, _UNSPACED = 0, 1, 2, 3, 4, 5
_LONGEST_DOMAIN, _LONGEST_GROUP = 253, 256
_SCRIPTS = (
    ("Latin", _LATIN),
    ("Hangul", _HANGUL),
    *((name, _UNSPACED) for name in ("Han", "Hiragana", "Katakana", "Bopomofo", "Yi")),
    *((name, _UNSPACED + 1 + index) for index, name in enumerate(("Thai", "Lao", "Khmer", "Myanmar"))),
    *((name, 16 + index) for index, name in enumerate(("Cyrillic", "Greek", "Arabic", "Hebrew", "Georgian"))),
)
_LAST_UNSPACED = _UNSPACED + 4
_OTHER = 31


class Mailboxes(NamedTuple):
    """What addresses are made of."""

    groups: Bytes
    """One byte per code point: 0 for no part of a name, 1 for marks and signs, 2 for digits, else its script."""
    domains: Names
    """Top-level domains."""


@cache
def mailboxes(domains: frozenset[str]) -> Mailboxes:
    """Return the tables that `find_mailbox` takes (read-only); `domains` are the top-level domains."""
    marks = [(rf"[\p{{Script={name}}}&&[\p{{L}}\p{{Lm}}]]", group) for name, group in _SCRIPTS]
    scripts = "".join(rf"\p{{Script={name}}}" for name, _ in _SCRIPTS)
    marks.append((rf"[\p{{L}}--[{scripts}]]", _OTHER))
    marks.append((r"[\p{M}_+\-='\u00ad\u200b-\u200d\u2060\ufeff]", _SIGN))
    marks.append((r"\p{Nd}", _DIGIT))
    return Mailboxes(code_point_table(marks), names(["xn--*", *sorted(domains)]))


@leaf
def find_mailbox(data: Bytes, at: int, after: int, floor: int, end: int, tables: Mailboxes) -> tuple[int, int]:
    """Return where the address around the `@` in `data[at:after]` begins and ends, in `data[floor:end]`.

    Both are `at` where there is none.
    """
    stop = _domain_end(data, after, end, tables)
    if stop == after:
        return at, at
    international = False
    for place in range(after, stop):
        international |= data[place] >= 0x80
    if at > floor and data[at - 1] == _BRACE_CLOSE:
        start = _group_start(data, at, floor, tables)
    else:
        start = _name_start(data, at, floor, international, tables)
    return (start, stop) if start < at else (at, at)


@leaf
def is_account(data: Bytes, text: int, start: int, at: int, floor: int) -> bool:
    """Return whether what looks like an address, named `data[start:at]`, names an account of another kind.

    That is a handle in a federated network (`@keeper@mill.social`, where `floor` is behind an `@`), or the common
    account of servers of sources (`git@mill.org:a/b`).
    """
    if at - start == 3 and data[start] == 0x67 and data[start + 1] == 0x69 and data[start + 2] == 0x74:
        return True
    handle = start == floor and start > text and data[start - 1] == _AT
    return bool(handle and (start - 1 == text or not is_word(data[start - 2])))


@leaf
def _name_start(data: Bytes, at: int, floor: int, international: bool, tables: Mailboxes) -> int:
    """Return where the name begins that ends at a byte; the byte where there is none."""
    start = first = at
    script = dots = 0
    equals = -1
    plus = False
    while start > floor:
        before = start - 1
        while before > floor and data[before] & 0xC0 == 0x80:
            before -= 1
        if data[before] == _DOT:
            dots += 1
            if dots > 2:
                break
            start = before
            continue
        dots = 0
        group = int(tables.groups[decode(data, before, start)[0]])
        if group == _NONE:
            break
        if group == _DIGIT and not script and not international and data[before] < 0x80:
            script = _LATIN
        elif group > _DIGIT:
            script = script or group
            if script != group:
                break
        if data[before] == _EQUALS and equals < 0:
            equals = first
        plus |= equals >= 0 and data[before] == _PLUS
        start = before
        if group > _SIGN or data[before] == 0x5F:
            first = start
    return equals if equals >= 0 and not plus else first


@leaf
def _group_start(data: Bytes, at: int, floor: int, tables: Mailboxes) -> int:
    """Return where the names in braces begin whose closing brace stands before a byte; the byte where they are none."""
    place = at - 2
    lowest = max(floor, at - _LONGEST_GROUP)
    while place >= lowest and data[place] != _BRACE_OPEN:
        byte = data[place]
        if byte < 0x80 and byte not in (0x20, 0x2C, 0x3B, 0x7C, _DOT) and tables.groups[byte] == _NONE:
            return at
        place -= 1
    return place if lowest <= place < at - 2 else at


@leaf
def _domain_end(data: Bytes, start: int, end: int, tables: Mailboxes) -> int:
    """Return where the domain that begins at a byte ends; `start` where none does."""
    if start < end and data[start] == _OPEN:
        return literal_end(data, start, end)
    stop = start
    at = start
    limit = min(end, start + _LONGEST_DOMAIN)
    labels = numeric = 0
    while at < limit:
        label_end, closed, number = _label_end(data, at, limit, tables)
        if label_end == at:
            break
        numeric += number
        if labels:
            found = _top_level_end(data, at, label_end, tables)
            stop = found if found > at else stop
        labels += 1
        if (labels == 2 and numeric == 2) or closed or label_end >= limit or data[label_end] != _DOT:
            break
        at = label_end + 1
    return start if labels == 2 and numeric == 2 else stop


@leaf
def _label_end(data: Bytes, at: int, end: int, tables: Mailboxes) -> tuple[int, bool, bool]:
    """Return where a label ends, whether another script ends it, and whether it is a number, also with a `v` before."""
    start = stop = at
    script = 0
    number = True
    while at < end:
        code, after = decode(data, at, end)
        group = int(tables.groups[code])
        if group == _NONE or (data[at] < 0x80 and group == _SIGN and data[at] != _HYPHEN):
            break
        if group > _DIGIT:
            script = script or group
            if script != group:
                return stop, True, False
            number &= at == start and data[at] | 0x20 == 0x76
        if data[at] != _HYPHEN:
            stop = after
        elif at == start:
            break
        at = after
    return stop, False, number and stop > start


@leaf
def _top_level_end(data: Bytes, start: int, end: int, tables: Mailboxes) -> int:
    """Return where the top-level domain that a label begins with ends; `start` where it begins with none."""
    stop = start
    while stop < end and data[stop] < 0x80:
        stop += 1
    if stop > start:
        if find_name(data, start, stop, tables.domains) >= 0:
            return stop
        end = stop
        stop = start
        while stop < end and data[stop] != _HYPHEN:
            stop += 1
        return stop if stop < end and find_name(data, start, stop, tables.domains) >= 0 else start
    group = int(tables.groups[decode(data, start, end)[0]])
    runs_on = _HANGUL <= group <= _LAST_UNSPACED
    while end > start:
        if find_name(data, start, end, tables.domains) >= 0:
            return end
        if not runs_on:
            return start
        end -= 1
        while end > start and data[end] & 0xC0 == 0x80:
            end -= 1
    return start
