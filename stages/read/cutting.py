"""How the input is cut into tasks: small files are gathered, big ones are cut where a record begins.

A task is to take less than a minute, so that all cores are busy to the end and a killed task repeats little. Where a
file can be cut is found when the run is planned, from its bytes alone: compressed files at members that hold the
beginning of a record, lines at newlines, tables at row groups. The cuts are exact, so a task reads its stretch and
nothing else. Cost: a seek and a few hundred kilobytes per cut; CSV files and plain archives are walked through once.
"""

import io
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from prep.corpus.files.compression import START, Place, codec_of, find_member, member_pieces, pieces
from prep.corpus.files.storage import is_remote, open_input
from prep.stages.read.archives.warc import record_starts
from prep.stages.read.sources import Format, SourceOptions
from prep.stages.read.tables.csv_files import csv_cuts
from prep.stages.read.tables.tables import arrow_cuts, parquet_cuts
from prep.stages.stage import FileRange, InputFile, Partition

TASK_BYTES = 64 << 20
"""About how much content a task reads."""
LEAST_BYTES = 4 << 20
"""Small inputs are cut for sixteen tasks, but not into less than this."""
MOST_TASKS = 20_000
"""Beyond that many, tasks grow with the input."""
EXPANSION = 4
"""Compressed files are taken to hold so many times their bytes."""

_MAX_STRETCH = 64 << 20
"""A file is cut no further where no member begins within so many bytes: most likely it is a single one."""
_MAX_SEARCH = 16 << 20
"""Records that are longer are not cut around."""
_PACKED: frozenset[Format] = frozenset({"parquet", "epub"})
_HEADS: Mapping[Format, bytes] = {"warc": b"WARC/", "wet": b"WARC/", "arc": b"http"}
"""How a member begins that begins with a record."""


class _Mark(NamedTuple):
    """What is looked for behind a place to find a record's beginning."""

    bytes: bytes
    begins: bool
    """Whether the record begins with it; otherwise behind it."""


_MARKS: Mapping[Format, _Mark] = {
    "jsonl": _Mark(b"\n", begins=False),
    "lines": _Mark(b"\n", begins=False),
    "mediawiki": _Mark(b"<page>", begins=True),
}

Kind = Callable[[InputFile], tuple[Format | None, SourceOptions]]


def partitions(files: Sequence[InputFile], kind: Kind) -> tuple[Partition, ...]:
    """Cut the files into tasks of about 64 MiB of content; an input below 1 GiB into about sixteen."""
    total = sum(_weight(file, kind(file)[0]) for file in files)
    target = max(min(TASK_BYTES, max(LEAST_BYTES, total // 16)), total // MOST_TASKS)
    groups: list[list[FileRange]] = []
    room = 0
    for file in files:
        name, options = kind(file)
        weight = _weight(file, name)
        for part in _ranges(file, name, options, round(weight / target)):
            taken = part.size * weight // max(1, file.size)
            if not groups or taken > room:
                groups.append([])
                room = target
            groups[-1].append(part)
            room -= taken
    return tuple(Partition(tuple(group)) for group in groups)


def _weight(file: InputFile, name: Format | None) -> int:
    packed = _codec(file) or name in _PACKED
    return file.size * (EXPANSION if packed else 1)


def _ranges(file: InputFile, name: Format | None, options: SourceOptions, count: int) -> Iterator[FileRange]:
    """Cut a file into at most so many stretches, of about equal size."""
    last, position = None, 0
    if count > 1 and name is not None and not file.error:
        targets = [file.size * number // count for number in range(1, count)]
        for place, at in _increasing(_cuts(file, name, options, targets)):
            if last is None:
                yield FileRange(file, at, end=place)
            else:
                yield FileRange(file, at - position, last, place, position)
            last, position = place, at
    yield FileRange(file, file.size) if last is None else FileRange(file, file.size - position, last, first=position)


def stretches(
    file: InputFile, name: Format | None, options: SourceOptions, count: int, chosen: Sequence[int]
) -> tuple[FileRange, ...] | None:
    """Return the chosen of `count` stretches of about equal size; None where the file cannot be cut.

    All stretches together are the file, whichever are asked for: a record is in the one in which it begins. Those in
    which none begins are left out. Of lines in a single compressed member only the beginning can be had without
    decompressing all before: a stretch from there stands for all that are chosen.
    """
    if count < 2 or name is None or file.error:
        return None
    ends = {file.size * number // count for each in (*chosen, count // 2) for number in (each, each + 1)}
    cuts = list(_increasing(_cuts(file, name, options, sorted(ends - {0, file.size}))))
    if not cuts:
        return _beginning(file, name, file.size * len(chosen) // count)
    positions = [at for _, at in cuts]

    def cut(number: int) -> tuple[Place | None, int]:
        if number == 0:
            return START, 0
        found = len(cuts) if number == count else bisect_left(positions, file.size * number // count)
        return cuts[found] if found < len(cuts) else (None, file.size)

    between = [(*cut(number), *cut(number + 1)) for number in chosen]
    return tuple(
        FileRange(file, last - first, start, end, first)
        for start, first, end, last in between
        if start is not None and last > first and (end is None or end > start)
    )


def _beginning(file: InputFile, name: Format, size: int) -> tuple[FileRange, ...] | None:
    """Return so many bytes on disk from the beginning of compressed lines; None of what cannot be cut."""
    codec = _codec(file)
    if not codec or name not in _MARKS or file.charset:
        return None
    with open_input(file.path) as source:
        head = io.BytesIO(source.read(size))
    content = sum(len(piece.data) for piece in member_pieces(head, codec) if piece.rule is None)
    end = _settle(file, Place(0, content), _MARKS[name]) if content else None
    return None if end is None else (FileRange(file, size, START, end),)


def _increasing(cuts: Iterable[tuple[Place, int]]) -> Iterator[tuple[Place, int]]:
    last = Place(0, 0)
    for place, position in cuts:
        if place > last:
            yield place, position
            last = place


def _cuts(file: InputFile, name: Format, options: SourceOptions, targets: Sequence[int]) -> Iterable[tuple[Place, int]]:
    """Return where the file may be cut near each of these bytes, rising, and the bytes that these places lie at."""
    compressed = _codec(file) != ""
    if file.charset:
        return ()
    if name == "parquet":
        return parquet_cuts(file.path, targets)
    if name == "arrow":
        return arrow_cuts(file.path, targets)
    if name in _MARKS:
        places = _members(file, targets, b"") if compressed else (Place(0, target) for target in targets)
        settled = (_settle(file, place, _MARKS[name]) for place in places)
        return ((place, place.member if compressed else place.offset) for place in settled if place is not None)
    if name in _HEADS and compressed:
        return ((place, place.member) for place in _members(file, targets, _HEADS[name]))
    if compressed or is_remote(file.path):
        return ()
    if name in {"warc", "wet"}:
        return ((Place(0, start), start) for start in _first_after(targets, record_starts(file.path)))
    return ((Place(0, start), start) for start in csv_cuts(file.path, targets, options)) if name == "csv" else ()


def _members(file: InputFile, targets: Sequence[int], head: bytes) -> Iterator[Place]:
    """Yield the first member behind each target, up to the first stretch without one."""
    found = 0
    for target in targets:
        if target > found:
            member = find_member(file.path, target, min(file.size, target + _MAX_STRETCH), head, _codec(file))
            if member is None:
                return
            yield Place(member, 0)
            found = member


def _codec(file: InputFile) -> str:
    """Return what the file is compressed with; empty for nothing."""
    return (codec_of(file.path) or "") if file.codec is None else file.codec


def _settle(file: InputFile, place: Place, mark: _Mark) -> Place | None:
    """Return where the first record begins at or behind a place, or None where it is too far."""
    searched, held = 0, b""
    for piece in pieces(file.path, place, codec=_codec(file)):
        if piece.rule is not None or searched > _MAX_SEARCH:
            return None
        overlap = len(held) if piece.place.offset else 0  # a mark does not run over two members
        data = held[len(held) - overlap :] + piece.data
        found = data.find(mark.bytes)
        if found >= 0:
            at = piece.place.offset - overlap + found
            return Place(piece.place.member, at if mark.begins else at + len(mark.bytes))
        held = data[len(data) - len(mark.bytes) + 1 :] if len(mark.bytes) > 1 else b""
        searched += len(piece.data)
    return None


def _first_after(targets: Sequence[int], starts: Iterable[int]) -> Iterator[int]:
    """Yield the first of the increasing starts at or behind each target."""
    waiting = iter(targets)
    target = next(waiting, None)
    for start in starts:
        if target is None:
            return
        if start >= target:
            yield start
            while target is not None and target <= start:
                target = next(waiting, None)
