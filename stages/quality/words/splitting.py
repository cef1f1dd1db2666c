"""What a word is where rules count words: the splitters, and words of dictionaries for scripts without spaces.

- `spacy`: tokens as spaCy's English rules cut them, which FineWeb's code counts (`spacy_kernels`);
- `unicode`, `whitespace`: as everywhere (`prep.corpus.text.words`).

Chinese, Japanese, Thai, Lao, Khmer and Burmese have no spaces between words (`Unspaced`). Their letters are words, or
runs of their characters are cut into words by ICU's dictionaries (Viterbi over word frequencies for Chinese and
Japanese, greedy longest matches for the others), through the package icu4py. Each run is cut by itself, so that its
words depend on nothing around it.
"""

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Literal, NamedTuple

import numpy as np

from prep.corpus.arrow.columns import Bytes, Offsets
from prep.corpus.errors import Problem
from prep.corpus.text.words import Positions, word_table
from prep.stages.quality.words.dictionary_kernels import (
    copy_runs,
    find_runs,
    mark_runs,
    mark_words,
    script_table,
)
from prep.stages.quality.words.frequency_kernels import split_all
from prep.stages.quality.words.spacy_kernels import token_table
from prep.stages.quality.words.token_kernels import Tables

WordSplitter = Literal["spacy", "unicode", "whitespace"]
Unspaced = Literal["letters", "dictionary", "spaces"]
"""What a word is in scripts without spaces: a letter as by Unicode's rules, a word of a dictionary, or, as to the
splitter `spacy`, what stands between white space."""
PACKAGE = "icu4py"


class Words(NamedTuple):
    """What a word is, as in the options of the stage `signals`."""

    splitter: WordSplitter
    unspaced: Unspaced = "letters"


_LOCALE = "en"  # dictionaries are those of the characters, whatever the locale
_NONE = np.empty(0, np.uint8)


def tables(splitter: WordSplitter) -> Tables:
    """Return what kernels need to follow a splitter; Unicode's words beside spaCy's tokens."""
    return Tables(word_table("unicode" if splitter == "spacy" else splitter), token_table(), splitter == "spacy")


def find_unspaced(data: Bytes, offsets: Offsets, words: Words) -> Bytes:
    """Return where texts have no spaces and what ICU's dictionaries find there, for kernels; empty where none asks."""
    if words.unspaced == "spaces" or (words.unspaced == "letters" and words.splitter != "spacy"):
        return _NONE
    starts, ends = find_runs(data, offsets, script_table())
    if not len(starts):
        return _NONE
    if words.unspaced == "letters":
        return mark_runs(data, starts, ends)
    return mark_words(data, starts, ends, _word_ends(copy_runs(data, starts, ends).tobytes().decode()))


def _word_ends(text: str) -> Positions:
    """Return where words end, in units of UTF-16."""
    from icu4py.breakers import WordBreaker

    return np.fromiter((end for _, end in WordBreaker(text, _LOCALE).segments()), np.int64)


def word_problems(words: Words) -> Iterator[Problem]:
    """Find dictionaries that are asked for where they cannot work."""
    if words.unspaced == "dictionary" and words.splitter == "whitespace":
        yield Problem("words between white space are not cut by dictionaries", ("unspaced",), hint="take it out")
    elif words.unspaced == "dictionary" and find_spec(PACKAGE) is None:
        hint = "pip install 'corpus-prep[dictionaries]'"
        yield Problem("words of dictionaries need the package icu4py", ("unspaced",), hint=hint)


def dictionary_identity(words: Words) -> dict[str, object]:
    """Return what decides words of dictionaries: the package's version, which holds ICU and its data."""
    if words.unspaced != "dictionary":
        return {}
    try:
        return {"dictionary": [PACKAGE, version(PACKAGE)]}
    except PackageNotFoundError:
        return {"dictionary": [PACKAGE, "none"]}


def words_of(text: str, splitter: WordSplitter, unspaced: Unspaced = "letters") -> list[str]:
    """Return the words of a text: for checks and tests, not for hot paths."""
    data = np.frombuffer(text.encode(), np.uint8)
    offsets = np.array([0, len(data)], np.int64)
    joins = find_unspaced(data, offsets, Words(splitter, unspaced))
    starts, ends = split_all(data, offsets, tables(splitter), joins)
    return [bytes(data[begin:end]).decode() for begin, end in zip(starts.tolist(), ends.tolist(), strict=True)]
