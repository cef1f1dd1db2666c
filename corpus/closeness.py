"""What somebody who mistyped a name may have meant."""

import difflib
from collections.abc import Iterable

MOST_LISTED = 12
"""Names that a message lists; of more it says how many there are."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like a mistyped one; None where none is like it. Case does not count."""
    names = {each.lower(): each for each in known}
    close = difflib.get_close_matches(name.lower(), list(names), n=1)
    return names[close[0]] if close else None


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
