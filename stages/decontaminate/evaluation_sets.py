"""Evaluation sets: the items whose text must not be in the training data, read from JSON Lines or Parquet."""

from collections.abc import Iterator, Sequence
from string import ascii_uppercase

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from prep.corpus.errors import ConfigurationError
from prep.corpus.files.compression import strip_codec
from prep.corpus.files.storage import expand, open_input
from prep.stages.decontaminate.known_sets import columns_of
from prep.stages.settings import PathName, Settings
from prep.stages.shared.json_records import json_records


class EvaluationSet(Settings):
    """Files with one item per record."""

    path: PathName = Field(min_length=1)
    """A JSON Lines file (compressed or not), a Parquet file, a folder or a glob; local or a URL."""
    columns: tuple[str, ...] | None = Field(None, min_length=1)
    """The fields that make up an item's text, such as question and answer; they are joined by newlines. A list or
    object counts with all strings and numbers in it, in order. Null takes those of the benchmark that the set is named
    after (`gsm8k`, `humaneval`, `mmlu`, …), and `text` where the name is none of these."""

    def files(self) -> tuple[str, ...]:
        """Return the files, sorted. Raises ConfigurationError where there is none."""
        found = expand(self.path)
        if not found:
            raise ConfigurationError([f"no file matches {self.path!r}"])
        return found

    def items(self, name: str = "") -> list[str]:
        """Return the items' texts, numbered from 0 through all files; `name` is that of the set.

        Raises ConfigurationError, with file and record, for what cannot be read and for fields that are not there.
        """
        return [versions[0] for versions in self.versions(name)]

    def versions(self, name: str = "") -> list[tuple[str, ...]]:
        """Return the items' texts in all versions: whole, with letters before choices, and the first field alone.

        Raises ConfigurationError, with file and record, for what cannot be read and for fields that are not there.
        """
        alternatives = (self.columns,) if self.columns else columns_of(name)
        texts = []
        for path in self.files():
            for number, record in enumerate(_records(path)):
                columns = next((columns for columns in alternatives if all(name in record for name in columns)), None)
                if columns is None:
                    missing = next(name for name in alternatives[0] if name not in record)
                    there = ", ".join(map(str, record)) or "none"
                    raise ConfigurationError([f"{path}: record {number} has no field {missing!r}; it has {there}"])
                texts.append(_versions([record[name] for name in columns]))
        return texts


def _versions(values: Sequence[object]) -> tuple[str, ...]:
    """Return the text of an item with such fields, and others by which it is found, without those that are equal."""
    whole, lettered, first = (
        "\n".join(string for value in some for string in _strings(value))
        for some in (values, [_lettered(value) for value in values], values[:1])
    )
    return tuple(dict.fromkeys((whole, lettered, first)))


def _lettered(value: object) -> object:
    """Return a list of choices with a letter before each, or with the labels that they have; else the value."""
    match value:
        case {"text": [*choices], "label": [*labels]} if len(choices) == len(labels):
            return [part for pair in zip(labels, choices, strict=True) for part in pair]
        case [*choices] if 1 < len(choices) <= len(ascii_uppercase) and all(isinstance(one, str) for one in choices):
            return [part for pair in zip(ascii_uppercase, choices, strict=False) for part in pair]
    return value


def _records(path: str) -> Iterator[dict[str, object]]:
    return _parquet_records(path) if strip_codec(path).lower().endswith(".parquet") else json_records(path)


def _parquet_records(path: str) -> Iterator[dict[str, object]]:
    try:
        with open_input(path) as source:
            file = pq.ParquetFile(source)
            for batch in file.iter_batches():
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
