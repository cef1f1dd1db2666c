"""Books in EPUB: a zip file with XHTML chapters, and a package file that says in which order they are read.

A book is one document: its chapters' text in the order of the spine, each file once however many of its fragments the
spine names, without what the spine marks as not linear and without tables of contents, both of which `metadata` names.
A chapter that cannot be read is a failed record of its own (`bad_chapter`), and the book is read without it. All of a
book is content, so it becomes text here; extraction, which looks for the content of a page, has nothing to do.
Source: EPUB 3.3, https://www.w3.org/TR/epub-33/, sections 4 and 5; Open Packaging Format 2.0.1 for older books.
"""

import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import NamedTuple
from xml.etree import ElementTree

import orjson

from prep.stages.read.books.package import EncryptedError, Package, read_package
from prep.stages.read.books.xhtml import EntityError, read_chapter
from prep.stages.read.plain.files import MAX_FILE, cut_row, whole
from prep.stages.read.rows import Input, Row, failed, rejected, too_large

_MARKUP = 4
"""A chapter may take so many times the bytes of its text."""
_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, LookupError, OverflowError),
    *(NotImplementedError, ElementTree.ParseError, ValueError),
)
"""What zipfile and its decompressors raise on broken files; nothing is read from a file system meanwhile."""


class _Lost(NamedTuple):
    """A chapter that cannot be read."""

    path: str
    rule: str
    detail: str


class _Chapters(NamedTuple):
    """What is read of the chapters."""

    texts: list[str]
    lost: list[_Lost]
    contents: tuple[str, ...] = ()
    """Paths of chapters that are tables of contents; their text is not among the others."""


class _LargeError(Exception):
    """A book of more bytes than wanted."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"{size} bytes")
        self.size = size
        self.limit = limit


def epub_rows(file: Input) -> Iterator[Row]:
    """Yield the book that the file holds, and a failed row for each chapter that it lost."""
    content = whole(file, MAX_FILE)
    if isinstance(content, Row):
        yield content
        return
    try:
        yield from _book(file, content)
    except _LargeError as error:
        yield too_large(file.id_at(), error.size, error.limit)
    except EntityError as error:
        yield failed(file.id_at(), "entity_declaration", str(error))
    except _BROKEN as error:
        yield cut_row(file.id_at(), content) or failed(file.id_at(), "bad_epub", f"{type(error).__name__}: {error}")
    except (EncryptedError, RuntimeError) as error:  # the second is zipfile's word for a file that takes a password
        yield failed(file.id_at(), "encrypted", str(error))


def _book(file: Input, content: bytes) -> Iterator[Row]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        package = read_package(archive)
        chapters = _chapters(archive, package, file.options.max_bytes)
    texts, lost = chapters.texts, chapters.lost
    text = "\n\n".join(filter(None, texts))
    if lost and not texts:
        detail = f"none of its {len(lost)} chapters can be read; {lost[0].path}: {lost[0].detail}"
        yield failed(file.id_at(), "bad_epub" if lost[0].rule == "bad_chapter" else lost[0].rule, detail)
        return
    if text:
        yield _document(file, package, text, chapters)
    else:
        yield rejected(file.id_at(), "no_text", detail=f"{len(texts)} chapters without text")
    for chapter in lost:
        yield failed(f"{file.id_at()}!{chapter.path}", chapter.rule, chapter.detail)


def _chapters(archive: zipfile.ZipFile, package: Package, limit: int) -> _Chapters:
    """Return the text of each chapter that can be read, and those that cannot. Raises _LargeError."""
    texts: list[str] = []
    contents: dict[str, int] = {}
    lost = [
        _Lost(item, "bad_chapter", "the spine names it, but the manifest does not have it") for item in package.gaps
    ]
    size = 0
    for chapter in package.chapters:
        try:
            with archive.open(chapter) as source:
                data = source.read(_MARKUP * limit + 1)
                if len(data) > _MARKUP * limit:
                    raise _LargeError(len(data), _MARKUP * limit)
            chapter_written = read_chapter(data)
            texts.append(chapter_written.text())
        except EntityError as error:
            lost.append(_Lost(chapter, "entity_declaration", str(error)))
        except _BROKEN as error:
            lost.append(_Lost(chapter, "bad_chapter", f"{type(error).__name__}: {error}"))
        except RuntimeError as error:  # zipfile's word for a file that takes a password
            lost.append(_Lost(chapter, "encrypted", str(error)))
        else:
            if chapter_written.is_contents():
                contents[chapter] = len(texts) - 1
            size += len(texts[-1].encode()) + 2
            if size > limit:
                raise _LargeError(size, limit)
    if len(contents) < len(texts):
        texts = [text for place, text in enumerate(texts) if place not in contents.values()]
        return _Chapters(texts, lost, tuple(contents))
    return _Chapters(texts, lost)


def _document(file: Input, package: Package, text: str, chapters: _Chapters) -> Row:
    about = package.about
    absent = {
        "lost_chapters": [chapter.path for chapter in chapters.lost],
        "not_linear": list(package.left_out),
        "tables_of_contents": list(chapters.contents),
    }
    rest = {**about.rest, **{name: paths for name, paths in absent.items() if paths}}
    return Row(
        file.id_at(),
        date=about.date,
        text=text,
        metadata=orjson.dumps(rest).decode() if rest else None,
        title=about.title,
        author=about.author,
        published=None if about.date is None else about.date.partition("T")[0],
        declared_language=about.language,
    )
