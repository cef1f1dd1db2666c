"""What is fuzzed, and what it promises whatever the bytes: no exception, valid text, rows that agree with each other.

Readers: every record is a document with text or a page, or is lost under a rule; reading does not depend on the size of
the pieces that content comes in. Text stages and taps (and so their kernels): what becomes of a document does not
depend on those beside it, and the text stays UTF-8. The configuration is taken or refused with its place.
"""

import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache, partial
from pathlib import Path

import pyarrow as pa

from prep.corpus.arrow.documents import HTML, ID, TEXT
from prep.corpus.errors import ConfigurationError
from prep.pipeline import config
from prep.stages.dedup.exact import Exact
from prep.stages.dedup.minhash.minhash import MinHash
from prep.stages.extract.extract import Extract
from prep.stages.pii.pii import Pii
from prep.stages.quality.signals.signals import Signals
from prep.stages.read.read import Read
from prep.stages.repair.repair import Repair
from prep.stages.stage import RowFunction

_FOLDER = Path(tempfile.mkdtemp(prefix="prep-fuzz-"))
_SMALL, _LARGE = 512, 1 << 20
"""Bytes of a batch."""
_PLAIN = "A line of plain text, which stands beside the other."


def read(kind: str, data: bytes) -> None:
    """Read a file of a format, of whatever its bytes say that it is compressed with."""
    path = _FOLDER / f"{os.getpid()}.{kind}"
    path.write_bytes(data)
    stage = Read.model_validate({"paths": str(path), "format": kind, "max_bytes": 200_000})
    files = stage.list_files()
    schema = stage.output_schema(files)
    found = [_rows(stage, schema, size) for size in (_SMALL, _LARGE)]
    assert found[0] == found[1], "the documents depend on the size of batches"


def _rows(stage: Read, schema: pa.Schema, batch_bytes: int) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for part in stage.partitions(stage.list_files()):
        for batch, verdicts in stage.read(part, schema, batch_bytes):
            assert batch.schema == schema
            lost = [None] * batch.num_rows if verdicts is None else verdicts.rule.to_pylist()
            batch.validate(full=verdicts is None)
            for row, rule in zip(batch.to_pylist(), lost, strict=True):
                content = row.get(TEXT.name) or row.get(HTML.name)
                assert row[ID.name] is not None
                assert rule is not None or content, "a document without text"
                rows.append({**row, "rule": rule})
    return rows


def extract(data: bytes) -> None:
    """Extract a page; the first byte says what the server declares."""
    declared = [None, "utf-8", "windows-1252", "shift_jis", "utf-16le", "no such charset"][(data[:1] or b"\0")[0] % 6]
    columns = {"id": ["a"], "html": [data[1:]], "charset": [declared], "url": ["https://a.example/b/"]}
    types = [pa.string(), pa.binary(), pa.string(), pa.string()]
    arrays = [pa.array(values, kind) for values, kind in zip(columns.values(), types, strict=True)]
    batch = pa.RecordBatch.from_arrays(arrays, names=list(columns))
    for form in ("text", "markdown"):
        outcome = _opened(Extract, form)(batch)
        outcome.batch.validate(full=True)
        (text,) = outcome.batch.column(TEXT.name).to_pylist()
        assert text is not None or (outcome.verdicts is not None and outcome.verdicts.rule[0].is_valid)


def text(data: bytes) -> None:
    """Let the stages and taps that work on text have one, alone and beside another."""
    own = data.decode("utf-8", "replace")
    for work in _text_work():
        alone, beside = work(_documents(own)), work(_documents(_PLAIN, own))
        beside.validate(full=True)
        assert alone.to_pylist() == beside.slice(1).to_pylist(), f"{work} depends on the documents beside"


def _documents(*texts: str) -> pa.RecordBatch:
    ids = pa.array([str(len(texts) - place) for place in range(len(texts))])  # the last one is always 1
    languages = pa.array(["en"] * len(texts))
    return pa.RecordBatch.from_arrays([ids, pa.array(texts, TEXT.type), languages], names=["id", "text", "language"])


@cache
def _opened(kind: type[Extract], form: str) -> RowFunction:
    return kind.model_validate({"format": form}).open()


@cache
def _text_work() -> list[Callable[[pa.RecordBatch], pa.RecordBatch]]:
    stages = [Repair().open(), Pii().open(), Signals().open()]
    taps = [stage.tap() for stage in (Exact(), MinHash())]
    return [*map(partial(partial, _applied), stages), *(tap.open() for tap in taps if tap is not None)]


def _applied(function: RowFunction, batch: pa.RecordBatch) -> pa.RecordBatch:
    return function(batch).batch


def configuration(data: bytes) -> None:
    """Read a configuration."""
    path = _FOLDER / f"{os.getpid()}.yaml"
    path.write_bytes(data)
    with suppress(ConfigurationError):
        config.load(str(path))


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    **{
        kind: partial(read, kind)
        for kind in ("warc", "wet", "arc", "jsonl", "json", "csv", "parquet", "arrow", "epub", "pdf", "mediawiki")
    },
    "wacz": partial(read, "wacz"),
    "extract": extract,
    "text": text,
    "configuration": configuration,
}
