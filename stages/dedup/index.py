"""The index: what is known of earlier crawls, so that a new one is deduplicated against them without their text.

    index.json                    the generation that holds: format, settings, and the crawls in order
    segments/NAME-DIGEST/         a crawl's files, never changed
        00000-documents.arrow     a row per document: id, the id kept in its place, sketch, content
        00000-000.arrow           each of its hashes in rising order, with the rows

A run adds its crawl at the end: the segment is put together under another name and renamed, then `index.json` is
replaced in one step. Whatever is killed when, the index is the old or the new one. A crawl that is run again takes its
own place again; one that others follow cannot be replaced, since they were compared with it.
"""

import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple, cast

import pyarrow as pa
from pydantic import Field

from prep.corpus.errors import CorruptFileError, Problem, RunError
from prep.corpus.files.storage import absolute, is_remote, join, read_arrow, read_json, sha256, write_arrow, write_json
from prep.stages.dedup.clusters import spread, verdicts_path
from prep.stages.dedup.kept import kept_ids
from prep.stages.settings import PathName, Settings
from prep.stages.shared.matching.documents import (
    CONTENT,
    ID,
    KEPT_ID,
    SKETCH,
    Documents,
    KnownPart,
    hashes_path,
    read_numbers,
)
from prep.stages.shared.matching.sorted_hashes import HashesOfPart
from prep.stages.stage import Tap
from prep.stages.upstream import GlobalContext

FORMAT = 1
GENERATION = "index.json"
FOLDER = "index"
"""Where a run's output holds its segment."""


class Index(Settings):
    """Where the index lies, and what this run is called in it."""

    folder: PathName
    """A local folder; made where there is none."""
    crawl: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """The name of the documents of this run. The documents of all crawls before it win; run again under the same name,
    it replaces what it added."""


class Crawl(NamedTuple):
    """What the index says of a crawl."""

    name: str
    segment: str
    """Its folder in `segments`."""
    parts: int
    files: Mapping[str, int]
    """Sizes in bytes, by name."""


class Generation(NamedTuple):
    """What `index.json` says."""

    settings: Mapping[str, object]
    crawls: tuple[Crawl, ...]


def read(index: Index) -> Generation | None:
    """Return the generation that holds, None where there is no index. Raises CorruptFileError."""
    path = Path(index.folder, GENERATION)
    if not path.exists():
        return None
    value = read_json(str(path))
    if value.get("format") != FORMAT:
        raise CorruptFileError(f"{path}: expected format {FORMAT}, seen {value.get('format')}; use another folder")
    try:
        crawls = cast("list[dict[str, object]]", value["crawls"])
        return Generation(
            cast("dict[str, object]", value["settings"]),
            tuple(Crawl(*(item[name] for name in Crawl._fields)) for item in crawls),  # type: ignore[arg-type]
        )
    except (KeyError, TypeError) as error:
        detail = f"{type(error).__name__}: {error}"
        raise CorruptFileError(f"{path} is no index ({detail}); restore it, or begin a new one") from error


def crawls_before(index: Index) -> tuple[Crawl, ...]:
    """Return the crawls that a run is compared with."""
    generation = read(index)
    crawls = generation.crawls if generation else ()
    names = [crawl.name for crawl in crawls]
    return crawls[: names.index(index.crawl)] if index.crawl in names else crawls


def known_parts(index: Index, crawls: tuple[Crawl, ...]) -> tuple[KnownPart, ...]:
    """Return the parts of crawls."""
    folders = [join(absolute(index.folder), "segments", crawl.segment) for crawl in crawls]
    return tuple(
        KnownPart(join(folder, _documents(part)), join(folder, f"{part:05d}"), place)
        for place, (crawl, folder) in enumerate(zip(crawls, folders, strict=True), start=1)
        for part in range(crawl.parts)
    )


def settings_of(stage: str, tap: Tap, within: str | None) -> dict[str, object]:
    """Return what the crawls of an index must have in common for their hashes to be compared."""
    libraries = {library: version(library) for library in tap.libraries}
    return {"stage": stage, "version": tap.version, "within": within, **libraries, **tap.model_dump(mode="json")}


def confirm(index: Index, crawls: tuple[Crawl, ...]) -> None:
    """Compare what crawls hold with the digests in their segments' names. Raises CorruptFileError.

    Reads the whole index once, at 1.8 GB/s on one core.
    """
    for crawl in crawls:
        folder = Path(index.folder, "segments", crawl.segment)
        if crawl.segment != f"{crawl.name}-{_digest(folder, sorted(crawl.files))}":
            raise CorruptFileError(
                f"{folder}: a file of this segment of the index holds other bytes than were written; "
                "restore it, or begin a new index"
            )


def _digest(folder: Path, names: list[str]) -> str:
    return hashlib.sha256("".join(sha256(str(folder / name)) for name in names).encode()).hexdigest()[:12]


def problems(index: Index, settings: Mapping[str, object]) -> Iterator[Problem]:
    """Find an index that a run cannot be compared with."""
    if is_remote(index.folder):
        yield Problem(
            "the index", ("index", "folder"), "a folder on this machine or a shared file system", index.folder
        )
        return
    generation = read(index)
    if generation is None:
        return
    for name in sorted(settings.keys() | generation.settings.keys()):
        if settings.get(name) != generation.settings.get(name):
            expected = f"{name} {generation.settings.get(name)}, as the crawls in {index.folder} have it"
            hint = "set it so, or use another folder"
            yield Problem("the index was made with other settings", ("index",), expected, str(settings.get(name)), hint)
    for crawl in generation.crawls:
        folder = Path(index.folder, "segments", crawl.segment)
        for name, size in crawl.files.items():
            if not (folder / name).exists() or (folder / name).stat().st_size != size:
                hint = "restore it, or begin a new index"
                yield Problem("the index is damaged", ("index", "folder"), f"{folder / name} of {size} bytes", "", hint)


def remember(
    part: int, hashes: Sequence[tuple[str, ...]], within: str | None, documents: Documents, context: GlobalContext
) -> None:
    """Write what the index keeps of a part of the run, its documents and their hashes, to the run's output."""
    place = documents.new_parts.start + part
    table = documents.table(place)
    verdicts = read_arrow(verdicts_path(context, part))
    rows, kept_parts, kept_rows = (read_numbers(verdicts, name) for name in ("row", "kept_part", "kept_row"))
    lost = (kept_parts != place) | (kept_rows != rows)
    kept = kept_ids(documents, kept_parts[lost], kept_rows[lost], context)
    columns = {ID: table.column(ID), KEPT_ID: spread(kept, rows[lost], table.num_rows)}
    columns |= {name: table.column(name) for name in (SKETCH, CONTENT) if name in table.column_names}
    folder = Path(join(context.output, FOLDER))
    write_arrow(str(folder / _documents(part)), pa.table(columns).combine_chunks())
    source = HashesOfPart(part, within, context)
    for index, names in enumerate(hashes):
        write_arrow(hashes_path(str(folder / f"{part:05d}"), index), source.sorted(names))


def extend(index: Index, before: tuple[Crawl, ...], settings: Mapping[str, object], context: GlobalContext) -> None:
    """Put the crawl of a run at the end of the index. Raises RunError where the index has changed meanwhile."""
    source = Path(join(context.output, FOLDER))
    names = sorted(path.name for path in source.iterdir() if not path.name.startswith("."))
    files = {name: (source / name).stat().st_size for name in names}
    crawl = Crawl(index.crawl, f"{index.crawl}-{_digest(source, names)}", len(context.upstream.parts), files)
    with _alone(index):
        generation = read(index) or Generation(settings, ())
        if crawl in generation.crawls:
            return
        later = [item.name for item in generation.crawls[len(before) :] if item.name != index.crawl]
        if generation.crawls[: len(before)] != before or later:
            compared, now = ([item.name for item in crawls] for crawls in (before, generation.crawls))
            raise RunError(
                f"{index.folder}: this run was compared with the crawls {compared}, but the index now holds {now}; "
                "to be compared with all of them, run again under a new crawl name"
            )
        segments = Path(index.folder, "segments")
        _copy(source, names, segments / crawl.segment)
        crawls = [item._asdict() for item in (*before, crawl)]
        write_json(join(index.folder, GENERATION), {"format": FORMAT, "settings": settings, "crawls": crawls})
        used = {item.segment for item in (*before, crawl)}
        for leftover in segments.iterdir():
            if leftover.name not in used:
                shutil.rmtree(leftover)


def _copy(source: Path, names: list[str], target: Path) -> None:
    """Put a segment in its place; it is there whole or not at all."""
    if target.exists():
        return
    fresh = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
    for name in names:
        _link(source / name, fresh / name)
    fresh.rename(target)


def _link(source: Path, target: Path) -> None:
    """Give a file a second name, or copy it where the file system has none."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


@contextmanager
def _alone(index: Index) -> Iterator[None]:
    """Hold the index against another run; the system lets go of it however this process ends."""
    Path(index.folder, "segments").mkdir(parents=True, exist_ok=True)
    with Path(index.folder, ".lock").open("w") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        yield


def _documents(part: int) -> str:
    return f"{part:05d}-documents.arrow"
