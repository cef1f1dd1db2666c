"""What both kinds of index have in common: stretches of a file, and the captures in them."""

from collections.abc import Callable
from typing import NamedTuple

import pyarrow as pa

from prep.corpus.files.compression import START, Place

TASK_CAPTURES = 32 << 10
"""About how many captures a task fetches at most, where every capture in a stretch may be chosen."""


class Stretch(NamedTuple):
    """A stretch of an index file."""

    start: Place = START
    end: Place | None = None
    """None: the file's end."""
    size: int = 0
    """Bytes of the file, about."""
    first: int = 0
    """The byte of the file that it begins at, about."""


class Captures(NamedTuple):
    """A run of an index's rows, or (with `rule`) damage found there."""

    rows: pa.RecordBatch
    """Columns as in `prep.stages.read.crawl.choice.CAPTURES`."""
    place: Callable[[int], Place]
    """Where a row begins; that of the number of rows is where the last one ends."""
    rule: str = ""
    detail: str = ""
    missing: int | None = None
