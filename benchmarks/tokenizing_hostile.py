"""Ten megabytes of one character, and ten against five: how long each engine takes, and whether the text comes back.

    PREP_TEST_DATA=… python benchmarks/tokenizing_hostile.py [--megabytes 10]

Nothing in such a text shows an engine where to cut, so that one whose cost is not linear in a piece's length shows. The
tokenizers are small ones of every kind, trained on real pages; byte-level BPE with each published pattern and with one
that only our own engine knows. Seconds are CPU seconds of encoding, the least of three, each of a length of its own,
since engines remember pieces. Costs of n log n, as of merging, give a ratio of 2.1.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from time import process_time

import pyarrow as pa
from samples import sample_of
from texts import pages

from prep.tokenizers.encoding.byte_level import PATTERNS
from prep.tokenizers.encoding.encode import Tokenizer, open_files
from prep.tokenizers.training.train import Kind, TokenizerSettings, train

UNITS = {
    "a letter": "a",
    "spaces": " ",
    "line feeds": "\n",
    "digits": "7",
    "punctuation": "-",
    "CJK": "中",
    "combining marks": "\u0301",
    "emoji": "👩",
    "zero bytes": "\0",
    "two letters": "ab",
    "apostrophes": "'s",
}
REPEATS = 3
OWN = r"\p{L}+|\p{N}{1,4}|[^\p{L}\p{N}]+"


def tokenizers(texts: list[str]) -> Iterator[tuple[str, Tokenizer]]:
    """Yield a tokenizer of each kind and pattern."""
    sample = sample_of(texts)
    for name, pattern in [*PATTERNS.items(), ("a pattern of our own", OWN)]:
        yield f"bpe, {name}", open_files(train(sample, TokenizerSettings("bpe", 4000, pattern=pattern)).files)
    kinds: tuple[Kind, ...] = ("sentencepiece_bpe", "sentencepiece_unigram")
    for kind in kinds:
        yield kind, open_files(train(sample, TokenizerSettings(kind, 4000, character_coverage=0.99)).files)


def seconds(tokenizer: Tokenizer, text: str) -> float:
    column = pa.array([text], pa.large_string())
    start = process_time()
    _, ids = tokenizer.encode_column(column)
    spent = process_time() - start
    if tokenizer.decode(ids.tolist()) != text:
        sys.exit(f"{text[:2]!r} does not come back")
    return spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, default=10)
    options = parser.parse_args()
    if "PREP_TEST_DATA" not in os.environ:
        sys.exit("PREP_TEST_DATA is not set; it names the folder of real web pages")
    texts = [text[:5000] for text in pages(Path(os.environ["PREP_TEST_DATA"], "web"))]
    print(f"{'':24} {'':16} {'seconds':>8} {'MB/s':>8} {'ratio':>8}")
    for title, tokenizer in tokenizers(texts):
        tokenizer.encode("load the engine, and compile its kernels " * 10)
        for name, unit in UNITS.items():
            count = int(options.megabytes * 1e6 / len(unit.encode()))
            half, whole = (
                min(seconds(tokenizer, unit * (count // part - number)) for number in range(REPEATS)) for part in (2, 1)
            )
            print(f"{title:24} {name:16} {whole:8.2f} {options.megabytes / whole:8.1f} {whole / half:8.2f}", flush=True)


if __name__ == "__main__":
    main()
