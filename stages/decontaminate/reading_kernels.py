r"""Reading text as what it stands for where it is written in an encoded form, as numba kernels.

Evaluation items are quoted inside JSON, source code, HTML and LaTeX, or broken across lines. A reading writes a text
anew, byte for byte what it stands for, with the place of each byte in the text as it is; words are found in what was
written. As a backslash has several meanings, a text with one is read in three ways, and the best of them counts:

- LATEX: `\frac` and other commands are marks like any other, commands for Greek letters are these letters, `\sin` is a
  word, and `\begin{…}` and `\end{…}` go with their braces.
- ESCAPED: a single backslash with n, t or r is white space, as in a string of JSON or source code; two or more
  backslashes begin a LaTeX command, as `\\frac` does in such a string.
- NESTED: any number of backslashes with n, t or r is white space, as in JSON within JSON.

In all of them, `\uXXXX` (pairs of surrogates too), `\u{…}`, `\UXXXXXXXX`, `\xXX` and character references of HTML are
the characters that they stand for. Three more readings are for other signs: JOINED puts words together that a hyphen
breaks at a line's end, QUOTED reads `%20` and `%E4%B8%AD` as in URLs, and NUMBERED leaves out the numbers of lines that
are numbered one after the other, as in a listing of code.
A byte becomes at most one byte. Only the stretches of a text are read that hold such signs. Cost: about 3 ns per byte
of these and reading.
"""

from html.entities import html5
from typing import NamedTuple

import numpy as np

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import kernel, leaf
from prep.corpus.text.hashing import find_slot, hash_bytes, table_size
from prep.corpus.text.utf8 import decode, find_byte, write_code_point
from prep.stages.decontaminate.folding_kernels import Hashes, Ints, Positions

LATEX, ESCAPED, NESTED, JOINED, QUOTED, NUMBERED = 1, 2, 3, 4, 5, 6
"""Readings; 0 is the text as it is."""
DROPPED, KEPT = 0, -1
"""What a command stands for, beside code points: a mark, or its own name."""
_GREEK = (
    *(
        "alpha",
        "beta",
        "gamma",
        "delta",
        "epsilon",
        "zeta",
        "eta",
        "theta",
        "iota",
        "kappa",
        "lambda",
        "mu",
        "nu",
        "xi",
    ),
    *("omicron", "pi", "rho", "", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega"),
)
_VARIANTS = {
    "varepsilon": "ε",
    "vartheta": "θ",
    "varpi": "π",
    "varrho": "ρ",
    "varsigma": "ς",
    "varphi": "φ",
    "ell": "l",
}
_FUNCTIONS = (
    *(
        "sin",
        "cos",
        "tan",
        "cot",
        "sec",
        "csc",
        "sinh",
        "cosh",
        "tanh",
        "arcsin",
        "arccos",
        "arctan",
        "log",
        "ln",
        "lg",
    ),
    *("exp", "lim", "max", "min", "sup", "inf", "det", "dim", "gcd", "deg", "arg", "ker", "hom", "mod", "bmod", "pmod"),
)
_BEGIN, _END = -2, -3
_REFERENCE_BYTES = 32
_ENVIRONMENT_BYTES = 32
_LINE_BYTES = 500
"""Bytes of a line within which the number of the line before or after is looked for."""
_BACKSLASH, _AMPERSAND, _HASH, _SEMICOLON, _BLANK, _NEWLINE, _RETURN, _TAB = (ord(mark) for mark in "\\&#; \n\r\t")
_OPEN, _CLOSE, _HYPHEN, _SMALL_X, _SMALL_U, _LARGE_U = (ord(mark) for mark in "{}-xuU")
_SMALL_N, _SMALL_T, _SMALL_R, _BAR, _PERCENT = (ord(mark) for mark in "ntr|%")
_SOFT_HYPHEN, _UNICODE_HYPHEN = 0xAD, 0x2010
_LAST = 0x10FFFF
_SEED = np.uint64(0)


class Names(NamedTuple):
    """What names stand for: a hash table, and the code point of each slot, or one of the values above."""

    keys: Hashes
    codes: Ints


class Vocabulary(NamedTuple):
    """Names of LaTeX commands and of HTML's character references."""

    commands: Names
    references: Names


def vocabulary() -> Vocabulary:
    """Return the names that are read."""
    commands = {name: ord("α") + place for place, name in enumerate(_GREEK) if name}
    commands |= {name.capitalize(): ord("Α") + place for place, name in enumerate(_GREEK) if name}
    commands |= {name: ord(letter) for name, letter in _VARIANTS.items()}
    commands |= dict.fromkeys(_FUNCTIONS, KEPT) | {"begin": _BEGIN, "end": _END}
    references = {name[:-1]: ord(text) for name, text in html5.items() if name.endswith(";") and len(text) == 1}
    return Vocabulary(_names(commands), _names(references))


def _names(codes: dict[str, int]) -> Names:
    keys, values = np.zeros(table_size(len(codes)), np.uint64), np.zeros(table_size(len(codes)), np.int32)
    for name, code in codes.items():
        data = np.frombuffer(name.encode(), np.uint8)
        _enter(keys, values, data, code)
    keys.flags.writeable = values.flags.writeable = False
    return Names(keys, values)


@kernel
def _enter(keys: Hashes, codes: Ints, name: Bytes, code: int) -> None:
    key = hash_bytes(name, 0, len(name), _SEED) | np.uint64(1)
    slot = find_slot(keys, len(keys), key)
    keys[slot] = key
    codes[slot] = code


@leaf
def _look_up(names: Names, data: Bytes, start: int, end: int) -> int:
    """Return what a name stands for, DROPPED where it is unknown."""
    key = hash_bytes(data, start, end, _SEED) | np.uint64(1)
    slot = find_slot(names.keys, len(names.keys), key)
    return int(names.codes[slot]) if names.keys[slot] == key else DROPPED


@leaf
def first_sign(data: Bytes, start: int, at: int, end: int, reading: int) -> int:
    """Return where the next sign begins, at `at` or later, that a reading looks for; `end` where there is none.

    `start` is where the text begins.
    """
    if reading in (JOINED, NUMBERED):
        while True:
            at = find_byte(data, at, end, _NEWLINE)
            if at == end:
                return at
            if reading == NUMBERED and _after_number(data, start, at, end) > at:
                return at
            if reading == JOINED and at > start and _ends_broken(data, start, at):
                return at
            at += 1
    if reading == QUOTED:
        at = find_byte(data, at, end, _PERCENT)
        while at < end and _hexadecimal(data, at + 1, end, 2, 2)[0] < 0:
            at = find_byte(data, at + 1, end, _PERCENT)
        return at
    backslash = find_byte(data, at, end, _BACKSLASH)
    return min(backslash, find_byte(data, at, backslash, _AMPERSAND)) if reading == LATEX else backslash


@leaf
def _ends_broken(data: Bytes, start: int, at: int) -> bool:
    """Return whether a line that ends before `at` ends with any hyphen."""
    before = at - 1 if data[at - 1] != _RETURN else at - 2
    if before < start:
        return False
    if data[before] == _HYPHEN:
        return True
    if before > start and data[before] == 0xAD and data[before - 1] == 0xC2:
        return True
    return before > start + 1 and data[before] == 0x90 and data[before - 1] == 0x80 and data[before - 2] == 0xE2


@leaf
def next_window(data: Bytes, start: int, at: int, end: int, reading: int, margin: int) -> tuple[int, int]:
    """Return the next stretch of a text, from `at` on, that a reading may change, with so many bytes around it.

    It begins and ends with the text, or beside white space where there is some nearby. Empty where nothing is left.
    """
    sign = first_sign(data, start, at, end, reading)
    if sign == end:
        return end, end
    begin, last = max(at, sign - margin), sign
    while sign < end and sign - last <= 2 * margin:
        last = sign
        sign = first_sign(data, start, sign + 1, end, reading)
    stop = min(end, last + margin)
    while begin > at and data[begin - 1] > _BLANK:
        begin -= 1
    while stop < end and data[stop] > _BLANK:
        stop += 1
    return begin, stop


@kernel
def read(
    data: Bytes, start: int, end: int, reading: int, vocabulary: Vocabulary, text: Bytes, origins: Positions
) -> int:
    """Write what a text stands for in a reading, and return how many bytes that is.

    `origins[k]` is the place in `data` of byte k of `text`, and one more entry holds the end.
    """
    length = 0
    at = start
    while at < end:
        begin, code, copied = at, -1, False
        if reading == JOINED:
            code, at, copied = _joined(data, start, at, end)
        elif reading == QUOTED:
            code, at, copied = _quoted(data, at, end)
        elif reading == NUMBERED:
            after = _after_number(data, start, at, end) if data[at] == _NEWLINE else at
            code, at, copied = _NEWLINE, max(after, at + 1), after == at
        elif data[at] == _BACKSLASH:
            code, at, copied = _escape(data, at, end, reading, vocabulary.commands)
        elif data[at] == _AMPERSAND:
            code, at, copied = _reference(data, at, end, vocabulary.references)
        else:
            copied, at = True, at + 1
        if copied:
            text[length] = data[begin]
            origins[length] = begin
            length += 1
        elif code >= 0:
            after = write_code_point(text, length, code)
            origins[length:after] = begin
            length = after
    origins[length] = end
    return length


@leaf
def _escape(data: Bytes, at: int, end: int, reading: int, commands: Names) -> tuple[int, int, bool]:
    """Return the character that an escape or command at `at` stands for, what follows it, and whether it is text."""
    first = at
    while at < end and data[at] == _BACKSLASH:
        at += 1
    if at == end:
        return _BLANK, at, False
    code, after = _code_point(data, at, end)
    if code >= 0:
        return code, after, False
    white = data[at] == _SMALL_N or data[at] == _SMALL_T or data[at] == _SMALL_R
    if white and (reading == NESTED or (reading == ESCAPED and at == first + 1)):
        return _NEWLINE, at + 1, False
    after = at
    while after < end and _is_letter(data[after]):
        after += 1
    if after == at:
        return _BLANK, at, False
    code = _look_up(commands, data, at, after)
    if code == KEPT:
        return _BLANK, at, False
    if code > DROPPED:
        while after < end and data[after] == _BLANK:
            after += 1
        return code, after, False
    if code != DROPPED and after < end and data[after] == _OPEN:
        last = min(end, after + _ENVIRONMENT_BYTES)
        closing = after
        while closing < last and data[closing] != _CLOSE:
            closing += 1
        after = closing + 1 if closing < last else after
    return _BLANK, after, False


@leaf
def _code_point(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """Return the character that `uXXXX`, `u{…}`, `UXXXXXXXX` or `xXX` at `at` stands for, −1 for none, and its end."""
    if data[at] == _SMALL_X:
        code, after = _hexadecimal(data, at + 1, end, 2, 2)
    elif data[at] == _LARGE_U:
        code, after = _hexadecimal(data, at + 1, end, 8, 8)
    elif data[at] == _SMALL_U and at + 1 < end and data[at + 1] == _OPEN:
        code, after = _hexadecimal(data, at + 2, end, 1, 6)
        code = code if after < end and data[after] == _CLOSE else -1
        after += 1
    elif data[at] == _SMALL_U:
        code, after = _hexadecimal(data, at + 1, end, 4, 4)
        if 0xD800 <= code < 0xDC00:
            low, following = _low_surrogate(data, after, end)
            if low >= 0:
                return 0x10000 + ((code - 0xD800) << 10) + low - 0xDC00, following
    else:
        return -1, at
    return (code if _is_character(code) else -1), after


@leaf
def _low_surrogate(data: Bytes, at: int, end: int) -> tuple[int, int]:
    first = at
    while at < end and data[at] == _BACKSLASH:
        at += 1
    if at in (first, end) or data[at] != _SMALL_U:
        return -1, at
    code, after = _hexadecimal(data, at + 1, end, 4, 4)
    return (code if 0xDC00 <= code < 0xE000 else -1), after


@leaf
def _hexadecimal(data: Bytes, at: int, end: int, least: int, most: int) -> tuple[int, int]:
    """Return a number of so many digits and where it ends; −1 where there are fewer."""
    number = 0
    first = at
    while at < end and at - first < most:
        byte = data[at] | 0x20
        if 0x30 <= data[at] <= 0x39:
            digit = int(data[at]) - 0x30
        elif 0x61 <= byte <= 0x66:
            digit = int(byte) - 0x57
        else:
            break
        number = 16 * number + digit
        at += 1
    return (number if at - first >= least else -1), at


@leaf
def _is_character(code: int) -> bool:
    return 0 < code <= _LAST and not 0xD800 <= code < 0xE000


@leaf
def _is_letter(byte: int) -> bool:
    return 0x61 <= (byte | 0x20) <= 0x7A


@leaf
def _reference(data: Bytes, at: int, end: int, references: Names) -> tuple[int, int, bool]:
    """Return the character that a character reference at `at` stands for, what follows it, and whether it is text."""
    last = min(end, at + _REFERENCE_BYTES)
    begin = at + 1
    stop = begin
    while stop < last and data[stop] != _SEMICOLON and (data[stop] == _HASH or _is_letter_or_digit(data[stop])):
        stop += 1
    if stop >= last or stop == begin or data[stop] != _SEMICOLON:
        return -1, at + 1, True
    if data[begin] != _HASH:
        code = _look_up(references, data, begin, stop)
    elif begin + 1 < stop and (data[begin + 1] | 0x20) == _SMALL_X:
        code, after = _hexadecimal(data, begin + 2, stop, 1, 6)
        code = code if after == stop else -1
    else:
        code = 0
        for place in range(begin + 1, stop):
            digit = int(data[place]) - 0x30
            code = min(10 * code + digit, _LAST + 1) if 0 <= digit <= 9 and code >= 0 else -1
    return (code if _is_character(code) else _BLANK), stop + 1, False


@leaf
def _is_letter_or_digit(byte: int) -> bool:
    return _is_letter(byte) or 0x30 <= byte <= 0x39


@leaf
def _joined(data: Bytes, start: int, at: int, end: int) -> tuple[int, int, bool]:
    """Return nothing where a hyphen at `at` breaks a word at the line's end, and where the word goes on."""
    if data[at] != _HYPHEN and data[at] != 0xC2 and data[at] != 0xE2:
        return -1, at + 1, True
    code, after = decode(data, at, end)
    if code not in (_HYPHEN, _SOFT_HYPHEN, _UNICODE_HYPHEN) or at == start:
        return -1, at + 1, True
    line = after
    if line < end and data[line] == _RETURN:
        line += 1
    if line >= end or data[line] != _NEWLINE or data[at - 1] <= 0x40:
        return -1, at + 1, True
    line += 1
    while line < end and (data[line] == _BLANK or data[line] == _TAB):
        line += 1
    return -1, line, False


@leaf
def _quoted(data: Bytes, at: int, end: int) -> tuple[int, int, bool]:
    """Return the character that `%XX`, or several of them, at `at` stand for, what follows, and whether it is text."""
    if data[at] != _PERCENT:
        return -1, at + 1, True
    byte, after = _hexadecimal(data, at + 1, end, 2, 2)
    if 0 <= byte < 0x80:
        return max(byte, 1), after, False
    more = 1 if 0xC2 <= byte < 0xE0 else 2 if 0xE0 <= byte < 0xF0 else 3 if 0xF0 <= byte < 0xF5 else 0
    if more == 0:
        return -1, at + 1, True
    code, smallest = byte & (0x3F >> more), (0x80, 0x800, 0x10000)[more - 1]
    for _ in range(more):
        byte = -1
        if after < end and data[after] == _PERCENT:
            byte, after = _hexadecimal(data, after + 1, end, 2, 2)
        if not 0x80 <= byte < 0xC0:
            return -1, at + 1, True
        code = (code << 6) | (byte & 0x3F)
    if code < smallest or not _is_character(code):
        return -1, at + 1, True
    return code, after, False


@leaf
def _after_number(data: Bytes, start: int, at: int, end: int) -> int:
    """Return where the number of the line ends that begins after the line break at `at`.

    `at` where the line has none, or where neither the line before has the number before, nor that after it the next.
    """
    number, after = _number_at(data, at + 1, end)
    if number < 0:
        return at
    last = min(end, after + _LINE_BYTES)
    following = find_byte(data, after, last, _NEWLINE)
    if following < last and _number_at(data, following + 1, end)[0] == number + 1:
        return after
    before = at
    while before > start and before > at - _LINE_BYTES and data[before - 1] != _NEWLINE:
        before -= 1
    return after if _number_at(data, before, at)[0] == number - 1 else at


@leaf
def _number_at(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """Return the number that a line begins with after blanks, of at most six digits, −1 for none, and its end."""
    while at < end and (data[at] == _BLANK or data[at] == _TAB):
        at += 1
    first, number = at, 0
    while at < end and at - first < 7 and 0x30 <= data[at] <= 0x39:
        number = 10 * number + int(data[at]) - 0x30
        at += 1
    if at == first or at - first == 7 or (at < end and _is_letter(data[at])):
        return -1, at
    return number, at
