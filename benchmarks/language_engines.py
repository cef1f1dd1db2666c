"""Engines that identify languages, side by side: accuracy by letter case on three sets, and speed.

    PREP_TEST_DATA=… python benchmarks/language_engines.py [--manpages DIR] [--per-language 40]

Sets: sentences in 75 languages (Leipzig corpora); news articles in 16 languages by their publishers; and, with
`--manpages`, paragraphs of Debian's translated manual pages (`apt-get download manpages-de …; dpkg -x … DIR`), by the
folder that they lie in. A label is right where it means the same (`prep.stages.shared.languages`): `nb` for `no`,
`hbs` for `hr`. Texts are as written, in lower case, in capitals, and with a capital in each word. The share of
right answers is a mean over languages, so that large ones do not decide. Times are CPU seconds for texts as written,
without loading. Engines that are not installed are left out.
"""

import argparse
import gzip
import json
import os
import re
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from prep.corpus.errors import ConfigurationError
from prep.stages.language.engines import NAMES, Engine, FastText, library_engine
from prep.stages.language.model import read_model
from prep.stages.shared.languages import related_codes

Texts = Mapping[str, Sequence[str]]
"""Texts by language."""
CASES: Mapping[str, Callable[[str], str]] = {
    "as written": str,
    "lower": str.lower,
    "upper": str.upper,
    "title": str.title,
}


def sentences(data: Path) -> Texts:
    """Return the sentences by language."""
    table = pq.read_table(data / "language" / "sentences.parquet")
    found = defaultdict(list)
    for language, text in zip(*(table.column(name).to_pylist() for name in ("language", "text")), strict=True):
        found[language].append(text)
    return found


def news(data: Path) -> Texts:
    """Return the articles by language."""
    found = defaultdict(list)
    for row in map(json.loads, (data / "news" / "gold.jsonl").read_text().splitlines()):
        if row["language"] != "?":
            found[row["language"]].append(row["text"])
    return found


def manual_pages(folder: Path) -> Texts:
    """Return paragraphs of manual pages by language, without markup."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted(folder.glob("**/man/*/man*/*.gz")):
        language = path.parts[-3].partition("_")[0].partition(".")[0]
        if len(found[language]) < 400 and path.stat().st_size > 400:
            found[language] += paragraphs(gzip.decompress(path.read_bytes()).decode("utf-8", "replace"))
    return found


def paragraphs(source: str) -> Iterator[str]:
    """Yield what stands between two requests of troff, if it is long enough to be prose."""
    for piece in re.split(r"^[.'].*\n", source, flags=re.M):
        text = re.sub(r"\\f.|\\[-&|^ ]|\\\([a-z]{2}|\\[*]?\[[^\]]*\]", "", piece).strip()
        if len(text) >= 80 and "\\" not in text:
            yield text


def engines() -> Iterator[tuple[str, Engine]]:
    """Yield the engines that are installed."""
    yield "lid.176", FastText(read_model(""))
    for name in NAMES:
        try:
            yield name, library_engine(name)
        except ConfigurationError as error:
            print(error, file=sys.stderr)


def accuracy(codes: Sequence[str | None], right: Sequence[str]) -> float:
    """Return the mean over languages of the share of right labels."""
    by_language = defaultdict(list)
    for code, truth in zip(codes, right, strict=True):
        by_language[truth].append(code is not None and truth in related_codes(code))
    return float(np.mean([np.mean(hits) for hits in by_language.values()]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manpages", type=Path, help="folder of unpacked manpages packages")
    parser.add_argument("--per-language", type=int, default=40, help="texts of each language at most (default 40)")
    options = parser.parse_args()
    if "PREP_TEST_DATA" not in os.environ:
        sys.exit("PREP_TEST_DATA is not set; it names the folder of real sentences and pages")
    data = Path(os.environ["PREP_TEST_DATA"])
    sets = {"sentences": sentences(data), "news": news(data)}
    if options.manpages:
        sets["manual pages"] = manual_pages(options.manpages)
    print(f"{'set':14}{'engine':10}", *(f"{case:>11}" for case in CASES), f"{'MB/s':>8}")
    for name, texts in sets.items():
        pairs = [(language, text) for language, found in texts.items() for text in found[: options.per_language]]
        right = [language for language, _ in pairs]
        size = sum(len(text.encode()) for _, text in pairs) / 1e6
        print(f"{name}: {len(pairs)} texts in {len(texts)} languages, {size:.2f} MB")
        for label, engine in engines():
            shares = []
            for case, change in CASES.items():
                column = pa.array([change(text) for _, text in pairs], pa.large_string())
                engine.identify(column.slice(0, 20))
                start = time.process_time()
                shares.append(accuracy(engine.identify(column).codes, right))
                if case == "as written":
                    seconds = time.process_time() - start
            print(f"{'':14}{label:10}", *(f"{share:11.1%}" for share in shares), f"{size / seconds:8.1f}", flush=True)


if __name__ == "__main__":
    main()
