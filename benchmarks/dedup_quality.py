"""What near deduplication finds: planted pairs, the theory, peers on the same documents, two editions of a book.

    PREP_TEST_DATA=… python benchmarks/dedup_quality.py [--figure curve.svg] [--pairs 2000]

1. The planted pairs of `data/dedup`: recall and precision by threshold.
2. Pairs of real articles of known Jaccard similarity, made by exchanging sentences' worth of words: how many match,
   against 1 − (1 − s^rows)^bands. The figure shows both.
3. `data/docs` with the same settings by datasketch (given the same shingles) and by datatrove (its own words): pairs
   that one finds directly and the other does not, by their true similarity.
4. The amd64 and i386 editions in `data/docs`: which pages pair up, and why the others do not.
"""

import argparse
import os
import tempfile
from collections.abc import Iterable, Sequence
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from dedup_runs import Run, components, datatrove, ours
from fastwarc import ArchiveIterator, WarcRecordType
from texts import pages

from prep.corpus.arrow.columns import string_buffers
from prep.stages.dedup.minhash.banding import Banding
from prep.stages.dedup.minhash.minhash import MinHash
from prep.stages.dedup.minhash.minhash_kernels import shingle_sets
from prep.stages.dedup.taps import band_column
from prep.stages.shared.matching.sketch_kernels import jaccard

BINS = np.arange(0, 1.05, 0.1)


def true_similarities(texts: Sequence[str], pairs: Sequence[tuple[int, int]]) -> npt.NDArray[np.float64]:
    """Return the Jaccard similarity of the sets of word 5-grams of pairs of texts."""
    data, offsets = string_buffers(pa.array(texts, pa.large_string()))
    hashes, bounds = shingle_sets(data, offsets, MinHash().shingling())
    sides = []
    for side in zip(*pairs, strict=True):
        pieces = [hashes[bounds[text] : bounds[text + 1]] for text in side]
        sides += [np.concatenate(pieces), np.cumsum([0, *map(len, pieces)])]
    return jaccard(*sides)


def planted(data: Path) -> None:
    print("\nplanted pairs: documents removed with the right one kept")
    print(
        f"{'threshold':>10}{'bands × rows':>15}{'planted':>9}{'found':>7}{'removed':>9}{'recall':>8}{'precision':>11}"
    )
    for size in ("1000", "2500"):
        lines = (data / f"dedup/articles_{size}.train").read_text().splitlines()
        ids, texts = zip(*(line.split(" ", 1) for line in lines), strict=True)
        truth = {frozenset(line.split()) for line in (data / f"dedup/articles_{size}.truth").read_text().splitlines()}
        for threshold in (0.3, 0.5, 0.7, 0.8, 0.9, 0.95):
            stage = MinHash(threshold=threshold, hashes=128, audit=0)
            with tempfile.TemporaryDirectory() as folder:
                run = ours(stage, ids, texts, Path(folder))
            found = {frozenset(pair) for pair in run.kept.items()}
            right, banding = len(found & truth), f"{stage.banding.bands} × {stage.banding.rows}"
            precision = right / len(found) if found else 1
            cells = (f"{threshold:.2f}", banding, len(truth), right, len(found), f"{right / len(truth):.2f}")
            print("".join(f"{cell:>13}" for cell in (*cells, f"{precision:.2f}")))


def known_pairs(data: Path, count: int) -> tuple[list[str], list[str]]:
    """Return pairs of texts that share a rising part of an article, the rest of each being another article's."""
    rng = np.random.default_rng(0)
    lines = (data / "dedup/articles_2500.train").read_text().splitlines()
    words = [line.split(" ", 1)[1].split() for line in lines]
    sides: tuple[list[str], list[str]] = ([], [])
    for _ in range(count):
        own, other, third = (words[index] for index in rng.choice(len(words), 3, replace=False))
        shared = round(len(own) * rng.random() ** 0.5)
        rest = round((len(own) - shared) * rng.random())
        sides[0].append(" ".join([*own[:shared], *other[:rest]]))
        sides[1].append(" ".join([*own[:shared], *third[:rest]]))
    return sides


def curve(data: Path, count: int, figure: str | None) -> None:
    left, right = known_pairs(data, count)
    pairs = [(number, number + count) for number in range(count)]
    true = true_similarities([*left, *right], pairs)
    batch = pa.record_batch({"id": [""] * 2 * count, "text": pa.array([*left, *right], pa.large_string())})
    measured = {}
    print(f"\nmeasured match probability of {count} pairs of known similarity, against the theory")
    print(f"{'bands × rows':>14}{'similarity':>14}{'pairs':>7}{'matched':>9}{'expected':>10}{'deviations':>12}")
    for banding in (Banding(14, 8), Banding(20, 5), Banding(9, 13)):
        table = MinHash(bands=banding.bands, rows=banding.rows).tap().open()(batch)
        bands = np.stack([table.column(band_column(band)).to_numpy() for band in range(banding.bands)])
        agree = (bands[:, :count] == bands[:, count:]).any(axis=0)
        points = []
        for low, high in pairwise(BINS.tolist()):
            inside = (true >= low) & (true < high)
            if not inside.any():
                continue
            expected = np.array([banding.match_probability(similarity) for similarity in true[inside].tolist()])
            deviation = np.sqrt((expected * (1 - expected)).sum())
            score = (agree[inside].sum() - expected.sum()) / deviation if deviation > 0.5 else 0.0
            points.append((true[inside].mean(), agree[inside].mean()))
            print(
                f"{f'{banding.bands} × {banding.rows}':>14}{f'{low:.1f}–{high:.1f}':>14}{inside.sum():7}"
                f"{agree[inside].mean():9.3f}{expected.mean():10.3f}{score:12.1f}"
            )
        measured[banding] = points
    if figure:
        _draw(measured, figure)


def _draw(measured: dict[Banding, list[tuple[float, float]]], figure: str) -> None:
    from matplotlib.figure import Figure

    canvas = Figure((6, 4), layout="constrained")
    axes = canvas.subplots()
    steps = np.linspace(0, 1, 201)
    for banding, points in measured.items():
        label = f"{banding.bands} bands of {banding.rows}"
        (line,) = axes.plot(steps, [banding.match_probability(step) for step in steps.tolist()], label=label)
        axes.plot(*zip(*points, strict=True), "o", color=line.get_color())
    axes.set(xlabel="Jaccard similarity of word 5-grams", ylabel="probability of a match")
    axes.legend(title="theory (line), measured (dots)")
    canvas.savefig(figure)
    print(f"figure: {figure}")


def docs(data: Path) -> tuple[list[str], list[str]]:
    names: list[str] = []
    for path in sorted((data / "docs").glob("*.warc.gz")):
        with path.open("rb") as stream:
            records = ArchiveIterator(stream, record_types=WarcRecordType.response)
            names.extend(record.headers["WARC-Target-URI"].split("/", 3)[3] for record in records)
    return names, pages(data / "docs")


def direct(bands: npt.NDArray[np.uint64]) -> set[tuple[int, int]]:
    """Return the pairs of documents that agree in a band (bands × documents)."""
    found = set()
    for band in bands:
        order = np.argsort(band, kind="stable")
        for run in np.split(order, np.flatnonzero(np.diff(band[order])) + 1):
            found |= set(combinations(sorted(run.tolist()), 2))
    return found


def _datasketch(texts: Sequence[str]) -> set[tuple[int, int]]:
    from datasketch import MinHash as Signature

    data, offsets = string_buffers(pa.array(texts, pa.large_string()))
    hashes, bounds = shingle_sets(data, offsets, MinHash().shingling())
    signed = np.empty((len(texts), 112), np.uint64)
    empty = Signature(num_perm=112)
    for row in range(len(texts)):
        signature = empty.copy()
        signature.update_batch([value.tobytes() for value in hashes[bounds[row] : bounds[row + 1]]])
        signed[row] = signature.hashvalues
    keys = np.empty((14, len(texts)), np.uint64)
    for band in range(14):
        piece = np.ascontiguousarray(signed[:, 8 * band : 8 * band + 8])
        keys[band] = np.unique(piece, axis=0, return_inverse=True)[1].reshape(-1)
    return direct(keys)


def peers(names: Sequence[str], texts: Sequence[str]) -> None:
    stage = MinHash(audit=0)
    table = stage.tap().open()(pa.record_batch({"id": list(names), "text": pa.array(texts, pa.large_string())}))
    mine = direct(np.stack([table.column(band_column(band)).to_numpy() for band in range(14)]))
    theirs = _datasketch(texts)
    either = sorted(mine | theirs)
    true = true_similarities(texts, either)
    print(f"\ndata/docs, {len(texts)} pages, 14 × 8: pairs found directly by this project and by datasketch")
    print(f"{'similarity':>12}{'both':>9}{'only here':>11}{'only there':>12}{'expected to differ':>20}")
    for low, high in pairwise(BINS.tolist()):
        inside = [number for number, value in enumerate(true) if low <= value < high or value == high == 1]
        both = sum(either[number] in mine and either[number] in theirs for number in inside)
        here = sum(either[number] in mine and either[number] not in theirs for number in inside)
        chances = [stage.banding.match_probability(float(true[number])) for number in inside]
        differ = sum(2 * chance * (1 - chance) / (1 - (1 - chance) ** 2) for chance in chances if chance > 0)
        print(f"{f'{low:.1f}–{high:.1f}':>12}{both:9}{here:11}{len(inside) - both - here:12}{differ:20.0f}")
    with tempfile.TemporaryDirectory() as folder:
        here_run = ours(stage, names, texts, Path(folder))
    names_of = [(names[one], names[other]) for one, other in theirs]
    _compare("datasketch", here_run, components(set(names_of)))
    with tempfile.TemporaryDirectory() as folder:
        there = datatrove(5, 14, 8, names, texts, Path(folder))
    _compare("datatrove (words of spaCy, its own normalisation)", here_run, there.clusters)


def _compare(peer: str, here: Run, there: set[frozenset[str]]) -> None:
    same = here.clusters & there
    print(f"\nclusters: here {len(here.clusters)}, {peer} {len(there)}, the same {len(same)}; that differ:")
    _list("only here ", here.clusters - there)
    _list("only there", there - here.clusters)


def _list(title: str, groups: Iterable[frozenset[str]]) -> None:
    for group in sorted(groups, key=lambda group: (-len(group), sorted(group)))[:8]:
        names = sorted(group)
        print(f"  {title} {len(group):4}: {', '.join(names[:3])}{', …' if len(names) > 3 else ''}")


def editions(names: Sequence[str], texts: Sequence[str]) -> None:
    place = {name: number for number, name in enumerate(names)}
    pairs = [(number, place.get(f"i386{name[5:]}", -1)) for name, number in place.items() if name.startswith("amd64/")]
    pairs = [(one, other) for one, other in pairs if other >= 0]
    true = true_similarities(texts, pairs)
    with tempfile.TemporaryDirectory() as folder:
        run = ours(MinHash(audit=0), names, texts, Path(folder))
    head = {name: run.kept.get(name, name) for name in names}
    together = np.array([head[names[one]] == head[names[other]] for one, other in pairs])
    print(
        f"\neditions: {len(pairs)} pages have both, {len(names) - 2 * len(pairs)} only one; {together.sum()} pair up, "
        f"{(~together).sum()} do not"
    )
    print(f"{'similarity':>12}{'pages':>8}{'pair up':>9}{'expected':>10}")
    for low, high in pairwise(BINS.tolist()):
        inside = (true >= low) & ((true < high) | (high > 0.99))
        if inside.any():
            expected = sum(Banding(14, 8).match_probability(value) for value in true[inside].tolist())
            print(f"{f'{low:.1f}–{high:.1f}':>12}{inside.sum():8}{together[inside].sum():9}{expected:10.0f}")
    for number in np.flatnonzero(~together).tolist():
        chance = Banding(14, 8).match_probability(float(true[number]))
        name, words = names[pairs[number][0]], len(texts[pairs[number][0]].split())
        print(f"  apart: {name}, {words} words, similarity {true[number]:.3f}, found with probability {chance:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--figure", help="where to draw the match probability (svg, png or pdf)")
    parser.add_argument("--pairs", type=int, default=2000, help="pairs of known similarity (default 2000)")
    options = parser.parse_args()
    data = Path(os.environ["PREP_TEST_DATA"])
    planted(data)
    curve(data, options.pairs, options.figure)
    names, texts = docs(data)
    editions(names, texts)
    peers(names, texts)


if __name__ == "__main__":
    main()
