"""Perplexity by n-gram models of books: how well it separates unseen books from web pages, and its speed on one core.

    PREP_TEST_DATA=… python benchmarks/perplexity.py

For each order, a model is trained on 14 of 17 books and measures pieces of about 2,000 characters of the other three
and of the whole text of 302 web pages, menus included. `below` is the probability that a piece of a book has a lower
perplexity than a piece of a page (the area under the curve). Times are CPU seconds; compilation is not counted.

Where kenlm is installed and its program `lmplz` is found, it is trained on the same words (in lower case, digits as one
word); splitting text into them is counted for prep alone.
"""

import importlib.util
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from classifier import pieces, whole_pages
from texts import books, megabytes

from prep.corpus.text.words import words
from prep.stages.perplexity.ngram_model import NgramModel

HELD_OUT = slice(None, None, 6)


class Scorer(Protocol):
    """What is used of kenlm's models."""

    def score(self, text: str, bos: bool, eos: bool) -> float:
        """Return the logarithm, to base 10, of a text's probability."""


def main() -> None:
    if "PREP_TEST_DATA" not in os.environ:
        sys.exit("PREP_TEST_DATA is not set; it names the folder of real web pages and books")
    data = Path(os.environ["PREP_TEST_DATA"])
    all_books = books(data / "books")
    held_out = all_books[HELD_OUT]
    reference = [book for book in all_books if book not in held_out]
    tested = {
        "books": [piece for book in held_out for piece in pieces(book)],
        "pages": [piece for page in whole_pages(data / "web") for piece in pieces(page)],
    }
    columns = {name: pa.array(texts, pa.large_string()) for name, texts in tested.items()}
    train_size, size = megabytes(reference), sum(map(megabytes, tested.values()))
    print(f"reference {train_size:.1f} MB; pieces: {len(tested['books'])} of books, {len(tested['pages'])} of pages")
    print(f"{'order':>12} {'books':>8} {'pages':>8} {'below':>7} {'train MB/s':>11} {'measure MB/s':>13}")
    for order in range(1, 6):
        NgramModel([columns["books"][:1]], order, 1 << 20, "unicode").perplexities(columns["books"][:1])
        start = time.process_time()
        model = NgramModel([pa.array(reference, pa.large_string())], order, 1 << 30, "unicode")
        trained = time.process_time()
        found = {name: model.perplexities(column) for name, column in columns.items()}
        _print(f"prep {order}", found, train_size / (trained - start), size / (time.process_time() - trained))
    if importlib.util.find_spec("kenlm") is None or shutil.which("lmplz") is None:
        print("kenlm, or its program lmplz, is not installed")
        return
    plain = {name: [_plain(text) for text in texts] for name, texts in tested.items()}
    lines = [_plain(book) for book in reference]
    for order in range(2, 6):
        found, train_seconds, seconds = _kenlm(order, lines, plain)
        _print(f"kenlm {order}", found, train_size / train_seconds, size / seconds)


def _print(name: str, found: dict[str, npt.NDArray[np.float64]], train: float, measure: float) -> None:
    books, pages = found["books"], found["pages"]
    medians = f"{np.nanmedian(books):8.0f} {np.nanmedian(pages):8.0f}"
    print(f"{name:>12} {medians} {below(books, pages):7.3f} {train:11.1f} {measure:13.1f}")


def _plain(text: str) -> str:
    """Return the words that our models count, with spaces between them."""
    return " ".join("0" if word.isdigit() else word for word in words(text.lower(), "unicode") if word.isalnum())


def _kenlm(
    order: int, reference: Sequence[str], tested: dict[str, list[str]]
) -> tuple[dict[str, npt.NDArray[np.float64]], float, float]:
    """Return the perplexities by a model of kenlm, and the CPU seconds of training it and of measuring."""
    import kenlm

    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/model.arpa"
        command = ["lmplz", "-o", str(order), "-S", "1G", "-T", folder, "--discount_fallback", "--arpa", path]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, input="\n".join(reference).encode(), check=True, stderr=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        model = kenlm.Model(path)
    start = time.process_time()
    found = {name: np.array([_perplexity(model, text) for text in texts]) for name, texts in tested.items()}
    seconds = time.process_time() - start
    return found, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, seconds


def _perplexity(model: Scorer, text: str) -> float:
    count = text.count(" ") + 1 if text else 0
    return float(10 ** (-model.score(text, bos=True, eos=False) / count)) if count else float("nan")


def below(low: npt.NDArray[np.float64], high: npt.NDArray[np.float64]) -> float:
    """Return how probably a value of the first is lower than one of the second; ones without a value do not count."""
    low, high = np.sort(low[~np.isnan(low)]), high[~np.isnan(high)]
    return float(np.searchsorted(low, high).mean() / len(low))


if __name__ == "__main__":
    main()
