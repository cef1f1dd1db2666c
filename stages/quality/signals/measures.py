"""The signals: what rules look at, each a number per document made of the kernels' counts.

A signal is a count, or a ratio of two counts in 64-bit floats; it is null where it is not defined, such as a mean
over no words. Documents carry them in one column of structs, `signals`, a field each, so that rules read the
fields they need and nothing else.

Where the field defines a thing in several ways, each has a signal of its own, named after who defines it so:

- no prefix: Gopher and FineWeb as datatrove 0.10 counts. Words are what the splitter gives, punctuation marks
  included; plain words are not punctuation alone; alphabetic words are counted among spaCy's tokens. A duplicate is
  every copy after the first.
- `dclm_`: DCLM's code. Words are separated by white space, or have a letter or digit (lexical). Repeated is every copy
  of what occurs more than once, the first included.
- `dolma_`: Dolma 3's code, where it differs from DCLM's.
- `cleaned_`: of the text that `clean_lines` leaves, as FineWeb measures it after C4's rules.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from prep.corpus.arrow.columns import set_column, set_field
from prep.stages.quality.signals.ngram_kernels import DUPLICATES_FROM, LONGEST, SHORTEST

SIGNALS = "signals"
"""The column."""

Counts = npt.NDArray[np.int64]


class Measure(NamedTuple):
    """A signal: a count of the kernels (below zero: not defined), or its ratio to another."""

    name: str
    part: str
    whole: str | None = None

    @property
    def field(self) -> pa.Field:
        """The signal's field in the column."""
        return pa.field(self.name, pa.int64() if self.whole is None else pa.float64())

    def values(self, counts: Mapping[str, Counts]) -> pa.Array:
        """Return the signal of each document."""
        if self.whole is None:
            return pa.array(counts[self.part], pa.int64(), mask=counts[self.part] < 0)
        whole = counts[self.whole]
        undefined = whole == 0
        return pa.array(counts[self.part] / np.where(undefined, 1, whole), pa.float64(), mask=undefined)


def _ngrams(prefix: str, counts: str, lengths: Iterable[int], whole: str) -> list[Measure]:
    return [Measure(f"{prefix}_{n}_gram", f"{counts}_{n}_gram_characters", whole) for n in lengths]


_TOP, _LONG = range(SHORTEST, DUPLICATES_FROM), range(DUPLICATES_FROM, LONGEST + 1)

MEASURES: tuple[Measure, ...] = (
    Measure("bytes", "bytes"),
    Measure("characters", "characters"),
    Measure("words", "words"),
    Measure("plain_words", "plain_words"),
    Measure("mean_word_length", "plain_characters", "plain_words"),
    Measure("hashes_per_word", "hashes", "words"),
    Measure("ellipses_per_word", "ellipses", "words"),
    Measure("bullet_lines", "bullet_lines", "lines"),
    Measure("ellipsis_lines", "ellipsis_lines", "lines"),
    Measure("alphabetic_words", "alphabetic_tokens", "tokens"),
    Measure("stop_words", "stop_words"),
    Measure("duplicate_paragraphs", "duplicate_paragraphs", "filled_paragraphs"),
    Measure("duplicate_paragraph_characters", "duplicate_paragraph_characters", "characters"),
    Measure("duplicate_lines", "duplicate_lines", "filled_lines"),
    Measure("duplicate_line_characters", "duplicate_line_characters", "characters"),
    *_ngrams("top", "top", _TOP, "characters"),
    *_ngrams("duplicate", "duplicate", _LONG, "characters"),
    Measure("filled_lines", "filled_lines"),
    Measure("punctuated_lines", "punctuated_lines", "filled_lines"),
    Measure("short_lines", "short_lines", "filled_lines"),
    Measure("duplicate_filled_line_characters", "duplicate_line_characters", "line_characters"),
    Measure("newlines_per_word", "newlines", "words"),
    Measure("dclm_words", "spaced_lexical_words"),
    Measure("dclm_lexical_words", "lexical_words"),
    Measure("dclm_mean_word_length", "spaced_characters", "spaced_words"),
    Measure("dclm_symbols_per_word", "dclm_symbols", "spaced_words"),
    Measure("dclm_bullet_lines", "dclm_bullet_lines", "filled_lines"),
    Measure("dclm_ellipsis_lines", "dclm_ellipsis_lines", "filled_lines"),
    Measure("dclm_alphabetic_words", "spaced_alphabetic_words", "spaced_words"),
    Measure("dclm_stop_words", "spaced_stop_words"),
    Measure("dclm_repeated_lines", "repeated_lines", "filled_lines"),
    Measure("dclm_repeated_line_characters", "repeated_line_characters", "trimmed_line_characters"),
    Measure("dclm_repeated_paragraphs", "repeated_paragraphs", "filled_paragraphs"),
    Measure("dclm_repeated_paragraph_characters", "repeated_paragraph_characters", "trimmed_paragraph_characters"),
    *_ngrams("dclm_top", "dclm_top", _TOP, "lexical_characters"),
    *_ngrams("dclm_repeated", "repeated", _LONG, "lexical_characters"),
    Measure("dclm_dropped_words", "dclm_dropped_words", "lexical_words"),
    *_ngrams("dolma_top", "dolma_top", _TOP, "lexical_characters"),
    Measure("dolma_sentences", "marked_sentences"),
    Measure("dolma_title_case_sentences", "title_case_sentences", "marked_sentences"),
)
"""What the stage `signals` measures."""

CLEANED_MEASURES: tuple[Measure, ...] = (
    Measure("cleaned_bytes", "bytes"),
    Measure("cleaned_dropped_lines", "dropped_lines"),
    Measure("cleaned_lorem_ipsum_lines", "lorem_ipsum_lines"),
    Measure("cleaned_curly_bracket_lines", "curly_bracket_lines"),
    Measure("cleaned_sentences", "sentences"),
    Measure("cleaned_filled_lines", "filled_lines"),
    Measure("cleaned_punctuated_lines", "punctuated_lines", "filled_lines"),
    Measure("cleaned_short_lines", "short_lines", "filled_lines"),
    Measure("cleaned_duplicate_filled_line_characters", "duplicate_line_characters", "line_characters"),
    Measure("cleaned_newlines_per_word", "newlines", "words"),
)
"""What the stage `clean_lines` measures of the text that it leaves."""

BY_NAME: Mapping[str, Measure] = {measure.name: measure for measure in (*MEASURES, *CLEANED_MEASURES)}


def measured(schema: pa.Schema) -> frozenset[str]:
    """Return the names of the signals that documents carry."""
    index = schema.get_field_index(SIGNALS)
    return frozenset() if index < 0 else frozenset(field.name for field in schema.field(index).type)


def with_signals(schema: pa.Schema, measures: Sequence[Measure]) -> pa.Schema:
    """Return the columns with these signals among the others that the documents carry."""
    names = {measure.name for measure in measures}
    index = schema.get_field_index(SIGNALS)
    carried = [] if index < 0 or not pa.types.is_struct(schema.field(index).type) else schema.field(index).type
    others = [field for field in carried if field.name not in names]
    return set_field(schema, pa.field(SIGNALS, pa.struct([*others, *(measure.field for measure in measures)])))


def add_signals(
    batch: pa.RecordBatch, measures: Sequence[Measure], names: Sequence[str], counts: Counts
) -> pa.RecordBatch:
    """Return the documents with these signals among the others; `counts` has a column for each of `names`."""
    by_name = {name: counts[:, index] for index, name in enumerate(names)}
    made = {measure.name: measure.values(by_name) for measure in measures}
    if SIGNALS in batch.schema.names and pa.types.is_struct(batch.schema.field(SIGNALS).type):
        column = batch.column(SIGNALS)
        carried = dict(zip((field.name for field in column.type), column.flatten(), strict=True))
        made = {**carried, **made}
    kind = with_signals(batch.schema, measures).field(SIGNALS).type
    arrays = [made[field.name] for field in kind]
    return set_column(batch, SIGNALS, pa.StructArray.from_arrays(arrays, fields=list(kind)))
