"""Repairs texts: character sets, control and invisible characters, Unicode normal forms, lines of boilerplate."""

from collections.abc import Callable, Iterator
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from prep.corpus.arrow.columns import set_column, string_array, string_buffers
from prep.corpus.arrow.documents import TEXT
from prep.corpus.errors import Problem
from prep.corpus.text.hashing import lower_table
from prep.stages.repair.character_kernels import (
    MAY_BE_MOJIBAKE,
    NEEDS_NORMALISING,
    NEEDS_TIDYING,
    Characters,
    Form,
    characters,
    survey,
    tidy,
)
from prep.stages.repair.line_kernels import compile_phrases, drop_lines
from prep.stages.repair.mojibake import fixer, sequences
from prep.stages.stage import CheckContext, RowFunction, RowStage
from prep.stages.verdicts import Outcome, Verdicts

BOILERPLATE = (
    *("javascript", "terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies"),
    *("use cookies", "cookie settings", "accept cookies", "accept all cookies"),
)
"""Phrases of C4 (Raffel et al. 2020) and FineWeb, and those of cookie banners."""

ENCODING = pa.field("repair_encoding", pa.bool_())
WINDOWS_1252 = pa.field("repair_windows_1252", pa.int32())
CONTROLS = pa.field("repair_controls", pa.int32())
INVISIBLE = pa.field("repair_invisible", pa.int32())
NORMALISED = pa.field("repair_normalised", pa.bool_())
LINES = pa.field("repair_lines", pa.int32())
_NO_LIMIT = 1 << 62


class Repair(RowStage):
    """Repair texts, in the order of the options, and record in columns what was done.

    `repair_encoding` and `repair_normalised` say whether a text was changed so, `repair_windows_1252` how many
    characters were read so, `repair_controls`, `repair_invisible` and `repair_lines` how many went of each kind. A
    document is rejected where all that it held were lines of boilerplate (rule `only_boilerplate`).
    """

    version: ClassVar[int] = 4
    example: ClassVar[str] = "- repair: {encoding: true}"
    name: ClassVar[str] = "repair"
    does: ClassVar[str] = "repairing text"
    libraries: ClassVar[tuple[str, ...]] = ("ftfy", "pyarrow", "regex")
    columns: ClassVar[tuple[str, ...]] = ("text",)

    encoding: bool = False
    """Whether ftfy puts text right that was decoded with a wrong character set (`Ã©` for `é`). It sees only texts with
    characters that make this possible."""
    line_breaks: bool = True
    """Whether CR LF, CR, NEL, form feeds, vertical tabs and Unicode's separators of lines become newlines."""
    c1_controls: Literal["windows-1252", "controls"] = "windows-1252"
    """What U+0080 to U+009F are: `windows-1252` reads them as the characters that this character set has there, which
    is what almost all of them were meant to be (U+0092 becomes `’`); `controls` treats them as `controls` says."""
    controls: bool = True
    """Whether control characters go, but for tabs and breaks of lines; also sequences that steer terminals, the second
    of two letters that a backspace sets over each other (bold in manual pages), U+FEFF, noncharacters, and Unicode's
    deprecated control characters."""
    invisible: bool = True
    """Whether soft hyphens, word joiners, tags and zero-width characters go that say nothing. Joiners stay in emoji and
    beside letters of scripts that use them (Persian, Hindi, …), U+200B between words of scripts without spaces (Khmer),
    and tags in flags."""
    normalise: Literal["NFC", "NFKC", "none"] = "NFC"
    """The Unicode normal form (UAX #15): `NFC` composes letters and marks; `NFKC` also replaces what only looks
    different, such as ligatures, full-width letters and superscripts (`x²` becomes `x2`)."""
    boilerplate: tuple[str, ...] = BOILERPLATE
    """Phrases, in any case, whose lines go; empty keeps all."""
    boilerplate_max_length: int | None = Field(None, ge=1)
    """Most characters of a line that goes; by default there is no limit, as in C4."""

    def problems(self, context: CheckContext) -> Iterator[Problem]:
        """Yield phrases that are in every line or in none."""
        for index, phrase in enumerate(self.boilerplate):
            if not phrase.strip() or "\n" in phrase:
                yield Problem("a phrase of boilerplate", ("boilerplate", index), "words of one line", repr(phrase))

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Return the schema with `text` as large_string and the columns of what is repaired."""
        made = self._fields()
        names = {field.name for field in made}
        kept = [TEXT if field.name == TEXT.name else field for field in schema if field.name not in names]
        return pa.schema([*kept, *made])

    def open(self) -> RowFunction:
        """Return the function over batches."""
        form = None if self.normalise == "none" else self.normalise
        western = self.c1_controls == "windows-1252"
        mojibake = sequences() if self.encoding else {}
        table = characters(form, self.controls, self.line_breaks, mojibake, self.invisible, western)
        fix = fixer() if self.encoding else None
        phrases, lower = compile_phrases(self.boilerplate), lower_table()
        longest = self.boilerplate_max_length or _NO_LIMIT

        def repair(batch: pa.RecordBatch) -> Outcome:
            texts = batch.column(TEXT.name).cast(TEXT.type)
            done: dict[pa.Field, pa.Array] = {}
            if fix is not None:
                texts, done[ENCODING] = _fix_encoding(texts, table, fix)
            texts, done[WINDOWS_1252], done[CONTROLS], done[INVISIBLE] = _tidy(texts, table)
            if form is not None:
                texts, done[NORMALISED] = _normalise(texts, table, form)
            verdicts = None
            if self.boilerplate:
                written, offsets, counts = drop_lines(*string_buffers(texts), phrases, lower, longest)
                done[LINES] = pa.array(counts)
                if counts.any():
                    texts = _with_nulls(string_array(written, offsets), texts)
                    verdicts = _only_boilerplate(texts, counts)
            batch = set_column(batch, TEXT.name, texts)
            for field in self._fields():
                batch = set_column(batch, field.name, done[field])
            return Outcome(batch.select(self.output_schema(batch.schema).names), verdicts)

        return repair

    def _fields(self) -> list[pa.Field]:
        wanted = {
            ENCODING: self.encoding,
            WINDOWS_1252: self.c1_controls == "windows-1252",
            CONTROLS: self.controls,
            INVISIBLE: self.invisible,
            NORMALISED: self.normalise != "none",
            LINES: bool(self.boilerplate),
        }
        return [field for field, made in wanted.items() if made]


def _fix_encoding(texts: pa.Array, table: Characters, fix: Callable[[str], str]) -> tuple[pa.Array, pa.Array]:
    """Return the texts with their encoding put right where it can be wrong, and which were changed."""
    rows = np.flatnonzero(survey(*string_buffers(texts), table) & MAY_BE_MOJIBAKE)
    old = texts.take(pa.array(rows))
    return _replace(texts, rows, old, pa.array([fix(text) for text in old.to_pylist()], TEXT.type))


def _tidy(texts: pa.Array, table: Characters) -> tuple[pa.Array, pa.Array, pa.Array, pa.Array]:
    """Return what `tidy` returns, the texts as they are where none needs it."""
    if not (survey(*string_buffers(texts), table) & NEEDS_TIDYING).any():
        none = pa.array(np.zeros(len(texts), np.int32))
        return texts, none, none, none
    written, offsets, *counts = tidy(*string_buffers(texts), table)
    read, controls, invisible = map(pa.array, counts)
    return _with_nulls(string_array(written, offsets), texts), read, controls, invisible


def _normalise(texts: pa.Array, table: Characters, form: Form) -> tuple[pa.Array, pa.Array]:
    """Return the texts in the normal form, and which were changed."""
    rows = np.flatnonzero(survey(*string_buffers(texts), table) & NEEDS_NORMALISING)
    old = texts.take(pa.array(rows))
    return _replace(texts, rows, old, pc.utf8_normalize(old, form))


def _replace(texts: pa.Array, rows: npt.NDArray[np.intp], old: pa.Array, new: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Return the texts with those of some rows replaced, none of them null, and which differ from the old ones."""
    differ = pc.not_equal(old, new)
    changed = np.zeros(len(texts), np.bool_)
    changed[rows] = differ.to_numpy(zero_copy_only=False)
    mask = pa.array(changed)
    return pc.replace_with_mask(texts, mask, new.filter(differ)) if changed.any() else texts, mask


def _only_boilerplate(texts: pa.Array, counts: npt.NDArray[np.int32]) -> Verdicts:
    """Reject the texts that held nothing but lines that went."""
    empty = pc.equal(pc.utf8_trim_whitespace(texts), "").fill_null(False).to_numpy(zero_copy_only=False)
    return Verdicts.from_codes(np.where(empty & (counts > 0), 0, -1), ["only_boilerplate"])


def _with_nulls(texts: pa.Array, before: pa.Array) -> pa.Array:
    return pc.if_else(before.is_valid(), texts, None) if before.null_count else texts
