"""The four quality filters against datatrove's four, one after the other, on the same documents and one core.

    PREP_TEST_DATA=… python benchmarks/quality.py [--peer-megabytes 3] [--repeat 3]

Documents are the main text of real web pages and of the installation guide in many languages, and books. On both
sides they go through the filters as in a pipeline (datatrove keeps the words of the last documents, so its second
filter profits), but no filter drops one, so that each sees them all. Both sides get the same share of each source.
datatrove splits words with spaCy: pip install -e '.[benchmarks]'
Times are CPU seconds; compilation, loading and reading are not counted.
"""

import argparse
import importlib.util
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from texts import batches, books, megabytes, pages, share

from prep.stages.quality.quality import C4, FineWeb, GopherQuality, GopherRepetition
from prep.stages.stage import RowStage

Seconds = dict[str, float]
STAGES: tuple[RowStage, ...] = (GopherRepetition(), GopherQuality(), C4(), FineWeb())
"""In the order of FineWeb's recipe."""


def ours(texts: Sequence[str], repeat: int) -> Seconds:
    """Return the CPU seconds of each stage, the best of some runs."""
    functions = {stage.name: stage.open() for stage in STAGES}
    parts = batches(texts)
    for function in functions.values():
        function(parts[0].slice(0, 1))
    runs = []
    for _ in range(repeat):
        seconds = dict.fromkeys(functions, 0.0)
        for part in parts:
            batch = part
            for name, function in functions.items():
                start = time.process_time()
                batch = function(batch).batch
                seconds[name] += time.process_time() - start
        runs.append(seconds)
    return min(runs, key=lambda seconds: sum(seconds.values()))


def theirs(texts: Sequence[str]) -> Seconds:
    """Return the CPU seconds of each of datatrove's filters."""
    from datatrove.data import Document
    from datatrove.pipeline.filters import (
        C4QualityFilter,
        FineWebQualityFilter,
        GopherQualityFilter,
        GopherRepetitionFilter,
    )

    peers = {
        GopherRepetition.name: GopherRepetitionFilter(),
        GopherQuality.name: GopherQualityFilter(),
        C4.name: C4QualityFilter(filter_no_terminal_punct=False),
        FineWeb.name: FineWebQualityFilter(),
    }
    peers[GopherQuality.name].filter(Document(text="Loads the tokenizer.", id=""))
    seconds = dict.fromkeys(peers, 0.0)
    for text in texts:
        document = Document(text=text, id="")
        for name, peer in peers.items():
            start = time.process_time()
            peer.filter(document)
            seconds[name] += time.process_time() - start
    return seconds


def table(title: str, size: float, peer: Seconds, own: Seconds) -> None:
    print(f"\n{title}: {size:.2f} MB")
    print(f"{'filter':20} {'datatrove s':>12} {'MB/s':>8} {'prep s':>10} {'MB/s':>8} {'ratio':>8}")
    rows = [(name, peer[name], own[name]) for name in peer]
    for name, slow, fast in [*rows, ("all four in a row", sum(peer.values()), sum(own.values()))]:
        print(f"{name:20} {slow:12.2f} {size / slow:8.2f} {fast:10.4f} {size / fast:8.1f} {slow / fast:8.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-megabytes", type=float, default=3, help="text that the peer gets, in all (default 3)")
    parser.add_argument("--repeat", type=int, default=3, help="runs of this project's filters; the best counts")
    options = parser.parse_args()
    if "PREP_TEST_DATA" not in os.environ:
        sys.exit("PREP_TEST_DATA is not set; it names the folder of real web pages and books")
    if importlib.util.find_spec("spacy") is None:
        sys.exit("datatrove's filters split words with spaCy, which is not installed; pip install -e '.[benchmarks]'")
    data = Path(os.environ["PREP_TEST_DATA"])
    sources = {"web": pages(data / "web"), "docs": pages(data / "docs"), "books": books(data / "books")}

    all_peer = dict.fromkeys((stage.name for stage in STAGES), 0.0)
    all_own, all_size = dict(all_peer), 0.0
    for name, texts in sources.items():
        subset = share(texts, options.peer_megabytes / len(sources))
        peer, own, size = theirs(subset), ours(subset, options.repeat), megabytes(subset)
        table(f"{name}, {len(subset)} of {len(texts)} documents", size, peer, own)
        all_peer = {key: all_peer[key] + peer[key] for key in all_peer}
        all_own = {key: all_own[key] + own[key] for key in all_own}
        all_size += size
    table("all of these", all_size, all_peer, all_own)

    print("\nprep on all documents, the four in a row")
    for name, texts in sources.items():
        size, seconds = megabytes(texts), sum(ours(texts, options.repeat).values())
        print(f"{name:20} {size:8.2f} MB {seconds:8.3f} s {size / seconds:8.1f} MB/s")


if __name__ == "__main__":
    main()
