"""What a Global stage reads and where it writes: the documents before it, its own folders, what earlier stages made."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar, overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from prep.corpus.arrow.columns import set_column, set_field
from prep.corpus.arrow.documents import read_documents, read_schema, select
from prep.corpus.files.storage import read_arrow
from prep.corpus.text.cuts import without

T = TypeVar("T")


class PerPart(Sequence[T]):
    """Something of each part, made when it is asked for: the tasks of all parts would make a list of all parts each."""

    def __init__(self, parts: int, make: Callable[[int], T]) -> None:
        """`make` returns it, given the part's number."""
        self._parts = range(parts)
        self._make = make

    def __len__(self) -> int:
        return len(self._parts)

    @overload
    def __getitem__(self, part: int) -> T: ...

    @overload
    def __getitem__(self, part: slice) -> Sequence[T]: ...

    def __getitem__(self, part: int | slice) -> T | Sequence[T]:
        found = self._parts[part]
        return self._make(found) if isinstance(found, int) else [self._make(each) for each in found]


@dataclass(frozen=True)
class Upstream:
    """The documents that a Global stage works on, as files.

    `parts[i]` is a Parquet file; `taps[i]` the Arrow IPC file that the stage's tap made of it (empty without a tap);
    `drops[i]`, `cuts[i]` and `columns[i]` the files that earlier Global stages wrote for that part (see GlobalContext)
    and that no pass has applied yet.
    """

    parts: Sequence[str]
    taps: Sequence[str] = ()
    drops: Sequence[tuple[str, ...]] = ()
    cuts: Sequence[tuple[str, ...]] = ()
    columns: Sequence[tuple[str, ...]] = ()

    def dropped(self, part: int) -> npt.NDArray[np.bool_] | None:
        """Return which rows of a part are already lost (rows), or None where no stage has dropped any."""
        lost: npt.NDArray[np.bool_] | None = None
        for path in self.drops[part] if self.drops else ():
            column = read_arrow(path).column("drop").to_numpy()
            lost = column if lost is None else lost | column
        return lost

    def documents(self, part: int, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yield a part's documents, all columns or these, in batches: changed, and without those that are lost."""
        lost = self.dropped(part)
        start = 0
        for batch in self.rows(part, columns):
            end = start + batch.num_rows
            yield batch if lost is None else select(batch, pa.array(~lost[start:end]))
            start = end

    def rows(self, part: int, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yield a part's documents as `documents` does, and those that are lost as well: each row of the part."""
        cuts = [read_arrow(path) for path in (self.cuts[part] if self.cuts else ())]
        added = [read_arrow(path) for path in (self.columns[part] if self.columns else ())]
        if columns is not None:
            asked = {*columns, *(name.partition(".")[0] for name in columns)}
            added = [table.select([name for name in table.column_names if name in asked]) for table in added]
        new = {name for table in added for name in table.column_names}
        stored = None if columns is None else [each for each in columns if not {each, each.partition(".")[0]} & new]
        start = 0
        for batch in read_documents(self.parts[part], ["id"] if stored == [] else stored):
            yield _changed(batch, cuts, added, start)
            start += batch.num_rows

    def schema(self, part: int) -> pa.Schema:
        """Return the columns of a part's documents as `rows` yields them."""
        schema = read_schema(self.parts[part])
        for path in self.columns[part] if self.columns else ():
            for added in read_arrow(path).schema:
                schema = set_field(schema, added)
        return schema


def _changed(batch: pa.RecordBatch, cuts: list[pa.Table], added: list[pa.Table], start: int) -> pa.RecordBatch:
    """Return the documents from row `start` of a part on, changed as the part's tables say."""
    columns = {}
    for table in cuts:
        columns["text"] = _cut(batch.column("text"), table, start)
    for table in added:
        columns |= {name: table.column(name).slice(start, len(batch)).combine_chunks() for name in table.column_names}
    for name, column in columns.items():
        batch = set_column(batch, name, column)
    return batch


def _cut(column: pa.Array, cuts: pa.Table, start: int) -> pa.Array:
    """Take out of the texts of some rows, the first of which is row `start` of its part, what a table of cuts says."""
    rows, starts, ends = (cuts.column(name).to_numpy() for name in ("row", "start", "end"))
    inside = slice(*np.searchsorted(rows, (start, start + len(column))))
    breaks = cuts.column("break").to_numpy() if "break" in cuts.column_names else np.zeros(len(rows), np.bool_)
    return without(column, rows[inside] - start, starts[inside], ends[inside], breaks[inside])


PROGRESS = "progress.txt"
"""A long task may say in this file of its scratch folder, in one line, how far it is."""


@dataclass(frozen=True)
class GlobalContext:
    """Where a task of a Global stage reads and writes. Paths are local folders or fsspec URLs.

    `output` is the stage's result. What it changes of the documents it writes there, by part, for the next pass:

    - `cuts/{part:05d}.arrow`, where `cuts`: the bytes to take out of texts, columns `row`, `start` and `end` (int64),
      rising, without overlap, at the borders of characters, and `break` (bool): a line break takes their place;
    - `columns/{part:05d}.arrow`, where it `adds` columns: these, a row per document.

    What it found in documents it may write to `findings/{part:05d}.parquet`; it is published in the folder `findings`.

    What its verdicts lose or tag the engine writes beside them: `drops/{part:05d}.arrow`, one boolean column `drop`,
    where the stage `drops`; `tags/{part:05d}.arrow`, one column of rules, where it has a `tag`; and
    `rejected/{part:05d}.parquet` (schema `prep.corpus.arrow.documents.REJECTED`).

    `scratch` is for files between phases and is deleted when the stage is complete.
    """

    upstream: Upstream
    output: str
    scratch: str
    artefacts: Mapping[str, str] = field(default_factory=dict)
    """Folders that earlier stages made: "tokenizer", "shards"."""
