"""Texts that a stage or a command reads beside the documents of a run, as the stage `read` would read them."""

from collections.abc import Iterator
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from prep.corpus.arrow.documents import SOURCE, TEXT, select
from prep.corpus.errors import Problem
from prep.stages.catalogue import STAGES
from prep.stages.settings import PathName, Settings
from prep.stages.stage import CheckContext, SourceStage

BATCH_BYTES = 8 << 20


class TextSource(Settings):
    """Texts from files of any kind, or an earlier run's documents."""

    paths: PathName | tuple[PathName, ...]
    """Files, folders, globs or URLs, as the stage `read` takes them; of an earlier run, its folder `documents`."""
    format: Literal["auto", "jsonl", "parquet", "text", "markdown", "dataset"] = "auto"
    """What the files hold; `auto` tells each file's format by its name."""
    text_column: str = "text"
    """The field of a JSON record or table that holds the text."""
    sources: tuple[str, ...] = ()
    """Take only documents whose column `source` is one of these; empty takes all."""

    def problems(self) -> Iterator[Problem]:
        """Yield what `read` cannot read, and files that hold no text."""
        reader = self._reader()
        found = list(reader.problems(CheckContext(pa.schema([]), 0, frozenset())))
        yield from found
        if not found and TEXT.name not in reader.output_schema(reader.list_files()).names:
            yield Problem("these files hold no text", ("paths",), hint="extract it in a run and name its documents")

    def files(self) -> tuple[str, ...]:
        """Return the paths of the files, in the order in which they are read."""
        return tuple(file.path for file in self._reader().list_files())

    def columns(self) -> Iterator[pa.LargeStringArray]:
        """Yield the texts in order, some at a time."""
        for batch in self.batches():
            yield batch.column(TEXT.name)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the texts with their other columns in order, some at a time."""
        reader = self._reader()
        files = reader.list_files()
        schema = reader.output_schema(files)
        for partition in reader.partitions(files):
            for batch, verdicts in reader.read(partition, schema, BATCH_BYTES):
                wanted = batch if verdicts is None else select(batch, verdicts.rule.is_null())
                if self.sources:
                    wanted = select(wanted, pc.is_in(wanted.column(SOURCE.name), pa.array(self.sources)))
                yield wanted

    def _reader(self) -> SourceStage:
        options = {"paths": self.paths, "format": self.format, "text_column": self.text_column, "keep": ()}
        reader = STAGES["read"].model_validate(options)
        assert isinstance(reader, SourceStage)
        return reader
