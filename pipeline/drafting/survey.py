"""What lies in a folder, for the draft of a pipeline: files by kind, where tables have their text, languages.

Files are listed by the reader itself, which knows their kinds by their first bytes. Of each kind a few files, the
smallest among some of the first, are read and extracted, to see languages and PDF files without text. Cost: the
beginning of every file, and about a hundred documents.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import cast

import pyarrow as pa
import pyarrow.compute as pc

from prep.corpus.arrow.documents import select
from prep.corpus.errors import ConfigurationError, PrepError
from prep.corpus.files.compression import strip_codec
from prep.pipeline.config import stages_of
from prep.pipeline.drafting.text_columns import text_column
from prep.stages.catalogue import STAGES
from prep.stages.stage import InputFile, RowFunction, RowStage, SourceStage
from prep.stages.verdicts import Outcome

KINDS: Mapping[str, str] = {
    **dict.fromkeys(("warc", "arc", "wacz"), "web"),
    "wet": "wet",
    "html": "html",
    "pdf": "pdf",
    "epub": "books",
    "mediawiki": "wiki",
    **dict.fromkeys(("jsonl", "json", "csv", "parquet", "arrow"), "tables"),
    **dict.fromkeys(("text", "markdown", "lines"), "text"),
}
"""Formats of the reader → the kinds that become sources of a draft."""
CODE = re.compile(
    r"\.(c|cc|cpp|cs|css|cu|cxx|f90|go|h|hpp|hs|java|jl|js|jsx|kt|lua|m|ml|php|pl|ps1|py|pyx|r|rb|rs|scala|scss|sh|sql"
    r"|swift|tex|ts|tsx|v|vhd|zig)$",
    re.IGNORECASE,
)
"""Endings of the names of source code, which the reader takes for text where it is asked to."""
WITH_PAGES = frozenset({"web", "html"})
"""Kinds that bring pages, from which text is to be extracted."""
_FILES = 4
_DOCUMENTS = 30
"""So many files and documents of a kind are read."""
_BATCH_BYTES = 4 << 20


@dataclass
class Kind:
    """The files of a kind, and what a sample of them shows."""

    name: str
    files: list[InputFile] = field(default_factory=list)
    text_column: str = "text"
    documents: int = 0
    """Documents read."""
    languages: Counter[str] = field(default_factory=Counter)
    lengths: list[int] = field(default_factory=list)
    """Characters of the documents read."""
    routes: Counter[str] = field(default_factory=Counter)
    """Of PDF files: what gives their text."""

    @property
    def bytes(self) -> int:
        """Size of the files."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True)
class Survey:
    """What lies in a folder."""

    folder: str
    kinds: tuple[Kind, ...]
    """The largest first."""
    unread: tuple[InputFile, ...]
    """Files that are not read."""
    identified: bool
    """Whether there is a model that tells languages."""

    @property
    def bytes(self) -> int:
        """Size of the files that are read."""
        return sum(kind.bytes for kind in self.kinds)

    @property
    def lengths(self) -> list[int]:
        """Characters of the documents of the sample."""
        return [length for kind in self.kinds for length in kind.lengths]

    @property
    def languages(self) -> Counter[str]:
        """Documents of the sample by language; of source code none is given."""
        return sum((kind.languages for kind in self.kinds), Counter())


def survey(folder: str, output: str = "") -> Survey:
    """Look into a folder, or a single file. Raises ConfigurationError where there is nothing in it to read."""
    reader = STAGES["read"].model_validate({"paths": folder})
    assert isinstance(reader, SourceStage)
    files = reader.apart_from(output).list_files() if Path(folder).exists() else ()
    kinds: dict[str, Kind] = {}
    unread: list[InputFile] = []
    for file in files:
        name = "" if file.error else _kind(file)
        if name and file.size:
            kinds.setdefault(name, Kind(name)).files.append(file)
        else:
            unread.append(file)
    if not kinds:
        seen = f"{len(files)} files of other kinds" if files else "no file"
        raise ConfigurationError(
            [f"{folder}: expected a folder of files that 'read' knows or source code, seen {seen}"]
        )
    language = _language()
    for kind in kinds.values():
        if kind.name == "tables":
            kind.text_column = text_column(kind.files[: 2 * _FILES])
        _sample(kind, language)
    largest = tuple(sorted(kinds.values(), key=lambda kind: (-kind.bytes, kind.name)))
    return Survey(folder, largest, tuple(unread), language is not None)


def _kind(file: InputFile) -> str:
    if CODE.search(strip_codec(file.path)) and file.format in ("unknown", ""):
        return "code"
    return KINDS.get(file.format, "")


def _language() -> RowFunction | None:
    """Return what tells languages; None where its model is not installed."""
    stage = STAGES["language"].model_validate({"threshold": 0})
    assert isinstance(stage, RowStage)
    try:
        return stage.open()
    except (PrepError, OSError, ImportError, ValueError):
        return None


def _sample(kind: Kind, language: RowFunction | None) -> None:
    """Read some documents of a kind and note what they show."""
    for batch in _documents(kind):
        kind.documents += batch.num_rows
        kind.lengths += pc.utf8_length(batch.column("text")).drop_null().to_pylist()
        if "route" in batch.schema.names:
            kind.routes.update(batch.column("route").drop_null().to_pylist())
        if language is not None and batch.num_rows and kind.name != "code":
            found = language(batch).batch.column("language").drop_null()
            kind.languages.update(found.to_pylist())


def _documents(kind: Kind) -> Iterator[pa.RecordBatch]:
    """Yield about `_DOCUMENTS` documents; those of PDF files without text too, with an empty one."""
    chosen = sorted(kind.files[: 10 * _FILES], key=lambda file: file.size)[:_FILES]
    options = {"format": "text"} if kind.name == "code" else {"text_column": kind.text_column}
    entries: Sequence[object] = [{"read": {"paths": [file.path for file in chosen], **options}}, "extract"]
    reader, extract = cast("tuple[SourceStage, RowStage]", stages_of(entries))
    text_of = extract.open() if kind.name in WITH_PAGES else None
    files = reader.list_files()
    schema = reader.output_schema(files)
    left = _DOCUMENTS
    for partition in reader.partitions(files):
        for outcome in reader.read(partition, schema, _BATCH_BYTES):
            wanted = outcome.batch if kind.name == "pdf" else _kept(outcome)
            if text_of is not None:
                wanted = _kept(text_of(wanted.slice(0, left)))
            wanted = wanted.slice(0, left)
            left -= wanted.num_rows
            yield wanted
            if left <= 0:
                return


def _kept(outcome: Outcome) -> pa.RecordBatch:
    batch, verdicts = outcome
    return batch if verdicts is None else select(batch, verdicts.rule.is_null())


def unread_kinds(survey: Survey, most: int = 3) -> str:
    """Return what is not read, by the endings of names, the most frequent first."""
    endings = Counter(Path(file.path).suffix.lower() or "no ending" for file in survey.unread)
    named = [f"{count:,} {ending}" for ending, count in islice(endings.most_common(), most)]
    others = len(survey.unread) - sum(count for _, count in endings.most_common(most))
    return ", ".join([*named, *([f"{others:,} others"] if others else [])])
