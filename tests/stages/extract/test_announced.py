"""Lists of links that the text before them announces, against a slow reference."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prep.stages.extract.choosing.announced_kernels import announced_lists
from prep.stages.extract.engine import features_of, read_page, text_of

LINKS = "<ul><li><a href=/a>Sluices</a><li><a href=/b>Weirs</a></ul>"
SENTENCE = "Of what holds back the river these are described:"


def kept_of(page: str, kept: list[bool]) -> str:
    read = read_page(page.encode())
    _, words = features_of(read)
    chosen = np.array(kept, np.bool_)
    return text_of(read, announced_lists(read.text, read.elements, read.blocks, words, chosen))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"<p>{SENTENCE}", LINKS),
        (f"<div>{SENTENCE}</div>", f"<nav>{LINKS}</nav>"),
        (f"<p>{SENTENCE}</p>", LINKS.replace("ul>", "ol>")),
        ("<p>川をせき止めるものについては、次のものがある：", LINKS),
        (f"<p>{SENTENCE}", "<ul><li><p><a href=/a>Sluices</a><ul><li><a href=/c>Locks</a></ul><li>Weirs</ul>"),
    ],
)
def test_a_list_that_is_announced_is_kept(before: str, after: str) -> None:
    text = kept_of(before + after, [True] + [False] * len(re.findall("<li>", after)))
    assert "Sluices" in text
    assert "Weirs" in text


@pytest.mark.parametrize(
    ("page", "kept"),
    [
        (f"<p>Related articles:</p>{LINKS}", [True, False, False]),
        (f"<h2>{SENTENCE}</h2>{LINKS}", [True, False, False]),
        (f"<p>{SENTENCE.replace(':', '.')}</p>{LINKS}", [True, False, False]),
        (f"<p>{SENTENCE}</p>{LINKS}", [False, False, False]),
        (f"<p>{SENTENCE}</p>{LINKS}", [True, False, True]),
        (f"<p>{SENTENCE}</p><p>Next</p>{LINKS}", [True, False, False, False]),
        (f"<p>{SENTENCE}</p><ul>{'<li><a href=/a>Sluices</a>' * 31}</ul>", [True] + [False] * 31),
    ],
)
def test_other_lists_are_left_as_they_are(page: str, kept: list[bool]) -> None:
    read = read_page(page.encode())
    assert kept_of(page, kept) == text_of(read, np.array(kept, np.bool_))


PART = st.sampled_from(
    [f"<p>{SENTENCE}</p>", "<p>See also:</p>", f"<h3>{SENTENCE}</h3>", LINKS, f"<ul><li>{SENTENCE}{LINKS}</ul>", "<p>x"]
)


def slow(blocks: list[str], lists: list[set[int]], headings: set[int], kept: list[bool]) -> list[bool]:
    """`lists` holds the blocks of each list of the page."""
    found = list(kept)
    for block, text in enumerate(blocks[:-1]):
        announces = kept[block] and text.endswith(":") and len(text.split()) >= 6 and block not in headings
        of = [members for members in lists if block + 1 in members]
        inner = min(of, key=len) if of else set()
        if announces and inner and min(inner) == block + 1 and len(inner) <= 30 and not any(kept[at] for at in inner):
            for at in inner:
                found[at] = True
    return found


@settings(max_examples=100, deadline=None)
@given(st.lists(PART, min_size=1, max_size=5), st.integers(0, 2**20))
def test_lists_are_kept_as_the_slow_reference_keeps_them(parts: list[str], bits: int) -> None:
    read = read_page("".join(parts).encode())
    _, words = features_of(read)
    count = len(words)
    kept = [bool(bits >> place & 1) for place in range(count)]
    blocks = [
        read.text[start:end].tobytes().decode() for start, end in zip(read.blocks.start, read.blocks.end, strict=True)
    ]
    lists: list[set[int]] = []
    headings: set[int] = set()
    place = 0
    for part in parts:
        if part == LINKS:
            lists.append({place, place + 1})
        elif part.startswith("<ul>"):
            lists += [{place, place + 1, place + 2}, {place + 1, place + 2}]
        elif part.startswith("<h3>"):
            headings.add(place)
        place += 3 if part.startswith("<ul><li>O") else 2 if part == LINKS else 1
    assert place == count
    found = announced_lists(read.text, read.elements, read.blocks, words, np.array(kept, np.bool_))
    assert found.tolist() == slow(blocks, lists, headings, kept)
