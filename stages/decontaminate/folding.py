"""How decontamination normalises text, as a table over code points.

Each code point becomes the letters and digits of NFKD(casefold(NFKD(c))): compatibility forms (full width, ligatures,
superscripts) become plain ones, upper case becomes lower, and marks (category M: accents, vowel signs) and format
characters (Cf: soft hyphen, zero-width space) are left out. All other characters separate words, so that punctuation
of any kind and number is the same as a space. NFC, NFD, NFKC and NFKD of a text are therefore all the same.

A word is letters or digits, never both, and digits that are written higher or lower are a word of their own, so that
`x²`, `x^2` and `x2` are the same, and `10⁵` is `10^5`. A comma, apostrophe, underscore or thin space before a group of
three digits is left out: `1,250` is `1250`.

A letter of a script that is written without spaces (Han, Hiragana, Katakana, Thai, Lao, Khmer, Myanmar and others of
line-breaking class SA) is a word by itself, so that breaking a line inside a phrase does not change its words.
"""

import unicodedata
from functools import cache

import numpy as np
import regex

from prep.corpus.text.utf8 import CODE_POINTS, every_code_point
from prep.stages.decontaminate.folding_kernels import ALONE, EXPANDED, IGNORED, RAISED, SEPARATOR, SPACE, Folding, Ints

UNICODE = unicodedata.unidata_version
"""The version of Unicode that the table follows."""
_RAISED = ("<super>", "<sub>", "<fraction>")

_ALONE = regex.compile(r"[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Line_Break=SA}\u30fc]")


def fold(character: str) -> list[int]:
    """Return what a code point becomes: code points, with ALONE or RAISED added to some, and SEPARATOR.

    Nothing is left of marks and format characters.
    """
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
    codes = []
    raised = RAISED if unicodedata.decomposition(character).startswith(_RAISED) else 0
    for item in plain:
        category = unicodedata.category(item)
        if category[0] in "LN":
            codes.append(ord(item) | (ALONE if _ALONE.match(item) else raised))
        elif category[0] != "M" and category != "Cf":
            codes.append(SEPARATOR)
    return codes


@cache
def folding() -> Folding:
    """Return the table of all code points (about half a second, once per process)."""
    table = np.full(CODE_POINTS, SEPARATOR, np.int32)
    starts, codes = [0], list[int]()
    for character in every_code_point():
        folded = fold(character)
        if character.isspace():
            value = SPACE
        elif len(folded) < 2:
            value = folded[0] if folded else IGNORED
        else:
            value = EXPANDED - (len(starts) - 1)
            codes += folded
            starts.append(len(codes))
        table[ord(character)] = value
    return Folding(_frozen(table), _frozen(np.array(starts, np.int32)), _frozen(np.array(codes, np.int32)))


def _frozen(array: Ints) -> Ints:
    array.flags.writeable = False
    return array
