"""Finds evaluation items in documents by the n-grams of words they share, and takes them out of the training data."""

from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field, field_validator

from prep.corpus.arrow.columns import Bytes, Offsets, set_column, string_buffers
from prep.corpus.arrow.documents import TEXT
from prep.corpus.errors import ConfigurationError, Problem
from prep.corpus.text.cuts import without
from prep.stages.decontaminate.evaluation_sets import EvaluationSet
from prep.stages.decontaminate.folding import UNICODE, folding
from prep.stages.decontaminate.index import ItemIndex, Numbers, Spans
from prep.stages.decontaminate.known_sets import columns_of
from prep.stages.decontaminate.overlap_kernels import widen
from prep.stages.stage import CheckContext, Outcome, RowFunction, RowStage, Verdicts

FINDINGS = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("set", pa.string()),
        pa.field("item", pa.int64()),
        pa.field("ngrams", pa.int64()),
        pa.field("item_ngrams", pa.int64()),
        pa.field("share", pa.float64()),
        pa.field("verdict", pa.string()),
        pa.field("start", pa.int64()),
        pa.field("end", pa.int64()),
        pa.field("text", pa.large_string()),
    ]
)
"""One row per span: the document, the evaluation set, the item's number in it from 0, how many different n-grams of
the item the span holds and how many the item has, the share of the item's words that the document holds, what became of
the document (`reject`, `cut`, or `keep` where the share is too small), and where in the text the span was (bytes of
UTF-8)."""


class Decontaminate(RowStage):
    """Find evaluation items in documents, by n-grams of words; reject those documents or cut the items out.

    Documents and items are compared as sequences of normalised words: each code point becomes the letters and digits
    of NFKD(casefold(NFKD(c))), marks and format characters are left out, and everything else (punctuation, white space,
    HTML tags) separates words, as does a change between letters and digits. A letter of a script written without spaces
    is a word. Escapes of JSON and source code, LaTeX commands, character references, words broken at a line's end and
    groups of digits are read as what they stand for. An item of fewer than `ngram` words is looked for as a whole.

    An item is found where a document's n-grams of it cover `min_share` of its words. N-grams that are common, such as
    imports or licences, count for nothing.

    A rejected document goes under the rule `contaminated_` and the name of the first set it holds items of; `value` is
    the number of n-grams of the item it holds most of, `detail` names that item. What was found in which document and
    where, how much of the item it is, and what became of it is published in the folder `findings`, for documents
    rejected and cut, and for those that hold half of what it takes.
    """

    name: ClassVar[str] = "decontaminate"
    version: ClassVar[int] = 2
    libraries: ClassVar[tuple[str, ...]] = ("regex",)
    columns: ClassVar[tuple[str, ...]] = ("id", "text")

    sets: dict[str, EvaluationSet] = Field(min_length=1)
    """Evaluation sets by name, each with `path` and `columns`, or the path alone. A set named after a usual benchmark
    (`gsm8k`, `humaneval`, `mmlu`, `arc`, `hellaswag`, `math`, `mbpp`, …) needs no columns."""
    ngram: int = Field(13, ge=1, le=100)
    """Words in an n-gram. GPT-3 was decontaminated with 13 (Brown et al. 2020, appendix C)."""
    min_share: float = Field(0.5, ge=0, le=1)
    """Smallest share of an item's words that a document must hold in n-grams; 0: a single n-gram is enough."""
    common: int = Field(10, ge=1)
    """An n-gram that more items have than this, or more documents of `reference`, says nothing."""
    reference: EvaluationSet | None = None
    """Documents like those of the corpus, such as a sample of it from before the benchmarks appeared, with `path` and
    `columns` (`text` where none are given): what they have in common is no contamination."""
    shortest: int = Field(8, ge=1)
    """Fewest words of an item that is looked for: shorter ones stand in clean text too."""
    skip_short: bool = False
    """Leave out the items that are shorter; otherwise they are refused when the configuration is checked."""
    action: Literal["reject", "cut"] = "reject"
    """`reject` loses the document. `cut` takes the span out of its text, from the first shared word to the last and
    the punctuation around them; a document of which no word is left is rejected."""

    @field_validator("sets", mode="before")
    @classmethod
    def _paths_alone(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {name: {"path": item} if isinstance(item, str) else item for name, item in value.items()}

    def problems(self, context: CheckContext) -> Iterator[Problem]:
        """Find sets that cannot be read, and items too short to be looked for."""
        for name, evaluation_set in self.sets.items():
            try:
                items = evaluation_set.items(name)
            except (ConfigurationError, OSError, ValueError) as error:
                yield Problem(str(error), ("sets", name))
                continue
            index = ItemIndex({name: items}, self.ngram, self.shortest)
            short = np.flatnonzero(index.words < self.shortest)
            if len(short) == len(items):
                yield Problem(f"no item has {self.shortest} words", ("sets", name), hint="lower 'shortest'")
            elif len(short) and not self.skip_short:
                yield Problem(
                    f"{len(short)} of {len(items)} items have fewer than {self.shortest} words and would be found in "
                    f"clean text, such as item {short[0]}: {items[short[0]][:60]!r}",
                    ("sets", name),
                    hint="set skip_short: true to leave them out, or lower 'shortest'",
                )

    def remarks(self, context: CheckContext) -> Iterator[str]:
        """Say how many items are looked for, and how many are too short."""
        for name, evaluation_set in self.sets.items():
            ngrams = ItemIndex({name: evaluation_set.items(name)}, self.ngram, self.shortest).ngrams
            short = f"; {(ngrams == 0).sum():,} shorter than {self.shortest} words are left out" if 0 in ngrams else ""
            yield f"{name}: {len(ngrams):,} items{short}"

    def files(self) -> Mapping[str, str]:
        """Return the sets' files: their content decides the output, their place does not."""
        sets = {f"sets.{name}": evaluation_set for name, evaluation_set in self.sets.items()}
        if self.reference is not None:
            sets["reference"] = self.reference
        return {f"{name}.{number}": path for name, files in sets.items() for number, path in enumerate(files.files())}

    def identity(self) -> dict[str, object]:
        """Return the settings without the files' places, and the version of Unicode."""
        settings = self.model_dump(mode="json", exclude={"sets", "reference"})
        columns = {name: _columns(name, evaluation_set) for name, evaluation_set in self.sets.items()}
        reference = self.reference and _columns("", self.reference)
        return {**settings, "sets": columns, "reference": reference, "unicode": UNICODE}

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Return the schema with `text` as large_string where it may be cut."""
        index = schema.get_field_index("text")
        return schema.set(index, TEXT) if self.action == "cut" and index >= 0 else schema

    def findings_schema(self) -> pa.Schema:
        """Return FINDINGS."""
        return FINDINGS

    def _index(self) -> ItemIndex:
        sets = {name: evaluation_set.items(name) for name, evaluation_set in self.sets.items()}
        reference = None if self.reference is None else self.reference.items()
        return ItemIndex(sets, self.ngram, self.shortest, self.common, reference)

    def open(self) -> RowFunction:
        """Return the function over batches, the sets indexed."""
        index = self._index()

        def decontaminate(batch: pa.RecordBatch) -> Outcome:
            data, offsets = string_buffers(batch.column("text"))
            near = index.find(data, offsets, self.min_share / 2)
            enough = near.share >= self.min_share
            findings = _findings(batch, index, near, np.where(enough, self.action, "keep"), data, offsets)
            spans = near.where(enough)
            if self.action == "reject":
                rejected = np.unique(spans.rows)
            else:
                batch, rejected = _cut(batch, spans, data, offsets)
            return Outcome(batch, _verdicts(batch.num_rows, index, spans, rejected, findings))

        return decontaminate


def _columns(name: str, evaluation_set: EvaluationSet) -> list[list[str]]:
    """Return the fields that an item's text may be made of."""
    return [list(columns) for columns in ((evaluation_set.columns,) if evaluation_set.columns else columns_of(name))]


def _findings(
    batch: pa.RecordBatch,
    index: ItemIndex,
    spans: Spans,
    verdicts: npt.NDArray[np.str_],
    data: Bytes,
    offsets: Offsets,
) -> pa.RecordBatch:
    order = np.lexsort((spans.begins, spans.rows))
    rows, items, ngrams, share, begins, ends = (column[order] for column in spans)
    places = [index.place(int(item)) for item in items]
    bounds = zip((offsets[rows] + begins).tolist(), (offsets[rows] + ends).tolist(), strict=True)
    columns = [
        batch.column("id").cast(pa.string()).take(pa.array(rows)),
        [name for name, _ in places],
        [number for _, number in places],
        ngrams,
        index.ngrams[items],
        share,
        verdicts[order],
        begins,
        ends,
        [data[begin:end].tobytes().decode() for begin, end in bounds],
    ]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, FINDINGS, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=FINDINGS)


def _cut(batch: pa.RecordBatch, spans: Spans, data: Bytes, offsets: Offsets) -> tuple[pa.RecordBatch, Numbers]:
    """Return the batch with the spans cut out of its texts, and the rows of which no word is left."""
    wide = widen(data, offsets, folding(), spans.rows, spans.begins, spans.ends)
    kept = without(batch.column("text"), *_union(spans.rows, *wide))
    changed = np.unique(spans.rows)
    blank = [row for row, text in zip(changed, kept.take(changed), strict=True) if not _has_words(text.as_py())]
    return set_column(batch, "text", kept), np.array(blank, np.int64)


def _has_words(text: str) -> bool:
    return any(character.isalnum() for character in text)


def _union(rows: Numbers, begins: Numbers, ends: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Return spans in order, those that overlap or touch joined."""
    joined: list[list[int]] = []
    for row, begin, end in sorted(zip(rows.tolist(), begins.tolist(), ends.tolist(), strict=True)):
        if joined and joined[-1][0] == row and begin <= joined[-1][2]:
            joined[-1][2] = max(end, joined[-1][2])
        else:
            joined.append([row, begin, end])
    all_rows, all_begins, all_ends = np.array(joined, np.int64).reshape(-1, 3).T.copy()
    return all_rows, all_begins, all_ends


def _verdicts(rows: int, index: ItemIndex, spans: Spans, rejected: Numbers, findings: pa.RecordBatch) -> Verdicts:
    """Reject some rows: under the first set they hold an item of, with the item they hold most n-grams of."""
    rule, detail = np.full((2, rows), None, object)
    value = np.zeros(rows)
    by_item = np.lexsort((spans.items, spans.rows))
    by_ngrams = np.lexsort((spans.items, -spans.ngrams, spans.rows))
    with_items, first = np.unique(spans.rows, return_index=True)
    inside = np.isin(with_items, rejected)
    for row, lowest, most in zip(
        with_items[inside], spans.items[by_item][first[inside]], by_ngrams[first[inside]], strict=True
    ):
        name, number = index.place(int(spans.items[most]))
        rule[row] = f"contaminated_{index.place(int(lowest))[0]}"
        value[row] = spans.ngrams[most]
        detail[row] = f"{name} {number}"
    return Verdicts(
        pa.array(rule, pa.string()),
        value=pa.array(value, pa.float64(), mask=value == 0),
        detail=pa.array(detail, pa.string()),
        findings=findings,
    )
