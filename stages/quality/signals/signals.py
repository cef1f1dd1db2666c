"""Signals: what all recipes' rules look at, measured in one pass over the text and carried along with the document."""

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field

from prep.corpus.arrow.columns import string_buffers
from prep.corpus.errors import ConfigurationError, Problem
from prep.corpus.text.characters import character_table
from prep.corpus.text.words import Splitter, word_table, words
from prep.stages.quality.recipe import JudgesByRecipe, load_recipe
from prep.stages.quality.signals.measures import MEASURES, add_signals, with_signals
from prep.stages.quality.signals.signal_kernels import COUNTS, measure
from prep.stages.quality.signals.token_kernels import token_table
from prep.stages.quality.signals.word_kernels import stop_words
from prep.stages.shared.languages import related_codes
from prep.stages.stage import CheckContext, RowFunction, RowStage, Stage
from prep.stages.verdicts import Outcome

LANGUAGE = "language"


class Signals(RowStage):
    """Measure what the rules of `quality` look at: adds the column `signals`, one field per signal.

    All of Gopher's, C4's, FineWeb's, DCLM's and Dolma 3's signals are measured at once and stored with the document, so
    that `quality` can judge again with other thresholds without reading the text. A signal is null where it is not
    defined. Words follow the splitter. Unicode's default segmentation knows no dictionary: every ideograph, every
    hiragana, and every letter of Thai, Lao, Khmer and Burmese with its marks is a word, so that thresholds made for
    words of such languages do not fit (`prep quality fit` derives those that do).
    """

    version: ClassVar[int] = 3
    example: ClassVar[str] = "- signals: {recipe: fineweb}"
    name: ClassVar[str] = "signals"
    does: ClassVar[str] = "measuring quality signals"
    produces: ClassVar[tuple[str, ...]] = ("signals",)
    libraries: ClassVar[tuple[str, ...]] = ("regex",)
    columns: ClassVar[tuple[str, ...]] = ("text",)

    recipe: str = "gopher"
    """The recipe whose stop words are counted: the name of one that is shipped, or a file; left out, that of the next
    stage `quality`. Recipes may have stop words for each language; without the column `language`, those for all
    languages are counted."""
    splitter: Splitter = "unicode"
    """What a word is."""
    short_line: int = Field(30, ge=1)
    """Most characters of a short line."""

    def implied_by(self, later: Sequence[Stage]) -> Stage:
        """Return the stage with the recipe of the next stage that judges by one, and the splitter of that recipe."""
        recipes = [stage.recipe for stage in later if isinstance(stage, JudgesByRecipe)]
        if not recipes or "recipe" in self.model_fields_set:
            return self
        try:
            splitter = load_recipe(recipes[0]).splitter
        except ConfigurationError:
            return self  # the judging stage complains
        implied = {"recipe": recipes[0], **({"splitter": splitter} if splitter else {})}
        return self.model_copy(update={**implied, **{name: getattr(self, name) for name in self.model_fields_set}})

    def problems(self, context: CheckContext) -> Iterator[Problem]:
        """Find a recipe that cannot be read, and stop words that the splitter never gives."""
        try:
            lists = load_recipe(self.recipe).stop_words
        except ConfigurationError as error:
            yield Problem(str(error), ("recipe",))
            return
        for language, listed in lists.items():
            for word in listed:
                plain = word.isascii() and word.isalnum()  # needs no kernel, which takes time to compile
                if not plain and words(word, self.splitter) != [word]:
                    yield Problem(
                        f"recipe {self.recipe}: the {self.splitter} splitter never gives the stop word {word!r}"
                        + (f" of the language '{language}'" if language else ""),
                        ("recipe",),
                        expected="one word",
                        seen=" and ".join(map(repr, words(word, self.splitter))) or "none",
                        hint="write it as the splitter does, or take it out",
                    )

    def identity(self) -> dict[str, object]:
        """Return the settings with the stop words in place of the recipe."""
        lists = {language: list(listed) for language, listed in load_recipe(self.recipe).stop_words.items()}
        return {**self.model_dump(mode="json", exclude={"recipe"}), "stop_words": lists}

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Return the schema with the signals."""
        return with_signals(schema, MEASURES)

    def open(self) -> RowFunction:
        """Return the function over batches."""
        return measuring(load_recipe(self.recipe).stop_words, self.splitter, self.short_line)


def measuring(lists: Mapping[str, tuple[str, ...]], splitter: Splitter, short_line: int) -> RowFunction:
    """Return the function that measures documents with these stop words, by language; under "" those of all others."""
    table, characters, tokens = word_table(splitter), character_table(), token_table()
    stop, numbers = stop_words(list(lists.values())), {language: at for at, language in enumerate(lists)}

    def measure_batch(batch: pa.RecordBatch) -> Outcome:
        data, offsets = string_buffers(batch.column("text"))
        counts = measure(data, offsets, table, characters, tokens, stop, _list_numbers(batch, numbers), short_line)
        return Outcome(add_signals(batch, MEASURES, COUNTS, counts))

    return measure_batch


def _list_numbers(batch: pa.RecordBatch, numbers: dict[str, int]) -> npt.NDArray[np.int32]:
    """Return for each document the number of its language's list, of the list for all others, or −1."""
    others = numbers.get("", -1)
    if LANGUAGE not in batch.schema.names:
        return np.full(batch.num_rows, others, np.int32)
    encoded = batch.column(LANGUAGE).dictionary_encode()
    of = [
        next((numbers[each] for each in related_codes(code) if each in numbers), others) if code else others
        for code in encoded.dictionary.to_pylist()
    ]
    indices: npt.NDArray[np.int64] = encoded.indices.fill_null(len(of)).to_numpy(zero_copy_only=False)
    return np.array([*of, others], np.int32)[indices]
