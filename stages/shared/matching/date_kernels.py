"""Moments from dates as ISO 8601 writes them, as a numba kernel: no Python object per date.

Read are `2024`, `2024-05`, `2024-05-17`, and with `T` or a blank `12:30`, `12:30:59` and decimals of seconds, then `Z`
or an offset such as `+02:00`, `+0200` or `+02`. What is missing counts as its beginning, and a missing offset as none.
Days are counted by the formula of Hinnant, "chrono-Compatible Low-Level Date Algorithms" (2013).
"""

import numpy as np

from prep.corpus.arrow.columns import Bytes, Offsets
from prep.corpus.kernels import kernel, leaf

NO_DATE = -(2**63)
"""What stands for a date that cannot be read."""
_DASH, _COLON, _POINT, _COMMA, _PLUS, _BLANK, _T, _Z = (ord(mark) for mark in "-:.,+ TZ")
_SECOND = 1_000_000
_DAYS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


@kernel
def moments(data: Bytes, offsets: Offsets) -> Offsets:
    """Return the microseconds from 1970 on to each date (int64), NO_DATE where it cannot be read."""
    found = np.empty(len(offsets) - 1, np.int64)
    for row in range(len(found)):
        found[row] = _moment(data, offsets[row], offsets[row + 1])
    return found


@leaf
def _moment(data: Bytes, at: int, end: int) -> int:
    month = day = 1
    hour = minute = second = micro = offset = 0
    year = _number(data, at, end, 4)
    at += 4
    valid = year >= 0
    if valid and at < end and data[at] == _DASH:
        month = _number(data, at + 1, end, 2)
        at += 3
        if at < end and data[at] == _DASH:
            day = _number(data, at + 1, end, 2)
            at += 3
            if at < end and (data[at] == _T or data[at] == _BLANK):
                hour = _number(data, at + 1, end, 2)
                valid = at + 3 < end and data[at + 3] == _COLON
                minute = _number(data, at + 4, end, 2)
                at += 6
                if at < end and data[at] == _COLON:
                    second = _number(data, at + 1, end, 2)
                    at += 3
                    if at < end and (data[at] == _POINT or data[at] == _COMMA):
                        micro, at = _decimals(data, at + 1, end)
                offset, at = _offset(data, at, end)
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    valid = valid and at == end and 1 <= month <= 12 and day >= 1
    valid = valid and day <= _DAYS[month] + (leap and month == 2)
    valid = valid and 0 <= hour <= 24 and 0 <= minute <= 59 and 0 <= second <= 60 and micro >= 0
    if not valid:
        return NO_DATE
    seconds = _days(year, month, day) * 86400 + hour * 3600 + (minute - offset) * 60 + second
    return seconds * _SECOND + micro


@leaf
def _number(data: Bytes, at: int, end: int, digits: int) -> int:
    """Return the number of so many digits; below zero where they are not there."""
    value = 0
    if at + digits > end:
        return -1
    for place in range(at, at + digits):
        if data[place] < 0x30 or data[place] > 0x39:
            return -1
        value = value * 10 + data[place] - 0x30
    return value


@leaf
def _decimals(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """Return the microseconds that decimals say, below zero where there are none, and where they end."""
    value = 0
    unit = _SECOND
    start = at
    while at < end and 0x30 <= data[at] <= 0x39:
        unit //= 10
        value += unit * (data[at] - 0x30)
        at += 1
    return (value if at > start else -1), at


@leaf
def _offset(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """Return the minutes by which a time is ahead of UTC, and where the offset ends; before `end` where it is wrong."""
    if at < end and data[at] == _Z:
        return 0, at + 1
    if at >= end or (data[at] != _PLUS and data[at] != _DASH):
        return 0, at
    sign = 1 if data[at] == _PLUS else -1
    hours = _number(data, at + 1, end, 2)
    minutes = 0
    after = at + 3
    if after < end:
        after += data[after] == _COLON
        minutes = _number(data, after, end, 2)
        after += 2
    if hours < 0 or minutes < 0:
        return 0, at
    return sign * (hours * 60 + minutes), after


@leaf
def _days(year: int, month: int, day: int) -> int:
    """Return the days from 1970-01-01 on in the Gregorian calendar."""
    year -= month <= 2
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468
