"""What decontamination keeps of each document: where it holds n-grams of evaluation items."""

from collections.abc import Callable, Mapping
from typing import ClassVar

import numpy as np
import pyarrow as pa

from prep.corpus.arrow.columns import string_buffers
from prep.stages.decontaminate.evaluation_sets import EvaluationSet
from prep.stages.decontaminate.folding import UNICODE
from prep.stages.decontaminate.items import Items, Places
from prep.stages.decontaminate.known_sets import columns_of
from prep.stages.stage import Tap

PLACES = "places"
_PLACE = pa.struct({"ngram": pa.uint32(), "begin": pa.uint32(), "end": pa.uint32()})


class OverlapTap(Tap):
    """The n-grams of evaluation items that each document holds, with their places in its text."""

    name: ClassVar[str] = "overlaps"
    version: ClassVar[int] = 2
    libraries: ClassVar[tuple[str, ...]] = ("regex",)
    columns: ClassVar[tuple[str, ...]] = ("id", "text")

    sets: Mapping[str, EvaluationSet]
    ngram: int
    shortest: int
    common: int
    reference: EvaluationSet | None

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

    def items(self) -> Items:
        """Return the items of the sets. Raises ConfigurationError where a set cannot be read."""
        sets = {name: evaluation_set.versions(name) for name, evaluation_set in self.sets.items()}
        reference = () if self.reference is None else self.reference.items()
        return Items.of(sets, self.ngram, self.shortest, self.common, reference)

    def open(self) -> Callable[[pa.RecordBatch], pa.RecordBatch]:
        """Return the function from documents to the places in them, the sets indexed."""
        items = self.items()
        index = items.index()

        def extract(batch: pa.RecordBatch) -> pa.RecordBatch:
            places = items.find(*string_buffers(batch.column("text")), index)
            bounds = pa.array(np.searchsorted(places.rows, np.arange(batch.num_rows + 1)))
            columns = [pa.array(column.astype(np.uint32)) for column in (places.ngrams, places.begins, places.ends)]
            values = pa.StructArray.from_arrays(columns, fields=list(_PLACE))
            return pa.RecordBatch.from_arrays([pa.LargeListArray.from_arrays(bounds, values)], [PLACES])

        return extract


def places_of(table: pa.Table) -> Places:
    """Return the places that a tap's table holds."""
    lists = table.column(PLACES).combine_chunks()
    rows = np.repeat(np.arange(table.num_rows), lists.value_lengths().to_numpy())
    columns = lists.flatten().flatten()
    return Places(rows, *(column.to_numpy().astype(np.int64) for column in columns))


def _columns(name: str, evaluation_set: EvaluationSet) -> list[list[str]]:
    """Return the fields that an item's text may be made of."""
    return [list(columns) for columns in ((evaluation_set.columns,) if evaluation_set.columns else columns_of(name))]
