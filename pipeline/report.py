"""What a run did, for people: the funnel of documents, stage by stage."""

from rich.console import Console
from rich.table import Table

from prep.pipeline.ledger import Ledger

SHOWN = 4
"""Rules named per stage; the rest are added up."""


def print_funnel(console: Console, ledger: Ledger) -> None:
    """Print documents in, kept and lost for each stage, with the rules that lost most."""
    table = Table(box=None, pad_edge=False)
    table.add_column("stage")
    for heading in ("in", "kept", "rejected", "failed"):
        table.add_column(heading, justify="right")
    table.add_column("why", overflow="fold")
    for name, counts in zip(ledger.names, ledger.counts, strict=True):
        rejected, failed = sum(counts.rejected.values()), sum(counts.failed.values())
        losses = sorted({**counts.rejected, **counts.failed}.items(), key=lambda item: (-item[1], item[0]))
        why = [f"{rule} {count:,}" for rule, count in losses[:SHOWN]]
        if counts.repeated:
            why.insert(0, f"{counts.repeated:,} copies made")
        if len(losses) > SHOWN:
            why.append(f"{len(losses) - SHOWN} more {sum(count for _, count in losses[SHOWN:]):,}")
        table.add_row(name, f"{counts.entered:,}", f"{counts.kept:,}", f"{rejected:,}", f"{failed:,}", ", ".join(why))
    console.print(table)
    for record in ledger.truncated:
        console.print(f"truncated input: {record}", markup=False)
