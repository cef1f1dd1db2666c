"""Tokens as spaCy cuts them, and the share of alphabetic ones."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from prep.stages.quality.signals.token_kernels import count_tokens, token_table

from .slow_tokens import slow_tokens, tokens_of


def counted(text: str) -> dict[str, int]:
    data = np.frombuffer(text.encode(), np.uint8)
    counts = np.zeros(2, np.int64)
    count_tokens(data, 0, len(data), token_table(), np.empty(len(data), np.int64), counts)
    return {"tokens": int(counts[0]), "alphabetic_tokens": int(counts[1])}


@pytest.mark.parametrize(
    ("text", "tokens", "alphabetic"),
    [
        ("(Well, well...)", 6, 2),
        ("See https://ex.org/a?b=1, www.ex.org/x and me@ex.org.", 7, 5),
        ("It's 70mm, isn't it? Mr. Smith e.g. 24/7", 13, 9),
        ("and/or well-known--thing 3-4 5% $5 10,000.5", 16, 5),
        ("U.S. end.Next a.b ---", 4, 3),
        ("", 0, 0),
    ],
)
def test_tokens_are_counted(text: str, tokens: int, alphabetic: int) -> None:
    assert counted(text) == slow_tokens(text)
    assert counted(text)["alphabetic_tokens"] == alphabetic, [tokens_of(piece) for piece in text.split()]
    assert counted(text)["tokens"] == tokens, [tokens_of(piece) for piece in text.split()]


PIECES = st.lists(
    st.sampled_from(
        [
            *(
                "a",
                "B",
                "ß",
                "中",
                "7",
                "٣",
                ".",
                "..",
                ",",
                "-",
                "--",
                "'",
                "’",
                "s",
                "n't",
                "/",
                ":",
                "://",
                "@",
                "_",
            ),
            *("km", "mm", "Mr", "e.g", "com", "www.", "%", "$", "+", "*", "(", ")", "…", "★", "=", " ", " ", "\n", "~"),
        ]
    ),
    max_size=9,
).map("".join)


@settings(max_examples=1500, deadline=None)
@given(st.one_of(PIECES, st.text()))
@example("a@b.com/x a.b@ @a.com a..com x://y ://y .com a.com:")
def test_tokens_are_those_of_the_slow_reference_implementation(text: str) -> None:
    assert counted(text) == slow_tokens(text)
