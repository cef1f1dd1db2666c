"""Writes one small table in any of the formats that lists and statements come in."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq


def write_table(path: Path, columns: Sequence[str], rows: Sequence[Sequence[str | None]]) -> None:
    """Write rows under their columns' names, in the format and with the compression that the path's suffixes name."""
    if path.name.endswith(".parquet"):
        pq.write_table(pa.table([pa.array(values) for values in zip(*rows, strict=True)], names=list(columns)), path)
        return
    if ".csv" in path.name or ".tsv" in path.name:
        text = io.StringIO()
        writer = csv.writer(text, delimiter="\t" if ".tsv" in path.name else ",")
        writer.writerows([columns, *rows])
        data = text.getvalue().encode()
    else:
        data = b"".join(orjson.dumps(dict(zip(columns, row, strict=True))) + b"\n" for row in rows)
    codec = {".gz": "gzip", ".zst": "zstd"}.get(path.suffix)
    with pa.output_stream(path, compression=codec) as sink:
        sink.write(data)
