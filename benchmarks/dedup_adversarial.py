"""Corpora that broke other deduplications: bounded time and memory, and clusters that make sense.

    python benchmarks/dedup_adversarial.py [--scale 1.0]

- 200,000 pages of one template: each has 120 words of the template and 20 of its own, some of them shared in chains,
  so that clusters grow by transitivity; with transitive clusters, and with verified ones.
- A million identical short documents, and a hundred thousand empty ones.
- One document of 100 MB, and a copy of it that lacks its last tenth.

Each case runs in a process of its own; memory is what it holds beyond the texts, apart from mapped files.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from dedup_runs import ours
from dedup_scale import Memory

from prep.stages.dedup.deduplication import Deduplication
from prep.stages.dedup.exact import Exact
from prep.stages.dedup.minhash.minhash import MinHash

Texts = Callable[[float], list[str]]


def words(seed: int, count: int) -> str:
    return " ".join(f"w{value}" for value in np.random.default_rng(seed).integers(0, 10**6, count))


def templated(scale: float) -> list[str]:
    menu, foot = words(1, 60), words(2, 60)
    own = [words(1000 + page // 2, 10) for page in range(round(200_000 * scale) + 1)]
    return [f"{menu} {own[page]} {own[page + 1]} {foot}" for page in range(len(own) - 1)]


def identical(scale: float) -> list[str]:
    return ["Page not found."] * round(1_000_000 * scale)


def empty(scale: float) -> list[str]:
    return [" \n" * (page % 3) for page in range(round(100_000 * scale))]


def huge(scale: float) -> list[str]:
    text = words(3, round(12_700_000 * scale))
    return [text, text[: len(text) // 10 * 9], words(4, 100)]


CASES: Mapping[str, tuple[Texts, Deduplication]] = {
    "templated, transitive": (templated, MinHash(keep="smallest_id", clusters="transitive")),
    "templated, verified": (templated, MinHash(keep="smallest_id")),
    "templated, verified at 0.7": (templated, MinHash(keep="smallest_id", verify=0.7)),
    "templated, by their texts": (templated, MinHash(keep="smallest_id", verify_by="text")),
    "templated, exact": (templated, Exact()),
    "identical": (identical, MinHash()),
    "identical, exact": (identical, Exact()),
    "empty": (empty, MinHash()),
    "100 MB document": (huge, MinHash()),
}


def measure(case: str, scale: float) -> dict[str, object]:
    make, stage = CASES[case]
    texts = make(scale)
    ids = [f"page-{number:07d}" for number in range(len(texts))]
    watch = Memory()
    watch.start()
    before = watch.now()
    watch.peak = before
    with tempfile.TemporaryDirectory() as folder:
        run = ours(stage, ids, texts, Path(folder))
    sizes = Counter(run.kept.values())
    largest = max(sizes.values(), default=0) + 1
    megabytes = sum(map(len, texts)) / 1e6
    result = {"documents": len(texts), "MB": megabytes, "seconds": run.seconds, "memory": watch.peak - before}
    return {**result, "removed": len(run.kept), "clusters": len(sizes), "largest": largest}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="share of each corpus (default 1)")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        print(json.dumps(measure(options.case, options.scale)))
        return
    heads = ("documents", "MB", "CPU s", "memory GiB", "removed", "clusters", "largest")
    print(f"{'':28}" + "".join(f"{head:>12}" for head in heads))
    for case in CASES:
        command = [sys.executable, __file__, "--case", case, "--scale", str(options.scale)]
        row = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        cells = [f"{row['documents']:,}", f"{row['MB']:.0f}", f"{row['seconds']:.1f}", f"{row['memory'] / 2**30:.2f}"]
        cells += [f"{row[name]:,}" for name in ("removed", "clusters", "largest")]
        print(f"{case:28}" + "".join(f"{cell:>12}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
