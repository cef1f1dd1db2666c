"""Real text for benchmarks: the main text of the pages in the data folder, and its books."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
from fastwarc import ArchiveIterator, WarcRecordType
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import bytes_to_str, detect_encoding

BATCH_BYTES = 4 << 20


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
