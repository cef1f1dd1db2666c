"""Whether a file was cut off, by the bytes that its format ends with, and how much of it is missing.

ZIP files, Parquet, Arrow files and PDF files end with what says where everything else lies. A file that begins like one
of them and does not end so was cut off, by an interrupted download or a full disk. How much is missing can be known
where the beginning announces it: PDF files made for the web give their length, and a ZIP file's members theirs. Cost:
the first and the last 64 KiB; the headers of a ZIP file's members.
Sources: PKWARE's APPNOTE.TXT 6.3.10, sections 4.3.7 and 4.3.16; ISO 32000-2:2020, 7.5.5 and annex F; the formats'
pages at parquet.apache.org and arrow.apache.org.
"""

import io
import re
import struct
from typing import IO, NamedTuple

_TAIL = 64 << 10
_ZIP_END = b"PK\x05\x06"
_ZIP_MEMBER = struct.Struct("<4s5H3I2H")
_ZIP64 = 0xFFFFFFFF
_MOST_MEMBERS = 100_000
_MARKED_AT_BOTH_ENDS = (b"PAR1", b"ARROW1")
_PDF = re.compile(rb"%PDF-\d")
_PDF_END = re.compile(rb"%%EOF|startxref")
_PDF_LENGTH = re.compile(rb"/Linearized\b[^>]{0,400}?/L\s+(\d{1,15})\b|/L\s+(\d{1,15})\b[^>]{0,400}?/Linearized\b")
_MESSAGE = re.compile(r"Expected to be able to read (\d+) bytes for message (?:body|metadata), got (\d+)")


class Cut(NamedTuple):
    """What is missing of a file that was cut off."""

    detail: str
    missing: int | None = None
    """Bytes; None where it cannot be known."""


def cut_off(source: IO[bytes]) -> Cut | None:
    """Return what is missing of a ZIP, Parquet, Arrow or PDF file; None where it is whole, or something else."""
    size = source.seek(0, io.SEEK_END)
    source.seek(0)
    head = source.read(min(size, _TAIL))
    source.seek(max(0, size - _TAIL))
    tail = source.read(_TAIL)
    for mark in _MARKED_AT_BOTH_ENDS:
        if head.startswith(mark):
            whole = size > 2 * len(mark) and tail.endswith(mark)
            return None if whole else Cut(f"the file ends after {size} bytes, without its footer")
    if _PDF.match(head.lstrip()[:8]):
        return _cut_pdf(head, tail, size)
    if head.startswith(b"PK\x03\x04") and _ZIP_END not in tail:
        return _cut_zip(source, size)
    return None


def cut_message(error: Exception) -> Cut | None:
    """Return what is missing of an Arrow stream by the error that reading it ended with; None for other errors."""
    found = _MESSAGE.search(str(error))
    return None if found is None else Cut(f"the stream ends in a message: {error}", int(found[1]) - int(found[2]))


def _cut_pdf(head: bytes, tail: bytes, size: int) -> Cut | None:
    """A PDF file that was changed after it was made for the web is longer than it announces, never shorter."""
    length = _PDF_LENGTH.search(head, 0, 2048)
    announced = 0 if length is None else int(length[1] or length[2])
    if announced > size:
        return Cut(f"the file ends after {size} of {announced} bytes", announced - size)
    return None if _PDF_END.search(tail) else Cut(f"the file ends after {size} bytes, without %%EOF")


def _cut_zip(source: IO[bytes], size: int) -> Cut:
    """Follow the members' headers to the one that the file breaks off in."""
    position = 0
    without = f"the file ends after {size} bytes, without its list of members"
    for _ in range(_MOST_MEMBERS):
        source.seek(position)
        header = source.read(_ZIP_MEMBER.size)
        if len(header) < _ZIP_MEMBER.size or not header.startswith(b"PK\x03\x04"):
            break
        *_, packed, _, name, extra = _ZIP_MEMBER.unpack(header)
        if packed in (0, _ZIP64):  # known only behind the content, or in the list of members
            break
        position += _ZIP_MEMBER.size + name + extra + packed
        if position > size:
            return Cut(f"{without}, and with {position - size} bytes less than its last member has")
    return Cut(without)
