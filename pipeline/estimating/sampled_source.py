"""Sources that stand in the place of a pipeline's own: they read a sample of its input, or documents in memory."""

from collections.abc import Iterator, Sequence
from typing import ClassVar

import pyarrow as pa
from pydantic import PrivateAttr

from prep.stages.stage import FileRange, InputFile, Partition, SourceStage, Watch
from prep.stages.verdicts import Outcome


class SampledSource(SourceStage):
    """Reads the tasks that it is given from another source."""

    name: ClassVar[str] = "read"

    _source: SourceStage = PrivateAttr()
    _files: tuple[InputFile, ...] = PrivateAttr()
    _tasks: tuple[Partition, ...] = PrivateAttr()

    @staticmethod
    def over(source: SourceStage, files: tuple[InputFile, ...], tasks: tuple[Partition, ...]) -> "SampledSource":
        """Return the source that reads so much of another one."""
        made = SampledSource()
        made._source, made._files, made._tasks = source, files, tasks
        return made

    def list_files(self) -> tuple[InputFile, ...]:
        """Return all files."""
        return self._files

    def output_schema(self, files: Sequence[InputFile]) -> pa.Schema:
        """Return the columns of the other source."""
        return self._source.output_schema(files)

    def partitions(self, files: Sequence[InputFile]) -> tuple[Partition, ...]:
        """Return the tasks."""
        return self._tasks

    def read(
        self, partition: Partition, schema: pa.Schema, batch_bytes: int, watch: Watch | None = None
    ) -> Iterator[Outcome]:
        """Read as the other source does."""
        return self._source.read(partition, schema, batch_bytes, watch)


class HeldSource(SourceStage):
    """Gives documents that are held in memory, a list of batches for each task."""

    name: ClassVar[str] = "read"

    _schema: pa.Schema = PrivateAttr()
    _tasks: Sequence[Sequence[pa.RecordBatch]] = PrivateAttr()

    @staticmethod
    def of(schema: pa.Schema, tasks: Sequence[Sequence[pa.RecordBatch]]) -> "HeldSource":
        """Return the source of these documents."""
        made = HeldSource()
        made._schema, made._tasks = schema, tasks
        return made

    def list_files(self) -> tuple[InputFile, ...]:
        """Return a file for each task, which nobody opens."""
        return tuple(InputFile(f"held in memory/{number}", 0) for number in range(len(self._tasks)))

    def output_schema(self, files: Sequence[InputFile]) -> pa.Schema:
        """Return the columns of the documents."""
        return self._schema

    def partitions(self, files: Sequence[InputFile]) -> tuple[Partition, ...]:
        """Return a task for each file."""
        return tuple(Partition((FileRange(file, 0),)) for file in files)

    def read(
        self, partition: Partition, schema: pa.Schema, batch_bytes: int, watch: Watch | None = None
    ) -> Iterator[Outcome]:
        """Yield a task's batches."""
        number = int(partition.ranges[0].file.path.rpartition("/")[2])
        return map(Outcome, self._tasks[number])
