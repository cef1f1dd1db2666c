"""Turns pages into text: the character set, a bound on the work, then an extractor that knows HTML.

The bound is on tags or estimated parsing steps, not on seconds: the same page has the same result on every machine.
"""

from collections.abc import Callable, Iterator
from datetime import date
from typing import ClassVar, Literal, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from prep.corpus.arrow.columns import set_column
from prep.corpus.arrow.documents import CHARSET, DATE, HEADERS, HTML, TEXT, URL
from prep.corpus.errors import Problem
from prep.stages.extract.content import Extractor
from prep.stages.extract.engine import Comments, Form, Options, open_engine, tags_of
from prep.stages.extract.metadata import Metadata
from prep.stages.extract.peers import Mode, open_resiliparse, open_trafilatura, parsing_steps
from prep.stages.shared.charset.page import Decoded, Origin, decode_page
from prep.stages.shared.dates import LATEST, day_after
from prep.stages.shared.markup.formulas import Delimiters
from prep.stages.stage import CheckContext, RowFunction, RowStage
from prep.stages.verdicts import Outcome, Verdicts

CHARSET_ORIGIN = pa.field("charset_origin", pa.string())
METADATA = tuple(pa.field(name, pa.string()) for name in Metadata._fields)
"""Columns that our engine fills beside the text."""
_NO_METADATA = Metadata()
_MADE = frozenset({HTML.name, CHARSET.name, HEADERS.name, CHARSET_ORIGIN.name, TEXT.name})


class _Result(NamedTuple):
    text: str | None = None
    rule: str | None = None
    failed: bool = False
    value: float | None = None
    detail: str | None = None
    metadata: Metadata = _NO_METADATA
    charset: str | None = None
    origin: Origin | None = None


class Extract(RowStage):
    """Extract the main text of pages; replaces the columns `html` and `headers` by `text`.

    `charset` becomes the character set that the page was decoded with, by its name in the WHATWG Encoding standard,
    and `charset_origin` how it was found: `bom`, `transport`, `meta` or `detected`. Bytes that are UTF-8 are decoded
    so whatever is declared, and a declaration that the bytes contradict gives way to one that they do not.

    The engine `prep` adds what the page says about itself, null where it says nothing: `title`, `published` (ISO
    date), `canonical_url` and `declared_language`. Where the input has columns of these names, what they hold stays.

    The engine `prep` puts the parts of a streamed page (React, Next.js) in their places, and takes the article that a
    page holds as JSON-LD where the page shows no more than a third of it.

    The engine `prep` writes the quotation marks of `<q>` that browsers show, “ ” and in them ‘ ’, or those of the
    language around it (`lang`: „ “ in German, « » in French); none in code, or where the text has its own at both ends.

    Documents that came as text pass untouched. Rejects pages in which bytes could not be decoded (`bad_encoding`),
    pages that would cost too much (rule `too_complex`) and pages without text (`no_text`), among them, for the engine
    `prep`, indexes of reference documentation that are nothing but links.
    """

    example: ClassVar[str] = "- extract: {format: markdown}"
    name: ClassVar[str] = "extract"
    does: ClassVar[str] = "extracting text"
    version: ClassVar[int] = 35
    produces: ClassVar[tuple[str, ...]] = ("text",)
    libraries: ClassVar[tuple[str, ...]] = ("chardetng-py", "resiliparse", "trafilatura", "lxml")
    columns: ClassVar[tuple[str, ...]] = ("html",)
    fills: ClassVar[tuple[str, ...]] = tuple(field.name for field in METADATA)

    engine: Literal["prep", "trafilatura", "resiliparse"] = "prep"
    """`prep` is ours: fast, and the nearest to what people mark as main text on pages of all kinds. `trafilatura` is
    slow and made for articles; `resiliparse` is fast and takes more of what surrounds the main text."""
    mode: Mode | None = None
    """What trafilatura prefers where it must choose (`default` where none is given; FineWeb took `precision`).
    Other engines have no modes."""
    main_content: bool = True
    """Leave out menus, footers, sidebars and the like; otherwise all visible text is kept (not with trafilatura)."""
    format: Form = "text"
    """How the engine `prep` writes: plain `text`, or `markdown` with headings, lists, tables, fenced code and its
    language, emphasis and formulas."""
    comments: Comments = "keep"
    """What the engine `prep` does with readers' comments: `keep` those that are judged to be content, `drop` all, or
    take them `only`. Posts of forums, and answers to questions, are content and no comments."""
    formulas: Delimiters = "dollars"
    """What the engine `prep` writes around formulas that a page carries as LaTeX: `dollars` (`$…$`, displayed ones
    `$$…$$`), `brackets` (`\\(…\\)`, `\\[…\\]`) or `none`. Formulas that are MathML alone are written in a line."""
    max_cost: int = Field(default=250_000, ge=1)
    """Most work for a page: tags for `prep` (at most 1.3 kB of memory each), otherwise parsing steps of one to two
    microseconds. The largest ordinary pages take 30,000."""
    max_undecodable: float = Field(default=0.01, ge=0, le=1)
    """Largest share of characters that replace undecodable bytes."""

    def problems(self, context: CheckContext) -> Iterator[Problem]:
        """Yield settings that the engine does not have."""
        if self.engine == "trafilatura" and not self.main_content:
            yield Problem(
                "trafilatura always looks for the main text",
                ("main_content",),
                "true",
                "false",
                "leave it out, or take engine: prep",
            )
        if self.engine != "prep" and self.format != "text":
            yield Problem(
                f"the engine {self.engine} writes plain text",
                ("format",),
                "text",
                self.format,
                "leave it out, or take engine: prep",
            )
        if self.engine != "prep" and self.comments != "keep":
            yield Problem(
                f"the engine {self.engine} does not tell comments apart",
                ("comments",),
                "keep",
                self.comments,
                "leave it out, or take engine: prep",
            )
        if self.engine != "trafilatura" and self.mode is not None:
            yield Problem(
                f"the engine {self.engine} has no modes",
                ("mode",),
                "no mode",
                self.mode,
                "leave it out, or take engine: trafilatura",
            )

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Return the schema with text, and our engine's columns, in place of html, charset and headers."""
        fields = [field for field in schema if field.name not in _MADE]
        added = [field for field in self._metadata() if field.name not in schema.names]
        return pa.schema([*fields, TEXT, CHARSET, CHARSET_ORIGIN, *added])

    def open(self) -> RowFunction:
        """Return the function over batches."""
        page = self._page_function()

        def extract(batch: pa.RecordBatch) -> Outcome:
            columns = [_column_or_nulls(batch, field) for field in (HTML, CHARSET, URL, TEXT, DATE)]
            results = [
                _Result(text) if html is None else page(html, charset, url, fetched)
                for html, charset, url, text, fetched in zip(*columns, strict=True)
            ]
            extracted = set_column(batch, TEXT.name, pa.array([result.text for result in results], TEXT.type))
            for field, found in ((CHARSET, "charset"), (CHARSET_ORIGIN, "origin")):
                values = pa.array([getattr(result, found) for result in results], field.type)
                extracted = set_column(extracted, field.name, values)
            for place, field in enumerate(self._metadata()):
                values = pa.array([result.metadata[place] for result in results], field.type)
                if field.name in batch.schema.names:
                    known = batch.column(field.name)
                    values = pc.coalesce(known, values) if known.type == field.type else known
                extracted = set_column(extracted, field.name, values)
            schema = self.output_schema(batch.schema)
            return Outcome(extracted.select(schema.names), _verdicts(results))

        return extract

    def _metadata(self) -> tuple[pa.Field, ...]:
        return METADATA if self.engine == "prep" else ()

    def _page_function(self) -> Callable[[bytes, str | None, str | None, str | None], _Result]:
        extractor = self._extractor()
        cost_of = tags_of if self.engine == "prep" else parsing_steps
        unit = "tags" if self.engine == "prep" else "parsing steps"

        def page(html: bytes, charset: str | None, url: str | None, fetched: str | None) -> _Result:
            decoded = decode_page(html, charset)
            latest = (day_after(fetched) if fetched else None) or LATEST
            return extracted(decoded, url, latest)._replace(charset=decoded.charset, origin=decoded.origin)

        def extracted(decoded: Decoded, url: str | None, latest: date) -> _Result:
            undecodable = decoded.undecodable / max(1, len(decoded.text))
            if undecodable > self.max_undecodable:
                detail = f"{decoded.undecodable} places are not {decoded.charset} ({decoded.origin})"
                return _Result(rule="bad_encoding", value=undecodable, detail=detail)
            cost = cost_of(decoded.utf8)
            if cost > self.max_cost:
                return _Result(rule="too_complex", value=float(cost), detail=f"more than {self.max_cost} {unit}")
            try:
                content = extractor(decoded.utf8, url, latest)
            except (
                Exception
            ) as error:  # an extractor may raise anything on a broken page; it is recorded, and fails alone
                return _Result(rule="extractor_error", failed=True, detail=f"{type(error).__name__}: {error}")
            if not content.text:
                return _Result(rule="no_text")
            return _Result(content.text, metadata=content.metadata or _NO_METADATA)

        return page

    def _extractor(self) -> Extractor:
        if self.engine == "prep":
            return open_engine(Options(self.main_content, self.format, self.formulas, self.comments))
        if self.engine == "resiliparse":
            return open_resiliparse(self.main_content)
        return open_trafilatura(self.mode or "default")


def _column_or_nulls(batch: pa.RecordBatch, field: pa.Field) -> list[bytes | str | None]:
    index = batch.schema.get_field_index(field.name)
    values: list[bytes | str | None] = [None] * batch.num_rows if index < 0 else batch.column(index).to_pylist()
    return values


def _verdicts(results: list[_Result]) -> Verdicts | None:
    if all(result.rule is None for result in results):
        return None
    return Verdicts(
        rule=pa.array([result.rule for result in results], pa.string()),
        failed=pa.array([result.failed for result in results], pa.bool_()),
        value=pa.array([result.value for result in results], pa.float64()),
        detail=pa.array([result.detail for result in results], pa.string()),
    )
