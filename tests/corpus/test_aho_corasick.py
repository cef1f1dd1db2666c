"""The automaton against Python's own search, over arbitrary bytes."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import kernel
from prep.corpus.text.aho_corasick import ROOT, Automaton, automaton, step


@kernel
def search(data: Bytes, at: int, patterns: Automaton) -> tuple[int, int]:
    """Return the pattern that ends first from `at` on, the longest of those, and where it ends; −1 and the end."""
    state = ROOT
    while at < len(data):
        state = step(patterns, state, data[at])
        at += 1
        if patterns.found[state] >= 0:
            return int(patterns.found[state]), at
    return -1, at


def slow_search(text: bytes, at: int, patterns: list[bytes]) -> tuple[int, int]:
    for end in range(at + 1, len(text) + 1):
        ending = [pattern for pattern in patterns if text[at:end].endswith(pattern)]
        if ending:
            return patterns.index(max(ending, key=len)), end
    return -1, len(text)


FEW = st.binary(max_size=30).map(lambda drawn: bytes(b"abc"[byte % 3] for byte in drawn))


@settings(max_examples=300, deadline=None)
@given(st.one_of(FEW, st.binary()), st.lists(st.one_of(FEW, st.binary(max_size=5)).filter(bool)), st.integers(0, 5))
@example(b"ushers", [b"he", b"she", b"his", b"hers"], 0)
@example(b"aab", [b"aab", b"ab", b"b", b"ab"], 0)
@example(bytes(range(256)), [bytes(range(255, -1, -1)), b"\xff"], 0)
def test_the_first_pattern_to_end_is_found(text: bytes, patterns: list[bytes], at: int) -> None:
    at = min(at, len(text))
    data = np.frombuffer(b"." + text, np.uint8)[1:]
    assert search(data, at, automaton(patterns)) == slow_search(text, at, patterns)


def test_no_pattern_is_never_found() -> None:
    assert search(np.frombuffer(b"abc", np.uint8), 0, automaton([])) == (-1, 3)


def test_an_empty_pattern_is_refused() -> None:
    with pytest.raises(ValueError, match="everywhere"):
        automaton([b"a", b""])


def test_shared_beginnings_are_counted_once() -> None:
    patterns = [f"{number:07d}".encode() for number in range(20_000)]
    compiled = automaton(patterns)
    assert compiled.steps.shape == (1 + 1 + 1 + 2 + 20 + 200 + 2_000 + 20_000, 11)
    assert search(np.frombuffer(b"x0019999", np.uint8), 0, compiled) == (19_999, 8)
