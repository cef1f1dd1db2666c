"""What the configuration says of a source: where it lies, what it holds, and which of its columns mean what."""

from typing import Annotated, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from prep.stages.read.crawl.options import CommonCrawl
from prep.stages.settings import PathName, Settings, Size

Name = Annotated[str, Field(min_length=1)]
_Path = Annotated[PathName, Field(min_length=1)]
PathNames = _Path | Annotated[tuple[_Path, ...], Field(min_length=1)]

FormatName = Literal[
    "warc",
    "arc",
    "wet",
    "html",
    "jsonl",
    "json",
    "csv",
    "parquet",
    "arrow",
    "text",
    "markdown",
    "lines",
    "epub",
    "pdf",
    "mediawiki",
    "wacz",
]

CRAWL_INDEX: Literal["crawl_index"] = "crawl_index"
"""The format of the files that say what a crawl holds and where; its captures are the documents."""
Format = Literal[FormatName, "crawl_index"]
"""The formats that files have; what a configuration may name are `FormatName`s."""


class SourceOptions(Settings):
    """How a source is read."""

    format: FormatName | Literal["auto", "dataset"] = "auto"
    """What the files hold; `auto` tells each file's format by its first bytes and its name. `lines` is text with a
    document per line, `json` a list of documents, `dataset` says that `paths` are names of Hugging Face datasets."""
    exclude: PathNames | None = None
    """Globs for files to leave out, such as `*.jpg` or `crawl/2019-*/**`: of names, or of paths where they hold a
    slash."""
    conversations: bool = False
    """Whether records of JSON, or rows of Parquet and Arrow, are conversations, for `pack` with `chat`: `messages` with
    `role` and `content`, ShareGPT's `conversations`, `prompt` and `completion`, or `instruction`, `input` and `output`.
    The column `conversation` holds the turns, and `text` what was said."""
    text_column: Name = "text"
    """The field of a JSON record, or the column of a table, that holds the text."""
    id_column: Name = "id"
    """The field that holds the document's id."""
    url_column: Name = "url"
    """The field that holds the document's URL."""
    date_column: Name = "date"
    """The field that says when the document was fetched or published."""
    title_column: Name = "title"
    """The field that holds the document's title."""
    author_column: Name = "author"
    """The field that holds who wrote the document."""
    language_column: Name = "language"
    """The field that holds the language that the document is said to be in: the column `declared_language`."""
    keep: tuple[str, ...] | None = None
    """A table's other columns to keep; left out: all of them."""
    delimiter: str = Field(default="", max_length=1)
    """What parts the fields of a CSV file; left out: a comma, or a tab where the name ends in .tsv or .tab."""
    namespaces: tuple[int, ...] = (0,)
    """The namespaces of a MediaWiki dump whose pages are documents; 0 is that of articles."""
    ocr: str = ""
    """Command that writes the text of a PDF file whose pages are pictures to its standard output; `{file}` stands for
    the file. Left out, such files are rejected as `no_text_layer`; the column `route` says which need it."""
    split: str = Field(default="train", pattern=r"^[\w.]+$")
    """The split to read of a Hugging Face dataset: one name, no slice."""
    subset: str = ""
    """The subset (configuration) to read of a Hugging Face dataset."""
    max_bytes: Size = Field(default=20 << 20, ge=1)
    """Documents of more bytes are rejected as `too_large`; outside tables, none of them is held in memory whole."""
    common_crawl: CommonCrawl | None = None
    """Captures of a crawl of Common Crawl, chosen by its index, in place of `paths`; what the index says is the first
    language of each becomes `declared_language`. Of the options here only `max_bytes` counts then."""

    @model_validator(mode="after")
    def _text_is_not_taken_for_more(self) -> Self:
        """Refuse a text column that is the id, URL or date too: one of the two would be missing."""
        for name in ("id_column", "url_column", "date_column"):
            if getattr(self, name) == self.text_column:
                raise ValueError(
                    f"text_column and {name} are both {self.text_column!r}; set {name} to another, such as one that is "
                    "not there"
                )
        return self


class Source(SourceOptions):
    """One of several sources."""

    name: Name
    """The documents' column `source`."""
    paths: PathNames | None = None
    """Files, folders, globs or URLs; or the names of Hugging Face datasets (with `format: dataset`)."""

    @model_validator(mode="after")
    def _says_what_to_read(self) -> Self:
        if (self.paths is None) == (self.common_crawl is None):
            raise ValueError(
                f"expected either paths or common_crawl, seen {'neither' if self.paths is None else 'both'}"
            )
        return self


class Origin(NamedTuple):
    """A source, however the configuration wrote it."""

    name: str
    """Empty where the configuration gives none."""
    patterns: tuple[str, ...]
    options: SourceOptions
    field: tuple[str | int, ...] = ()
    """Where in the stage's options it is written."""


def patterns(paths: str | tuple[str, ...] | None) -> tuple[str, ...]:
    """Return all that the option `paths` names; nothing for a crawl."""
    return () if paths is None else (paths,) if isinstance(paths, str) else paths
