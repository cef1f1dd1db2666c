"""Sentences against the rules of UAX #29, section 5.1, applied one by one."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import regex
from hypothesis import example, given, settings
from hypothesis import strategies as st

from prep.corpus.text.sentences import count_sentences, sentence_table

NAMES: tuple[str, ...] = (
    "CR",
    "LF",
    "Sep",
    "Extend",
    "Format",
    "Sp",
    "Lower",
    "Upper",
    "OLetter",
    "Numeric",
    "ATerm",
    "STerm",
)
NAMES += ("SContinue", "Close")
PARAGRAPH_ENDS = ("CR", "LF", "Sep")
TERMINATORS = ("ATerm", "STerm")
IGNORABLE = ("Extend", "Format")
TEXTS = st.one_of(
    st.text(),
    st.text(st.sampled_from("aA1你 .!?。,;:\"'()»\n\r\u2028\u0301\u00ad\u00a0-ß")),
    st.lists(st.sampled_from(["A b.", "e.g.", " ", "3.14", "U.S.", "what", "?!", "”", "(", ")", "He", "…", ","])).map(
        "".join
    ),
)


@cache
def sentence_break(character: str) -> str:
    return next((name for name in NAMES if regex.match(rf"\p{{Sentence_Break={name}}}", character)), "Other")


def is_boundary(text: str, at: int) -> bool:
    kinds = [sentence_break(character) for character in text]
    if kinds[at - 1] == "CR" and kinds[at] == "LF":  # SB3
        return False
    if kinds[at - 1] in PARAGRAPH_ENDS:  # SB4
        return True
    if kinds[at] in IGNORABLE:  # SB5
        return False
    before: list[str] = []
    for kind in kinds[:at]:
        if kind not in IGNORABLE or not before or before[-1] in PARAGRAPH_ENDS:
            before.append(kind)
    after = [kind for kind in kinds[at:] if kind not in IGNORABLE]
    left, right = " ".join(before), after[0]
    if regex.search(r"ATerm$", left) and right == "Numeric":  # SB6
        return False
    if regex.search(r"(Upper|Lower) ATerm$", left) and right == "Upper":  # SB7
        return False
    until = ("OLetter", "Upper", "Lower", *PARAGRAPH_ENDS, *TERMINATORS)
    ahead = next((kind for kind in after if kind in until), "")
    if regex.search(r"ATerm( Close)*( Sp)*$", left) and ahead == "Lower":  # SB8
        return False
    if regex.search(r"[AS]Term( Close)*( Sp)*$", left) and right in ("SContinue", *TERMINATORS):  # SB8a
        return False
    if regex.search(r"[AS]Term( Close)*$", left) and right in ("Close", "Sp", *PARAGRAPH_ENDS):  # SB9
        return False
    if regex.search(r"[AS]Term( Close)*( Sp)*$", left) and right in ("Sp", *PARAGRAPH_ENDS):  # SB10
        return False
    return bool(regex.search(r"[AS]Term( Close)*( Sp)*$", left))  # SB11, SB998


def sentences(text: str) -> list[str]:
    cuts = [0, *(at for at in range(1, len(text)) if is_boundary(text, at)), len(text)]
    return [sentence for a, b in pairwise(cuts) if (sentence := text[a:b].strip())]


def kernel_count(text: str) -> int:
    data = np.frombuffer(b"a." + text.encode() + b"a", np.uint8)
    return count_sentences(data, 2, len(data) - 1, sentence_table())


@settings(max_examples=600, deadline=None)
@given(TEXTS)
@example('He said “No.” Then he left. See Fig. 3, e.g. this one! (Really?) Yes... "A. B." 3.14 。')
def test_sentences_follow_the_rules_one_by_one(text: str) -> None:
    assert kernel_count(text) == len(sentences(text))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        (" \n\t", 0),
        ("no mark", 1),
        ("One. Two! Three?", 3),
        ("It is 3.5 e.g. here. The U.S.A. is big.", 2),
        ('"Go!" she said. He went.', 3),
        ("一。二！三", 3),
        ("Wait... what? ... And", 2),
    ],
)
def test_sentences_in_plain_cases(text: str, count: int) -> None:
    assert kernel_count(text) == count


@pytest.mark.parametrize("unit", [".", ". ", ".1", "a. )", "\u0301", "a"])
def test_long_runs_are_counted_in_linear_time(unit: str) -> None:
    assert kernel_count(unit * (3_000_000 // len(unit.encode()))) >= 1
