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
from prep.stages.quality.recipe import implied, load_recipe
from prep.stages.quality.signals.measures import MEASURES, add_signals, with_signals
from prep.stages.quality.signals.signal_kernels import COUNTS, measure
from prep.stages.quality.signals.word_kernels import stop_words
from prep.stages.quality.words.splitting import (
    Unspaced,
    Words,
    WordSplitter,
    dictionary_identity,
    find_unspaced,
    tables,
    word_problems,
    words_of,
)
from prep.stages.shared.languages import related_codes
from prep.stages.stage import CheckContext, RowFunction, RowStage, Stage
from prep.stages.verdicts import Outcome

LANGUAGE = "language"


class Signals(RowStage):
    """Measure what the rules of `quality` look at: adds the column `signals`, one field per signal.

    All of Gopher's, C4's, FineWeb's, DCLM's and Dolma 3's signals are measured at once and stored with the document, so
    that `quality` can judge again with other thresholds without reading the text. A signal is null where it is not
    defined. Words follow the splitter; DCLM's and Dolma 3's are always Unicode's, or what stands between white space.
    No splitter knows where words end in scripts without spaces: to Unicode's, every ideograph, every hiragana and every
    letter of Thai, Lao, Khmer and Burmese with its marks is a word. Thresholds made for words of such languages need
    `unspaced: dictionary`.
    """

    version: ClassVar[int] = 4
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
    splitter: WordSplitter = "spacy"
    """What a word is; left out, what the recipe says. `spacy`: as spaCy's English rules cut text, whose words FineWeb's
    code counts; `unicode`: by Unicode's word boundaries (UAX #29); `whitespace`: what stands between white space."""
    unspaced: Unspaced = "letters"
    """What a word is in Chinese, Japanese, Thai, Lao, Khmer and Burmese. `letters`: each with its marks; `dictionary`:
    what ICU's dictionaries say (the extra `dictionaries`); `spaces`: to the splitter `spacy`, what stands between white
    space, as in FineWeb's code for English."""
    short_line: int = Field(30, ge=1)
    """Most characters of a short line."""

    @property
    def words(self) -> Words:
        """What a word is."""
        return Words(self.splitter, self.unspaced)

    def implied_by(self, later: Sequence[Stage]) -> Stage:
        """Return the stage with the recipe of the next stage that judges by one, and the words of its recipe."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        own = self.recipe if "recipe" in given else None
        return self.model_copy(update={**implied(later, own), **given})

    def problems(self, context: CheckContext) -> Iterator[Problem]:
        """Find a recipe that cannot be read, dictionaries that are not there, and stop words that are no words."""
        complaints = list(word_problems(self.words))
        yield from complaints
        if complaints:
            return
        try:
            lists = load_recipe(self.recipe).stop_words
        except ConfigurationError as error:
            yield Problem(str(error), ("recipe",))
            return
        for language, listed in lists.items():
            for word in listed:
                plain = word.isascii() and word.isalnum()  # needs no kernel, which takes time to compile
                found = [word] if plain else words_of(word, *self.words)
                if found != [word]:
                    yield Problem(
                        f"recipe {self.recipe}: the {self.splitter} splitter never gives the stop word {word!r}"
                        + (f" of the language '{language}'" if language else ""),
                        ("recipe",),
                        expected="one word",
                        seen=" and ".join(map(repr, found)) or "none",
                        hint="write it as the splitter does, or take it out",
                    )

    def identity(self) -> dict[str, object]:
        """Return the settings with the stop words in place of the recipe."""
        lists = {language: list(listed) for language, listed in load_recipe(self.recipe).stop_words.items()}
        settings = self.model_dump(mode="json", exclude={"recipe"})
        return {**settings, "stop_words": lists, **dictionary_identity(self.words)}

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Return the schema with the signals."""
        return with_signals(schema, MEASURES)

    def open(self) -> RowFunction:
        """Return the function over batches."""
        return measuring(load_recipe(self.recipe).stop_words, self.words, self.short_line)


def measuring(lists: Mapping[str, tuple[str, ...]], words: Words, short_line: int) -> RowFunction:
    """Return the function that measures documents with these stop words, by language; under "" those of all others."""
    split, characters = tables(words.splitter), character_table()
    stop, numbers = stop_words(list(lists.values())), {language: at for at, language in enumerate(lists)}

    def measure_batch(batch: pa.RecordBatch) -> Outcome:
        data, offsets = string_buffers(batch.column("text"))
        joins = find_unspaced(data, offsets, words)
        counts = measure(data, offsets, split, joins, characters, stop, _list_numbers(batch, numbers), short_line)
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
