"""What an extractor makes of a page, whichever it is."""

from datetime import date
from typing import NamedTuple, Protocol

from prep.stages.extract.metadata import Metadata
from prep.stages.shared.dates import LATEST


class Content(NamedTuple):
    """The text of a page and what the page says about itself."""

    text: str
    """Empty where there is none."""
    metadata: Metadata | None = None
    """None from extractors that do not read it."""


class Extractor(Protocol):
    """From a page in UTF-8, and its URL if that is known, to its content."""

    def __call__(self, page: bytes, url: str | None, latest: date = LATEST) -> Content:
        """Extract a page; dates after `latest` are not believed."""
