"""Fetching stretches of archives: neighbours with one request, at no more than a set rate.

Captures of one archive whose bytes lie within `GAP` of each other are one request: between the answers that a crawler
stored lie its requests and its notes, of about a kilobyte. Requests keep a distance in time; where the server answers
that they come too fast (403, 429, 503) the distance doubles, and shrinks by a tenth with each answer that is good.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import monotonic, sleep
from typing import NamedTuple

import fsspec

from prep.corpus.errors import StorageError
from prep.corpus.files.retrying import retried, slow_down_answers
from prep.corpus.files.storage import is_remote, read_range

GAP = 4 << 10
"""At most so many bytes that nobody chose are loaded between two captures."""
MOST_BYTES = 16 << 20
"""A request asks for no more where it holds several captures."""
SLOW_DOWN = (403, 429, 503)
"""Common Crawl answers 403 where an address asks too often."""
_LONGEST_GAP = 10.0
_NOTHING_THERE = 416
"""The answer where a file ends before the bytes that are asked for."""


class Capture(NamedTuple):
    """Where a capture lies, and what the index says of it."""

    filename: str
    offset: int
    length: int
    url: str
    date: str | None
    languages: str | None


@dataclass(frozen=True)
class Span:
    """Captures of one archive that are fetched together."""

    filename: str
    start: int
    end: int
    captures: tuple[Capture, ...]


def spans(captures: Sequence[Capture]) -> Iterator[Span]:
    """Yield the requests that captures take, in the order of the archives' names and offsets."""
    held: list[Capture] = []
    end = 0
    for capture in sorted(captures):
        after = capture.offset + capture.length
        joins = (
            bool(held)
            and held[0].filename == capture.filename
            and capture.offset - end <= GAP
            and after - held[0].offset <= MOST_BYTES
        )
        if held and not joins:
            yield Span(held[0].filename, held[0].offset, end, tuple(held))
            held, end = [], 0
        held.append(capture)
        end = max(end, after)
    if held:
        yield Span(held[0].filename, held[0].offset, end, tuple(held))


class Fetcher:
    """Sends requests at a bounded rate."""

    def __init__(self, requests_per_second: float) -> None:
        self._least = self._gap = 1 / requests_per_second
        self._next = 0.0

    def fetch(self, path: str, start: int, end: int) -> bytes:
        """Return the bytes from `start` to before `end`, as far as there are any.

        Raises FileNotFoundError where there is no such file, StorageError where the server does not serve stretches.
        """
        if not is_remote(path):
            return read_range(path, start, end)
        filesystem, name = fsspec.core.url_to_fs(path)

        def call() -> bytes:
            sleep(max(0.0, self._next - monotonic()))
            self._next = monotonic() + self._gap
            try:
                data = bytes(filesystem.cat_file(name, start=start, end=end))
            except Exception as error:
                status = getattr(error, "status", None)
                if status == _NOTHING_THERE:
                    return b""
                if status in SLOW_DOWN:
                    self._gap = min(_LONGEST_GAP, max(self._gap * 2, self._least))
                raise
            self._gap = max(self._least, self._gap * 0.9)
            if len(data) < end - start and self._ends_before(filesystem.info(name).get("size"), start + len(data)):
                raise ConnectionError(f"the answer ends after {len(data):,} of {end - start:,} bytes")
            return data

        with slow_down_answers(*SLOW_DOWN):
            data = retried("reading", path, call)
        if len(data) > end - start:
            raise StorageError(
                f"{path}: the server sends all of the file where bytes {start:,} to {end:,} are asked for"
            )
        return data

    @staticmethod
    def _ends_before(size: object, read: int) -> bool:
        return isinstance(size, int) and read < size
