"""The splitters against the rules of UAX #29 applied one by one, and against `str.split`."""

from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import regex
from hypothesis import example, given, settings
from hypothesis import strategies as st

from prep.corpus.kernels import entry
from prep.corpus.text.words import DIGITS, LETTERS, SYMBOLS, Splitter, split_words, trim, word_table

NAMES: tuple[str, ...] = (
    "CR",
    "LF",
    "Newline",
    "Extend",
    "ZWJ",
    "Format",
    "Regional_Indicator",
    "Katakana",
    "Hebrew_Letter",
    "ALetter",
)
NAMES += ("Single_Quote", "Double_Quote", "MidNumLet", "MidLetter", "MidNum", "Numeric", "ExtendNumLet", "WSegSpace")
LETTER = ("ALetter", "Hebrew_Letter")
IGNORABLE = ("Extend", "Format", "ZWJ")
LINE_ENDS = ("CR", "LF", "Newline")
# At least one of every class, in scripts that behave differently.
TELLING = (
    "\r\n\v\u2028\u0301\u200d\u00ad🇩🇫カーאבaZéж'\".‘’:·,;1٣_\u202f \u3000\u2009ℹⓂ☺👩👧你こไก\u00a0\u1680\x1c\x85#…İ"
)
TEXTS = st.one_of(st.text(), st.text(st.sampled_from(TELLING)), st.text(st.sampled_from("aA1 .,:'\"_-\n\u0301éה")))


PATTERNS = {name: regex.compile(rf"\p{{Word_Break={name}}}") for name in NAMES}


@cache
def word_break(character: str) -> str:
    return next((name for name, pattern in PATTERNS.items() if pattern.match(character)), "Other")


def is_boundary(text: str, at: int) -> bool:
    """Apply the rules of UAX #29, section 4.1.1, in their order at one position."""
    if at in (0, len(text)):
        return True
    kinds = [word_break(character) for character in text]
    left, right = kinds[at - 1], kinds[at]
    if left == "CR" and right == "LF":  # WB3
        return False
    if left in LINE_ENDS or right in LINE_ENDS:  # WB3a, WB3b
        return True
    if left == "ZWJ" and regex.match(r"\p{Extended_Pictographic}", text[at]):  # WB3c
        return False
    if left == right == "WSegSpace":  # WB3d
        return False
    if right in IGNORABLE:  # WB4
        return False
    # By WB4 the rest sees neither ignorables nor what came before a line end or the start of the text.
    before = significant_before(kinds, at)
    after = [kind for kind in kinds[at:] if kind not in IGNORABLE]
    one, two = (*before[::-1], "", "")[:2]
    right, following = (*after, "", "")[:2]
    joined = (
        (one in LETTER and right in LETTER)  # WB5
        or (one in LETTER and right in ("MidLetter", "MidNumLet", "Single_Quote") and following in LETTER)  # WB6
        or (two in LETTER and one in ("MidLetter", "MidNumLet", "Single_Quote") and right in LETTER)  # WB7
        or (one == "Hebrew_Letter" and right == "Single_Quote")  # WB7a
        or (one == "Hebrew_Letter" and right == "Double_Quote" and following == "Hebrew_Letter")  # WB7b
        or (two == "Hebrew_Letter" and one == "Double_Quote" and right == "Hebrew_Letter")  # WB7c
        or (one in ("Numeric", *LETTER) and right == "Numeric")  # WB8, WB9
        or (one == "Numeric" and right in LETTER)  # WB10
        or (two == "Numeric" and one in ("MidNum", "MidNumLet", "Single_Quote") and right == "Numeric")  # WB11
        or (one == "Numeric" and right in ("MidNum", "MidNumLet", "Single_Quote") and following == "Numeric")  # WB12
        or (one == right == "Katakana")  # WB13
        or (one in (*LETTER, "Numeric", "Katakana", "ExtendNumLet") and right == "ExtendNumLet")  # WB13a
        or (one == "ExtendNumLet" and right in (*LETTER, "Numeric", "Katakana"))  # WB13b
        or (one == right == "Regional_Indicator" and trailing(before, "Regional_Indicator") % 2 == 1)  # WB15, WB16
    )
    return not joined


def significant_before(kinds: list[str], at: int) -> list[str]:
    """Return the classes before a position, each with the ignorables after it taken as one."""
    kept: list[str] = []
    for kind in kinds[:at]:
        if kind not in IGNORABLE or not kept or kept[-1] in LINE_ENDS:
            kept.append(kind)
    return kept


def trailing(kinds: list[str], kind: str) -> int:
    return next((count for count, other in enumerate(reversed(kinds)) if other != kind), len(kinds))


def unicode_words(text: str) -> list[str]:
    cuts = [at for at in range(len(text) + 1) if is_boundary(text, at)]
    segments = [text[begin:end].strip() for begin, end in pairwise(cuts)]
    return [segment for segment in segments if segment]


def kind_of(word: str) -> int:
    if regex.search(r"\p{L}", word):
        return LETTERS
    return DIGITS if regex.search(r"\p{N}", word) else SYMBOLS


def kernel_words(text: str, splitter: Splitter, margin: bytes = b"") -> list[tuple[str, int]]:
    encoded = text.encode()
    data = np.frombuffer(margin + encoded + margin, np.uint8)
    starts, ends = np.empty((2, len(encoded)), np.int64)
    kinds = np.empty(len(encoded), np.uint8)
    begin, end = len(margin), len(margin) + len(encoded)
    count = split_words(data, begin, end, word_table(splitter), starts, ends, kinds)
    spans = zip(starts[:count], ends[:count], kinds[:count], strict=True)
    return [(bytes(data[begin:end]).decode(), int(kind)) for begin, end, kind in spans]


@settings(max_examples=600, deadline=None)
@given(TEXTS)
@example("can't U.S.A. 3.14 x-ray a_b 1,000,000 foo.bar ..")
@example("’a’ a’b a''b a.\u0301b a'\u0301 שלום\"ש ש' ש'a ש\"a")
@example("🇩🇪🇫🇷🇮 👩\u200d👧 a\u200dℹ \u200d☺ 20\u202f000 \u202fa\u202f 你好 カタ_カ ไทย")
def test_unicode_words_follow_the_rules_one_by_one(text: str) -> None:
    expected = [(word, kind_of(word)) for word in unicode_words(text)]
    assert kernel_words(text, "unicode") == expected
    # What lies around the text in the buffer does not matter.
    assert kernel_words(text, "unicode", "a1’\u0301".encode()) == expected


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_whitespace_words_are_those_of_str_split(text: str) -> None:
    assert kernel_words(text, "whitespace", b"a") == [(word, kind_of(word)) for word in text.split()]


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_trim_is_str_strip(text: str) -> None:
    data = np.frombuffer(b"a" + text.encode() + b"a", np.uint8)
    begin, end = entry(trim)(data, 1, len(data) - 1, word_table("unicode"))
    assert bytes(data[begin:end]).decode() == text.strip()


@given(st.binary())
def test_bytes_that_are_not_text_do_no_harm(raw: bytes) -> None:
    data = np.frombuffer(raw, np.uint8)
    starts, ends = np.empty((2, len(raw)), np.int64)
    count = split_words(data, 0, len(raw), word_table("unicode"), starts, ends, np.empty(len(raw), np.uint8))
    assert (starts[:count] < ends[:count]).all()
    assert (ends[:count] <= len(raw)).all()
    assert (starts[1:count] >= ends[: max(count - 1, 0)]).all()


def test_every_code_point_between_letters_and_digits() -> None:
    """Every code point of the planes that hold any, against the regex library's own word boundaries.

    Apart from the apostrophe, which the library joins to a vowel that follows, and regional indicators, which it joins
    to anything that follows.
    """
    pattern = regex.compile(r"\b", regex.V1 | regex.WORD)
    for begin in (*range(0, 0x34000, 0x4000), 0xDC000, 0xE0000, 0x10C000):
        codes = [code for code in range(begin, begin + 0x4000) if not 0xD800 <= code < 0xE000]
        characters = [c for c in map(chr, codes) if c not in "'’" and not "🇦" <= c <= "🇿"]
        text = "\n".join(f"a{character}b{character}1{character}2" for character in characters)
        cuts = [0, *(match.start() for match in pattern.finditer(text)), len(text)]
        segments = [text[begin:end].strip() for begin, end in pairwise(cuts)]
        assert [word for word, _ in kernel_words(text, "unicode")] == [segment for segment in segments if segment]


@pytest.mark.parametrize("unit", ["a", "a.", "\u0301", "a.\u0301", "🇩", "a ", "’", "你"])
def test_long_runs_are_split_in_linear_time(unit: str) -> None:
    text = unit * (1_000_000 // len(unit.encode()))
    assert len(kernel_words(text, "whitespace")) == len(text.split())
    assert sum(len(word) for word, _ in kernel_words(text, "unicode")) == len(text.replace(" ", ""))


def test_words_of_books_follow_the_rules(test_data: Path) -> None:
    for name in ("carroll-alice", "shakespeare-hamlet", "whitman-leaves"):
        lines = (test_data / "books" / f"{name}.txt").read_text("utf-8", errors="replace").splitlines()[200:500]
        expected = [word for line in lines for word in unicode_words(line)]
        assert [word for word, _ in kernel_words("\n".join(lines), "unicode")] == expected
        assert len(expected) > 1_000
