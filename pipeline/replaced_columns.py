"""Columns of the input that a stage replaces: their values are lost, which is said when checking and at a run's end.

A stage writes a column where its columns after an input without that column hold it nevertheless. Of a column of
several values (a struct, such as `signals`) only those are lost that the stage writes itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from prep.pipeline.config import Configuration
from prep.stages.stage import GlobalStage, RowStage, SourceStage


@dataclass(frozen=True)
class ReplacedColumns:
    """Columns that tables of the input bring and a stage writes anew."""

    stage: str
    columns: tuple[str, ...]
    """Their names; of one of several values, the column's, a dot and the value's."""

    def __str__(self) -> str:
        one = len(self.columns) == 1
        return (
            f"{self.stage} replaces the {'column' if one else 'columns'} {', '.join(map(repr, self.columns))} of the "
            f"input, whose values are lost; rename {'it' if one else 'them'} in the input, or leave "
            f"{'it' if one else 'them'} out with read's option 'keep'"
        )


def replaced_columns(configuration: Configuration, source_schema: pa.Schema) -> Iterator[ReplacedColumns]:
    """Yield what each stage replaces of the columns that the source brings; each is lost once."""
    source, schema = configuration.stages[0], source_schema
    own = set(source.own_columns(source_schema)) if isinstance(source, SourceStage) else set()
    for stage in configuration.stages[1:]:
        if not isinstance(stage, RowStage | GlobalStage):
            continue
        lost = {name: tuple(_lost(stage, schema, name)) for name in schema.names if name in own - set(stage.fills)}
        if columns := tuple(name for names in lost.values() for name in names):
            yield ReplacedColumns(stage.name, columns)
        own -= {name for name, names in lost.items() if names}
        schema = stage.columns_after(schema)


def _lost(stage: RowStage | GlobalStage, schema: pa.Schema, column: str) -> Iterator[str]:
    index = schema.get_field_index(column)
    after = stage.columns_after(schema.remove(index))
    if column not in after.names:
        return
    before, written = schema.field(index).type, after.field(column).type
    if pa.types.is_struct(before) and pa.types.is_struct(written):
        names = {field.name for field in written}
        yield from (f"{column}.{field.name}" for field in before if field.name in names)
    else:
        yield column
