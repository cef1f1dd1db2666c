"""Books in EPUB: a zip file with XHTML chapters, and a package file that says in which order they are read.

A book is one document: its chapters' text in the order of the spine, without what the spine marks as not linear. All
of it is content, so it becomes text here; extraction, which looks for the content of a page, has nothing to do.
Source: EPUB 3.3, https://www.w3.org/TR/epub-33/, sections 4 and 5.
"""

import io
import lzma
import posixpath
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote
from xml.etree import ElementTree

import orjson

from prep.stages.read.books.xhtml import EntityError, xhtml_text
from prep.stages.read.plain.files import MAX_FILE, whole
from prep.stages.read.rows import Input, Row, failed, rejected, too_large

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_MAX_PACKAGE = 8 << 20
_MARKUP = 4
"""A chapter may take so many times the bytes of its text."""
_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, LookupError, OverflowError),
    *(NotImplementedError, ElementTree.ParseError, ValueError),
)
"""What zipfile and its decompressors raise on broken files; nothing is read from a file system meanwhile."""


class _EncryptedError(RuntimeError):
    """A book whose chapters can only be read with a key."""


class _Package(NamedTuple):
    """What a book says of itself."""

    chapters: tuple[str, ...]
    about: dict[str, str]


def epub_rows(file: Input) -> Iterator[Row]:
    """Yield the book that the file holds."""
    content = whole(file, MAX_FILE)
    if isinstance(content, Row):
        yield content
        return
    try:
        yield _book(file, content)
    except EntityError as error:
        yield failed(file.id_at(), "entity_declaration", str(error))
    except _BROKEN as error:
        yield failed(file.id_at(), "bad_epub", f"{type(error).__name__}: {error}")
    except RuntimeError as error:  # also zipfile's word for a file that takes a password
        yield failed(file.id_at(), "encrypted", str(error))


def _book(file: Input, content: bytes) -> Row:
    limit = file.options.max_bytes
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        package = _package(archive)
        texts: list[str] = []
        size = 0
        for chapter in package.chapters:
            with archive.open(chapter) as source:
                data = source.read(_MARKUP * limit + 1)
            if len(data) > _MARKUP * limit:
                return too_large(file.id_at(), len(data), _MARKUP * limit)
            texts.append(xhtml_text(data))
            size += len(texts[-1].encode()) + 2
            if size > limit:
                return too_large(file.id_at(), size, limit)
    text = "\n\n".join(filter(None, texts))
    if not text:
        return rejected(file.id_at(), "no_text", detail=f"{len(package.chapters)} chapters without text")
    about = dict(package.about)
    date = about.pop("date", None)
    return Row(file.id_at(), date=date, text=text, metadata=orjson.dumps(about).decode() if about else None)


def _package(archive: zipfile.ZipFile) -> _Package:
    """Read the package file: the chapters in reading order, and title, creator, language and date."""
    container = _xml(archive, _CONTAINER)
    path = next((str(item.get("full-path")) for item in container.iter() if _tag(item) == "rootfile"), None)
    if path is None:
        raise ValueError(f"{_CONTAINER} names no package")
    package = _xml(archive, path)
    folder = posixpath.dirname(path)
    items = {item.get("id"): item for item in package.iter() if _tag(item) == "item"}
    chapters = []
    for reference in package.iter():
        if _tag(reference) == "itemref" and reference.get("linear", "yes") != "no":
            item = items.get(reference.get("idref"))
            if item is None:
                raise ValueError(f"the spine names {reference.get('idref')!r}, which the manifest does not have")
            if "html" in item.get("media-type", "application/xhtml+xml"):
                href = unquote(item.get("href", "").partition("#")[0])
                chapters.append(posixpath.normpath(posixpath.join(folder, href)))
    if not chapters:
        raise ValueError("the spine is empty")
    _refuse_encrypted(archive, chapters)
    about: dict[str, str] = {}
    for item in package.iter():
        if _tag(item) in {"title", "creator", "language", "date"} and item.text and item.text.strip():
            about.setdefault(_tag(item), " ".join(item.text.split()))
    return _Package(tuple(chapters), about)


def _refuse_encrypted(archive: zipfile.ZipFile, chapters: list[str]) -> None:
    """Raise _EncryptedError where chapters are encrypted; fonts may be."""
    if _ENCRYPTION not in archive.namelist():
        return
    references = (item for item in _xml(archive, _ENCRYPTION).iter() if _tag(item) == "CipherReference")
    locked = {unquote(item.get("URI", "")) for item in references}
    if found := locked.intersection(chapters):
        raise _EncryptedError(f"{len(found)} of {len(chapters)} chapters are encrypted")


def _xml(archive: zipfile.ZipFile, path: str) -> ElementTree.Element:
    with archive.open(path) as source:
        data = source.read(_MAX_PACKAGE + 1)
    if len(data) > _MAX_PACKAGE:
        raise ValueError(f"{path} holds more than {_MAX_PACKAGE} bytes")
    if b"<!ENTITY" in data:
        raise EntityError(f"{path} declares entities, which are not expanded")
    return ElementTree.fromstring(data)


def _tag(item: ElementTree.Element) -> str:
    return item.tag.rpartition("}")[2]
