"""Makes documents and labels out of the standard library's documentation: offline, in seconds.

    python examples/04_annotations/make_texts.py FOLDER

`modules.jsonl` has a document per module: what it says of itself and of its classes and functions. `labels.jsonl` is
what comes from outside in real projects: a topic, here by the module's name, and a score from 0 to 5 such as a
classifier of educational value gives, here the share of a module's classes and functions that say what they are for.
Every tenth module has no labels.
"""

import argparse
import ast
import json
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

SKIPPED = frozenset(
    {"test", "tests", "idlelib", "lib2to3", "site-packages", "turtledemo", "tkinter", "distutils", "__phello__"}
)
TOPICS = {
    "network": "asyncio cgi email ftplib http imaplib ipaddress mailbox nntplib poplib selectors smtplib socket "
    "socketserver ssl telnetlib urllib webbrowser wsgiref xmlrpc",
    "data": "_pydatetime _pydecimal _strptime array bisect calendar collections configparser copy csv dataclasses "
    "datetime dbm decimal enum fractions heapq html json pickle plistlib random re shelve sqlite3 statistics string "
    "textwrap tomllib xml zoneinfo",
}
UNLABELLED = 10
"""One module in so many has no labels."""

Defined = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


class Module(NamedTuple):
    """A module: its name, what it says, and how much of what it defines is explained."""

    name: str
    text: str
    explained: float


def modules(root: Path) -> Iterator[Module]:
    """Yield the modules of a folder that say anything, by name."""
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        if SKIPPED.intersection(parts):
            continue
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):
            continue
        defined = [node for node in ast.walk(tree) if isinstance(node, Defined)]
        said = [(f"{node.name}:\n", ast.get_docstring(node)) for node in defined]
        texts = [f"{head}{text}" for head, text in [("", ast.get_docstring(tree)), *said] if text]
        if texts:
            explained = sum(text is not None for _, text in said) / max(1, len(said))
            yield Module(".".join(parts).removesuffix(".__init__"), "\n\n".join(texts), explained)


def topic_of(name: str) -> str:
    """Return the topic of a module."""
    first = name.partition(".")[0]
    return next((topic for topic, names in TOPICS.items() if first in names.split()), "other")


def write(folder: Path, root: Path) -> None:
    """Write documents and labels."""
    folder.mkdir(parents=True, exist_ok=True)
    found = list(modules(root))
    documents = [{"id": each.name, "text": each.text} for each in found]
    labels = [
        {"id": each.name, "topic": topic_of(each.name), "edu_score": round(5 * each.explained, 3)}
        for number, each in enumerate(found)
        if number % UNLABELLED
    ]
    for name, rows in (("modules.jsonl", documents), ("labels.jsonl", labels)):
        (folder / name).write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")


def main() -> None:
    """Write both files to the folder that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    write(parser.parse_args().folder, Path(sysconfig.get_path("stdlib")))


if __name__ == "__main__":
    main()
