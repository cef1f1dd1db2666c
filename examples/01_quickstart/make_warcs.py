"""Makes a small crawl of Python's own documentation: gzipped WARC files of real pages, on any machine, offline.

    python make_warcs.py FOLDER [--files NAME…] [--date DATE]

`pydoc` renders to HTML what the standard library and a few installed packages say about themselves, and the language
reference's topics. The pages go into four WARC files, one gzip member per record, as a crawler would write them: with a
redirect, a PDF, pages under two addresses, and modules that answer with an error because they do not exist here. Files
that stand already are left alone. Takes about 20 seconds. `--files` makes some of them only, `--date` has the crawler
come at another time, when its records get other ids. Source of the format: ISO 28500:2017 (WARC/1.1).
"""

import argparse
import contextlib
import gzip
import importlib.util
import io
import os
import pkgutil
import pydoc
import re
import subprocess
import sys
import uuid
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

SITE = "http://python.example"
DATE = "2026-01-01T00:00:00Z"
PACKAGES = ("fsspec", "numpy", "pyarrow", "pydantic", "rich", "typer", "yaml")
"""Installed packages whose documentation joins that of the standard library; one that is missing is left out."""

SKIPPED = frozenset(
    {"antigravity", "this", "idlelib", "tkinter", "turtle", "turtledemo", "test", "tests", "testing", "conftest"}
    | {"distutils", "ensurepip", "lib2to3", "pydoc_data", "site", "venv"}
)
"""Modules that open windows when imported, install things, or document nothing."""

REDIRECTS = {"os.path": "posixpath"}
ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
FILE_LINK = re.compile(r'<a href="file:[^"]*">[^<]*</a>')
ENVIRON = re.compile(r"environ\(\{.*?\}\)")

ENVIRONMENT = {
    "PATH": os.defpath,
    "HOME": "/home/user",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "COLUMNS": "80",
    "PYTHONHASHSEED": "0",  # the order of sets
    "SOURCE_DATE_EPOCH": "1767225600",  # numpy.f2py shows when it was imported
}
"""All that the process that renders knows of this machine's environment."""


class Page(NamedTuple):
    """What a server answers to one address."""

    path: str
    body: bytes
    status: str = "200 OK"
    kind: str = "text/html; charset=utf-8"
    location: str = ""


class Documentation(pydoc.HTMLDoc):
    """pydoc's pages, docstrings in <pre> (pydoc itself puts a no-break space for each space)."""

    def markup(self, text, escape=None, funcs={}, classes={}, methods={}):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, B006
        """Return a docstring as HTML, names linked."""
        marked = super().markup(text, self.escape, funcs, classes, methods)
        return f"<pre>{marked}</pre>" if marked else ""

    def docother(self, object, name=None, mod=None, *_) -> str:  # type: ignore[no-untyped-def]  # noqa: A002, ANN001, ANN002
        """Return a constant as HTML; of other values, which may hold addresses or settings, only the type."""
        shown = object if isinstance(object, bool | int | float | str) else type(object)
        return str(super().docother(shown, name, mod))


def main() -> int:
    """Write the files, in a process of its own whose environment cannot show in the pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", nargs="+", choices=CRAWL, default=list(CRAWL), help="the files to make")
    parser.add_argument("--date", default=DATE, help="when the crawler came")
    parser.add_argument("--render", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    if arguments.render:
        write_crawl(folder, arguments.files, arguments.date)
        return 0
    if all((folder / f"{name}.warc.gz").exists() for name in arguments.files):
        print(f"{folder}: complete, nothing to do")
        return 0
    libraries = {name: value for name, value in os.environ.items() if name == "LD_LIBRARY_PATH"}
    command = [sys.executable, "-s", "-P", str(Path(__file__).resolve()), str(folder.resolve()), "--render"]
    command += ["--date", arguments.date, "--files", *arguments.files]
    return subprocess.run(command, env=ENVIRONMENT | libraries, check=False).returncode


def write_crawl(folder: Path, names: Iterable[str], date: str = DATE) -> None:
    """Write files of the crawl, each under its name only when it is complete."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        target = folder / f"{name}.warc.gz"
        partial = target.with_suffix(".partial")
        with partial.open("wb") as sink:
            sink.write(warcinfo(name, date))
            count = size = 0
            for page in CRAWL[name]():
                sink.write(response(page, date))
                count, size = count + 1, size + len(page.body)
        partial.replace(target)
        print(f"{target}: {count} responses, {size / 1e6:.1f} MB, {target.stat().st_size / 1e6:.1f} MB compressed")


def topics() -> Iterator[Page]:
    """Yield the language reference: a page for each of pydoc's topics and keywords."""
    html = Documentation()
    texts: dict[str, str] = importlib.import_module("pydoc_data.topics").topics
    for name, text in sorted(texts.items()):
        yield page(f"topics/{name}.html", html.page(name, f"<h1>{name}</h1><pre>{html.escape(text)}</pre>"))


def library(first: str, last: str) -> Iterator[Page]:
    """Yield the modules of the standard library whose names begin with the letters from `first` to `last`."""
    names = sorted(name for name in sys.stdlib_module_names if not name.startswith("_"))
    for name in names:
        if first <= name[0].lower() <= last:
            yield from modules(name, "library")
    for alias, name in REDIRECTS.items():
        if first <= alias[0] <= last:
            yield Page(f"library/{alias}.html", b"", "301 Moved Permanently", location=f"{SITE}/library/{name}.html")


def packages() -> Iterator[Page]:
    """Yield the modules of the installed packages, and a leaflet that is no page."""
    for name in PACKAGES:
        if importlib.util.find_spec(name):
            yield from modules(name, "packages")
    yield Page("packages/leaflet.pdf", LEAFLET, kind="application/pdf")


CRAWL = {
    "topics": topics,
    "library-a-l": lambda: library("a", "l"),
    "library-m-z": lambda: library("m", "z"),
    "packages": packages,
}
"""The files, and what is in them."""


def modules(name: str, section: str) -> Iterator[Page]:
    """Yield the page of a module and of all modules below it; a package's page has two addresses."""
    if name.rpartition(".")[2] in SKIPPED:
        return
    path = f"{section}/{name}.html"
    module = imported(name)
    if module is None:
        message = f"<h1>No module named {name}</h1><p>It belongs to another platform, or needs what is not installed."
        yield Page(path, Documentation().page(name, message).encode(), "404 Not Found")
        return
    rendered = page(path, render(module, name))
    yield rendered
    if not hasattr(module, "__path__"):
        return
    yield rendered._replace(path=f"{section}/{name}/index.html")
    for below in sorted(pkgutil.iter_modules(module.__path__), key=lambda below: below.name):
        if not below.name.startswith("_") and is_source(below, f"{name}.{below.name}"):
            yield from modules(f"{name}.{below.name}", section)


def imported(name: str) -> ModuleType | None:
    """Import a module, whatever it prints, warns or raises; None where it cannot be imported."""
    silence = io.StringIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(silence), contextlib.redirect_stderr(silence):
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module(name)
        except (Exception, SystemExit):
            return None


def is_source(found: pkgutil.ModuleInfo, name: str) -> bool:
    """Say whether a module is a package or a Python file: what is compiled may do more than say that it cannot."""
    if found.ispkg:
        return True
    spec = found.module_finder.find_spec(name, None)
    return bool(spec and spec.origin and spec.origin.endswith(".py"))


def render(module: ModuleType, name: str) -> str:
    """Return a module's page without addresses in memory and paths of this machine."""
    html = Documentation()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        text = html.page(name, html.document(module, name))
    text = ENVIRON.sub("environ", ADDRESS.sub("", FILE_LINK.sub("", text))).replace("&nbsp;", " ")
    for prefix in (sys.prefix, sys.base_prefix):
        text = text.replace(prefix, "/usr")
    return text


def page(path: str, html: str) -> Page:
    """Return a page as it is sent."""
    return Page(path, html.encode("utf-8", "replace"))


def response(page: Page, date: str) -> bytes:
    """Return a page as a WARC record of the HTTP response."""
    location = f"Location: {page.location}\r\n" if page.location else ""
    head = f"HTTP/1.1 {page.status}\r\nContent-Type: {page.kind}\r\n{location}Content-Length: {len(page.body)}\r\n\r\n"
    uri = f"{SITE}/{page.path}"
    return record("response", uri, "application/http; msgtype=response", head.encode() + page.body, date, uri)


def warcinfo(name: str, date: str) -> bytes:
    """Return the record that a WARC file begins with."""
    fields = "software: make_warcs.py\r\nformat: WARC File Format 1.1\r\n"
    return record("warcinfo", name, "application/warc-fields", fields.encode(), date)


def record(kind: str, name: str, content_type: str, block: bytes, date: str, uri: str = "") -> bytes:
    """Return a WARC record as one gzip member; its id follows from name and date, so it is the same on every run."""
    identity = f"{kind} {name}" if date == DATE else f"{kind} {name} {date}"
    lines = [
        "WARC/1.1",
        f"WARC-Type: {kind}",
        f"WARC-Record-ID: <urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, identity)}>",
        f"WARC-Date: {date}",
        *([f"WARC-Target-URI: {uri}"] if uri else []),
        f"Content-Type: {content_type}",
        f"Content-Length: {len(block)}",
    ]
    return gzip.compress("\r\n".join(lines).encode() + b"\r\n\r\n" + block + b"\r\n\r\n", compresslevel=6, mtime=0)


LEAFLET = b"""%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>endobj
4 0 obj<</Length 44>>stream
BT /F 12 Tf 20 50 Td (Read the manuals.) Tj ET
endstream endobj
5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj
trailer<</Root 1 0 R>>
%%EOF
"""

if __name__ == "__main__":
    sys.exit(main())
