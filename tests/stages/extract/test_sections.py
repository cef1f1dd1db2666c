"""Sections, headings and titles of reference pages, and pages that are an index, against slow references."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prep.stages.extract.choosing.contents_kernels import without_index
from prep.stages.extract.choosing.section_kernels import is_for_reference, keep_headings, keep_sections, site_names
from prep.stages.extract.engine import ReadPage, features_of, main_text, read_page, text_of
from prep.stages.extract.html.element_kernels import NAMES, inside
from prep.stages.extract.model.model import load_model
from prep.stages.extract.writing.spacing_kernels import Booleans

HEADINGS = inside("h1 h2 h3 h4 h5 h6")
TEXT = "The gauge at the mill was read every morning, and the keeper wrote its level into a book that is kept."
SECTION = (
    f"<div><h4>open_gauge(Name) -> ok | error</h4><div>Name = atom()</div><p>{TEXT}</p><div>See also it.</div></div>"
)


def part_kept(page: str, lost: tuple[str, ...], hardly: tuple[str, ...] = ()) -> str:
    """Return the text of a page where blocks of these texts were judged no content."""
    read, words = read_with_words(page)
    texts = [read.text[a:b].tobytes().decode() for a, b in zip(read.blocks.start, read.blocks.end, strict=True)]
    probability = np.array([0.01 if text in hardly else 0.3 if text in lost else 0.9 for text in texts])
    kept = np.array([text not in (*lost, *hardly) for text in texts])
    names = site_names(read.page, read.elements, read.blocks, read.runs)
    kept |= keep_sections(read.elements, read.blocks, words, probability, kept) & ~names
    return text_of(read, headed(read, words, kept, names))


def headed(read: ReadPage, words: np.typing.NDArray[np.int32], kept: Booleans, left_out: Booleans) -> Booleans:
    return keep_headings(read.page, read.facts, read.text, read.elements, read.blocks, read.runs, words, kept, left_out)


def read_with_words(page: str) -> tuple[ReadPage, np.typing.NDArray[np.int32]]:
    read = read_page(page.encode())
    return read, features_of(read)[1]


def test_a_signature_and_its_types_stay_with_their_section() -> None:
    lost = ("open_gauge(Name) -> ok | error", "Name = atom()", "See also it.")
    text = f"open_gauge(Name) -> ok | error\n\nName = atom()\n\n{TEXT}"
    assert part_kept(SECTION, lost) == text
    assert part_kept(SECTION, lost[:1], lost[1:]) == f"open_gauge(Name) -> ok | error\n\n{TEXT}"


@pytest.mark.parametrize(
    ("heading", "is_kept"),
    [
        ('<h1><a href="../index.html">Mill Handbook</a></h1>', False),
        ('<h1><a href="/">Mill <b>Handbook</b></a></h1>', False),
        ('<h1><a href="#top">Mill Handbook</a></h1>', True),
        ('<h1><a name="gauge">Mill Handbook</a></h1>', True),
        ('<h1>Mill <a href="../index.html">Handbook</a></h1>', True),
    ],
)
def test_the_name_of_the_site_is_no_title(heading: str, is_kept: bool) -> None:
    page = f"<title>Gauge - Mill Handbook</title>{heading}<p>{TEXT}</p>"
    assert part_kept(page, ("Mill Handbook",)) == (f"Mill Handbook\n\n{TEXT}" if is_kept else TEXT)


def test_a_section_that_is_mostly_lost_stays_lost() -> None:
    page = f"<div><h2>More</h2><p>Kept.</p><p>{TEXT}</p><p>Kept too.</p></div>"
    assert part_kept(page, ("More", TEXT)) == "More\n\nKept.\n\nKept too."


def test_the_middle_of_a_long_page_stays() -> None:
    body = "".join(f"<p>{place}. {TEXT}</p>" for place in range(60))
    lost = tuple(f"{place}. {TEXT}" for place in (0, 30, 31, 59))
    text = part_kept(body, lost)
    assert f"30. {TEXT}\n\n31. {TEXT}" in text
    assert text.startswith("1. ")
    assert text.endswith(f"58. {TEXT}")


@pytest.mark.parametrize(
    ("page", "title"),
    [
        (f"<h1>Mills</h1><p>{TEXT}</p>", "Mills"),
        (f"<div class=titlepage><h2 class=title>5. Mills</h2></div><p>{TEXT}</p>", "5. Mills"),
        (f"<title>Mills and gauges</title><h1>Mills</h1><p>By a keeper</p><p>{TEXT}</p>", "Mills"),
        (
            f"<title>mill.h File Reference</title><div class=title>mill.h File Reference</div><p>{TEXT}",
            "mill.h File Re",
        ),
        (f"<h1>Mills</h1><h2>Gauges</h2><p>{TEXT}</p>", "Mills\n\nGauges"),
        (f"<h1>Mills</h1><p class=doc-name>{TEXT}</p>", "Mills"),
        (
            f"<title>Mills</title><div class=fancy_title>Mills</div><a href=a>1. Gauges</a><h1>1.</h1><p>{TEXT}</p>",
            "Mi",
        ),
    ],
)
def test_the_title_begins_the_text(page: str, title: str) -> None:
    read, words = read_with_words(page)
    kept = np.zeros(len(words), np.bool_)
    kept[-1] = True
    text = text_of(read, headed(read, words, kept, np.zeros(len(kept), np.bool_)))
    assert text.startswith(title)
    assert text.endswith(f"\n\n{TEXT}")
    assert "keeper\n" not in text


@pytest.mark.parametrize(
    "page",
    [
        f"<h1>The mill's site</h1><ul><li><a href=a>Home</a><li><a href=b>News</a></ul><p>{TEXT}</p>",
        f"<title>Mills</title><h1>Mills</h1>{'<p>Some other text that is here.</p>' * 4}<p>{TEXT}</p>",
        f"<title>Mills</title><div class=title>Something else</div><p>{TEXT}</p>",
        f"<title>Mills</title><p>Mills</p><p>{TEXT}</p>",
    ],
)
def test_what_is_no_title_stays_out(page: str) -> None:
    read, words = read_with_words(page)
    kept = np.zeros(len(words), np.bool_)
    kept[-1] = True
    assert text_of(read, headed(read, words, kept, np.zeros(len(kept), np.bool_))) == TEXT


def test_a_heading_that_is_left_out_does_not_come_back() -> None:
    read, words = read_with_words(f"<h2>Contents</h2><p>{TEXT}</p><h2>Contents</h2><p>{TEXT}</p>")
    kept, left_out = np.array([False, True, False, True]), np.array([True, False, True, False])
    assert headed(read, words, kept, left_out).tolist() == kept.tolist()


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("<meta name=generator content=DocBook>", True),
        ("<meta property='og:title' content=Mills>", False),
        ("<meta name=twitter:card content=summary>", False),
        ("<script type='application/ld+json'>{}</script>", False),
        ("<div class=forum>", False),
    ],
)
def test_which_pages_are_for_reference(head: str, expected: bool) -> None:
    read, words = read_with_words(f"{head}<div><p>{TEXT}</p></div>")
    assert is_for_reference(read.page, read.facts, read.elements, read.blocks, words) == expected


LINKS = "".join(f"<a href=f{place}.html>function {place}</a> " for place in range(30))


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        (f"<h1>Index of functions</h1><p>{LINKS}</p>", True),
        (f"<h2>A</h2><p>{LINKS}</p><p>B</p><ul><li>{LINKS.replace(' <', '<li><')}</ul>", True),
        (f"<dl><dt>gauge level</dt><dd>{LINKS}</dd><dt>mill</dt><dd>{LINKS}</dd></dl>", True),
        (f"<dl>{'<dt><a href=a>mill</a><dd>A building with stones that turn.' * 30}</dl>", False),
        (f"<p>{TEXT}</p><p>{LINKS}</p>", False),
        (f"<p>{LINKS[:100]}</p>", False),
        ("".join(f"<p><a href=a{place}>{TEXT}</a></p>" for place in range(30)), False),
    ],
)
def test_which_pages_are_an_index(page: str, expected: bool) -> None:
    read, words = read_with_words(page)
    kept = np.ones(len(words), np.bool_)
    assert without_index(read.elements, read.blocks, read.runs, kept).tolist() == [not expected] * len(kept)


def test_what_an_index_says_beside_its_entries_stays() -> None:
    entries = LINKS * 6
    read, words = read_with_words(
        f"<h1>Mills</h1><h2>Gauge</h2><p>What tells the level of a river.</p><p>{entries}</p>"
    )
    kept = without_index(read.elements, read.blocks, read.runs, np.ones(len(words), np.bool_))
    assert text_of(read, kept) == ""
    page = f"<h1>Mills</h1><h2>Gauge</h2><p>What tells the level of a river at a mill.</p><p>{entries}</p><h2>B</h2>"
    read, words = read_with_words(page)
    kept = without_index(read.elements, read.blocks, read.runs, np.ones(len(words), np.bool_))
    assert text_of(read, kept) == "Mills\n\nGauge\n\nWhat tells the level of a river at a mill."


def test_a_manual_begins_with_its_title_and_an_index_has_no_text() -> None:
    model = load_model()
    menu = "<ul><li><a href=a>Home</a><li><a href=b>Download</a></ul>"
    manual = f"<title>Mills</title>{menu}<h1>Mills</h1>{f'<p>{TEXT}</p>' * 9}<p>Copyright</p>"
    assert main_text(read_page(manual.encode()), model).startswith(f"Mills\n\n{TEXT}")
    assert main_text(read_page(f"<h1>Index</h1><ul>{LINKS.replace('<a', '<li><a')}</ul>".encode()), model) == ""


TAGS = st.lists(
    st.tuples(
        st.sampled_from(["<div>", "</div>", "<h1>", "<h2>", "<h4>", "<p>", "</p>", "<div class=title>", "</h2>"]),
        st.sampled_from(["", "mill", "the gauge", "<a href=b>link</a>", f"<p>{TEXT}</p>", "one two three " * 9]),
        st.sampled_from([0.02, 0.3, 0.9]),
    ),
    max_size=20,
)


@settings(max_examples=200, deadline=None)
@given(TAGS, st.booleans())
def test_what_is_kept_is_that_of_the_reference(tags: list[tuple[str, str, float]], titled: bool) -> None:
    title = "<title>The gauge</title>" if titled else ""
    read, words = read_with_words(title + "".join(tag + text for tag, text, _ in tags))
    count = len(words)
    probability = np.resize([share for _, _, share in tags] or [0.5], count).astype(np.float64)
    kept, left_out = probability > 0.5, probability == 0.02
    sections = keep_sections(read.elements, read.blocks, words, probability, kept)
    assert sections.tolist() == slow_sections(read, words, probability, kept)
    assert headed(read, words, kept, left_out).tolist() == slow_headings(read, words, kept, left_out, titled)


def slow_sections(
    read: ReadPage, words: np.typing.NDArray[np.int32], probability: np.typing.NDArray[np.float64], kept: Booleans
) -> list[bool]:
    heading = [bool(read.elements.inside[element] & HEADINGS) for element in read.blocks.element]
    whole: list[bool] = kept.tolist()
    for element in range(len(read.elements.kind)):
        first = int(read.blocks.begun[read.elements.first[element]])
        last = int(read.blocks.begun[read.elements.last[element]])
        if element == 0:
            first, last = 0, len(kept)
        places = list(range(first, last))
        size, of_it = int(words[first:last].sum()), int((words * kept)[first:last].sum())
        if of_it == 0 or not any(kept[place] and not heading[place] for place in places):
            continue
        found = [place for place in places if kept[place]]
        if heading[first] and size <= 400 and 2 * of_it >= size:
            begin = first
        elif size >= 1000 and of_it >= 0.8 * size:
            begin = found[0]
        else:
            continue
        for place in range(begin, found[-1] + 1):
            whole[place] = whole[place] or bool(probability[place] >= 0.1)
    return whole


def slow_headings(
    read: ReadPage, words: np.typing.NDArray[np.int32], kept: Booleans, left_out: Booleans, titled: bool
) -> list[bool]:
    count = len(kept)
    whole: list[bool] = kept.tolist()
    if not any(whole):
        return whole
    elements = read.elements
    levels, agrees, texts = list[int](), list[bool](), list[str]()
    for block in range(count):
        element = int(read.blocks.element[block])
        tag = read.page[elements.tag[element] :].tobytes()
        level = 1 if tag.startswith(b" class=title") else 9
        while element > 0 and not re.fullmatch("h[1-6]", NAMES[elements.kind[element]]):
            element = int(elements.parent[element])
        level = int(NAMES[elements.kind[element]][1]) if element > 0 else level
        levels.append(level)
        text = read.text[read.blocks.start[block] : read.blocks.end[block]].tobytes().decode()
        texts.append(text)
        found = [word.strip(".,") for word in text.lower().split()]
        agrees.append(titled and 2 * sum(word in ("the", "gauge") for word in found) >= len(found))
    heading = [bool(elements.inside[element] & HEADINGS) for element in read.blocks.element]
    first, last = whole.index(True), count - 1 - whole[::-1].index(True)
    for block in range(last - 1, first, -1):
        if heading[block] and whole[block + 1] and not left_out[block]:
            whole[block] = True
    between, block, level = 0, first - 1, levels[first] if heading[first] else 9
    while block >= 0 and between <= 15:
        adjacent = block == first - 1 and heading[block] and levels[block] < level
        may = not left_out[block] and words[block] <= 40 and levels[block] <= min(level, 3)
        if may and (adjacent or (agrees[block] and texts[block] != texts[first])):
            whole[block] = True
            first, level = block, levels[block]
        else:
            for run in range(int(read.blocks.run[block]), int(read.blocks.run[block + 1])):
                in_link = elements.inside[read.runs.element[run]] & inside("a")
                between += 0 if in_link else int(read.runs.words[run])
        block -= 1
    return whole
