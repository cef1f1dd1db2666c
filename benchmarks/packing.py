"""How full rows get, how many documents are cut, and how many pieces a second are packed.

    PREP_TEST_DATA=… python benchmarks/packing.py [--documents 1000000]

Lengths are those of real documents in GPT-2's tokens: the main text of web pages and of the installation guide in many
languages, and books. For the speed the same lengths are drawn again and again, in random order, until there are enough
documents. Speed is in million pieces per CPU second: of packing alone, and of the plan with the shuffle and the order
of the pieces. A document is cut needlessly where it would have fitted into one row.
"""

import argparse
import os
import sys
import time
from pathlib import Path

import numpy as np
from texts import books, pages
from tokenizers import ByteLevelBPETokenizer

from prep.stages.pack.pack_kernels import Integers, arrange
from prep.stages.pack.plan import Packing, Pieces, Strategy, pack

LENGTHS = (512, 2048, 8192)
STRATEGIES: tuple[Strategy, ...] = ("best_fit", "concatenate")
WINDOWS = (1_000, 10_000)


def token_counts(data: Path) -> Integers:
    """Return the tokens of each document, with a separator (documents)."""
    folder = data / "tokenizers"
    tokenizer = ByteLevelBPETokenizer(str(folder / "gpt2-encoder.json"), str(folder / "gpt2-vocab.bpe"))
    texts = [*pages(data / "web"), *pages(data / "docs"), *books(data / "books")]
    documents = [text for text in texts if text.strip()]
    return np.array([len(encoding) + 1 for encoding in tokenizer.encode_batch(documents)], np.int64)


def timed(tokens: Integers, packing: Packing) -> tuple[Pieces, int, float, float]:
    """Return the pieces, the rows, and the CPU seconds of packing and of the whole plan."""
    start = time.process_time()
    pieces, rows = pack(tokens, packing)
    packed = time.process_time()
    arrange(pieces.rows, pieces.starts, np.random.default_rng(0).permutation(rows))
    return pieces, rows, packed - start, time.process_time() - start


def report(title: str, tokens: Integers) -> None:
    print(f"\n{title}: {len(tokens):,} documents, {tokens.sum():,} tokens, median {int(np.median(tokens)):,}")
    print(
        f"{'length':>7} {'strategy':>12} {'window':>7} {'rows':>9} {'utilisation':>12} {'cut':>7} {'needlessly':>11} "
        f"{'pack, M/s':>10} {'plan, M/s':>10}"
    )
    for length in LENGTHS:
        for strategy in STRATEGIES:
            for window in WINDOWS if strategy == "best_fit" else WINDOWS[:1]:
                pieces, rows, packing, whole = timed(tokens, Packing(strategy, length, 1, window))
                cut = np.bincount(pieces.documents) > 1
                short = cut & (tokens <= length)
                print(
                    f"{length:7,} {strategy:>12} {window if strategy == 'best_fit' else '':>7} {rows:9,} "
                    f"{tokens.sum() / (rows * length):12.3%} {cut.mean():7.1%} {short.mean():11.1%} "
                    f"{len(pieces.rows) / packing / 1e6:10.1f} {len(pieces.rows) / whole / 1e6:10.1f}"
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=1_000_000, help="documents for the speed (default 1,000,000)")
    options = parser.parse_args()
    if "PREP_TEST_DATA" not in os.environ:
        sys.exit("PREP_TEST_DATA is not set; it names the folder of real web pages and books")
    tokens = token_counts(Path(os.environ["PREP_TEST_DATA"]))
    for strategy in STRATEGIES:
        timed(tokens[:100], Packing(strategy, 512, 1, 10))  # compiles
    report("web, docs and books as they are", tokens)
    report("their lengths drawn again", np.random.default_rng(0).choice(tokens, options.documents))


if __name__ == "__main__":
    main()
