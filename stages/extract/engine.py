"""The extractor of this package: from a page's bytes to its main text.

A page is read in one pass into elements and stretches of text, these into blocks, the blocks into a table of features;
boosted trees give each block the probability that it is content, in two stages: by itself, then by what the first
stage makes of the page around it. What is kept is where the expected word F1 is highest (`cut_kernels`). Sources of
the approach: Kohlschütter, Fankhauser and Nejdl 2010, "Boilerplate Detection using Shallow Text Features"; Vogels,
Ganea and Eickhoff 2018, "Web2Text". Cost: about 3 ms for a page of 290 kB and 300 blocks, and linear in the page's
length whatever the page.
"""

import re
from datetime import date
from html import escape, unescape
from typing import Final, Literal, NamedTuple

import numpy as np

from prep.corpus.arrow.columns import Bytes
from prep.stages.extract.choosing.announced_kernels import announced_lists
from prep.stages.extract.choosing.comment_kernels import Booleans, comment_blocks, comments_alone
from prep.stages.extract.choosing.contents_kernels import contents_lists, without_index
from prep.stages.extract.choosing.copy_kernels import drop_copies
from prep.stages.extract.choosing.navigation_kernels import navigation_lines
from prep.stages.extract.choosing.related_kernels import related_links
from prep.stages.extract.choosing.section_kernels import is_for_reference, keep_headings, keep_sections, site_names
from prep.stages.extract.choosing.whole_kernels import keep_whole
from prep.stages.extract.content import Content, Extractor
from prep.stages.extract.features.collective_kernels import Reals, collective_features
from prep.stages.extract.features.feature_kernels import FEATURES, block_features
from prep.stages.extract.features.text_feature_kernels import Features
from prep.stages.extract.html.block_kernels import Blocks, Runs, read_blocks
from prep.stages.extract.html.element_kernels import number
from prep.stages.extract.html.markup_kernels import Facts, Stretches, count_tags, read_markup
from prep.stages.extract.html.nesting_kernels import Elements, Integers
from prep.stages.extract.html.quotations import write_quotation_marks
from prep.stages.extract.html.streaming import has_places, place_parts
from prep.stages.extract.html.unseen_kernels import hide_unseen
from prep.stages.extract.metadata import is_article, is_discussion, read_article, read_metadata
from prep.stages.extract.model.cut_kernels import keep_blocks
from prep.stages.extract.model.model import BlockModel, load_model
from prep.stages.extract.writing.grid_kernels import GRID_PARTS, grid_kinds
from prep.stages.extract.writing.markdown_kernels import render_markdown
from prep.stages.extract.writing.render_kernels import render
from prep.stages.shared.dates import LATEST
from prep.stages.shared.markup.formulas import Delimiters, write_formulas
from prep.stages.shared.trees.tree_kernels import probabilities

Form = Literal["text", "markdown"]
Comments = Literal["keep", "drop", "only"]

_TEMPLATE, _Q = number("template"), number("q")
_LEAST_HELD: Final = 300
"""Characters from which an article in JSON-LD is looked at."""
_TIMES_SHOWN: Final = 3
"""How many times longer it is than the text that is shown."""
_TAGS: Final = re.compile(
    r"</?(?:p|br|div|h[1-6]|ul|ol|li|a|em|strong|b|i|span|blockquote|figure)\b[^<>]*>", re.IGNORECASE
)
SURE: Final = 0.01
"""Blocks that the first stage finds less probable than this the second does not judge: four of ten."""


class ReadPage(NamedTuple):
    """A page taken apart."""

    page: Bytes
    """UTF-8."""
    elements: Elements
    facts: Facts
    text: Bytes
    """Of all blocks, without separators."""
    blocks: Blocks
    runs: Runs
    formulas: Delimiters
    """What is written around LaTeX."""


def tags_of(page: bytes) -> int:
    """Return how many tags a page has at most: what reading it takes memory and time for, beside its length."""
    return count_tags(np.frombuffer(page, np.uint8))


def read_page(html: bytes, formulas: Delimiters = "dollars") -> ReadPage:
    """Take a page apart; `html` is UTF-8, and `formulas` what is written around LaTeX."""
    page, elements, stretches, facts, has_formulas = _read_bytes(html)
    if has_places(html, elements.tag[elements.kind == _TEMPLATE].tolist()):
        html = place_parts(html)
        page, elements, stretches, facts, has_formulas = _read_bytes(html)
    if has_formulas:
        html = write_formulas(html, formulas)
        page, elements, stretches, facts, _ = _read_bytes(html)
    if (elements.kind == _Q).any():
        html = write_quotation_marks(html, page, elements, stretches)
        page, elements, stretches, facts, _ = _read_bytes(html)
    hide_unseen(page, elements, stretches)
    text, blocks, runs = read_blocks(page, elements, stretches)
    return ReadPage(page, elements, facts, text, blocks, runs, formulas)


def _read_bytes(html: bytes) -> tuple[Bytes, Elements, Stretches, Facts, bool]:
    """Return a page as an array, its elements, stretches of text and facts, and whether it has formulas."""
    page = np.frombuffer(html, np.uint8)
    return page, *read_markup(page, count_tags(page))


def features_of(read: ReadPage) -> tuple[Features, Integers]:
    """Return the features of a page's blocks (float32, blocks × all features) and how many words they have.

    The columns of the second stage are zero.
    """
    return block_features(read.page, read.facts, read.text, read.elements, read.blocks, read.runs)


def add_collective(read: ReadPage, words: Integers, probability: Reals, features: Features) -> None:
    """Fill the columns of the second stage from the first stage's probabilities."""
    collective_features(read.elements, read.blocks, words, probability, features[:, len(FEATURES) :])


def block_probabilities(read: ReadPage, model: BlockModel) -> tuple[Reals, Integers]:
    """Return how probable it is that a word of each block is content, and how many words the blocks have."""
    features, words = features_of(read)
    probability = probabilities(model.first, features)
    add_collective(read, words, probability, features)
    doubtful = np.flatnonzero(probability >= SURE)
    probability[doubtful] = probabilities(model.second, features[doubtful])
    return probability, words


def choose_blocks(read: ReadPage, probability: Reals, words: Integers) -> Booleans:
    """Return which blocks to keep, given how probable it is that they are content."""
    kept = keep_whole(read.elements, read.blocks, words, keep_blocks(probability, words))
    kept = drop_copies(read.text, read.elements, read.blocks, words, kept)
    for_reference = is_for_reference(read.page, read.facts, read.elements, read.blocks, words)
    names = np.zeros(len(kept), np.bool_)
    if for_reference:
        names = site_names(read.page, read.elements, read.blocks, read.runs)
        kept = kept | (keep_sections(read.elements, read.blocks, words, probability, kept) & ~names)
    left_out = navigation_lines(read.text, read.elements, read.blocks, read.runs, words, kept)
    left_out |= contents_lists(read.page, read.text, read.elements, read.blocks, read.runs, words, kept & ~left_out)
    kept &= ~left_out
    if for_reference:
        left_out |= names
        kept = keep_headings(
            read.page, read.facts, read.text, read.elements, read.blocks, read.runs, words, kept, left_out
        )
        kept = without_index(read.elements, read.blocks, read.runs, kept)
    else:
        article = is_article(read.page, read.facts)
        kept &= ~related_links(
            read.page, read.facts, read.elements, read.blocks, read.runs, words, probability, kept, article
        )
    return announced_lists(read.text, read.elements, read.blocks, words, kept)


class Options(NamedTuple):
    """What to extract, and how to write it."""

    main_content: bool = True
    """Whether to leave out what is not the main text."""
    form: Form = "text"
    formulas: Delimiters = "dollars"
    comments: Comments = "keep"


DEFAULTS = Options()


def main_text(read: ReadPage, model: BlockModel, form: Form = "text", comments: Comments = "keep") -> str:
    """Return the main text of a page; empty where it has no text."""
    return judged_text(read, *block_probabilities(read, model), form, comments)


def judged_text(
    read: ReadPage, probability: Reals, words: Integers, form: Form = "text", comments: Comments = "keep"
) -> str:
    """Return the main text of a page, given how probable it is that its blocks are content."""
    kept = choose_blocks(read, probability, words)
    text = text_of(read, _without(read, words, kept, comments), form)
    return text if comments == "only" else _whole_article(read, text, form)


def _whole_article(read: ReadPage, text: str, form: Form) -> str:
    """Return the article that the page holds as JSON-LD where the page shows no more than its beginning, else `text`.

    So it is where a script writes the text, or only once a reader has agreed to something.
    """
    article = read_article(read.page, read.facts, max(_LEAST_HELD, _TIMES_SHOWN * len(text)))
    if article is None:
        return text
    html = article if _TAGS.search(article) else unescape(article)
    if not _TAGS.search(html):
        html = "".join(f"<p>{escape(line)}</p>" for line in html.splitlines())
    return whole_text(read_page(html.encode("utf-8", "replace"), read.formulas), form)


def whole_text(read: ReadPage, form: Form = "text", comments: Comments = "keep") -> str:
    """Return all text of a page that may be seen."""
    kept = np.ones(len(read.blocks.start), np.bool_)
    if comments != "keep":
        _, words = features_of(read)
        kept = _without(read, words, kept, comments)
    return text_of(read, kept, form)


def _without(read: ReadPage, words: Integers, kept: Booleans, comments: Comments) -> Booleans:
    """Return which blocks to keep with, without or of readers' comments."""
    if comments == "keep" or len(kept) == 0:
        return kept
    found = comment_blocks(read.elements, read.blocks, words)
    if is_discussion(read.page, read.facts):
        found[:] = False
    return comments_alone(read.elements, read.blocks, words, found) if comments == "only" else kept & ~found


def open_engine(options: Options = DEFAULTS) -> Extractor:
    """Return our extractor."""
    model = load_model()

    def extract(page: bytes, url: str | None, latest: date = LATEST) -> Content:
        read = read_page(page, options.formulas)
        if options.main_content:
            text = main_text(read, model, options.form, options.comments)
        else:
            text = whole_text(read, options.form, options.comments)
        return Content(text, read_metadata(read.page, read.facts, url, latest))

    return extract


def text_of(read: ReadPage, kept: Booleans, form: Form = "text") -> str:
    """Return the text of the blocks that are kept."""
    elements = read.elements
    if (elements.inside & GRID_PARTS).any():
        elements = elements._replace(kind=grid_kinds(elements))
    if form == "markdown":
        written = render_markdown(read.page, read.text, elements, read.blocks, read.runs, kept)
    else:
        written = render(read.page, read.text, elements, read.blocks, kept)
    return written.tobytes().decode("utf-8", "replace")
