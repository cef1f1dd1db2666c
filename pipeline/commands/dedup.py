"""The commands about deduplication: `prep dedup audit`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.table import Table

from prep.pipeline.commands.answering import print_json
from prep.pipeline.commands.pipelines import Json, Run, Set
from prep.pipeline.reports.terminal import Terminal

if TYPE_CHECKING:
    from prep.pipeline.monitor.outcomes import AuditAnswer

app = typer.Typer(help="Look into what deduplication did.", no_args_is_help=True)

SHOWN = 10
"""Pairs shown, the least similar first."""
EXCERPT = 60
"""Characters shown of a text."""


@app.callback()
def dedup() -> None:
    """Look into what deduplication did."""


@app.command()
def audit(run: Run, set_: Set = None, json: Json = False) -> None:
    """Show what each deduplication of a run removed: estimates, cluster sizes, doubtful pairs, the largest clusters.

    Of repeated lines and substrings, how much was cut, and the pieces that most documents have.
    """
    from prep.corpus.errors import RunError
    from prep.pipeline.monitor.opening import output_of
    from prep.pipeline.monitor.outcomes import AuditsAnswer

    output = output_of(run, set_ or [])
    folders = sorted(path.parent for path in Path(output, "audit").glob("*/summary.json"))
    if not folders:
        raise RunError(
            f"{output}/audit: there is no audit of a deduplication; it comes with the run of a stage such as 'minhash' "
            "whose 'audit' is above 0"
        )
    if json:
        print_json(AuditsAnswer(audits=list(map(_answer, folders))))
        return
    console = Terminal()
    for folder in folders:
        _show(folder, console)


def _answer(folder: Path) -> "AuditAnswer":
    """Return what a deduplication did, as `--json` prints it."""
    from prep.corpus.files.storage import read_json
    from prep.pipeline.monitor.outcomes import AuditAnswer

    pairs = sorted(_rows(folder, "pairs"), key=lambda row: (row["true"] is None, row["true"], row["removed"]))
    return AuditAnswer(
        step=folder.name,
        summary=dict(read_json(str(folder / "summary.json"))),
        sizes={row["size"]: row["clusters"] for row in _rows(folder, "sizes")},
        losses=_rows(folder, "losses"),
        pairs=pairs,
        clusters=_rows(folder, "clusters"),
        repeats=_rows(folder, "repeats"),
    )


def _rows(folder: Path, name: str) -> list[dict[str, Any]]:
    """Return the rows of a table of an audit; none where it has no such table."""
    import pyarrow.parquet as pq

    path = folder / f"{name}.parquet"
    return pq.read_table(path).to_pylist() if path.exists() else []


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
