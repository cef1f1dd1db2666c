"""Four published filters for text quality: Gopher's quality and repetition rules, C4's and FineWeb's.

Kernels count over whole columns; signals are ratios of counts, one value per document; rules compare signals with
thresholds (`prep.stages.quality.rules`). Defaults are those of FineWeb's recipe, where it uses the filter. Where the
field has several definitions of a rule, the fields below say which one is followed: those of datatrove 0.10, in its
order. `null` switches a rule off.

Words depend on the splitter: see `prep.corpus.words`.
"""

from collections.abc import Iterator
from typing import Annotated, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from prep.corpus.characters import character_table
from prep.corpus.columns import set_column, string_array, string_buffers
from prep.corpus.documents import TEXT
from prep.corpus.errors import Problem
from prep.corpus.sentences import sentence_table
from prep.corpus.words import Splitter, word_table, words
from prep.stages.quality.line_kernels import (
    JAVASCRIPT,
    LINES,
    LOREM_IPSUM,
    POLICY,
    LineRules,
    clean_lines,
    phrases,
)
from prep.stages.quality.quality_kernels import FINEWEB, GOPHER, Counts, fineweb_counts, gopher_counts, word_set
from prep.stages.quality.repetition_kernels import PIECES, ngram_characters, piece_counts
from prep.stages.quality.rules import Rule, judge, ratio
from prep.stages.stage import CheckContext, Outcome, RowFunction, RowStage

Share = Annotated[float, Field(ge=0, le=1)]
Ratio = Annotated[float, Field(ge=0)]
Number = Annotated[int, Field(ge=1)]
NgramLimits = dict[Annotated[int, Field(ge=1, le=50)], Share]

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


class _TextFilter(RowStage):
    columns: ClassVar[tuple[str, ...]] = ("text",)
    libraries: ClassVar[tuple[str, ...]] = ("regex",)


class GopherQuality(_TextFilter):
    """Rejects documents that do not look like prose, by the quality rules of Gopher (Rae et al. 2021, A1.1).

    A word is what the splitter gives, punctuation marks included; a plain word is one that is not punctuation alone.
    """

    name: ClassVar[str] = "gopher_quality"

    min_words: Number | None = 50
    """Fewest plain words (rule `short_doc`)."""
    max_words: Number | None = 100_000
    """Most plain words (rule `long_doc`)."""
    min_mean_word_length: Ratio | None = 3
    """Smallest mean number of characters of the plain words (rule `short_words`)."""
    max_mean_word_length: Ratio | None = 10
    """Largest mean number of characters of the plain words (rule `long_words`)."""
    max_hashes_per_word: Ratio | None = 0.1
    """Most `#` per word (rule `too_many_hashes`)."""
    max_ellipses_per_word: Ratio | None = 0.1
    """Most ellipses, `...` or `…`, per word (rule `too_many_ellipses`)."""
    max_bullet_lines: Share | None = 0.9
    """Largest share of lines that begin with `•` or `-` after white space; blank lines count as lines (rule
    `too_many_bullets`)."""
    max_ellipsis_lines: Share | None = 0.3
    """Largest share of lines that end with an ellipsis before white space; blank lines count (rule
    `too_many_end_ellipses`)."""
    min_alphabetic_words: Share | None = 0.8
    """Smallest share of words, punctuation marks included, that hold a letter (rule `too_few_alphabetic_words`)."""
    min_stop_words: Number | None = 2
    """Fewest different stop words (rule `too_few_stop_words`)."""
    stop_words: tuple[str, ...] = ("the", "be", "to", "of", "and", "that", "have", "with")
    """Stop words, compared with the words of the text as they are, upper and lower case told apart."""
    splitter: Splitter = "unicode"
    """What a word is."""

    def problems(self, context: CheckContext) -> Iterator[Problem]:
        """Find stop words that the splitter never gives."""
        for index, stop_word in enumerate(self.stop_words):
            plain = stop_word.isascii() and stop_word.isalnum()  # needs no kernel, which takes time to compile
            if not plain and words(stop_word, self.splitter) != [stop_word]:
                yield Problem(
                    f"the {self.splitter} splitter never gives the stop word {stop_word!r}",
                    field=("stop_words", index),
                    expected="one word",
                    seen=" and ".join(map(repr, words(stop_word, self.splitter))) or "none",
                    mend="write it as the splitter does, or take it out",
                )
        if self.min_stop_words and self.min_stop_words > len(set(self.stop_words)):
            yield Problem(
                "no document can hold so many different stop words",
                field=("min_stop_words",),
                expected=f"at most {len(set(self.stop_words))}, the number of stop words",
                seen=str(self.min_stop_words),
                mend="lower it, add stop words, or switch the rule off with null",
            )

    def rules(self) -> tuple[Rule, ...]:
        """Return the rules in their order."""
        return (
            Rule("short_doc", "plain_words", "min", self.min_words),
            Rule("long_doc", "plain_words", "max", self.max_words),
            Rule("short_words", "mean_word_length", "min", self.min_mean_word_length),
            Rule("long_words", "mean_word_length", "max", self.max_mean_word_length),
            Rule("too_many_hashes", "hashes_per_word", "max", self.max_hashes_per_word),
            Rule("too_many_ellipses", "ellipses_per_word", "max", self.max_ellipses_per_word),
            Rule("too_many_bullets", "bullet_lines", "max", self.max_bullet_lines),
            Rule("too_many_end_ellipses", "ellipsis_lines", "max", self.max_ellipsis_lines),
            Rule("too_few_alphabetic_words", "alphabetic_words", "min", self.min_alphabetic_words),
            Rule("too_few_stop_words", "stop_words", "min", self.min_stop_words),
        )

    def open(self) -> RowFunction:
        """Return the function over batches."""
        splitter, characters = word_table(self.splitter), character_table()
        data, offsets = string_buffers(pa.array(self.stop_words, pa.large_string()))
        stop_words = word_set(data, offsets)
        longest = max((len(word.encode()) for word in self.stop_words), default=0)
        rules = self.rules()

        def judge_batch(batch: pa.RecordBatch) -> Outcome:
            data, offsets = string_buffers(batch.column("text"))
            count = _columns(GOPHER, gopher_counts(data, offsets, splitter, characters, stop_words, longest))
            signals = {
                "plain_words": count["plain_words"].astype(np.float64),
                "mean_word_length": ratio(count["plain_characters"], count["plain_words"]),
                "hashes_per_word": ratio(count["hashes"], count["words"]),
                "ellipses_per_word": ratio(count["ellipses"], count["words"]),
                "bullet_lines": ratio(count["bullet_lines"], count["lines"]),
                "ellipsis_lines": ratio(count["ellipsis_lines"], count["lines"]),
                "alphabetic_words": ratio(count["alphabetic_words"], count["words"]),
                "stop_words": count["stop_words"].astype(np.float64),
            }
            return Outcome(batch, judge(signals, rules))

        return judge_batch


class GopherRepetition(_TextFilter):
    """Rejects documents that repeat themselves, by the repetition rules of Gopher (Rae et al. 2021, table A1).

    Every copy after the first is a duplicate; the first is not. Shares of characters are shares of all characters of
    the text, white space included.
    """

    name: ClassVar[str] = "gopher_repetition"

    max_duplicate_paragraphs: Share | None = 0.3
    """Largest share of paragraphs, separated by two or more newlines, that are duplicates (rule `dup_para_frac`)."""
    max_duplicate_paragraph_characters: Share | None = 0.2
    """Largest share of characters in duplicate paragraphs (rule `dup_para_char_frac`)."""
    max_duplicate_lines: Share | None = 0.3
    """Largest share of lines, separated by one or more newlines, that are duplicates (rule `dup_line_frac`)."""
    max_duplicate_line_characters: Share | None = 0.2
    """Largest share of characters in duplicate lines (rule `dup_line_char_frac`)."""
    top_ngrams: NgramLimits = Field({2: 0.2, 3: 0.18, 4: 0.16})
    """For a number of words, the largest share of characters in the most frequent n-gram: its characters, with a
    space between words, times its occurrences, overlapping ones included (rules `top_2_gram` …)."""
    duplicate_ngrams: NgramLimits = Field({5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.10})
    """For a number of words, the largest share of characters, without white space, in n-grams that occurred before,
    found from left to right without overlap (rules `dup_5_gram` …)."""
    splitter: Splitter = "unicode"
    """What a word is."""

    def rules(self) -> tuple[Rule, ...]:
        """Return the rules in their order."""
        return (
            Rule("empty", "characters", "min", 1),
            Rule("dup_para_frac", "paragraphs", "max", self.max_duplicate_paragraphs),
            Rule("dup_para_char_frac", "paragraph_characters", "max", self.max_duplicate_paragraph_characters),
            Rule("dup_line_frac", "lines", "max", self.max_duplicate_lines),
            Rule("dup_line_char_frac", "line_characters", "max", self.max_duplicate_line_characters),
            *(Rule(f"top_{n}_gram", f"top_{n}_gram", "max", limit) for n, limit in sorted(self.top_ngrams.items())),
            *(
                Rule(f"dup_{n}_gram", f"dup_{n}_gram", "max", limit)
                for n, limit in sorted(self.duplicate_ngrams.items())
            ),
        )

    def open(self) -> RowFunction:
        """Return the function over batches."""
        splitter, characters = word_table(self.splitter), character_table()
        lengths = [*self.top_ngrams, *self.duplicate_ngrams]
        duplicates_from = min(self.duplicate_ngrams, default=max(lengths, default=0) + 1)
        rules = self.rules()

        def judge_batch(batch: pa.RecordBatch) -> Outcome:
            data, offsets = string_buffers(batch.column("text"))
            count = _columns(PIECES, piece_counts(data, offsets, characters))
            text = count["characters"]
            signals = {
                "characters": text.astype(np.float64),
                "paragraphs": ratio(count["duplicate_paragraphs"], count["paragraphs"]),
                "paragraph_characters": ratio(count["duplicate_paragraph_characters"], text),
                "lines": ratio(count["duplicate_lines"], count["lines"]),
                "line_characters": ratio(count["duplicate_line_characters"], text),
            }
            if lengths:
                shortest, longest = min(lengths), max(lengths)
                top, duplicate = ngram_characters(data, offsets, splitter, shortest, longest, duplicates_from)
                for n in range(shortest, longest + 1):
                    signals[f"top_{n}_gram"] = ratio(top[:, n - shortest], text)
                    signals[f"dup_{n}_gram"] = ratio(duplicate[:, n - shortest], text)
            return Outcome(batch, judge(signals, rules))

        return judge_batch


class C4(_TextFilter):
    """Cleans lines and rejects documents by the rules of C4 (Raffel et al. 2020, section 2.2). Changes the text.

    A line is what `str.splitlines` gives, without white space at its ends; words are separated by white space. Lines
    that stay are joined by newlines. The line rules come in the order of the fields; the first line that rejects the
    document names the rule.
    """

    name: ClassVar[str] = "c4"

    max_word_length: Number | None = 1000
    """Lines with a word of more characters are dropped."""
    remove_citations: bool = True
    """Citation marks are cut out of lines: `[12]`, `[]`, `[edit]`, `[citation needed]`."""
    terminal_punctuation: bool = False
    """Lines that do not end in one of `. ? ! " '`, or that end in `...`, are dropped. Off in FineWeb, on in C4."""
    min_words_per_line: Number | None = 3
    """Lines with fewer words, counted before citation marks are cut, are dropped."""
    reject_lorem_ipsum: bool = True
    """Documents with a line that holds "lorem ipsum" in any case are rejected (rule `lorem_ipsum`)."""
    drop_javascript: bool = True
    """Lines that hold "javascript" in any case are dropped."""
    reject_curly_bracket: bool = True
    """Documents with a line that holds `{` are rejected (rule `curly_bracket`)."""
    drop_policy: bool = True
    """Lines are dropped that hold "terms of use", "privacy policy", "cookie policy", "uses cookies",
    "use of cookies" or "use cookies" in any case."""
    min_sentences: Number | None = 5
    """Fewest sentences in the lines that stay, by Unicode's default sentence boundaries within each line (rule
    `too_few_sentences`)."""

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Return the schema with `text` as large_string."""
        index = schema.get_field_index("text")
        return schema if index < 0 else schema.set(index, TEXT)

    def rules(self) -> tuple[Rule, ...]:
        """Return the rules in their order."""
        return (
            Rule("lorem_ipsum", "lorem_ipsum_lines", "max", 0),
            Rule("curly_bracket", "curly_bracket_lines", "max", 0),
            Rule("too_few_sentences", "sentences", "min", self.min_sentences),
        )

    def open(self) -> RowFunction:
        """Return the function over batches."""
        characters, sentences, sought = character_table(), sentence_table(), phrases(_PHRASES)
        line_rules = LineRules(
            max_word_length=self.max_word_length or -1,
            min_words=self.min_words_per_line or -1,
            citations=self.remove_citations,
            terminal=self.terminal_punctuation,
            dropping=JAVASCRIPT * self.drop_javascript | POLICY * self.drop_policy,
            rejecting=LOREM_IPSUM * self.reject_lorem_ipsum,
            curly_bracket=self.reject_curly_bracket,
        )
        rules = self.rules()

        def judge_batch(batch: pa.RecordBatch) -> Outcome:
            data, offsets = string_buffers(batch.column("text"))
            cleaned, cleaned_offsets, counts = clean_lines(data, offsets, characters, sentences, sought, line_rules)
            signals = {name: count.astype(np.float64) for name, count in _columns(LINES, counts).items()}
            text = string_array(cleaned[: cleaned_offsets[-1]], cleaned_offsets)
            return Outcome(set_column(batch, "text", text), judge(signals, rules))

        return judge_batch


class FineWeb(_TextFilter):
    """Rejects documents whose lines look like lists and menus, by the rules of FineWeb (Penedo et al. 2024, 3.6).

    A line is what stands between newlines, unless it is blank.
    """

    name: ClassVar[str] = "fineweb"

    min_punctuated_lines: Share | None = 0.12
    """Smallest share of lines whose last character is a terminal mark of any script (rule `line_punct_ratio`)."""
    max_short_lines: Share | None = 0.67
    """Largest share of short lines (rule `short_line_ratio`)."""
    short_line_length: Number = 30
    """Most characters of a short line."""
    max_duplicate_line_characters: Share | None = 0.01
    """Largest share of characters, newlines not counted, in lines that occurred before (rule `char_dup_ratio`)."""
    max_newlines_per_word: Ratio | None = 0.3
    """Most newlines per word, punctuation marks included (rule `list_ratio`)."""
    splitter: Splitter = "unicode"
    """What a word is."""

    def rules(self) -> tuple[Rule, ...]:
        """Return the rules in their order."""
        return (
            Rule("empty", "lines", "min", 1),
            Rule("line_punct_ratio", "punctuated_lines", "min", self.min_punctuated_lines),
            Rule("short_line_ratio", "short_lines", "max", self.max_short_lines),
            Rule("char_dup_ratio", "duplicate_line_characters", "max", self.max_duplicate_line_characters),
            Rule("list_ratio", "newlines_per_word", "max", self.max_newlines_per_word),
        )

    def open(self) -> RowFunction:
        """Return the function over batches."""
        splitter, characters = word_table(self.splitter), character_table()
        rules = self.rules()

        def judge_batch(batch: pa.RecordBatch) -> Outcome:
            data, offsets = string_buffers(batch.column("text"))
            count = _columns(FINEWEB, fineweb_counts(data, offsets, splitter, characters, self.short_line_length))
            signals = {
                "lines": count["lines"].astype(np.float64),
                "punctuated_lines": ratio(count["punctuated_lines"], count["lines"]),
                "short_lines": ratio(count["short_lines"], count["lines"]),
                "duplicate_line_characters": ratio(count["duplicate_characters"], count["characters"]),
                "newlines_per_word": ratio(count["newlines"], count["words"]),
            }
            return Outcome(batch, judge(signals, rules))

        return judge_batch


def _columns(names: tuple[str, ...], counts: Counts) -> dict[str, Counts]:
    return {name: counts[:, index] for index, name in enumerate(names)}
