"""What every stage makes of fixed inputs: digests of output and schema, held in golden.json beside the versions.

The same input under the same version must give the same output, or finished steps of earlier runs would be taken for
something they are not. `golden.yaml` lists cases: short pipelines over golden_files, the last stage of which is looked
at. A digest is of what a reader of the files sees (columns, types, values; floats to six digits), not of their bytes,
so that it does not depend on the machine or on how a library compresses.

    python -m tests.stages.golden            run all cases and compare
    python -m tests.stages.golden --write    write golden.json anew; refused where a version was not raised
    python -m tests.stages.golden --write rights pii    the same for the cases of these stages alone
"""

import hashlib
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from io import StringIO
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from prep.corpus.arrow.documents import REJECTED
from prep.corpus.files.storage import sha256
from prep.pipeline import config, contract
from prep.pipeline.fingerprint import library_version
from prep.pipeline.plan import GlobalStep, PassStep
from prep.pipeline.reports.progress import Progress
from prep.pipeline.reports.terminal import Terminal
from prep.pipeline.run import plan_for, run
from prep.stages.stage import SourceStage, Stage, Tap

HERE = Path(__file__).parent
CASES = HERE / "golden.yaml"
FILES = HERE / "golden_files"
GOLDEN = HERE / "golden.json"
MACHINE_MADE = ("train",)
"""Stages whose numbers differ between machines (matrix products): of these, names of files and JSON keys count."""

Pipeline = list[object]


@dataclass(frozen=True)
class Seen:
    """What a stage, or a tap, made of an input."""

    version: int
    libraries: Mapping[str, str]
    input: str
    """Digest of the documents and artefacts that it worked on."""
    output: str


@cache
def cases() -> Mapping[str, Mapping[str, Pipeline]]:
    """Return the pipelines by stage and case."""
    found = yaml.safe_load(CASES.read_text(encoding="utf-8").replace("FILES", str(FILES)))
    inputs = found["inputs"]
    return {
        stage: {case: [_entry(item, inputs) for item in pipeline] for case, pipeline in named.items()}
        for stage, named in found["stages"].items()
    }


def recorded() -> Mapping[str, Mapping[str, Seen]]:
    """Return what golden.json holds, by stage and case."""
    if not GOLDEN.exists():
        return {}
    value = orjson.loads(GOLDEN.read_bytes())
    return {stage: {case: Seen(**seen) for case, seen in named.items()} for stage, named in value.items()}


def look(stage: str) -> dict[str, dict[str, Seen]]:
    """Run a stage's cases; return what it made of them, and what its taps did (as `tap NAME`), by name and case."""
    found: dict[str, dict[str, Seen]] = {}
    for case, pipeline in cases()[stage].items():
        with tempfile.TemporaryDirectory() as folder:
            for name, seen in _run(pipeline, Path(folder)):
                found.setdefault(name, {})[case if name == stage else f"{stage}, {case}"] = seen
    return found


def complaint(name: str, case: str, seen: Seen, golden: Seen | None) -> str:
    """Return what is wrong with a case, and what to do about it; empty where nothing is."""
    if golden is not None and replace(seen, libraries=golden.libraries) == golden:
        return ""
    write = "python -m tests.stages.golden --write"
    if golden is None:
        return f"{name}: the case '{case}' is not in golden.json; write it with: {write}"
    if seen.version == golden.version and (seen.input, seen.libraries) == (golden.input, golden.libraries):
        return (
            f"{name}: the output of the case '{case}' changed under version {seen.version}. Steps of earlier runs "
            f"would be taken for up to date. If the change is meant, raise `version` of '{name}' and run: {write}"
        )
    return f"{name}: the case '{case}' changed with its version, libraries or input; run: {write}"


def justified(seen: Seen, golden: Seen | None) -> bool:
    """Say whether golden.json may take up what was seen: the version was raised, or another input explains it."""
    return (
        golden is None
        or seen.version > golden.version
        or (
            seen.version == golden.version
            and (seen.output == golden.output or (seen.input, seen.libraries) != (golden.input, golden.libraries))
        )
    )


def _entry(item: object, inputs: Mapping[str, object]) -> object:
    return inputs.get(item, item) if isinstance(item, str) else item


def _run(pipeline: Pipeline, folder: Path) -> Iterator[tuple[str, Seen]]:
    configuration = _load(pipeline, folder / "all")
    run(configuration, Progress(Terminal(file=StringIO())))
    steps = plan_for(configuration).steps
    step, stage = steps[-1], configuration.stages[-1]
    root = folder / "all" / "steps"
    if not (isinstance(step, PassStep) and _is_last(step, stage)):
        step = next(found for found in reversed(steps) if isinstance(found, GlobalStep))
        documents = _folder_digest(root / step.previous / "parts")
        made = [_folder_digest(root / folder / "output") for folder in step.artefacts.values()]
        output = _folder_digest(root / step.folder / "output", exact=stage.name not in MACHINE_MADE)
        yield stage.name, _seen(stage, _digest([documents, *made, *_files(stage)]), output)
        if step.tap:
            yield f"tap {step.tap.tap.name}", _seen(step.tap.tap, documents, _folder_digest(root / step.tap.folder))
        return
    if len(pipeline) == 1:
        assert isinstance(stage, SourceStage)
        documents = _digest([sha256(file.path) for file in stage.list_files()])
    else:
        before = _load(pipeline[:-1], folder / "before")
        run(before, Progress(Terminal(file=StringIO())))
        documents = _folder_digest(folder / "before" / "documents")
    output = _digest([_folder_digest(root / step.folder / part) for part in ("parts", "rejected", "findings")])
    yield stage.name, _seen(stage, _digest([documents, *_files(stage)]), output)


def _files(stage: Stage) -> list[str]:
    return [sha256(path) for path in stage.files().values()]


def _is_last(step: PassStep, stage: Stage) -> bool:
    stages = [*([step.source[1]] if step.source else []), *(each for _, each in step.stages)]
    return bool(stages) and stages[-1] == stage


def _load(pipeline: Pipeline, folder: Path) -> config.Configuration:
    folder.mkdir()
    path = folder / "pipeline.yaml"
    path.write_text(yaml.safe_dump({"output": str(folder), "workers": 1, "stages": pipeline}, sort_keys=False))
    configuration, located = config.load(str(path))
    contract.check(configuration, located)
    return configuration


def _seen(stage: Stage | Tap, documents: str, output: str) -> Seen:
    return Seen(stage.version, {name: library_version(name) for name in sorted(stage.libraries)}, documents, output)


def _folder_digest(folder: Path, *, exact: bool = True) -> str:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return _digest([[str(path.relative_to(folder)), _content(path, exact=exact)] for path in paths])


def _content(path: Path, *, exact: bool) -> object:
    match path.suffix:
        case ".parquet":
            table = pq.read_table(path)
            return _table(table.drop_columns(["url"]) if table.schema.equals(REJECTED) else table)
        case ".arrow":
            data = path.read_bytes()
            opened = pa.ipc.open_file if data.startswith(b"ARROW1") else pa.ipc.open_stream
            return _table(opened(data).read_all())
        case ".json" if exact:
            return _plain(orjson.loads(path.read_bytes()))
        case ".json":
            return sorted(orjson.loads(path.read_bytes()))
        case _:
            return hashlib.sha256(path.read_bytes()).hexdigest() if exact else ""


def _table(table: pa.Table) -> object:
    return [str(table.schema.remove_metadata()), _plain(table.to_pylist())]


def _plain(value: object) -> object:
    """Return a value with floats to six digits, bytes as hexadecimal digits and keys in order."""
    match value:
        case float():
            return f"{value:.6g}"
        case bytes():
            return value.hex()
        case list():
            return [_plain(item) for item in value]
        case dict():
            return {str(key): _plain(item) for key, item in value.items()}
    return value


def _digest(value: object) -> str:
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def main(arguments: list[str]) -> int:
    """Compare stages with golden.json, or write it."""
    golden = recorded()
    names = [name for name in arguments if name != "--write"] or list(cases())
    if unknown := sorted(set(names) - set(cases())):
        print(f"no such stages: {', '.join(unknown)}")
        return 1
    found: dict[str, dict[str, Seen]] = {}
    for stage in names:
        for name, named in look(stage).items():
            found.setdefault(name, {}).update(named)
    pairs = [(name, case, seen, golden.get(name, {}).get(case)) for name in found for case, seen in found[name].items()]
    complaints = [text for item in pairs if (text := complaint(*item))]
    if "--write" not in arguments:
        print("\n".join(complaints) or f"{len(pairs)} cases as recorded")
        return bool(complaints)
    refused = [complaint(*item) for item in pairs if not justified(*item[2:])]
    print("\n".join(refused) or f"{len(pairs)} cases, {len(complaints)} of them new or changed")
    if not refused:
        kept = golden if names != list(cases()) else {}
        merged = {name: {**kept.get(name, {}), **found.get(name, {})} for name in {*kept, *found}}
        value = {name: {case: asdict(seen) for case, seen in named.items()} for name, named in merged.items()}
        GOLDEN.write_bytes(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n")
    return bool(refused)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
