"""Finding IPv4 addresses, as numba kernels over UTF-8 bytes.

An address is four numbers up to 255 without leading zeros, full stops between them, that are no part of a longer number
or word. It is public where the IANA registry of special-purpose addresses does not say otherwise.
"""

from ipaddress import IPv4Network

import numpy as np

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import leaf
from prep.stages.pii.border_kernels import is_digit, is_word

_DOT = 0x2E
_NOT_PUBLIC = (
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.2.0/24"),
    *("192.0.0.0/29", "192.0.0.8", "192.0.0.11", "192.0.0.12/30", "192.0.0.16/28", "192.0.0.32/27", "192.0.0.64/26"),
    *("192.0.0.128/25", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
    "240.0.0.0/4",
)
_RANGES = np.array([(int(network[0]), int(network[-1])) for network in map(IPv4Network, _NOT_PUBLIC)], np.int64)


@leaf
def find_address(data: Bytes, start: int, end: int) -> tuple[int, int]:
    """Return where the IPv4 address that begins at a byte ends, `start` where none does, and the address."""
    at = start
    address = 0
    for part in range(4):
        first = at
        octet = 0
        while at < end and at - first < 3 and is_digit(data[at]):
            octet = 10 * octet + data[at] - 0x30
            at += 1
        if at == first or octet > 255 or (at - first > 1 and data[first] == 0x30):
            return start, 0
        address = 256 * address + octet
        if part < 3:
            if at >= end or data[at] != _DOT:
                return start, 0
            at += 1
    if at < end and (is_word(data[at]) or (data[at] == _DOT and at + 1 < end and is_digit(data[at + 1]))):
        return start, 0
    return at, address


@leaf
def find_part(data: Bytes, start: int, end: int) -> tuple[int, int]:
    """Return where FineWeb's expression for an IPv4 address ends that begins at a byte, and the address.

    Where there is none, it ends at `start`. It may be part of a longer number; the address is −1 where a number of it
    has zeros before it.
    """
    at = start
    address = 0
    zeros = False
    for part in range(4):
        first = at
        octet = 0
        while at < end and at - first < 3 and is_digit(data[at]) and 10 * octet + data[at] - 0x30 <= 255:
            octet = 10 * octet + data[at] - 0x30
            at += 1
        if at == first:
            return start, 0
        zeros |= at - first > 1 and data[first] == 0x30
        address = 256 * address + octet
        if part < 3:
            if at >= end or data[at] != _DOT:
                return start, 0
            at += 1
    return at, -1 if zeros else address


@leaf
def is_public(address: int) -> bool:
    """Return whether an address can be reached from the whole Internet."""
    for index in range(len(_RANGES)):
        if _RANGES[index, 0] <= address <= _RANGES[index, 1]:
            return False
    return True
