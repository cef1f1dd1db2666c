"""Choosing captures by what an index says of them, whole columns at a time.

A sample is drawn by a hash of the URL in the form in which URLs are compared everywhere here, so that it does not
depend on the index's kind or order, and a larger share contains a smaller one.
"""

from functools import reduce

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from prep.stages.read.crawl.options import CommonCrawl
from prep.stages.shared.languages import related_codes
from prep.stages.shared.targets import Targets, url_keys

CAPTURES = pa.schema(
    [
        ("url", pa.string()),
        ("date", pa.string()),
        ("status", pa.int64()),
        ("mime", pa.string()),
        ("languages", pa.string()),
        ("filename", pa.string()),
        ("offset", pa.int64()),
        ("length", pa.int64()),
    ]
)
"""What is known of captures, from either kind of index. `languages` are codes of three letters, parted by commas."""
NONE = pa.RecordBatch.from_arrays([pa.nulls(0, field.type) for field in CAPTURES], schema=CAPTURES)
"""No captures; from a list of Python objects, pyarrow would import pandas."""

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


class Choice:
    """The conditions of a source, ready to be applied."""

    def __init__(self, options: CommonCrawl) -> None:
        self._options = options
        self._domains = Targets.of({"domains": options.domains})
        codes = dict.fromkeys(code for language in options.languages for code in related_codes(language))
        longest = [code for code in codes if len(code) == 3 and code.isalpha()]
        self._languages = rf"(?:^|,)\s*(?:{'|'.join(longest)})\s*(?:,|$)" if longest else ""

    def rows(self, captures: pa.RecordBatch) -> npt.NDArray[np.int64]:
        """Return the rows of a batch of captures that are chosen, rising."""
        options = self._options
        conditions = [pc.is_valid(captures.column("url"))]
        if options.status:
            conditions.append(pc.is_in(captures.column("status"), pa.array(options.status, pa.int64())))
        if options.mime:
            wanted = pa.array([kind.lower() for kind in options.mime], pa.string())
            conditions.append(pc.is_in(pc.utf8_lower(captures.column("mime")), wanted))
        if options.languages:
            conditions.append(pc.match_substring_regex(captures.column("languages"), self._languages))
        rows = np.flatnonzero(_mask(reduce(pc.and_, conditions)))
        if options.sample < 1 and len(rows):
            rows = rows[_draws(captures.column("url").take(pa.array(rows)), options.seed) < options.sample]
        if options.domains and len(rows):
            left = pa.record_batch([captures.column("url").take(pa.array(rows))], ["url"])
            rows = rows[self._domains.match(left).kind >= 0]
        return rows


def _mask(condition: pa.BooleanArray) -> npt.NDArray[np.bool_]:
    return np.asarray(condition.fill_null(False).to_numpy(zero_copy_only=False))


def _draws(urls: pa.Array, seed: int) -> npt.NDArray[np.float64]:
    """Return a uniform number in [0, 1) for each URL (splitmix64 of its hash and the seed)."""
    hashes, _ = url_keys(urls)
    with np.errstate(over="ignore"):
        state = hashes[0] + np.uint64(seed) * _STEP
        state = (state ^ (state >> np.uint64(30))) * _FIRST
        state = (state ^ (state >> np.uint64(27))) * _SECOND
    state ^= state >> np.uint64(31)
    return np.asarray((state >> np.uint64(11)).astype(np.float64) * 2.0**-53)


def surt_ranges(options: CommonCrawl) -> tuple[tuple[str, str], ...]:
    """Return between which keys of a sorted index the domains lie; empty where all of the index counts.

    Keys begin with the host's labels in reverse order (SURT), without `www`: `org,example)/page`, `org,example,sub)/`.
    """
    domains = sorted(Targets.of({"domains": options.domains}).domains)
    keys = [",".join(reversed(domain.removeprefix("www.").split("."))) for domain in domains]
    return tuple((key, f"{key};") for key in keys)


def overlaps(first: str, last: str | None, ranges: tuple[tuple[str, str], ...]) -> bool:
    """Say whether keys from `first` to `last` (None: to the end) may hold some of the ranges; no range is all keys."""
    return not ranges or any(first <= end and (last is None or last >= start) for start, end in ranges)
