"""The quotation marks that a browser writes around `<q>`, by language: double and single ones in turn.

The marks are those of Unicode's CLDR, as style sheets of browsers have them; no spaces are added to them. English ones
stand for languages that are not listed, and where no language is declared.
"""

from typing import Final, NamedTuple


class Marks(NamedTuple):
    """The marks around a quotation, and those around a quotation in it."""

    opening: str
    closing: str
    inner_opening: str
    inner_closing: str


_DEFAULT: Final = Marks(*"“”‘’")
_LANGUAGES: Final = {
    "„“‚‘": "bg cs de is lb lt mk sk sl",
    "„”‚’": "hr",
    "„”«»": "pl ro",
    "„”»«": "hu",
    "„“«»": "et",
    "«»«»": "fr hy",
    "«»‹›": "de-ch de-li fa fr-ch",
    "«»“”": "ca el es it pt-pt",
    "«»„“": "be ru uk",
    "«»‘’": "nb nn no",
    "””’’": "fi he sv",
    "”“’‘": "ar ur",
    "「」『』": "ja yue zh-hant zh-hk zh-mo zh-tw",
}
_BY_LANGUAGE: Final = {
    language: Marks(*marks) for marks, languages in _LANGUAGES.items() for language in languages.split()
}
_OPENING: Final = frozenset("\"'“”„‟‘‚«»‹›「『《〈＂")
_CLOSING: Final = frozenset("\"'“”‘’«»‹›」』》〉＂")
_DOUBLE: Final = frozenset('"“„‟«「『《＂')
_LONGEST_TAG: Final = 16
_SPACED: Final = frozenset("«»‹›")
"""Marks that a space may part from what they enclose."""


def marks_of(language: str) -> Marks:
    """Return the marks of a language, given its tag in lower case (BCP 47); of `de-at-1996` those of `de`."""
    parts = language[:_LONGEST_TAG].split("-")
    tags = ("-".join(parts[:count]) for count in range(len(parts), 0, -1))
    return next((_BY_LANGUAGE[tag] for tag in tags if tag in _BY_LANGUAGE), _DEFAULT)


def is_quoted(text: str) -> bool:
    """Return whether a text, without white space around it, begins and ends with quotation marks."""
    return len(text) > 1 and text[0] in _OPENING and text[-1] in _CLOSING


def is_between_marks(before: str, after: str) -> bool:
    """Return whether quotation marks enclose what stands between two texts: beside it, or apart like `« this »`."""
    if before[-1:] in _OPENING and after[:1] in _CLOSING:
        return True
    before, after = before.rstrip(), after.lstrip()
    return bool(before and after) and before[-1] in _SPACED and after[0] in _SPACED


def ends_in_mark(text: str) -> bool:
    """Return whether a text ends in a double mark that opens a quotation, or may do so."""
    return text[-1:] in _DOUBLE
