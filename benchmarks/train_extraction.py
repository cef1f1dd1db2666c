"""Trains the block classifier of the extractor, and writes the file that the package ships.

    PREP_TEST_DATA=… python benchmarks/train_extraction.py [--output stages/extract/blocks.npz]

A page is cut into blocks as the extractor does it. A block's label is the share of its words that are in the page's
main text, found by aligning the two word by word (Needleman and Wunsch 1970; runs of matches score above single ones,
so that a menu's words do not match the article's). LightGBM learns from the labels how probable it is that a word of
a block is content. One thread and a fixed seed: the same pages give the same file, byte for byte. Where the file
changes, so does what pages become: raise `Extract.version`.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, NotRequired, TypedDict

import lightgbm
import numpy as np
import numpy.typing as npt
from web_pages import Page, read_pages, words_of

from prep.corpus.kernels import kernel
from prep.stages.extract.engine import ReadPage, features_of, read_page
from prep.stages.extract.features.feature_kernels import FEATURES
from prep.stages.extract.model.model import MODEL_FILE, BlockModel, model_bytes
from prep.stages.extract.model.tree_kernels import Trees
from prep.stages.shared.charset.page import decode_page

Integers = npt.NDArray[np.int32]

PARAMETERS = {
    "objective": "cross_entropy",
    "learning_rate": 0.06,
    "num_leaves": 15,
    "min_data_in_leaf": 60,
    "feature_fraction": 0.3,
    "bagging_fraction": 0.6,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "max_bin": 63,
    "use_missing": False,
    "num_threads": 1,
    "seed": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}
ROUNDS = 150
SINGLE, RUN = np.float32(0.4), np.float32(1.0)
"""What a matching word scores that begins a run of matches, and one that goes on with it."""


class LabelledPage(NamedTuple):
    """A page as the classifier learns from it. One entry per block."""

    read: ReadPage
    features: npt.NDArray[np.float32]
    words: Integers
    content: npt.NDArray[np.float64]
    """Share of the words that are in the main text."""


def label_page(page: Page) -> LabelledPage:
    """Cut a page into blocks and label them."""
    read = read_page(decode_page(page.html, page.charset).text.encode())
    number: dict[str, int] = {}
    words, owners = [], []
    for block, (start, end) in enumerate(zip(read.blocks.start, read.blocks.end, strict=True)):
        for word in words_of(read.text[start:end].tobytes().decode()):
            words.append(number.setdefault(word, len(number)))
            owners.append(block)
    gold = [number[word] for word in words_of(page.gold) if word in number]
    hits = align(np.array(words, np.int32), np.array(gold, np.int32))
    count = len(read.blocks.start)
    in_block = np.bincount(np.array(owners, np.int64), minlength=count)
    matched = np.bincount(np.array(owners, np.int64), weights=hits, minlength=count)
    features, _ = features_of(read)
    return LabelledPage(read, features, in_block.astype(np.int32), matched / np.maximum(1, in_block))


@kernel
def align(words: Integers, gold: Integers) -> npt.NDArray[np.bool_]:
    """Return which words belong to the best alignment with the gold words, in order. Cost: O(words · gold)."""
    count, wanted = len(words), len(gold)
    steps = np.zeros((count + 1, wanted + 1), np.uint8)  # 1: skip a word, 2: skip a gold word, 3: match; +4: in a run
    best = np.zeros(wanted + 1, np.float32)  # over the words so far, by gold words so far
    matched = np.full(wanted + 1, -np.inf, np.float32)  # the same, where the last two match each other
    for row in range(1, count + 1):
        best_before, matched_before = best[0], matched[0]
        for column in range(1, wanted + 1):
            best_above, matched_above = best[column], matched[column]
            here = np.float32(-np.inf)
            step = 0
            if words[row - 1] == gold[column - 1]:
                here = max(best_before + SINGLE, matched_before + RUN)
                step = 4 if matched_before + RUN >= best_before + SINGLE else 0
            score = max(here, best[column - 1], best_above)
            step |= 3 if score == here else 2 if score == best[column - 1] else 1
            best[column], matched[column], steps[row, column] = score, here, step
            best_before, matched_before = best_above, matched_above
    hits = np.zeros(count, np.bool_)
    row, column, in_run = count, wanted, False
    while row > 0 and column > 0:
        step = steps[row, column]
        if in_run or step & 3 == 3:
            hits[row - 1] = True
            in_run = step & 4 != 0
            row, column = row - 1, column - 1
        elif step & 3 == 2:
            column -= 1
        else:
            row -= 1
    return hits


def fit(pages: Sequence[LabelledPage]) -> BlockModel:
    """Learn from pages. A block weighs by the root of its words, a page by the root of what its blocks weigh."""
    rows = [page for page in pages if len(page.words) > 0]
    weights = []
    for page in rows:
        weight = np.sqrt(page.words + 1.0)
        weights.append(weight / np.sqrt(weight.sum()))
    weight = np.concatenate(weights)
    features = np.concatenate([page.features for page in rows])
    labels = np.concatenate([page.content for page in rows])
    data = lightgbm.Dataset(features, labels, weight=weight / weight.mean(), params={"verbose": -1})
    return BlockModel(FEATURES, export(lightgbm.train(PARAMETERS, data, ROUNDS)))


class Node(TypedDict):
    """A node of a tree as LightGBM tells it; a leaf has only its value."""

    split_feature: NotRequired[int]
    threshold: NotRequired[float]
    left_child: NotRequired["Node"]
    right_child: NotRequired["Node"]
    leaf_value: NotRequired[float]


def export(booster: lightgbm.Booster) -> Trees:
    """Return the trees as flat arrays, the children of a node beside each other."""
    roots: list[int] = []
    features: list[int] = []
    thresholds: list[np.float32] = []
    lefts: list[int] = []
    values: list[float] = []
    for tree in booster.dump_model()["tree_info"]:
        level: list[Node] = [tree["tree_structure"]]
        roots.append(len(lefts))
        while level:
            below: list[Node] = []
            following = len(lefts) + len(level)
            for node in level:
                if "left_child" in node:
                    features.append(node["split_feature"])
                    thresholds.append(float32_below(node["threshold"]))
                    values.append(0.0)
                    lefts.append(following + len(below))
                    below += [node["left_child"], node["right_child"]]
                else:
                    features.append(0)
                    thresholds.append(np.float32(np.inf))
                    values.append(node["leaf_value"])
                    lefts.append(len(lefts))
            level = below
    return Trees(
        np.array(roots, np.uint32),
        np.array(features, np.uint16),
        np.array(thresholds, np.float32),
        np.array(lefts, np.uint32),
        np.array(values, np.float32),
    )


def float32_below(threshold: float) -> np.float32:
    """Return the greatest float32 that is at most a number: it splits float32 values at the same place."""
    near = np.float32(threshold)
    return near if near <= threshold else np.nextafter(near, np.float32(-np.inf))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=MODEL_FILE, help="where to write the model")
    options = parser.parse_args()
    if "PREP_TEST_DATA" not in os.environ:
        sys.exit("PREP_TEST_DATA is not set; it names the folder of labelled pages")
    pages = [label_page(page) for page in read_pages(Path(os.environ["PREP_TEST_DATA"]) / "web")]
    model = fit(pages)
    options.output.write_bytes(model_bytes(model))
    size = options.output.stat().st_size
    print(f"{len(pages)} pages, {sum(len(page.words) for page in pages)} blocks, {len(FEATURES)} features")
    print(f"{len(model.trees.root)} trees, {len(model.trees.left)} nodes: {options.output}, {size} bytes")


if __name__ == "__main__":
    main()
