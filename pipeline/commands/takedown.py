"""The commands about requests for removal: `prep trace` and `prep remove`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prep.pipeline.commands.answering import print_json
from prep.pipeline.commands.pipelines import Json, Run
from prep.pipeline.reports.terminal import Terminal

if TYPE_CHECKING:
    from prep.pipeline.monitor.outcomes import RemoveAnswer
    from prep.pipeline.takedown.removal import RemovalReport
    from prep.pipeline.takedown.tracing import Trace
    from prep.stages.shared.targets import Targets

Ids = Annotated[list[str] | None, typer.Option("--id", help="A document's id. May be repeated.")]
Urls = Annotated[list[str] | None, typer.Option("--url", help="A URL. May be repeated.")]
Domains = Annotated[list[str] | None, typer.Option("--domain", help="A domain with its subdomains. May be repeated.")]
Hosts = Annotated[list[str] | None, typer.Option("--host", help="A host alone. May be repeated.")]
From = Annotated[
    list[str] | None,
    typer.Option(
        "--from",
        metavar="KIND=FILE",
        help="A list file, ids=, urls=, domains= or hosts=: text, CSV, JSON Lines or Parquet.",
    ),
]
SHOWN = 8
"""Rows of shards that are shown for a document."""


def trace(
    run: Run,
    id_: Ids = None,
    url: Urls = None,
    domain: Domains = None,
    host: Hosts = None,
    from_: From = None,
    json: Json = False,
) -> None:
    """Show what became of documents: the stage that lost each, what stands for it, or where its tokens lie."""
    from prep.pipeline.monitor.opening import output_of
    from prep.pipeline.takedown.requests import find_removed
    from prep.pipeline.takedown.tracing import TraceAnswer
    from prep.pipeline.takedown.tracing import trace as find

    console = Terminal(soft_wrap=True)
    targets, run = _targets(id_, url, domain, host, from_), output_of(run)
    found, removed = list(find(run, targets)), list(find_removed(run, targets))
    if json:
        asked = {request.asked: f"{request.kind}: {request.entry}" for request in removed}
        print_json(TraceAnswer(documents=found, removed=asked))
        return
    for each in found:
        for line in _lines(each):
            console.print(line)
    for request in removed:
        console.print(f"{request.asked}: removed on request ({request.kind}: {request.entry})")
    if not found and not removed:
        console.print("no document of this run is named so")


def remove(
    run: Run,
    output: Annotated[str, typer.Option(metavar="DIR", help="The folder to write; must be empty or not exist.")],
    id_: Ids = None,
    url: Urls = None,
    domain: Domains = None,
    host: Hosts = None,
    from_: From = None,
    json: Json = False,
) -> None:
    """Write a run's results without some documents: documents, records of losses, shards, cards, and what went."""
    from prep.pipeline.monitor.opening import output_of
    from prep.pipeline.takedown.removal import remove as take_out
    from prep.pipeline.takedown.requests import REPORT

    run = output_of(run)
    report = take_out(run, _targets(id_, url, domain, host, from_), output)
    if json:
        print_json(_removed(output, report))
        return
    console = Terminal(soft_wrap=True)
    console.print(f"{report.documents:,} published documents and {report.rejected:,} records of lost ones are named")
    for name, split in report.splits.items():
        console.print(
            f"{name}: {split.documents:,} documents of {split.tokens:,} tokens went; {split.rows_changed:,} rows "
            f"changed, {split.rows_removed:,} removed",
        )
    if report.stand_ins:
        console.print(f"{len(report.stand_ins):,} documents stay of which lost ones that are named were copies:")
        console.print("  " + ", ".join(report.stand_ins[:SHOWN]) + (" …" if len(report.stand_ins) > SHOWN else ""))
    for folder in report.exports:
        console.print(f"{folder} holds an export of the old shards: export {output}/shards again in its place")
    console.print(f"new results: {output}; report: {output}/{REPORT}")
    if report.splits:
        console.print(f"compare the shards with: prep verify {output}/shards")
    console.print(f"{run} itself still holds everything: delete it when nothing needs it any more")


def _removed(output: str, report: "RemovalReport") -> "RemoveAnswer":
    from prep.pipeline.monitor.outcomes import RemoveAnswer, SplitRemovalAnswer

    counts = ("documents", "tokens", "rows_changed", "rows_removed")
    return RemoveAnswer(
        output=output,
        documents=report.documents,
        rejected=report.rejected,
        splits={
            name: SplitRemovalAnswer(**{count: getattr(split, count) for count in counts})
            for name, split in report.splits.items()
        },
        stand_ins=list(report.stand_ins),
        exports=list(report.exports),
    )


def _targets(
    ids: list[str] | None,
    urls: list[str] | None,
    domains: list[str] | None,
    hosts: list[str] | None,
    files: list[str] | None,
) -> "Targets":
    """Return what was named. Raises ConfigurationError where nothing was, or a list cannot be read."""
    from prep.corpus.errors import ConfigurationError
    from prep.stages.shared.target_lists import read_list
    from prep.stages.shared.targets import KINDS, Targets

    entries = {"ids": ids or [], "urls": urls or [], "domains": domains or [], "hosts": hosts or []}
    for item in files or ():
        kind, _, path = item.partition("=")
        if kind not in KINDS or not Path(path).is_file():
            expected = ", ".join(f"{name}=FILE" for name in KINDS)
            raise ConfigurationError([f"--from: expected {expected} with a file that is there, seen {item}"])
        entries[kind] = [*entries[kind], *read_list(kind, path)]
    targets = Targets.of(entries)
    if not targets:
        raise ConfigurationError(["nothing is named; expected --id, --url, --domain, --host or --from"])
    return targets


def _lines(found: "Trace") -> list[str]:
    lines = [found.id + (f"  {found.url}" if found.url else "")]
    if found.loss is not None:
        loss = found.loss
        value = "" if loss.value is None else f", value {loss.value:g}"
        detail = f" ({loss.detail})" if loss.detail else ""
        word = "failed in" if loss.failed else "rejected by"
        lines.append(f"  kept by {', '.join(found.passed) or 'no stage'}")
        lines.append(f"  {word} {loss.stage}: {loss.rule}{value}{detail}")
        if found.stand_in is not None:
            lines += [f"  in its place: {line.removeprefix('  ')}" for line in _lines(found.stand_in)]
        return lines
    lines.append(f"  kept by every stage: document {found.number} of documents/")
    lines += [f"  {stage}: stands for {size} documents" for stage, size in found.clusters.items() if size > 1]
    for place in found.places[:SHOWN]:
        end = place.start + place.tokens
        lines.append(f"  shards/{place.split}/{place.shard} row {place.row}, tokens {place.start} to {end - 1}")
    if len(found.places) > SHOWN:
        lines.append(f"  and {len(found.places) - SHOWN} more rows")
    return lines
