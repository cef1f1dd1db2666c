"""Tables as text: CSV and TSV files with a header line, parsed row by row.

Quoted fields may hold newlines, so where a row ends is known only to who has read all quotes before it. For cutting
a file, quotes are counted from its start (RFC 4180, section 2: outside quoted fields their number is even), and a cut
is taken only where no quote before it stands alone and the rows behind it have as many fields as the header.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import numpy as np
import pyarrow as pa

from prep.corpus.arrow.documents import ABOUT, DATE, URL
from prep.corpus.files.compression import TRUNCATED, Place, strip_codec
from prep.corpus.files.storage import open_input
from prep.stages.read.plain.lines import lines
from prep.stages.read.rows import METADATA, Input, Record, Row, damaged, failed, rejected, too_large
from prep.stages.read.sources import SourceOptions
from prep.stages.read.tables.mapping import mapped_columns

_BLOCK = 1 << 20
_PROOF = 3
"""A cut is believed when so many rows behind it are as wide as the header."""
_CANDIDATES = 50
_SAID = tuple(field.name for field in (URL, DATE, *ABOUT, METADATA))
_OVER = 1 << 17
"""A quoted field that runs on for so many characters above the limit on documents is taken to lack its last quote."""


def csv_rows(file: Input) -> Iterator[Row]:
    """Yield one row per row of the table; the first one of the file names the columns."""
    first = file.whole()
    header = next(_records(first, None), None)
    if header is None:
        return
    if isinstance(header, Row):
        yield header
        return
    names = header[1]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if file.options.text_column in doubled:
        yield failed(first.id_at(), "bad_csv", f"its header names {', '.join(doubled)} more than once")
        return
    if file.options.text_column not in names:
        hint = other_delimiter(names)
        yield failed(first.id_at(), "no_text_column", f"its columns are {', '.join(names)[:200]}{hint and f'; {hint}'}")
        return
    mapped = mapped_columns(pa.schema([pa.field(name, pa.string()) for name in names]), file.options)
    said = {name: column for name, column in mapped.items() if name in _SAID}
    for record in islice(_records(file, len(names)), int(file.start == first.start), None):
        yield (
            record
            if isinstance(record, Row)
            else _document(file, record[0], dict(zip(names, record[1], strict=True)), said)
        )


def other_delimiter(names: Sequence[str]) -> str:
    """Return a hint where a header of one column looks like several with another mark between them."""
    found = [mark for mark in ";|\t" if len(names) == 1 and mark in names[0]]
    return f"if {found[0]!r} parts them, set delimiter: {found[0]!r}" if found else ""


def csv_schema(file: Input) -> pa.Schema:
    """Return a table's columns, all of them strings. Raises ValueError where there is no header."""
    header = next(_records(file.whole(), None), None)
    if header is None or isinstance(header, Row):
        raise ValueError("no header line" if header is None else f"{header.rule}: {header.detail}")
    return pa.schema([pa.field(name, pa.string()) for name in header[1]])


def csv_cuts(path: str, targets: Sequence[int], options: SourceOptions) -> Iterator[int]:
    """Yield bytes behind the targets where rows begin, as long as they can be found."""
    width = len(csv_schema(Input(path, path, options)))
    with open_input(path) as source:
        odd, position, last = False, 0, b"\n"
        for target in targets:
            while position < target and (block := source.read(min(_BLOCK, target - position))):
                if _has_stray_quote(last + block, _delimiter(path, options)):
                    return
                odd ^= block.count(b'"') % 2 == 1
                position += len(block)
                last = block[-2:]
            ahead = source.read(_BLOCK)
            source.seek(position)
            cut = next((end for end in _row_ends(ahead, odd) if _is_proven(ahead[end:], width, path, options)), None)
            if cut is None:
                return
            yield position + cut


def _has_stray_quote(data: bytes, delimiter: str) -> bool:
    """Say whether a quote neither opens nor closes a field, nor is doubled: it stands in a field without quotes."""
    codes = np.frombuffer(data, np.uint8)
    quotes = np.flatnonzero(codes == ord('"'))
    inner = quotes[(quotes > 0) & (quotes < len(codes) - 1)]
    odd = np.isin(codes, np.frombuffer(f'{delimiter}"\r\n'.encode(), np.uint8), invert=True)
    return bool(np.any(odd[inner - 1] & odd[inner + 1]))


def _row_ends(data: bytes, odd: bool) -> Iterator[int]:
    """Yield where rows may begin: behind newlines before which the number of quotes is even."""
    start = 0
    for _ in range(_CANDIDATES):
        end = data.find(b"\n", start)
        if end < 0:
            return
        odd ^= data.count(b'"', start, end) % 2 == 1
        start = end + 1
        if not odd:
            yield start


def _is_proven(data: bytes, width: int, path: str, options: SourceOptions) -> bool:
    """Say whether data begins with whole rows of so many fields."""
    whole = io.StringIO(data[: data.rfind(b"\n") + 1].decode("utf-8", "replace"), newline="")
    rows = list(islice(csv.reader(whole, delimiter=_delimiter(path, options)), _PROOF))
    return len(rows) == _PROOF and all(len(row) == width for row in rows)


def _delimiter(path: str, options: SourceOptions) -> str:
    tabbed = strip_codec(path).lower().endswith((".tsv", ".tab"))
    return options.delimiter or ("\t" if tabbed else ",")


class _Feed:
    """Gives the parser lines of text, and remembers what was odd about those of the row at hand."""

    def __init__(self, file: Input) -> None:
        self._lines = lines(file)
        self._limit = file.options.max_bytes
        self.begin: Place | None = None
        """Where the row at hand begins."""
        self.large = 0
        """The length of a line above the limit."""
        self.undecodable = ""
        self.length = 0
        """Bytes of the row at hand."""
        self.ended = True
        """False where the row at hand ends in a line without its newline."""
        self.is_over = False
        """Whether the file was over before the row at hand was."""

    def new_row(self) -> None:
        """Forget the lines of the row before."""
        self.begin, self.large, self.undecodable, self.length = None, 0, "", 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        try:
            line = next(self._lines)
        except StopIteration:
            self.is_over = True
            raise
        self.begin = self.begin or line.place
        if line.rule is not None:
            raise _DamageError(line)
        self.length += line.length
        self.ended = line.ended
        if line.length > self._limit:
            self.large = line.length
        try:
            text = line.data.decode()
        except UnicodeDecodeError as error:
            self.undecodable = f"byte {error.start} of a line: {error.reason}"
            text = line.data.decode("utf-8", "replace")
        return text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}") + "\n"


class _DamageError(Exception):
    """Damage to the file in the place of a line."""

    def __init__(self, line: Record) -> None:
        super().__init__(line.detail)
        self.line = line


def _records(file: Input, width: int | None) -> Iterator[tuple[str, list[str]] | Row]:
    """Yield each row's id and fields, or what became of a row that is broken or not as wide as the header."""
    csv.field_size_limit(file.options.max_bytes + _OVER)  # the module's own, whatever it was for the file before
    feed = _Feed(file)
    parser = csv.reader(feed, delimiter=_delimiter(file.path, file.options))
    while True:
        feed.new_row()
        try:
            fields = next(parser)
        except StopIteration:
            return
        except _DamageError as damage:
            yield damaged(file.id_at(damage.line.place), str(damage.line.rule), damage.line.detail, damage.line.missing)
            continue
        except csv.Error as error:
            yield failed(file.id_at(feed.begin or file.start), "bad_csv", str(error))
            continue
        row_id = file.id_at(feed.begin or file.start)
        if not fields:
            continue
        if feed.is_over and width is not None:
            yield failed(row_id, TRUNCATED, f"the file ends in a quoted field, after {feed.length} bytes of the row")
        elif feed.large:
            yield too_large(row_id, feed.large, file.options.max_bytes)
        elif feed.undecodable:
            yield failed(row_id, "bad_utf8", feed.undecodable)
        elif width is not None and len(fields) < width and not feed.ended:
            detail = f"the file ends in a row, after {feed.length} bytes of it, {len(fields)} of {width} fields"
            yield failed(row_id, TRUNCATED, detail)
        elif width is not None and len(fields) != width:
            yield failed(row_id, "ragged_row", f"expected {width} fields, seen {len(fields)}")
        else:
            yield row_id, fields


def _document(file: Input, row_id: str, fields: dict[str, str], said: Mapping[str, str]) -> Row:
    names = file.options
    row_id = fields.pop(names.id_column, "") or row_id
    text = fields.pop(names.text_column)
    if not text or text.isspace():
        return rejected(row_id, "no_text", detail=f"field {names.text_column!r}: an empty text")
    length = len(text) if text.isascii() else len(text.encode())
    if length > names.max_bytes:
        return too_large(row_id, length, names.max_bytes)
    about = {name: fields.get(column) or None for name, column in said.items()}
    for column in said.values():
        if column != names.language_column:
            fields.pop(column, None)
    return Row(row_id, text=text, own=fields)._replace(**about)  # type: ignore[arg-type]
