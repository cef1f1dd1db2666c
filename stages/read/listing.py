"""Which files the sources name: listed once, with sizes, each under the first source that names it."""

import errno
import os
from collections.abc import Iterator, Sequence

from prep.corpus.errors import Problem
from prep.corpus.files.storage import Stored, absolute, find, size
from prep.stages.read.labels import labels
from prep.stages.read.sources import Origin
from prep.stages.read.tables.hugging_face import dataset_files, is_dataset
from prep.stages.stage import InputFile

_FOLDER = os.strerror(errno.EISDIR)


def list_files(origins: Sequence[Origin]) -> tuple[InputFile, ...]:
    """Return the files of all sources, in the order given and sorted within each path, none twice.

    Links that lead nowhere and the like are listed with an error; folders that a glob matches are not. Raises
    ValueError for a split that a dataset does not have, OSError, and whatever file systems and `datasets` raise.
    """
    found: dict[str, list[str]] = {}
    known: dict[str, tuple[str, Stored]] = {}
    for origin in origins:
        for pattern in origin.patterns:
            stored = list_pattern(origin, pattern)
            found.setdefault(pattern, []).extend(item.path for item in stored)
            for item in stored:
                known.setdefault(absolute(item.path), (origin.name, item))
    files = []
    for path, label in labels(found).items():
        source, item = known[absolute(path)]
        files.append(InputFile(path, item.size, label, source, item.tag, item.error))
    return tuple(files)


def list_pattern(origin: Origin, pattern: str) -> Sequence[Stored]:
    """Return the files that one of a source's paths names."""
    kind = origin.options.format
    if kind == "dataset" or (kind == "auto" and is_dataset(pattern)):
        paths = dataset_files(pattern, origin.options.split, origin.options.subset)
        return [Stored(path, size(path)) for path in paths]
    return [item for item in find(pattern) if item.error != _FOLDER]


def listing_problems(origins: Sequence[Origin]) -> Iterator[Problem]:
    """Yield paths that cannot be listed or match nothing."""
    for origin in origins:
        for pattern in origin.patterns:
            field = (*origin.field, "paths")
            try:
                found = list_pattern(origin, pattern)
            except Exception as error:  # file systems and `datasets` raise what they like
                yield Problem(f"cannot list {pattern!r}", field, seen=f"{type(error).__name__}: {error}")
                continue
            if not found:
                yield Problem(f"{pattern!r} matches no file", field, hint="check the path; it may be a glob")
