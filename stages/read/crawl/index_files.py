"""Where a crawl's index lies: files of the columnar index, or CDX files, below the crawl's address.

    cc-index/table/cc-main/warc/crawl=NAME/subset=warc/*.parquet       listed in crawl-data/NAME/cc-index-table.paths.gz
    cc-index/collections/NAME/indexes/cdx-*.gz and cluster.idx         listed in crawl-data/NAME/cc-index.paths.gz

Web servers list no folders, so there the lists say which files there are; elsewhere the folders do, and the lists where
a folder is not there. Cost: a listing, or a list and a look at each file.
"""

import posixpath
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from prep.corpus.errors import Problem
from prep.corpus.files.compression import pieces
from prep.corpus.files.retrying import same_access
from prep.corpus.files.storage import Stored, find, is_glob, join, look_up
from prep.stages.read.crawl.cdx import CLUSTER
from prep.stages.read.crawl.options import CommonCrawl

_THREADS = 8
_TABLE = "cc-index/table/cc-main/warc/crawl={crawl}/subset=warc"
_TABLE_LIST = "crawl-data/{crawl}/cc-index-table.paths.gz"
_CDX = "cc-index/collections/{crawl}/indexes"
_CDX_LIST = "crawl-data/{crawl}/cc-index.paths.gz"
_KINDS = ("columnar", "cdx")


class NoIndexError(Exception):
    """A crawl has no index that can be found."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(str(problem))


def is_columnar(path: str) -> bool:
    """Say by its name whether an index file is of the columnar index; all others are CDX."""
    return path.lower().endswith(".parquet")


def is_cluster(path: str) -> bool:
    """Say by its name whether a file is the summary of ZipNum files, which holds no captures."""
    return posixpath.basename(path) == CLUSTER


def index_files(options: CommonCrawl) -> tuple[Stored, ...]:
    """Return the files of a crawl's index, sorted, of one kind. Raises NoIndexError and OSError."""
    if options.index not in ("auto", *_KINDS):
        return _given(options)
    for kind in _KINDS if options.index == "auto" else (options.index,):
        found = _listed(options, kind)
        if found:
            return found
    raise NoIndexError(_nothing_found(options))


def _given(options: CommonCrawl) -> tuple[Stored, ...]:
    found = [item for item in find(options.index) if not item.error]
    if found and not is_glob(options.index) and not is_columnar(found[0].path) and not is_cluster(found[0].path):
        found += [item for item in find(join(posixpath.dirname(found[0].path), CLUSTER)) if not item.error]
    if any(is_columnar(item.path) for item in found):
        found = [item for item in found if is_columnar(item.path)]
    if not any(not is_cluster(item.path) for item in found):
        expected = "auto, columnar, cdx, or a path or glob of index files"
        raise NoIndexError(Problem(f"{options.index!r} matches no index file", ("index",), expected))
    return tuple(sorted(set(found)))


def _listed(options: CommonCrawl, kind: str) -> tuple[Stored, ...]:
    folder = (_TABLE if kind == "columnar" else _CDX).format(crawl=options.crawl)
    by_list = options.address.startswith(("http://", "https://"))
    ways = (_by_list, _by_folder) if by_list else (_by_folder, _by_list)
    found = next(filter(None, (way(options, kind, folder) for way in ways)), ())
    return found if any(not is_cluster(item.path) for item in found) else ()


def _by_folder(options: CommonCrawl, kind: str, folder: str) -> tuple[Stored, ...]:
    patterns = ("*.parquet",) if kind == "columnar" else ("cdx-*", CLUSTER)
    found: list[Stored] = []
    for pattern in patterns:
        try:
            found += [item for item in find(join(options.address, folder, pattern)) if not item.error]
        except FileNotFoundError:
            continue
    return tuple(sorted(found))


def _by_list(options: CommonCrawl, kind: str, folder: str) -> tuple[Stored, ...]:
    path = join(options.address, (_TABLE_LIST if kind == "columnar" else _CDX_LIST).format(crawl=options.crawl))
    try:
        content = b"".join(_sound(path))
    except FileNotFoundError:
        return ()
    names = [name if "/" in name else f"{folder}/{name}" for name in content.decode("utf-8", "replace").split()]
    if kind == "columnar":
        names = [name for name in names if "/subset=warc/" in name and is_columnar(name)]
    else:
        names = [name for name in names if posixpath.basename(name).startswith("cdx-") or is_cluster(name)]
    paths = [join(options.address, name) for name in names]
    with ThreadPoolExecutor(_THREADS, initializer=same_access()) as pool:
        found = tuple(pool.map(_look_up, paths))
    missing = [name for name, item in zip(paths, found, strict=True) if item is None]
    if missing:
        more = f" and {len(missing) - 1} more" if missing[1:] else ""
        raise NoIndexError(Problem(f"{path} lists {missing[0]}{more}, which is not there", ("address",)))
    return tuple(sorted(item for item in found if item is not None))


def _look_up(path: str) -> Stored | None:
    try:
        return look_up(path)
    except FileNotFoundError:
        return None


def _sound(path: str) -> Iterator[bytes]:
    for piece in pieces(path):
        if piece.rule is not None:
            raise NoIndexError(Problem(f"{path} is damaged: {piece.detail}", ("address",), hint="load it again"))
        yield piece.data


def _nothing_found(options: CommonCrawl) -> Problem:
    wanted = _KINDS if options.index == "auto" else (options.index,)
    lists = {"columnar": _TABLE_LIST, "cdx": _CDX_LIST}
    tried = " nor ".join(join(options.address, lists[kind].format(crawl=options.crawl)) for kind in wanted)
    there = _crawls(options)
    if there and options.crawl not in there:
        shown = ", ".join(there[-8:])
        return Problem(f"no crawl {options.crawl!r} at {options.address}", ("crawl",), shown, options.crawl)
    return Problem(
        f"no index of the crawl {options.crawl!r} at {options.address}",
        ("crawl",),
        "a crawl that is there, with its index",
        f"neither {tried}" if wanted[1:] else f"no {tried}",
        "check the name (commoncrawl.org lists the crawls) and address, or name the index's files with index",
    )


def _crawls(options: CommonCrawl) -> Sequence[str]:
    """Return the names of the crawls at a local address, sorted."""
    if "://" in options.address:
        return ()
    tables = find(join(options.address, "cc-index/table/cc-main/warc", "crawl=*"))
    folders = [*find(join(options.address, "crawl-data", "*")), *find(join(options.address, _CDX.format(crawl="*")))]
    names = [posixpath.basename(item.path).removeprefix("crawl=") for item in (*tables, *folders)]
    names += [posixpath.basename(posixpath.dirname(item.path)) for item in folders if item.path.endswith("/indexes")]
    return sorted({name for name in names if name.startswith("CC-MAIN-")})
