"""The extractors of two libraries, behind the same interface as ours."""

import logging
from datetime import date
from typing import Literal

import numpy as np

from prep.stages.extract.content import Content, Extractor
from prep.stages.extract.html.cost_kernels import kinds_by_slot, parse_cost
from prep.stages.shared.dates import LATEST

Mode = Literal["default", "precision", "recall", "fast"]

_KINDS = kinds_by_slot()


def parsing_steps(page: bytes) -> int:
    """Return about how many steps it takes a library to parse a page."""
    return parse_cost(np.frombuffer(page, np.uint8), _KINDS)


def open_resiliparse(main_content: bool) -> Extractor:
    """Return resiliparse's extractor: of the main text, or of all text."""
    from resiliparse.extract.html2text import extract_plain_text

    def extract(page: bytes, url: str | None, latest: date = LATEST) -> Content:
        return Content(extract_plain_text(page.decode(), main_content=main_content, alt_texts=False).strip())

    return extract


def open_trafilatura(mode: Mode, comments: bool = False) -> Extractor:
    """Return trafilatura's extractor, with or without readers' comments (FineWeb left them out)."""
    from trafilatura import extract as extract_main

    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # what it cannot extract is recorded by the stage

    def extract(page: bytes, url: str | None, latest: date = LATEST) -> Content:
        text = extract_main(
            page.decode(),
            favor_precision=mode == "precision",
            favor_recall=mode == "recall",
            fast=mode == "fast",
            include_comments=comments,
            deduplicate=False,
        )
        return Content(text or "")

    return extract
