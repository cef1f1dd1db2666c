"""A crawl as a source of documents: its index files, how they are cut into tasks, and what is wrong with a choice."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice

import pyarrow as pa

from prep.corpus.errors import Problem
from prep.corpus.files.retrying import same_access, slow_down_answers
from prep.stages.read.crawl.captures import index_captures
from prep.stages.read.crawl.cdx import cdx_stretches
from prep.stages.read.crawl.choice import Choice
from prep.stages.read.crawl.columnar import columnar_problem, columnar_stretches
from prep.stages.read.crawl.fetching import SLOW_DOWN
from prep.stages.read.crawl.index_files import NoIndexError, index_files, is_cluster, is_columnar
from prep.stages.read.crawl.options import CommonCrawl
from prep.stages.read.crawl.stretches import Stretch
from prep.stages.read.cutting import MOST_TASKS
from prep.stages.read.rows import Input
from prep.stages.read.sources import CRAWL_INDEX, Origin, SourceOptions
from prep.stages.stage import FileRange, InputFile, Partition

MOST_LOOKED_AT = 64
"""A choice that fits nothing in so many stretches of the index is left to the run, which warns of an empty source."""
_THREADS = 8


def crawl_files(origin: Origin) -> tuple[InputFile, ...]:
    """Return the index files of a source's crawl. Raises NoIndexError and OSError."""
    options = _crawl(origin.options)
    with slow_down_answers(*SLOW_DOWN):
        found = index_files(options)
    address = options.address.rstrip("/") + "/"
    return tuple(
        InputFile(
            item.path,
            item.size,
            item.path.removeprefix(address),
            origin.name,
            identity=item.tag,
            format=CRAWL_INDEX,
            codec=None,
        )
        for item in found
    )


def crawl_partitions(
    files: Sequence[InputFile], options: SourceOptions, most: int = MOST_TASKS
) -> tuple[Partition, ...]:
    """Cut a crawl's index into at most so many tasks: a stretch each, or several neighbours, as far as the limit."""
    ranges = [
        FileRange(file, stretch.size, stretch.start, stretch.end, stretch.first)
        for file, stretch in _stretches(files, options)
    ]
    crawl = _crawl(options)
    if crawl.limit is not None:
        ranges = list(_limited(ranges, options, crawl.limit))
    together = -(-len(ranges) // most) or 1
    return tuple(Partition(tuple(ranges[at : at + together])) for at in range(0, len(ranges), together))


def crawl_problems(origin: Origin) -> Iterator[Problem]:
    """Yield what keeps a crawl from being read: no index, one that lacks columns, a choice that fits nothing."""
    field = (*origin.field, "common_crawl")
    try:
        files = crawl_files(origin)
        found = _index_problem(files, origin.options) or _choice_problem(files, origin.options)
    except NoIndexError as error:
        found = error.problem
    except (OSError, pa.ArrowException, ValueError) as error:
        found = Problem("cannot read the index", seen=f"{type(error).__name__}: {error}")
    except Exception as error:  # file systems raise what they like
        found = Problem("cannot read the index", ("address",), seen=f"{type(error).__name__}: {error}")
    if found is not None:
        yield replace(found, field=(*field, *found.field))


def _index_problem(files: Sequence[InputFile], options: SourceOptions) -> Problem | None:
    first = next((file for file in files if is_columnar(file.path)), None)
    return None if first is None else columnar_problem(first.path, _crawl(options))


def _choice_problem(files: Sequence[InputFile], options: SourceOptions) -> Problem | None:
    """Return that nothing fits the choice, where that is found out soon."""
    crawl, choice = _crawl(options), Choice(_crawl(options))
    stretches, seen = _stretches(files, options), 0
    for file, stretch in islice(stretches, MOST_LOOKED_AT):
        for found in index_captures(_input(file, options, stretch), crawl):
            seen += found.rows.num_rows
            if found.rule or len(choice.rows(found.rows)):
                return None
    if next(stretches, None) is not None:
        return None
    asked = {name: value for name, value in crawl.named().items() if name not in ("crawl", "seed", "limit") and value}
    shown = ", ".join(f"{name}: {value}" for name, value in asked.items() if value != 1.0)
    hint = "take a condition out" + (", or ask for a larger sample" if crawl.sample < 1 else "")
    return Problem("no capture of the crawl fits the choice", (), shown, f"{seen} captures that do not", hint)


def _stretches(files: Sequence[InputFile], options: SourceOptions) -> Iterator[tuple[InputFile, Stretch]]:
    """Yield the stretches of index files that may hold what is chosen, in order."""
    crawl = _crawl(options)
    cluster = next((file for file in files if is_cluster(file.path)), None)
    if cluster is not None:
        by_name = {file.path.rpartition("/")[2]: file for file in files}
        with slow_down_answers(*SLOW_DOWN):
            found = list(cdx_stretches(Input(cluster.path, cluster.label, options), crawl))
        yield from ((by_name[name], stretch) for name, stretch in found if name in by_name)
        return
    tables = [file for file in files if is_columnar(file.path)]
    with ThreadPoolExecutor(_THREADS, initializer=same_access()) as pool:
        for file, cut in zip(tables, pool.map(lambda file: _cut(file, crawl), tables), strict=True):
            yield from ((file, stretch) for stretch in cut)
    yield from ((file, Stretch(size=file.size)) for file in files if not is_columnar(file.path))


def _cut(file: InputFile, crawl: CommonCrawl) -> list[Stretch]:
    """Cut a file of the columnar index; one that cannot be cut is one stretch, and is found damaged when read."""
    try:
        with slow_down_answers(*SLOW_DOWN):
            return list(columnar_stretches(file.path, crawl))
    except pa.ArrowException:
        return [Stretch(size=file.size)]


def _limited(ranges: Sequence[FileRange], options: SourceOptions, limit: int) -> Iterator[FileRange]:
    """Yield the ranges as far as the first `limit` captures that are chosen."""
    crawl = _crawl(options)
    choice, left = Choice(crawl), limit
    for part in ranges:
        for found in index_captures(_input(part.file, options, Stretch(part.start, part.end)), crawl):
            rows = choice.rows(found.rows)
            if len(rows) >= left:
                yield replace(part, end=found.place(int(rows[left - 1]) + 1))
                return
            left -= len(rows)
        yield part


def _input(file: InputFile, options: SourceOptions, stretch: Stretch) -> Input:
    return Input(file.path, file.label, options, stretch.start, stretch.end, codec=file.codec)


def _crawl(options: SourceOptions) -> CommonCrawl:
    assert options.common_crawl is not None
    return options.common_crawl
