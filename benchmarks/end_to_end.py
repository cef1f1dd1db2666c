"""From web archives to deduplicated documents: the whole chain against datatrove's, on the same pages, in CPU seconds.

    PREP_TEST_DATA=… python benchmarks/end_to_end.py [--languages en|all]

Both sides read the WARC files of the real web pages and of the installation guide, extract the text, identify the
language, apply Gopher's repetition and quality rules, C4's and FineWeb's, and deduplicate by MinHash (14 bands of 8
rows, word 5-grams): FineWeb's recipe without its URL lists. datatrove runs it as its example does, with trafilatura;
`prep` with its defaults. One worker each, in a process of its own; CPU seconds are those of that process and all below
it, start-up and imports included. Compiled kernels lie in the cache after a first run that is not counted.

datatrove's own dependencies: pip install -e '.[benchmarks]'
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import yaml

SOURCES = ("web", "docs")
PEER_TIMEOUT = 30
"""Seconds for a page; datatrove gives it one by the clock, so that a busy machine would lose pages at random."""
PEER_LANGUAGE = {"en": ["en"], "all": None}


def prep_pipeline(data: Path, output: Path, languages: str, sources: Sequence[str] = SOURCES) -> dict[str, object]:
    """Return the pipeline as `prep` reads it."""
    keep = ["en"] if languages == "en" else []
    return {
        "output": str(output),
        "workers": 1,
        "stages": [
            {"read": {"paths": [str(data / source / "*.warc.gz") for source in sources]}},
            "extract",
            {"language": {"keep": keep, "threshold": 0.65}},
            "signals",
            "clean_lines",
            {"quality": {"recipe": "fineweb"}},
            "minhash",
        ],
    }


def run_prep(data: Path, output: Path, languages: str) -> dict[str, int]:
    """Run `prep` and return the documents that each stage kept."""
    output.mkdir(parents=True, exist_ok=True)
    pipeline = output / "pipeline.yaml"
    pipeline.write_text(yaml.safe_dump(prep_pipeline(data, output, languages)))
    subprocess.run([str(Path(sys.executable).with_name("prep")), "run", str(pipeline)], check=True, stdout=sys.stderr)
    ledger = json.loads((output / "ledger.json").read_text())
    return {stage["name"]: stage["kept"] for stage in ledger["stages"]}


def run_datatrove(data: Path, output: Path, languages: str, sources: Sequence[str] = SOURCES) -> dict[str, int]:
    """Run datatrove's chain and return the documents that each step kept."""
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup import MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
    from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupBuckets
    from datatrove.pipeline.extractors import Trafilatura
    from datatrove.pipeline.filters import (
        C4QualityFilter,
        FineWebQualityFilter,
        GopherQualityFilter,
        GopherRepetitionFilter,
    )
    from datatrove.pipeline.readers import JsonlReader, WarcReader
    from datatrove.pipeline.writers import JsonlWriter
    from datatrove.utils.hashing import HashConfig
    from loguru import logger

    logger.remove()
    pages = output / "pages"
    for source in sources:
        for path in (data / source).glob("*.warc.gz"):
            (pages / source).mkdir(parents=True, exist_ok=True)
            (pages / source / path.name).symlink_to(path)
    # xxhash 4 refuses the str that datatrove hands to it.
    config = MinhashConfig(hash_config=HashConfig(precision=64, hash_fc="sha1"), num_buckets=14, hashes_per_bucket=8)
    steps = [
        [
            WarcReader(str(pages), glob_pattern="*/*.warc.gz"),
            Trafilatura(favour_precision=True, timeout=PEER_TIMEOUT),
            language_filter(PEER_LANGUAGE[languages]),
            GopherRepetitionFilter(),
            GopherQualityFilter(),
            C4QualityFilter(filter_no_terminal_punct=False),
            FineWebQualityFilter(),
            JsonlWriter(str(output / "filtered")),
        ],
        [JsonlReader(str(output / "filtered")), MinhashDedupSignature(str(output / "signatures"), config)],
        [MinhashDedupBuckets(str(output / "signatures"), str(output / "buckets"), config=config)],
        [MinhashDedupCluster(str(output / "buckets"), str(output / "removed"), config=config)],
        [
            JsonlReader(str(output / "filtered")),
            MinhashDedupFilter(str(output / "removed")),
            JsonlWriter(str(output / "documents")),
        ],
    ]
    tasks = [1, 1, config.num_buckets, 1, 1]
    kept: dict[str, int] = {}
    for number, (step, count) in enumerate(zip(steps, tasks, strict=True)):
        executor = LocalPipelineExecutor(step, tasks=count, workers=1, logging_dir=str(output / f"logs{number}"))
        stats = executor.run()
        kept |= {item.name: int(item.stats["forwarded"].total) for item in stats.stats if "forwarded" in item.stats}
    return kept


def language_filter(languages: list[str] | None) -> object:
    """Return datatrove's language filter on the model of this machine: its own is fetched from the network."""
    from datatrove.data import Document
    from datatrove.pipeline.filters import LanguageFilter
    from datatrove.utils import _import_utils
    from fasttext.FastText import _FastText

    from prep.stages.language.model import find_model

    model = _FastText(find_model("")).f

    class LocalModel:
        def predict(self, document: Document) -> tuple[tuple[str, float], dict[str, float]]:
            # As datatrove's, but for the layer of fastText that fails on NumPy 2.
            found = model.predict(document.text.replace("\n", " ") + "\n", -1, 0.0, "strict")
            scores = {label.split("__")[2]: score for score, label in found}
            best = max(scores.items(), key=lambda item: item[1])
            return best, {code: scores.get(code, 0.0) for code in languages} if languages else scores

    _import_utils._is_distribution_available = lambda name: True  # it insists on another wheel of fastText
    chosen = LanguageFilter(languages)
    chosen.model = LocalModel()
    return chosen


SIDES: dict[str, Callable[[Path, Path, str], dict[str, int]]] = {"datatrove": run_datatrove, "prep": run_prep}


def measured(side: str, languages: str) -> tuple[float, dict[str, int]]:
    """Run one side in a process of its own; return its CPU seconds and the documents that its steps kept."""
    with tempfile.TemporaryDirectory() as folder:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, __file__, "--side", side, "--languages", languages, "--output", folder]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--languages", choices=list(PEER_LANGUAGE), default="en", help="languages to keep (default en)")
    parser.add_argument("--side", choices=list(SIDES), help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if "PREP_TEST_DATA" not in os.environ:
        sys.exit("PREP_TEST_DATA is not set; it names the folder of real web pages")
    if options.side:
        data = Path(os.environ["PREP_TEST_DATA"]).resolve()
        print(json.dumps(SIDES[options.side](data, options.output / "out", options.languages)))
        shutil.rmtree(options.output / "out")
        return
    measured("prep", options.languages)
    seconds = {}
    for side in SIDES:
        seconds[side], kept = measured(side, options.languages)
        print(f"\n{side}: {seconds[side]:.1f} CPU seconds")
        for name, documents in kept.items():
            print(f"  {name:<24} {documents:>6,} documents")
    print(f"\ndatatrove / prep: {seconds['datatrove'] / seconds['prep']:.1f}")


if __name__ == "__main__":
    main()
