"""Telling version numbers, section numbers and object identifiers from IPv4 addresses, as numba kernels.

Four numbers are no address

- behind a word for a version, a section or an identifier (`Version 5.10.15.20`, `版本5.1.2.3`, `build no. 14.0.1.2`,
  `EC 3.4.21.4` of an enzyme), or behind a sign that demands a version (`>=1.2.3.4`, `~> 1.2.3.4`, `^1.2.3.4`);
- behind a name and a hyphen (`linux-5.10.15.20`), behind a product's name and `/` (`Firefox/128.0.0.1`, RFC 9110), or
  behind a full stop that begins them (`.1.3.6.1`, as SNMP writes identifiers);
- before what a version goes on with (`1.2.3.4-beta`, `1.2.3.4+dfsg`, `1.2.3.4~rc1`, `1.2.3.4.tar.gz`);
- where a line begins with them, none is above 20, and a title follows (`3.2.1.1 Scope`);
- close behind such numbers in a list (`versions 5.10.15.20, 5.10.15.21 and 5.10.15.22`).

Cost: O(bytes) of the line's words close to them, and one look at the list of words.
"""

import numpy as np

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import leaf
from prep.stages.pii.border_kernels import is_digit, is_word
from prep.stages.shared.url.name_kernels import Names, names
from prep.stages.shared.url.parts_kernels import lower_byte

_DOT, _HYPHEN, _SLASH, _PLUS, _TILDE, _NEWLINE, _SPACE = 0x2E, 0x2D, 0x2F, 0x2B, 0x7E, 0x0A, 0x20
_LESS, _EQUALS, _MORE, _CARET = 0x3C, 0x3D, 0x3E, 0x5E
_LONGEST_GAP, _LETTERS_OF_GAP, _HIGHEST_SECTION = 8, 3, 20
WORDS = (
    *("version", "versions", "ver", "vers", "v", "release", "releases", "rel", "build", "builds", "firmware", "rv"),
    *("revision", "rev", "update", "updates", "updated", "upgrade", "upgraded", "downgrade", "downgraded", "patch"),
    *("kernel", "driver", "chapter", "chapters", "chap", "section", "sections", "sec", "sect", "subsection"),
    *("ec", "changes", "fixed", "assemblyversion", "assemblyfileversion"),
    *("fileversion", "productversion"),
    *("paragraph", "para", "clause", "clauses", "article", "table", "figure", "fig"),
    *("appendix", "annex", "exercise", "theorem", "lemma", "oid", "oids", "identifier", "kapitel", "abschnitt"),
    *("ziffer", "tabelle", "abbildung", "versionen", "chapitre", "versión", "versiones", "capítulo", "sección"),
    *("versão", "versione", "capitolo", "sezione", "versie", "hoofdstuk", "wersja", "rozdział", "verze", "sürüm"),
    *(
        "версия",
        "версии",
        "версию",
        "версією",
        "версія",
        "глава",
        "раздел",
        "пункт",
        "§",
        "§§",
        "版本",
        "版",
        "章",
        "節",
    ),
    *("节", "バージョン", "버전", "الإصدار", "نسخه", "संस्करण"),
)
FILLERS = ("number", "numbers", "no", "nr", "num", "is", "was", "of", "from", "to", "id", "in", "since")
"""Words that may stand between one of WORDS and the numbers."""


def version_words() -> tuple[Names, Names]:
    """Return WORDS, those not in ASCII also with a capital, and FILLERS as `names_version` takes them."""
    spellings = [word.encode() for word in (*WORDS, *(word.capitalize() for word in WORDS if not word.isascii()))]
    offsets = np.concatenate(([0], np.cumsum([len(word) for word in spellings], dtype=np.int64)))
    whole = np.zeros(len(spellings), np.bool_)
    return Names(np.frombuffer(b"".join(spellings), np.uint8), offsets, whole), names(FILLERS)


@leaf
def names_version(data: Bytes, text: int, start: int, stop: int, end: int, words: tuple[Names, Names]) -> bool:
    """Return whether the four numbers `data[start:stop]` in the text `data[text:end]` are no address."""
    return (
        _goes_on(data, stop, end)
        or _joined(data, text, start)
        or _demanded(data, text, start)
        or _is_title(data, text, start, stop, end)
        or _behind_word(data, text, start, words)
    )


@leaf
def lists(data: Bytes, start: int, end: int) -> bool:
    """Return whether between two numbers of a list stands no more than signs, blanks and a short word."""
    if end - start > _LONGEST_GAP:
        return False
    letters = 0
    for at in range(start, end):
        if data[at] in (_NEWLINE, _DOT, 0x3A):
            return False
        letters += data[at] | 0x20 >= 0x61
    return letters <= _LETTERS_OF_GAP


@leaf
def _goes_on(data: Bytes, stop: int, end: int) -> bool:
    if stop + 1 >= end:
        return False
    after = data[stop + 1]
    if data[stop] == _DOT:
        return bool(0x61 <= after <= 0x7A)
    return data[stop] in (_HYPHEN, _PLUS, _TILDE) and is_word(after) and not is_digit(after)


@leaf
def _joined(data: Bytes, text: int, start: int) -> bool:
    at = start - 1
    if at < text:
        return False
    if data[at] == _DOT:
        return at == text or bool(data[at - 1] <= _SPACE)
    if data[at] == _HYPHEN:
        return at > text and bool(data[at - 1] | 0x20 >= 0x61)
    if data[at] != _SLASH:
        return False
    name = at
    letters = False
    while name > text and (is_word(data[name - 1]) or data[name - 1] == _HYPHEN):
        name -= 1
        letters |= data[name] | 0x20 >= 0x61
    return letters and (name == text or bool(data[name - 1] <= _SPACE) or data[name - 1] in (0x28, 0x22, 0x3B))


@leaf
def _demanded(data: Bytes, text: int, start: int) -> bool:
    at = start - 1 if start > text and data[start - 1] == _SPACE else start
    if at <= text:
        return False
    sign, before = data[at - 1], data[at - 2] if at - 1 > text else 0
    return bool(
        sign == _CARET or (sign == _EQUALS and before in (_LESS, _MORE, _TILDE)) or (sign == _MORE and before == _TILDE)
    )


@leaf
def _is_title(data: Bytes, text: int, start: int, stop: int, end: int) -> bool:
    at = start
    while at > text and data[at - 1] in (0x09, _SPACE, 0x23):
        at -= 1
    if at > text and data[at - 1] != _NEWLINE:
        return False
    value = 0
    for place in range(start, stop):
        value = 10 * value + data[place] - 0x30 if data[place] != _DOT else 0
        if value > _HIGHEST_SECTION:
            return False
    at = stop
    while at < end and data[at] in (0x09, _SPACE):
        at += 1
    return stop < at < end and 0x41 <= data[at] <= 0x5A


@leaf
def _behind_word(data: Bytes, text: int, start: int, words: tuple[Names, Names]) -> bool:
    at = _blanks_start(data, text, start)
    length = _word_before(data, text, at, words[1])
    if length:
        at = _blanks_start(data, text, at - length)
    return _word_before(data, text, at, words[0]) > 0


@leaf
def _blanks_start(data: Bytes, text: int, at: int) -> int:
    """Return where blanks and signs begin that may stand between a word and its number."""
    lowest = max(text, at - _LONGEST_GAP)
    while at > lowest:
        byte = data[at - 1]
        if byte == 0xA0 and at - 1 > lowest and data[at - 2] == 0xC2:
            at -= 2
        elif byte in (_SPACE, 0x09, _DOT, 0x3A, 0x23, 0x3D, 0x28, 0x5B, 0x22, 0x27, 0x2A, 0x60, _MORE):
            at -= 1
        else:
            break
    return at


@leaf
def _word_before(data: Bytes, text: int, end: int, words: Names) -> int:
    """Return the length of the word of a list that ends at a byte; 0 where there is none.

    A word that begins with an ASCII letter begins where no letter or digit stands before it.
    """
    for word in range(len(words.offsets) - 1):
        first, last = words.offsets[word], words.offsets[word + 1]
        start = end - (last - first)
        if start < text:
            continue
        place = 0
        while place < last - first and lower_byte(data[start + place]) == words.data[first + place]:
            place += 1
        inside = start > text and words.data[first] < 0x80 and (is_word(data[start - 1]) or data[start - 1] >= 0x80)
        if place == last - first and not inside:
            return int(end - start)
    return 0
