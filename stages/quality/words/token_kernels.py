"""The words that rules count: tokens of spaCy's rules, or words of Unicode's or of white space.

Text is cut at white space, and each piece by spaCy's rules (`spacy_kernels`); what holds characters of scripts without
spaces is cut by Unicode's, and into words of dictionaries where they were asked. Cost: O(bytes).
"""

from typing import NamedTuple

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import inner, leaf
from prep.corpus.text.utf8 import decode
from prep.corpus.text.words import LETTERS, SPACE, SYMBOLS, Positions, split_words
from prep.stages.quality.words.dictionary_kernels import INSIDE, join_words
from prep.stages.quality.words.spacy_kernels import LETTER, Codes, cut_piece


class Tables(NamedTuple):
    """What decides where words begin and end."""

    words: Bytes
    """`word_table` of Unicode's rules or of white space."""
    tokens: Bytes
    """`token_table`."""
    by_tokens: bool
    """Whether the words that rules count are tokens."""


@inner
def split_tokens(
    data: Bytes,
    start: int,
    end: int,
    tables: Tables,
    joins: Bytes,
    codes: Codes,
    starts: Positions,
    ends: Positions,
    kinds: Bytes,
) -> int:
    """Find the tokens of the UTF-8 text `data[start:end]` as `split_words` finds words, and return how many there are.

    Kinds are LETTERS and SYMBOLS, which is all without a letter. `codes` takes a code point for each byte of the text.
    What stands between white space and holds characters of scripts without spaces (`joins`) is cut by Unicode's rules,
    and into words of dictionaries where they were asked.
    """
    table = tables.tokens
    count = 0
    at = start
    while at < end:
        begin, size = at, 0
        listed = False
        while at < end:
            code, after = decode(data, at, end)
            if table[code] & SPACE:
                break
            listed |= len(joins) > 0 and joins[at] & INSIDE > 0
            codes[size] = code
            size += 1
            at = after
        if listed:
            words = split_words(data, begin, at, tables.words, starts[count:], ends[count:], kinds[count:])
            count += join_words(joins, words, starts[count:], ends[count:], kinds[count:])
        elif size:
            found = cut_piece(codes, size, table, starts, ends, count)
            _place(data, begin, at, codes, table, starts, ends, kinds, count, found)
            count = found
        if at < end:
            _, at = decode(data, at, end)
    return count


@leaf
def _place(
    data: Bytes,
    at: int,
    end: int,
    codes: Codes,
    table: Bytes,
    starts: Positions,
    ends: Positions,
    kinds: Bytes,
    known: int,
    count: int,
) -> None:
    """Make places in bytes of the tokens' places in code points, which cover a piece from its beginning at `at`."""
    for token in range(known, count):
        first, last = starts[token], ends[token]
        starts[token] = at
        letters = 0
        for place in range(first, last):
            letters |= table[codes[place]] & LETTER
            _, at = decode(data, at, end)
        ends[token] = at
        kinds[token] = LETTERS if letters else SYMBOLS


@inner
def split_counted(
    data: Bytes,
    start: int,
    end: int,
    tables: Tables,
    joins: Bytes,
    codes: Codes,
    starts: Positions,
    ends: Positions,
    kinds: Bytes,
) -> int:
    """Find the words that rules count, as the splitter gives them, and return how many there are."""
    if tables.by_tokens:
        return split_tokens(data, start, end, tables, joins, codes, starts, ends, kinds)
    return join_words(joins, split_words(data, start, end, tables.words, starts, ends, kinds), starts, ends, kinds)
