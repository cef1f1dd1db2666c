"""Which character set plain text is in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prep.stages.read.plain.text import text_row

FRENCH = "Où est passé l'élève ? Il a été reçu à l'école, déjà vêtu d'un pull bleu. "


@pytest.mark.parametrize(
    ("data", "text", "metadata"),
    [
        (FRENCH.encode(), FRENCH, None),
        (FRENCH.encode("utf-8-sig"), FRENCH, None),
        (FRENCH.encode("utf-16"), FRENCH, None),
        (b"\xfe\xff" + FRENCH.encode("utf-16-be"), FRENCH, None),
        (FRENCH.encode("utf-32"), FRENCH, None),
        (FRENCH.encode("latin-1"), FRENCH, '{"charset":"windows-1252"}'),
        (
            "Съешь ещё этих мягких французских булок, да выпей чаю. ".encode("cp1251") * 9,
            None,
            '{"charset":"windows-1251"}',
        ),
        (b"plain " * 100_000 + FRENCH.encode("latin-1"), "plain " * 100_000 + FRENCH, '{"charset":"windows-1252"}'),
    ],
)
def test_character_sets(data: bytes, text: str | None, metadata: str | None) -> None:
    row = text_row("a", data)
    assert row.rule is None
    assert text is None or row.text == text
    assert row.metadata == metadata


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"", "empty"),
        (b" \n\xc2\xa0", "empty"),
        (b"\xff\xfea", "bad_encoding"),
        (b"words\0words", "bad_encoding"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "bad_encoding"),
    ],
)
def test_what_is_no_text(data: bytes, rule: str) -> None:
    row = text_row("a", data)
    assert (row.rule, row.failed) == (rule, rule != "empty")


@given(st.binary(max_size=300))
def test_any_bytes_have_an_outcome(data: bytes) -> None:
    row = text_row("a", data)
    assert (row.text is None) == (row.rule is not None)
