"""What somebody who mistyped a name may have meant."""

import difflib
from collections.abc import Iterable

MOST_LISTED = 12
"""Names that a message lists; of more it says how many there are."""
_LOOKED_AT = 5
"""Names of which the closest is chosen."""
_HEAD = 0.1
"""What it adds to a name's likeness that the mistyped one begins with it."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like a mistyped one; None where none is like it. Case does not count.

    Of names that are like it, one that it begins with is a little closer: `jsonl` for `jsonlines`. Where none is, it is
    the only one that begins with it and goes on with `_`: `text_column` for `text`.
    """
    names = {each.lower(): each for each in known}
    given = name.lower()
    close = difflib.get_close_matches(given, list(names), n=_LOOKED_AT)
    if close:
        best = max(close, key=lambda each: _likeness(given, each) + _HEAD * given.startswith(each))
        return names[best]
    longer = [each for each in names if each.startswith(f"{given}_")]
    return names[longer[0]] if len(longer) == 1 else None


def _likeness(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, other, one).ratio()


def meant(name: str, known: Iterable[str]) -> str:
    """Return `did you mean 'minhash'?`, or, where nothing is like the name, what there is."""
    names = list(known)
    near = nearest(name, names)
    return f"did you mean {near!r}?" if near else f"there are {listed(names)}"


def listed(names: Iterable[str]) -> str:
    """Return names in a row, of many the first ones and the number of the others."""
    all_names = list(names)
    more = len(all_names) - MOST_LISTED
    if more <= 1:
        return ", ".join(all_names)
    return f"{', '.join(all_names[:MOST_LISTED])} and {more} more"
