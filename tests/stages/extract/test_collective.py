"""What the second stage sees of the first's probabilities, against plain Python over the same blocks."""

import re
from collections.abc import Callable, Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prep.stages.extract.engine import ReadPage, add_collective, features_of, read_page
from prep.stages.extract.features.feature_kernels import ALL_FEATURES

LINES = st.tuples(
    st.sampled_from(["p", "li", "h2", "div"]),
    st.sampled_from(["", "post", "card"]),
    st.integers(1, 40),
    st.integers(0, 4),
)


@st.composite
def judged_pages(draw: st.DrawFn) -> tuple[str, list[float]]:
    lines = draw(st.lists(LINES, min_size=1, max_size=12))
    page = ""
    for name, group, words, depth in lines:
        inner = f"<{name} class='{group}'>{'bee ' * words}</{name}>"
        page += f"<section class='{group}'>" * depth + inner + "</section>" * depth
    return page, draw(st.lists(st.floats(0.01, 0.99), min_size=len(lines), max_size=len(lines)))


class Reference:
    """The columns of a page by definition."""

    def __init__(self, read: ReadPage, probability: list[float]) -> None:
        self.p, self.elements, self.blocks = probability, read.elements, read.blocks
        texts = [read.text[a:b].tobytes().decode() for a, b in zip(read.blocks.start, read.blocks.end, strict=True)]
        self.words = [len(re.findall(r"\w+", text)) for text in texts]
        self.count = len(texts)
        self.core = [p >= 0.8 and words >= 10 for p, words in zip(self.p, self.words, strict=True)]

    def mean(self, blocks: Iterable[int]) -> float:
        chosen = list(blocks)
        mass = sum(self.words[block] + 1 for block in chosen)
        return sum(self.p[block] * (self.words[block] + 1) for block in chosen) / mass if chosen else -1.0

    def around(self, block: int) -> list[int]:
        """The block's element and those around it, innermost first, without the page itself."""
        element, chain = int(self.blocks.element[block]), []
        while element > 0:
            chain.append(element)
            element = int(self.elements.parent[element])
        return chain

    def inside(self, element: int) -> list[int]:
        return [block for block in range(self.count) if element == 0 or element in self.around(block)]

    def others(self, block: int, key: Callable[[int], object]) -> list[int]:
        return [other for other in range(self.count) if other != block and key(other) == key(block)]

    def shape(self, element: int) -> int:
        return int(self.elements.shape[element])

    def parent(self, element: int) -> int:
        return max(0, int(self.elements.parent[element]))

    def branch(self, block: int) -> int:
        all_core = sum(words for words, core in zip(self.words, self.core, strict=True) if core)
        branch = int(self.blocks.element[block])
        for element in self.around(block):
            if sum(self.words[other] for other in self.inside(element) if self.core[other]) >= 0.7 * all_core:
                break
            branch = element
        return branch

    def heading(self, block: int) -> bool:
        kinds = {int(self.elements.name[element]) for element in self.around(block)}
        return any(kind in kinds for kind in HEADING_NAMES)

    def under_heading(self, block: int) -> list[int]:
        first = next((at for at in range(block, -1, -1) if self.heading(at)), -1)
        last = next((at for at in range(block + 1, self.count) if self.heading(at)), self.count)
        return [at for at in range(first + 1, last) if at != block]


HEADING_NAMES = {int(read_page(b"<h2>x").elements.name[-1])}


@settings(max_examples=150, deadline=None)
@given(judged_pages())
def test_columns_are_those_of_plain_python(page: tuple[str, list[float]]) -> None:
    read = read_page(page[0].encode())
    features, words = features_of(read)
    count = len(words)
    probability = page[1][:count]
    it = Reference(read, probability)
    add_collective(read, words, np.array(probability), features)
    assert words.tolist() == it.words

    def check(name: str, expected: Iterable[float]) -> None:
        found = features[:, ALL_FEATURES.index(name)].tolist()
        assert found == pytest.approx(list(expected), abs=1e-4), name

    places = range(count)
    check("probability", it.p)
    check("page_probability", [it.mean(places)] * count)
    for reach in (1, 2, 4, 8, 16):
        check(f"probability_before_{reach}", (it.mean(range(max(0, at - reach), at)) for at in places))
        check(f"probability_after_{reach}", (it.mean(range(at + 1, min(count, at + 1 + reach))) for at in places))
    check("probability_at_-2", (it.p[at - 2] if at >= 2 else -1 for at in places))
    check("highest_after", (max(it.p[at + 1 : at + 6], default=-1) for at in places))
    cores = [at for at in places if it.core[at]]
    check("core_blocks_away_before", (min((at - core for core in cores if core < at), default=999) for at in places))
    check("core_blocks_away_after", (min((core - at for core in cores if core > at), default=999) for at in places))
    check(
        "core_words_away_after",
        (min((sum(it.words[at + 1 : core]) for core in cores if core > at), default=9999) for at in places),
    )
    elements = [int(element) for element in it.blocks.element]
    check("probability_of_parent", (it.mean(set(it.inside(it.parent(elements[at]))) - {at}) for at in places))
    check("probability_of_branch", (it.mean(set(it.inside(it.branch(at))) - {at}) for at in places))
    check("members_of_list", (len(it.others(at, lambda o: (it.shape(elements[o]), it.parent(elements[o])))) + 1
                              for at in places))  # fmt: skip
    check("probability_of_template", (
        it.mean(it.others(at, lambda o: (it.shape(elements[o]), it.shape(it.parent(elements[o]))))) for at in places
    ))  # fmt: skip
    check("probability_of_path", (
        it.mean(it.others(at, lambda o: [int(it.elements.kind[e]) for e in it.around(o)])) for at in places
    ))  # fmt: skip
    check("probability_under_heading", (it.mean(it.under_heading(at)) for at in places))


def test_the_expected_score_is_that_of_the_best_cut() -> None:
    read = read_page(b"<p>one two three<p>one two<p>one")
    features, words = features_of(read)
    add_collective(read, words, np.array([0.9, 0.5, 0.1]), features)
    expected = 0.9 * 3 + 0.5 * 2 + 0.1
    best = max(2 * hit / (taken + expected) for hit, taken in ((2.7, 3), (3.7, 5), (3.8, 6)))
    assert features[0, ALL_FEATURES.index("page_expected_f1")] == pytest.approx(best)
    assert features[:, ALL_FEATURES.index("words_more_probable")].tolist() == pytest.approx([0, 3 / 6, 5 / 6])


def test_a_page_without_blocks_is_fine() -> None:
    read = read_page(b"")
    features, words = features_of(read)
    add_collective(read, words, np.empty(0), features)
    assert features.shape == (0, len(ALL_FEATURES))
