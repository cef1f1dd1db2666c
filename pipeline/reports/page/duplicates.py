"""The part of the page about duplicates: how large clusters are, and pairs side by side with what differs marked."""

from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path

import pyarrow.parquet as pq

from prep.corpus.files.storage import read_json
from prep.pipeline.reports.page.markup import Child, Markup, element, section, table
from prep.pipeline.reports.report import LOSSES, VALUES

PAIRS = 5
CHARACTERS = 1200
_SUMMARY, _PAIRS, _SIZES = "summary.json", "pairs.parquet", "sizes.parquet"


def duplicates(output: str) -> Markup | None:
    """Return what each deduplication did; None where there was none."""
    folders = sorted(Path(output, "audit").glob("*"))
    parts = [part for folder in folders if (folder / _PAIRS).exists() for part in _deduplication(folder)]
    return section("Duplicates", *parts) if parts else None


def _deduplication(folder: Path) -> Iterator[Markup]:
    yield element("h3", folder.name.partition("-")[2])
    summary = read_json(str(folder / _SUMMARY))
    yield table(("", ""), [(name, _number(value)) for name, value in summary.items()])
    yield from _losses(folder / LOSSES)
    sizes = pq.read_table(folder / _SIZES).sort_by([("size", "descending")]).slice(0, 10)
    if sizes.num_rows:
        rows = [(f"{row['size']:,}", f"{row['clusters']:,}") for row in sizes.to_pylist()]
        yield element(
            "details", element("summary", "Largest clusters"), table(("documents", "clusters"), rows, words=0)
        )
    pairs = pq.read_table(folder / _PAIRS)
    for row in pairs.slice(0, PAIRS).to_pylist():
        yield _pair(row)


def _losses(path: Path) -> Iterator[Markup]:
    """Yield what was removed of each source and language that lost any."""
    rows = [row for row in pq.read_table(path).to_pylist() if row["removed"]] if path.exists() else []
    for label in dict.fromkeys(row["label"] for row in rows):
        shown = [
            (row["value"] or "unknown", f"{row['documents']:,}", f"{row['removed']:,}", f"{row['share']:.1%}")
            for row in rows
            if row["label"] == label
        ]
        yield table((label, "documents", "removed", "share"), shown[:VALUES], words=1)


def _pair(row: dict[str, object]) -> Markup:
    similarity = row["true"] if row["true"] is not None else row["estimated"]
    shown = f"similarity {similarity:.3f}" if isinstance(similarity, float) else "the same"
    kept, removed = (str(row[name] or "")[:CHARACTERS] for name in ("kept_text", "removed_text"))
    left, right = marked(kept, removed)
    return element(
        "details",
        element(
            "summary", element("b", str(row["removed"])), " removed for ", element("b", str(row["kept"])), f", {shown}"
        ),
        element("div", element("pre", *left), element("pre", *right), kind="columns"),
    )


def marked(left: str, right: str) -> tuple[list[Child], list[Child]]:
    """Return two texts word by word with what only the left has marked as deleted, only the right as inserted."""
    before, after = left.split(" "), right.split(" ")
    sides: tuple[list[Child], list[Child]] = ([], [])
    for kind, start, end, other, last in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        for side, name, words in ((sides[0], "del", before[start:end]), (sides[1], "ins", after[other:last])):
            if words:
                side += [" ".join(words) if kind == "equal" else element(name, " ".join(words)), " "]
    return sides


def _number(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.3f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
