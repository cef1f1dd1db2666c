"""Trains the block classifier of the extractor, and writes the file that the package ships.

    PREP_TEST_DATA=… python benchmarks/train_extraction.py [--documentation FOLDER] [--output blocks.npz]

LightGBM learns from labelled pages how probable it is that a word of a block is content, in two stages. The second
sees the first's probabilities; it must learn from such as it will meet on new pages, so that for training each page is
judged by a first stage that saw no page of its site (stacking, Wolpert 1992). Beside the labelled pages the trees see
copies of some in other scripts (`transliterated_pages`), pages of which a few snippets are known, and pages of
reference documentation, where their packages are unpacked in a folder (`documentation_pages`). A fixed seed: the same
pages give the same file, byte for byte. Where the file changes, so does what pages become: raise `Extract.version`.
Cost: about five minutes on one core, and 3 GB of memory.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import lightgbm
import numpy as np
import numpy.typing as npt
from documentation_pages import TRAINED, read_documentation
from labelled_pages import LabelledPage, label_page, transliterate_page
from transliterated_pages import SCRIPTS
from web_pages import Page, folds, read_pages, read_snippet_pages

from prep.stages.extract.engine import SURE, add_collective
from prep.stages.extract.features.feature_kernels import ALL_FEATURES, FEATURES
from prep.stages.extract.model.model import MODEL_FILE, BlockModel, model_bytes
from prep.stages.shared.trees.lightgbm_trees import export
from prep.stages.shared.trees.tree_kernels import Trees, probabilities

Reals = npt.NDArray[np.float64]

PARAMETERS = {
    "objective": "cross_entropy",
    "num_leaves": 31,
    "max_depth": 7,
    "min_data_in_leaf": 60,
    "feature_fraction": 0.3,
    "bagging_fraction": 0.4,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "use_missing": False,
    "seed": 1,
    "deterministic": True,
    "force_col_wise": True,
    "max_bin": 63,
    "verbose": -1,
}
BINS = {"max_bin": 63, "use_missing": False, "verbose": -1}
"""How LightGBM bins features. Given with the parameters of training too, or it warns that it goes by the data's."""
FOLDS = 4
COPIED = 4
"""Of so many pages with a gold text one is learned from in another script too, of news every page: few are known in
scripts without spaces."""
LATIN = ("en", "de", "es", "fr", "it", "nl", "no", "nb")
"""Languages whose letters all have a counterpart in the other scripts."""
COPY_WEIGHT = 0.5
DOCUMENTATION = 30
"""Pages of each documentation generator."""


class Stage(NamedTuple):
    """How many trees a stage has, and how much each adds."""

    rounds: int
    learning_rate: float
    columns: int


SHARPNESS = 1.25
"""By what the second stage's log-odds are multiplied: blocks of a page are right or wrong together, which the cut does
not know, and it would keep too much."""
FIRST = Stage(200, 0.06, len(FEATURES))
SECOND = Stage(200, 0.04, len(ALL_FEATURES))


class Binned(NamedTuple):
    """Blocks as LightGBM sees them."""

    data: lightgbm.Dataset
    rows: npt.NDArray[np.int64]
    """Which rows of the table they are."""


class Table:
    """The blocks of many pages as one table of features, labels and weights."""

    def __init__(self, pages: Sequence[LabelledPage], threads: int) -> None:
        self.pages = pages
        self._threads = threads
        self.ends = np.cumsum([len(page.words) for page in pages])
        self.page = np.repeat(np.arange(len(pages)), [len(page.words) for page in pages])
        self.features = np.concatenate([page.features for page in pages])
        self._labels = np.concatenate([page.content for page in pages])
        self._weights = np.concatenate([_weights(page) for page in pages])

    def bin(self, stage: Stage, first: Reals | None = None) -> Binned:
        """Return what a stage learns from; the second stage learns from what the first doubts, and needs its word.

        The first stage sees every other block that is no content, twice as heavy: there are more than enough of them.
        """
        weights = self._weights
        if first is None:
            others = self._labels == 0
            left_out = others & (np.arange(len(others)) % 2 == 1)
            weights = np.where(others, 2 * weights, weights)
        else:
            left_out = first < SURE
        rows = np.flatnonzero((weights > 0) & ~left_out)
        columns = self.features[rows, : stage.columns]
        data = lightgbm.Dataset(columns, self._labels[rows], weight=weights[rows], params=BINS)
        return Binned(data.construct(), rows)

    def train(self, binned: Binned, stage: Stage, chosen: npt.NDArray[np.bool_]) -> Trees:
        """Learn from the chosen pages."""
        rows = np.flatnonzero(chosen[self.page[binned.rows]])
        parameters = PARAMETERS | {"learning_rate": stage.learning_rate, "num_threads": self._threads}
        trees = export(lightgbm.train(parameters, binned.data.subset(rows.tolist()), stage.rounds))
        print(
            f"{stage.rounds} trees of {stage.columns} columns, {len(rows)} blocks: {time.process_time():.0f} s",
            flush=True,
        )
        return trees

    def out_of_fold(self, stage: Stage, fold: npt.NDArray[np.int64], first: Reals | None = None) -> Reals:
        """Return the probability of each block by trees that saw no page of its fold."""
        binned = self.bin(stage, first)
        found = np.empty(len(self.page))
        for out in range(int(fold.max()) + 1):
            trees = self.train(binned, stage, fold != out)
            trees = trees if first is None else sharpened(trees)
            rows = np.flatnonzero(fold[self.page] == out)
            found[rows] = probabilities(trees, self.features[rows])
        return found if first is None else np.where(first < SURE, first, found)

    def of_pages(self, column: Reals) -> list[Reals]:
        """Cut values of blocks into those of pages."""
        return np.split(column, self.ends[:-1])

    def add_collective(self, first: Reals) -> None:
        """Fill the columns of the second stage."""
        for page, probability, end in zip(self.pages, self.of_pages(first), self.ends, strict=True):
            rows = self.features[end - len(page.words) : end]
            add_collective(page.read, page.words, probability, rows)


def _weights(page: LabelledPage) -> Reals:
    """A block weighs by the root of its words, a page by the root of what its blocks weigh."""
    weight: Reals = np.sqrt(page.words + 1.0) * (page.weight > 0)
    return np.asarray(weight / np.sqrt(max(1e-9, weight.sum())) * page.weight)


def training_pages(
    data: Path, documentation: Path | None, processes: int
) -> tuple[list[LabelledPage], npt.NDArray[np.int64]]:
    """Return all pages that there are to learn from, and their folds; copies are in the fold of their page."""
    pages = [page for name in ("web", "web-more", "news") for page in read_pages(data, name)]
    pages += read_snippet_pages(data)
    if documentation is not None:
        pages += read_documentation(documentation, TRAINED, DOCUMENTATION)
    fold = folds(pages, FOLDS)
    with get_context("spawn").Pool(processes) as pool:
        labelled = pool.map(_labelled, enumerate(pages), chunksize=16)
    parts = [part for made, part in zip(labelled, fold, strict=True) for _ in made]
    return [page for made in labelled for page in made], np.array(parts)


def _labelled(entry: tuple[int, Page]) -> list[LabelledPage]:
    """Label a page, and perhaps a copy of it in another script."""
    place, page = entry
    labelled = label_page(page)
    if not page.gold or page.language not in LATIN or (page.kind != "news" and place % COPIED != 0):
        return [labelled]
    scripts = list(SCRIPTS.values())
    script = scripts[(place if page.kind == "news" else place // COPIED) % len(scripts)]
    copy = transliterate_page(labelled, script, COPY_WEIGHT)
    return [labelled, copy] if copy else [labelled]


def judge_unseen(table: Table, fold: npt.NDArray[np.int64]) -> Reals:
    """Return the first stage's probabilities, and fill the table's columns of the second stage from them."""
    first = table.out_of_fold(FIRST, fold)
    table.add_collective(first)
    return first


def fit(table: Table, first: Reals) -> BlockModel:
    """Learn both stages from all pages, given the first stage's probabilities on pages that it had not seen."""
    everything = np.ones(len(table.pages), np.bool_)
    first_trees = table.train(table.bin(FIRST), FIRST, everything)
    second_trees = table.train(table.bin(SECOND, first), SECOND, everything)
    return BlockModel(ALL_FEATURES, first_trees, sharpened(second_trees))


def sharpened(trees: Trees) -> Trees:
    """Return the second stage with its log-odds multiplied."""
    return replace(trees, value=trees.value * np.float32(SHARPNESS))


def data_folder() -> Path:
    """Return the folder of labelled pages; ends the program where it is not known."""
    if "PREP_TEST_DATA" not in os.environ:
        sys.exit("PREP_TEST_DATA is not set; it names the folder of labelled pages")
    return Path(os.environ["PREP_TEST_DATA"])


def save(model: BlockModel, path: Path) -> None:
    """Write a model and print its size."""
    path.write_bytes(model_bytes(model))
    trees = sum(len(stage.root) for stage in (model.first, model.second))
    nodes = sum(len(stage.left) for stage in (model.first, model.second))
    print(f"{trees} trees, {nodes} nodes: {path}, {path.stat().st_size} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documentation", type=Path, help="folder of unpacked Debian packages of documentation")
    parser.add_argument("--threads", type=int, default=1, help="threads to use (default 1); the file is the same")
    parser.add_argument("--output", type=Path, default=MODEL_FILE, help="where to write the model")
    options = parser.parse_args()
    pages, fold = training_pages(data_folder(), options.documentation, options.threads)
    table = Table(pages, options.threads)
    print(f"{len(pages)} pages, {len(table.page)} blocks, {len(ALL_FEATURES)} features", flush=True)
    save(fit(table, judge_unseen(table, fold)), options.output)


if __name__ == "__main__":
    main()
