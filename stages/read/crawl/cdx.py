"""CDX files: a line per capture (`key time {JSON}`), sorted by the URLs' keys, as a whole or in blocks (ZipNum).

ZipNum files are gzip members of about 3,000 lines each; `cluster.idx` names each block's first key, file, offset and
length, so that a domain's captures are found without reading the rest. A place is that of a line. Captures that the
crawl keeps apart from pages (`crawldiagnostics`, `robotstxt`) are left out, as in the columnar index. Cost:
`cluster.idx` once when a run is planned; the blocks that may hold something, once per task.
Sources: https://pywb.readthedocs.io (CDXJ, ZipNum); https://commoncrawl.org/cdxj-index.
"""

import re
from collections.abc import Iterator, Sequence

import orjson
import pyarrow as pa

from prep.corpus.files.compression import Place
from prep.stages.read.crawl.choice import CAPTURES, NONE, overlaps, surt_ranges
from prep.stages.read.crawl.options import CommonCrawl
from prep.stages.read.crawl.stretches import TASK_CAPTURES, Captures, Stretch
from prep.stages.read.plain.lines import filled_lines
from prep.stages.read.rows import Input, Record

CLUSTER = "cluster.idx"
_BLOCK_LINES = 3000
_ROWS = 8192
_APART = re.compile(r"/(?:crawldiagnostics|robotstxt)/")


def cdx_stretches(cluster: Input, options: CommonCrawl) -> Iterator[tuple[str, Stretch]]:
    """Yield, by the name of the file, the stretches of ZipNum files that may hold what is chosen, in order."""
    ranges = surt_ranges(options)
    most = max(1, round(TASK_CAPTURES / options.sample / _BLOCK_LINES))
    file, start, end, blocks = "", 0, 0, 0
    for shard, offset, length in _blocks(cluster, ranges):
        if blocks and shard == file and offset == end and (ranges or blocks < most):
            end, blocks = offset + length, blocks + 1
            continue
        if blocks:
            yield file, Stretch(Place(start, 0), Place(end, 0), end - start, start)
        file, start, end, blocks = shard, offset, offset + length, 1
    if blocks:
        yield file, Stretch(Place(start, 0), Place(end, 0), end - start, start)


def _blocks(cluster: Input, ranges: tuple[tuple[str, str], ...]) -> Iterator[tuple[str, int, int]]:
    """Yield file, offset and length of the blocks whose keys may lie in the ranges. Raises ValueError."""
    before: tuple[str, str, int, int] | None = None
    for number, line in enumerate(filled_lines(cluster)):
        fields = line.data.decode("utf-8", "replace").split("\t")
        try:
            here = (fields[0].partition(" ")[0], fields[1], int(fields[2]), int(fields[3]))
        except (IndexError, ValueError):
            raise ValueError(f"{cluster.path}, line {number + 1}: expected key, file, offset, length") from None
        if before is not None and overlaps(before[0], here[0], ranges):
            yield before[1:]
        before = here
    if before is not None and overlaps(before[0], None, ranges):
        yield before[1:]


def cdx_captures(file: Input) -> Iterator[Captures]:
    """Yield a stretch's captures in order; lines that cannot be read are damage."""
    held: list[tuple[Record, dict[str, object]]] = []
    for line in filled_lines(file):
        if line.data.startswith(b"!") and line.rule is None:
            continue
        try:
            capture = None if line.rule is not None else _capture(line.data)
            detail = line.detail
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            capture, detail = None, f"{line.data[:80]!r}: expected a key, a time and JSON: {error}"
        if capture is not None:
            if not _APART.search(str(capture["filename"])):
                held.append((line, capture))
            if len(held) < _ROWS:
                continue
        if held:
            yield _batch(held)
            held = []
        if capture is None:
            yield Captures(NONE, _Lines([line]), line.rule or "bad_index", f"{file.path}: {detail}", line.missing)
    if held:
        yield _batch(held)


def _capture(line: bytes) -> dict[str, object]:
    key, _, rest = line.partition(b" ")
    time, _, written = rest.partition(b" ")
    if not (key and time.isdigit() and len(time) == 14):
        raise ValueError(f"no time of 14 digits: {time[:20]!r}")
    fields = orjson.loads(written)
    digits = time.decode()
    mime = fields.get("mime-detected") or fields.get("mime")
    status = str(fields.get("status", ""))
    return {
        "url": str(fields["url"]),
        "date": f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}T{digits[8:10]}:{digits[10:12]}:{digits[12:14]}Z",
        "status": int(status) if status.isdigit() else None,
        "mime": None if mime is None else str(mime),
        "languages": None if fields.get("languages") is None else str(fields["languages"]),
        "filename": str(fields["filename"]),
        "offset": int(fields["offset"]),
        "length": int(fields["length"]),
    }


def _batch(held: Sequence[tuple[Record, dict[str, object]]]) -> Captures:
    rows = pa.RecordBatch.from_pylist([capture for _, capture in held], schema=CAPTURES)
    return Captures(rows, _Lines([line for line, _ in held]))


class _Lines:
    """The places of a batch's lines."""

    def __init__(self, lines: Sequence[Record]) -> None:
        self._lines = lines

    def __call__(self, row: int) -> Place:
        if row < len(self._lines):
            return self._lines[row].place
        last = self._lines[-1]
        return Place(last.place.member, last.place.offset + last.length + 1)
