"""What a run did, for people: the funnel of documents, stage by stage, and what came out at its end.

`print_run` reads what was published in the output folder, nothing else.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import pyarrow.parquet as pq
from rich.table import Table

from prep.corpus.files.storage import read_json
from prep.corpus.shards.shards import CURVE, MANIFEST, ShardManifest, read_manifest
from prep.corpus.shards.splits import TRAIN
from prep.pipeline.monitor.answer import Answer
from prep.pipeline.monitor.observing import StageAnswer, StatusAnswer, stage_answer
from prep.pipeline.reports.terminal import Terminal
from prep.pipeline.results.ledger import LEDGER, Ledger, read_ledger
from prep.pipeline.results.run_warnings import read_warnings
from prep.stages.results import RunWarning

SHOWN = 4
"""Rules named per stage where the funnel is to be short; the rest are added up."""
LOSSES = "losses.parquet"
"""In the audit of a deduplication: what it removed of each source and language."""
VALUES = 20
"""Sources or languages of which the duplicates are shown, the greatest shares first."""
LABELS = ("source", "language")
"""Columns by whose values documents and tokens are counted."""


class Losses(Protocol):
    """What a stage did to documents."""

    @property
    def entered(self) -> int: ...  # noqa: D102
    @property
    def kept(self) -> int: ...  # noqa: D102
    @property
    def rejected(self) -> Mapping[str, int]: ...  # noqa: D102
    @property
    def failed(self) -> Mapping[str, int]: ...  # noqa: D102
    @property
    def repeated(self) -> int: ...  # noqa: D102
    @property
    def tagged(self) -> Mapping[str, int]: ...  # noqa: D102


def print_funnel(console: Terminal, ledger: Ledger, shown: int | None = SHOWN) -> None:
    """Print documents in, kept and lost for each stage, with the rules that lost most, or with all of them."""
    console.print(funnel_table(list(zip(ledger.names, ledger.counts, strict=True)), shown))
    for record in ledger.truncated:
        console.print(f"truncated input: {record}")


def funnel_table(stages: Sequence[tuple[str, Losses]], shown: int | None = SHOWN) -> Table:
    """Return a table of the documents in, kept and lost for each stage."""
    table = _table("stage", "in", "kept", "rejected", "failed")
    table.add_column("why", overflow="fold")
    for name, counts in stages:
        rejected, failed = sum(counts.rejected.values()), sum(counts.failed.values())
        losses = _most_first({**counts.rejected, **counts.failed})
        why = [f"{rule} {count:,}" for rule, count in losses[:shown]]
        if counts.repeated:
            why.insert(0, f"{counts.repeated:,} copies made")
        why += [f"tagged {rule} {count:,}" for rule, count in _most_first(counts.tagged)[:shown]]
        if len(losses) > len(losses[:shown]):
            rest = losses[shown:]
            why.append(f"{len(rest)} more {sum(count for _, count in rest):,}")
        table.add_row(name, f"{counts.entered:,}", f"{counts.kept:,}", f"{rejected:,}", f"{failed:,}", ", ".join(why))
    return table


def _most_first(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def print_warnings(console: Terminal, warnings: Sequence[RunWarning]) -> None:
    """Print what somebody should look at before the corpus is used, and the commands that show it."""
    for item in warnings:
        console.print(f"warning: {item.name}: {item.message}", style="yellow", soft_wrap=True)
        console.print(f"  see: {item.command}", soft_wrap=True)


def print_run(console: Terminal, output: str) -> None:
    """Print what a run published. Raises RunError where the folder is not that of a run that has ended."""
    ledger = read_ledger(output)
    print_warnings(console, read_warnings(output))
    _title(console, "Documents, stage by stage")
    print_funnel(console, ledger, shown=None)
    _print_duplicates(console, Path(output, "audit"))
    _print_documents(console, Path(output, "documents"))
    _print_tokenizer(console, Path(output, "tokenizer", "card.json"))
    _print_shards(console, Path(output, "shards"))
    _print_model(console, Path(output, "model", "report.json"))


def _print_duplicates(console: Terminal, folder: Path) -> None:
    """Print what each deduplication removed of each source and language, and the clusters that most of it went to."""
    for path in sorted(folder.glob(f"*/{LOSSES}")):
        for label in LABELS:
            rows = [row for row in pq.read_table(path).to_pylist() if row["label"] == label and row["removed"]]
            if not rows:
                continue
            _title(console, f"Duplicates by {label}: {path.parent.name.partition('-')[2]}")
            table = _table(label, "documents", "removed", "share")
            table.add_column("most went for", overflow="fold")
            for row in rows[:VALUES]:
                went = ", ".join(f"{cluster['kept']} ({cluster['documents']:,})" for cluster in row["clusters"])
                numbers = (f"{row['documents']:,}", f"{row['removed']:,}", f"{row['share']:.1%}")
                table.add_row(row["value"] or "unknown", *numbers, went)
            console.print(table)
            if len(rows) > VALUES:
                console.print(f"and {len(rows) - VALUES:,} more with smaller shares: {path}", soft_wrap=True)


class KeptAnswer(Answer):
    """Documents kept of one source and language."""

    labels: dict[str, str]
    documents: int


class SplitAnswer(Answer):
    """The shards of a split."""

    documents: int
    tokens: int
    rows: int
    length: int
    """Tokens in a row."""
    utilisation: float
    """Share of the places in rows that hold tokens."""
    text_bytes: int


class WarningAnswer(Answer):
    """What somebody should look at before the corpus is used."""

    name: str
    message: str
    command: str
    """The command that shows the documents."""


class ReportAnswer(Answer):
    """What a run did, or has done so far."""

    status: StatusAnswer | None
    """How the run stands; null for one of an earlier version."""
    warnings: list[WarningAnswer]
    funnel: list[StageAnswer]
    """Of the steps whose results are published."""
    truncated: list[str]
    """Inputs that break off: the record, and the bytes it lacks."""
    documents: list[KeptAnswer]
    shards: dict[str, SplitAnswer]
    """By split."""
    model: dict[str, float]
    """Figures of the model that was trained."""


def report_answer(output: str, status: StatusAnswer | None) -> ReportAnswer:
    """Return what a run published. Raises RunError where the folder is not that of a run."""
    ledger = read_ledger(output) if Path(output, LEDGER).exists() or status is None else Ledger((), ())
    names, counts = _count_documents(Path(output, "documents"))
    model = Path(output, "model", "report.json")
    figures = read_json(str(model)) if model.exists() else {}
    return ReportAnswer(
        status=status,
        warnings=[WarningAnswer(**asdict(each)) for each in read_warnings(output)],
        funnel=[stage_answer(name, each) for name, each in zip(ledger.names, ledger.counts, strict=True)],
        truncated=list(map(str, ledger.truncated)),
        documents=[
            KeptAnswer(labels=dict(zip(names, labels, strict=True)), documents=count)
            for labels, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        ],
        shards={name: _split_answer(manifest) for name, manifest in _splits(Path(output, "shards")).items()},
        model={name: float(value) for name, value in figures.items() if isinstance(value, int | float)},
    )


def _split_answer(manifest: ShardManifest) -> SplitAnswer:
    return SplitAnswer(
        documents=manifest.documents,
        tokens=manifest.tokens,
        rows=manifest.rows,
        length=manifest.length,
        utilisation=manifest.utilisation,
        text_bytes=manifest.text_bytes,
    )


def _count_documents(folder: Path) -> tuple[list[str], Counter[tuple[str, ...]]]:
    """Return the names of the labels that documents have, and how many documents there are by their values."""
    counts: Counter[tuple[str, ...]] = Counter()
    names: list[str] = []
    for path in sorted(folder.glob("*.parquet")):
        names = [name for name in LABELS if name in pq.read_schema(path).names]
        columns = pq.read_table(path, columns=names).group_by(names).aggregate([([], "count_all")]).to_pylist()
        for group in columns:
            counts[tuple(str(group[name] or "unknown") for name in names)] += group["count_all"]
    return names, counts


def _print_documents(console: Terminal, folder: Path) -> None:
    """Print how many documents were kept of each source and language."""
    names, counts = _count_documents(folder)
    if counts and names:
        _title(console, "Documents kept")
        table = _table(*names, "documents", words=len(names))
        for labels, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
            table.add_row(*labels, f"{count:,}")
        console.print(table)


def _print_tokenizer(console: Terminal, card: Path) -> None:
    """Print how the tokenizer was made."""
    if not card.exists():
        return
    _title(console, "Tokenizer")
    table = _table("setting", "value", words=2)
    made: dict[str, Any] = dict(read_json(str(card)))
    for name, value in made["settings"].items():
        if value not in ("", [], {}, False):
            table.add_row(name.replace("_", " "), f"{value:,}" if isinstance(value, int) else str(value))
    if sample := made.get("sample"):
        drawn, whole = (sum(stratum[name] for stratum in sample) for name in ("drawn_bytes", "bytes"))
        table.add_row("sample", f"{drawn:,} bytes of {whole:,}")
    console.print(table)


def _splits(folder: Path) -> dict[str, ShardManifest]:
    return {path.parent.name: read_manifest(str(path.parent)) for path in sorted(folder.glob(f"*/{MANIFEST}"))}


def _print_shards(console: Terminal, folder: Path) -> None:
    """Print what the shards of each split hold, and the tokens of each source and language."""
    splits = _splits(folder)
    if not splits:
        return
    _title(console, "Shards")
    table = _table("split", "documents", "tokens", "rows", "of length", "filled", "bytes per token")
    for name, manifest in splits.items():
        density = f"{manifest.text_bytes / manifest.tokens:.2f}" if manifest.tokens else ""
        numbers = (manifest.documents, manifest.tokens, manifest.rows, manifest.length)
        table.add_row(name, *(f"{number:,}" for number in numbers), f"{manifest.utilisation:.2%}", density)
    console.print(table)
    for label in LABELS:
        groups = {name: manifest.tokens_by.get(label, {}) for name, manifest in splits.items()}
        values = sorted({value for group in groups.values() for value in group})
        if values:
            table = _table(label, *(f"{name} tokens" for name in splits))
            for value in values:
                table.add_row(value or "unknown", *(f"{group.get(value, 0):,}" for group in groups.values()))
            console.print(table)
    _print_mixture(console, splits.get(TRAIN), folder / CURVE)


def _print_mixture(console: Terminal, manifest: ShardManifest | None, curve: Path) -> None:
    """Print the tokens and shares of a mixture's groups by phase, and how often its curve repeats their buckets."""
    if manifest is None or not any(phase.groups for phase in manifest.phases):
        return
    table = _table("mixture", "phase", "tokens", "share of phase")
    for number, phase in enumerate(manifest.phases):
        for group, tokens in phase.groups.items():
            table.add_row(group, str(number + 1), f"{tokens:,}", f"{tokens / max(1, phase.tokens):.2%}")
    console.print(table)
    if curve.exists():
        table = _table("curve", "repeats of the buckets of equal tokens, lowest scores first", words=2)
        for group, made in read_json(str(curve)).items():
            repeats, tokens = (dict(made)[name] for name in ("repeats", "tokens"))  # type: ignore[call-overload]
            shown = [f"{times:.2f}" if count else "-" for times, count in zip(repeats, tokens, strict=True)]
            table.add_row(group, " ".join(shown))
        console.print(table)


def _print_model(console: Terminal, report: Path) -> None:
    """Print how the model was trained, and how well it predicts."""
    if not report.exists():
        return
    _title(console, "Model")
    values = read_json(str(report))
    measured = values.get("validation")
    table = _table("measure", "value", words=1)
    for name, value in _numbers(values):
        table.add_row(name, value)
    for name, value in _numbers(measured if isinstance(measured, Mapping) else {}):
        table.add_row(f"validation {name}", value)
    console.print(table)


def _numbers(values: Mapping[str, object]) -> Iterable[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, int | float):
            yield name.replace("_", " "), f"{value:,}" if isinstance(value, int) else f"{value:,.3f}"


def _title(console: Terminal, text: str) -> None:
    console.print(f"\n{text}", style="bold")


def _table(*headings: str, words: int = 1) -> Table:
    """Return an empty table whose first columns hold words, the others numbers."""
    table = Table(box=None, pad_edge=False)
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="left" if place < words else "right")
    return table
