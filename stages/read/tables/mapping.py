"""Which columns of a table hold what documents have here: text or a page, id, URL, date, and what it says of itself."""

from collections import Counter
from collections.abc import Mapping

import pyarrow as pa

from prep.corpus.arrow.documents import (
    ABOUT,
    AUTHOR,
    CHARSET,
    DATE,
    DECLARED_LANGUAGE,
    HEADERS,
    HTML,
    ID,
    SOURCE,
    TEXT,
    TITLE,
    URL,
)
from prep.stages.read.rows import METADATA
from prep.stages.read.sources import SourceOptions

PAGE = (HTML, CHARSET, HEADERS)
"""What a run over web archives publishes where it ends before `extract`; tables are pages in these columns alone."""

Mapped = Mapping[str, str]
"""Columns here → columns of a table."""


def mapped_columns(table: pa.Schema, options: SourceOptions) -> Mapped:
    """Return which columns of a table are read as which column here; those without a usable one are left out."""
    times = Counter(table.names)
    kinds = {field.name: field.type for field in table if times[field.name] == 1}
    mapped: dict[str, str] = {}
    if options.text_column in kinds and is_text(kinds[options.text_column]):
        mapped[TEXT.name] = options.text_column
    for field, name in ((ID, options.id_column), (URL, options.url_column), (DATE, options.date_column)):
        if name in kinds and is_scalar(kinds[name]):
            mapped[field.name] = name
    free = {name: kind for name, kind in kinds.items() if options.keep is None or name in options.keep}
    for field, names in _about(options):
        usable = (name for name in names if name in free and name not in mapped.values())
        found = next((name for name in usable if _is_said(field, free[name])), None)
        if found is not None:
            mapped[field.name] = found
    if METADATA.name in free and _is_published(table):
        mapped[METADATA.name] = METADATA.name
    return mapped | _page(free)


def _is_published(table: pa.Schema) -> bool:
    """Say whether a run of `prep` has written the table: only then is its `metadata` the one of the columns here."""
    return {(field.name, field.type, field.nullable) for field in (ID, SOURCE, METADATA)} <= {
        (field.name, field.type, field.nullable) for field in table
    }


def _about(options: SourceOptions) -> list[tuple[pa.Field, tuple[str, ...]]]:
    """Return for each column that documents have about themselves where it may lie, in the order of preference."""
    named = {
        TITLE.name: options.title_column,
        AUTHOR.name: options.author_column,
        DECLARED_LANGUAGE.name: options.language_column,
    }
    default = SourceOptions.model_fields["language_column"].default
    places: list[tuple[pa.Field, tuple[str, ...]]] = []
    for field in ABOUT:
        name = named.get(field.name, field.name)
        places.append((field, (field.name, name) if name == default else (name, field.name)))
    return places


def _is_said(field: pa.Field, kind: pa.DataType) -> bool:
    return is_text(kind) or (field == AUTHOR and _is_list_of_text(kind))


def _page(kinds: Mapping[str, pa.DataType]) -> dict[str, str]:
    """Return the columns of pages that an earlier run has left."""
    exact = {field.name for field in PAGE if kinds.get(field.name) == field.type}
    if HTML.name not in exact and "charset_origin" not in kinds:
        exact -= {CHARSET.name}
    return {name: name for name in exact}


def plain_type(kind: pa.DataType) -> pa.DataType:
    """Return the type of a column's values, however they are held."""
    if isinstance(kind, pa.BaseExtensionType):
        return plain_type(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return plain_type(kind.value_type)
    return pa.string() if pa.types.is_string_view(kind) else pa.binary() if pa.types.is_binary_view(kind) else kind


def is_text(kind: pa.DataType) -> bool:
    """Say whether the type is one of strings."""
    plain = plain_type(kind)
    return bool(pa.types.is_string(plain) or pa.types.is_large_string(plain))


def is_bytes(kind: pa.DataType) -> bool:
    """Say whether the type is one of bytes."""
    plain = plain_type(kind)
    return bool(pa.types.is_binary(plain) or pa.types.is_large_binary(plain))


def is_scalar(kind: pa.DataType) -> bool:
    """Say whether every value of the type has a string."""
    plain = plain_type(kind)
    numeric = pa.types.is_primitive(plain) or pa.types.is_decimal(plain) or pa.types.is_null(plain)
    return is_text(kind) or (numeric and not pa.types.is_interval(plain))


def _is_list_of_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind)) and is_text(kind.value_type)
