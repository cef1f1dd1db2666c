"""The cleaning of C4: lines that are no text are dropped. Changes the text; rejects no document.

Source: Raffel et al. 2020, section 2.2, in the order of datatrove 0.10's C4QualityFilter.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar

import pyarrow as pa
from pydantic import Field

from prep.corpus.arrow.columns import set_column, string_array, string_buffers
from prep.corpus.arrow.documents import TEXT
from prep.corpus.errors import Problem
from prep.corpus.text.characters import character_table
from prep.corpus.text.sentences import sentence_table
from prep.stages.quality.cleaning_kernels import (
    CLEANED,
    JAVASCRIPT,
    LOREM_IPSUM,
    POLICY,
    LineRules,
    clean_lines,
    count_split,
    phrases,
)
from prep.stages.quality.recipe import implied
from prep.stages.quality.signals.measures import CLEANED_MEASURES, add_signals, with_signals
from prep.stages.quality.words.splitting import (
    Unspaced,
    Words,
    WordSplitter,
    dictionary_identity,
    find_unspaced,
    tables,
    word_problems,
)
from prep.stages.stage import CheckContext, RowFunction, RowStage, Stage
from prep.stages.verdicts import Outcome

Number = Annotated[int, Field(ge=1)]

_PHRASES = {
    "lorem ipsum": LOREM_IPSUM,
    "javascript": JAVASCRIPT,
    "terms of use": POLICY,
    "privacy policy": POLICY,
    "cookie policy": POLICY,
    "uses cookies": POLICY,
    "use of cookies": POLICY,
    "use cookies": POLICY,
}


class CleanLines(RowStage):
    """Drop lines that are no text, by the rules of C4 (Raffel et al. 2020, section 2.2). Changes the text.

    A line is what `str.splitlines` gives, without white space at its ends; words are separated by white space. Lines
    that stay are joined by newlines. The rules come in the order of the options. No document is rejected; what C4's and
    FineWeb's rules look at in the text that is left goes into the column `signals` (fields `cleaned_…`).
    """

    version: ClassVar[int] = 2
    example: ClassVar[str] = "- clean_lines: {terminal_punctuation: true}"
    name: ClassVar[str] = "clean_lines"
    does: ClassVar[str] = "removing lines that are no text"
    libraries: ClassVar[tuple[str, ...]] = ("regex",)
    columns: ClassVar[tuple[str, ...]] = ("text",)

    max_word_length: Number | None = 1000
    """Lines with a word of more characters are dropped."""
    remove_citations: bool = True
    """Citation marks are cut out of lines: `[12]`, `[]`, `[edit]`, `[citation needed]`."""
    terminal_punctuation: bool = False
    """Lines that do not end in one of `. ? ! " '`, or that end in `...`, are dropped. Off in FineWeb, on in C4."""
    min_words_per_line: Number | None = 3
    """Lines with fewer words, counted before citation marks are cut, are dropped."""
    drop_javascript: bool = True
    """Lines that hold "javascript" in any case are dropped."""
    drop_policy: bool = True
    """Lines are dropped that hold "terms of use", "privacy policy", "cookie policy", "uses cookies",
    "use of cookies" or "use cookies" in any case."""
    splitter: WordSplitter = "spacy"
    """What a word is in `cleaned_newlines_per_word`, as in the stage `signals`."""
    unspaced: Unspaced = "letters"
    """What a word is there in scripts without spaces, as in the stage `signals`."""
    short_line: Number = 30
    """Most characters of a short line."""

    @property
    def words(self) -> Words:
        """What a word is."""
        return Words(self.splitter, self.unspaced)

    def implied_by(self, later: Sequence[Stage]) -> Stage:
        """Return the stage with the splitter of the next stage's recipe."""
        asked = {name: value for name, value in implied(later).items() if name != "recipe"}
        given = {name: getattr(self, name) for name in self.model_fields_set}
        return self.model_copy(update={**asked, **given})

    def problems(self, context: CheckContext) -> Iterator[Problem]:
        """Find dictionaries that are not there."""
        yield from word_problems(self.words)

    def identity(self) -> dict[str, object]:
        """Return the settings, with the version of dictionaries."""
        return {**self.model_dump(mode="json"), **dictionary_identity(self.words)}

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Return the schema with `text` as large_string and the signals of the text that is left."""
        index = schema.get_field_index("text")
        return with_signals(schema if index < 0 else schema.set(index, TEXT), CLEANED_MEASURES)

    def open(self) -> RowFunction:
        """Return the function over batches."""
        characters, sentences, split = character_table(), sentence_table(), tables(self.splitter)
        sought = phrases(_PHRASES)
        line_rules = LineRules(
            max_word_length=self.max_word_length or -1,
            min_words=self.min_words_per_line or -1,
            citations=self.remove_citations,
            terminal=self.terminal_punctuation,
            dropping=JAVASCRIPT * self.drop_javascript | POLICY * self.drop_policy,
        )

        def clean_batch(batch: pa.RecordBatch) -> Outcome:
            data, offsets = string_buffers(batch.column("text"))
            cleaned, ends, counts = clean_lines(
                data, offsets, characters, sentences, sought, line_rules, self.short_line
            )
            count_split(cleaned, ends, split, find_unspaced(cleaned, ends, self.words), counts)
            batch = set_column(batch, "text", string_array(cleaned[: ends[-1]], ends))
            return Outcome(add_signals(batch, CLEANED_MEASURES, CLEANED, counts))

        return clean_batch
