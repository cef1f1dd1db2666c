"""Leaves out links to other pages of the site that follow an article: "related", "most read", the latest headlines.

Where headlines look like sentences to the classifier, as in Japanese, it keeps whole lists of them. A paragraph here is
a block of at least `_PARAGRAPH` words, mostly outside of links, that is rather content than not. Where paragraphs are
`_SHARE` of what is kept, or, on a page that says that it is an article, of what is kept up to the last of them, blocks
after the last one go that are nothing but links into the site, and headings directly before such. Links to other sites
stay: they are sources. So do tables and program code. Cost: linear in the blocks' runs.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import inner, kernel, leaf
from prep.stages.extract.choosing.navigation_kernels import link_around
from prep.stages.extract.features.text_feature_kernels import HEADING_BITS
from prep.stages.extract.html.attribute_kernels import attribute_range, lower, value_hash
from prep.stages.extract.html.block_kernels import Blocks, Runs
from prep.stages.extract.html.element_kernels import inside, name_hash, number
from prep.stages.extract.html.markup_kernels import Facts
from prep.stages.extract.html.nesting_kernels import Elements, Integers
from prep.stages.extract.writing.spacing_kernels import Booleans

Reals = npt.NDArray[np.float64]

_PARAGRAPH: Final = 10
_LIKELY: Final = 0.5
_FEWEST: Final = 100
"""Words of paragraphs from which a page is looked at."""
_SHARE: Final = 0.7
_LINKED: Final = 0.9
"""Share of a block's words from which it is nothing but links."""
_LINK: Final = inside("a")
_FIXED: Final = inside("pre td th h1")
_LINK_FACT: Final = number("link")
_HREF, _REL, _CANONICAL = (name_hash(name) for name in (b"href", b"rel", b"canonical"))
_HASH, _SLASH, _COLON, _QUESTION, _SPACE = 35, 47, 58, 63, 32
_WWW: Final = np.frombuffer(b"www.", np.uint8)


@kernel
def related_links(
    page: Bytes,
    facts: Facts,
    elements: Elements,
    blocks: Blocks,
    runs: Runs,
    words: Integers,
    probability: Reals,
    kept: Booleans,
    is_article: bool,
) -> Booleans:
    """Return which of the kept blocks are links that follow the article, or headings of such."""
    count = len(kept)
    found = np.zeros(count, np.bool_)
    linked = np.zeros(count, np.int32)
    last, in_paragraphs, total, before = -1, 0, 0, 0
    for block in range(count):
        if not kept[block]:
            continue
        total += words[block]
        for run in range(blocks.run[block], blocks.run[block + 1]):
            linked[block] += runs.words[run] if elements.inside[runs.element[run]] & _LINK != 0 else 0
        if words[block] >= _PARAGRAPH and probability[block] >= _LIKELY and 2 * linked[block] < words[block]:
            last = block
            in_paragraphs += words[block]
            before = total
    if in_paragraphs < _FEWEST or in_paragraphs < _SHARE * (before if is_article else total):
        return found
    host = _canonical_host(page, facts)
    heading = -1
    for block in range(last + 1, count):
        if not kept[block]:
            continue
        around = elements.inside[blocks.element[block]]
        is_list = words[block] > 0 and linked[block] >= _LINKED * words[block] and around & _FIXED == 0
        if is_list and _leads_into_site(page, elements, blocks, runs, block, host):
            found[block] = True
            if heading >= 0:
                found[heading] = True
        heading = block if around & HEADING_BITS != 0 and not found[block] else -1
    return found


@inner
def _leads_into_site(
    page: Bytes, elements: Elements, blocks: Blocks, runs: Runs, block: int, host: tuple[int, int]
) -> bool:
    """Return whether all links of a block lead to other pages of the site."""
    link = 0
    for run in range(blocks.run[block], blocks.run[block + 1]):
        element = link_around(elements, runs.element[run])
        if element in (0, link):
            continue
        link = element
        start, end = attribute_range(page, elements.tag[link], _HREF)
        if end <= start or page[start] == _HASH:
            return False
        first, last = _host(page, start, end)
        if last > first and not _equal(page, first, last, host[0], host[1]):
            return False
    return link > 0


@inner
def _canonical_host(page: Bytes, facts: Facts) -> tuple[int, int]:
    """Return the byte range of the host of the page's canonical address; an empty one where it has none."""
    for fact in range(len(facts.kind)):
        if facts.kind[fact] == _LINK_FACT:
            start, end = attribute_range(page, facts.start[fact], _REL)
            if value_hash(page, start, end) == _CANONICAL:
                start, end = attribute_range(page, facts.start[fact], _HREF)
                return _host(page, start, end)
    return 0, 0


@leaf
def _host(page: Bytes, start: int, end: int) -> tuple[int, int]:
    """Return the byte range of an address's host without `www.`; an empty one of an address within the site.

    That of an address with another scheme is the whole address.
    """
    at = start
    while at < end and page[at] <= _SPACE:
        at += 1
    first = at
    while at < end and page[at] not in (_COLON, _SLASH):
        at += 1
    if at < end and page[at] == _COLON:
        at += 1
        if at + 1 >= end or page[at] != _SLASH:
            return first, end
    elif at > first:
        return end, end
    if at + 1 >= end or page[at] != _SLASH or page[at + 1] != _SLASH:
        return end, end
    first = at + 2
    if first + len(_WWW) <= end:
        has_www = True
        for place in range(len(_WWW)):
            has_www &= lower(page[first + place]) == _WWW[place]
        first += len(_WWW) if has_www else 0
    at = first
    while at < end and page[at] > _SPACE and page[at] not in (_SLASH, _COLON, _HASH, _QUESTION):
        at += 1
    return first, at


@leaf
def _equal(page: Bytes, first: int, last: int, other: int, end: int) -> bool:
    """Return whether two stretches of the page are equal in lower case."""
    if last - first != end - other:
        return False
    for at in range(last - first):
        if lower(page[first + at]) != lower(page[other + at]):
            return False
    return True
