"""MinHash signatures against datatrove's, datasketch's and rensa's, on the same documents and one core.

    PREP_TEST_DATA=… python benchmarks/dedup.py [--peer-megabytes 2] [--repeat 5]

Documents are the main text of real web pages and of the installation guide in many languages. Every side makes 112
hashes of word 5-grams: `prep` from text to band hashes (the tap of the stage `minhash`), datatrove from text to
signature (`get_shingles` and `get_signature`, without the files it then writes and sorts). datasketch and rensa have no
shingles of their own: they get them from `str.split` in Python, whose time is shown apart.

Last, deduplication as a whole, from texts to verdicts: the tap and all phases of `minhash` without the audit, against
datatrove's four steps (signatures, buckets, clusters, filter), on all documents.

datatrove's default hash is broken by xxhash 4, which takes no `str`; it runs with its other one, SHA-1. Peers get a
share of each source, `prep` all of it. Times are CPU seconds; compilation, loading and reading are not counted.

The peers and what they need: pip install -e '.[benchmarks]'
"""

import argparse
import importlib.util
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import dedup_runs
from texts import batches, megabytes, pages, share

from prep.stages.dedup.exact import Exact
from prep.stages.dedup.minhash.minhash import MinHash
from prep.stages.stage import Tap

NGRAM, BANDS, ROWS = 5, 14, 8
HASHES = BANDS * ROWS
Measured = dict[str, float]
"""CPU seconds per megabyte."""


def shingles(text: str) -> list[str]:
    words = text.lower().split()
    return [" ".join(words[at : at + NGRAM]) for at in range(len(words) - NGRAM + 1)]


def cpu(function: Callable[[], object]) -> float:
    start = time.process_time()
    function()
    return time.process_time() - start


def ours(texts: Sequence[str], repeat: int) -> Measured:
    """Measure the taps of both stages, the best of some runs."""
    taps: dict[str, Tap] = {"prep minhash": MinHash(ngram=NGRAM, bands=BANDS, rows=ROWS).tap()}
    taps |= {"prep exact": Exact().tap(), "prep exact, as it is": Exact(normalise="none").tap()}
    parts, size = batches(texts), megabytes(texts)
    measured = {}
    for name, tap in taps.items():
        function = tap.open()
        function(parts[0].slice(0, 1))
        measured[name] = min(cpu(lambda: [function(part) for part in parts]) for _ in range(repeat)) / size  # noqa: B023
    return measured


def datatrove(texts: Sequence[str]) -> Measured:
    from datatrove.pipeline.dedup import MinhashDedupSignature
    from datatrove.pipeline.dedup.minhash import HashConfig, MinhashConfig

    hashing = HashConfig(precision=64, hash_fc="sha1")
    step = MinhashDedupSignature("memory://signatures", MinhashConfig(NGRAM, BANDS, ROWS, hash_config=hashing))
    step.get_signature(step.get_shingles("This loads the words' tokenizer of the peer."))
    sign = cpu(lambda: [step.get_signature(found) for text in texts if len(found := step.get_shingles(text))])
    return {"datatrove": sign / megabytes(texts)}


def datasketch(texts: Sequence[str]) -> Measured:
    from datasketch import MinHash as Signature

    found = [[shingle.encode() for shingle in shingles(text)] for text in texts]
    empty = Signature(num_perm=HASHES)
    return _with_shingles("datasketch", texts, cpu(lambda: [empty.copy().update_batch(document) for document in found]))


def rensa(texts: Sequence[str]) -> Measured:
    from rensa import RMinHash

    found = [shingles(text) for text in texts]
    return _with_shingles("rensa", texts, cpu(lambda: [RMinHash(HASHES, 1).update(document) for document in found]))


def _with_shingles(name: str, texts: Sequence[str], seconds: float) -> Measured:
    size = megabytes(texts)
    split = cpu(lambda: [shingles(text) for text in texts])
    return {name: (split + seconds) / size, f"{name}, shingles given": seconds / size}


def whole(texts: Sequence[str]) -> None:
    """Compare deduplication from texts to verdicts: tap and phases without the audit, and peers' pipelines."""
    ids = [str(number) for number in range(len(texts))]
    with tempfile.TemporaryDirectory() as here, tempfile.TemporaryDirectory() as there:
        stage = MinHash(ngram=NGRAM, bands=BANDS, rows=ROWS, audit=0)
        dedup_runs.ours(stage, ids[:2], texts[:2], Path(here, "first"))
        mine = dedup_runs.ours(stage, ids, texts, Path(here))
        theirs = dedup_runs.datatrove(NGRAM, BANDS, ROWS, ids, texts, Path(there))
    peers = {"datatrove": (theirs.seconds, len(theirs.kept))}
    peers["rensa"] = dedup_runs.rensa(shingles, BANDS, ROWS, texts)
    if importlib.util.find_spec("gaoya"):
        peers["gaoya"] = dedup_runs.gaoya(NGRAM, BANDS, ROWS, texts)
    print(f"whole deduplication of {len(texts)} documents, CPU seconds (documents removed):")
    print(f"prep {mine.seconds:.2f} ({len(mine.kept)})")
    for name, (seconds, removed) in peers.items():
        print(f"{name} {seconds:.1f} ({removed}): {seconds / mine.seconds:.0f} times")


def table(title: str, measured: Measured) -> None:
    print(f"\n{title}\n{'':28}{'s per MB':>10}{'MB/s':>10}{'times prep':>12}")
    for name, seconds in measured.items():
        print(f"{name:28}{seconds:10.4f}{1 / seconds:10.2f}{seconds / measured['prep minhash']:12.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-megabytes", type=float, default=2, help="text that a peer gets, in all (default 2)")
    parser.add_argument("--repeat", type=int, default=5, help="runs of this project's taps; the best counts")
    options = parser.parse_args()
    if "PREP_TEST_DATA" not in os.environ:
        sys.exit("PREP_TEST_DATA is not set; it names the folder of real web pages")
    missing = [name for name in ("spacy", "rensa") if importlib.util.find_spec(name) is None]
    if missing:
        sys.exit(f"not installed: {', '.join(missing)}; pip install -e '.[benchmarks]'")
    for source in ("web", "docs"):
        texts = pages(Path(os.environ["PREP_TEST_DATA"]) / source)
        some = share(texts, options.peer_megabytes / 2)
        measured: Measured = {}
        for peer in (datatrove, datasketch, rensa):
            measured |= peer(some)
        title = (
            f"{source}: {len(texts)} documents, {megabytes(texts):.2f} MB; peers {len(some)}, {megabytes(some):.2f} MB"
        )
        table(title, measured | ours(texts, options.repeat))
        whole(texts)


if __name__ == "__main__":
    main()
