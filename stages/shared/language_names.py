"""Names of languages in place of their codes: what somebody who writes `English` or `Deutsch` is to write instead.

The names are those of Unicode's CLDR, as Babel has them: in English, and in the languages themselves. They are read
only for a message, in about a second.
"""

from collections.abc import Collection
from functools import cache

from prep.corpus.closeness import nearest
from prep.stages.shared.languages import is_known, related_codes, shortest_code

_SHORTEST = 4
"""Letters of a word that is compared with names as mistyped: shorter ones are mistyped codes."""


def language_hint(given: str, known: Collection[str] = ()) -> str:
    """Return `did you mean 'en'?` for a language's name or for a code in capitals; empty where it is neither.

    Where some codes alone are known, as those of a model, one of these.
    """
    code = _meant(given)
    if code is None:
        return ""
    usable = code if not known else next((each for each in related_codes(code) if each in known), None)
    return f"did you mean {usable!r}?" if usable else ""


def expected_language(given: str) -> str:
    """Return what to write in place of what is no language: the code that was meant, or that a code is expected."""
    return language_hint(given) or "expected a code of ISO 639, such as da or dan"


def _meant(given: str) -> str | None:
    word = given.strip().casefold()
    english, own = _english(), _own()
    near = nearest(word, english) if len(word) >= _SHORTEST else None
    lower = [given.lower()] if given != given.lower() and is_known(given.lower()) else []
    found = [*(names[word] for names in (english, own) if word in names), *lower, *([english[near]] if near else [])]
    return next(iter(found), None)


@cache
def _english() -> dict[str, str]:
    from babel import Locale  # slow, and only for a message

    names = Locale("en").languages
    return {name.casefold(): _code(code) for code, name in sorted(names.items(), reverse=True) if is_known(_code(code))}


@cache
def _own() -> dict[str, str]:
    from babel import Locale
    from babel.localedata import locale_identifiers

    codes = sorted((code for code in locale_identifiers() if "_" not in code), reverse=True)
    named = ((Locale(code).languages.get(code), code) for code in codes)
    return {name.casefold(): _code(code) for name, code in named if name and is_known(_code(code))}


def _code(code: str) -> str:
    language, *rest = code.split("_")
    return "-".join([shortest_code(language), *rest])
