"""Warnings of a run: what it did as configured and may still ruin the corpus.

What holds for every stage is found here, from the counts by source and language; what a stage alone can know it says
itself (`Stage.warnings`). Each warning says the command that shows the documents.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from prep.corpus.errors import CorruptFileError
from prep.corpus.files.compression import TRUNCATED
from prep.corpus.files.storage import read_json, write_json
from prep.pipeline.config import Configuration
from prep.pipeline.plan import GlobalStep, PassStep, Plan
from prep.pipeline.replaced_columns import replaced_columns
from prep.pipeline.results.ledger import LEDGER, Truncation
from prep.pipeline.steps import records
from prep.pipeline.steps.passes import FINDINGS
from prep.stages.results import Counts, Group, Results, RunWarning, Thresholds

WARNINGS = "warnings.json"
"""Its name in the output folder."""
_NAMED = 5
"""At most so many inputs that break off are named in a warning; the ledger names all."""


def find_warnings(
    configuration: Configuration, plan: Plan, steps_folder: str, truncated: Sequence[Truncation]
) -> Iterator[RunWarning]:
    """Yield the warnings of a run, in the order of its stages, up to the first step that is not complete."""
    results: dict[int, Results] = {}
    thresholds = configuration.settings.warnings
    for step in plan.steps:
        folder = f"{steps_folder}/{step.folder}"
        if not Path(folder, records.MANIFEST).exists():
            break
        manifest = records.read_manifest(folder)
        for position, counts in manifest.counts.items():
            own = step.position == position if isinstance(step, GlobalStep) else False
            pattern = f"{FINDINGS}/{position:02d}-*/*.parquet"
            findings = tuple(str(path) for path in sorted(Path(folder).glob(pattern)))
            parts = () if own else tuple(str(path) for path in sorted(Path(folder, "parts").glob("*.parquet")))
            groups = manifest.groups.get(position, ())
            left, undecoded = manifest.left.get(position, ()), manifest.undecoded.get(position, ())
            output = f"{folder}/output" if own else ""
            results[position] = Results(counts, groups, left, output, findings, parts, thresholds, undecoded)
    yield from _truncations(truncated)
    yield from _replaced(configuration, plan)
    known = [(results[position], stage) for position, stage in enumerate(configuration.stages) if position in results]
    for found, stage in known:
        yield from _of_any_stage(stage.name, found)
        yield from stage.warnings(found)


def write_warnings(output: str, found: Sequence[RunWarning], pipeline: str, place: str) -> list[RunWarning]:
    """Write the warnings to the output folder, the commands for this pipeline and its results' place; return them."""
    filled = [_filled(item, pipeline, place) for item in found]
    write_json(f"{output}/{WARNINGS}", {"warnings": [asdict(item) for item in filled]})
    return filled


def read_warnings(output: str) -> list[RunWarning]:
    """Read the warnings of a run from its output folder; none where it has no such file.

    Raises CorruptFileError where the file is damaged.
    """
    path = f"{output}/{WARNINGS}"
    if not Path(path).exists():
        return []
    try:
        return [RunWarning(**item) for item in read_json(path)["warnings"]]  # type: ignore[attr-defined]
    except (KeyError, TypeError) as error:
        raise CorruptFileError(f"{path} holds no warnings ({type(error).__name__}: {error}); run again") from error


def _filled(item: RunWarning, pipeline: str, output: str) -> RunWarning:
    command = item.command.replace("{pipeline}", pipeline).replace("{output}", output)
    return RunWarning(item.name, item.message, command)


def _truncations(truncated: Sequence[Truncation]) -> Iterator[RunWarning]:
    if truncated:
        rest = f"; and {len(truncated) - _NAMED:,} more, in {LEDGER}" if len(truncated) > _NAMED else ""
        named = "; ".join(map(str, truncated[:_NAMED]))
        cut = "1 input is" if len(truncated) == 1 else f"{len(truncated):,} inputs are"
        yield RunWarning("truncated_input", f"{cut} cut off: {named}{rest}", _inspect(TRUNCATED))


def _replaced(configuration: Configuration, plan: Plan) -> Iterator[RunWarning]:
    first = plan.steps[0]
    if isinstance(first, PassStep) and first.source_schema is not None:
        for column in replaced_columns(configuration, first.source_schema):
            yield RunWarning("column_replaced", str(column), "prep check {pipeline}")


def _of_any_stage(name: str, results: Results) -> Iterator[RunWarning]:
    yield from _failures(name, results.counts, results.thresholds)
    yield from _undecoded(name, results)
    for kind, of in _KINDS.items():
        entered: Counter[str] = Counter()
        lost: dict[str, Counter[str]] = {}
        for group in results.groups:
            label = of(group)
            if label is not None:
                entered[label] += group.entered
                lost.setdefault(label, Counter()).update(group.lost)
        yield from _losses(name, kind, entered, lost, results)


def _failures(name: str, counts: Counts, thresholds: Thresholds) -> Iterator[RunWarning]:
    failed = sum(counts.failed.values())
    if failed > thresholds.failed_share * counts.entered:
        most_first = sorted(counts.failed.items(), key=lambda each: (-each[1], each[0]))
        why = ", ".join(f"{error} {count:,}" for error, count in most_first)
        share = f"{100 * failed / counts.entered:.1f} %"
        yield RunWarning(
            "failed_share",
            f"{name} failed on {failed:,} of {counts.entered:,} documents ({share}): {why}",
            _inspect(most_first[0][0]),
        )


def _undecoded(name: str, results: Results) -> Iterator[RunWarning]:
    """Warn of sources whose bytes were often no characters: of another character set than declared, or damaged."""
    kept, undecoded = Counter[str | None](), Counter[str | None]()
    for counter, groups in ((kept, results.left), (undecoded, results.undecoded)):
        for group in groups:
            counter[group.source] += group.entered
    for source, count in sorted(undecoded.items(), key=lambda each: each[0] or ""):
        if (
            count > results.thresholds.undecoded_share * kept[source]
            and kept[source] >= results.thresholds.least_documents
        ):
            share = f"{100 * count / kept[source]:.1f} %"
            where = f" of source {source!r}" if source else ""
            message = (
                f"{name}: {count:,} of {kept[source]:,} documents ({share}){where} hold U+FFFD, which stands for bytes "
                "that are no characters of the text's encoding"
            )
            yield RunWarning("undecoded_bytes", message, "prep inspect {pipeline} --search '\ufffd'")


def _losses(
    name: str, kind: str, entered: Mapping[str, int], lost: Mapping[str, Mapping[str, int]], results: Results
) -> Iterator[RunWarning]:
    for label, documents in sorted(entered.items()):
        all_lost = sum(lost[label].values())
        if kind == "source" and all_lost == documents:
            rule = max(lost[label], key=lambda each: lost[label][each])
            of = f"source {label!r}" if label else "the input"
            message = f"{name} leaves nothing of {of}: all {documents:,} documents are lost"
            yield RunWarning("source_lost", message, _inspect(rule))
            continue
        if documents < results.thresholds.least_documents:
            continue
        for rule, count in lost[label].items():
            if count > results.thresholds.rejected_share * documents and rule not in results.counts.failed:
                message = (
                    f"{name}: the rule {rule!r} takes {count:,} of {documents:,} documents "
                    f"({100 * count / documents:.0f} %)" + (f" of {kind} {label!r}" if label else "")
                )
                yield RunWarning("rejected_share", message, _inspect(rule))


def _inspect(rule: str) -> str:
    return f"prep inspect {{pipeline}} --rule {rule}"


_KINDS: Mapping[str, Callable[[Group], str | None]] = {
    "source": lambda group: group.source,
    "language": lambda group: group.language,
}
