"""Classifiers over signals and over text on the same labels: in folds, and by the number of labels.

    PREP_TEST_DATA=… python benchmarks/signal_classifier.py

Folds: good are pieces of 17 books of about 3,000 characters, the articles and documentation pages of `web-more`, and
pages of Debian's installation guide in English; bad are its listings, collections and product pages. All pages go
through `extract` and `signals` of a run. Pieces of a book, pages of a host and the guide are in the same fold. Prints
the area under the ROC curve of logistic regression and trees over the signals, and of fastText over the texts.

Curve: pieces of 600 characters of books against those of all web pages, 50 to 5,000 of each to train on, and 1,000 of
each held out: area under the curve and calibration error. CPU seconds are of training alone.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from texts import books
from web_pages import read_pages

from prep.pipeline.cli import main as prep
from prep.stages.classifier.examples import Examples
from prep.stages.classifier.signal_examples import SignalClassifierSettings, labelled_signals
from prep.stages.classifier.signal_training import fitted, folds
from prep.stages.classifier.training import ClassifierSettings, area_under_curve, evaluate, train
from prep.stages.shared.fasttext.classifier import TextClassifier
from prep.stages.shared.fasttext.file_format import read_classifier

GOOD, BAD = ("article", "documentation"), ("listing", "collection", "product")
CURVE = (50, 200, 1000, 3000, 5000)
HELD_OUT, PIECE = 1000, 600

Flags = npt.NDArray[np.bool_]
Scores = npt.NDArray[np.float32]


def run(folder: Path, stages: Sequence[object]) -> pa.Table:
    """Run a pipeline, and return its documents."""
    path = folder / "pipeline.yaml"
    path.write_bytes(orjson.dumps({"output": str(folder / "run"), "workers": 1, "stages": list(stages)}))
    sys.argv = ["prep", "run", str(path)]
    try:
        prep()
    except SystemExit as error:
        if error.code:
            raise
    return pq.read_table(folder / "run" / "documents")


def write_lines(path: Path, rows: Sequence[dict[str, str]]) -> str:
    """Write a file of JSON lines, and return its path."""
    path.write_bytes(b"\n".join(map(orjson.dumps, rows)))
    return str(path)


def labelled_pages(data: Path, folder: Path) -> pa.Table:
    """Return documents with signals, `kind` and `group`."""
    parts = [
        {"id": f"{book}-{number}", "text": piece}
        for book, text in enumerate(books(data / "books"))
        for number, piece in enumerate(list(cut(text, 3000))[5:25])
    ]
    sources = [
        {"name": "pages", "paths": str(data / "web-more" / "*.warc.gz")},
        {"name": "books", "paths": write_lines(folder / "books.jsonl", parts)},
        {"name": "guide", "paths": str(data / "docs" / "installation-guide-0.warc.gz")},
    ]
    documents = run(folder, [{"read": {"sources": sources}}, "extract", "signals"])
    kind_of = {
        orjson.loads(line)["url"]: orjson.loads(line)["page_type"]
        for line in (data / "web-more" / "gold.jsonl").read_bytes().splitlines()
    }
    site_of = {page.url: page.site for page in read_pages(data, "web-more")}
    kinds: list[str | None] = []
    groups: list[str] = []
    for row in documents.select(["id", "url", "source"]).to_pylist():
        if row["source"] == "books":
            kinds.append("book")
            groups.append(row["id"].partition("-")[0])
        elif row["source"] == "guide":
            kinds.append("guide" if "/en/" in row["url"] else None)
            groups.append(row["url"])
        else:
            kinds.append(kind_of.get(row["url"]))
            groups.append(site_of.get(row["url"], row["url"]))
    columns = {"kind": pa.array(kinds, pa.string()), "group": pa.array(groups, pa.string())}
    for name, column in columns.items():
        documents = documents.append_column(name, column)
    return documents


def cut(text: str, size: int) -> Iterator[str]:
    """Yield a text in pieces of about so many characters, cut between lines."""
    held: list[str] = []
    for line in text.splitlines():
        held.append(line)
        if sum(map(len, held)) >= size:
            yield "\n".join(held)
            held = []


def settings(documents: Path, kind: str, **options: object) -> SignalClassifierSettings:
    given = {"output": "unused", "documents": str(documents), "column": "kind", "kind": kind, **options}
    return SignalClassifierSettings.model_validate(given)


def text_scores(folder: Path, texts: Sequence[str], positive: Flags, out: Flags) -> Scores:
    """Train fastText on the texts that are not held out, and return the probabilities of those that are."""
    examples = {}
    for name, side in (("positive", True), ("negative", False)):
        rows = [{"text": texts[row]} for row in np.flatnonzero((positive == side) & ~out).tolist()]
        examples[name] = Examples(paths=write_lines(folder / f"{name}.jsonl", rows))
    card = train(ClassifierSettings(output=str(folder / "model"), examples=examples, held_out=0.02))
    assert card["model"]
    classifier = TextClassifier(read_classifier(str(folder / "model" / "model.bin")))
    held = pa.array([texts[row] for row in np.flatnonzero(out).tolist()], pa.large_string())
    return np.nan_to_num(classifier.probabilities(held)[:, classifier.labels.index("positive")])


def in_folds(folder: Path, documents: pa.Table) -> None:
    path = folder / "labelled" / "0.parquet"
    path.parent.mkdir()
    pq.write_table(documents, path)
    given = {"positive": ["book", "guide", *GOOD], "negative": list(BAD), "fold_by": "group"}
    data = labelled_signals(settings(path, "logistic", **given))
    kinds = documents.column("kind").to_pylist()
    used = [row for row, kind in enumerate(kinds) if kind in (*GOOD, *BAD, "book", "guide")]
    texts = [str(documents.column("text")[row]) for row in used]
    print(f"{data.positive.sum():,} good and {(~data.positive).sum():,} bad documents, {len(data.features)} signals")
    fold = folds(data.positive, data.groups, 5)
    for kind in ("logistic", "trees", "fastText over the texts"):
        scores, areas, start = np.zeros(len(fold), np.float32), [], time.process_time()
        for number in range(5):
            out = fold == number
            if kind.startswith("fastText"):
                scores[out] = text_scores(folder, texts, data.positive, out)
            else:
                scores[out] = fitted(settings(path, kind, **given), data, ~out).probabilities(data.values[:, out])
            areas.append(area_under_curve(data.positive[out], scores[out]) or 0)
        report(kind, data.positive, scores, time.process_time() - start, areas)


def report(name: str, positive: Flags, scores: Scores, seconds: float, areas: Sequence[float] = ()) -> None:
    """Print how well scores tell good from bad."""
    card = evaluate(("bad", "good"), positive.astype(np.int64), np.stack([1 - scores, scores], 1))
    labels = card["labels"]
    assert isinstance(labels, dict)
    good = labels["good"]
    folds_ = f"  by fold {' '.join(f'{area:.3f}' for area in areas)}" if areas else ""
    print(
        f"{name:26s} AUC {good['auc']:.3f}  accuracy {card['accuracy']:.3f}  recall good {good['recall']:.3f} "
        f"bad {labels['bad']['recall']:.3f}  calibration error {good['calibration_error']:.3f}  {seconds:.1f} s{folds_}"
    )


def curve(data: Path, folder: Path) -> None:
    chance = np.random.default_rng(1)
    good = [piece for text in books(data / "books") for piece in cut(text, PIECE)]
    bad = [
        piece
        for name in ("web-more", "web", "news")
        for page in read_pages(data, name)
        for piece in cut(page.gold, PIECE)
    ]
    print(f"curve: {len(good):,} pieces of books, {len(bad):,} of pages")
    most = min(len(good), len(bad)) - HELD_OUT
    texts = [side[row] for side in (good, bad) for row in chance.permutation(len(side))[: HELD_OUT + max(CURVE)]]
    counts = [min(len(side), HELD_OUT + max(CURVE)) for side in (good, bad)]
    positive = np.repeat([True, False], counts)
    order = np.concatenate([np.arange(count) for count in counts])
    lines = [{"id": str(row), "text": text} for row, text in enumerate(texts)]
    (folder / "curve").mkdir()
    stages = [{"read": {"paths": write_lines(folder / "curve" / "pieces.jsonl", lines)}}, "signals"]
    documents = run(folder / "curve", stages)
    assert documents.column("id").to_pylist() == [str(row) for row in range(len(texts))]
    documents = documents.append_column("kind", pa.array(np.where(positive, "good", "bad")))
    path = folder / "curve.parquet"
    pq.write_table(documents, path)
    data_ = labelled_signals(settings(path, "logistic", positive="good"))
    out = order < HELD_OUT
    for count in CURVE:
        inside = (order >= HELD_OUT) & (order < HELD_OUT + min(count, most))
        for kind in ("logistic", "trees", "fastText"):
            start = time.process_time()
            if kind == "fastText":
                rows = np.flatnonzero(inside | out)
                scores = text_scores(folder, [texts[row] for row in rows.tolist()], positive[rows], out[rows])
            else:
                model = fitted(settings(path, kind, positive="good"), data_, inside)
                scores = model.probabilities(data_.values[:, out]).astype(np.float32)
            report(f"{count:,} per label, {kind}", positive[out], scores, time.process_time() - start)


def main() -> None:
    if "PREP_TEST_DATA" not in os.environ:
        sys.exit("PREP_TEST_DATA is not set; it names the folder of real web pages and books")
    data = Path(os.environ["PREP_TEST_DATA"])
    with tempfile.TemporaryDirectory() as folder:
        in_folds(Path(folder), labelled_pages(data, Path(folder)))
        curve(data, Path(folder))


if __name__ == "__main__":
    main()
