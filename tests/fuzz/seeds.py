"""What fuzzing begins with: the files of the golden tests, whole and compressed, and pieces of configuration."""

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Mapping
from pathlib import Path

import lz4.frame
import zstandard

FILES = Path(__file__).parents[1] / "stages" / "golden_files"
_READERS: Mapping[str, str] = {
    "warc": "pages.warc",
    "wet": "texts.wet",
    "arc": "old.arc",
    "jsonl": "documents.jsonl",
    "json": "questions.jsonl",
    "csv": "letters.csv",
    "parquet": "rows.parquet",
    "arrow": "rows.arrow",
    "epub": "book.epub",
    "pdf": "paper.pdf",
    "mediawiki": "wiki.xml",
}
_YAML = b"""\
output: runs/x
workers: 2
storage: {timeout_seconds: 3}
stages:
- read: {sources: [{name: a, paths: "a/*.jsonl", text_column: body}, {name: b, paths: [b, c]}]}
- &x extract: {format: markdown}
- language: {keep: [de, en]}
- minhash: {ngram: 5}
- tokenizer: {kind: bpe, vocabulary: 512}
- pack: {length: 64, validation: 0.1}
"""


def seeds() -> dict[str, dict[str, bytes]]:
    """Return the first inputs of each target, by target and name."""
    found: dict[str, dict[str, bytes]] = {}
    for target, name in _READERS.items():
        data = (FILES / name).read_bytes()[:20_000]
        found[target] = {name: data}
        if target in ("warc", "jsonl", "csv", "mediawiki"):
            found[target] |= {f"{name}.{codec}": packed for codec, packed in _packed(data).items()}
    with io.BytesIO() as sink:
        with zipfile.ZipFile(sink, "w") as archive:
            archive.writestr("archive/a.warc.gz", gzip.compress((FILES / "pages.warc").read_bytes(), mtime=0))
        found["wacz"] = {"pages.wacz": sink.getvalue()}
    pages = (FILES / "pages.warc").read_bytes()
    starts = [place for place in range(len(pages)) if pages.startswith(b"<html", place)]
    found["extract"] = {f"{start}.html": pages[start : start + 4000] for start in starts[:4]}
    found["extract"]["plain.html"] = (FILES / "plain.html").read_bytes()
    found["text"] = {name: (FILES / name).read_bytes()[:4000] for name in ("notes.txt", "guide.md", "documents.jsonl")}
    found["configuration"] = {"pipeline.yaml": _YAML, "merge.yaml": b"a: &a {b: 1}\nc: {<<: *a, d: [*a, *a]}\n"}
    return found


def _packed(data: bytes) -> dict[str, bytes]:
    return {
        "gz": gzip.compress(data, mtime=0),
        "bz2": bz2.compress(data),
        "xz": lzma.compress(data),
        "zst": zstandard.ZstdCompressor().compress(data),
        "lz4": lz4.frame.compress(data),
    }
