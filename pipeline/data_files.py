"""Data given where a pipeline is expected: what it is, and how to begin with it."""

import re
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prep.stages.read.sources import FormatName

_KEYS = re.compile(r"""^output\s*:|(?:^|[\s{,])["']?stages["']?\s*:""", re.MULTILINE)
"""What a pipeline holds and data hardly ever does."""
LARGEST_PIPELINE = 16 << 20
"""Bytes; a larger file is looked at for data before it is read as a pipeline."""
_MOST_FILES = 1000
"""Files of a folder that are looked at."""
_NAMES: "dict[FormatName, str]" = {
    **{"warc": "a web archive", "wet": "a web archive", "arc": "a web archive", "wacz": "a web archive"},
    **{"html": "a web page", "jsonl": "JSON Lines", "json": "records in JSON", "csv": "a table (CSV)"},
    **{"parquet": "a table (Parquet)", "arrow": "a table (Arrow)", "text": "text", "markdown": "text", "lines": "text"},
    **{"epub": "a book (EPUB)", "pdf": "a document (PDF)", "mediawiki": "a dump of MediaWiki"},
}


def data_hint(file: str, text: str | None) -> str:
    """Return `seen data: JSON Lines; …` with the command to begin with; empty where the file may be a pipeline.

    `text` is what the file holds, None where that is no text or too much.
    """
    from prep.stages.read.contents import contents_of
    from prep.stages.read.sources import SourceOptions

    if text is not None and (not text.strip() or file.endswith((".yaml", ".yml")) or _KEYS.search(text)):
        return ""
    kind = contents_of(file, SourceOptions()).format
    return f"seen data: {_NAMES[kind]}; {_begin(file)}" if kind is not None else ""


def data_folder_hint(folder: str) -> str:
    """Return how to begin with a folder in which data lies; empty where there seems to be none."""
    from prep.stages.read.formats import format_of
    from prep.stages.read.sources import SourceOptions

    files = (path for path, _ in zip(Path(folder).rglob("*"), range(_MOST_FILES), strict=False))
    holds_data = any(format_of(path.name, SourceOptions()) is not None and path.is_file() for path in files)
    return f"; it holds data; {_begin(folder)}" if holds_data else ""


def _begin(place: str) -> str:
    return f"to begin with it: prep init --from {quote(place)}"
