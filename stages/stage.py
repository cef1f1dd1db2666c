"""The contract between the engine and the stages.

A stage is a frozen pydantic model: its fields are the options of the YAML, their bounds the validation, its docstring
the reference that `prep stages NAME` prints. There are three kinds:

- `SourceStage` reads: it lists input files, cuts them into partitions and yields batches of documents.
- `RowStage` works on each document by itself: it changes or adds columns and gives verdicts.
- `GlobalStage` needs all documents: deduplication, tokenizer training, packing, training. It runs in phases of
  independent tasks that exchange data through files, so that any executor can run them.

No stage drops or repeats a document. It names them in `Verdicts`; the engine drops, copies, counts and records them.
What a stage gives for a row may depend on that row alone, never on the batch it travels in.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol

import pyarrow as pa
from pydantic import Field

from prep.corpus.arrow.columns import set_field
from prep.corpus.errors import Problem
from prep.corpus.files.compression import START, Place
from prep.stages.results import Results, RunWarning, Threshold
from prep.stages.settings import Settings
from prep.stages.upstream import GlobalContext
from prep.stages.verdicts import Outcome, PartVerdicts

RowFunction = Callable[[pa.RecordBatch], Outcome]


@dataclass(frozen=True)
class InputFile:
    """A file to read."""

    path: str
    """Its path or URL."""
    size: int
    """Its size in bytes."""
    label: str = ""
    """Names the file in the ids of its records, wherever the folder above it lies."""
    source: str = ""
    """The name of the source that it belongs to."""
    state: str = field(default="", compare=False)
    """What shows that the file was changed: size and times, or the store's etag; empty until somebody asked for it."""
    identity: str = ""
    """What stands for its content in fingerprints: the store's etag, or what the size and times were when this content
    was first seen; empty until somebody asked for it."""
    error: str = ""
    """Why it cannot be read, where that is known before anybody tries."""
    format: str = ""
    """What it holds by its first bytes and its name; empty where nobody has looked."""
    codec: str | None = None
    """What it is compressed with by its first bytes, empty for nothing; None: as its name says."""
    charset: str = ""
    """The character set of its lines where that is not a superset of ASCII."""
    remark: str = ""
    """What is odd about it, for people."""


@dataclass(frozen=True)
class FileRange:
    """A stretch of a file that begins and ends with a record.

    In a table, a place's member is a row group (or record batch) and its offset the group's first row in the file.
    """

    file: InputFile
    size: int
    """Bytes on disk, about."""
    start: Place = START
    end: Place | None = None
    """None: the file's end."""
    first: int = 0
    """The byte that it begins at, about; the stretches of a file adjoin, so that each byte belongs to one of them."""


@dataclass(frozen=True)
class Partition:
    """What one task reads, in order."""

    ranges: tuple[FileRange, ...]

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(item.size for item in self.ranges)


@dataclass(frozen=True)
class CheckContext:
    """What is known when a configuration is checked, before any data moves."""

    schema: pa.Schema
    """Columns that the stages before this one provide."""
    input_bytes: int
    """Size of all input files."""
    artefacts: frozenset[str]
    """What earlier stages make: "tokenizer", "shards", "model"."""
    upstream: tuple["Stage", ...] = ()
    """The stages before this one, in order."""


class Stage(Settings):
    """What every kind of stage has in common."""

    name: ClassVar[str]
    """The key in the YAML."""
    does: ClassVar[str] = ""
    """What it does, for people who wait for it, such as `finding near-duplicates`; empty: the name stands for it."""
    version: ClassVar[int] = 1
    """Raised whenever the stage's output changes for the same input and settings."""
    example: ClassVar[str] = ""
    """How it stands in a pipeline's `stages`, as YAML, for its reference; empty: its name alone."""
    libraries: ClassVar[tuple[str, ...]] = ()
    """Distributions whose version decides the output; part of the fingerprint."""
    opt_outs: ClassVar[str] = ""
    """Which wishes of owners the stage's rejections respect, for the public summary of a corpus; empty for none."""
    columns: ClassVar[tuple[str, ...]] = ()
    """Columns that the stage reads; the plan refuses a stage whose columns nobody makes."""
    produces: ClassVar[tuple[str, ...]] = ()
    """Columns and artefacts for which somebody who misses them is sent to this stage."""
    fills: ClassVar[tuple[str, ...]] = ()
    """Columns that the stage writes where they are empty, and leaves as they are where they are not."""

    @property
    def tag(self) -> str | None:
        """The column in which rules are noted that would reject, for `Tagging` stages so configured; else None."""
        return None

    def implied_by(self, later: Sequence["Stage"]) -> "Stage":
        """Return the stage with options set that it was not given and that the stages after it imply."""
        return self

    def problems(self, context: CheckContext) -> Iterator[Problem]:
        """Yield what cannot work, beyond what the fields' types and bounds say. Reads no documents."""
        yield from ()

    def remarks(self, context: CheckContext) -> Iterator[str]:
        """Yield what `prep check` says of a stage without problems, a line each: what it will do, what it will need."""
        yield from ()

    def warnings(self, results: Results) -> Iterator[RunWarning]:
        """Yield what somebody should look at before the corpus is used, once the stage is complete.

        What holds for every stage (rules and errors that take too much) the engine finds by itself.
        """
        yield from ()

    def files(self) -> Mapping[str, str]:
        """Return other files whose content decides the output (a model, a list), by option name."""
        return {}

    def identity(self) -> dict[str, object]:
        """Return the settings that decide the output, as JSON-ready values."""
        return self.model_dump(mode="json")


class Tagging(Settings):
    """Options of a stage whose rules may be noted instead of applied. A base class beside the stage's kind.

    The engine does it: of a document that a rule would reject, the rule goes into a column, the ledger counts it, and
    the document stays. What a stage breaks on fails all the same.
    """

    name: ClassVar[str]

    action: Literal["reject", "tag"] = "reject"
    """What rules do. `reject` loses the documents; `tag` keeps them all and writes the rule that would have rejected
    each to a column, null where none would: the stage `filter` applies it later."""
    tag_column: str | None = Field(None, min_length=1)
    """The column of `action: tag`; left out, the stage's name and `_rule`."""

    @property
    def tag(self) -> str | None:
        """The column in which rules are noted, None where they reject."""
        return (self.tag_column or f"{self.name}_rule") if self.action == "tag" else None

    def has_rules(self) -> bool:
        """Whether the stage is configured to reject anything at all."""
        return True


class Watch(Protocol):
    """Receives what a reader is about to do, in a task in which reading has ended processes."""

    def enter(self, record: str) -> tuple[str, str] | None:
        """Note that a record is read from now on, given by its place or what else names it in all of the input.

        Returns the error that the record is to fail with, and its detail, where reading it has ended processes.
        """
        ...


class SourceStage(Stage):
    """Reads documents.

    The plan lists the files and asks for their columns once; what `read` needs of them travels in its arguments, so
    that a task touches no file but its own.
    """

    def apart_from(self, output: str) -> "SourceStage":
        """Return the stage so that it reads nothing in the run's output folder."""
        return self

    def list_files(self) -> tuple[InputFile, ...]:
        """Return the files to read, in a stable order, with digests only where the listing brings them."""
        raise NotImplementedError

    def output_schema(self, files: Sequence[InputFile]) -> pa.Schema:
        """Return the columns of the batches that `read` yields. Opens tables to see their columns."""
        raise NotImplementedError

    def own_columns(self, schema: pa.Schema) -> tuple[str, ...]:
        """Return which columns of `output_schema` are the input's own, with no meaning to the stages.

        Where a stage writes one of that name, its values are lost, and that is said.
        """
        return ()

    def partitions(self, files: Sequence[InputFile]) -> tuple[Partition, ...]:
        """Cut the files into tasks. Depends on the files alone, never on the number of workers."""
        raise NotImplementedError

    def stretches(self, file: InputFile, count: int, chosen: Sequence[int]) -> tuple[FileRange, ...] | None:
        """Return the chosen of `count` stretches of about equal size that make up a file, without those that are empty.

        A record is in the stretch in which it begins, whichever are asked for. None where the file cannot be cut.
        """
        return None

    def read(
        self, partition: Partition, schema: pa.Schema, batch_bytes: int, watch: Watch | None = None
    ) -> Iterator[Outcome]:
        """Yield the partition's records in order, in batches of about `batch_bytes`; every record is a row.

        `schema` is what `output_schema` returned. A record that is no document, or is broken, is a row with a verdict.
        `watch` receives each record before it is read. Raises nothing for bad data.
        """
        raise NotImplementedError


class RowStage(Stage):
    """Works on each document by itself."""

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Return the columns after this stage."""
        return schema

    def columns_after(self, schema: pa.Schema) -> pa.Schema:
        """Return the columns after this stage, with that of its tags."""
        return _with_field(self.output_schema(schema), self.tag)

    def findings_schema(self) -> pa.Schema | None:
        """Return the columns of a table that the stage fills beside the documents, or None where it has none.

        The engine writes the `findings` of the verdicts to it and publishes it in the folder `findings`.
        """
        return None

    def thresholds(self) -> tuple[Threshold, ...]:
        """Return the stage's thresholds on numbers that it leaves in columns, of those that hold for all documents.

        The engine counts what the stage would keep with others, for the report.
        """
        return ()

    def open(self) -> RowFunction:
        """Load what is heavy (a model, a compiled kernel), once per worker, and return the function over batches."""
        raise NotImplementedError


class Tap(Settings):
    """Extracts a small table from each part of the documents while they pass, so that the text is read only once.

    Its fields decide the table's content; a Global stage derives its tap from its own settings.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ()
    columns: ClassVar[tuple[str, ...]] = ()

    def reads(self) -> frozenset[str]:
        """Return the names that may be columns it reads: `columns`, and every string among its settings."""
        return frozenset((*self.columns, *_strings(self.model_dump())))

    def files(self) -> Mapping[str, str]:
        """Return other files whose content decides the table, by option name."""
        return {}

    def identity(self) -> dict[str, object]:
        """Return the settings that decide the table, as JSON-ready values."""
        return self.model_dump(mode="json")

    def open(self) -> Callable[[pa.RecordBatch], pa.RecordBatch]:
        """Return a function from documents to one row each, in order; the table is stored as Arrow IPC."""
        raise NotImplementedError


def _with_field(schema: pa.Schema, name: str | None) -> pa.Schema:
    """Return the columns with one of strings at the end, where it has a name."""
    return schema if name is None else schema.append(pa.field(name, pa.string()))


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, Sequence):
        for item in value:
            yield from _strings(item)


@dataclass(frozen=True)
class NearThreshold:
    """A document near the threshold of a Global stage's rule."""

    id: str
    value: float
    threshold: float
    bound: Literal["min", "max"]
    rejected: bool


@dataclass(frozen=True)
class Phase:
    """A set of independent tasks of a Global stage; phases run in order."""

    name: str
    tasks: int


class GlobalStage(Stage):
    """Needs all documents at once."""

    makes: ClassVar[str | None] = None
    """The artefact that `output` is for later stages and for the user: "tokenizer", "shards", "model"."""
    needs: ClassVar[tuple[str, ...]] = ()
    """Artefacts that must have been made before."""
    pictures: ClassVar[tuple[str, ...]] = ()
    """Files of `output` that are published in the run's folder as well, where people look first."""
    drops: ClassVar[bool] = False
    """Whether the stage loses documents (deduplication)."""
    grows: ClassVar[bool] = True
    """Whether what it makes takes more of the disk where there are more documents (a tokenizer does not)."""
    compares: ClassVar[bool] = False
    """Whether what it takes away is what other documents hold too: a share that grows with the input."""
    reads_text: ClassVar[bool] = True
    """Whether it reads the documents' text. One that does not, and has no tap, reads other columns of the parts and
    minds what is lost already, so that no pass need write the documents before it."""
    stops_itself: ClassVar[bool] = False
    """Whether a task ends in its own way when the run is interrupted (training writes a checkpoint). On this machine it
    runs in the process of the run, which the signal reaches."""

    @property
    def cuts(self) -> bool:
        """Whether the stage takes pieces out of texts (repeated lines)."""
        return False

    def adds(self) -> tuple[pa.Field, ...]:
        """Return the columns that the stage adds to the documents, or replaces."""
        return ()

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Return the columns after this stage."""
        for added in self.adds():
            schema = set_field(schema, added)
        return schema

    def columns_after(self, schema: pa.Schema) -> pa.Schema:
        """Return the columns after this stage, with that of its tags."""
        return _with_field(self.output_schema(schema), self.tag)

    def added_columns(self) -> frozenset[str]:
        """Return the names of the columns that the stage adds, with that of its tags."""
        return frozenset([field.name for field in self.adds()] + ([self.tag] if self.tag else []))

    def documents_in(self, output: str) -> int | None:
        """Return how many documents the stage's result holds, by its files; None where it holds none.

        The engine compares it with what the stage kept, and takes it for what comes into stages that need the result.
        """
        return None

    def near(self, output: str, rule: str) -> Iterator[NearThreshold]:
        """Yield documents near the threshold of a rule, on both sides, whose fate hangs on this rule alone.

        The nearest come first on each side. A stage without thresholds, or without this rule, yields none.
        """
        yield from ()

    def abridged(self, run: int, share: float) -> "GlobalStage":
        """Return the stage as a sample of so large a share of the input is to run it, to predict what the whole costs.

        It does less where its work does not come from the documents, though more in a later `run` (0, 1, …), and
        writes nothing outside its folders.
        """
        return self

    def smaller(self) -> "GlobalStage | None":
        """Return the stage with less to find, where a sample does not hold enough for it; None where it cannot be."""
        return None

    def amount(self, phase: str, text_bytes: float) -> float:
        """Return how much work a phase does on documents of so many bytes of text, in any unit: its cost grows with it.

        Such a cost as does not grow is found by measuring twice, and is no part of it.
        """
        return text_bytes

    def tap(self) -> Tap | None:
        """Return what to extract from the documents in the pass before; None reads the Parquet parts themselves."""
        return None

    def phases(self, parts: int) -> tuple[Phase, ...]:
        """Return the phases, their task counts known from the number of document parts."""
        raise NotImplementedError

    def is_light(self, phase: str) -> bool:
        """Return whether a phase does no more than read a few times what came out of the documents, and nothing else.

        Where that is little, the driver of a run on a cluster runs the phase itself. One that trains a model, or reads
        an index of any size, is not light.
        """
        return False

    def run(self, phase: str, task: int, context: GlobalContext) -> PartVerdicts | None:
        """Run one task. Files are written atomically and hold the same bytes on every run.

        A stage that decides about documents returns verdicts in one of its phases, which has a task per part: task i is
        about part i. The engine counts and writes what is lost. A stage that returns None everywhere keeps everything.
        """
        raise NotImplementedError
