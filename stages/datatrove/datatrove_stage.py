"""Runs a filter or formatter of datatrove, or of anybody who wrote one for it, as a stage."""

import importlib
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import ClassVar, Literal, Protocol

import pyarrow as pa
from pydantic import Field, JsonValue

from prep.corpus.arrow.columns import set_column, set_field
from prep.corpus.arrow.documents import TEXT
from prep.corpus.errors import ConfigurationError, Problem
from prep.stages.stage import CheckContext, RowFunction, RowStage, Tagging
from prep.stages.verdicts import Outcome, Verdicts

TYPES: Mapping[str, pa.DataType] = {
    "string": pa.string(),
    "int": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
}
BY_ORDER = ("datatrove.pipeline.filters.SamplerFilter",)
"""Filters that draw random numbers as documents come: what they keep depends on the order of the documents."""


class Document(Protocol):
    """What datatrove makes of a document."""

    text: str
    id: str
    metadata: dict[str, object]


Decide = Callable[[list[Document]], list[str | None]]
"""From documents, which it may change, to the rule that drops each (None: kept)."""


class DatatroveStage(Tagging, RowStage):
    """Run a filter or formatter written for datatrove: exact, and as slow as it is there.

    Documents become `datatrove.data.Document` objects, with all columns but binary ones as metadata. A filter drops a
    document under the reason it gives, or under its own name (`language_filter`); what it does to the text is kept. A
    document on which it raises an error fails alone. A new formatter is made for each document, since some take
    replacements in turn, and the result may not depend on the documents before.
    """

    example: ClassVar[str] = (
        '- datatrove: {step: datatrove.pipeline.filters.RegexFilter, arguments: {regex_exp: "lorem ipsum"}}'
    )
    name: ClassVar[str] = "datatrove"
    does: ClassVar[str] = "running a step of datatrove"
    libraries: ClassVar[tuple[str, ...]] = ("datatrove", "spacy")
    columns: ClassVar[tuple[str, ...]] = ("id", "text")

    step: str = Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$")
    """Where the class can be imported from, such as `datatrove.pipeline.filters.GopherQualityFilter`."""
    arguments: dict[str, JsonValue] = Field(default_factory=dict)
    """What the class is called with, by name."""
    adds: dict[str, Literal["string", "int", "float", "bool"]] = Field(default_factory=dict)
    """Metadata that it writes, to be kept as columns, with their types."""

    def problems(self, context: CheckContext) -> Iterator[Problem]:
        """Find a class that is not there, is no filter or formatter, or does not take these arguments."""
        if self.step in BY_ORDER:
            message = f"what {self._class_name} keeps depends on the order of documents"
            yield Problem(message, ("step",), hint="use the stage 'sample'")
            return
        try:
            kind = self._kind
            kind.__new__(kind)  # type: ignore[call-overload]  # looks for the libraries that it needs
            inspect.signature(kind).bind(**self.arguments)
        except ConfigurationError as error:
            yield Problem(str(error), ("step",))
        except ImportError as error:
            yield Problem(f"{self._class_name} cannot be used", ("step",), seen=str(error).strip())
        except TypeError as error:
            taken = ", ".join(inspect.signature(kind).parameters)
            yield Problem(f"{self._class_name}: {error}", ("arguments",), hint=f"it takes {taken or 'no arguments'}")

    def files(self) -> Mapping[str, str]:
        """Return the file of a class from elsewhere than datatrove: what stands in it decides the output."""
        source = None if self.step.startswith("datatrove.") else inspect.getsourcefile(self._kind)
        return {"step": source} if source else {}

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Return the schema with the added columns, and `text` as large_string."""
        for field in (TEXT, *(pa.field(name, TYPES[kind]) for name, kind in self.adds.items())):
            schema = set_field(schema, field)
        return schema

    def open(self) -> RowFunction:
        """Return the function over batches, the step made."""
        from datatrove.data import Document
        from datatrove.pipeline.filters.base_filter import BaseFilter

        decide = self._filter() if issubclass(self._kind, BaseFilter) else self._format

        def run(batch: pa.RecordBatch) -> Outcome:
            names = [field.name for field in batch.schema if not _is_binary(field.type)]
            rows = batch.select(names).to_pylist()
            documents = [Document(row.pop("text") or "", row.pop("id"), metadata=_without_nulls(row)) for row in rows]
            rules = decide(documents)
            texts = pa.array([document.text for document in documents], TEXT.type)
            changed = set_column(batch, TEXT.name, texts)
            for name, kind in self.adds.items():
                values = [document.metadata.get(name) for document in documents]
                changed = set_column(changed, name, pa.array(values, TYPES[kind]))
            return Outcome(changed, Verdicts(pa.array(rules, pa.string())))

        return run

    def _filter(self) -> Decide:
        from datatrove.pipeline.filters.base_filter import get_filter_result

        step = self._kind(**self.arguments)
        size = step.batch_size
        own_name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", self._class_name).lower()

        def decide(documents: list[Document]) -> list[str | None]:
            results: list[tuple[bool, str | None]] = []
            for start in range(0, len(documents), size):
                results += map(get_filter_result, step.filter_batch(documents[start : start + size]))
            return [None if kept else reason or own_name for kept, reason in results]

        return decide

    def _format(self, documents: list[Document]) -> list[str | None]:
        for document in documents:
            document.text = self._kind(**self.arguments).format(document.text)
        return [None] * len(documents)

    @property
    def _class_name(self) -> str:
        return self.step.rpartition(".")[2]

    @cached_property
    def _kind(self) -> type:
        """The class. Raises ConfigurationError where it cannot be imported or is neither filter nor formatter."""
        from datatrove.pipeline.filters.base_filter import BaseFilter
        from datatrove.pipeline.formatters.base import BaseFormatter

        module, _, name = self.step.rpartition(".")
        try:
            found = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError) as error:
            raise ConfigurationError([f"cannot import {self.step}: {error}"]) from error
        if not (isinstance(found, type) and issubclass(found, BaseFilter | BaseFormatter)):
            raise ConfigurationError([f"{self.step} is no filter or formatter of datatrove"])
        return found


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _without_nulls(row: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in row.items() if value is not None}
