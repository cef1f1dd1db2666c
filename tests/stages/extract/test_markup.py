"""Elements and blocks of pages, against a walk over the tree that a page was written from, and against lexbor."""

import html
import re
from collections import Counter
from collections.abc import Iterator
from html.entities import html5
from pathlib import Path

import numpy as np
import pytest
from fastwarc import ArchiveIterator, WarcRecordType
from hypothesis import given, settings
from hypothesis import strategies as st
from resiliparse.parse.html import HTMLTree

from prep.corpus.kernels import entry
from prep.corpus.text.utf8 import write_code_point
from prep.stages.extract.engine import ReadPage, read_page
from prep.stages.extract.html.element_kernels import HIDDEN_BIT, NAMES, inside
from prep.stages.extract.html.markup_kernels import DEEPEST, count_tags
from prep.stages.extract.html.reference_kernels import read_reference
from prep.stages.shared.charset.page import decode_page

BLOCKS = ("div", "section", "p", "ul", "li", "table", "tr", "td", "h2", "pre", "x-box")
INLINE = ("em", "b", "u", "i", "unknown")  # links and spans are set apart where they meet (`test_inline`)
Node = str | tuple[str, list["Node"]]

TEXTS = st.text(alphabet="ab 12.\n\t  é—世🙂<&>\"'", max_size=12)
INLINE_NODES: st.SearchStrategy[Node] = st.recursive(
    TEXTS | st.just(("br", [])),
    lambda inner: st.tuples(st.sampled_from(INLINE[:-1]), st.lists(inner, max_size=3)),
    max_leaves=6,
)
NODES: st.SearchStrategy[Node] = st.recursive(
    INLINE_NODES,
    lambda inner: st.tuples(st.sampled_from(["div", "section", "h2", "x-box", "script"]), st.lists(inner, max_size=4)),
    max_leaves=15,
)


def write(node: Node) -> str:
    if isinstance(node, str):
        return html.escape(node)
    name, children = node
    if name == "br":
        return "<br>"
    if name == "script":
        return "<script>if (a </b> && '<p>x')</script>"
    return f"<{name}>" + "".join(map(write, children)) + f"</{name}>"


def pieces(node: Node) -> Iterator[str]:
    """Yield the visible text of a tree, with U+0000 for a break between blocks and U+0001 for one between lines."""
    if isinstance(node, str):
        yield re.sub(r"[ \t\n\xa0]+", " ", node)
    elif node[0] == "br":
        yield "\x01"
    elif node[0] != "script":
        block = node[0] in BLOCKS
        yield "\x00" * block
        for child in node[1]:
            yield from pieces(child)
        yield "\x00" * block


def slow_blocks(nodes: list[Node]) -> list[str]:
    text = "".join(piece for node in nodes for piece in pieces(node))
    text = re.sub(
        r" *([\x00\x01]) *(?:([\x00\x01]) *)*", lambda m: "\x00" if len(m[0].replace(" ", "")) > 1 else m[1], text
    )
    blocks = [re.sub(" +", " ", block).strip(" \x01") for block in text.split("\x00")]
    return [block.replace("\x01", "\n") for block in blocks if block]


def texts(read: ReadPage) -> list[str]:
    return [
        read.text[start:end].tobytes().decode() for start, end in zip(read.blocks.start, read.blocks.end, strict=True)
    ]


@settings(max_examples=300, deadline=None)
@given(st.lists(NODES, max_size=6))
def test_blocks_are_those_of_the_tree(nodes: list[Node]) -> None:
    page = "".join(map(write, nodes))
    assert texts(read_page(page.encode())) == slow_blocks(nodes)


@pytest.mark.parametrize(
    ("page", "blocks"),
    [
        ("<ul><li>a<li>b<ul><li>c</ul>d</ul>e", ["a", "b", "c", "d", "e"]),
        ("<dl><dt>a<dd>b<dt>c</dl>", ["a", "b", "c"]),
        ("<table><tr><td>a<td>b<tr><th>c</table>d", ["a", "b", "c", "d"]),
        ("<p>a<div>b</div>c", ["a", "b", "c"]),
        ("a</p>b", ["a", "b"]),
        ("a<br>b<br><br>c<br> <br>d", ["a\nb", "c", "d"]),
        ("a<b>b</i>c</b>d", ["abcd"]),
        ("<title>no</title>a<style>p{}</style>b<!-- c --><!doctype x><?pi?>d", ["abd"]),
        ("<script><!-- <p>x</p> --></script>a<textarea><p>x</textarea>", ["a", "<p>x"]),
        ("<select><option>x<option>y</select>a<svg><text>x</text><path/></svg>b<template><p>x</template>c", ["a bc"]),
        ("<pre>  a\n   b\n\n c</pre>", ["  a\n   b\n\n c"]),
        ("<head><meta x><title>t</title>a<p>b", ["a", "b"]),
        ("1 < 2 & 3 <4 <", ["1 < 2 & 3 <4 <"]),
        ("<p a='>' b=\">\" c=>a", ["a"]),
        ("<P CLASS=x>a</P><DIV>b</div>", ["a", "b"]),
        ("a<p", ["a"]),
        ("a<!-- never closed", ["a"]),
        ("<script>never closed <p>b", []),
        ("&nbsp;&amp;&lt;p&gt; &eacute;&#8217;&#x2019;&copy &unknown; &#128;", ["&<p> é’’© &unknown; €"]),
    ],
)
def test_tags_that_are_left_out_are_implied(page: str, blocks: list[str]) -> None:
    assert texts(read_page(page.encode())) == blocks


def test_an_end_tag_in_a_cell_closes_nothing_outside() -> None:
    read = read_page(b"<div><table><tr><td>a</div>b</td><td>c</td></tr></table>d</div>")
    cells = [read.elements.inside[element] & inside("td") != 0 for element in read.blocks.element]
    assert (texts(read), cells) == (["a", "b", "c", "d"], [True, True, True, False])


def test_what_is_hidden_is_known() -> None:
    page = b"<p hidden>a</p><p style='color:red; Display : none'>b</p><p aria-hidden=true>c</p><p style=display:flex>d"
    read = read_page(page)
    assert [read.elements.inside[element] & HIDDEN_BIT != 0 for element in read.blocks.element] == [True] * 3 + [False]


@pytest.mark.parametrize("name", ["div", "b", "table", "li", "path"])
def test_elements_are_bounded_in_depth_and_none_is_lost(name: str) -> None:
    read = read_page(f"<{name}>".encode() * 5000 + b"deep" + f"</{name}>".encode() * 5000 + b"<p>after")
    assert read.elements.depth.max() <= DEEPEST
    assert texts(read) == ["deep", "after"] if name not in {"path", "b"} else texts(read)[-1] == "after"
    assert read.elements.depth[read.blocks.element[-1]] == 1


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | st.text(alphabet="<>/!-=\"' apbtdrli&#;x1", max_size=200).map(str.encode))
def test_any_bytes_are_read(page: bytes) -> None:
    page = page.decode("utf-8", "replace").encode()
    read = read_page(page)
    elements, blocks = read.elements, read.blocks
    numbers = np.arange(len(elements.kind))
    assert len(numbers) <= count_tags(np.frombuffer(page, np.uint8)) + 1
    assert (elements.parent < numbers).all()
    assert (elements.depth[1:] == elements.depth[elements.parent[1:]] + 1).all()
    assert (elements.first <= elements.last).all()
    assert (elements.last[1:] <= elements.last[elements.parent[1:]]).all()
    assert (blocks.start < blocks.end).all()
    assert (blocks.end[:-1] <= blocks.start[1:]).all()
    assert all(block.strip() for block in texts(read))
    assert read.runs.words.sum() <= sum(len(block) for block in texts(read))


@given(
    st.sampled_from([f"&{name}" for name in html5]) | st.from_regex(r"&[a-zA-Z0-9]{1,8};?", fullmatch=True)
    | st.sampled_from(["&#65;", "&#x1F600;", "&#0;", "&#xD800;", "&#150;", "&nope;", "&", "&notit;", "&copy2024"])
)  # fmt: skip
def test_references_are_those_of_the_standard_library(reference: str) -> None:
    data = np.frombuffer((reference + " ").encode(), np.uint8)
    code, second, end = entry(read_reference)(data, 1, len(data))
    rest = data[end:].tobytes().decode()
    target = np.zeros(8, np.uint8)
    written = entry(write_code_point)(target, 0, code) if code >= 0 else 0
    written = entry(write_code_point)(target, written, second) if second else written
    read = target[:written].tobytes().decode() if code >= 0 else "&"
    assert read + rest == html.unescape(reference + " ")


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("&#55357;&#56832; &#xD83D;&#xDE00;", "😀 😀"),
        ("&#55357 &#55357;&#55357;&#56832; &#56832;&#55357;x &#55357;&#65;", "\ufffd \ufffd😀 \ufffd\ufffdx \ufffdA"),
    ],
)
def test_halves_of_a_surrogate_pair_are_one_character(page: str, text: str) -> None:
    assert texts(read_page(page.encode())) == [text]


def test_real_pages_have_the_words_that_lexbor_finds(test_data: Path) -> None:
    different = []
    with (test_data / "web" / "pages-1.warc.gz").open("rb") as stream:
        for record in ArchiveIterator(stream, record_types=WarcRecordType.response):
            page = decode_page(record.reader.read(), None).text
            ours, canonical = (read_page(form.encode()) for form in (page, str(HTMLTree.parse(page))))
            ours_words, its_words = (Counter(re.findall(r"\w+", " ".join(texts(read)))) for read in (ours, canonical))
            different.append(((ours_words - its_words) + (its_words - ours_words)).total() / (1 + its_words.total()))
    assert len(different) > 60
    assert max(different) < 0.01
    assert sum(share > 0 for share in different) <= 3


def test_names_have_numbers() -> None:
    assert len(set(NAMES)) == len(NAMES) < 256
