"""Real text for benchmarks: the main text of the pages in the data folder, and its books."""

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from fastwarc import ArchiveIterator, WarcRecordType
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import bytes_to_str, detect_encoding

from prep.corpus.arrow.columns import string_array, string_buffers

BATCH_BYTES = 4 << 20
ROW_GROUP = 500
TEXT_SCHEMA = pa.schema([("id", pa.string()), ("text", pa.large_string())])


def pages(folder: Path) -> list[str]:
    """Return the main text of each page in a folder of WARC files."""
    texts = []
    for path in sorted(folder.glob("*.warc.gz")):
        with path.open("rb") as stream:
            for record in ArchiveIterator(stream, record_types=WarcRecordType.response):
                body = record.reader.read()
                html = bytes_to_str(body, detect_encoding(body) or "utf-8")
                texts.append(extract_plain_text(html, main_content=True))
    return texts


def books(folder: Path) -> list[str]:
    """Return the text files of a folder."""
    return [path.read_text("utf-8", errors="replace") for path in sorted(folder.glob("*.txt"))]


def megabytes(texts: Sequence[str]) -> float:
    """Return the size of texts in UTF-8, in 10^6 bytes."""
    return sum(len(text.encode()) for text in texts) / 1e6


def share(texts: list[str], wanted: float) -> list[str]:
    """Return documents spread evenly over the list, about so many megabytes."""
    step = max(1, round(megabytes(texts) / wanted))
    return texts[::step]


def batches(texts: Sequence[str]) -> list[pa.RecordBatch]:
    """Return the texts as record batches with the columns `id` and `text`."""
    result, pending, size = [], [], 0
    for number, text in enumerate(texts, start=1):
        pending.append({"id": str(number), "text": text})
        size += len(text.encode())
        if size >= BATCH_BYTES or number == len(texts):
            schema = pa.schema({"id": pa.string(), "text": pa.large_string()})
            result.append(pa.RecordBatch.from_pylist(pending, schema))
            pending, size = [], 0
    return result


def write_text(path: Path, wanted: float, data: Path, seed: int = 0, misspelt: float = 0) -> float:
    """Write about so many megabytes of documents to a Parquet file and return how many.

    They are pages and pieces of books again and again, the lines of each in another order. Of `misspelt`, a share of
    the ASCII letters, random ones take the place.
    """
    texts = [*pages(data / "web"), *pages(data / "docs")]
    texts += [book[start : start + 20_000] for book in books(data / "books") for start in range(0, len(book), 20_000)]
    generator, letters = random.Random(seed), np.random.default_rng(seed)
    written, number = 0.0, 0
    with pq.ParquetWriter(path, TEXT_SCHEMA) as writer:
        while written < wanted:
            for start in range(0, len(texts), ROW_GROUP):
                batch = [_shuffled(text, generator) for text in texts[start : start + ROW_GROUP]]
                column = pa.array(batch, pa.large_string())
                column = _misspell(column, misspelt, letters) if misspelt else column
                ids = [f"{number + row:09d}" for row in range(len(column))]
                writer.write_table(pa.table([ids, column], schema=TEXT_SCHEMA), row_group_size=ROW_GROUP)
                number += len(column)
                written += megabytes(batch)
                if written >= wanted:
                    break
    return written


def _shuffled(text: str, generator: random.Random) -> str:
    lines = text.split("\n")
    generator.shuffle(lines)
    return "\n".join(lines)


def _misspell(column: pa.LargeStringArray, share: float, generator: np.random.Generator) -> pa.LargeStringArray:
    """Return the texts with a share of their ASCII letters replaced by random ones."""
    data, offsets = string_buffers(column)
    data = data.copy()
    small = data | 0x20
    chosen = (small >= ord("a")) & (small <= ord("z")) & (data < 0x80)
    chosen &= generator.random(len(data), np.float32) < share
    data[chosen] = generator.integers(ord("a"), ord("z") + 1, int(chosen.sum()), np.uint8)
    return string_array(data, offsets)
