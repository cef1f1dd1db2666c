"""Turns pages into text: the character set, a bound on the work, then an extractor that knows HTML.

The bound is on estimated parsing steps (`prep.stages.extract.cost_kernels`), not on seconds: the same page has the same
result on every machine.
"""

from collections.abc import Callable, Iterator
from typing import ClassVar, Literal, NamedTuple

import numpy as np
import pyarrow as pa
from pydantic import Field

from prep.corpus.columns import set_column
from prep.corpus.documents import CHARSET, HTML, TEXT
from prep.corpus.errors import Problem
from prep.stages.extract.charset import decode_page
from prep.stages.extract.cost_kernels import kinds_by_slot, parse_cost
from prep.stages.stage import CheckContext, Outcome, RowFunction, RowStage, Verdicts

Extractor = Callable[[str], str]
"""From a page's HTML to its text; empty where it finds none."""


class _Result(NamedTuple):
    text: str | None = None
    rule: str | None = None
    failed: bool = False
    value: float | None = None
    detail: str | None = None


class Extract(RowStage):
    """Extract the main text of pages; replaces the columns `html` and `charset` by `text`.

    Documents that came as text pass untouched. Rejects pages whose parsing would cost too much (rule `too_complex`),
    pages in which bytes could not be decoded (`bad_encoding`) and pages without text (`no_text`).
    """

    name: ClassVar[str] = "extract"
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ("resiliparse", "trafilatura", "lxml")
    columns: ClassVar[tuple[str, ...]] = ("html",)

    engine: Literal["resiliparse", "trafilatura"] = "resiliparse"
    """`resiliparse` is fast; `trafilatura` finds the main text more surely, at a tenth of the speed."""
    main_content: bool = True
    """Leave out menus, footers, sidebars and the like; otherwise all visible text is kept (resiliparse only)."""
    favour: Literal["balance", "precision", "recall"] = "precision"
    """What trafilatura prefers where it must choose; `precision` is FineWeb's choice."""
    max_cost: int = Field(default=1_000_000, ge=1)
    """Most parsing steps, of one to two microseconds each; the largest ordinary pages take 30,000."""
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
                "leave it out, or take engine: resiliparse",
            )

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Return the schema with text in place of html and charset."""
        fields = [field for field in schema if field.name not in (HTML.name, CHARSET.name, TEXT.name)]
        return pa.schema([*fields, TEXT])

    def open(self) -> RowFunction:
        """Return the function over batches."""
        extractor = self._extractor()
        kinds = kinds_by_slot()

        def page(html: bytes, charset: str | None) -> _Result:
            cost = parse_cost(np.frombuffer(html, np.uint8), kinds)
            if cost > self.max_cost:
                return _Result(rule="too_complex", value=float(cost), detail=f"more than {self.max_cost} parsing steps")
            decoded = decode_page(html, charset)
            undecodable = decoded.undecodable / max(1, len(decoded.text))
            if undecodable > self.max_undecodable:
                detail = f"{decoded.undecodable} places are not {decoded.charset} ({decoded.origin})"
                return _Result(rule="bad_encoding", value=undecodable, detail=detail)
            try:
                text = extractor(decoded.text)
            except (
                Exception
            ) as error:  # an extractor may raise anything on a broken page; it is recorded, and fails alone
                return _Result(rule="extractor_error", failed=True, detail=f"{type(error).__name__}: {error}")
            return _Result(text) if text else _Result(rule="no_text")

        def extract(batch: pa.RecordBatch) -> Outcome:
            pages = batch.column(HTML.name).to_pylist()
            charsets = _column_or_nulls(batch, CHARSET)
            texts = _column_or_nulls(batch, TEXT)
            results = [
                _Result(text) if html is None else page(html, charset)
                for html, charset, text in zip(pages, charsets, texts, strict=True)
            ]
            schema = self.output_schema(batch.schema)
            extracted = set_column(batch, TEXT.name, pa.array([result.text for result in results], TEXT.type))
            return Outcome(extracted.select(schema.names), _verdicts(results))

        return extract

    def _extractor(self) -> Extractor:
        if self.engine == "resiliparse":
            return _resiliparse(self.main_content)
        return _trafilatura(self.favour)


def _resiliparse(main_content: bool) -> Extractor:
    from resiliparse.extract.html2text import extract_plain_text

    def extract(html: str) -> str:
        return extract_plain_text(html, main_content=main_content, alt_texts=False).strip()

    return extract


def _trafilatura(favour: str) -> Extractor:
    import logging

    from trafilatura import extract as extract_main

    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # what it cannot extract is recorded here

    def extract(html: str) -> str:
        text = extract_main(
            html,
            favor_precision=favour == "precision",
            favor_recall=favour == "recall",
            include_comments=False,
            deduplicate=False,
        )
        return text or ""

    return extract


def _column_or_nulls(batch: pa.RecordBatch, field: pa.Field) -> list[str | None]:
    index = batch.schema.get_field_index(field.name)
    values: list[str | None] = [None] * batch.num_rows if index < 0 else batch.column(index).to_pylist()
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
