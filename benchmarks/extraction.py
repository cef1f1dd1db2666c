"""Main text of real pages: our engine against trafilatura and resiliparse, by page type, with pages per second.

    PREP_TEST_DATA=… python benchmarks/extraction.py [--folds 10] [--repeat 3]

Mean word F1 (bags of words in lower case) against the texts that people marked, over all pages and for each page type.
Our engine learns, so its figures are cross-validated: each page is judged by a model that saw no page of its registered
domain. The line `prep (as shipped)` is the model in the package, which has seen these very pages: its F1 tells how well
it fits them, nothing more. All engines start from the same bytes and decode them by the same rules; times are CPU
seconds on one core, the best of some runs, after a first page that compiles and loads.
"""

import argparse
import os
import sys
import time
from pathlib import Path

import numpy as np
from train_extraction import fit, label_page
from web_pages import Page, Score, folds, read_pages, word_score

from prep.stages.extract.content import Extractor
from prep.stages.extract.engine import main_text, open_engine
from prep.stages.extract.peers import open_resiliparse, open_trafilatura
from prep.stages.shared.charset.page import decode_page

KINDS = ("article", "documentation", "service", "forum", "product", "collection", "listing")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folds", type=int, default=10, help="parts of the domains for cross-validation (default 10)")
    parser.add_argument("--repeat", type=int, default=3, help="timed runs of the fast engines; the best counts")
    options = parser.parse_args()
    if "PREP_TEST_DATA" not in os.environ:
        sys.exit("PREP_TEST_DATA is not set; it names the folder of labelled pages")
    pages = read_pages(Path(os.environ["PREP_TEST_DATA"]) / "web")
    print(f"{len(pages)} pages, {sum(len(page.html) for page in pages) / len(pages) / 1000:.0f} kB each\n")
    print(f"{'':24} {'F1':>6} {'prec.':>6} {'recall':>6}", *(f"{kind[:8]:>8}" for kind in KINDS), f"{'pages/s':>9}")
    report("prep (cross-validated)", pages, cross_validated(pages, options.folds), None)
    engines: dict[str, tuple[Extractor, int]] = {
        "prep (as shipped)": (open_engine(), options.repeat),
        "resiliparse": (open_resiliparse(main_content=True), options.repeat),
        "trafilatura": (open_trafilatura("default", comments=True), 1),
        "trafilatura precision": (open_trafilatura("precision", comments=True), 1),
        "trafilatura recall": (open_trafilatura("recall", comments=True), 1),
        "trafilatura fast": (open_trafilatura("fast", comments=True), 1),
    }
    for name, (engine, repeat) in engines.items():
        texts, seconds = timed(engine, pages, repeat)
        scores = [word_score(text, page.gold) for text, page in zip(texts, pages, strict=True)]
        report(name, pages, scores, len(pages) / seconds)


def cross_validated(pages: list[Page], count: int) -> list[Score]:
    """Return the scores of pages by models that saw no page of their domains."""
    labelled = [label_page(page) for page in pages]
    fold = folds(pages, count)
    scores: dict[int, Score] = {}
    for out in range(count):
        model = fit([page for page, its in zip(labelled, fold, strict=True) if its != out])
        for place, its in enumerate(fold):
            if its == out:
                scores[place] = word_score(main_text(labelled[place].read, model), pages[place].gold)
    return [scores[place] for place in range(len(pages))]


def timed(engine: Extractor, pages: list[Page], repeat: int) -> tuple[list[str], float]:
    """Return the texts of pages, and the CPU seconds of the best of some runs."""
    engine(b"<p>first", None)
    seconds = []
    for _ in range(repeat):
        start = time.process_time()
        texts = [engine(decode_page(page.html, page.charset).text.encode(), page.url).text for page in pages]
        seconds.append(time.process_time() - start)
    return texts, min(seconds)


def report(name: str, pages: list[Page], scores: list[Score], speed: float | None) -> None:
    """Print the line of an engine."""
    means = np.array(scores).mean(axis=0)
    kinds = np.array([page.kind for page in pages])
    f1 = np.array([score.f1 for score in scores])
    by_kind = [f1[kinds == kind].mean() for kind in KINDS]
    rate = "" if speed is None else f"{speed:9.0f}"
    print(f"{name:24}", *(f"{mean:6.3f}" for mean in means), *(f"{mean:8.3f}" for mean in by_kind), rate, flush=True)


if __name__ == "__main__":
    main()
