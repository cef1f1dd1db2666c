"""What stands between white space, cut into tokens as spaCy's English rules do: the words of FineWeb's code.

Gopher's rules (Rae et al. 2021) are applied to tokens of spaCy by that code, and their thresholds depend on what a
token is: Unicode's segmentation makes one word of each mark in a run, and several of an address. What stands between
white space is cut from both ends, then inside (spaCy, `lang/punctuation.py` and `lang/en`):

- marks, quotes, brackets, currency signs and pictures at its beginning and end are tokens of their own, a run of full
  stops is one; a full stop at the end of an abbreviation or after a single capital belongs to it;
- a unit behind a number is a token (`70mm`), as is what follows an apostrophe (`it's`, `don't`), and the end of what is
  written together (`cannot`, `dont`);
- an address with `://`, `@` or a domain is one token;
- hyphens and commas between letters, `:`, `/`, `=`, `<`, `>` before a letter, `+`, `*`, `^`, `-` between digits, and a
  full stop between a small and a capital letter cut what is left.

Letters are those of the scripts that spaCy lists; those of scripts without case are small and capital. Emoticons, rare
contractions, other marks that are one token, and rules of other languages are not followed. Cost: O(bytes).
"""

from functools import cache

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import inner, leaf
from prep.corpus.text.utf8 import code_point_table
from prep.corpus.text.words import SPACE, WHITE_SPACE, Positions

Codes = npt.NDArray[np.int32]
Packed = npt.NDArray[np.int64]

LETTER, _CAPITAL, _DIGIT, _OPENS, _CLOSES, _PICTURE, _SMALL = 1, 2, 4, 8, 16, 32, 64
_ALPHA = _CAPITAL | _SMALL
_LATIN = r"\p{Latin}"
_CYRILLIC, _GREEK = "а-яёәөүҗңһіїєґѓѕјљњќѐѝА-ЯЁӘӨҮҖҢҺІЇЄҐЃЅЈЉЊЌЀЍ", "α-ωάέίόώήύΑ-ΩΆΈΊΌΏΉΎ"
_CASELESS = (
    r"\u1200-\u137F\u0980-\u09FF\u0591-\u05F4\uFB1D-\uFB4F\u0900-\u097F\u0C80-\u0CFF\u0B80-\u0BFF\u0C00-\u0C7F"
    r"\uAC00-\uD7AF\u1100-\u11FF\u3040-\u30FF\u3400-\u4DBF\u4E00-\u9FFF\u2E80-\u2FFF\u3000-\u303F\u31C0-\u31EF"
    r"\u3200-\u33FF\uF900-\uFAFF\uFE30-\uFE4F\U0001F200-\U0001F2FF\U00020000-\U0002EBEF\U0002F800-\U0002FA1F"
    r"\u0620-\u064A\u066E-\u06D5\u06E5-\u06FF\u0750-\u077F\u08A0-\u08BD\uFB50-\uFDFB\uFE70-\uFEFC\u0D80-\u0DFF"
)
"""Blocks of scripts without case that spaCy lists, marks and digits included."""
_MARKS = r"…,:;!?¿؟¡()\[\]{}<>_#*&。？！，、；：～·।،۔؛٪'\"”“`‘´’‚„»«「」『』（）〔〕【】《》〈〉⟦⟧"
_DASHES = "–—"
_ONLY_OPENING = r"§%=+$£€¥฿₽﷼₠-₿"
_STOP, _COMMA, _COLON, _SEMICOLON, _QUOTE, _APOSTROPHE = 0x2E, 0x2C, 0x3A, 0x3B, 0x27, 0x2019
_PLUS, _HYPHEN, _SLASH, _AT, _BRACKET = 0x2B, 0x2D, 0x2F, 0x40, 0x29
_LONGEST = 8


def _packed(words: str) -> Packed:
    """Return short ASCII words as numbers, a byte for each letter, the last one lowest."""
    return np.array(sorted({int.from_bytes(word.encode(), "big") for word in words.split()}), np.int64)


_ABBREVIATIONS = _packed(
    "Adm Ak Ala Apr Ariz Ark Aug Bros Calif Co Colo Conn Corp Dec Del Dr Feb Fla Ga Gen Gov Ia Id Ill Inc Ind Jan Jr "
    "Jul Jun Kan Kans Ky La Ltd Mar Mass Md Messrs Mich Minn Miss Mo Mont Mr Mrs Ms Mt Neb Nebr Nev Nov Oct Okla Ore "
    "Pa Prof Rep Rev Sen Sep Sept St Tenn Va Wash Wis co vs a.m p.m e.g i.e E.g I.e v.s "
    "a b c d e f g h i j k l m n o p q r s t u v w x y z"
)
_UNITS = _packed(
    "km m dm cm mm nm yd in ft kg g mg t lb oz ha m/s km/h kmh mph hPa Pa mbar mb MB kb KB gb GB tb TB T G M K % am pm "
    "a.m. p.m."
)
_ENDINGS = _packed("m re ve ll d")
"""What follows an apostrophe as a token of its own behind some words; `s` does behind all."""
_BEFORE_ENDINGS = _packed(
    "i you he she it we they that there this these those who what where when why how could should would might must not"
)
_AND_OR = _packed("and/or")


def _contractions() -> tuple[Packed, Bytes]:
    """Return what is written together, in small letters, and the length of each one's second token."""
    negated = "ai are ca could dare did does do had has have is might must need ought sha should was were wo would"
    pronouns = "that there they this these those what when where who why how you it"
    by_length: dict[int, list[str]] = {
        3: ["cannot"],
        2: [
            *(f"{verb}nt" for verb in negated.split()),
            *(f"{pronoun}ll" for pronoun in pronouns.split()),
            *(f"{word}ve" for word in ("i", "we", "you", "they", "could", "should", "would", "must", "might")),
            *("youre", "theyre", "gonna", "gotta"),
        ],
        1: [
            *(f"{pronoun}d" for pronoun in f"{pronouns} he i we".split()),
            *("thats", "theres", "whats", "whens", "wheres", "whos", "whys", "hows", "hes", "shes", "im"),
        ],
    }
    packed = {_packed(word)[0]: length for length, words in by_length.items() for word in words}
    return np.array(sorted(packed), np.int64), np.array([packed[word] for word in sorted(packed)], np.uint8)


_TOGETHER, _SECOND_LENGTHS = _contractions()


@cache
def token_table() -> Bytes:
    """Return what each code point is to `cut_piece` (uint8; read-only)."""
    return code_point_table(
        [
            (r"\p{L}", LETTER),
            (rf"[[\p{{Lu}}\p{{Lt}}]&&[{_LATIN}{_CYRILLIC}{_GREEK}]]", _CAPITAL),
            (rf"[[\p{{L}}--[\p{{Lu}}\p{{Lt}}]]&&[{_LATIN}{_CYRILLIC}{_GREEK}]]", _SMALL),
            (f"[{_CASELESS}]", _CAPITAL | _SMALL),
            ("[0-9]", _DIGIT),
            (f"[{_MARKS}{_DASHES}{_ONLY_OPENING}]", _OPENS),
            (f"[{_MARKS}{_DASHES}]", _CLOSES),
            (r"\p{So}", _OPENS | _CLOSES | _PICTURE),
            (WHITE_SPACE, SPACE),
        ]
    )


@inner
def cut_piece(codes: Codes, size: int, table: Bytes, starts: Positions, ends: Positions, count: int) -> int:
    """Write the tokens of what stands between white space, in code points; return how many tokens there are then.

    Tokens at its end, found from the last one on, are kept at the end of the space until those before them are found.
    """
    first = 0
    while first < size:
        length = _opening(codes, first, size, table)
        if length == 0:
            break
        starts[count], ends[count] = first, first + length
        first += length
        count += 1
    top = count + size - first
    held = top
    last = size
    while last > first:
        length = _closing(codes, first, last, table)
        if length == 0:
            break
        held -= 1
        starts[held], ends[held] = last - length, last
        last -= length
    if first < last:
        if _has_letters_alone(codes, first, last, table):
            count = _write_word(codes, first, last, starts, ends, count)
        elif _is_address(codes, first, last, table) or _is_listed(codes, first, last, _AND_OR, False):
            starts[count], ends[count] = first, last
            count += 1
        else:
            count = _cut_inside(codes, first, last, table, starts, ends, count)
    for token in range(held, top):
        starts[count], ends[count] = starts[token], ends[token]
        count += 1
    return count


@leaf
def _has_letters_alone(codes: Codes, first: int, last: int, table: Bytes) -> bool:
    """Return whether a piece has nothing but letters, as most have: no separator and no address is in it."""
    at = first
    while at < last and table[codes[at]] & LETTER:
        at += 1
    return at == last


@leaf
def _opening(codes: Codes, at: int, size: int, table: Bytes) -> int:
    """Return the length of the token that is cut from the beginning of a piece, 0 for none."""
    code = codes[at]
    if code == _STOP:
        stop = at
        while stop < size and codes[stop] == _STOP:
            stop += 1
        return stop - at if stop - at > 1 else 0
    if not table[code] & _OPENS or (code == _PLUS and at + 1 < size and table[codes[at + 1]] & _DIGIT):
        return 0
    return 2 if at + 1 < size and _is_pair(code, codes[at + 1]) else 1


@leaf
def _closing(codes: Codes, first: int, last: int, table: Bytes) -> int:
    """Return the length of the token that is cut from the end of a piece, 0 for none."""
    code = codes[last - 1]
    before = int(table[codes[last - 2]]) if last - 2 >= first else 0
    if code == _STOP:
        if last - 2 >= first and codes[last - 2] == _STOP:
            stop = last
            while stop > first and codes[stop - 1] == _STOP:
                stop -= 1
            return last - stop
        unit = _unit_length(codes, first, last, table)
        return unit if unit else int(_ends_in_stop(codes, first, last, table))
    if table[code] & _CLOSES:
        return 2 if last - 2 >= first and _is_pair(codes[last - 2], code) else 1
    if before & _DIGIT and table[code] & _OPENS and code not in (0x25, 0x3D, 0xA7):
        return 1
    if code in (0x53, 0x73) and last - 2 > first and codes[last - 2] in (_QUOTE, _APOSTROPHE):
        return 2
    return _unit_length(codes, first, last, table)


@leaf
def _is_pair(code: int, behind: int) -> bool:
    """Return whether two marks are one token: `):`, `:)`, `;)`, `''`."""
    if code in (_COLON, _SEMICOLON):
        return behind == _BRACKET
    return (code == _BRACKET and behind == _COLON) or code == behind == _QUOTE


@leaf
def _ends_in_stop(codes: Codes, first: int, last: int, table: Bytes) -> bool:
    """Return whether the full stop that ends a piece is a token of its own."""
    if last - 2 < first:
        return False
    code = codes[last - 2]
    before = table[code]
    capitals = before & _CAPITAL and last - 3 >= first and table[codes[last - 3]] & _CAPITAL
    if not (before & (_SMALL | _DIGIT | _CLOSES) or capitals or code in (0x25, 0xB2, _HYPHEN, _PLUS)):
        return False
    return not _is_listed(codes, first, last - 1, _ABBREVIATIONS, False)


@leaf
def _is_listed(codes: Codes, first: int, last: int, words: Packed, fold: bool) -> bool:
    """Return whether a piece is one of some ASCII words, where asked also with a capital at its beginning."""
    return _place_in(codes, first, last, words, fold) >= 0


@leaf
def _place_in(codes: Codes, first: int, last: int, words: Packed, fold: bool) -> int:
    """Return which of some ASCII words a piece is, as `_is_listed` compares them; −1 for none."""
    if last - first > _LONGEST or last == first:
        return -1
    packed = 0
    for at in range(first, last):
        code = int(codes[at])
        if code >= 0x80:
            return -1
        packed = packed << 8 | (code + 0x20 if fold and at == first and 0x41 <= code <= 0x5A else code)
    low, high = 0, len(words)
    while low < high:
        middle = (low + high) // 2
        if words[middle] < packed:
            low = middle + 1
        else:
            high = middle
    return low if low < len(words) and words[low] == packed else -1


@leaf
def _unit_length(codes: Codes, first: int, last: int, table: Bytes) -> int:
    """Return the length of the unit that ends a piece behind a digit, 0 where there is none."""
    at = last
    while at > first and last - at < 5 and not table[codes[at - 1]] & _DIGIT:
        at -= 1
    if at in (first, last) or not table[codes[at - 1]] & _DIGIT:
        return 0
    return last - at if _is_listed(codes, at, last, _UNITS, False) else 0


@leaf
def _is_address(codes: Codes, first: int, last: int, table: Bytes) -> bool:
    """Return whether a piece is a URL, an e-mail address or begins with a domain name."""
    label = first
    stops = letters = 0
    plain = True  # whether the label so far is of small letters alone
    at = first
    while at < last:
        code = codes[at]
        if code == _COLON and at > first and at + 3 < last and codes[at + 1] == codes[at + 2] == _SLASH:
            return True
        if code == _AT:
            if at == label:
                return False
            stops, label, plain, letters = 0, at + 1, True, 0
        elif code == _STOP:
            if at == label:
                return False
            stops, label, plain, letters = stops + 1, at + 1, True, 0
        elif code in (_COLON, _SLASH, 0x3F, 0x23):
            break
        elif not (table[code] & (LETTER | _DIGIT) or code in (_HYPHEN, 0x5F)):
            return False
        else:
            plain &= table[code] & _SMALL != 0
            letters += 1
        at += 1
    return stops > 0 and plain and letters > 1


@leaf
def _cut_inside(
    codes: Codes, first: int, last: int, table: Bytes, starts: Positions, ends: Positions, count: int
) -> int:
    """Write the tokens of a piece whose ends are cut; return how many tokens there are then."""
    begin = at = first
    while at < last:
        step = _separator(codes, first, at, last, table)
        if step > 0:
            if begin < at:
                starts[count], ends[count] = begin, at
                count += 1
            starts[count], ends[count] = at, at + step
            count += 1
            at += step
            begin = at
            continue
        at += 1
    if begin == last:
        return count
    if begin == first:
        return _write_word(codes, first, last, starts, ends, count)
    starts[count], ends[count] = begin, last
    return count + 1


@leaf
def _write_word(codes: Codes, first: int, last: int, starts: Positions, ends: Positions, count: int) -> int:
    """Write a word, or both tokens of what is written together; return how many tokens there are then."""
    cut = _contraction(codes, first, last)
    starts[count], ends[count] = first, cut
    count += 1
    if cut < last:
        starts[count], ends[count] = cut, last
        count += 1
    return count


@leaf
def _contraction(codes: Codes, first: int, last: int) -> int:
    """Return where the second token of a word begins that is written together with another; its end where none does."""
    for at in range(max(first + 1, last - 3), last - 1):
        if codes[at] in (_QUOTE, _APOSTROPHE):
            if _is_listed(codes, at + 1, last, _ENDINGS, False) and _is_listed(codes, first, at, _BEFORE_ENDINGS, True):
                return at
            if last - at == 2 and codes[at + 1] == 0x74 and codes[at - 1] == 0x6E and at - 1 > first:
                return at - 1
    listed = _place_in(codes, first, last, _TOGETHER, True)
    return last - int(_SECOND_LENGTHS[listed]) if listed >= 0 else last


@leaf
def _separator(codes: Codes, first: int, at: int, last: int, table: Bytes) -> int:
    """Return how many characters the separator inside a piece has that begins at a place; 0 where none does."""
    code = codes[at]
    if table[code] & _PICTURE or code == 0x2026:
        return 1
    if at == first or at + 1 >= last:
        return 0
    before, behind = int(table[codes[at - 1]]), int(table[codes[at + 1]])
    if code == _STOP and codes[at + 1] == _STOP:
        stop = at
        while stop < last and codes[stop] == _STOP:
            stop += 1
        return stop - at
    if code == _STOP:
        return int(before & _SMALL and behind & _CAPITAL > 0)
    if code == _HYPHEN and codes[at + 1] == _HYPHEN and before & (_ALPHA | _DIGIT):
        length = 3 if at + 2 < last and codes[at + 2] == _HYPHEN else 2
        return length if at + length < last and table[codes[at + length]] & _ALPHA else 0
    if not behind & _ALPHA:
        digits = before & _DIGIT > 0 and (behind & _DIGIT > 0 or codes[at + 1] == _HYPHEN)
        return int(code in (_PLUS, _HYPHEN, 0x2A, 0x5E) and digits)
    if code == _COMMA:
        return int(before & _ALPHA > 0)
    return int(
        code in (_HYPHEN, 0x2013, 0x2014, 0x7E, _COLON, 0x3C, 0x3E, 0x3D, _SLASH) and before & (_ALPHA | _DIGIT) > 0
    )
