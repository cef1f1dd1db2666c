"""WACZ: a ZIP file that holds web archives beside their index and what is said of them.

Its WARC files are stored as they are, so each is read from inside the ZIP file, in the order of their names. A file of
this format is one task. Source: https://specs.webrecorder.net/wacz/1.1.1/, section 4.
"""

import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing

from prep.corpus.files.compression import TRUNCATED, Piece, Place, codec_of, member_pieces
from prep.corpus.files.storage import open_input
from prep.stages.read.archives.warc import archive_rows
from prep.stages.read.plain.endings import cut_off
from prep.stages.read.rows import Input, Row, damaged, failed

_ARCHIVE = re.compile(r"(?:^|/)archive/.*\.warc(?:\.gz)?$", re.IGNORECASE)
_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError),
    *(ValueError, LookupError, OverflowError, NotImplementedError, RuntimeError),
)


def wacz_rows(file: Input) -> Iterator[Row]:
    """Yield one row per record of every archive; records without an id are named by archive and place."""
    try:
        with open_input(file.path) as source, zipfile.ZipFile(source) as collection:
            names = sorted(name for name in collection.namelist() if _ARCHIVE.search(name))
            if not names:
                yield failed(file.id_at(), "bad_wacz", "it holds no archive/*.warc.gz")
            for name in names:
                yield from _rows(file, collection, name)
    except _BROKEN as error:
        with open_input(file.path) as source:
            cut = cut_off(source)
        if cut is None:
            yield failed(file.id_at(), "bad_wacz", f"{type(error).__name__}: {error}")
        else:
            yield damaged(file.id_at(), TRUNCATED, cut.detail, cut.missing)


def _rows(file: Input, collection: zipfile.ZipFile, name: str) -> Iterator[Row]:
    def content() -> Iterator[Piece]:
        with closing(collection.open(name)) as source:
            try:
                yield from member_pieces(source, codec_of(name) or "")
            except _BROKEN as error:
                yield Piece(b"", Place(1 << 62, 0), rule="bad_wacz", detail=f"{name}: {type(error).__name__}: {error}")

    def named(place: Place) -> str:
        return f"{file.label}!{name}@{place.member}" + (f"+{place.offset}" if place.offset else "")

    yield from archive_rows(file, content(), named, extracts=False)
