"""What documents of every format say of themselves, brought into one form: title, authors, date, language.

Values that cannot be read as what they should be (a date in words, a language by its name) are null here, and stay as
they came in the column `metadata`.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime

_SPACES = re.compile(r"[\s\x00-\x1f\x7f\xa0]+")
_TAG = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*")
_DATE = re.compile(
    r"(?:D:)?(?P<year>\d{4})"
    r"(?:[-/.]?(?P<month>0[1-9]|1[0-2])(?:[-/.]?(?P<day>0[1-9]|[12]\d|3[01])"
    r"(?:[T ]?(?P<hour>[01]\d|2[0-3]):?(?P<minute>[0-5]\d):?(?P<second>[0-5]\d)?(?:\.\d+)?"
    r"[ ]?(?P<zone>[Zz]|[+-]\d\d[:']?(?:\d\d)?'?)?)?)?)?"
)


def one_line(text: str | None) -> str | None:
    """Return a value without control characters and runs of white space; None for one that holds nothing else."""
    line = _SPACES.sub(" ", text or "").strip()
    return line or None


def names(given: Iterable[str | None]) -> str | None:
    """Return authors as one value, each once, in their order, parted by `; `."""
    known = dict.fromkeys(name for name in map(one_line, given) if name)
    return "; ".join(known) or None


def language_tag(given: str | None) -> str | None:
    """Return a language tag with dashes; None for what is none, and for the tag of an undetermined language."""
    tag = (given or "").strip().replace("_", "-")
    return tag if _TAG.fullmatch(tag) and tag.lower() not in {"und", "zxx", "mul", "mis"} else None


def iso_time(given: str | None) -> str | None:
    """Return a date or time in ISO 8601, as precise as given: `2019`, `2019-02`, `2019-02-03T04:05:06+01:00`.

    Reads ISO 8601, extended and basic, and the dates of PDF (`D:20190203040506+01'00'`).
    """
    found = _DATE.fullmatch((given or "").strip())
    if found is None:
        return None
    part: Mapping[str, str | None] = found.groupdict()
    day = "-".join(value for value in (part["year"], part["month"], part["day"]) if value)
    if part["day"] is not None and not _exists(day):
        return None
    if part["hour"] is None:
        return day
    zone = str(part["zone"] or "").replace("'", "").replace(":", "").upper()
    zone = f"{zone[:3]}:{zone[3:] or '00'}" if zone not in {"", "Z"} else zone
    return f"{day}T{part['hour']}:{part['minute']}:{part['second'] or '00'}{zone}"


def calendar_date(given: str | None) -> str | None:
    """Return the day, month or year of a date or time."""
    time = iso_time(given)
    return None if time is None else time.partition("T")[0]


def _exists(day: str) -> bool:
    try:
        datetime.strptime(day, "%Y-%m-%d")
    except ValueError:
        return False
    return True
