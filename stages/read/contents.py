"""What a file holds and how it is compressed: its first bytes say, and its name where they do not.

Names lie: crawlers leave `.gz` off, browsers take it off the content and leave it on, PDF files are called `.html`.
Archives, tables, books and pictures begin with bytes that nothing else begins with; text is what its name says. Cost:
the first 64 KiB of every file are read once when the input is listed.
"""

import io
import re
import struct
import zipfile
from collections.abc import Mapping
from contextlib import closing
from typing import NamedTuple

import orjson

from prep.corpus.files.compression import codec_of, member_pieces
from prep.corpus.files.decompressors import codec_in
from prep.corpus.files.storage import is_remote, open_input, read_range
from prep.stages.read.formats import format_of
from prep.stages.read.sources import FormatName, SourceOptions

HEAD = 64 << 10
"""Bytes that are looked at of each file."""
_LONG_HEAD = 1 << 20
"""A bzip2 stream gives nothing before its first block is there."""
_CONTENT = 32 << 10

_SIGNS: Mapping[FormatName, re.Pattern[bytes]] = {
    "warc": re.compile(rb"\s*WARC/\d", re.IGNORECASE),
    "arc": re.compile(rb"filedesc:\S+ \S+ \d{8,17} "),
    "parquet": re.compile(rb"PAR1"),
    "arrow": re.compile(rb"ARROW1\0\0"),
    "pdf": re.compile(rb"\s*%PDF-\d"),
}
"""What nothing else begins with."""
_HINTS: Mapping[FormatName, re.Pattern[bytes]] = {
    "html": re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html)[\s>]", re.IGNORECASE),
    "mediawiki": re.compile(rb"\s*<mediawiki[\s>]"),
    "jsonl": re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:\{\s*[\"}]|\[\s*[\[{\]])"),
    "arrow": re.compile(rb"\xff\xff\xff\xff.{2}\0\0", re.DOTALL),
}
"""What files begin with whose names say nothing."""
_FOREIGN: Mapping[str, re.Pattern[bytes]] = {
    "a JPEG picture": re.compile(rb"\xff\xd8\xff"),
    "a PNG picture": re.compile(rb"\x89PNG\r\n"),
    "a GIF picture": re.compile(rb"GIF8[79]a"),
    "a TIFF picture": re.compile(rb"II\*\0|MM\0\*"),
    "a sound or film": re.compile(rb"RIFF....|OggS\0|fLaC\0|ID3[\x02-\x04]\0|....ftyp|\x1a\x45\xdf\xa3", re.DOTALL),
    "a 7z archive": re.compile(rb"7z\xbc\xaf\x27\x1c"),
    "a RAR archive": re.compile(rb"Rar!\x1a\x07"),
    "a tar archive": re.compile(rb".{257}ustar", re.DOTALL),
    "a document of an old office program": re.compile(rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
    "a DjVu book": re.compile(rb"AT&TFORM"),
    "a database of SQLite": re.compile(rb"SQLite format 3\0"),
    "a program": re.compile(rb"\x7fELF|\xca\xfe\xba\xbe|MZ.\0", re.DOTALL),
    "a font": re.compile(rb"wOF[F2]|OTTO\0|\0\x01\0\0\0"),
    "compressed twice": re.compile(rb"\x1f\x8b\x08|\x28\xb5\x2f\xfd|\xfd7zXZ\0|BZh[1-9]1AY&SY|\x04\x22\x4d\x18"),
}
"""Kinds of files that are not read → how they begin."""
_ZIP = re.compile(rb"PK(?:\x03\x04|\x05\x06)")
_WARC_IN_ZIP = re.compile(r"(?:^|/)archive/.*\.warc(?:\.gz)?$", re.IGNORECASE)
_EXTRACT = re.compile(rb"^WARC-Type:[ \t]*conversion\b", re.IGNORECASE | re.MULTILINE)
_WIDE = (
    (re.compile(rb"\xff\xfe(?!\0\0)|[\x09-\x7e]\0[\x09-\x7e]\0"), "utf-16-le"),
    (re.compile(rb"\xfe\xff|\0[\x09-\x7e]\0[\x09-\x7e]"), "utf-16-be"),
)
_LINES: frozenset[FormatName | None] = frozenset({"jsonl", "json", "csv", "lines"})
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


class Contents(NamedTuple):
    """What is known about a file."""

    format: FormatName | None
    """None where neither bytes nor name tell, and where it is of a kind that is not read."""
    codec: str = ""
    charset: str = ""
    remark: str = ""


def contents_of(path: str, options: SourceOptions, head: bytes | None = None) -> Contents:
    """Return what a file holds, whose first `HEAD` bytes may have been read already.

    One that cannot be opened holds what its name says; reading it will tell why.
    """
    named, codec = format_of(path, options), codec_of(path) or ""
    if options.format == "dataset" or (path.startswith(("http://", "https://")) and named is not None):
        return Contents(named, codec)  # a server may send all of a file for its first bytes
    try:
        head = read_range(path, 0, HEAD) if head is None else head
    except (OSError, ValueError):
        return Contents(named, codec)
    if not head:
        return Contents(named, codec)
    return _judge(path, head, named, codec, options)


def _judge(path: str, head: bytes, named: FormatName | None, said: str, options: SourceOptions) -> Contents:
    found = codec_in(head)
    codec = found or ("" if said and _is_plain(head) else said)
    content = _unpacked(head, codec) if codec else head
    if codec == "bz2" and not content and named is None:
        content = _unpacked(read_range(path, 0, _LONG_HEAD), codec)
    if not content:
        return Contents(named, codec, remark=_codec_remark(path, codec, said))
    kind, foreign = _kind(path, content, named, codec)
    charset = next((charset for sign, charset in _WIDE if sign.match(content)), "") if kind in _LINES else ""
    if kind == "jsonl" and options.format != "jsonl" and not charset and _is_one_value(content):
        kind = "json"
    if options.format != "auto" and foreign == "":
        kind = named if kind is None or kind == "json" else kind
    remark = _codec_remark(path, codec, said)
    if foreign:
        remark = f"{path} is {foreign}, which is not read"
    elif named is not None and kind != named and {kind, named} not in ({"json", "jsonl"}, {"warc", "wet"}):
        remark = f"{path} is read as {kind}, which its first bytes say, not as {named}"
    return Contents(kind, codec, charset, remark)


def _kind(path: str, content: bytes, named: FormatName | None, codec: str) -> tuple[FormatName | None, str]:
    """Return the format, and what the file is where it is nothing that is read."""
    for kind, sign in _SIGNS.items():
        if sign.match(content):
            if kind == "warc":
                return ("wet" if named == "wet" or (named != "warc" and _EXTRACT.search(content)) else "warc"), ""
            return kind, ""
    if _ZIP.match(content):
        return _zip_kind(path, content, named, codec)
    foreign = next((what for what, sign in _FOREIGN.items() if sign.match(content)), "")
    if foreign and (named is None or b"\0" in content[:512]):
        return None, foreign
    if named is None:
        return next((kind for kind, sign in _HINTS.items() if sign.match(content)), None), ""
    return named, ""


def _zip_kind(path: str, content: bytes, named: FormatName | None, codec: str) -> tuple[FormatName | None, str]:
    if b"application/epub+zip" in content[:100]:
        return "epub", ""
    try:
        with closing(io.BytesIO(content) if codec or is_remote(path) else open_input(path)) as source:
            names = zipfile.ZipFile(source).namelist()
    except (zipfile.BadZipFile, struct.error, OSError, ValueError, LookupError, OverflowError, NotImplementedError):
        return (named, "") if named else (None, "a ZIP archive that is cut off or compressed once more")
    if "META-INF/container.xml" in names:
        return "epub", ""
    if any(_WARC_IN_ZIP.search(name) for name in names):
        return "wacz", ""
    return (named, "") if named in {"epub", "wacz"} else (None, f"a ZIP archive of {len(names)} files")


def _is_one_value(content: bytes) -> bool:
    """Say whether JSON is a list, or an object over several lines, rather than a value per line."""
    start = content.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"["):
        return True
    line, newline, _ = start.partition(b"\n")
    if not newline or not start.startswith(b"{"):
        return False
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return line.rstrip().endswith((b"{", b"[", b","))
    return False


def _is_plain(head: bytes) -> bool:
    """Say whether bytes are those of a text, or of a format that is known."""
    known = [*_SIGNS.values(), _ZIP]
    return any(sign.match(head) for sign in known) or _CONTROL.search(head[:1024]) is None


def _codec_remark(path: str, codec: str, said: str) -> str:
    if codec == said:
        return ""
    how = f"compressed with {codec}" if codec else "not compressed"
    return f"{path} is {how}, which its first bytes say; its name says {said or 'that it is not compressed'}"


def _unpacked(head: bytes, codec: str) -> bytes:
    """Return the beginning of what is compressed; what is damaged ends it."""
    content = bytearray()
    for piece in member_pieces(io.BytesIO(head), codec):
        if piece.rule is not None or len(content) > _CONTENT:
            break
        content += piece.data
    return bytes(content)
