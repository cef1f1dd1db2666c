"""The package file of an EPUB book: which files are its chapters, in which order, and what it says of itself.

Source: EPUB 3.3, https://www.w3.org/TR/epub-33/, sections 4.2 and 5; Open Packaging Format 2.0.1, section 2.
"""

import posixpath
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import unquote
from xml.etree import ElementTree

from prep.stages.read.about import iso_time, language_tag, names, one_line
from prep.stages.read.books.xhtml import EntityError

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_MAX_PACKAGE = 8 << 20
_NO_TEXT = ("image/", "audio/", "video/", "font/", "text/css", "application/javascript", "application/font")
"""Types of files in a spine that are no chapters."""
_OBFUSCATION = frozenset({"http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"})
"""What hides fonts from being copied; it takes no key, and no chapter is encrypted so."""
_ABOUT = frozenset({"title", "creator", "language", "date"})
_REST = frozenset({"publisher", "identifier", "rights", "subject", "contributor", "description"})


class EncryptedError(Exception):
    """A book whose chapters can only be read with a key."""


class About(NamedTuple):
    """What a book says of itself; None where it says nothing."""

    title: str | None
    author: str | None
    date: str | None
    """ISO 8601, as precise as the book says."""
    language: str | None
    rest: Mapping[str, object]


class Package(NamedTuple):
    """What the package file says."""

    chapters: tuple[str, ...]
    """Paths in the archive, each once, in reading order."""
    gaps: tuple[str, ...]
    """What the spine names and the manifest does not have."""
    left_out: tuple[str, ...]
    """What the spine marks as not linear: to be read from elsewhere in the book alone."""
    about: About


def read_package(archive: zipfile.ZipFile) -> Package:
    """Read the package file.

    Raises ValueError, LookupError, ParseError or what zipfile raises where it cannot be read, EncryptedError where
    the chapters are encrypted.
    """
    path = _path(archive)
    package = _xml(archive, path)
    items: dict[str, list[ElementTree.Element]] = {}
    for item in package.iter():
        if _tag(item) == "item":
            items.setdefault(str(item.get("id")), []).append(item)
    folder = posixpath.dirname(path)
    names_of = {name.lower(): name for name in reversed(archive.namelist())}
    contents = {
        _place(reference.get("href", ""), folder, names_of) for reference in package.iter() if _is_contents(reference)
    }
    chapters: dict[str, None] = {}
    gaps: dict[str, None] = {}
    left_out: dict[str, None] = {}
    spine = [item for item in package.iter() if _tag(item) == "itemref"]
    for reference in spine:
        name = str(reference.get("idref"))
        linear = reference.get("linear", "yes") != "no"
        if name not in items:
            gaps[name] = None
        for item in items.get(name, ()):  # several under one name: which is meant cannot be known, so none is lost
            chapter = _with_text(item, items)
            place = None if chapter is None else _place(str(chapter.get("href", "")), folder, names_of)
            if place is not None and place not in contents:
                (chapters if linear else left_out)[place] = None
    if not chapters:
        raise ValueError("the spine is empty" if not spine else f"the manifest has no chapter of the spine: {[*gaps]}")
    _refuse_encrypted(archive, chapters)
    return Package(
        tuple(chapters), tuple(gaps), tuple(name for name in left_out if name not in chapters), _about(package)
    )


def _path(archive: zipfile.ZipFile) -> str:
    """Return where the package file lies: as the container says, or the only one there is."""
    found = [name for name in archive.namelist() if name.lower().endswith(".opf")]
    if _CONTAINER not in archive.namelist() and len(found) == 1:
        return found[0]
    roots = [item for item in _xml(archive, _CONTAINER).iter() if _tag(item) == "rootfile"]
    paths = [str(root.get("full-path")) for root in roots if root.get("full-path")]
    if not paths:
        raise ValueError(f"{_CONTAINER} names no package")
    return next((path for path in paths if path in archive.namelist()), paths[0])


def _is_contents(reference: ElementTree.Element) -> bool:
    """Say whether an element of the guide names the table of contents, which says nothing that chapters do not."""
    return _tag(reference) == "reference" and reference.get("type", "").lower() == "toc"


def _with_text(
    item: ElementTree.Element, items: Mapping[str, Sequence[ElementTree.Element]]
) -> ElementTree.Element | None:
    """Return an item of the spine, or what it names as its fallback, if that is a chapter; None for pictures."""
    seen: set[int] = set()
    current: ElementTree.Element | None = item
    while current is not None and id(current) not in seen:
        if not current.get("media-type", "").lower().startswith(_NO_TEXT):
            return current
        seen.add(id(current))
        current = next(iter(items.get(current.get("fallback", ""), ())), None)
    return None


def _place(href: str, folder: str, names_of: Mapping[str, str]) -> str:
    """Return the name in the archive that a reference means: escaped, not, in another case, or before a query."""
    raw = href.partition("#")[0].replace("\\", "/")
    written = (unquote(raw), raw, unquote(raw.partition("?")[0]))
    meant = [posixpath.normpath(posixpath.join(folder, name)).lstrip("/") for name in written]
    return next((names_of[name.lower()] for name in meant if name.lower() in names_of), meant[0])


def _refuse_encrypted(archive: zipfile.ZipFile, chapters: Mapping[str, None]) -> None:
    """Raise EncryptedError where chapters are encrypted; fonts and pictures may be."""
    if _ENCRYPTION not in archive.namelist():
        return
    locked = set(_locked(_xml(archive, _ENCRYPTION)))
    if found := locked.intersection(chapters):
        raise EncryptedError(f"{len(found)} of {len(chapters)} chapters are encrypted")


def _locked(encryption: ElementTree.Element) -> Iterator[str]:
    obfuscated = {
        id(reference)
        for data in encryption.iter()
        if any(_tag(child) == "EncryptionMethod" and child.get("Algorithm") in _OBFUSCATION for child in data)
        for reference in data.iter()
    }
    for item in encryption.iter():
        if _tag(item) == "CipherReference" and id(item) not in obfuscated:
            yield unquote(item.get("URI", "")).lstrip("/")


def _about(package: ElementTree.Element) -> About:
    said: dict[str, list[ElementTree.Element]] = {}
    for item in package.iter():
        if _tag(item) in _ABOUT | _REST and one_line(item.text):
            said.setdefault(_tag(item), []).append(item)
    texts = {name: [str(one_line(item.text)) for item in found] for name, found in said.items()}
    dates = sorted(said.get("date", ()), key=_is_no_publication)
    date = next((time for time in (iso_time(item.text) for item in dates) if time), None)
    language = next((tag for tag in map(language_tag, texts.get("language", ())) if tag), None)
    rest: dict[str, object] = {name: _single(texts[name]) for name in sorted(_REST & texts.keys())}
    if date is None and "date" in texts:
        rest["date"] = _single(texts["date"])
    if language is None and "language" in texts:
        rest["language"] = _single(texts["language"])
    authors = [str(one_line(item.text)) for item in _authors(package, said.get("creator", []))]
    return About(next(iter(texts.get("title", ())), None), names(authors), date, language, rest)


def _authors(package: ElementTree.Element, creators: list[ElementTree.Element]) -> list[ElementTree.Element]:
    """Return the creators that are authors; those of other roles (MARC relators `trl`, `ill`) if there are none."""
    refined = {
        item.get("refines", "").removeprefix("#"): (item.text or "").strip()
        for item in package.iter()
        if _tag(item) == "meta" and item.get("property") == "role"
    }
    roles = [_attribute(item, "role") or refined.get(item.get("id", ""), "") for item in creators]
    authors = [item for item, role in zip(creators, roles, strict=True) if role.lower() in {"", "aut"}]
    return authors or creators


def _attribute(item: ElementTree.Element, wanted: str) -> str:
    return next((value for name, value in item.attrib.items() if name.rpartition("}")[2] == wanted), "")


def _is_no_publication(item: ElementTree.Element) -> bool:
    """Say whether a date is declared as that of another event than the publication."""
    event = _attribute(item, "event") or "publication"
    return not event.lower().startswith("publi")


def _single(values: list[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else values


def _xml(archive: zipfile.ZipFile, path: str) -> ElementTree.Element:
    with archive.open(path) as source:
        data = source.read(_MAX_PACKAGE + 1)
    if len(data) > _MAX_PACKAGE:
        raise ValueError(f"{path} holds more than {_MAX_PACKAGE} bytes")
    if b"<!ENTITY" in data:
        raise EntityError(f"{path} declares entities, which are not expanded")
    return ElementTree.fromstring(data)


def _tag(item: ElementTree.Element) -> str:
    return str(item.tag).rpartition("}")[2]
