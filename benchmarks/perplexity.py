"""Perplexity by n-gram models of books: how well it separates unseen books from web pages, and its speed on one core.

    PREP_TEST_DATA=… python benchmarks/perplexity.py

For each order, a model is trained on 14 of 17 books and measures pieces of about 2,000 characters of the other three
and of the whole text of 302 web pages, menus included. `below` is the probability that a piece of a book has a lower
perplexity than a piece of a page (the area under the curve). Times are CPU seconds; compilation is not counted.
"""

import os
import sys
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from classifier import pieces, whole_pages
from texts import books, megabytes

from prep.stages.perplexity.ngram_model import NgramModel

HELD_OUT = slice(None, None, 6)


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
    print(f"{'order':>5} {'books':>8} {'pages':>8} {'below':>7} {'train MB/s':>11} {'measure MB/s':>13}")
    for order in range(1, 6):
        NgramModel([columns["books"][:1]], order, 1 << 20, "unicode").perplexities(columns["books"][:1])
        start = time.process_time()
        model = NgramModel([pa.array(reference, pa.large_string())], order, 1 << 30, "unicode")
        trained = time.process_time()
        found = {name: model.perplexities(column) for name, column in columns.items()}
        measured = time.process_time()
        medians = (np.nanmedian(found[name]) for name in ("books", "pages"))
        speeds = f"{train_size / (trained - start):11.1f} {size / (measured - trained):13.1f}"
        print(
            f"{order:5} {next(medians):8.0f} {next(medians):8.0f} {below(found['books'], found['pages']):7.3f} {speeds}"
        )


def below(low: npt.NDArray[np.float64], high: npt.NDArray[np.float64]) -> float:
    """Return how probably a value of the first is lower than one of the second; ones without a value do not count."""
    low, high = np.sort(low[~np.isnan(low)]), high[~np.isnan(high)]
    return float(np.searchsorted(low, high).mean() / len(low))


if __name__ == "__main__":
    main()
