"""Text that a page has twice: what counts as a copy, against a slow reference."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from prep.stages.extract.choosing.copy_kernels import drop_copies
from prep.stages.extract.engine import ReadPage, features_of, read_page, text_of
from prep.stages.extract.html.element_kernels import inside
from prep.stages.extract.writing.spacing_kernels import Booleans

GAUGE = "The gauge at the mill was read every morning, and the keeper wrote its level into a book."
FROST = "In spring the mark had been moved by frost, which took the surveyors some weeks to find out."
MORE = "Since then two marks are kept, one on the wall and one on the bridge below the mill."


def dropped(read: ReadPage) -> Booleans:
    _, words = features_of(read)
    return drop_copies(read.text, read.elements, read.blocks, words, np.ones(len(words), np.bool_))


def text_without_copies(page: str) -> str:
    read = read_page(page.encode())
    return text_of(read, dropped(read))


def test_the_second_layout_of_a_text_is_dropped() -> None:
    article = f"<h2>Marks</h2><p>{GAUGE}<p>{FROST}"
    page = f"<div class=wide>{article}</div><p>{MORE}</p><div class=phone>{article}</div>"
    assert text_without_copies(page) == f"Marks\n\n{GAUGE}\n\n{FROST}\n\n{MORE}"


def test_what_differs_stays() -> None:
    page = f"<div><p>Marks.<p>{FROST}</div><div><p>Marks.<p>{FROST} So they say.</div>"
    assert text_without_copies(page) == f"Marks.\n\n{FROST}\n\nMarks.\n\n{FROST} So they say."


def test_refrains_short_repetitions_code_and_cells_stay() -> None:
    refrain = "O mill, O frost, O gauge of ours, that stood in every kind of weather, and stands there, and will stand"
    for page in (
        f"<div><p>{refrain}<p>One verse.<p>{refrain}</div>",
        f"<div><b>From the mill</b></div>{GAUGE}<div><b>From the mill</b></div>{MORE}",
        f"<div><pre>{refrain}</pre></div><div><pre>{refrain}</pre></div>",
        f"<div><p>{refrain}</div><div><blockquote><p>{refrain}</blockquote><p>{MORE}</div>",
        f"<table><tr><td>a<td>{refrain}<tr><td>b<td>{refrain}</table>",
    ):
        read = read_page(page.encode())
        assert dropped(read).all()


def slow_copies(read: ReadPage, least_words: int = 20, share: float = 0.1) -> list[bool]:
    _, words = features_of(read)
    count = len(words)
    texts = [read.text[a:b].tobytes() for a, b in zip(read.blocks.start, read.blocks.end, strict=True)]
    elements = read.blocks.element
    fixed = [bool(read.elements.inside[element] & inside("pre td th blockquote")) for element in elements]
    least = max(least_words, share * int(words.sum()))
    left, places, place = [True] * count, list[int](), 0
    while place < count:
        runs = []
        for first in [p for p in reversed(places) if texts[p] == texts[place]][:8]:
            one, other = elements[first], elements[place]
            length = 0
            if one != other and read.elements.parent[one] != read.elements.parent[other]:
                while (
                    first + length < place
                    and place + length < count
                    and texts[first + length] == texts[place + length]
                    and not fixed[place + length]
                ):
                    length += 1
            runs.append((int(words[place : place + length].sum()), length))
        found, length = max(runs, key=lambda run: run[0], default=(0, 0))
        if found >= least:
            left[place : place + length] = [False] * length
            place += length
        else:
            places.append(place)
            place += 1
    return left


PARAGRAPHS = st.lists(st.sampled_from(["a b c d e f g h", "one two three four five six", GAUGE, "x"]), max_size=4)
PARTS = st.lists(st.tuples(st.sampled_from(["div", "pre", "section", "td", "blockquote"]), PARAGRAPHS), max_size=7)


@settings(max_examples=150, deadline=None)
@given(PARTS)
def test_copies_are_those_of_the_reference(parts: list[tuple[str, list[str]]]) -> None:
    page = "".join(
        f"<table><tr><td>{'<p>'.join(texts)}</table>" if name == "td" else f"<{name}><p>{'<p>'.join(texts)}</{name}>"
        for name, texts in parts
    )
    read = read_page(page.encode())
    assert dropped(read).tolist() == slow_copies(read)
