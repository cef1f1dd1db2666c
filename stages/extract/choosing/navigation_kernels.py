"""Leaves out lines that lead to other pages: "Next: …, Previous: …, Up: …", `[Top] [Contents]`, Prev | Home | Next.

A line is a block of at most `_LONGEST` words, or those of a table's row up to a table in it. It leads elsewhere where
every word outside of its links is one that such lines use, and at least two things in it name a place: a word outside
of links (one before a colon is enough), or a link that has only such words. Titles of pages in other links do not
matter. Headings and code are no such lines. The words are English and those of some other languages, as generators of
documentation write them.
Cost: linear in the text of the kept blocks that have links.
"""

from typing import Final, NamedTuple

import numpy as np

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import inner, kernel, leaf
from prep.stages.extract.features.vocabulary_kernels import group_of, word_groups, word_table
from prep.stages.extract.html.attribute_kernels import attribute_range
from prep.stages.extract.html.block_kernels import Blocks, Runs
from prep.stages.extract.html.element_kernels import inside, name_hash, number
from prep.stages.extract.html.nesting_kernels import Elements, Integers
from prep.stages.extract.writing.render_kernels import around
from prep.stages.extract.writing.spacing_kernels import Booleans


def _capital(word: str) -> str:
    return word if word[0].isascii() else word[0].upper() + word[1:]


LINE_WORDS: Final = word_groups("""
direction: next previous prev up node nächste nächster nächstes weiter vorherige vorheriger vorheriges zurück aufwärts
    suivant suivante précédent précédente monter siguiente anterior arriba subir successivo successiva precedente
    próximo próxima acima volgende vorige omhoog следующий следующая предыдущий предыдущая вверх далее назад
    następny następna poprzedni poprzednia 次 前 次へ 前へ 上 上へ 下一页 上一页 下一頁 上一頁 다음 이전 위로
place: top home contents toc page article index start end first last back forward overview inhalt inhaltsverzeichnis
    startseite übersicht sommaire accueil retour índice indice inicio contenido contenidos início conteúdo inhoud
    содержание оглавление наверх главная spis indeks 目次 索引 目录 目錄 返回 首页 차례 목차 찾아보기
other: table of the to this and on in pages chapter chapters section part book manual documentation return go goto jump
    fast backward backwards title document level main
    kapitel seite abschnitt teil chapitre partie capítulo página sección
    capitolo pagina sezione hoofdstuk глава раздел страница des matières de la
""")
"""Words by group; those that begin with a letter beyond ASCII are known with a capital too."""
_KEYS, _VALUES = word_table(
    {
        group: tuple(dict.fromkeys(form for word in words for form in (word, _capital(word))))
        for group, words in LINE_WORDS.items()
    }
)
_DIRECTION, _PLACE, _OTHER = range(3)
_LONGEST: Final = 60
_FEWEST: Final = 2
"""Places that a line names at least."""
_A, _TR, _TABLE = (number(name) for name in ("a", "tr", "table"))
_LINK, _ROW = inside("a"), inside("tr")
_FIXED: Final = inside("pre h1 h2 h3 h4 h5 h6")
NOWHERE, INTO_PAGE, ELSEWHERE = range(3)
_HREF: Final = name_hash(b"href")
_HASH: Final = 35
_COLON: Final = 58
_WORD: Final = 0xFFFFFFFF
_IS_LETTER: Final = np.array([byte >= 0x80 or chr(byte).isalpha() for byte in range(256)])


class _Line(NamedTuple):
    """What a part of a line says."""

    links: int
    places: int
    is_free: bool
    """Whether a word outside of the links is one that such lines do not use."""


@kernel
def navigation_lines(
    text: Bytes, elements: Elements, blocks: Blocks, runs: Runs, words: Integers, kept: Booleans
) -> Booleans:
    """Return which of the kept blocks are lines that lead elsewhere, or stand in such a row."""
    count = len(kept)
    found = np.zeros(count, np.bool_)
    block = 0
    while block < count:
        last = block + 1
        in_row = elements.inside[blocks.element[block]] & _ROW != 0
        row = around(elements, blocks.element[block], _TR, _TABLE) if in_row else 0
        if row > 0 and elements.kind[row] == _TR:
            while last < count and around(elements, blocks.element[last], _TR, _TABLE) == row:
                last += 1
        if _leads_elsewhere(text, elements, blocks, runs, words, kept, block, last):
            found[block:last] = kept[block:last]
        block = last
    return found


@inner
def _leads_elsewhere(
    text: Bytes,
    elements: Elements,
    blocks: Blocks,
    runs: Runs,
    words: Integers,
    kept: Booleans,
    first: int,
    last: int,
) -> bool:
    links, places, size = 0, 0, 0
    for block in range(first, last):
        if not kept[block]:
            continue
        size += words[block]
        if size > _LONGEST or elements.inside[blocks.element[block]] & _FIXED != 0:
            return False
        line = _read_line(text, elements, blocks, runs, block)
        if line.is_free:
            return False
        links += line.links
        places += line.places
    return links > 0 and places >= _FEWEST


@inner
def _read_line(text: Bytes, elements: Elements, blocks: Blocks, runs: Runs, block: int) -> _Line:
    links, places = 0, 0
    link, names_place, has_title = 0, False, False
    for run in range(blocks.run[block], blocks.run[block + 1]):
        around_ = link_around(elements, runs.element[run])
        if around_ != link:
            places += names_place and not has_title
            link, names_place, has_title = around_, False, False
            links += link > 0
        start = runs.start[run]
        end = runs.start[run + 1] if run + 1 < blocks.run[block + 1] else blocks.end[block]
        word, at = _next_word(text, start, end)
        while word != 0:
            group = group_of(_KEYS, _VALUES, word)
            if link > 0:
                names_place |= group in (_DIRECTION, _PLACE)
                has_title |= group < 0
            elif group < 0:
                return _Line(links, places, True)
            elif group != _OTHER:
                places += _FEWEST if group == _DIRECTION and at < end and text[at] == _COLON else 1
            word, at = _next_word(text, at, end)
    places += names_place and not has_title
    return _Line(links, places, False)


@leaf
def link_around(elements: Elements, element: int) -> int:
    """Return the innermost link that an element is or stands in; 0 for none."""
    return around(elements, element, _A, _A) if elements.inside[element] & _LINK != 0 else 0


@leaf
def leads(page: Bytes, tag: int) -> int:
    """Return whether a link, given by where its tag's attributes begin, leads to a part of its page or to another."""
    start, end = attribute_range(page, tag, _HREF)
    if end <= start:
        return NOWHERE
    return ELSEWHERE if page[start] != _HASH else INTO_PAGE if end > start + 1 else NOWHERE


@leaf
def is_label(text: Bytes, start: int, end: int) -> bool:
    """Return whether a text has only words of such lines, one of which names a place: "Table of Contents"."""
    names_place = False
    word, at = _next_word(text, start, end)
    while word != 0:
        group = group_of(_KEYS, _VALUES, word)
        if group < 0:
            return False
        names_place |= group == _PLACE
        word, at = _next_word(text, at, end)
    return names_place


@leaf
def _next_word(text: Bytes, at: int, end: int) -> tuple[int, int]:
    """Return the hash of the next word, 0 for none, and the byte behind it."""
    word = 0
    while at < end:
        byte = int(text[at])
        length = sign_bytes(text, at, end)
        if length == 0 and _IS_LETTER[byte]:
            word = (word * 31 + (byte | 32 if byte < 0x80 else byte)) & _WORD
            at += 1
        elif word != 0:
            break
        else:
            at += max(1, length)
    return word, at


@leaf
def sign_bytes(text: Bytes, at: int, end: int) -> int:
    """Return how many bytes a sign beyond ASCII has that is no letter, such as « or →; 0 for anything else."""
    byte = text[at] if at < end else 0
    if byte == 0xC2:
        return 2
    if byte == 0xE2 or (byte == 0xE3 and at + 1 < end and text[at + 1] == 0x80):
        return 3
    return 0
