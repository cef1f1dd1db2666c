"""The commands about deduplication: `prep dedup audit`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from prep.pipeline.reports.terminal import Terminal

app = typer.Typer(help="Look into what deduplication did.", no_args_is_help=True)

SHOWN = 10
"""Pairs shown, the least similar first."""
EXCERPT = 60
"""Characters shown of a text."""
Run = Annotated[str, typer.Argument(metavar="RUN", help="The output folder of a run.")]


@app.callback()
def dedup() -> None:
    """Look into what deduplication did."""


@app.command()
def audit(run: Run) -> None:
    """Show what each deduplication of a run removed: estimates, cluster sizes, doubtful pairs, the largest clusters.

    Of repeated lines and substrings, how much was cut, and the pieces that most documents have.
    """
    from prep.corpus.errors import RunError

    folders = sorted(path.parent for path in Path(run, "audit").glob("*/summary.json"))
    if not folders:
        raise RunError(f"{run}/audit: there is no audit of a deduplication; run with 'audit' above 0")
    console = Terminal()
    for folder in folders:
        _show(folder, console)


def _show(folder: Path, console: Terminal) -> None:
    import pyarrow.parquet as pq

    from prep.corpus.files.storage import read_json

    console.rule(folder.name)
    for name, value in read_json(str(folder / "summary.json")).items():
        console.print(f"{name:22}{value:,}" if isinstance(value, int) else f"{name:22}{value}")
    if (folder / "repeats.parquet").exists():
        repeats = pq.read_table(folder / "repeats.parquet").slice(0, SHOWN).to_pylist()
        _print_table("the pieces that most documents have", ("documents", "text"), repeats, console)
        return
    if (folder / "losses.parquet").exists():
        losses = pq.read_table(folder / "losses.parquet").slice(0, SHOWN).to_pylist()
        for row in losses:
            row["most went for"] = ", ".join(f"{item['kept']} ({item['documents']:,})" for item in row["clusters"])
        columns = ("label", "value", "documents", "removed", "share", "most went for")
        _print_table("what went of each source and language", columns, losses, console)
    sizes = pq.read_table(folder / "sizes.parquet").to_pydict()
    _print_sizes(dict(zip(sizes["size"], sizes["clusters"], strict=True)), console)
    pairs = pq.read_table(folder / "pairs.parquet").sort_by([("true", "ascending"), ("removed", "ascending")])
    least = pairs.slice(0, SHOWN).to_pylist()
    _print_table("the least similar of the pairs looked at", ("removed", "kept", "estimated", "true"), least, console)
    clusters = pq.read_table(folder / "clusters.parquet").to_pylist()
    _print_table("the largest clusters", ("size", "removed", "true", "removed_text"), clusters, console)
    console.print(f"all of it: {folder}/pairs.parquet, clusters.parquet, sizes.parquet", soft_wrap=True)


def _print_sizes(sizes: dict[int, int], console: Terminal) -> None:
    """Print how many clusters there are of each size, in powers of two."""
    bins: dict[int, int] = {}
    for size, clusters in sizes.items():
        bins[size.bit_length()] = bins.get(size.bit_length(), 0) + clusters
    for power, clusters in sorted(bins.items()):
        console.print(f"clusters of {1 << (power - 1):,} to {(1 << power) - 1:,} documents: {clusters:,}")


def _print_table(title: str, columns: tuple[str, ...], rows: list[dict[str, object]], console: Terminal) -> None:
    if not rows:
        return
    table = Table(title=title, box=None, pad_edge=False, title_justify="left")
    for column in columns:
        heading = column if "share" in columns else column.replace("removed", "document")
        table.add_column(heading.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row[column]) for column in columns))
    console.print(table)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    return "" if value is None else " ".join(str(value).split())[:EXCERPT]
