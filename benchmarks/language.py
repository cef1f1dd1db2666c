"""Language identification against the fastText library on the same model: accuracy, agreement and speed on one core.

    PREP_TEST_DATA=… python benchmarks/language.py [--model PATH] [--repeat 5]

Accuracy on 200 sentences in each of 75 languages, as the share of sentences whose label is right: over all of them, and
over those in languages that the model knows. Agreement on whole documents: the pages of the installation guide in 19
languages, the web pages and the books. Both sides read whole texts; times are CPU seconds, the best of some runs,
compilation and loading not counted. The library is called through its binding, since its Python layer fails on NumPy 2.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import fasttext
import pyarrow as pa
import pyarrow.parquet as pq
from texts import books, megabytes, pages

from prep.stages.language.codes import language_codes
from prep.stages.language.model import find_model
from prep.stages.shared.fasttext.classifier import TextClassifier
from prep.stages.shared.fasttext.file_format import LABEL, read_classifier

Labels = list[str]


def best(function: Callable[[], Labels], repeat: int) -> tuple[Labels, float]:
    """Return what a function returns, and its CPU seconds in the best of some runs."""
    seconds = []
    for _ in range(repeat):
        start = time.process_time()
        labels = function()
        seconds.append(time.process_time() - start)
    return labels, min(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="", help="a fastText classifier (default: lid.176, wherever it lies)")
    parser.add_argument("--repeat", type=int, default=5, help="runs; the best counts (default 5)")
    options = parser.parse_args()
    if "PREP_TEST_DATA" not in os.environ:
        sys.exit("PREP_TEST_DATA is not set; it names the folder of real sentences and pages")
    data = Path(os.environ["PREP_TEST_DATA"])
    path = find_model(options.model)
    classifier, library = TextClassifier(read_classifier(path)), fasttext.FastText._FastText(path).f
    codes = language_codes(classifier.labels)
    code_of = dict(zip(classifier.labels, codes, strict=True))

    def ours(texts: pa.Array) -> Labels:
        return [codes[label] for label in classifier.probabilities(texts).argmax(axis=1)]

    def theirs(texts: list[str]) -> Labels:
        found = [library.predict(text.replace("\n", " ") + "\n", 1, 0.0, "strict")[0][1] for text in texts]
        return [code_of[label.removeprefix(LABEL)] for label in found]

    sentences = pq.read_table(data / "language" / "sentences.parquet")
    right = sentences.column("language").to_pylist()
    samples = {
        "sentences": sentences.column("text").to_pylist(),
        "guide": pages(data / "docs"),
        "web": pages(data / "web"),
        "books": books(data / "books"),
    }
    columns = ("texts", "MB", "library s", "MB/s", "prep s", "MB/s", "ratio", "same")
    print(f"{'':10}", *(f"{name:>9}" for name in columns))
    for name, texts in samples.items():
        column = pa.array(texts, pa.large_string())
        ours(column)
        mine, fast = best(lambda column=column: ours(column), options.repeat)  # type: ignore[misc]
        other, slow = best(lambda texts=texts: theirs(texts), options.repeat)  # type: ignore[misc]
        size = megabytes(texts)
        same = sum(a == b for a, b in zip(mine, other, strict=True)) / len(texts)
        figures = (slow, size / slow, fast, size / fast, slow / fast)
        print(f"{name:10} {len(texts):9} {size:9.2f}", *(f"{figure:9.2f}" for figure in figures), f"{same:9.3%}")
        if name == "sentences":
            accuracies = [
                accuracy(labels, right, known) for labels in (mine, other) for known in (set(right), set(codes))
            ]
    print("\naccuracy on sentences            all  known languages")
    print(f"prep                      {accuracies[0]:10.2%} {accuracies[1]:16.2%}")
    print(f"library                   {accuracies[2]:10.2%} {accuracies[3]:16.2%}")


def accuracy(labels: Labels, right: Labels, languages: set[str]) -> float:
    """Return the share of right labels among the sentences in some languages."""
    judged = [(label, truth) for label, truth in zip(labels, right, strict=True) if truth in languages]
    return sum(label == truth for label, truth in judged) / len(judged)


if __name__ == "__main__":
    main()
