"""Reading lists of domains, URLs and words: from the bytes of a file to 64-bit hashes, as numba kernels.

An entry stands on a line of its own, without white space at its ends; a line is ignored where it is blank, and from
a `#` on that begins it or follows white space. Cost: 10 to 20 ns per entry.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes, Offsets
from prep.corpus.kernels import kernel, leaf
from prep.corpus.text.hashing import find_slot, hash_bytes, table_size
from prep.corpus.text.utf8 import find_byte
from prep.stages.shared.url.form_kernels import Form, form_capacity, write_form
from prep.stages.shared.url.parts_kernels import host_capacity, split_url, write_host
from prep.stages.shared.url.punycode_kernels import CodePoints
from prep.stages.shared.url.query_kernels import query_scratch
from prep.stages.shared.url.word_kernels import SEPARATOR, fold, fold_capacity

Keys = npt.NDArray[np.uint64]
Positions = npt.NDArray[np.int64]

_NEWLINE, _HASH, _STAR, _DOT, _OPEN = 0x0A, 0x23, 0x2A, 0x2E, 0x5B
_NEVER_IN_A_DOMAIN = np.frombuffer(b" \t/\\?#@:", np.uint8)
_SEED = np.uint64(0)
_INSTEAD_OF_ZERO = np.uint64(1)


class Entries(NamedTuple):
    """Where the entries of some lines stand: entry k is `data[starts[k]:ends[k]]` in line `lines[k]`, from zero on."""

    starts: Positions
    ends: Positions
    lines: Positions


@kernel
def find_entries(data: Bytes) -> tuple[Entries, int]:
    """Return the entries of whole lines, and the number of lines."""
    lines = 0
    at = 0
    while at < len(data):
        at = find_byte(data, at, len(data), _NEWLINE) + 1
        lines += 1
    starts, ends, numbers = np.empty(lines, np.int64), np.empty(lines, np.int64), np.empty(lines, np.int64)
    count = 0
    at = 0
    for line in range(lines):
        line_end = find_byte(data, at, len(data), _NEWLINE)
        end = at
        while end < line_end and not (data[end] == _HASH and (end == at or data[end - 1] <= 0x20)):
            end += 1
        start = at
        while start < end and data[start] <= 0x20:
            start += 1
        while start < end and data[end - 1] <= 0x20:
            end -= 1
        starts[count], ends[count], numbers[count] = start, end, line
        count += start < end
        at = line_end + 1
    return Entries(starts[:count], ends[:count], numbers[:count]), lines


@kernel
def hash_domains(data: Bytes, entries: Entries, lower: CodePoints) -> tuple[Keys, int, int]:
    """Return the key of each domain (uint64), the bytes of the longest, and the number of an entry that is none, or −1.

    `*.` or `.` before a domain is left out.
    """
    count = len(entries.starts)
    keys = np.empty(count, np.uint64)
    longest = 0
    for index in range(count):
        longest = max(longest, entries.ends[index] - entries.starts[index])
    host = np.empty(host_capacity(longest), np.uint8)
    longest = 0
    for index in range(count):
        start, end = entries.starts[index], entries.ends[index]
        if end - start > 2 and data[start] == _STAR and data[start + 1] == _DOT:
            start += 2
        elif end - start > 1 and data[start] == _DOT:
            start += 1
        length = write_host(data, start, end, lower, host, 0)
        if length == 0 or (data[start] != _OPEN and _holds_any(data, start, end, _NEVER_IN_A_DOMAIN)):
            return keys, longest, index
        keys[index] = key_of(host, 0, length)
        longest = max(longest, length)
    return keys, longest, -1


@kernel
def hash_urls(data: Bytes, entries: Entries, form: Form, lower: CodePoints) -> Keys:
    """Return the key of each URL in its form (uint64)."""
    count = len(entries.starts)
    keys = np.empty(count, np.uint64)
    longest = 0
    for index in range(count):
        longest = max(longest, entries.ends[index] - entries.starts[index])
    out = np.empty(form_capacity(longest), np.uint8)
    scratch = query_scratch(longest)
    for index in range(count):
        parts = split_url(data, entries.starts[index], entries.ends[index])
        keys[index] = key_of(out, 0, write_form(data, parts, form, lower, scratch, out, 0))
    return keys


@kernel
def hash_words(data: Bytes, entries: Entries, letters: Bytes, lower: CodePoints) -> tuple[Keys, int]:
    """Return the key of each word (uint64), and the number of an entry that is not one word, or −1."""
    count = len(entries.starts)
    keys = np.empty(count, np.uint64)
    longest = 0
    for index in range(count):
        longest = max(longest, entries.ends[index] - entries.starts[index])
    out = np.empty(fold_capacity(longest), np.uint8)
    for index in range(count):
        length = fold(data, entries.starts[index], entries.ends[index], letters, lower, out)
        if length == 0 or find_byte(out, 0, length, SEPARATOR) < length:
            return keys, index
        keys[index] = key_of(out, 0, length)
    return keys, -1


@kernel
def squeeze_entries(data: Bytes, entries: Entries, letters: Bytes, lower: CodePoints) -> tuple[Bytes, Offsets]:
    """Return the letters and digits of each entry, as bytes and offsets."""
    count = len(entries.starts)
    offsets = np.zeros(count + 1, np.int64)
    longest = 0
    total = 0
    for index in range(count):
        length = fold_capacity(entries.ends[index] - entries.starts[index])
        longest = max(longest, length)
        total += length
    squeezed = np.empty(total, np.uint8)
    folded = np.empty(longest, np.uint8)
    for index in range(count):
        to = offsets[index]
        for byte in folded[: fold(data, entries.starts[index], entries.ends[index], letters, lower, folded)]:
            squeezed[to] = byte
            to += byte != SEPARATOR
        offsets[index + 1] = to
    return squeezed[: offsets[count]].copy(), offsets


@kernel
def key_table(keys: Keys) -> Keys:
    """Return a hash table (for `find_slot`) of the keys."""
    size = table_size(len(keys))
    table = np.zeros(size, np.uint64)
    for key in keys:
        table[find_slot(table, size, key)] = key
    return table


@leaf
def key_of(data: Bytes, start: int, end: int) -> np.uint64:
    """Return the key of `data[start:end]`: a hash that is not zero."""
    key = hash_bytes(data, start, end, _SEED)
    return key if key != 0 else _INSTEAD_OF_ZERO


@leaf
def holds_key(table: Keys, key: np.uint64) -> bool:
    """Return whether a table holds a key."""
    return bool(table[find_slot(table, len(table), key)] == key)


@leaf
def _holds_any(data: Bytes, start: int, end: int, bytes_sought: Bytes) -> bool:
    for at in range(start, end):
        for byte in bytes_sought:
            if data[at] == byte:
                return True
    return False
