"""Finding what can identify persons in a column of texts, and writing the texts without it, as numba kernels.

Cost: three passes over the bytes that look for `@`, for its full-width form and for digits, eight bytes at once, and a
copy of the texts that hold something.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes, Offsets
from prep.corpus.kernels import inner, kernel, leaf
from prep.corpus.text.utf8 import HIGH_BITS, ONES, find_byte, load64, trailing_zeros
from prep.stages.pii.address_kernels import find_address, find_part, is_public
from prep.stages.pii.border_kernels import begins_number
from prep.stages.pii.email_kernels import find_email
from prep.stages.pii.mailbox_kernels import Mailboxes, find_mailbox, is_account
from prep.stages.pii.phone_kernels import Patterns, find_international, find_national
from prep.stages.pii.version_kernels import lists, names_version
from prep.stages.shared.url.name_kernels import Names

EMAIL, IP, PHONE = 0, 1, 2
"""Kinds of findings."""
_NOTHING, _PASSED = -1, -2

Numbers = npt.NDArray[np.int64]
Table = npt.NDArray[np.int64]
_AT, _PLUS, _OPEN = 0x40, 0x2B, 0x28
_BELOW_0 = np.uint64(0x80 - ord("0")) * ONES
_BELOW_9 = np.uint64(0x7F - ord("9")) * ONES


class Sought(NamedTuple):
    """What is looked for."""

    emails: bool
    addresses: bool
    public_only: bool
    international: bool
    national: Patterns
    fineweb: bool
    """Whether e-mail and IP addresses are those of FineWeb's expressions."""
    words: Bytes
    """See `prep.stages.pii.email_kernels.word_characters`."""
    mailboxes: Mailboxes
    versions: tuple[Names, Names]
    """See `prep.stages.pii.version_kernels.version_words`."""


class Findings(NamedTuple):
    """Finding k is `data[starts[k]:ends[k]]` in text `rows[k]`, all int64; those of one text do not overlap."""

    rows: Numbers
    kinds: Numbers
    starts: Numbers
    ends: Numbers


@kernel
def find_personal(data: Bytes, offsets: Offsets, sought: Sought) -> Findings:
    """Return what is found in each text: first its e-mail addresses, then numbers outside of them, each in order."""
    found = np.empty((4, 64), np.int64)
    count = 0
    for row in range(len(offsets) - 1):
        start, end = offsets[row], offsets[row + 1]
        first = count
        if sought.emails:
            found, count = _emails(data, row, start, end, sought, found, count)
        emails = count
        at = start
        for email in range(first, emails + 1):
            stop = found[2, email] if email < emails else end
            found, count = _numbers(data, row, start, at, stop, end, sought, found, count)
            at = found[3, email] if email < emails else end
    return Findings(found[0, :count], found[1, :count], found[2, :count], found[3, :count])


@inner
def _emails(data: Bytes, row: int, text: int, end: int, sought: Sought, found: Table, count: int) -> tuple[Table, int]:
    floor = text
    plain = find_byte(data, text, end, _AT)
    wide = end if sought.fineweb else _find_wide(data, text, end)
    while plain < end or wide < end:
        at = min(plain, wide)
        after = at + 1 if at == plain else at + 3
        if sought.fineweb:
            start, stop = find_email(data, at, floor, text, end, sought.words)
        else:
            start, stop = find_mailbox(data, at, after, floor, end, sought.mailboxes)
            stop = start if is_account(data, text, start, at, floor) else stop
        if start < stop:
            found = _grown(found, count)
            found[0, count], found[1, count], found[2, count], found[3, count] = row, EMAIL, start, stop
            count += 1
            after = floor = stop
        elif not sought.fineweb:
            floor = after
        plain = find_byte(data, after, end, _AT) if plain < after else plain
        wide = _find_wide(data, after, end) if wide < after else wide
    return found, count


@leaf
def _find_wide(data: Bytes, at: int, end: int) -> int:
    """Return where the full-width `@` (U+FF20) stands first; `end` where it does not."""
    at = find_byte(data, at, end, 0xEF)
    while at + 2 < end and not (data[at + 1] == 0xBC and data[at + 2] == 0xA0):
        at = find_byte(data, at + 1, end, 0xEF)
    return at if at + 2 < end else end


@inner
def _numbers(
    data: Bytes, row: int, text: int, at: int, stop: int, end: int, sought: Sought, found: Table, count: int
) -> tuple[Table, int]:
    """Add the numbers in `data[at:stop]`, a part of the text `data[text:end]`."""
    last = version = -1
    anywhere = sought.addresses and sought.fineweb
    while True:
        at = _find_digit(data, at, stop)
        if at >= stop:
            return found, count
        kind, start, number_end = _NOTHING, at, at
        if anywhere:
            number_end, address = find_part(data, at, stop)
            masked = address >= 0 and (is_public(address) or not sought.public_only)
            kind = _NOTHING if number_end == at else IP if masked else _PASSED
        elif sought.addresses and (last == at - 1 or begins_number(data, at, text)):
            number_end, address = find_address(data, at, end)
            if number_end > at:
                listed = version >= 0 and lists(data, version, at)
                if listed or names_version(data, text, at, number_end, end, sought.versions):
                    kind = _PASSED
                    version = number_end
                elif is_public(address) or not sought.public_only:
                    kind = IP
        if kind == _NOTHING:
            start, number_end = _phone(data, text, at, end, sought)
            kind = PHONE if number_end > start else _NOTHING
        if kind >= 0 and number_end <= stop:
            found = _grown(found, count)
            found[0, count], found[1, count], found[2, count], found[3, count] = row, kind, start, number_end
            count += 1
            at = last = number_end
        elif kind == _PASSED:
            at = number_end
        elif anywhere:
            at += 1
        else:
            while at < stop and 0x30 <= data[at] <= 0x39:
                at += 1


@inner
def _grown(found: Table, count: int) -> Table:
    return np.concatenate((found, np.empty_like(found)), axis=1) if count == found.shape[1] else found


@leaf
def _phone(data: Bytes, text: int, at: int, end: int, sought: Sought) -> tuple[int, int]:
    """Return where the telephone number begins and ends whose first digit stands at a byte; both the same for none."""
    bracket = at - 1 if at > text and data[at - 1] == _OPEN else at
    plus = bracket - 1
    if plus >= text and data[plus] == _PLUS:
        stop = find_international(data, at, end) if sought.international and begins_number(data, plus, text) else at
        return (plus, stop) if stop > at else (at, at)
    if len(sought.national.offsets) == 1 or not begins_number(data, bracket, text):
        return at, at
    stop = find_national(data, bracket, end, sought.national)
    return (bracket, stop) if stop > bracket else (at, find_national(data, at, end, sought.national))


@leaf
def _find_digit(data: Bytes, at: int, end: int) -> int:
    while at + 8 <= end:
        word = load64(data, at)
        low = word & ~HIGH_BITS
        digits = (low + _BELOW_0) & ~(low + _BELOW_9) & ~word & HIGH_BITS
        if digits:
            return at + (trailing_zeros(digits) >> 3)
        at += 8
    while at < end and not 0x30 <= data[at] <= 0x39:
        at += 1
    return at


@kernel
def mask(data: Bytes, offsets: Offsets, found: Findings, masks: Bytes, mask_offsets: Offsets) -> tuple[Bytes, Offsets]:
    """Return the texts (bytes and offsets) with each finding replaced by its kind's mask; findings rise by place."""
    size = offsets[-1] - offsets[0]
    for index in range(len(found.rows)):
        kind = found.kinds[index]
        size += mask_offsets[kind + 1] - mask_offsets[kind] - (found.ends[index] - found.starts[index])
    written = np.empty(size, np.uint8)
    written_offsets = np.zeros(len(offsets), np.int64)
    to = index = 0
    for row in range(len(offsets) - 1):
        at = offsets[row]
        while index < len(found.rows) and found.rows[index] == row:
            to = _copy(data, at, found.starts[index], written, to)
            kind = found.kinds[index]
            to = _copy(masks, mask_offsets[kind], mask_offsets[kind + 1], written, to)
            at = found.ends[index]
            index += 1
        to = _copy(data, at, offsets[row + 1], written, to)
        written_offsets[row + 1] = to
    return written, written_offsets


@leaf
def _copy(data: Bytes, start: int, end: int, out: Bytes, to: int) -> int:
    for at in range(start, end):
        out[to + at - start] = data[at]
    return to + end - start
