"""The rules of the URL filter over a column of URLs, as a numba kernel: the first that applies names the verdict.

Cost: O(bytes of the URL) for every rule; a look-up per label of the host and per word. No Python object per row.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes, Offsets, longest_row
from prep.corpus.kernels import inner, kernel, leaf
from prep.corpus.text.aho_corasick import ROOT, Automaton, step
from prep.corpus.text.hashing import find_slot
from prep.stages.shared.url.form_kernels import Form, form_capacity, write_form
from prep.stages.shared.url.name_kernels import Names, is_name
from prep.stages.shared.url.parts_kernels import (
    Parts,
    host_capacity,
    is_address,
    lower_byte,
    port_number,
    split_url,
    write_host,
)
from prep.stages.shared.url.punycode_kernels import CodePoints
from prep.stages.shared.url.query_kernels import Scratch, query_scratch
from prep.stages.shared.url.word_kernels import SEPARATOR, fold, fold_capacity
from prep.stages.url.list_kernels import Keys, holds_key, key_of

RULES = (
    *("no_url", "short_url", "long_url", "scheme", "ip_host", "port"),
    *("blocked_domain", "blocked_url", "banned_word", "soft_words", "banned_substring"),
)
"""The rules in their order."""
_NO_URL, _SHORT, _LONG, _SCHEME, _ADDRESS, _PORT, _DOMAIN, _URL, _WORD, _SOFT, _SUBSTRING = range(11)
_KEPT = -1
_DOT, _COMMA, _SPACE = 0x2E, 0x2C, 0x20


class Limits(NamedTuple):
    """What the rules without lists look at; −1 switches a length off."""

    require_url: bool
    shortest: int
    longest: int
    schemes: Names
    """Schemes that are allowed; none allows all."""
    addresses: bool
    """Whether hosts may be IP addresses."""
    ports: npt.NDArray[np.int64]
    """Ports that are allowed; none allows all."""
    soft_words: int
    """How many different soft words reject a URL."""


class Lists(NamedTuple):
    """The lists as hash tables; one of length zero is no list."""

    allowed_domains: Keys
    longest_allowed: int
    allowed_urls: Keys
    domains: Keys
    longest_domain: int
    urls: Keys
    words: Keys
    soft_words: Keys
    substrings: Automaton


class Buffers(NamedTuple):
    """Buffers for one URL at a time."""

    host: Bytes
    form: Bytes
    scratch: Scratch
    words: Bytes
    detail: Bytes
    last_seen: npt.NDArray[np.int64]
    """The row in which each soft word was seen last."""


class Finding(NamedTuple):
    """What the rules say of a URL: the rule or −1, the bytes of its detail, and its value or NaN."""

    rule: int
    detail: int
    value: float


@kernel
def judge_urls(
    data: Bytes, offsets: Offsets, limits: Limits, lists: Lists, form: Form, letters: Bytes, lower: CodePoints
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], Bytes, Offsets]:
    """Return for each URL the rule that rejects it (a number in RULES, or −1), its value and its detail.

    Takes the form in which URLs are listed, `letter_table` and `lower_table`. Details are bytes and offsets.
    """
    rows = len(offsets) - 1
    rules = np.empty(rows, np.int64)
    values = np.empty(rows, np.float64)
    detail_offsets = np.zeros(rows + 1, np.int64)
    details = np.empty(1024, np.uint8)
    longest = longest_row(offsets)
    buffers = Buffers(
        np.empty(host_capacity(longest), np.uint8),
        np.empty(form_capacity(longest), np.uint8),
        query_scratch(longest),
        np.empty(fold_capacity(longest), np.uint8),
        np.empty(host_capacity(longest), np.uint8),
        np.full(len(lists.soft_words), -1),
    )
    for row in range(rows):
        found = _judge(data, offsets[row], offsets[row + 1], row, limits, lists, form, letters, lower, buffers)
        rules[row] = found.rule
        values[row] = found.value
        begin = detail_offsets[row]
        while begin + found.detail > len(details):
            details = np.concatenate((details, np.empty_like(details)))
        for at in range(found.detail):
            details[begin + at] = buffers.detail[at]
        detail_offsets[row + 1] = begin + found.detail
    return rules, values, details, detail_offsets


@inner
def _judge(
    data: Bytes,
    start: int,
    end: int,
    row: int,
    limits: Limits,
    lists: Lists,
    form: Form,
    letters: Bytes,
    lower: CodePoints,
    buffers: Buffers,
) -> Finding:
    parts = split_url(data, start, end)
    length = parts.end - parts.start
    if length == 0:
        return Finding(_NO_URL if limits.require_url else _KEPT, 0, np.nan)
    host = write_host(data, parts.host, parts.host_end, lower, buffers.host, 0)
    url = np.uint64(0)
    if len(lists.urls) or len(lists.allowed_urls):
        url = key_of(buffers.form, 0, write_form(data, parts, form, lower, buffers.scratch, buffers.form, 0))
    if _find_domain(buffers.host, host, lists.allowed_domains, lists.longest_allowed) >= 0:
        return Finding(_KEPT, 0, np.nan)
    if len(lists.allowed_urls) and holds_key(lists.allowed_urls, url):
        return Finding(_KEPT, 0, np.nan)
    if limits.shortest >= 0 and length < limits.shortest:
        return Finding(_SHORT, 0, float(length))
    if limits.longest >= 0 and length > limits.longest:
        return Finding(_LONG, 0, float(length))
    if len(limits.schemes.prefix) and not is_name(data, parts.start, parts.scheme_end, limits.schemes):
        return Finding(_SCHEME, _copy(data, parts.start, parts.scheme_end, buffers.detail), np.nan)
    if not limits.addresses and is_address(buffers.host, 0, host):
        return Finding(_ADDRESS, _copy(buffers.host, 0, host, buffers.detail), np.nan)
    if len(limits.ports) and not _is_allowed(data, parts, limits):
        return Finding(_PORT, _copy(data, parts.port, parts.path, buffers.detail), np.nan)
    domain = _find_domain(buffers.host, host, lists.domains, lists.longest_domain)
    if domain >= 0:
        return Finding(_DOMAIN, _copy(buffers.host, domain, host, buffers.detail), np.nan)
    if len(lists.urls) and holds_key(lists.urls, url):
        return Finding(_URL, 0, np.nan)
    if len(lists.words) or len(lists.soft_words) or len(lists.substrings.lengths):
        words = fold(data, parts.start, parts.end, letters, lower, buffers.words)
        return _judge_words(words, row, limits, lists, buffers)
    return Finding(_KEPT, 0, np.nan)


@leaf
def _find_domain(host: Bytes, end: int, domains: Keys, longest: int) -> int:
    """Return where the longest part of a host begins that is on the list and ends it; −1 where none is.

    A part begins after a full stop; an IP address is one part.
    """
    if len(domains) == 0 or end == 0:
        return -1
    if is_address(host, 0, end):
        return 0 if holds_key(domains, key_of(host, 0, end)) else -1
    for at in range(max(0, end - longest), end):
        if (at == 0 or host[at - 1] == _DOT) and holds_key(domains, key_of(host, at, end)):
            return at
    return -1


@leaf
def _is_allowed(data: Bytes, parts: Parts, limits: Limits) -> bool:
    port = port_number(data, parts)
    for allowed in limits.ports:
        if port == allowed:
            return True
    return port == 0


@inner
def _judge_words(end: int, row: int, limits: Limits, lists: Lists, buffers: Buffers) -> Finding:
    """Apply the rules of words and substrings to the words `buffers.words[:end]`."""
    soft = detail = 0
    start = 0
    while start < end:
        stop = start
        while stop < end and buffers.words[stop] != SEPARATOR:
            stop += 1
        key = key_of(buffers.words, start, stop)
        if len(lists.words) and holds_key(lists.words, key):
            return Finding(_WORD, _copy(buffers.words, start, stop, buffers.detail), np.nan)
        if len(lists.soft_words):
            slot = find_slot(lists.soft_words, len(lists.soft_words), key)
            if lists.soft_words[slot] == key and buffers.last_seen[slot] != row:
                buffers.last_seen[slot] = row
                if soft:
                    buffers.detail[detail] = _COMMA
                    buffers.detail[detail + 1] = _SPACE
                    detail += 2
                for at in range(start, stop):
                    buffers.detail[detail] = buffers.words[at]
                    detail += 1
                soft += 1
        start = stop + 1
    if len(lists.soft_words) and soft >= limits.soft_words:
        return Finding(_SOFT, detail, float(soft))
    if len(lists.substrings.lengths):
        state = ROOT
        for at in range(end):
            if buffers.words[at] != SEPARATOR:
                state = step(lists.substrings, state, buffers.words[at])
                if lists.substrings.found[state] >= 0:
                    length = lists.substrings.lengths[lists.substrings.found[state]]
                    return Finding(_SUBSTRING, _copy_back(buffers.words, at, length, buffers.detail), np.nan)
    return Finding(_KEPT, 0, np.nan)


@leaf
def _copy(data: Bytes, start: int, end: int, out: Bytes) -> int:
    """Copy bytes, ASCII letters in lower case, and return how many."""
    for at in range(start, end):
        out[at - start] = lower_byte(data[at])
    return end - start


@leaf
def _copy_back(words: Bytes, last: int, length: int, out: Bytes) -> int:
    """Copy so many bytes up to the one at `last`, separators left out."""
    left = length
    while left:
        if words[last] != SEPARATOR:
            left -= 1
            out[left] = words[last]
        last -= 1
    return length
