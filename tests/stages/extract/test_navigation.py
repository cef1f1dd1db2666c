"""Lines that lead to other pages, and lists of a page's own parts: what is left out, against slow references."""

import re
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prep.stages.extract.choosing.contents_kernels import contents_lists
from prep.stages.extract.choosing.navigation_kernels import LINE_WORDS, navigation_lines
from prep.stages.extract.engine import ReadPage, features_of, read_page, text_of
from prep.stages.extract.html.element_kernels import NAMES

TEXT = "<p>The gauge at the mill was read every morning, and the keeper wrote its level into a book that is kept.</p>"
ENTRIES = "".join(f"<li>{place}. <a href='#part-{place}'>Part {place} of the book</a>" for place in range(1, 6))


def left(page: str) -> str:
    read = read_page(page.encode())
    _, words = features_of(read)
    kept = np.ones(len(words), np.bool_)
    kept &= ~navigation_lines(read.text, read.elements, read.blocks, read.runs, words, kept)
    kept &= ~contents_lists(read.page, read.text, read.elements, read.blocks, read.runs, words, kept)
    return text_of(read, kept)


@pytest.mark.parametrize(
    "line",
    [
        "<p>Next: <a href=a>Frost on the mark</a>, Previous: <a href=b>Gauges</a>, Up: <a href=c>Mills</a> &nbsp; "
        "[<a href=t>Contents</a>][<a href=i>Index</a>]</p>",
        "<p>Up: <a href=c>The river in winter</a></p>",
        "<div><b>Next:</b> <a href=a>Frost</a> <b>Up:</b> <a href=b>Mills</a> <b>Previous:</b> <a href=c>Ice</a></div>",
        "<p>Nächste: <a href=a>Frost</a>, Vorige: <a href=b>Pegel</a>, Nach oben: <a href=c>Mühlen</a></p>".replace(
            "Vorige", "Vorherige"
        ).replace("Nach oben", "Aufwärts"),
        "<p>Suivant: <a href=a>Le gel</a>, Précédent: <a href=b>Le moulin</a></p>",
        "<p>[<a href=o>Overview</a>][<a href=t>Types of mills</a>][<a href=i>Index</a>]</p>",
        "<p><a href=a>[Top of Book]</a> <a href=b>[Contents]</a> <a href=c>[Previous Chapter]</a></p>",
        "<p><a href=a>&lt;-previous</a><a href=b>next-&gt;</a></p>",
        "<p><a href=a>« Prev</a> · <a href=b>Up</a> · <a href=c>Next »</a></p>",
        "<table><tr><td><a href=a>Prev</a><td><a href=b>Home</a><td><a href=c>Next</a></table>",
        "<table><tr><td>[ <a href=a>&lt;&lt;</a> ]<td>[<a href=t>Top</a>]<td>[<a href=c>Contents</a>]</table>",
        "<p><a href=a>前へ</a> | <a href=b>目次</a> | <a href=c>次へ</a></p>",
        "<div class=x><p>Table of Contents</p><ul>" + ENTRIES + "</ul></div>",
        "<h2>Contents</h2><ul>" + ENTRIES + "</ul>",
        "<p>On this page</p><p>" + ENTRIES.replace("<li>", " · ") + "</p>",
        "<dl>" + ENTRIES.replace("<li>", "<dt>") + "</dl>",
        "<ul>" + ENTRIES + "<li><a href='#last'>Last</a><ul>" + ENTRIES + "</ul></ul>",
    ],
)
def test_what_leads_elsewhere_is_left_out(line: str) -> None:
    assert left(TEXT * 9 + line + TEXT * 2) == left(TEXT * 11)


@pytest.mark.parametrize(
    "line",
    [
        "<p>Next we look at the <a href=a>contents</a> of the book, then at its index.</p>",
        "<p>The <a href=a>next</a> and the <a href=b>previous</a> page are equal.</p>",
        "<ul><li><a href=a>From the top of the mill to the end of the river</a><li><a href=b>The frost index</a></ul>",
        "<p>Contents: <a href=a>two books and a map</a></p>",
        "<p>Home</p><p>Next: the river in winter, Previous: the mill</p>",
        "<h2><a href=a>Next</a> and <a href=b>previous</a></h2>",
        "<table><tr><td>Next<td>goes to the page after it<td>see <a href=a>Up</a></table>",
        "<ul><li><a href='#a'>One</a>: a gauge<li><a href='#b'>Two</a>: a mark<li><a href='#c'>Three</a>: a sign<li>"
        "<a href='#d'>Four</a>: a stone</ul>",
        "<ul><li><a href='#a'>One</a><li><a href='#b'>Two</a><li><a href='#c'>Three</a></ul>",
        "<ul><li><a href=a>One</a><li><a href=b>Two</a><li><a href=c>Three</a><li><a href=d>Four</a></ul>",
        "<ul><li><a href='#'>One</a><li><a href='#'>Two</a><li><a href='#'>Three</a><li><a href='#'>Four</a></ul>",
        "<ul><li>= <a href='#a'>A</a><li>| <a href='#b'>B</a><li>| <a href='#c'>C</a><li>| <a href='#d'>D</a></ul>",
    ],
)
def test_what_says_something_stays(line: str) -> None:
    page = read_page((TEXT * 9 + line).encode())
    assert left(TEXT * 9 + line) == text_of(page, np.ones(len(page.blocks.start), np.bool_))


def test_a_page_that_is_a_list_of_its_parts_stays() -> None:
    assert left(f"<ul>{ENTRIES}</ul>").startswith("- 1. Part 1 of the book")


def slow_navigation(read: ReadPage) -> list[bool]:
    groups = {word: group for group, words in LINE_WORDS.items() for word in words}
    count = len(read.blocks.start)
    units, rows = list[int](), list[int]()
    for block in range(count):
        element = int(read.blocks.element[block])
        while element > 0 and NAMES[read.elements.kind[element]] not in ("tr", "table"):
            element = int(read.elements.parent[element])
        row = element if NAMES[read.elements.kind[element]] == "tr" else -1 - block
        units.append(units[-1] if rows and rows[-1] == row else block)
        rows.append(row)
    found = []
    for block in range(count):
        of_it = [other for other in range(count) if units[other] == units[block]]
        parts = [part for other in of_it for part in slow_parts(read, other)]
        free = any(word not in groups for link, text in parts if not link for word in re.findall(r"[^\W\d_]+", text))
        places = 0
        for link, text in parts:
            words = [(word, after) for word, after in re.findall(r"([^\W\d_]+)(.?)", text)]
            if link:
                all_known = all(word in groups for word, _ in words)
                places += all_known and any(groups[word] != "other" for word, _ in words)
            elif not free:
                for word, after in words:
                    if groups[word] != "other":
                        places += 2 if groups[word] == "direction" and after == ":" else 1
        fixed = any(slow_is_fixed(read, other) for other in of_it)
        found.append(not free and not fixed and places >= 2 and any(link for link, _ in parts))
    return found


def slow_parts(read: ReadPage, block: int) -> list[tuple[int, str]]:
    """Return the runs of a block, those of one link together, each with its link or 0."""
    parts = list[tuple[int, str]]()
    for run in range(int(read.blocks.run[block]), int(read.blocks.run[block + 1])):
        link = int(read.runs.element[run])
        while link > 0 and NAMES[read.elements.kind[link]] != "a":
            link = int(read.elements.parent[link])
        last = run + 1 == read.blocks.run[block + 1]
        end = read.blocks.end[block] if last else read.runs.start[run + 1]
        text = read.text[read.runs.start[run] : end].tobytes().decode().lower()
        if parts and parts[-1][0] == link:
            parts[-1] = (link, f"{parts[-1][1]} {text}")
        else:
            parts.append((link, text))
    return parts


def slow_is_fixed(read: ReadPage, block: int) -> bool:
    element = int(read.blocks.element[block])
    while element > 0:
        if re.fullmatch("pre|h[1-6]", NAMES[read.elements.kind[element]]):
            return True
        element = int(read.elements.parent[element])
    return False


PARTS = st.sampled_from(
    ["Next", "Previous: ", "Up: ", "[Contents]", "Top of page", "the", "river", " | ", "Índice", "12", "« "]
)
LINES = st.tuples(
    st.sampled_from(["<p>", "<h2>", "<pre>", "<tr><td>", "<td>", "</table>", "<table>"]),
    st.lists(st.one_of(PARTS, PARTS.map(lambda text: f"<a href=x>{text}</a>")), max_size=5),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(LINES, max_size=6))
def test_lines_are_those_of_the_reference(lines: list[tuple[str, list[str]]]) -> None:
    read = read_page("".join(f"{tag}{' '.join(parts)}" for tag, parts in lines).encode())
    _, words = features_of(read)
    kept = np.ones(len(words), np.bool_)
    found = navigation_lines(read.text, read.elements, read.blocks, read.runs, words, kept)
    assert found.tolist() == slow_navigation(read)


LISTS = st.lists(
    st.tuples(
        st.sampled_from(["<ul>", "<li>", "</ul>", "<div>", "</div>", "<p>", "<pre>"]),
        st.sampled_from(
            ["", "<a href='#a'>One two</a>", "<a href=b>Three</a>", "7.", "word", "<a href='#'>x</a>", "= "]
        ),
    ),
    max_size=24,
)


@settings(max_examples=200, deadline=None)
@given(LISTS)
def test_lists_are_those_of_the_reference(tags: list[tuple[str, str]]) -> None:
    read = read_page((TEXT * 3 + "".join(tag + text for tag, text in tags)).encode())
    _, words = features_of(read)
    kept = np.ones(len(words), np.bool_)
    found = contents_lists(read.page, read.text, read.elements, read.blocks, read.runs, words, kept)
    assert found.tolist() == slow_lists(read)


class _Counted(NamedTuple):
    links: set[int]
    linked: int
    others: int


def slow_lists(read: ReadPage) -> list[bool]:
    count = len(read.blocks.start)
    counted = list[_Counted]()
    for block in range(count):
        links, linked, others = set[int](), 0, 0
        in_code = slow_is_fixed(read, block)
        for run in range(int(read.blocks.run[block]), int(read.blocks.run[block + 1])):
            link = int(read.runs.element[run])
            while link > 0 and NAMES[read.elements.kind[link]] != "a":
                link = int(read.elements.parent[link])
            end = read.blocks.end[block] if run + 1 == read.blocks.run[block + 1] else read.runs.start[run + 1]
            text = read.text[read.runs.start[run] : end].tobytes().decode()
            to_part = link > 0 and read.page[read.elements.tag[link] :].tobytes().startswith(b" href='#a'")
            if to_part:
                links.add(link)
            if to_part and not in_code:
                linked += int(read.runs.words[run])
            elif re.search("[a-z]", text, re.IGNORECASE) or (run == read.blocks.run[block] and text[0] in "=|"):
                others += max(1, int(read.runs.words[run]))
        counted.append(_Counted(links, linked, others))
    total = int(sum(read.runs.words))
    found, reached = [False] * count, 0
    for element in range(1, len(read.elements.kind)):
        first = int(read.blocks.begun[read.elements.first[element]])
        last = int(read.blocks.begun[read.elements.last[element]])
        entries = len(set().union(*(part.links for part in counted[first:last])))
        linked, others = (
            sum(part.linked for part in counted[first:last]),
            sum(part.others for part in counted[first:last]),
        )
        if first < reached or entries < 4 or linked < 0.9 * (linked + others) or linked + others > total / 2:
            continue
        for block in range(first, last):
            found[block] = counted[block].others == 0
        reached = last
    return found
