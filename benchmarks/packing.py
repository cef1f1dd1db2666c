"""How full rows get, how many documents are cut, and how many pieces a second are packed.

    PREP_TEST_DATA=… python benchmarks/packing.py [--documents 1000000]

Lengths are those of real documents in GPT-2's tokens: the main text of web pages and of the installation guide in many
languages, and books. For the speed the same lengths are drawn again and again, in random order, until there are enough
documents. Speed is in million pieces per CPU second: of packing alone, and with the order of the pieces. A document is
cut needlessly where it would have fitted into one row. TRL's `bfd` crops what is longer than a row.
"""

import argparse
import os
import sys
import time
from pathlib import Path
from typing import NamedTuple

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from texts import books, pages
from tokenizers import ByteLevelBPETokenizer

from prep.stages.pack.packing_kernels import Integers
from prep.stages.pack.placement_kernels import arrange
from prep.stages.pack.plan import END_TO_END, Packing, Strategy, pack

LENGTHS = (512, 2048, 8192)
STRATEGIES: tuple[Strategy, ...] = ("best_fit", "concatenate", "one_per_row")
WINDOWS = (1_000, 10_000, 100_000)


def token_counts(data: Path) -> Integers:
    """Return the tokens of each document, with a separator (documents)."""
    folder = data / "tokenizers"
    tokenizer = ByteLevelBPETokenizer(str(folder / "gpt2-encoder.json"), str(folder / "gpt2-vocab.bpe"))
    texts = [*pages(data / "web"), *pages(data / "docs"), *books(data / "books")]
    documents = [text for text in texts if text.strip()]
    return np.array([len(encoding) + 1 for encoding in tokenizer.encode_batch(documents)], np.int64)


class Packed(NamedTuple):
    """What packing gave."""

    documents: Integers
    """(pieces)"""
    rows: int
    packing: float
    """CPU seconds of packing."""
    whole: float
    """CPU seconds, with the order of the pieces."""


def timed(tokens: Integers, packing: Packing) -> Packed:
    """Pack documents of so many tokens, a window at a time where the strategy has windows."""
    window = packing.window if packing.strategy == "best_fit" else END_TO_END
    documents, rows, spent, whole = [], 0, 0.0, 0.0
    for first in range(0, len(tokens), window):
        start = time.process_time()
        packed, starts, _, row_of_piece, count = pack(tokens[first : first + window], packing)
        spent += time.process_time() - start
        arrange(row_of_piece, starts, count)
        whole += time.process_time() - start
        documents.append(first + packed)
        rows += count
    return Packed(np.concatenate(documents), rows, spent, whole)


def trl_rows(tokens: Integers, length: int) -> tuple[int, int, float]:
    """Pack with TRL's `bfd`, and return its rows, the tokens that are left, and its million documents per second."""
    from trl.data_utils import pack_dataset

    datasets.disable_progress_bars()
    lists = pa.LargeListArray.from_arrays(np.cumsum([0, *tokens]), pa.array(np.zeros(tokens.sum(), np.int32)))
    dataset = datasets.Dataset(pa.table({"input_ids": lists})).with_format("arrow")
    start = time.process_time()
    packed = pack_dataset(dataset, length, strategy="bfd", map_kwargs={"keep_in_memory": True})
    took = time.process_time() - start
    return (
        len(packed),
        int(pc.sum(pc.list_value_length(packed.data.column("input_ids"))).as_py()),
        len(tokens) / took / 1e6,
    )


def report(title: str, tokens: Integers) -> None:
    print(f"\n{title}: {len(tokens):,} documents, {tokens.sum():,} tokens, median {int(np.median(tokens)):,}")
    print(
        f"{'length':>7} {'strategy':>12} {'window':>8} {'rows':>9} {'utilisation':>12} {'cut':>7} {'needlessly':>11} "
        f"{'lost':>7} {'pack, M/s':>10} {'plan, M/s':>10}"
    )
    for length in LENGTHS:
        for strategy in STRATEGIES:
            for window in WINDOWS if strategy == "best_fit" else WINDOWS[:1]:
                packed = timed(tokens, Packing(strategy, length, 1, window, crop=False))
                cut = np.bincount(packed.documents) > 1
                short = cut & (tokens <= length)
                pieces = len(packed.documents)
                print(
                    f"{length:7,} {strategy:>12} {f'{window:,}' if strategy == 'best_fit' else '':>8} {packed.rows:9,} "
                    f"{tokens.sum() / (packed.rows * length):12.3%} {cut.mean():7.1%} {short.mean():11.1%} {0:7.1%} "
                    f"{pieces / packed.packing / 1e6:10.1f} {pieces / packed.whole / 1e6:10.1f}"
                )
        if len(tokens) < 100_000:
            rows, left, speed = trl_rows(tokens, length)
            print(
                f"{length:7,} {'TRL bfd':>12} {'':>8} {rows:9,} {left / (rows * length):12.3%} {0:7.1%} {0:11.1%} "
                f"{1 - left / tokens.sum():7.1%} {speed:10.2f}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=1_000_000, help="documents for the speed (default 1,000,000)")
    options = parser.parse_args()
    if "PREP_TEST_DATA" not in os.environ:
        sys.exit("PREP_TEST_DATA is not set; it names the folder of real web pages and books")
    tokens = token_counts(Path(os.environ["PREP_TEST_DATA"]))
    for strategy in STRATEGIES:
        timed(tokens[:100], Packing(strategy, 512, 1, 10, crop=False))  # compiles
    report("web, docs and books as they are", tokens)
    report("their lengths drawn again", np.random.default_rng(0).choice(tokens, options.documents))


if __name__ == "__main__":
    main()
