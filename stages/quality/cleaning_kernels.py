"""The cleaning of C4: lines are dropped and citation marks stripped; and counts of the text that is left.

Source: Raffel et al. 2020, "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer",
section 2.2, and the code that made the data set. Phrases are sought without regard to the case of ASCII letters.
Cost: a few passes over the bytes, O(bytes).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes, Offsets, longest_row
from prep.corpus.kernels import inner, kernel, leaf
from prep.corpus.text.characters import DECIMAL
from prep.corpus.text.sentences import count_sentences
from prep.corpus.text.utf8 import decode, find_byte, find_line_end
from prep.corpus.text.words import SPACE, trim
from prep.stages.quality.signals.line_kernels import FILLED_LINES, count_byte, count_filled_lines
from prep.stages.quality.signals.piece_kernels import room_for_pieces
from prep.stages.quality.words.token_kernels import Tables, split_counted

Counts = npt.NDArray[np.int64]

LOREM_IPSUM, JAVASCRIPT, POLICY = 1, 2, 4
"""Bits of what a phrase means for its line."""

CLEANED = (
    *("bytes", "dropped_lines", "lorem_ipsum_lines", "curly_bracket_lines", "sentences", "words"),
    *FILLED_LINES,
)
"""Columns of the counts of `clean_lines`."""
_BYTES, _DROPPED_LINES, _LOREM_IPSUM_LINES, _CURLY_BRACKET_LINES, _SENTENCES, _WORDS, _AFTER_WORDS = range(7)

_EDIT = np.frombuffer(b"[edit]", np.uint8)
_CITATION_NEEDED = np.frombuffer(b"[citation needed]", np.uint8)
_NEWLINE, _OPEN, _CLOSE, _BRACE = 0x0A, 0x5B, 0x5D, 0x7B


class Phrases(NamedTuple):
    """Phrases in lower-case ASCII, of three letters or more.

    `firsts[k][b]` is the set (bits) of phrases whose letter k is the byte b in either case; a place in the text
    where the sets of three letters share nothing begins no phrase.
    """

    firsts: npt.NDArray[np.uint16]
    letters: Bytes
    lengths: npt.NDArray[np.int64]
    meanings: npt.NDArray[np.int64]


def phrases(meanings: dict[str, int]) -> Phrases:
    """Build the tables for up to sixteen phrases and what each means."""
    firsts = np.zeros((3, 256), np.uint16)
    letters = np.zeros((len(meanings), max(map(len, meanings))), np.uint8)
    for index, phrase in enumerate(meanings):
        letters[index, : len(phrase)] = np.frombuffer(phrase.encode("ascii"), np.uint8)
        for place in range(3):
            for byte in (phrase[place].lower(), phrase[place].upper()):
                firsts[place, ord(byte)] |= 1 << index
    return Phrases(firsts, letters, np.array([len(phrase) for phrase in meanings]), np.array(list(meanings.values())))


class LineRules(NamedTuple):
    """Which lines `clean_lines` drops; −1 switches a number off."""

    max_word_length: int
    min_words: int
    citations: bool
    terminal: bool
    dropping: int
    """Bits of the phrases that drop a line."""


@kernel
def clean_lines(
    data: Bytes,
    offsets: Offsets,
    characters: Bytes,
    sentences: Bytes,
    phrases: Phrases,
    rules: LineRules,
    short_line: int,
) -> tuple[Bytes, Offsets, Counts]:
    """Return the cleaned documents as bytes and offsets, and the counts named in CLEANED (int64, documents × 12).

    Words are left to `count_split`. Takes `character_table` and `sentence_table`.
    """
    rows = len(offsets) - 1
    out = np.empty(offsets[rows] - offsets[0], np.uint8)
    out_offsets = np.zeros(rows + 1, np.int64)
    counts = np.zeros((rows, len(CLEANED)), np.int64)
    capacity = 16
    pieces = room_for_pieces(capacity)
    for row in range(rows):
        begin = out_offsets[row]
        count = counts[row]
        end = _clean(data, offsets[row], offsets[row + 1], characters, sentences, phrases, rules, out, begin, count)
        first, last = trim(out, begin, end, characters)
        if begin < first:
            for index in range(first, last):
                out[begin + index - first] = out[index]
        end = begin + last - first
        out_offsets[row + 1] = end
        count[_BYTES] = end - begin
        needed = count_byte(out, begin, end, _NEWLINE) + 1
        if needed > capacity:
            capacity = max(needed, 2 * capacity)
            pieces = room_for_pieces(capacity)
        count_filled_lines(out, begin, end, characters, short_line, pieces, count[_AFTER_WORDS:])
    return out, out_offsets, counts


@kernel
def count_split(data: Bytes, offsets: Offsets, tables: Tables, joins: Bytes, counts: Counts) -> None:
    """Write the words of cleaned documents to their counts; takes what `tables` and `find_unspaced` return."""
    largest = longest_row(offsets)
    codes = np.empty(largest, np.int32)
    starts = np.empty(largest, np.int64)
    ends = np.empty(largest, np.int64)
    kinds = np.empty(largest, np.uint8)
    for row in range(len(offsets) - 1):
        found = split_counted(data, offsets[row], offsets[row + 1], tables, joins, codes, starts, ends, kinds)
        counts[row, _WORDS] = found


@inner
def _clean(
    data: Bytes,
    start: int,
    end: int,
    characters: Bytes,
    sentences: Bytes,
    phrases: Phrases,
    rules: LineRules,
    out: Bytes,
    begin: int,
    counts: Counts,
) -> int:
    """Write the lines that stay to `out[begin:]`, and return where they end.

    Lines that would reject a document are counted where C4 looks for them: "lorem ipsum" before lines with
    "javascript" are dropped, `{` before those about policies are.
    """
    written = begin
    following = start
    while following < end:
        at = following
        stop, following = find_line_end(data, at, end)
        first, last = trim(data, at, stop, characters)
        counts[_DROPPED_LINES] += 1
        if rules.max_word_length >= 0 and _has_long_word(data, first, last, characters, rules.max_word_length):
            continue
        # A line that stays is written behind a newline; what came before it in the text was at least as long.
        line = written + 1 if written > begin else written
        line_end = _copy_line(data, first, last, characters, rules.citations, out, line)
        if rules.terminal and not _ends_in_terminal(out, line, line_end):
            continue
        if not _has_words(data, first, last, characters, rules.min_words):
            continue
        found = _find_phrases(out, line, line_end, phrases)
        counts[_LOREM_IPSUM_LINES] += found & LOREM_IPSUM != 0
        if found & rules.dropping & JAVASCRIPT:
            continue
        counts[_CURLY_BRACKET_LINES] += find_byte(out, line, line_end, _BRACE) < line_end
        if found & rules.dropping:
            continue
        counts[_DROPPED_LINES] -= 1
        counts[_SENTENCES] += count_sentences(out, line, line_end, sentences)
        if line > written:
            out[written] = _NEWLINE
        written = line_end
    return written


@leaf
def _has_words(data: Bytes, at: int, end: int, characters: Bytes, words: int) -> bool:
    """Return whether white space separates at least so many words."""
    behind_space = True
    while at < end and words > 0:
        code, at = decode(data, at, end)
        space = characters[code] & SPACE != 0
        words -= behind_space and not space
        behind_space = space
    return words <= 0


@leaf
def _has_long_word(data: Bytes, at: int, end: int, characters: Bytes, longest: int) -> bool:
    """Return whether a word has more code points than the longest allowed."""
    length = 0
    if end - at > longest:
        while at < end and length <= longest:
            code, at = decode(data, at, end)
            length = 0 if characters[code] & SPACE else length + 1
    return length > longest


@leaf
def _copy_line(data: Bytes, at: int, end: int, characters: Bytes, citations: bool, out: Bytes, to: int) -> int:
    """Copy a line, without citation marks where asked, and return where the copy ends."""
    while at < end:
        mark = find_byte(data, at, end, _OPEN) if citations else end
        while at < mark:
            out[to] = data[at]
            at += 1
            to += 1
        if at < end:
            behind = _citation_end(data, at, end, characters)
            if behind == at:
                out[to] = data[at]
                behind += 1
                to += 1
            at = behind
    return to


@leaf
def _citation_end(data: Bytes, start: int, end: int, characters: Bytes) -> int:
    """Return where a citation mark that begins at `start` ends: `[12]`, `[]`, `[edit]`, `[citation needed]`."""
    at = start + 1
    while at < end:
        code, after = decode(data, at, end)
        if not characters[code] & DECIMAL:
            break
        at = after
    if at < end and data[at] == _CLOSE:
        return at + 1
    if _matches(data, start, end, _EDIT):
        return start + len(_EDIT)
    if _matches(data, start, end, _CITATION_NEEDED):
        return start + len(_CITATION_NEEDED)
    return start


@leaf
def _matches(data: Bytes, at: int, end: int, text: Bytes) -> bool:
    equal = at + len(text) <= end
    index = 0
    while equal and index < len(text):
        equal = data[at + index] == text[index]
        index += 1
    return bool(equal)


@leaf
def _ends_in_terminal(line: Bytes, start: int, end: int) -> bool:
    """Return whether a line ends in one of `. ? ! " '`, but not in three full stops."""
    if start == end:
        return False
    last = line[end - 1]
    dots = end - start >= 3 and last == line[end - 2] == line[end - 3] == 0x2E
    return last in (0x2E, 0x3F, 0x21, 0x22, 0x27) and not dots


@leaf
def _find_phrases(line: Bytes, start: int, end: int, phrases: Phrases) -> int:
    """Return the meanings of all phrases in a line, combined."""
    found = 0
    for at in range(start, end - 2):
        begun = phrases.firsts[0, line[at]] & phrases.firsts[1, line[at + 1]] & phrases.firsts[2, line[at + 2]]
        if begun:
            for index in range(len(phrases.lengths)):
                if (begun >> index) & 1 and _matches_lower(line, at, end, phrases, index):
                    found |= phrases.meanings[index]
    return found


@leaf
def _matches_lower(line: Bytes, at: int, end: int, phrases: Phrases, index: int) -> bool:
    equal = at + phrases.lengths[index] <= end
    place = 3
    while equal and place < phrases.lengths[index]:
        byte = line[at + place]
        equal = (byte | 0x20 if 0x41 <= byte <= 0x5A else byte) == phrases.letters[index, place]
        place += 1
    return bool(equal)
