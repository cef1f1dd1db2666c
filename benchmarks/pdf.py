"""Scores of text taken out of PDF files, beside other readers of PDF, against the same books in another format.

    python benchmarks/pdf.py BOOK.pdf=BOOK.epub MANUAL.pdf.gz=MANUAL.html …

Gold is the text of an EPUB, HTML or text file of the same book. For each reader: F1 over words, as many of each as
there are, which falls with words that are lost, glued, cut or doubled; F1 over runs of three words, which falls also
with a wrong order and with running heads between; pages per second of CPU. Peers that are not installed are left out;
PyMuPDF (AGPL) and pdftotext (GPL) are yardsticks alone. Distributions such as Debian ship books in all these formats
(debian-policy, dbconfig-common, debian-history, debmake-doc, live-manual).
"""

import gzip
import importlib.util
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from pathlib import Path

from prep.stages.read.books.epub import epub_rows
from prep.stages.read.books.pdf import pdf_rows
from prep.stages.read.rows import Input
from prep.stages.read.sources import SourceOptions

_WORD = re.compile(r"\w+")
_BLOCKS = frozenset({"p", "div", "li", "td", "th", "tr", "br", "dt", "dd", "h1", "h2", "h3"})
Reader = Callable[[bytes], str]


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._skipped = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._skipped += tag in {"script", "style", "head"}
        self.parts.append(
            " " if tag in {"p", "div", "li", "td", "th", "tr", "br", "dt", "dd", "h1", "h2", "h3"} else ""
        )

    def handle_endtag(self, tag: str) -> None:
        self._skipped -= tag in {"script", "style", "head"}

    def handle_data(self, data: str) -> None:
        if self._skipped <= 0:
            self.parts.append(data)


def unpacked(path: str) -> bytes:
    data = Path(path).read_bytes()
    return gzip.decompress(data) if path.endswith(".gz") else data


def gold(path: str) -> str:
    if ".epub" in path:
        return "\n".join(row.text or "" for row in epub_rows(Input(path, path)))
    text = unpacked(path).decode("utf-8", "replace")
    if ".htm" not in path:
        return text
    parser = _Text()
    parser.feed(text)
    return "".join(parser.parts)


def ours(data: bytes) -> str:
    with tempfile.NamedTemporaryFile(suffix=".pdf") as held:
        held.write(data)
        held.flush()
        (row,) = pdf_rows(Input(held.name, "a", SourceOptions(max_bytes=1 << 30)))
    return row.text or ""


def pdfminer(data: bytes) -> str:
    from pdfminer.high_level import extract_text

    return str(extract_text(io.BytesIO(data)))


def pypdf(data: bytes) -> str:
    from pypdf import PdfReader

    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages)


def pymupdf(data: bytes) -> str:
    import fitz

    with fitz.open(stream=data, filetype="pdf") as document:
        return "\n".join(page.get_text() for page in document)


def pdftotext(data: bytes) -> str:
    done = subprocess.run(["pdftotext", "-", "-"], input=data, capture_output=True, check=True)
    return done.stdout.decode("utf-8", "replace")


def readers() -> Mapping[str, Reader]:
    found: dict[str, Reader] = {"prep": ours}
    for module, reader in (("pdfminer", pdfminer), ("pypdf", pypdf), ("fitz", pymupdf)):
        if importlib.util.find_spec(module):
            found[reader.__name__] = reader
    if shutil.which("pdftotext"):
        found["pdftotext"] = pdftotext
    return found


def _cpu() -> float:
    return time.process_time() + sum(os.times()[2:4])


def f1(found: Counter[object], wanted: Counter[object]) -> float:
    both = sum((found & wanted).values())
    return 2 * both / max(1, sum(found.values()) + sum(wanted.values()))


def runs(words: list[str]) -> Counter[object]:
    return Counter(zip(words, words[1:], words[2:], strict=False))


def main(pairs: list[str]) -> None:
    from pypdfium2 import PdfDocument

    totals: dict[str, list[tuple[float, float, float]]] = {}
    for pair in pairs:
        path, _, wanted = pair.partition("=")
        data, reference = unpacked(path), _WORD.findall(gold(wanted).lower())
        pages = len(PdfDocument(data))
        print(f"{Path(path).name}: {pages} pages, {len(reference)} words", flush=True)
        for name, reader in readers().items():
            start = _cpu()
            words = _WORD.findall(reader(data).lower())
            seconds = _cpu() - start
            score = f1(Counter(words), Counter(reference)), f1(runs(words), runs(reference)), pages / max(seconds, 1e-3)
            totals.setdefault(name, []).append(score)
            print(f"  {name:10} words {score[0]:.3f}  runs {score[1]:.3f}  {score[2]:6.0f} pages/s", flush=True)
    print(f"mean of {len(pairs)} books")
    for name, scores in totals.items():
        words_, order, speed = (sum(column) / len(column) for column in zip(*scores, strict=True))
        print(f"  {name:10} words {words_:.3f}  runs {order:.3f}  {speed:6.0f} pages/s")


if __name__ == "__main__":
    main(sys.argv[1:])
