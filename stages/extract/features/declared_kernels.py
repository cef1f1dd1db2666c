"""What the classifier sees of what a page declares about itself.

That is how much of a block stands in the page's title, meta elements and JSON-LD too, and the kind of page they name.

Pairs of words are remembered in a bitmap, so that a share may be a few hundredths too high on pages that declare much.
Cost: linear in the text and in the bytes that are declared.
"""

from typing import Final

import numpy as np

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import inner, leaf
from prep.stages.extract.features.text_feature_kernels import Features
from prep.stages.extract.html.block_kernels import Blocks
from prep.stages.extract.html.element_kernels import number
from prep.stages.extract.html.markup_kernels import Facts

_TYPES: Final = {
    "article": ("Article", "NewsArticle", "BlogPosting", "TechArticle", "Recipe"),
    "product": ("Product", "ProductGroup"),
    "discussion": ("DiscussionForumPosting", "QAPage", "Comment"),
    "questions": ("FAQPage", "Question"),
    "list": ("ItemList", "CollectionPage", "OfferCatalog"),
    "meta_article": ("article",),
    "meta_product": ("product",),
    "meta_website": ("website",),
}
"""Types of schema.org and Open Graph, as they stand between quotes."""

DECLARED_FEATURES: Final = (
    "share_in_title", "share_in_meta", "share_in_linked_data", *(f"declares_{kind}" for kind in _TYPES),
)  # fmt: skip
"""Columns that `declared_features` fills. The shares are of the block's pairs of neighbouring words."""

_IN_TITLE, _IN_META, _IN_LINKED_DATA = 1, 2, 4
_SOURCES: Final = 3
_SLOTS: Final = 1 << 17
_WORD: Final = 0xFFFFFFFF
_LONGEST: Final = 1 << 20
"""Bytes of a script that are read."""
_TITLE, _META, _SCRIPT = number("title"), number("meta"), number("script")
_BACKSLASH, _U, _QUOTE, _APOSTROPHE = 92, 117, 34, 39
_PART: Final = np.array([byte >= 0x80 or chr(byte).isalnum() for byte in range(256)])


def _type_hash(name: str) -> int:
    state = 0
    for byte in name.encode():
        state = (state * 31 + byte) & _WORD
    return state


_TYPE_HASHES: Final = np.array([_type_hash(name) for names in _TYPES.values() for name in names], np.int64)
_TYPE_COLUMNS: Final = np.array(
    [_SOURCES + place for place, names in enumerate(_TYPES.values()) for _ in names], np.int64
)


@inner
def declared_features(page: Bytes, facts: Facts, text: Bytes, blocks: Blocks, features: Features) -> None:
    """Fill the columns `DECLARED_FEATURES` (blocks × features)."""
    if len(blocks.start) == 0:
        return
    seen = np.zeros(_SLOTS, np.uint8)
    types = features[0]
    types[:] = 0
    for fact in range(len(facts.kind)):
        kind = facts.kind[fact]
        if kind == _META:
            _remember(page, facts.start[fact], min(facts.middle[fact], len(page)), _IN_META, seen, types)
        elif kind == _TITLE:
            _remember(page, facts.middle[fact], facts.end[fact], _IN_TITLE, seen, types)
        elif kind == _SCRIPT:
            end = min(facts.end[fact], facts.middle[fact] + _LONGEST)
            _remember(page, facts.middle[fact], end, _IN_LINKED_DATA, seen, types)
    for block in range(1, len(blocks.start)):
        features[block] = types
    for block in range(len(blocks.start)):
        _fill_shares(text, blocks.start[block], blocks.end[block], seen, features[block])


@inner
def _remember(page: Bytes, start: int, end: int, source: int, seen: Bytes, types: Features) -> None:
    """Mark the pairs of words that are declared, and the types."""
    before, state, exact = 0, 0, 0
    quoted = False
    at = start
    while at < end:
        byte = int(page[at])
        if byte == _BACKSLASH:  # an escape in JSON
            at += 6 if at + 1 < end and page[at + 1] == _U else 2
            byte = 0
        else:
            at += 1
        if _PART[byte]:
            quoted |= state == 0 and at - 2 >= start and page[at - 2] in (_QUOTE, _APOSTROPHE)
            state = (state * 31 + _lower(byte)) & _WORD
            exact = (exact * 31 + byte) & _WORD
            continue
        if state != 0:
            seen[_slot(before, state)] |= source
            if quoted and byte in (_QUOTE, _APOSTROPHE):
                for place in range(len(_TYPE_HASHES)):
                    if _TYPE_HASHES[place] == exact:
                        types[_TYPE_COLUMNS[place]] = 1
            before, state, exact, quoted = state, 0, 0, False
    if state != 0:
        seen[_slot(before, state)] |= source


@leaf
def _fill_shares(text: Bytes, start: int, end: int, seen: Bytes, row: Features) -> None:
    pairs, titled, described, linked = 0, 0, 0, 0
    before, state = 0, 0
    for at in range(start, end + 1):
        byte = int(text[at]) if at < end else 0
        if _PART[byte]:
            state = (state * 31 + _lower(byte)) & _WORD
        elif state != 0:
            if before != 0:
                sources = seen[_slot(before, state)]
                pairs += 1
                titled += sources & _IN_TITLE != 0
                described += sources & _IN_META != 0
                linked += sources & _IN_LINKED_DATA != 0
            before, state = state, 0
    row[0], row[1], row[2] = titled / max(1, pairs), described / max(1, pairs), linked / max(1, pairs)


@leaf
def _lower(byte: int) -> int:
    return byte | 32 if 65 <= byte <= 90 else byte


@leaf
def _slot(before: int, state: int) -> int:
    pair = (before * 31 + state) & _WORD
    return (pair ^ (pair >> 15)) % _SLOTS
