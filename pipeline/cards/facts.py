"""What a card says of a corpus: counts by source, language, licence and domain, dates, and what each stage did.

Everything is counted from what a run has published, in one pass over the small columns of `documents/`; the text is
not read. Cost: about a second for a million documents; memory for the different hosts.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from courlan import extract_domain

from prep.corpus.arrow.documents import DATE, TEXT, URL
from prep.corpus.shards.shards import MANIFEST, ShardManifest, read_manifest
from prep.pipeline.results.ledger import Ledger, read_ledger

LABELS = ("source", "language", "licence")
"""Columns whose values are counted, where the documents have them."""
UNKNOWN = "unknown"
_HOST = r"^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?(?P<host>[^/?#:]+)"
_DAY = r"^(?P<day>[0-9]{4}(?:-[0-9]{2}){0,2})"


class Dates(NamedTuple):
    """The first and the last day on which documents were fetched or published, as ISO 8601 dates."""

    first: str
    last: str


@dataclass(frozen=True)
class CorpusFacts:
    """What was published."""

    documents: int
    text_bytes: int
    """Size of the text in the documents' files before compression, in bytes."""
    schema: pa.Schema
    """Columns of the documents."""
    counts: Mapping[str, Mapping[str, int]]
    """Documents by the values of the columns `LABELS`, most first."""
    domains: Mapping[str, int]
    """Documents by registered domain, most first."""
    dates: Dates | None
    ledger: Ledger
    shards: Mapping[str, ShardManifest]
    """By split."""

    @property
    def licences(self) -> Sequence[str]:
        """The licences that documents name, most first; none where a document names none."""
        found = self.counts.get("licence", {})
        return () if UNKNOWN in found else tuple(dict.fromkeys(name for names in found for name in names.split(" ")))

    @property
    def tokens(self) -> int:
        """Tokens in all shards."""
        return sum(manifest.tokens for manifest in self.shards.values())


def read_facts(output: str) -> CorpusFacts:
    """Count what lies in the output folder of a run. Raises RunError where no run has ended there."""
    ledger = read_ledger(output)
    parts = sorted(Path(output, "documents").glob("*.parquet"))
    footers = [pq.ParquetFile(part).metadata for part in parts]
    schema = pq.read_schema(parts[0]).remove_metadata() if parts else pa.schema([])
    counted = _count(parts, schema)
    return CorpusFacts(
        documents=sum(footer.num_rows for footer in footers),
        text_bytes=sum(_column_bytes(footer, TEXT.name) for footer in footers),
        schema=schema,
        counts={name: _most_first(counted.labels[name]) for name in LABELS if name in schema.names},
        domains=_domains(counted.hosts),
        dates=Dates(min(counted.days), max(counted.days)) if counted.days else None,
        ledger=ledger,
        shards=read_shards(str(Path(output, "shards"))),
    )


def read_shards(folder: str) -> dict[str, ShardManifest]:
    """Return the manifests of a folder of shards by split; none where there is no such folder."""
    found = sorted(Path(folder).glob(f"*/{MANIFEST}"))
    return {path.parent.name: read_manifest(str(path.parent)) for path in found}


class _Counted(NamedTuple):
    labels: Mapping[str, Counter[str]]
    hosts: Counter[str]
    days: set[str]


def _count(parts: Sequence[Path], schema: pa.Schema) -> _Counted:
    counted = _Counted({name: Counter() for name in LABELS}, Counter(), set())
    wanted = [name for name in (*LABELS, URL.name, DATE.name) if name in schema.names]
    if not wanted:
        return counted
    for batch in ds.dataset(parts, schema=schema).to_batches(columns=wanted):
        for name in LABELS:
            if name in wanted:
                _add(counted.labels[name], batch.column(name).cast(pa.string()).fill_null(UNKNOWN))
        if URL.name in wanted:
            _add(counted.hosts, pc.utf8_lower(_matches(batch.column(URL.name), _HOST)))
        if DATE.name in wanted:
            days = _matches(batch.column(DATE.name), _DAY)
            if len(days):
                counted.days.update((pc.min(days).as_py(), pc.max(days).as_py()))
    return counted


def _matches(column: pa.Array, pattern: str) -> pa.Array:
    """Return what the pattern's only group matches in each value, without those in which it matches nothing."""
    return pc.struct_field(pc.extract_regex(column.cast(pa.string()), pattern), [0]).drop_null()


def _add(counter: Counter[str], values: pa.Array) -> None:
    for item in pc.value_counts(values).to_pylist():
        counter[item["values"]] += item["counts"]


def _domains(hosts: Mapping[str, int]) -> Mapping[str, int]:
    found: Counter[str] = Counter()
    for host, documents in hosts.items():
        found[extract_domain(f"http://{host}") or host.removeprefix("www.")] += documents
    return _most_first(found)


def _most_first(counter: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counter.items(), key=lambda item: (-item[1], item[0])))


def _column_bytes(footer: pq.FileMetaData, name: str) -> int:
    return sum(
        column.total_uncompressed_size
        for group in range(footer.num_row_groups)
        for column in _columns(footer.row_group(group))
        if column.path_in_schema == name
    )


def _columns(group: pq.RowGroupMetaData) -> Iterator[pq.ColumnChunkMetaData]:
    return (group.column(place) for place in range(group.num_columns))
