"""Calendar dates as people and programs write them in pages.

Known are ISO 8601 and its relatives (2020-12-23, 2020/12/23, 20201223, 2020年12月23日), RFC 5322 and C's `asctime`
(Wed, 23 Dec 2020), month names of nine languages, numbers with points, strokes or dashes (23.12.2020, 12/23/2020), and
Unix time in seconds or milliseconds. Where day and month could be read either way, a weekday beside them decides, then
the language: American English writes the month first. A year or a month alone is no date. Dates before 1500 and the
zeros of programs (1 January 1970) are none, nor are dates after the latest that is given.
"""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final

_MONTHS: Final = """
january jan januar janvier janv enero gennaio janeiro januari janvāris stycznia ocak января янв jänner gen
february feb februar février fevrier févr febrero febbraio fevereiro februari lutego şubat февраля фев fev febr
march mar märz mars marzo março maart marca mart марта мар mrz maerz
april apr avril avr abril aprile abr kwietnia nisan апреля апр
may mai mayo maggio maio mei maja mayıs мая mag
june jun juni juin junio giugno junho czerwca haziran июня июн giu
july jul juli juillet juil julio luglio julho lipca temmuz июля июл lug
august aug août aout agosto augustus sierpnia ağustos августа авг ago
september sep sept septembre septiembre settembre setembro września eylül сентября сен set
october oct oktober octobre octubre ottobre outubro października ekim октября окт okt ott out
november nov novembre noviembre novembro listopada kasım ноября ноя
december dec dezember décembre decembre diciembre dicembre dezembro grudnia aralık декабря дек dez déc dic
"""
_NUMBER: Final = {
    name: place for place, names in enumerate(filter(None, _MONTHS.split("\n")), 1) for name in names.split()
}
_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_ISO = re.compile(
    r"(?<!\d)(\d{4})([-/.年]\s?)(\d{1,2})(?:\2|月\s?)(\d{1,2})(?!\d)"
    r"|(?<!\d)(\d{4})(\d{2})(\d{2})(?:(?=T?\d{6}\b)|(?!\d))"
)
_DAY_FIRST = re.compile(
    r"(?<![\d:])(\d{1,2})(?:st|nd|rd|th|er|º|ª|\.)?[\s-]*(?:of |de |d')?[\s-]*"
    r"([^\W\d_]{3,})[.,]?[\s-]*(?:de |del )?(\d{4})(?!\d)"
)
_MONTH_FIRST = re.compile(
    r"([^\W\d_]{3,})\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?"
    r"(?:\s+\d{1,2}:\d{2}(?::\d{2})?(?:\s+[A-Z]{3,4})?)?\s+(\d{4})(?!\d)"
)
_NUMBERS = re.compile(r"(?<![\w.])(\d{1,2})\s?([./-])\s?(\d{1,2})\s?\2\s?(\d{4})(?!\d|[./-]\d)")
_UNIX = re.compile(r"\s*(\d{9,10}|\d{12,13})(?:\.\d+)?\s*")
_WEEKDAY = re.compile(r"\b(mon|tue|wed|thu|fri|sat|sun)", re.IGNORECASE)
_MONTH_FIRST_REGIONS: Final = frozenset({"", "en", "en-us", "en-ph", "en-ca"})
_EARLIEST: Final = date(1500, 1, 1)
_ZEROS: Final = frozenset({date(1970, 1, 1), date(1900, 1, 1), date(1899, 12, 30)})
LATEST: Final = date(2026, 12, 31)
"""The latest date that is believed where it is not known when a page was read: the end of this release's year."""


def read_date(text: str, language: str | None = None, latest: date = LATEST) -> date | None:
    """Return the first date in a text, where it is one that may be; `language` is a tag such as `en-GB`."""
    for found in (_from_iso(text), _from_unix(text), _from_names(text), _from_numbers(text, language)):
        if found is not None:
            return found if _EARLIEST <= found <= latest and found not in _ZEROS else None
    return None


def _date(year: str, month: str | int, day: str) -> date | None:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def _from_iso(text: str) -> date | None:
    match = _ISO.search(text)
    if match is None:
        return None
    return _date(match[1], match[3], match[4]) if match[1] else _date(match[5], match[6], match[7])


def _from_unix(text: str) -> date | None:
    match = _UNIX.fullmatch(text)
    if match is None:
        return None
    seconds = int(match[1]) // (1000 if len(match[1]) > 10 else 1)
    return datetime.fromtimestamp(seconds, UTC).date()


def _from_names(text: str) -> date | None:
    for match in _DAY_FIRST.finditer(text):
        if month := _NUMBER.get(match[2].lower()):
            return _date(match[3], month, match[1])
    for match in _MONTH_FIRST.finditer(text):
        if month := _NUMBER.get(match[1].lower()):
            return _date(match[3], month, match[2])
    return None


def _from_numbers(text: str, language: str | None) -> date | None:
    match = _NUMBERS.search(text)
    if match is None:
        return None
    first, separator, second, year = match.groups()
    day_first, month_first = _date(year, second, first), _date(year, first, second)
    if day_first is None or month_first is None:
        return day_first or month_first
    if weekday := _WEEKDAY.search(text[: match.start()]):
        number = _WEEKDAYS.index(weekday[1].lower())
        if day_first.weekday() != month_first.weekday() and number in (day_first.weekday(), month_first.weekday()):
            return day_first if number == day_first.weekday() else month_first
    is_american = separator == "/" and (language or "").lower() in _MONTH_FIRST_REGIONS
    return month_first if is_american else day_first


def day_after(text: str) -> date | None:
    """Return the day after an ISO 8601 date, within which all time zones have that date."""
    found = _from_iso(text)
    return None if found is None else found + timedelta(days=1)
