"""Books and papers in PDF, as far as they have a text layer (pages that are pictures need character recognition).

PDF places glyphs; PDFium puts them into lines. Here lines become paragraphs again: a line that ends well before the
right edge of its page's text ends a paragraph, any other goes on in the next one. Cost: about 1,500 pages/s of plain
text.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

import orjson

from prep.stages.read.plain.files import MAX_FILE, whole
from prep.stages.read.rows import Input, Row, failed, rejected, too_large

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument

_MAX_PAGES = 20_000
_HYPHENS = re.compile("[\x02\ufffe](?:\r?\n)?")
"""How PDFium marks a hyphen at the end of a line."""
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f\ufffe\uffff]")
_SHORT = 0.8
_SHORT_END = 0.95
"""A line shorter than this share of the page's full lines ends a paragraph; the second is for the end of a sentence."""
_ENDS = tuple(".!?:;…\"'”’»)。！？")
_CJK = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]")
_PASSWORD, _SECURITY = 4, 5
"""PDFium's error codes for documents that are encrypted."""


def pdf_rows(file: Input) -> Iterator[Row]:
    """Yield the document that the file holds."""
    from pypdfium2 import PdfDocument, PdfiumError

    content = whole(file, MAX_FILE)
    if isinstance(content, Row):
        yield content
        return
    try:
        with PdfDocument(content) as document:
            yield _document(file, document)
    except PdfiumError as error:
        encrypted = getattr(error, "err_code", None) in {_PASSWORD, _SECURITY}
        yield failed(file.id_at(), "encrypted" if encrypted else "bad_pdf", str(error))


def _document(file: Input, document: "PdfDocument") -> Row:
    limit = file.options.max_bytes
    if len(document) > _MAX_PAGES:
        return rejected(file.id_at(), "too_many_pages", float(len(document)), f"more than {_MAX_PAGES}")
    pages: list[str] = []
    size = 0
    for number in range(len(document)):
        page = document[number]
        glyphs = page.get_textpage()
        text = reflowed(glyphs.get_text_range())
        glyphs.close()
        page.close()
        size += len(text.encode()) + 1
        if size > limit:
            return too_large(file.id_at(), size, limit)
        pages.append(text)
    text = _joined(pages)
    if not text:
        return rejected(file.id_at(), "no_text_layer", float(len(pages)), "its pages are pictures, or empty")
    about = document.get_metadata_dict(skip_empty=True)
    kept = {name.lower(): _CONTROLS.sub("", about[name]) for name in ("Title", "Author") if name in about}
    return Row(file.id_at(), text=text, metadata=orjson.dumps(kept).decode() if kept else None)


def reflowed(text: str) -> str:
    """Return a page's text, a line per paragraph."""
    raw = _HYPHENS.sub("", text).replace("\r", "\n").split("\n")
    lines = [line for line in (_CONTROLS.sub("", line).strip() for line in raw) if line]
    if not lines:
        return ""
    lengths = sorted(map(len, lines))
    full = lengths[len(lengths) * 9 // 10]
    paragraphs = [lines[0]]
    for before, line in pairwise(lines):
        if len(before) < (_SHORT_END if before.endswith(_ENDS) else _SHORT) * full:
            paragraphs.append(line)
        else:
            paragraphs[-1] += line if _CJK.match(before[-1]) and _CJK.match(line[0]) else f" {line}"
    return "\n".join(paragraphs)


def _joined(pages: list[str]) -> str:
    """Join pages; a paragraph that a page breaks goes on."""
    text: list[str] = []
    for page in filter(None, pages):
        if text and not text[-1].endswith(_ENDS) and page[0].islower():
            text[-1] += " "
        elif text:
            text[-1] += "\n"
        text.append(page)
    return "".join(text)
