"""The cleaning of lines against a slow reference implementation, over arbitrary Unicode and all options."""

import re

import numpy as np
import pyarrow as pa
import pytest
import regex
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from prep.corpus.arrow.documents import TEXT
from prep.corpus.text.sentences import count_sentences, sentence_table
from prep.stages.quality.clean_lines import CleanLines
from prep.stages.quality.cleaning_kernels import CLEANED
from prep.stages.quality.signals.measures import CLEANED_MEASURES
from prep.stages.quality.signals.signals import Signals
from prep.stages.quality.words.splitting import words_of

from .conftest import TEXTS, documents, run
from .test_signal_kernels import HOSTILE, slow_lines

POLICIES = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")
STAGES = st.builds(
    CleanLines,
    max_word_length=st.sampled_from([None, 12]),
    remove_citations=st.booleans(),
    terminal_punctuation=st.booleans(),
    min_words_per_line=st.sampled_from([None, 1, 2]),
    drop_javascript=st.booleans(),
    drop_policy=st.booleans(),
    short_line=st.just(5),
)


def sentences_in(line: str) -> int:
    data = np.frombuffer(line.encode(), np.uint8)
    return count_sentences(data, 0, len(data), sentence_table())


def slow_cleaning(text: str, stage: CleanLines) -> tuple[str, dict[str, int]]:
    """Return the cleaned text and the counts of `CLEANED`."""
    kept: list[str] = []
    lorem = curly = 0
    lines = text.splitlines()
    for line in map(str.strip, lines):
        parts = line.split()
        if stage.max_word_length and any(len(part) > stage.max_word_length for part in parts):
            continue
        if stage.remove_citations:
            line = regex.sub(r"\[\p{Nd}*\]|\[edit\]|\[citation needed\]", "", line)  # noqa: PLW2901
        if stage.terminal_punctuation and (not line.endswith((".", "?", "!", '"', "'")) or line.endswith("...")):
            continue
        if len(parts) < (stage.min_words_per_line or 0):
            continue
        lower = re.sub("[A-Z]+", lambda match: match.group().lower(), line)
        lorem += "lorem ipsum" in lower
        if stage.drop_javascript and "javascript" in lower:
            continue
        curly += "{" in line
        if stage.drop_policy and any(policy in lower for policy in POLICIES):
            continue
        kept.append(line)
    cleaned = "\n".join(kept).strip()
    counts = {
        "bytes": len(cleaned.encode()),
        "dropped_lines": len(lines) - len(kept),
        "lorem_ipsum_lines": lorem,
        "curly_bracket_lines": curly,
        "sentences": sum(map(sentences_in, kept)),
        "words": len(words_of(cleaned, stage.splitter)),
        **slow_lines(cleaned, "unicode", 5),
    }
    return cleaned, {name: counts[name] for name in CLEANED}


@settings(max_examples=500, deadline=None)
@given(TEXTS, STAGES)
@example(["[1] [2] [3]\nstop[4]. \n[edit][12[3]\n[1]\u3000a b c"], CleanLines(min_words_per_line=None, short_line=5))
def test_text_and_signals_equal_those_of_the_reference_implementation(texts: list[str], stage: CleanLines) -> None:
    batch = run([stage], documents(texts))
    for text, cleaned, signals in zip(
        texts, batch.column("text").to_pylist(), batch.column("signals").to_pylist(), strict=True
    ):
        expected, counts = slow_cleaning(text, stage)
        assert cleaned == expected
        assert signals == {
            measure.name: (
                counts[measure.part]
                if measure.whole is None
                else counts[measure.part] / counts[measure.whole]
                if counts[measure.whole]
                else None
            )
            for measure in CLEANED_MEASURES
        }


@pytest.mark.parametrize("text", [*HOSTILE.values(), "[1" * 5_000_000], ids=[*HOSTILE, "brackets"])
def test_hostile_documents_take_linear_time(text: str) -> None:
    assert run([CleanLines()], documents([text, "short"])).num_rows == 2


def test_signals_of_the_text_before_stay() -> None:
    text = "One two three four. Five!\nmenu\nmenu"
    batch = run([Signals(), CleanLines()], documents([text]))
    (signals,) = batch.column("signals").to_pylist()
    assert (signals["filled_lines"], signals["cleaned_filled_lines"], signals["cleaned_dropped_lines"]) == (3, 1, 2)
    again = run([Signals()], batch)
    (signals,) = again.column("signals").to_pylist()
    assert (signals["filled_lines"], signals["cleaned_filled_lines"]) == (1, 1)


def test_null_text_counts_as_empty_and_small_offsets_work() -> None:
    batch = pa.record_batch({"text": pa.array([None, "One two three."], pa.string())})
    cleaned = run([CleanLines()], batch)
    assert cleaned.column("text").to_pylist() == ["", "One two three."]
    assert cleaned.schema.field("text") == TEXT
    assert run([CleanLines()], batch.slice(0, 0)).num_rows == 0


def test_bounds_are_checked() -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        CleanLines(max_word_length=0)
    with pytest.raises(ValidationError, match="Extra inputs"):
        CleanLines(min_words=3)  # type: ignore[call-arg]
