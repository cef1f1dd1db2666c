"""Which files the sources name: listed once, with sizes and what they hold, each under the first source that names it.

What is excluded and what lies in the run's own output folder is left out: a second run must not read the first one's
documents.
"""

import errno
import os
import posixpath
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import fsspec

from prep.corpus.errors import Problem
from prep.corpus.files.retrying import same_access
from prep.corpus.files.storage import Stored, absolute, alternatives, find, is_glob, is_remote, read_heads, size
from prep.stages.read.contents import HEAD, contents_of
from prep.stages.read.crawl.crawl import crawl_files, crawl_problems
from prep.stages.read.formats import UNKNOWN
from prep.stages.read.labels import labels
from prep.stages.read.sources import Origin
from prep.stages.read.tables.hugging_face import dataset_files, is_dataset
from prep.stages.stage import InputFile

_FOLDER = os.strerror(errno.EISDIR)
_THREADS = 16
_GROUP = 64
"""Files that are looked into in one go."""


class Found(NamedTuple):
    """What one of a source's paths names."""

    files: tuple[Stored, ...]
    excluded: int = 0
    """Files left out because the source excludes them."""
    own: int = 0
    """Files left out because they lie in the output folder."""


class Listing:
    """The files of all sources, in the order given and sorted within each path."""

    def __init__(self, origins: Sequence[Origin], output: str = "") -> None:
        self._origins = origins
        self._output = output

    def files(self) -> tuple[InputFile, ...]:
        """Return the files, none twice, and behind them the index files of crawls.

        Links that lead nowhere and the like are listed with an error; folders that a glob matches are not. Raises
        ValueError for a split that a dataset does not have, OSError, and whatever file systems and `datasets` raise.
        """
        found: dict[str, list[str]] = {}
        known: dict[str, tuple[Origin, Stored]] = {}
        crawls = [file for origin in self._origins if origin.options.common_crawl for file in crawl_files(origin)]
        for origin in self._origins:
            for pattern in origin.patterns:
                stored = self.matches(origin, pattern).files
                found.setdefault(pattern, []).extend(item.path for item in stored)
                for item in stored:
                    known.setdefault(absolute(item.path), (origin, item))
        named = [(path, label, *known[absolute(path)]) for path, label in labels(found).items()]
        groups = [named[start : start + _GROUP] for start in range(0, len(named), _GROUP)]
        with ThreadPoolExecutor(_THREADS, initializer=same_access()) as pool:
            return (*chain.from_iterable(pool.map(_looked_into, groups)), *crawls)

    def matches(self, origin: Origin, pattern: str) -> Found:
        """Return the files that one of a source's paths names."""
        kind = origin.options.format
        if kind == "dataset" or (kind == "auto" and is_dataset(pattern)):
            paths = dataset_files(pattern, origin.options.split, origin.options.subset)
            return Found(tuple(Stored(path, size(path)) for path in paths))
        stored = [item for item in find(pattern) if item.error != _FOLDER]
        is_own = _Within(self._output)
        outside = [item for item in stored if not is_own(item.path)]
        kept = [item for item in outside if not _is_excluded(item.path, origin)]
        return Found(tuple(kept), len(outside) - len(kept), len(stored) - len(outside))

    def problems(self) -> Iterator[Problem]:
        """Yield paths that cannot be listed or match nothing, and files that two paths of one source name."""
        for origin in self._origins:
            if origin.options.common_crawl is not None:
                yield from crawl_problems(origin)
            field = (*origin.field, "paths")
            first: dict[str, str] = {}
            for pattern in origin.patterns:
                try:
                    found = self.matches(origin, pattern)
                except Exception as error:  # file systems and `datasets` raise what they like
                    yield Problem(f"cannot list {pattern!r}", field, seen=f"{type(error).__name__}: {error}")
                    continue
                if not found.files:
                    yield _nothing_found(pattern, found, field)
                twice = [item.path for item in found.files if first.setdefault(absolute(item.path), pattern) != pattern]
                if twice:
                    alike = f" ({len(twice)} such files)" if twice[1:] else ""
                    yield Problem(
                        f"{twice[0]!r} is named twice, by {first[absolute(twice[0])]!r} and by {pattern!r}{alike}",
                        field,
                        hint="name each file once, or leave it out of one path with exclude",
                    )

    def remarks(self) -> Iterator[str]:
        """Yield what is odd but no mistake: a file that two sources name is read for the first of them alone."""
        first: dict[str, str] = {}
        for origin in self._origins:
            paths = [item.path for pattern in origin.patterns for item in self.matches(origin, pattern).files]
            twice = [path for path in paths if first.setdefault(absolute(path), origin.name) != origin.name]
            if twice:
                other = first[absolute(twice[0])]
                alike = f" and {len(twice) - 1} more files are" if twice[1:] else " is"
                yield f"{twice[0]}{alike} named by the sources {other!r} and {origin.name!r}: read for {other!r} alone"


class _Within:
    """Says whether files lie in a folder, by their names or where links lead; each folder is followed once."""

    def __init__(self, folder: str) -> None:
        self._remote = is_remote(folder)
        self._folder = (absolute(folder) if self._remote else os.path.realpath(folder)) + "/" if folder else ""
        self._homes: dict[str, str] = {}

    def __call__(self, path: str) -> bool:
        if not self._folder or is_remote(path) != self._remote:
            return False
        named = absolute(path)
        if self._remote or named.startswith(self._folder):
            return named.startswith(self._folder)
        if os.path.islink(named):  # noqa: PTH114 - several times faster than Path's
            return os.path.realpath(named).startswith(self._folder)
        home, _, name = named.rpartition("/")
        if home not in self._homes:
            self._homes[home] = os.path.realpath(home)
        return f"{self._homes[home]}/{name}".startswith(self._folder)


def is_named(path: str, origin: Origin) -> bool:
    """Say whether a source names a file itself, rather than a folder or glob that holds it."""
    return any(not is_glob(pattern) and absolute(pattern) == absolute(path) for pattern in origin.patterns)


def _looked_into(group: Sequence[tuple[str, str, Origin, Stored]]) -> list[InputFile]:
    """Return listed files with what they hold. Local ones are opened all in one go, which costs a tenth."""
    sound = [path for path, _, _, item in group if not item.error]
    heads = dict(zip(sound, read_heads(sound, HEAD), strict=True))
    files = []
    for path, label, origin, item in group:
        file = InputFile(path, item.size, label, origin.name, identity=item.tag, error=item.error)
        if not item.error:
            found = contents_of(path, origin.options, heads[path])
            codec, kind = found.codec, found.format or UNKNOWN
            file = replace(file, format=kind, codec=codec, charset=found.charset, remark=found.remark)
        files.append(file)
    return files


def _is_excluded(path: str, origin: Origin) -> bool:
    exclude = origin.options.exclude
    given = () if exclude is None else (exclude,) if isinstance(exclude, str) else exclude
    for pattern in chain.from_iterable(map(alternatives, given)):
        whole = "/" in pattern
        matches = re.compile(fsspec.utils.glob_translate(absolute(pattern) if whole else pattern))
        if matches.match(absolute(path) if whole else posixpath.basename(path)):
            return True
    return False


def _nothing_found(pattern: str, found: Found, field: tuple[str | int, ...]) -> Problem:
    if found.own:
        message = f"all that {pattern!r} matches lies in the output folder, which is not read"
        return Problem(message, field, hint="set output to a folder of its own, outside the input")
    if found.excluded:
        return Problem(f"{pattern!r} matches {found.excluded} files, all of which exclude leaves out", field)
    local = not is_remote(pattern) and not Path(pattern).is_absolute()
    seen = f"nothing in {Path.cwd()}, where relative paths are looked up" if local else ""
    return Problem(f"{pattern!r} matches no file", field, seen=seen, hint="check the path; it may be a glob")
