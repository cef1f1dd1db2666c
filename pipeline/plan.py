"""The plan: a configuration cut into steps, each with its fingerprint. Pure: it moves no document.

The list of stages is cut at the Global stages. What lies between two cuts is one fused pass that reads, applies every
row stage and writes Parquet parts. A deduplication stage loses documents by a bitmap that the next pass applies, so
the text is not copied to deduplicate (columns that a Global stage adds, and pieces that it takes out of texts, are
applied by the next pass too); and what it needs to know of each document (its tap) is extracted in the pass
before it, so the text is not read again either. Between two deduplication stages in a row there is no pass at all.

    read  extract  language │ exact │ minhash │ (pass) │ tokenizer │ pack
    └── pass, taps of both ─┘                 └ applies both bitmaps
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa

from prep.pipeline.config import Configuration
from prep.pipeline.fingerprint import FORMAT, Identity, columns_identity, fingerprint, input_identity, stage_identity
from prep.pipeline.steps.keeping import RejectedText
from prep.stages.stage import (
    GlobalStage,
    InputFile,
    Partition,
    Phase,
    RowStage,
    SourceStage,
    Stage,
    Tap,
)


class Partitions(Protocol):
    """What the tasks of a pass read, by task."""

    def __getitem__(self, task: int, /) -> Partition: ...


Identify = Callable[[Sequence[InputFile]], tuple[InputFile, ...]]


@dataclass(frozen=True)
class TapPlan:
    """A table that a pass extracts for a Global stage, kept under its own fingerprint."""

    tap: Tap
    fingerprint: str

    @property
    def folder(self) -> str:
        """Name of its folder among the steps."""
        return f"tap-{self.tap.name}-{self.fingerprint}"


@dataclass(frozen=True)
class Step:
    """One step of the plan; `folder` is its place among the steps' folders."""

    index: int
    title: str
    identity: Identity
    fingerprint: str

    @property
    def folder(self) -> str:
        """`NN-title-fingerprint`."""
        return f"{self.index:02d}-{self.title}-{self.fingerprint}"


@dataclass(frozen=True)
class Changes:
    """What a Global stage wrote for the next pass to apply."""

    folder: str
    """Of its step."""
    drops: bool
    cuts: bool
    columns: tuple[str, ...]
    """Folders below the steps' folder with columns for the documents, by part."""


@dataclass(frozen=True)
class PassStep(Step):
    """A fused pass: read, row stages, write. One task per partition or per part of the pass before."""

    schema: pa.Schema = field(repr=False)
    """Columns of the parts it writes."""
    stages: tuple[tuple[int, RowStage], ...]
    """The row stages with their positions in the configuration."""
    taps: tuple[TapPlan, ...]
    tasks: int
    source: tuple[int, SourceStage] | None = None
    source_schema: pa.Schema | None = field(default=None, repr=False)
    """Columns of what the source yields."""
    partitions: Partitions = field(default=(), repr=False)
    previous: str | None = None
    """Folder of the pass whose parts it reads, where it has no source."""
    changes: tuple[Changes, ...] = ()
    """Of the Global stages before it, which it applies first."""
    rejected_text: RejectedText = "none"
    """Which texts of rejected documents it keeps."""

    @property
    def reads(self) -> frozenset[str]:
        """The folders of the steps whose files it reads."""
        return frozenset([*([self.previous] if self.previous else []), *(change.folder for change in self.changes)])


@dataclass(frozen=True)
class GlobalStep(Step):
    """A Global stage: an optional tap, then its phases."""

    position: int
    stage: GlobalStage
    parts: int
    previous: str
    """Folder of the pass whose documents it works on."""
    waiting: tuple[Changes, ...]
    """What Global stages before it wrote and no pass has applied yet."""
    tap: TapPlan | None
    phases: tuple[Phase, ...]
    artefacts: Mapping[str, str]
    """Folders of the steps that made what it needs, by artefact."""
    makers: Mapping[str, GlobalStage] = field(default_factory=dict, repr=False)
    """The stages that made what it needs, by artefact."""
    rejected_text: RejectedText = "none"
    """Which texts of rejected documents are kept."""

    @property
    def reads(self) -> frozenset[str]:
        """The folders of the steps whose files it reads."""
        return frozenset([self.previous, *(change.folder for change in self.waiting), *self.artefacts.values()])

    @property
    def changes(self) -> Changes | None:
        """What the next pass has to apply."""
        drops, cuts = self.stage.drops, self.stage.cuts
        kinds = [*(["columns"] if self.stage.adds() else []), *(["tags"] if self.stage.tag else [])]
        columns = tuple(f"{self.folder}/output/{kind}" for kind in kinds)
        return Changes(self.folder, drops, cuts, columns) if drops or cuts or columns else None


@dataclass(frozen=True)
class Plan:
    """The steps in order."""

    steps: tuple[PassStep | GlobalStep, ...]

    @property
    def documents(self) -> PassStep:
        """The last pass: its parts are the documents that survive."""
        return [step for step in self.steps if isinstance(step, PassStep)][-1]

    def until(self, step: Step) -> "Plan":
        """Return the plan as far as a step."""
        return Plan(self.steps[: step.index + 1])

    def artefacts(self) -> Mapping[str, str]:
        """Return the folder of the step that makes each artefact, the last one where several do."""
        made = [step for step in self.steps if isinstance(step, GlobalStep) and step.stage.makes]
        return {str(step.stage.makes): step.folder for step in made}

    def pictures(self) -> Mapping[str, str]:
        """Return the folder of the step that draws each picture for the run's folder, the last where several do."""
        made = [step for step in self.steps if isinstance(step, GlobalStep)]
        return {picture: step.folder for step in made for picture in step.stage.pictures}


def make_plan(configuration: Configuration, identify: Identify) -> Plan:
    """Cut a checked configuration into steps; `identify` gives the input files states and identities."""
    source = configuration.stages[0]
    assert isinstance(source, SourceStage)
    return _Planner(configuration, identify(source.list_files())).plan()


class _Planner:
    """Walks the stages once, holding the row stages and bitmaps that the next pass will take along."""

    def __init__(self, configuration: Configuration, files: tuple[InputFile, ...]) -> None:
        self._stages = configuration.stages
        self._rejected_text = configuration.settings.rejected_text
        self._files = files
        self._steps: list[PassStep | GlobalStep] = []
        self._rows: list[tuple[int, RowStage]] = []
        self._changed: list[GlobalStep] = []
        """Global steps whose changes no pass has applied yet."""
        self._documents: PassStep | None = None
        self._made: dict[str, GlobalStep] = {}

    def plan(self) -> Plan:
        for position, stage in enumerate(self._stages[1:], start=1):
            if isinstance(stage, RowStage):
                self._rows.append((position, stage))
            elif isinstance(stage, GlobalStage):
                self._global(position, stage)
        if self._documents is None or self._rows or self._changed:
            self._pass(position=len(self._stages))
        return Plan(tuple(self._steps))

    def _global(self, position: int, stage: GlobalStage) -> None:
        own_tap = stage.tap()
        reads_text = own_tap is None and stage.reads_text
        cut = any(step.stage.cuts for step in self._changed)
        added = {name for step in self._changed for name in step.stage.added_columns()}
        taps_added = own_tap is not None and not added.isdisjoint(own_tap.reads())
        if self._documents is None or self._rows or cut or taps_added or (reads_text and self._changed):
            self._pass(position)
        documents = self._documents
        assert documents is not None
        tap = self._tap(stage, documents.fingerprint)
        artefacts = {name: self._made[name] for name in stage.needs}
        identity: Identity = {
            "format": FORMAT,
            "documents": documents.fingerprint,
            stage.name: stage_identity(stage),
            **({f"tap of {stage.name}": stage_identity(tap.tap)} if tap else {}),
            "after": {before.title: before.fingerprint for before in self._changed},
            "uses": {name: step.fingerprint for name, step in artefacts.items()},
            **({"columns": columns_identity(stage.columns_after(pa.schema([])))} if stage.added_columns() else {}),
        }
        step = GlobalStep(
            index=len(self._steps),
            title=stage.name,
            identity=identity,
            fingerprint=fingerprint(identity),
            position=position,
            stage=stage,
            parts=documents.tasks,
            previous=documents.folder,
            waiting=tuple(before.changes for before in self._changed if before.changes),
            tap=tap,
            phases=stage.phases(documents.tasks),
            artefacts={name: made.folder for name, made in artefacts.items()},
            makers={name: made.stage for name, made in artefacts.items()},
            rejected_text=self._rejected_text,
        )
        self._steps.append(step)
        if step.changes:
            self._changed.append(step)
        if stage.makes:
            self._made[stage.makes] = step

    def _pass(self, position: int) -> None:
        """Close a pass before the stage at `position`."""
        previous = self._documents
        source = self._stages[0]
        assert isinstance(source, SourceStage)
        stages: list[Stage] = [stage for _, stage in self._rows]
        if previous is None:
            partitions = source.partitions(self._files)
            stages = [source, *stages]
            schema = source.output_schema(self._files)
            origin: Identity = {"input": input_identity(self._files)}
        else:
            partitions = ()
            changes = {before.title: before.fingerprint for before in self._changed}
            schema = previous.schema
            for before in self._changed:
                schema = before.stage.columns_after(schema)
            origin = {"documents": previous.fingerprint, "without": changes}
        first = schema
        for _, stage in self._rows:
            schema = stage.columns_after(schema)
        identity = {
            "format": FORMAT,
            **origin,
            **_sequence_identity(stages),
            "columns": columns_identity(schema),
            **({} if self._rejected_text == "none" else {"rejected_text": self._rejected_text}),
        }
        mark = fingerprint(identity)
        step = PassStep(
            index=len(self._steps),
            title=self._title(previous is None),
            identity=identity,
            fingerprint=mark,
            schema=schema,
            stages=tuple(self._rows),
            taps=tuple(self._following_taps(position, mark)),
            tasks=len(partitions) if previous is None else previous.tasks,
            source=(0, source) if previous is None else None,
            source_schema=first if previous is None else None,
            partitions=partitions,
            previous=None if previous is None else previous.folder,
            changes=tuple(before.changes for before in self._changed if before.changes),
            rejected_text=self._rejected_text,
        )
        self._steps.append(step)
        self._documents, self._rows, self._changed = step, [], []

    def _title(self, reads: bool) -> str:
        names = [*([self._stages[0].name] if reads else []), *(stage.name for _, stage in self._rows)]
        if len(names) > 2:
            return f"{names[0]}-to-{names[-1]}"
        return "-".join(names) or "documents"

    def _following_taps(self, position: int, documents: str) -> Iterator[TapPlan]:
        """Yield the taps of the Global stages that will work on this pass's parts."""
        added: set[str] = set()
        for stage in self._stages[position:]:
            if not isinstance(stage, GlobalStage):
                return
            tap = self._tap(stage, documents)
            if tap is not None:
                if not added.isdisjoint(tap.tap.reads()):
                    return
                yield tap
            elif stage.reads_text:
                return
            if stage.cuts:
                return
            added |= stage.added_columns()

    @staticmethod
    def _tap(stage: GlobalStage, documents: str) -> TapPlan | None:
        tap = stage.tap()
        if tap is None:
            return None
        return TapPlan(tap, fingerprint({"format": FORMAT, "documents": documents, tap.name: stage_identity(tap)}))


def _sequence_identity(stages: Sequence[Stage]) -> Identity:
    """Return the identities of a pass's stages by name, and their order; a name used again gets a number."""
    names: list[str] = []
    for stage in stages:
        uses = sum(name.split("#")[0] == stage.name for name in names)
        names.append(f"{stage.name}#{uses + 1}" if uses else stage.name)
    return {"order": " ".join(names), **dict(zip(names, map(stage_identity, stages), strict=True))}
