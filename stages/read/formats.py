"""The formats: what a file's name says of its format, which columns each brings, and what reads it."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import cast

import pyarrow as pa

from prep.corpus.arrow.documents import (
    ABOUT,
    CHARSET,
    CONVERSATION,
    DECLARED_LANGUAGE,
    HEADERS,
    HTML,
    TEXT,
    read_schema,
)
from prep.corpus.files.compression import strip_codec
from prep.corpus.files.storage import map_input
from prep.stages.read.archives.arc import arc_rows
from prep.stages.read.archives.wacz import wacz_rows
from prep.stages.read.archives.warc import warc_rows
from prep.stages.read.books.epub import epub_rows
from prep.stages.read.books.pdf import ROUTE, pdf_rows
from prep.stages.read.crawl.captures import crawl_rows
from prep.stages.read.plain.files import html_rows, text_rows
from prep.stages.read.plain.lines import line_rows
from prep.stages.read.rows import METADATA, Input, Row
from prep.stages.read.sources import CRAWL_INDEX, Format, FormatName, SourceOptions
from prep.stages.read.tables.chat_tables import arrow_conversations, parquet_conversations
from prep.stages.read.tables.csv_files import csv_rows, csv_schema
from prep.stages.read.tables.json_files import json_file_rows
from prep.stages.read.tables.json_lines import json_rows
from prep.stages.read.tables.tables import arrow_outcomes, arrow_schema, parquet_outcomes
from prep.stages.read.wiki.mediawiki import mediawiki_rows
from prep.stages.stage import InputFile
from prep.stages.verdicts import Outcome

SUFFIXES: Mapping[str, FormatName] = {
    ".warc": "warc",
    ".wat": "warc",
    ".wet": "wet",
    ".arc": "arc",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".txt": "text",
    ".text": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".epub": "epub",
    ".pdf": "pdf",
    ".xml": "mediawiki",
    ".wacz": "wacz",
}
"""File name endings (before that of a codec) → formats."""

ROWS: Mapping[Format, Callable[[Input], Iterator[Row]]] = {
    "warc": partial(warc_rows, extracts=False),
    "wet": partial(warc_rows, extracts=True),
    "arc": arc_rows,
    "html": html_rows,
    "jsonl": json_rows,
    "json": json_file_rows,
    "csv": csv_rows,
    "text": text_rows,
    "markdown": text_rows,
    "lines": line_rows,
    "epub": epub_rows,
    "pdf": pdf_rows,
    "mediawiki": mediawiki_rows,
    "wacz": wacz_rows,
    CRAWL_INDEX: crawl_rows,
}
"""What reads formats record by record."""

OUTCOMES: Mapping[Format, Callable[[Input, pa.Schema, str, int], Iterator[Outcome]]] = {
    "parquet": parquet_outcomes,
    "arrow": arrow_outcomes,
}
"""What reads formats column by column."""

_BRINGS: Mapping[Format, Sequence[pa.Field]] = {
    "warc": (HTML, CHARSET, HEADERS),
    "arc": (HTML, CHARSET, HEADERS),
    "wacz": (HTML, CHARSET, HEADERS),
    CRAWL_INDEX: (HTML, CHARSET, HEADERS, DECLARED_LANGUAGE),
    "html": (HTML, CHARSET),
    "csv": (TEXT,),
    "parquet": (TEXT,),
    "arrow": (TEXT,),
    **dict.fromkeys(("jsonl", "json", "epub", "mediawiki"), (TEXT, *ABOUT, METADATA)),
    "pdf": (TEXT, *ABOUT, METADATA, ROUTE),
}
CHAT_TABLES: Mapping[Format | None, Callable[[Input], Iterator[Row]]] = {
    "parquet": parquet_conversations,
    "arrow": arrow_conversations,
}
"""What reads tables of conversations, record by record."""
CONVERSING: frozenset[Format | None] = frozenset({"jsonl", "json", *CHAT_TABLES})
"""The formats whose records may be conversations."""
UNKNOWN = "unknown"
"""The format of a listed file whose bytes and name do not tell, or that is of a kind that is not read."""
_PAGES = re.compile(r"-p\d+p\d+$")
"""What names the pages in a part of a MediaWiki dump: `…-articles1.xml-p1p41242.bz2`."""
COLUMNS = (HTML, CHARSET, HEADERS, TEXT, CONVERSATION, *ABOUT, METADATA, ROUTE)
"""The columns that formats bring, in their order."""


def format_of(path: str, options: SourceOptions) -> FormatName | None:
    """Return what a file is said to hold: by the options, or by its name; None where it does not tell."""
    if options.format == "dataset":
        return "arrow"
    if options.format != "auto":
        return options.format
    name = _PAGES.sub("", strip_codec(path).lower())
    return next((kind for suffix, kind in SUFFIXES.items() if name.endswith(suffix)), None)


def kind_of(file: InputFile, options: SourceOptions) -> Format | None:
    """Return the format of a listed file; as its name says, where nobody has looked into it."""
    if file.format == UNKNOWN:
        return None
    return cast("Format", file.format) if file.format else format_of(file.path, options)


def input_of(file: InputFile, options: SourceOptions) -> Input:
    """Return a listed file as readers take it, whole."""
    return Input(file.path, file.label, options, codec=file.codec, charset=file.charset)


def columns_of(formats: frozenset[Format | None]) -> list[pa.Field]:
    """Return the columns that files of these formats bring, without those of tables' own."""
    brought = {field.name for kind in formats if kind for field in _BRINGS.get(kind, (TEXT, METADATA))}
    return [field for field in COLUMNS if field.name in brought]


def table_schema(file: Input, kind: Format | None) -> pa.Schema | None:
    """Return a table's columns; None for what is no table.

    Raises ArrowException, OSError, UnicodeDecodeError or ValueError where they cannot be read.
    """
    if kind == "parquet":
        return read_schema(file.path)
    if kind == "arrow":
        with map_input(file.path) as mapped:
            return arrow_schema(mapped)
    return csv_schema(file) if kind == "csv" else None
