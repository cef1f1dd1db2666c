"""Which column of tables, or field of JSON records, holds the text: by its name, else by how long its values are."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import orjson
import pyarrow as pa

from prep.corpus.errors import PrepError
from prep.corpus.files.compression import pieces
from prep.stages.catalogue import STAGES
from prep.stages.read.formats import input_of, kind_of, table_schema
from prep.stages.read.sources import SourceOptions
from prep.stages.stage import InputFile, SourceStage

NAMES = ("text", "content", "raw_content", "body", "markdown", "article", "document", "story", "passage", "code")
"""Usual names, the likeliest first."""
_OTHERS = frozenset({"id", "url", "date", "title", "author", "language"})
"""What other options of the reader look for under these names."""
_RECORDS = 50
_HEAD = 4 << 20
_JSON = frozenset({"json", "jsonl"})


def text_column(files: Sequence[InputFile]) -> str:
    """Return the name of the column that holds the text of most of these files; `text` where none has strings."""
    lengths: Counter[str] = Counter()
    for file in files:
        for record in islice(_records(file), _RECORDS):
            texts = {name: value for name, value in record.items() if isinstance(value, str) and name not in _OTHERS}
            lengths.update({name: len(value) for name, value in texts.items()})
    named = [name for name in NAMES if lengths[name]]
    return named[0] if named else max(lengths, key=lambda name: (lengths[name], name), default="text")


def _records(file: InputFile) -> Iterator[Mapping[str, object]]:
    """Yield the first records of a file as mappings from names to values; none of what cannot be read."""
    try:
        yield from _json(file) if file.format in _JSON else _rows(file)
    except (OSError, ValueError, pa.ArrowException, PrepError):
        return


def _json(file: InputFile) -> Iterator[Mapping[str, object]]:
    head = bytearray()
    for piece in pieces(file.path, codec=file.codec):
        head += piece.data
        if len(head) >= _HEAD:
            break
    content = bytes(head).removeprefix(b"\xef\xbb\xbf").lstrip()
    if content.startswith(b"["):
        values = orjson.loads(content)
    else:
        values = (orjson.loads(line) for line in content.splitlines()[:_RECORDS] if line.strip())
    yield from (value for value in values if isinstance(value, dict))


def _rows(file: InputFile) -> Iterator[Mapping[str, object]]:
    """Yield the values of a table's columns, each read as if it were the text."""
    for name in set(_columns(file)) - _OTHERS:
        for value in islice(_column(file, name), _RECORDS):
            yield {name: value}


def _columns(file: InputFile) -> list[str]:
    options = SourceOptions()
    schema = table_schema(input_of(file, options), kind_of(file, options))
    strings = (pa.types.is_string, pa.types.is_large_string)
    return [] if schema is None else [each.name for each in schema if any(check(each.type) for check in strings)]


def _column(file: InputFile, name: str) -> Iterator[object]:
    reader = STAGES["read"].model_validate({"paths": file.path, "text_column": name, "keep": []})
    assert isinstance(reader, SourceStage)
    files = reader.list_files()
    for partition in reader.partitions(files):
        for batch, _ in reader.read(partition, reader.output_schema(files), 1 << 20):
            yield from batch.column("text").to_pylist()
