"""Gathers text that is on any machine with this project installed, as JSON Lines: three sources that are no web pages.

    python make_texts.py FOLDER [--megabytes N]

- `descriptions.jsonl`: what installed packages say of themselves (the description in their metadata): prose.
- `code.jsonl`: Python source of installed packages whose manuals are in no crawl of this example.
- `headers.jsonl`: C++ headers that PyTorch and Arrow bring along: a domain that the others do not hold.

A file per document, its id the path below the installation; at most N megabytes of each source, whole files, drawn by a
hash of the path, so that every package is there. Files that stand already are left alone. Takes seconds.
"""

import argparse
import hashlib
import importlib.metadata
import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

CODE = ("aiohttp", "datasets", "datatrove", "huggingface_hub", "jinja2", "networkx", "sympy", "trafilatura")
"""Packages that come with this project; one that is missing is left out."""
HEADERS = {"torch": ("include/c10", "include/torch/csrc"), "pyarrow": ("include/arrow",)}
"""Folders of headers in packages."""
LONGEST = 100_000
"""Bytes of a file, at most: longer ones were written by programs."""


class Text(NamedTuple):
    """A document."""

    id: str
    text: str


def descriptions() -> Iterator[Text]:
    """Yield the descriptions of the installed packages but this one."""
    for distribution in importlib.metadata.distributions():
        name, text = distribution.metadata["Name"], distribution.metadata.get("Description")
        if text and name != "corpus-prep":
            yield Text(name, text)


def code() -> Iterator[Text]:
    """Yield Python files, without those that test and those copied from elsewhere."""
    for package in CODE:
        for path in files(package, (".",), "*.py"):
            if not {"tests", "benchmarks", "_vendor"} & set(Path(path.id).parts):
                yield path


def headers() -> Iterator[Text]:
    """Yield C++ headers."""
    for package, folders in HEADERS.items():
        yield from files(package, folders, "*.h")


def files(package: str, folders: tuple[str, ...], pattern: str) -> Iterator[Text]:
    """Yield the files in folders of an installed package."""
    spec = importlib.util.find_spec(package)
    for root in (spec.submodule_search_locations or ()) if spec else ():
        for folder in folders:
            for path in Path(root, folder).rglob(pattern):
                if path.stat().st_size <= LONGEST:
                    name = f"{package}/{path.relative_to(root).as_posix()}"
                    yield Text(name, path.read_text(encoding="utf-8", errors="replace"))


SOURCES = {"descriptions": descriptions, "code": code, "headers": headers}


def write(path: Path, texts: Iterator[Text], most: int) -> None:
    """Write texts in the order of a hash of their ids, each id once, until there are so many bytes."""
    different = {text.id: text.text for text in texts if text.text.strip()}
    count = size = 0
    partial = path.with_suffix(".partial")
    with partial.open("w", encoding="utf-8") as sink:
        for name in sorted(different, key=lambda name: hashlib.sha256(name.encode()).digest()):
            length = len(different[name].encode("utf-8", "replace"))
            if size + length <= most:
                sink.write(json.dumps({"id": name, "text": different[name]}) + "\n")
                count, size = count + 1, size + length
    partial.replace(path)
    print(f"{path}: {count} documents, {size / 1e6:.1f} MB")


def main() -> None:
    """Write the files that are missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--megabytes", type=float, default=4)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for name, texts in SOURCES.items():
        path = arguments.folder / f"{name}.jsonl"
        if not path.exists():
            write(path, texts(), int(arguments.megabytes * 1e6))


if __name__ == "__main__":
    main()
