"""Texts that hold what the kernels look for, and the stages run over them."""

from collections.abc import Sequence

import pyarrow as pa
from hypothesis import strategies as st

from prep.corpus.text.words import Splitter
from prep.stages.quality.judge import Judged, judge
from prep.stages.quality.rules import Rule
from prep.stages.stage import RowStage

SPLITTERS: tuple[Splitter, ...] = ("unicode", "whitespace")

_WORDS = [
    "the",
    "of",
    "The",
    "tHE",
    "word",
    "ab c",
    "a bc",
    "你",
    "l'été",
    "A Bc De",
    "ABC",
    "x" * 20,
    "é" * 13,
    "1 2 3",
]
_MARKS = [
    "…",
    "...",
    "....",
    ". . .",
    ". . . .",
    "•",
    "●",
    "* ",
    "-",
    "#",
    "##",
    ".",
    "»",
    "？",
    "full stop.",
    "Hi! You?",
]
_SPACES = [" ", " ", "\n", "\n\n", "\n \n", "\r\n", "\r", "\u2028", "\x85", "\x0b", "\x1c", "\t", "\u3000", "\u200b"]
_PHRASES = ["[12]", "[]", "[edit]", "[citation needed]", "[٣]", "[1", "lorem ipsum", "Lorem Ipsum", "{", "JavaScript"]
_LINES = [
    "Use Cookies\n",
    "privacy policy\n",
    "One. Two! Three?\n",
    "12k LIKES!\n",
    "3,1 views\n",
    "🇩🇪🇩",
    "A B C D E F G H I J K L M.",
]
_PIECES = st.lists(st.sampled_from([*_WORDS, *_MARKS, *_SPACES, *_PHRASES, *_LINES])).map("".join)
TEXTS = st.lists(st.one_of(st.text(), _PIECES, st.text(st.sampled_from("ab \n."))), max_size=4)


def column(texts: Sequence[str]) -> pa.LargeStringArray:
    """Return the texts as rows in the middle of a longer column."""
    return pa.array(["é", *texts, "x y"], pa.large_string()).slice(1, len(texts))


def documents(texts: Sequence[str], language: str | None = None) -> pa.RecordBatch:
    """Return the texts as documents."""
    ids = pa.array([str(number) for number in range(len(texts))], pa.string())
    batch = {"id": ids, "text": column(texts)}
    if language is not None:
        batch["language"] = pa.array([language] * len(texts), pa.string())
    return pa.record_batch(batch)


def run(stages: Sequence[RowStage], batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the documents after row stages that reject none."""
    for stage in stages:
        schema = stage.output_schema(batch.schema)
        outcome = stage.open()(batch)
        assert outcome.verdicts is None
        assert outcome.batch.schema == schema
        batch = outcome.batch
    return batch


def judged(stages: Sequence[RowStage], rules: Sequence[Rule], batch: pa.RecordBatch) -> Judged:
    """Return documents measured by row stages and judged by rules."""
    return judge(rules, run(stages, batch), None)


def verdicts(stages: Sequence[RowStage], rules: Sequence[Rule], batch: pa.RecordBatch) -> list[str | None]:
    """Return the name of the rule that rejects each document."""
    first = judged(stages, rules, batch).first
    return [None if number < 0 else rules[number].name for number in first]
