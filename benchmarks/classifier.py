"""A classifier trained on real text: books against pages full of boilerplate, judged on texts held out, twice.

    PREP_TEST_DATA=… python benchmarks/classifier.py

Positive are pieces of 17 books of about 2,000 characters, cut between paragraphs. Negative is all text of 302 real web
pages of seven kinds, menus and notices included, in pieces of the same size. Prints the card of the first training,
whether the second one gives the same bytes, and the speed of the stage beside that of the fastText library on the
texts of both sides (CPU seconds; compilation and loading not counted).
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import fasttext
import orjson
import pyarrow as pa
from fastwarc import ArchiveIterator, WarcRecordType
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import bytes_to_str, detect_encoding
from texts import books, megabytes

from prep.pipeline.commands.classifier import print_card
from prep.pipeline.reports.terminal import Terminal
from prep.stages.classifier.examples import Examples
from prep.stages.classifier.training import CARD, MODEL, ClassifierSettings, train
from prep.stages.shared.fasttext.classifier import TextClassifier
from prep.stages.shared.fasttext.file_format import read_classifier

PIECE = 2000


def pieces(text: str) -> Iterator[str]:
    """Yield a text in pieces of about so many characters, cut between lines."""
    held: list[str] = []
    for line in text.splitlines():
        held.append(line)
        if sum(map(len, held)) >= PIECE:
            yield "\n".join(held)
            held = []
    if held:
        yield "\n".join(held)


def whole_pages(folder: Path) -> Iterator[str]:
    """Yield all text of each page in a folder of WARC files."""
    for path in sorted(folder.glob("*.warc.gz")):
        with path.open("rb") as stream:
            for record in ArchiveIterator(stream, record_types=WarcRecordType.response):
                body = record.reader.read()
                yield extract_plain_text(bytes_to_str(body, detect_encoding(body) or "utf-8"))


def main() -> None:
    if "PREP_TEST_DATA" not in os.environ:
        sys.exit("PREP_TEST_DATA is not set; it names the folder of real web pages and books")
    data = Path(os.environ["PREP_TEST_DATA"])
    texts = {
        "positive": [piece for book in books(data / "books") for piece in pieces(book)],
        "negative": [piece for page in whole_pages(data / "web") for piece in pieces(page)],
    }
    with tempfile.TemporaryDirectory() as folder:
        examples = {}
        for label, column in texts.items():
            path = Path(folder, f"{label}.jsonl")
            path.write_bytes(b"\n".join(orjson.dumps({"text": text}) for text in column))
            examples[label] = Examples(paths=str(path))
        outputs = [Path(folder, name) for name in ("first", "second")]
        for output in outputs:
            start = time.process_time()
            card = train(ClassifierSettings(output=str(output), examples=examples))
            print(f"{output.name} training: {time.process_time() - start:.1f} s of CPU")
        print_card(Terminal(width=140), card)
        for name in (MODEL, CARD):
            same = len({output.joinpath(name).read_bytes() for output in outputs}) == 1
            print(f"{name} of both trainings: {'the same bytes' if same else 'DIFFERENT'}")
        speed(str(outputs[0] / MODEL), [text for column in texts.values() for text in column])


def speed(model: str, texts: list[str]) -> None:
    """Print the speed of the kernels and of the library, and how often both choose the same label."""
    classifier, library = TextClassifier(read_classifier(model)), fasttext.FastText._FastText(model).f
    column = pa.array(texts, pa.large_string())
    classifier.probabilities(column[:1])
    start = time.process_time()
    best = classifier.probabilities(column).argmax(axis=1)
    fast = time.process_time() - start
    start = time.process_time()
    theirs = [library.predict(text.replace("\n", " ") + "\n", 1, 0.0, "strict")[0][1] for text in texts]
    slow = time.process_time() - start
    same = sum(f"__label__{classifier.labels[a]}" == b for a, b in zip(best, theirs, strict=True)) / len(texts)
    size = megabytes(texts)
    print(f"scoring {size:.1f} MB: {size / fast:.1f} MB/s, library {size / slow:.1f} MB/s; same label {same:.2%}")


if __name__ == "__main__":
    main()
