"""The configuration: one YAML file, overrides from the command line, and errors that say where.

output: runs/mine
workers: 2
executor: local
stages:
- read: {paths: "crawl/*.warc.gz"}
- extract
- minhash: {ngram: 5}
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal, TypeVar

import yaml
from pydantic import Field, ValidationError

from prep.corpus.closeness import meant, nearest
from prep.corpus.errors import ConfigurationError, Problem
from prep.corpus.files.credentials import redacted
from prep.corpus.files.retrying import StorageAccess
from prep.corpus.files.storage import is_remote
from prep.pipeline.cards.card import Card
from prep.pipeline.data_files import LARGEST_PIPELINE, data_hint
from prep.pipeline.located import Located, Path, parse_value, read_yaml
from prep.pipeline.mistakes import (
    bare_value,
    crowded_stage,
    misplaced_stage,
    problem_of,
    problems_of,
    unknown_stage,
    unlisted_stages,
)
from prep.pipeline.remote.places import work_folder
from prep.pipeline.steps.keeping import RejectedText
from prep.stages.catalogue import STAGES
from prep.stages.results import Thresholds
from prep.stages.settings import PathName, Settings, Size
from prep.stages.stage import SourceStage, Stage

AnySettings = TypeVar("AnySettings", bound=Settings)


class LocalExecutor(Settings):
    """Worker processes on this machine."""

    kind: Literal["local"] = "local"
    duplicate_stragglers: ClassVar[bool] = False


class _Cluster(Settings):
    """What all clusters have."""

    duplicate_stragglers: bool = False
    """Whether tasks that hold up the end of a phase, many times as long as most, are run a second time beside
    themselves; the copy that ends first counts."""


class RayExecutor(_Cluster):
    """Actors on a Ray cluster that take tasks of any phase as they come; `prep run` starts them and waits."""

    kind: Literal["ray"]
    address: str | None = None
    """`HOST:PORT` of a cluster that this machine belongs to, `ray://HOST:PORT` of another one, or `auto`, the one that
    runs on this machine. Left out: RAY_ADDRESS, or `auto`."""
    cpus_per_task: int = Field(1, ge=1)
    memory_gb_per_cpu: float = Field(2.0, gt=0)
    runtime_env: dict[str, object] = Field(default_factory=dict)
    """Ray's runtime environment for the actors, such as `{pip: [corpus-prep, my-stages]}`; left out: the Python of each
    node as it is."""


class SlurmExecutor(_Cluster):
    """Jobs on a Slurm cluster that take tasks of any phase as they come; `prep run` submits them and waits."""

    kind: Literal["slurm"]
    partition: str
    time: str = "24:00:00"
    """Time limit of a job. It takes no new task after half of it, so that a task has at least the other half."""
    cpus_per_task: int = Field(1, ge=1)
    memory_gb_per_cpu: int = Field(4, ge=1)
    qos: str = ""
    setup: str = ""
    """Shell commands that prepare a task's environment; left out: this process's own Python."""
    arguments: dict[str, str] = Field(default_factory=dict)
    """Further sbatch options, such as `account: mine`."""


Executor = Annotated[LocalExecutor | RayExecutor | SlurmExecutor, Field(discriminator="kind")]


class RunSettings(Settings):
    """What the configuration says besides the stages. None of it changes the result but `output`'s place, what is kept
    of rejected texts, and, where a library hangs, `hang_seconds`.
    """

    output: Annotated[PathName, Field(min_length=1)]
    """Folder for the results and the steps' folders, or its URL in an object store (`s3://bucket/run`). Of that the run
    keeps a copy in `scratch` while it works."""
    scratch: PathName = ""
    """Folder of this machine in which a run works whose output is a URL; left out: `$PREP_SCRATCH`, or the folder for
    temporary files. On a cluster all nodes must share it."""
    title: str = Field("corpus", min_length=1)
    """What the cards beside the results call the corpus."""
    card: Card = Card()
    """What else only its publisher knows, such as `{licence: cc-by-4.0, version: 1.0.0, published: 2026-11-29}`."""
    workers: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1)
    """Tasks that run at the same time."""
    executor: Executor = LocalExecutor()
    batch_bytes: Size = Field(8 << 20, ge=1 << 10)
    """Documents travel in batches of about this many bytes."""
    warnings: Thresholds = Thresholds()
    """From where on something is a warning of the run, such as `{rejected_share: 0.5}`."""
    strict: bool = False
    """Whether a run with warnings fails, its results unpublished."""
    hang_seconds: float = Field(600.0, gt=0)
    """A worker process that is at the same documents for so many seconds is stopped, and the one document that holds
    it up fails as `timed_out`. Waiting for storage does not count."""
    storage: StorageAccess = StorageAccess()
    """How long reads wait for storage and how often they are tried again, such as `{timeout_seconds: 20}`."""
    rejected_text: RejectedText = "none"
    """Which texts of rejected documents are kept, in `rejected_texts/`: `none` (`prep inspect` reads them again from
    the source), a `sample` of one in twenty, by their ids, or `all`. To change it is to run again."""


STAGES_KEY = "stages"
_PIPELINE = "a pipeline"
TOP_LEVEL = (*RunSettings.model_fields, STAGES_KEY)
"""The keys of a configuration."""


@dataclass(frozen=True)
class Configuration:
    """A whole pipeline, validated."""

    settings: RunSettings
    stages: tuple[Stage, ...]
    file: str = "PIPELINE.yaml"
    """Where it was read from, for commands that messages name."""
    overrides: tuple[str, ...] = ()
    """What the command line changed of it, as `name=value`."""
    text: str = ""
    """All of it as YAML, changes included and environment variables not replaced."""
    places: tuple[str, ...] = ()
    """Where each stage stands, as `file:line`."""
    remote: str = ""
    """The output's URL, where it is in a store; `settings.output` is then the folder of this machine that stands for
    it."""

    def label(self, position: int) -> str:
        """Return how messages name the stage at a position: `stage 3 (minhash)`."""
        return f"stage {position + 1} ({self.stages[position].name})"


def load(
    file: str, overrides: Sequence[str] = (), flags: Mapping[str, str] = MappingProxyType({})
) -> tuple[Configuration, Located]:
    """Read and validate a pipeline file, with `a.b=c` overrides applied; `flags` says how some of them were typed.

    Raises ConfigurationError with every problem found, each with its file and line.
    """
    located = _changed_by(_read(file, _PIPELINE), overrides, flags)
    return _validate(located), located


def _changed_by(located: Located, overrides: Sequence[str], flags: Mapping[str, str]) -> Located:
    for override in overrides:
        located = _override(located, override, flags.get(override, f"--set {override}"))
    return replace(located, overrides=tuple(overrides))


def read_value(file: str, overrides: Sequence[str], name: str) -> object:
    """Return the value of a top-level key as it stands in a pipeline file, overrides applied; None where it is missing.

    Nothing else of the file is validated. Raises ConfigurationError where it cannot be read.
    """
    located = _changed_by(_read(file, _PIPELINE), overrides, {})
    return located.value.get(name) if isinstance(located.value, dict) else None


def load_settings(file: str, kind: type[AnySettings]) -> tuple[AnySettings, Located]:
    """Read a YAML file of settings other than a pipeline's.

    Raises ConfigurationError with every problem found, each with its file and line.
    """
    located = _read(file, "settings")
    try:
        return kind.model_validate(located.value), located
    except ValidationError as error:
        problems = problems_of(error, kind)
        raise ConfigurationError([complaint(located, (), problem) for problem in problems]) from error


def stages_of(source: str | Sequence[object]) -> tuple[Stage, ...]:
    """Return stages from a YAML file's list `stages`, or from such a list itself, validated one by one.

    Raises ConfigurationError with every problem found.
    """
    located = _read(source, "stages") if isinstance(source, str) else Located("stages", {"stages": list(source)}, {})
    complaints: list[str] = []
    stages = _stages(located, complaints)
    if complaints:
        raise ConfigurationError(complaints)
    return stages


def settings_of(kind: type[AnySettings], options: Sequence[str]) -> AnySettings:
    """Return settings from options given as `name=value`. Raises ConfigurationError with every problem found."""
    pairs = [option.partition("=") for option in options]
    value = {name: parse_value(raw) for name, _, raw in pairs}
    places: dict[Path, str] = {(name,): f"--set {option}" for (name, _, _), option in zip(pairs, options, strict=True)}
    located = Located("--set", value, {}, places)
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        problems = problems_of(error, kind)
        raise ConfigurationError([complaint(located, (), problem) for problem in problems]) from error


def _read(file: str, expected: str) -> Located:
    try:
        if FilePath(file).stat().st_size > LARGEST_PIPELINE:
            _refuse_data(file, None, expected)
        text = FilePath(file).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigurationError([f"{file}: no such file; expected {expected} in YAML"]) from error
    except UnicodeDecodeError as error:
        _refuse_data(file, None, expected)
        seen = f"the byte {error.object[error.start]:#04x} at position {error.start}"
        raise ConfigurationError([f"{file}: expected text in UTF-8, seen {seen}; save it as UTF-8"]) from error
    except OSError as error:
        raise ConfigurationError([f"{file}: cannot be read: {error}"]) from error
    _refuse_data(file, text, expected)
    return read_yaml(file, text)


def _refuse_data(file: str, text: str | None, expected: str) -> None:
    """Raise ConfigurationError where a file given for a pipeline holds data; `text` as for `data_hint`."""
    if expected == _PIPELINE and (hint := data_hint(file, text)):
        raise ConfigurationError([f"{file}: expected {expected} in YAML, {hint}"])


def complaint(located: Located, path: Path, problem: Problem, label: str = "") -> str:
    """Write a problem as one line: `pipeline.yaml:14: stage 3 (minhash): …`."""
    return redacted(f"{located.where((*path, *problem.field))}: {label}{': ' if label else ''}{problem}")


def stage_path(located: Located, position: int) -> Path:
    """Return the path of a stage's options in the YAML."""
    stages = located.value["stages"] if isinstance(located.value, dict) else []
    entry = stages[position]
    return ("stages", position, *(entry if isinstance(entry, dict) else ()))


def _validate(located: Located) -> Configuration:
    value = located.value
    if not isinstance(value, dict):
        raise ConfigurationError([f"{located.where(())}: expected the keys 'output' and 'stages', seen {value!r}"])
    complaints: list[str] = []
    stages = _stages(located, complaints)
    settings = _settings(located, {key: item for key, item in value.items() if key != "stages"}, complaints)
    if complaints or settings is None:
        raise ConfigurationError(sorted(complaints, key=lambda each: _line_of(each, located.name)))
    first, *others = stages
    if isinstance(first, SourceStage):
        first = first.apart_from(settings.output)
    remote = settings.output if is_remote(settings.output) else ""
    if remote:
        settings = settings.model_copy(update={"output": work_folder(remote, settings.scratch)})
    return Configuration(
        settings=settings,
        stages=(first, *others),
        file=located.name,
        overrides=located.overrides,
        text=yaml.safe_dump(located.written, sort_keys=False, allow_unicode=True),
        remote=remote,
        places=tuple(located.where(("stages", position)) for position in range(len(stages))),
    )


def _stages(located: Located, complaints: list[str]) -> tuple[Stage, ...]:
    entries = located.value.get("stages") if isinstance(located.value, dict) else None
    if not isinstance(entries, list) or not entries:
        if not _is_misspelt(located.value, STAGES_KEY):
            complaints.append(complaint(located, (STAGES_KEY,), unlisted_stages(entries, list(STAGES))))
        return ()
    stages = [_stage(located, position, entry, complaints) for position, entry in enumerate(entries)]
    valid = [stage for stage in stages if stage is not None]
    return tuple(stage.implied_by(valid[position + 1 :]) for position, stage in enumerate(valid))


def _settings(located: Located, value: dict[str, object], complaints: list[str]) -> RunSettings | None:
    if isinstance(value.get("executor"), str):
        value = {**value, "executor": {"kind": value["executor"]}}
    try:
        return RunSettings.model_validate(value)
    except ValidationError as error:
        for details in error.errors():
            if details["type"] == "missing" and _is_misspelt(value, str(details["loc"][-1])):
                continue
            if details["type"] == "extra_forbidden" and nearest(str(details["loc"][-1]), TOP_LEVEL) == STAGES_KEY:
                problem = Problem(f"unknown option '{details['loc'][-1]}'; did you mean 'stages'?", details["loc"])
            elif details["type"] == "extra_forbidden" and details["loc"][-1] in list(STAGES):
                problem = misplaced_stage(str(details["loc"][-1]))
            else:
                problem = problem_of(details, RunSettings)
            complaints.append(complaint(located, (), problem))
        return None


def _is_misspelt(value: object, key: str) -> bool:
    """Say whether a top-level key is missing under its name and there under one like it."""
    keys = list(value) if isinstance(value, dict) else []
    return key not in keys and any(nearest(str(each), TOP_LEVEL) == key for each in keys if each not in TOP_LEVEL)


def _line_of(complaint: str, file: str) -> int:
    """Return the line of a file that a complaint is about, 0 where it is about the command line."""
    line = complaint.removeprefix(f"{file}:").partition(":")[0]
    return int(line) if line.isdigit() else 0


def _stage(located: Located, position: int, entry: object, complaints: list[str]) -> Stage | None:
    path: Path = ("stages", position)
    if isinstance(entry, str):
        name, options = entry, None
    elif isinstance(entry, dict) and len(entry) == 1:
        name, options = next(iter(entry.items()))
    else:
        if isinstance(entry, dict):
            problem = crowded_stage(entry, list(STAGES), position + 1)
        else:
            expected = "a stage's name, or one name with its options below it"
            problem = Problem(f"stage {position + 1}", expected=expected, seen=repr(entry))
        complaints.append(complaint(located, path, problem))
        return None
    label = f"stage {position + 1} ({name})"
    try:
        kind = STAGES.get(name) if isinstance(name, str) else None
    except ConfigurationError as error:  # a stage of another package that cannot be used
        complaints.append(f"{located.where(path)}: stage {position + 1}: {error}")
        return None
    if kind is None:
        complaints.append(complaint(located, path, unknown_stage(name, list(STAGES)), f"stage {position + 1}"))
        return None
    if options is not None and not isinstance(options, dict):
        problem = bare_value(str(name), kind.example, options)
        complaints.append(complaint(located, (*path, name), problem, label))
        return None
    try:
        return kind.model_validate(options or {})
    except ValidationError as error:
        problems = problems_of(error, kind)
        complaints += [complaint(located, (*path, name), problem, label) for problem in problems]
        return None


def _override(located: Located, text: str, typed: str) -> Located:
    """Apply one `a.b=c`; the first name is a top-level key or a stage's name, or `stages.N` for the N-th stage."""
    target, equals, raw = text.partition("=")
    if not equals or not target:
        raise ConfigurationError([f"--set {text}: expected name=value, such as minhash.ngram=8"])
    path = _resolve(located, target.split("."), text)
    given = parse_value(raw)
    current = located.value.get("executor") if isinstance(located.value, dict) else None
    if path == ("executor",) and isinstance(current, dict) and current.get("kind") == given:
        return located  # its options stay
    value, written = (_replaced(whole, path, given) for whole in (located.value, located.written))
    return replace(located, value=value, written=written, overridden={**located.overridden, path: typed})


def _resolve(located: Located, names: list[str], text: str) -> Path:
    top = located.value if isinstance(located.value, dict) else {}
    entries = top.get("stages") or []
    known = [next(iter(entry)) if isinstance(entry, dict) and entry else entry for entry in entries]
    if names[0] == "stages" and len(names) > 1 and names[1].isdigit() and 1 <= int(names[1]) <= len(known):
        position = int(names[1]) - 1
        return ("stages", position, str(known[position]), *names[2:])
    if known.count(names[0]) > 1:
        places = ", ".join(f"stages.{index + 1}" for index, name in enumerate(known) if name == names[0])
        raise ConfigurationError([f"--set {text}: there are several stages '{names[0]}'; write one of {places}"])
    if names[0] in known:
        return ("stages", known.index(names[0]), *names)
    if names[0] in RunSettings.model_fields:
        return tuple(names)
    choices = [*RunSettings.model_fields, *(str(name) for name in known)]
    raise ConfigurationError([f"--set {text}: no option or stage '{names[0]}' here; {meant(names[0], choices)}"])


def _replaced(value: object, path: Path, new: object) -> object:
    if not path:
        return new
    first, rest = path[0], path[1:]
    if isinstance(value, list) and isinstance(first, int):
        return [_replaced(item, rest, new) if index == first else item for index, item in enumerate(value)]
    if isinstance(value, str) and value == first:
        value = None  # a stage written as its bare name gets options
    mapping = value if isinstance(value, dict) else {}
    return {**mapping, str(first): _replaced(mapping.get(str(first)), rest, new)}
