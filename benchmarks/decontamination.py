"""Decontamination against datatrove's: GSM8K's questions in five disguises, false positives, and speed on one core.

    PREP_TEST_DATA=… python benchmarks/decontamination.py [--peer-megabytes 2] [--repeat 3]

Each of GSM8K's 1,319 test questions is planted in the middle of a document of its own, as it is and in five disguises:
broken into lines of 40 columns, in upper case, with more punctuation, in full-width forms, and as items of an HTML
list. Clean text is the main text of the installation guide in 19 languages, and 17 books, all older than GSM8K. Both
sides look for n-grams of as many words, 13. datatrove's index is written as its indexer does, which itself needs
lighteval, with SHA-1 in place of xxhash, whose version 4 breaks it. Times are CPU seconds; compilation, indexing and
reading are not counted. Rates are those of the tap; the phases, which read no text, depend on what is found.
"""

import argparse
import os
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from texts import batches, books, megabytes, pages, share

from prep.corpus.arrow.documents import write_table
from prep.corpus.files.storage import write_arrow
from prep.stages.decontaminate.decontaminate import Decontaminate
from prep.stages.decontaminate.evaluation_sets import EvaluationSet
from prep.stages.upstream import GlobalContext, Upstream

NGRAM = 13
SET = "gsm8k"


def full_width(text: str) -> str:
    """Return the text with all ASCII characters but white space in their full-width forms."""
    return "".join(chr(ord(mark) + 0xFEE0) if "!" <= mark <= "~" else mark for mark in text)


def more_punctuation(text: str) -> str:
    """Return the text with marks after its words."""
    marks = (",", " --", "!?", " …", ";")
    return " ".join(f"“{word}”{marks[index % len(marks)]}" for index, word in enumerate(text.split()))


def html_list(text: str) -> str:
    """Return the text as a list with an item for each sentence."""
    items = "\n".join(f"  <li>{item.strip()}</li>" for item in text.replace("’", "&rsquo;").split(". ") if item)
    return f"<ul>\n{items}\n</ul>"


DISGUISES: Mapping[str, Callable[[str], str]] = {
    "as it is": str,
    "40 columns": lambda text: textwrap.fill(text, 40),
    "upper case": str.upper,
    "punctuation": more_punctuation,
    "full width": full_width,
    "HTML list": html_list,
}


class Datatrove:
    """The peer's filter with an index of some texts."""

    def __init__(self, texts: list[str], folder: str) -> None:
        from datatrove.pipeline.decont.n_grams import NGramsDecontConfig, NGramsDecontFilter
        from datatrove.utils.hashing import HashConfig
        from datatrove.utils.text import ngrams, simplify_text

        config = NGramsDecontConfig(n_grams=NGRAM, hash_config=HashConfig(hash_fc="sha1"))
        self._filter = NGramsDecontFilter(folder, config)
        hashes = set[int]()
        for text in texts:
            words = self._filter.tokenizer.word_tokenize(simplify_text(text, config.norm_config))
            hashes.update(self._filter.hash_func(" ".join(ngram)) for ngram in ngrams(words, NGRAM))
        np.array(sorted(hashes), config.hash_config.np_descr).tofile(Path(folder, f"{SET}.index.hashes"))

    def contaminated(self, texts: list[str]) -> tuple[int, float]:
        """Return how many texts are contaminated, and the CPU seconds that took."""
        from datatrove.data import Document

        self._filter.filter(Document(text="Loads the tokenizer.", id=""))
        start = time.process_time()
        found = sum(self._filter.filter(Document(text=text, id="")) is not True for text in texts)
        return found, time.process_time() - start


class Ours:
    """The stage with GSM8K's questions: the tap, and the phases on what it found."""

    def __init__(self, path: Path) -> None:
        self._stage = Decontaminate(sets={SET: EvaluationSet(path=str(path), columns=("question",))}, ngram=NGRAM)
        self._extract = self._stage.tap().open()

    def run(self, texts: list[str], repeat: int = 1) -> tuple[list[int], pa.Table, float, float]:
        """Return the rows of contaminated texts, the findings, and CPU seconds of tap (the best run) and phases."""
        parts = batches(texts)
        self._extract(parts[0].slice(0, 1))
        seconds = []
        for _ in range(repeat):
            start = time.process_time()
            tables = [self._extract(part) for part in parts]
            seconds.append(time.process_time() - start)
        with tempfile.TemporaryDirectory() as folder:
            part, tap = f"{folder}/part.parquet", f"{folder}/tap.arrow"
            documents = pa.Table.from_batches(parts)
            ids = pa.array(map(str, range(len(texts))), pa.string())
            write_table(part, documents.set_column(documents.schema.get_field_index("id"), "id", ids))
            write_arrow(tap, pa.Table.from_batches(tables))
            context = GlobalContext(Upstream((part,), (tap,)), f"{folder}/output", f"{folder}/scratch")
            start = time.process_time()
            phases = self._stage.phases(1)
            verdicts = [self._stage.run(phase.name, task, context) for phase in phases for task in range(phase.tasks)]
            phases_seconds = time.process_time() - start
            (found,) = (one for one in verdicts if one is not None)
            return found.rows.tolist(), read_findings(context), min(seconds), phases_seconds


def read_findings(context: GlobalContext) -> pa.Table:
    """Return what was found."""
    return pq.read_table(f"{context.output}/findings/00000.parquet")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-megabytes", type=float, default=2, help="clean text that the peer gets (default 2)")
    parser.add_argument("--repeat", type=int, default=3, help="runs of this project's stage; the best counts")
    options = parser.parse_args()
    if "PREP_TEST_DATA" not in os.environ:
        sys.exit("PREP_TEST_DATA is not set; it names the folder of evaluation sets, web pages and books")
    data = Path(os.environ["PREP_TEST_DATA"])
    path = data / "decontamination" / "gsm8k-test.jsonl"
    questions = [orjson.loads(line)["question"] for line in path.read_bytes().splitlines()]
    clean = {"installation guide": pages(data / "docs"), "books": books(data / "books")}
    hosts = [book[at : at + 600] for book in clean["books"] for at in range(2000, len(book) - 1200, 1200)]

    ours = Ours(path)
    with tempfile.TemporaryDirectory() as folder:
        peer = Datatrove(questions, folder)
        print(f"{len(questions)} questions, each in a document of its own")
        print(f"{'disguise':20} {'prep':>8} {'right item':>11} {'datatrove':>10}")
        for name, disguise in DISGUISES.items():
            texts = [f"{hosts[2 * n]}\n{disguise(text)}\n{hosts[2 * n + 1]}" for n, text in enumerate(questions)]
            rows, findings, _, _ = ours.run(texts)
            found = {(int(row["id"]), row["item"]) for row in findings.to_pylist()}
            right = sum((number, number) in found for number in range(len(questions)))
            documents = len(rows)
            print(f"{name:20} {documents:8} {right:11} {peer.contaminated(texts)[0]:10}")

        print(f"\n{'clean text':20} {'MB':>8} {'found':>8} {'MB/s':>8} {'datatrove MB':>13} {'found':>8} {'MB/s':>8}")
        for name, texts in clean.items():
            rows, _, seconds, phases = ours.run(texts, options.repeat)
            found_clean = len(rows)
            some = share(texts, options.peer_megabytes)
            found_peer, slow = peer.contaminated(some)
            size, small = megabytes(texts), megabytes(some)
            figures = (
                f"{size:8.2f} {found_clean:8} {size / seconds:8.1f} {small:13.2f} {found_peer:8} {small / slow:8.3f}"
            )
            print(f"{name:20} {figures}   ratio {slow / small * size / seconds:.0f}, phases {phases:.2f} s")


if __name__ == "__main__":
    main()
