"""Two editions of manuals through deduplication: what is lost to whom, against the true similarity of all pairs.

    python benchmarks/dedup_editions.py FOLDER… [--peers]
    PREP_TEST_DATA=… python benchmarks/dedup_editions.py

Folders hold HTML pages, such as packages of Debian's manuals unpacked with `dpkg -x`: two editions of each manual. The
text of a page is what resiliparse makes of it, menus and all, since these are what links pages by transitivity. Without
folders, the pages are those of `data/docs`: the installation guide for two architectures, in 19 languages.

For each setting: documents lost; how many of these have a true Jaccard similarity (word 5-grams) below 0.8 and below
0.5 with the one kept in their place; the largest cluster; recall of pairs at or above 0.8, which is the share of these
of which not both are kept; pairs of equal sets of which both are kept; CPU seconds. datasketch is used as its
documentation shows: a document goes if the index of those kept finds any. datatrove is its four steps.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from dedup_quality import docs
from dedup_runs import Run, datatrove, ours
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import bytes_to_str, detect_encoding

from prep.corpus.arrow.columns import string_buffers
from prep.corpus.kernels import kernel
from prep.stages.dedup.minhash.minhash import MinHash
from prep.stages.dedup.minhash.minhash_kernels import shingle_sets

SETTINGS: Mapping[str, MinHash] = {
    "default": MinHash(audit=0),
    "verify_by: text": MinHash(audit=0, verify_by="text"),
    "verify: 0.75": MinHash(audit=0, verify=0.75),
    "verify: 0.9": MinHash(audit=0, verify=0.9),
    "threshold: 0.8": MinHash(audit=0, threshold=0.8),
    "keep: smallest_id": MinHash(audit=0, keep="smallest_id"),
    "transitive": MinHash(audit=0, clusters="transitive"),
    "transitive, verify: 0.8": MinHash(audit=0, clusters="transitive", verify=0.8),
}


class Truth(NamedTuple):
    """All pairs of documents of some similarity."""

    left: npt.NDArray[np.int64]
    right: npt.NDArray[np.int64]
    similarity: npt.NDArray[np.float64]

    def of(self, pairs: Sequence[tuple[int, int]]) -> npt.NDArray[np.float64]:
        """Return the similarity of pairs, 0 where it is too small to be listed."""
        found = dict(
            zip(zip(self.left.tolist(), self.right.tolist(), strict=True), self.similarity.tolist(), strict=True)
        )
        return np.array([found.get((min(pair), max(pair)), 0.0) for pair in pairs])


def all_pairs(texts: Sequence[str], least: float = 0.3) -> Truth:
    """Return all pairs at least so similar, by counting the shingles that each document shares with all others."""
    hashes, bounds = shingle_sets(*string_buffers(pa.array(texts, pa.large_string())), MinHash().shingling())
    owners = np.repeat(np.arange(len(texts)), np.diff(bounds))
    order = np.argsort(hashes, kind="stable")
    rows = _pairs(hashes, bounds, hashes[order], owners[order], least)
    return Truth(rows[:, 0].astype(np.int64), rows[:, 1].astype(np.int64), rows[:, 2])


@kernel
def _pairs(
    hashes: npt.NDArray[np.uint64],
    bounds: npt.NDArray[np.int64],
    rising: npt.NDArray[np.uint64],
    owners: npt.NDArray[np.int64],
    least: float,
) -> npt.NDArray[np.float64]:
    documents = len(bounds) - 1
    shared = np.zeros(documents, np.int64)
    found = np.empty((1024, 3), np.float64)
    count = 0
    for one in range(documents):
        for place in range(bounds[one], bounds[one + 1]):
            at = np.searchsorted(rising, hashes[place])
            while at < len(rising) and rising[at] == hashes[place]:
                shared[owners[at]] += 1
                at += 1
        for other in range(one + 1, documents):
            if shared[other]:
                together = bounds[one + 1] - bounds[one] + bounds[other + 1] - bounds[other] - shared[other]
                if shared[other] >= least * together:
                    if count == len(found):
                        larger = np.empty((2 * count, 3), np.float64)
                        larger[:count] = found
                        found = larger
                    found[count, 0], found[count, 1], found[count, 2] = one, other, shared[other] / together
                    count += 1
        shared[:] = 0
    return found[:count]


def manuals(folders: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the names and texts of the HTML pages below some folders."""
    names, texts = [], []
    for folder in folders:
        for path in sorted(path for path in Path(folder).rglob("*.html") if path.is_file() and not path.is_symlink()):
            body = path.read_bytes()
            names.append(str(path))
            texts.append(extract_plain_text(bytes_to_str(body, detect_encoding(body) or "utf-8"), main_content=False))
    return names, texts


def datasketch(names: Sequence[str], texts: Sequence[str]) -> Run:
    from datasketch import MinHash as Signature
    from datasketch import MinHashLSH

    start = time.process_time()
    hashes, bounds = shingle_sets(*string_buffers(pa.array(texts, pa.large_string())), MinHash().shingling())
    index, kept, empty = MinHashLSH(num_perm=112, params=(14, 8)), dict[str, str](), Signature(num_perm=112)
    for row, name in enumerate(names):
        signature = empty.copy()
        signature.update_batch([value.tobytes() for value in hashes[bounds[row] : bounds[row + 1]]])
        found = sorted(index.query(signature))
        if found:
            kept[name] = found[0]
        else:
            index.insert(name, signature)
    return Run(time.process_time() - start, kept, _groups(kept), Path())


def _groups(kept: Mapping[str, str]) -> set[frozenset[str]]:
    groups: dict[str, set[str]] = {}
    for one, other in kept.items():
        groups.setdefault(other, {other}).add(one)
    return {frozenset(group) for group in groups.values()}


def _with_keepers(run: Run) -> Run:
    """Return datatrove's run with the document of each cluster that was not removed."""
    left = {name: next(iter(group - run.kept.keys()), "") for group in run.clusters for name in group}
    return run._replace(kept={name: left.get(name, "") for name in run.kept})


def runs(names: Sequence[str], texts: Sequence[str], peers: bool) -> Iterator[tuple[str, Run]]:
    """Yield what each setting and peer does."""
    with tempfile.TemporaryDirectory() as folder:
        ours(MinHash(audit=0), names[:3], texts[:3], Path(folder, "first"))
        for number, (title, stage) in enumerate(SETTINGS.items()):
            yield title, ours(stage, names, texts, Path(folder, str(number)))
        if peers:
            yield "datasketch, 14 × 8", datasketch(names, texts)
            yield "datatrove, 14 × 8", _with_keepers(datatrove(5, 14, 8, names, texts, Path(folder, "datatrove")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", help="folders of HTML pages")
    parser.add_argument("--peers", action="store_true", help="datasketch and datatrove as well")
    options = parser.parse_args()
    names, texts = manuals(options.folders) if options.folders else docs(Path(os.environ["PREP_TEST_DATA"]))
    truth = all_pairs(texts)
    place = {name: number for number, name in enumerate(names)}
    near = truth.similarity >= 0.8
    print(f"{len(texts)} pages, {near.sum():,} pairs at or above 0.8, {(truth.similarity == 1).sum():,} equal")
    heads = ("lost", "below 0.8", "share", "below 0.5", "largest", "recall", "equal left", "CPU s")
    print(f"{'':26}" + "".join(f"{head:>12}" for head in heads))
    for title, run in runs(names, texts, options.peers):
        gone = np.isin(np.arange(len(names)), [place[name] for name in run.kept])
        true = truth.of([(place[one], place.get(other, place[one])) for one, other in run.kept.items()])
        both = ~gone[truth.left] & ~gone[truth.right]
        cells = [f"{gone.sum():,}", f"{(true < 0.8).sum():,}", f"{(true < 0.8).mean():.2%}", f"{(true < 0.5).sum():,}"]
        cells += [f"{max(map(len, run.clusters), default=1):,}", f"{1 - both[near].mean():.4f}"]
        cells += [f"{both[truth.similarity == 1].sum():,}", f"{run.seconds:.2f}"]
        print(f"{title:26}" + "".join(f"{cell:>12}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
