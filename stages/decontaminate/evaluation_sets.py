"""Evaluation sets: the items whose text must not be in the training data, read from JSON Lines or Parquet."""

from collections.abc import Iterator

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from prep.corpus.errors import ConfigurationError
from prep.corpus.files.compression import pieces, strip_codec
from prep.corpus.files.storage import expand, open_input
from prep.stages.stage import Settings


class EvaluationSet(Settings):
    """Files with one item per record."""

    path: str = Field(min_length=1)
    """A JSON Lines file (compressed or not), a Parquet file, a folder or a glob; local or a URL."""
    columns: tuple[str, ...] = Field(("text",), min_length=1)
    """The fields that make up an item's text, such as question and answer; they are joined by newlines. A list or
    object counts with all strings and numbers in it, in order."""

    def files(self) -> tuple[str, ...]:
        """Return the files, sorted. Raises ConfigurationError where there is none."""
        found = expand(self.path)
        if not found:
            raise ConfigurationError([f"no file matches {self.path!r}"])
        return found

    def items(self) -> list[str]:
        """Return the items' texts, numbered from 0 through all files.

        Raises ConfigurationError, with file and record, for what cannot be read and for fields that are not there.
        """
        texts = []
        for path in self.files():
            for number, record in enumerate(_records(path, self.columns)):
                missing = [name for name in self.columns if name not in record]
                if missing:
                    there = ", ".join(map(str, record)) or "none"
                    raise ConfigurationError([f"{path}: record {number} has no field {missing[0]!r}; it has {there}"])
                strings = [string for name in self.columns for string in _strings(record[name])]
                texts.append("\n".join(strings))
        return texts


def _records(path: str, columns: tuple[str, ...]) -> Iterator[dict[str, object]]:
    if strip_codec(path).lower().endswith(".parquet"):
        yield from _parquet_records(path, columns)
        return
    content = bytearray()
    for piece in pieces(path):
        if piece.rule is not None:
            raise ConfigurationError([f"{path} is damaged: {piece.rule} {piece.detail}"])
        content += piece.data
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise ConfigurationError([f"{path}:{number}: expected a JSON object, seen {error}"]) from error
        if not isinstance(record, dict):
            raise ConfigurationError([f"{path}:{number}: expected a JSON object, seen {type(record).__name__}"])
        yield record


def _parquet_records(path: str, columns: tuple[str, ...]) -> Iterator[dict[str, object]]:
    try:
        with open_input(path) as source:
            file = pq.ParquetFile(source)
            there = file.schema_arrow.names
            wanted = [name for name in columns if name in there] if set(columns) <= set(there) else there
            for batch in file.iter_batches(columns=wanted):
                yield from batch.to_pylist()
    except pa.ArrowException as error:
        raise ConfigurationError([f"{path} is no Parquet file that can be read: {error}"]) from error


def _strings(value: object) -> Iterator[str]:
    """Yield the strings and numbers in a JSON value, in order."""
    match value:
        case str():
            yield value
        case bool() | None:
            return
        case int() | float():
            yield str(value)
        case dict():
            for item in value.values():
                yield from _strings(item)
        case list():
            for item in value:
                yield from _strings(item)
