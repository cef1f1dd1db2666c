"""The part of the page about duplicates: how large clusters are, and pairs side by side with what differs marked."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from prep.corpus.files.storage import read_json
from prep.pipeline.reports.page.charts import bars
from prep.pipeline.reports.page.markup import Child, Markup, element, folded, section, table
from prep.pipeline.reports.report import LOSSES, VALUES

PAIRS = 5
CHARACTERS = 1200
CLUSTERS = 6
EXCERPT = 300
"""Characters of a document in a cluster."""
_SUMMARY, _PAIRS, _SIZES, _CLUSTERS = "summary.json", "pairs.parquet", "sizes.parquet", "clusters.parquet"


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
    yield from _sizes(folder / _SIZES)
    yield from _clusters(folder / _CLUSTERS)
    pairs = pq.read_table(folder / _PAIRS)
    if pairs.num_rows:
        yield element("h4", f"Pairs, {min(PAIRS, pairs.num_rows)} of {pairs.num_rows:,} looked at")
    for row in _spread(pairs, PAIRS):
        yield _pair(row)


def _sizes(path: Path) -> Iterator[Markup]:
    """Yield how many clusters there are of each size, in powers of two."""
    bins = Counter[int]()
    for row in pq.read_table(path).to_pylist() if path.exists() else ():
        bins[row["size"].bit_length()] += row["clusters"]
    if bins:
        powers = range(min(bins), max(bins) + 1)
        labels = [f"{1 << power - 1:,}–{(1 << power) - 1:,}" for power in powers]
        yield element("figure", bars(labels, [bins[power] for power in powers], "documents in a cluster"))


def _clusters(path: Path) -> Iterator[Markup]:
    """Yield the largest clusters: the document that stands for each, and some of those that went for it."""
    rows = pq.read_table(path).to_pylist() if path.exists() else []
    found: dict[str, list[dict[str, object]]] = {}
    for row in rows:
        found.setdefault(row["kept"], []).append(row)
    largest = sorted(found.items(), key=lambda item: (-_size(item[1]), item[0]))[:CLUSTERS]
    for kept, members in largest:
        yield folded(
            f"{_size(members):,} documents",
            _member(kept, "kept", members[0]["kept_text"]),
            *(
                _member(str(row["removed"]), _alike(row), row["removed_text"])
                for row in members
                if row["removed"] != kept
            ),
            note=f"in the cluster of {kept}",
        )


def _size(members: Sequence[Mapping[str, object]]) -> int:
    return max(int(str(row["size"])) for row in members)


def _member(name: str, about: str, text: object) -> Markup:
    return element("div", element("b", name), f" {about}", element("pre", str(text or "")[:EXCERPT]), kind="sample")


def _spread(pairs: pa.Table, number: int) -> list[dict[str, object]]:
    """Return some of the pairs, from the least similar to the most similar."""
    order = [(name, "ascending") for name in ("true", "removed") if name in pairs.column_names]
    ordered = pairs.sort_by(order)
    places = np.unique(np.linspace(0, ordered.num_rows - 1, min(number, ordered.num_rows)).astype(np.int64))
    rows: list[dict[str, object]] = ordered.take(pa.array(places)).to_pylist()
    return rows


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
    kept, removed = (str(row[name] or "")[:CHARACTERS] for name in ("kept_text", "removed_text"))
    left, right = marked(kept, removed)
    return folded(
        str(row["removed"]),
        element("div", element("pre", *left), element("pre", *right), kind="columns"),
        note=f"removed for {row['kept']}, {_alike(row)}",
    )


def _alike(row: Mapping[str, object]) -> str:
    similarity = row["true"] if row["true"] is not None else row["estimated"]
    return f"similarity {similarity:.3f}" if isinstance(similarity, float) else "the same"


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
