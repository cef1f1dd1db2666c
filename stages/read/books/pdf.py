"""Books and papers in PDF, as far as they have a text layer (pages that are pictures need character recognition).

Lines come in reading order (`pdf_page`), without the frame of the pages and with words put together again
(`pdf_text`); here they become paragraphs. Which files need character recognition is said in the column `route`; where
the source names a command that does it, its text is taken.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import orjson
import pyarrow as pa

from prep.stages.read.about import iso_time, names, one_line
from prep.stages.read.books.pdf_page import Line, page_lines
from prep.stages.read.books.pdf_text import SENTENCE_ENDS, Hyphens, blocks, without_frame
from prep.stages.read.books.recognition import RecognitionError, recognised
from prep.stages.read.plain.files import MAX_FILE, cut_row, whole
from prep.stages.read.rows import Input, Row, failed, rejected, too_large

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument

ROUTE = pa.field("route", pa.string())
"""How a PDF file gives its text: `text` by its text layer, `ocr` by character recognition alone, `text+ocr` where some
pages are pictures; null for other formats."""

_MAX_PAGES = 20_000
_UNREADABLE = re.compile("[\N{REPLACEMENT CHARACTER}\ue000-\uf8ff]")
_MAX_UNREADABLE = 0.3
"""A page with a larger share of glyphs that stand for no known character has no text that can be read."""
_HYPHENS = re.compile("[\x02\ufffe](?:\r?\n)?")
"""How PDFium marks a hyphen at the end of a line."""
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f\uffff]")
_SHORT = 0.8
_SHORT_END = 0.95
"""A line shorter than this share of the page's full lines ends a paragraph; the second is for the end of a sentence."""
_CJK = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]")
_PASSWORD, _SECURITY = 4, 5
"""PDFium's error codes for documents that are encrypted."""


def pdf_rows(file: Input) -> Iterator[Row]:
    """Yield the document that the file holds, and a failed row where the file was cut off behind what was read."""
    from pypdfium2 import PdfDocument, PdfiumError

    content = whole(file, MAX_FILE)
    if isinstance(content, Row):
        yield content
        return
    try:
        with PdfDocument(content) as document:
            row = _document(file, document)
        needs_recognition = row.own is not None and row.own[ROUTE.name] != "text"
        yield _recognised(file, content, row) if file.options.ocr and needs_recognition else row
        if (cut := cut_row(f"{file.id_at()}!end", content)) is not None:  # PDFium reads the pages that are there
            yield cut
    except PdfiumError as error:
        encrypted = getattr(error, "err_code", None) in {_PASSWORD, _SECURITY}
        cut = None if encrypted else cut_row(file.id_at(), content)
        yield cut or failed(file.id_at(), "encrypted" if encrypted else "bad_pdf", str(error))


def _recognised(file: Input, content: bytes, row: Row) -> Row:
    """Return the document with the text that the source's command for character recognition gives."""
    try:
        text = recognised(file.options.ocr, content)
    except RecognitionError as error:
        return failed(file.id_at(), "ocr_failed", str(error))
    if len(text.encode()) > file.options.max_bytes:
        return too_large(file.id_at(), len(text.encode()), file.options.max_bytes)
    if not text:
        return row
    text = _joined([reflowed(page) for page in text.split("\f")])
    return row._replace(text=text, rule=None, value=None, detail=None, own={ROUTE.name: "ocr"})


def _document(file: Input, document: "PdfDocument") -> Row:
    limit = file.options.max_bytes
    if len(document) > _MAX_PAGES:
        return rejected(file.id_at(), "too_many_pages", float(len(document)), f"more than {_MAX_PAGES}")
    pages: list[list[Line]] = []
    pictures: list[int] = []
    size = 0
    for number in range(len(document)):
        lines, is_picture = _page(document, number)
        size += sum(len(line.text.encode()) + 1 for line in lines)
        if size > limit:
            return too_large(file.id_at(), size, limit)
        pages.append(lines)
        if is_picture:
            pictures.append(number + 1)
    text = _text(pages)
    about = document.get_metadata_dict(skip_empty=True)
    route = "text" if not pictures else "text+ocr" if text else "ocr"
    row = _about(Row(file.id_at(), text=text, own={ROUTE.name: route}), about, pictures if text else [])
    if text:
        return row
    detail = f"{len(pictures)} pages are pictures of text, the rest is empty; set ocr to read them"
    return row._replace(text=None, rule="no_text_layer", value=float(len(pages)), detail=detail)


def _page(document: "PdfDocument", number: int) -> tuple[list[Line], bool]:
    """Return a page's lines, and whether it is a picture of text: one without a text that can be read."""
    from pypdfium2 import raw

    page = document[number]
    glyphs = page.get_textpage()
    lines = page_lines(glyphs)
    letters = "".join(line.text for line in lines)
    bad = len(_UNREADABLE.findall(letters))
    if bad > _MAX_UNREADABLE * max(1, len(letters)):
        lines, letters = [], ""
    is_picture = bad > 0 and not letters
    if not letters.strip():
        is_picture |= any(True for _ in page.get_objects([raw.FPDF_PAGEOBJ_IMAGE], max_depth=3))
    glyphs.close()
    page.close()
    return lines, is_picture


def _text(pages: Sequence[Sequence[Line]]) -> str:
    kept = without_frame([[line for line in page if line.text.strip()] for page in pages])
    hyphens = Hyphens("\n".join(line.text for page in kept for line in page))
    whole = iter(hyphens.joined([line.text for page in kept for line in page]))
    texts: list[str] = []
    for page in kept:
        edges = _margins(page)
        lines = [_full(line, *next(whole), edges) for line in page]
        paragraphs: list[str] = []
        for block in blocks([line for line in lines if line.text]):
            widths = [(line.right - edges[line.column][0]) / edges[line.column][1] for line in block]
            paragraphs += _paragraphs([line.text for line in block], widths)
        texts.append("\n".join(paragraphs))
    return _joined(texts)


def _full(line: Line, text: str, broken: bool, margins: Mapping[int, tuple[float, float]]) -> Line:
    """Return a line with its text; one that ended in a broken word is as wide as its column."""
    left, width = margins[line.column]
    return line._replace(text=_CONTROLS.sub("", text).strip(), right=left + width if broken else line.right)


def _margins(lines: Sequence[Line]) -> dict[int, tuple[float, float]]:
    """Return for each column of a page where it begins, and how wide its full lines are."""
    margins: dict[int, tuple[float, float]] = {}
    for column in {line.column for line in lines}:
        members = [line for line in lines if line.column == column and line.cells == 1] or lines
        left = min(line.left for line in members)
        rights = sorted(line.right for line in members)
        margins[column] = (left, max(1.0, rights[len(rights) * 9 // 10] - left))
    return margins


def _about(row: Row, about: Mapping[str, str], pictures: Sequence[int]) -> Row:
    """Fill in what the file says of itself."""
    date = next((time for name in ("CreationDate", "ModDate") if (time := iso_time(about.get(name)))), None)
    return row._replace(
        date=date,
        title=one_line(about.get("Title")),
        author=names([about.get("Author")]),
        published=None if date is None else date.partition("T")[0],
        metadata=orjson.dumps({"pages_without_text": list(pictures)}).decode() if pictures else None,
    )


def reflowed(text: str) -> str:
    """Return a page's text, a line per paragraph, where nothing is known of its lines but their characters."""
    raw = _HYPHENS.sub("", text).replace("\r", "\n").split("\n")
    lines = [line for line in (_CONTROLS.sub("", line).strip() for line in raw) if line]
    lengths = sorted(map(len, lines))
    full = lengths[len(lengths) * 9 // 10] if lengths else 0
    return "\n".join(_paragraphs(lines, [len(line) / full for line in lines]))


def _paragraphs(lines: Sequence[str], widths: Sequence[float]) -> list[str]:
    """Join lines, given with their shares of the width of full lines: one that is short ends a paragraph."""
    paragraphs = list(lines[:1])
    for (before, line), width in zip(pairwise(lines), widths, strict=False):
        if width < (_SHORT_END if before.endswith(SENTENCE_ENDS) else _SHORT):
            paragraphs.append(line)
        else:
            paragraphs[-1] += line if _CJK.match(before[-1]) and _CJK.match(line[0]) else f" {line}"
    return paragraphs


def _joined(pages: list[str]) -> str:
    """Join pages; a paragraph that a page breaks goes on."""
    text: list[str] = []
    for page in filter(None, pages):
        if text and not text[-1].endswith(SENTENCE_ENDS) and page[0].islower():
            text[-1] += " "
        elif text:
            text[-1] += "\n"
        text.append(page)
    return "".join(text)
