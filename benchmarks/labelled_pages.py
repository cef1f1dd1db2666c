"""Pages as the block classifier learns from them: their blocks, and which of them are main text.

A block's label is the share of its words that are in the page's main text, found by aligning the two word by word
(Needleman and Wunsch 1970; runs of matches score above single ones, so that a menu's words do not match the
article's). Where only snippets are known, the blocks that hold one are labelled and the others are left out.
"""

import re
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from transliterated_pages import Script, transliterated
from web_pages import Page, words_of

from prep.corpus.kernels import kernel
from prep.stages.extract.engine import ReadPage, features_of, read_page
from prep.stages.shared.charset.page import decode_page

Integers = npt.NDArray[np.int32]
Reals = npt.NDArray[np.float64]
SINGLE, RUN = np.float32(0.4), np.float32(1.0)
"""What a matching word scores that begins a run of matches, and one that goes on with it."""
_SPACES = re.compile(r"\s+")


class LabelledPage(NamedTuple):
    """A page as the classifier learns from it. One entry per block."""

    page: Page
    read: ReadPage
    features: npt.NDArray[np.float32]
    words: Integers
    """Words as the engine counts them."""
    content: Reals
    """Share of the words that are in the main text."""
    weight: Reals
    """1; 0 where the label is not known."""
    copied: bool = False
    """Whether it is a copy in another script."""


def label_page(page: Page) -> LabelledPage:
    """Cut a page into blocks and label them."""
    read = read_page(decode_page(page.html, page.charset).text.encode())
    features, words = features_of(read)
    texts = [read.text[a:b].tobytes().decode() for a, b in zip(read.blocks.start, read.blocks.end, strict=True)]
    if page.gold:
        return LabelledPage(page, read, features, words, *_by_alignment(texts, page.gold))
    return LabelledPage(page, read, features, words, *_by_snippets(texts, page))


def transliterate_page(labelled: LabelledPage, script: Script, weight: float) -> LabelledPage | None:
    """Return a page as it would be in another script; its blocks have the labels of the page's blocks.

    None where it has other blocks there: what is hidden is kept where it is longer than what is seen.
    """
    page = labelled.page
    html = transliterated(decode_page(page.html, page.charset).text, script).encode()
    read = read_page(html)
    features, words = features_of(read)
    if len(words) != len(labelled.words):
        return None
    return LabelledPage(page, read, features, words, labelled.content, labelled.weight * weight, copied=True)


def _by_alignment(texts: list[str], gold: str) -> tuple[Reals, Reals]:
    """Return the share of each block's words that are in the gold text; of a block without words nothing is known."""
    number: dict[str, int] = {}
    words, owners = [], []
    for block, text in enumerate(texts):
        for word in words_of(text):
            words.append(number.setdefault(word, len(number)))
            owners.append(block)
    wanted = [number[word] for word in words_of(gold) if word in number]
    hits = align(np.array(words, np.int32), np.array(wanted, np.int32))
    in_block = np.bincount(np.array(owners, np.int64), minlength=len(texts))
    matched = np.bincount(np.array(owners, np.int64), weights=hits, minlength=len(texts))
    return matched / np.maximum(1, in_block), np.minimum(1.0, in_block)


def _by_snippets(texts: list[str], page: Page) -> tuple[Reals, Reals]:
    """Label the blocks that hold a snippet."""
    flat = [_SPACES.sub(" ", text) for text in texts]
    content, weight = np.zeros(len(texts)), np.zeros(len(texts))
    for snippets, label in ((page.included, 1.0), (page.excluded, 0.0)):
        for snippet in snippets:
            wanted = _SPACES.sub(" ", snippet).strip()
            for block, text in enumerate(flat):
                if wanted and wanted in text:
                    weight[block] = 0 if weight[block] > 0 and content[block] != label else 1
                    content[block] = label
    return content, weight


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
