"""Names for files in the ids of their records, which stay when the data moves."""

import posixpath
from collections.abc import Mapping, Sequence

from prep.corpus.files.storage import absolute, exists, glob_root, is_glob


def labels(found: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the files found at each root, in order and none twice, with the names that their records' ids begin with.

    A file is named by its path below the folder that all roots share: ids stay when the data moves, and no two files
    have the same.
    """
    shared = _common([_home(root) for root in found if is_glob(root) or exists(root)])
    named: dict[str, tuple[str, str]] = {}
    for root, files in found.items():
        for path in files:
            named.setdefault(absolute(path), (path, _place(root, path).removeprefix(shared + "/")))
    return dict(named.values())


def _home(root: str) -> str:
    """Return the folder above what a root names: above a file, above a folder, or what precedes a glob's first mark."""
    if not is_glob(root):
        return posixpath.dirname(absolute(root))
    return absolute(glob_root(root) or ".")


def _place(root: str, path: str) -> str:
    """Return where a file lies. One that `datasets` keeps in its cache is taken to lie in the dataset."""
    place = absolute(path)
    if is_glob(root) or place.startswith(absolute(root)):
        return place
    return posixpath.join(absolute(root) if exists(root) else root, posixpath.basename(place))


def _common(folders: Sequence[str]) -> str:
    """Return the folder that holds all folders; empty where it is the root, or where they share none."""
    shared = []
    for level in zip(*(folder.rstrip("/").split("/") for folder in folders), strict=False):
        if len(set(level)) > 1:
            break
        shared.append(level[0])
    return "/".join(shared)
