"""The codecs of compressed files: how each is decompressed a piece at a time, and how its members begin.

A compressed file is a sequence of members that can be decompressed by themselves: gzip members (RFC 1952, section 2.2),
zstd frames (RFC 8878), lz4 frames, bzip2 and xz streams. The standard library's decompressors of one member share an
interface; the others are given it here.
"""

import bz2
import lzma
import re
import sys
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol, cast

import lz4.frame
from zlib_ng import zlib_ng

from prep.corpus.files.storage import open_input

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MEMORY = 256 << 20
"""An xz stream whose dictionary needs more memory is refused as broken; zstd's windows are bounded by 128 MiB."""

SUFFIXES = {
    ".gz": "gzip",
    ".gzip": "gzip",
    ".zst": "zstd",
    ".zstd": "zstd",
    ".bz2": "bz2",
    ".xz": "xz",
    ".lz4": "lz4",
}
"""File name endings → codecs."""

_GZIP_WINDOW = 31  # the largest window (15) plus 16: a gzip header is expected
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_DICTIONARY_MAGIC = b"\x5d\x2a\x4d\x18"
_LARGEST_DICTIONARY = 16 << 20


class Decompressor(Protocol):
    """Decompresses one member."""

    @property
    def eof(self) -> bool:
        """Whether the member has ended."""
        ...

    @property
    def needs_input(self) -> bool:
        """Whether it takes more input to give more content."""
        ...

    @property
    def unused_data(self) -> bytes | None:
        """What was given to it beyond the member's end."""
        ...

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Return up to `max_length` bytes of content."""
        ...


Factory = Callable[[], Decompressor]


class Codec(NamedTuple):
    """One way of compressing."""

    name: str
    open: Callable[[str], Factory]
    """From a file's path to what makes a decompressor for each of its members."""
    errors: tuple[type[Exception], ...]
    """What the decompressor raises on broken input."""
    magic: re.Pattern[bytes] | None = None
    """How a member begins; None where members cannot be found from the middle of a file."""
    magic_length: int = 0
    proof: int = 0
    """Compressed bytes behind a match of the magic that must decompress before it is believed.

    What cannot be compressed is stored as it is, and may itself be a compressed file. Stored data is cut into blocks,
    so members that run on for more bytes than the longest block lie in no other member.
    """
    whole: bool = False
    """Whether only members with a sound checksum at their end count: decompressing alone may not notice a cut."""
    look_back: int = 0
    """Compressed bytes before the place asked for from which members are followed to it.

    Without checksums, a member stored at the end of another ends just where that one does.
    """
    announced: Callable[[bytes], int | None] = lambda _: None
    """From a member's first bytes to how many bytes of content it holds, where they say so."""


class _Gzip:
    """zlib's decompressor with the interface of the others."""

    def __init__(self) -> None:
        self._inflator = zlib_ng.decompressobj(_GZIP_WINDOW)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._inflator.eof

    @property
    def unused_data(self) -> bytes:
        return self._inflator.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        held = self._inflator.unconsumed_tail
        content = self._inflator.decompress(held + data if held else data, max_length)
        # As much as was asked for may leave more behind in the inflator, even where all input is used.
        self.needs_input = len(content) < max_length
        return content


def _xz() -> Decompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MEMORY)


def _open_zstd(path: str) -> Factory:
    """Look for the dictionary with which a web archive may begin, and which all of its frames need.

    Source: https://iipc.github.io/warc-specifications/specifications/warc-zstd/.
    """
    if not path:
        return zstd.ZstdDecompressor
    with open_input(path) as source:
        head = source.read(8)
        length = int.from_bytes(head[4:], "little")
        if not head.startswith(_DICTIONARY_MAGIC) or length > _LARGEST_DICTIONARY:
            return zstd.ZstdDecompressor
        data = source.read(length)
    try:
        if data.startswith(_ZSTD_MAGIC):
            data = zstd.ZstdDecompressor().decompress(data, _LARGEST_DICTIONARY)
        dictionary = zstd.ZstdDict(data)
    except (zstd.ZstdError, ValueError):  # it is none; frames that need one will say so
        return zstd.ZstdDecompressor
    return lambda: zstd.ZstdDecompressor(dictionary)


def _zstd_content(head: bytes) -> int | None:
    try:
        return zstd.get_frame_info(head).decompressed_size
    except zstd.ZstdError:
        return None


def _lz4_content(head: bytes) -> int | None:
    try:
        return int(lz4.frame.get_frame_info(head)["content_size"]) or None
    except RuntimeError:
        return None


_CODECS = (
    Codec(
        "gzip",
        lambda _: _Gzip,
        (cast("type[Exception]", zlib_ng.error),),
        # As writers write them: in compressed data these ten bytes occur about once in 100 GB by chance.
        re.compile(rb"\x1f\x8b\x08[\x00-\x1f].{4}[\x00\x02\x04][\x00-\x0d\xff]", re.DOTALL),
        magic_length=10,
        proof=1 << 16,
        whole=True,
    ),
    Codec(
        "zstd",
        _open_zstd,
        (zstd.ZstdError,),
        re.compile(re.escape(_ZSTD_MAGIC)),
        magic_length=4,
        proof=1 << 20,
        look_back=4 << 20,
        announced=_zstd_content,
    ),
    Codec(
        "bz2",
        lambda _: bz2.BZ2Decompressor,
        (OSError, ValueError),
        # The magic of a stream and of its first block: 80 bits. bzip2 stores nothing as it is.
        re.compile(rb"BZh[1-9]1AY&SY"),
        magic_length=10,
        proof=1,
    ),
    Codec("xz", lambda _: _xz, (lzma.LZMAError,)),
    Codec("lz4", lambda _: lz4.frame.LZ4FrameDecompressor, (RuntimeError,), announced=_lz4_content),
)
CODECS: Mapping[str, Codec] = {codec.name: codec for codec in _CODECS}

_BEGINNINGS = re.compile(
    rb"(?P<gzip>\x1f\x8b\x08)|(?P<zstd>\x28\xb5\x2f\xfd|\x5d\x2a\x4d\x18)|(?P<bz2>BZh[1-9](?:1AY&SY|\x17\x72\x45\x38))"
    rb"|(?P<xz>\xfd7zXZ\0)|(?P<lz4>\x04\x22\x4d\x18)"
)


def codec_in(head: bytes) -> str | None:
    """Return what a file is compressed with by its first bytes, or None where they do not show it."""
    found = _BEGINNINGS.match(head)
    return None if found is None else found.lastgroup
