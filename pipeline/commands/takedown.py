"""The commands about requests for removal: `prep trace` and `prep remove`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prep.pipeline.reports.terminal import Terminal

if TYPE_CHECKING:
    from prep.pipeline.takedown.tracing import Trace
    from prep.stages.shared.targets import Targets

Run = Annotated[str, typer.Argument(metavar="RUN", help="The output folder of a run that has ended.")]
Ids = Annotated[list[str] | None, typer.Option("--id", help="A document's id. May be repeated.")]
Urls = Annotated[list[str] | None, typer.Option("--url", help="A URL. May be repeated.")]
Domains = Annotated[list[str] | None, typer.Option("--domain", help="A domain with its subdomains. May be repeated.")]
Hosts = Annotated[list[str] | None, typer.Option("--host", help="A host alone. May be repeated.")]
From = Annotated[
    list[str] | None,
    typer.Option("--from", metavar="KIND=FILE", help="A list file: ids=, urls=, domains= or hosts=. May be repeated."),
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
) -> None:
    """Show what became of documents: the stage that lost each, what stands for it, or where its tokens lie."""
    from prep.pipeline.takedown.tracing import trace as find

    console = Terminal(soft_wrap=True)
    found = list(find(run, _targets(id_, url, domain, host, from_)))
    for each in found:
        for line in _lines(each):
            console.print(line)
    if not found:
        console.print("no document of this run is named so")


def remove(
    run: Run,
    output: Annotated[str, typer.Option(metavar="DIR", help="The folder to write; must be empty or not exist.")],
    id_: Ids = None,
    url: Urls = None,
    domain: Domains = None,
    host: Hosts = None,
    from_: From = None,
) -> None:
    """Write a run's shards again without some documents, from the stored tokens, and a report of what went."""
    from prep.pipeline.takedown.removal import REPORT
    from prep.pipeline.takedown.removal import remove as take_out

    report = take_out(run, _targets(id_, url, domain, host, from_), output)
    console = Terminal(soft_wrap=True)
    console.print(f"{report.documents:,} published documents are named")
    for name, split in report.splits.items():
        console.print(
            f"{name}: {split.documents:,} documents of {split.tokens:,} tokens went; {split.rows_changed:,} rows "
            f"changed, {split.rows_removed:,} removed",
            markup=False,
        )
    console.print(f"new shards: {output}/shards; report: {output}/{REPORT}")
    console.print(f"compare them with: prep verify {output}/shards")


def _targets(
    ids: list[str] | None,
    urls: list[str] | None,
    domains: list[str] | None,
    hosts: list[str] | None,
    files: list[str] | None,
) -> "Targets":
    """Return what was named. Raises ConfigurationError where nothing was, or a list cannot be read."""
    from prep.corpus.errors import ConfigurationError
    from prep.stages.shared.targets import KINDS, Targets

    entries = {"ids": ids or [], "urls": urls or [], "domains": domains or [], "hosts": hosts or []}
    for item in files or ():
        kind, _, path = item.partition("=")
        if kind not in KINDS or not Path(path).is_file():
            expected = ", ".join(f"{name}=FILE" for name in KINDS)
            raise ConfigurationError([f"--from: expected {expected} with a file that is there, seen {item}"])
        entries[kind] = [*entries[kind], *Path(path).read_text(encoding="utf-8-sig").splitlines()]
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
        return lines
    lines.append(f"  kept by every stage: document {found.number} of documents/")
    lines += [f"  {stage}: stands for {size} documents" for stage, size in found.clusters.items() if size > 1]
    for place in found.places[:SHOWN]:
        end = place.start + place.tokens
        lines.append(f"  shards/{place.split}/{place.shard} row {place.row}, tokens {place.start} to {end - 1}")
    if len(found.places) > SHOWN:
        lines.append(f"  and {len(found.places) - SHOWN} more rows")
    return lines
