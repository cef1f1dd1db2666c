"""Markdown: what is written for each kind of block, and that no text is lost or added against plain text."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prep.stages.extract.engine import read_page, whole_text
from prep.stages.extract.extract import Extract
from prep.stages.stage import CheckContext


def markdown(page: str) -> str:
    return whole_text(read_page(page.encode()), "markdown")


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<h1>A <b>b</b></h1><h4>C|d</h4><p>e</p>", "# A b\n\n#### C|d\n\ne"),
        ("a <b>strong</b> and <i>soft </i>word, <code>x</code>", "a **strong** and *soft* word, `x`"),
        ("<b><i>both</i></b> <strong>a<br>b</strong>", "***both*** **a\nb**"),
        ("<ul><li>a<li>b<ul><li>c<ol><li>d</ol></ul></ul>e", "- a\n- b\n  - c\n    1. d\n\ne"),
        ("<ol start=3><li><p>a</p><p>b<br>c</p><li>d<li>e</ol>", "3. a\n\n   b\n   c\n\n4. d\n5. e"),
        ("<ol><li>a<blockquote>b</blockquote><li>c</ol>", "1. a\n\n   > b\n\n2. c"),
        ("<blockquote><ul><li>a<p>b</ul></blockquote>", "> - a\n\n>   b"),
        ("<ul><li><table><tr><td>a<td>b</table><li>c</ul>", "| a | b |\n| --- | --- |\n\n- c"),
        (
            "<table><tr><th>a<th>b<tr><td>c|<td><ul><li>d<li>e</ul><tr><td><td>f</table>g",
            "| a | b |\n| --- | --- |\n| c\\| | d e |\n| | f |\n\ng",
        ),
        (
            "<table><tr><td>a<td>b</table><table><tr><td>c<td>d</table>",
            "| a | b |\n| --- | --- |\n\n| c | d |\n| --- | --- |",
        ),
        ("<pre><code class='x language-Python'>a\n  b</code></pre>c", "```python\na\n  b\n```\n\nc"),
        ("<div class='highlight-default notranslate'><pre>a</pre></div>", "```\na\n```"),
        ("<div class=highlight-c++><pre><span>a</span></pre></div>", "```c++\na\n```"),
        ("<pre class='brush: js; gutter: false'>a ``` b</pre>", "````js\na ``` b\n````"),
        ("<ul><li>a<pre>x\n y</pre></ul>", "- a\n\n  ```\n  x\n   y\n  ```"),
        ("<blockquote><p>a<br>b<p>c</blockquote>d", "> a\n> b\n\n> c\n\nd"),
        ("so <math alttext='x^2'></math>", "so $x^2$"),
        ("", ""),
    ],
)
def test_what_is_written(page: str, text: str) -> None:
    assert markdown(page) == text


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<b>Name:</b>Bob", "**Name**:Bob"),
        ("<b>注意：</b>请看<i>“书”</i>吧", "**注意**：请看“*书*”吧"),
        ("a<b>(c)</b>d <i>x!</i> y", "a(**c**)d *x!* y"),
        ("<i>by</i> Ann<i>, a writer</i>", "*by* Ann, *a writer*"),
        ("<b>a</b><i>b</i> <b>a</b><i>b</i>c", "**a**_b_ **a**bc"),
        ("<b>a<i>b</i></b> and <i>a<b>b</b></i>", "**a*b*** and *a**b***"),
        ("<b><i>a</i> b</b>, <b>a <i>b</i> c</b>", "***a*** **b**, **a** ***b*** **c**"),
        ("<b>:</b>a <b>!!!</b>", ":a **!!!**"),
        ("<code>a</code><b>b.</b><code>c</code>", "`a`**b.**`c`"),
        (
            "<ul><li class=task-list-item><input type=checkbox checked disabled> oak"
            "<li><p><label><input type='checkbox'>elm</label><li><input type=radio>ash</ul>",
            "- [x] oak\n- [ ] elm\n- ash",
        ),
        ("<ol><li><input type=checkbox checked=''>oak<p>red</ol>", "1. [x] oak\n\n   red"),
        (
            "<table><tr><th scope=row>Name<td>Bob<tr><th scope=row>Age<td>4</table>",
            "| | |\n| --- | --- |\n| Name | Bob |\n| Age | 4 |",
        ),
        ("<table><tr><th>Name<td>Bob<td>x</table>", "| | | |\n| --- | --- | --- |\n| Name | Bob | x |"),
        ("<table><tr><td><th>a<tr><th>r<td>1</table>", "| | a |\n| --- | --- |\n| r | 1 |"),
        (
            "<table><tr><th>a<th>b<tr><td>x<table><tr><td>n<td>m</table>after<td>z</table>",
            "| a | b |\n| --- | --- |\n| x | |\n\n| n | m |\n| --- | --- |\n\n| after | z |\n| --- | --- |",
        ),
        ("<p><code style='white-space:pre'>if a:\n  b</code><p>c", "```\nif a:\n  b\n```\n\nc"),
        ("<ul><li><code class=language-sh>ls<br>cd</code></ul>", "- ```sh\n  ls\n  cd\n  ```"),
        ("<p>run <code>ls<br>cd</code>", "run `ls\ncd`"),
    ],
)
def test_marks_boxes_and_tables(page: str, text: str) -> None:
    assert markdown(page) == text


NAMES = ("p", "div", "ul", "ol", "li", "table", "tr", "td", "pre", "b", "i", "code", "h2", "blockquote", "br")
PAGES = st.lists(
    st.sampled_from(
        [f"<{name}>" for name in NAMES] + [f"</{name}>" for name in NAMES] + ["word", " ", "x|y", "`", "\n"]
    ),
    max_size=40,
).map("".join)


@settings(max_examples=300, deadline=None)
@given(PAGES)
def test_the_words_are_those_of_plain_text(page: str) -> None:
    read = read_page(page.encode())
    letters = [re.findall(r"word|[xy]", whole_text(read, form)) for form in ("text", "markdown")]
    assert letters[0] == letters[1]


def test_other_engines_write_plain_text() -> None:
    problems = list(Extract(engine="resiliparse", format="markdown").problems(CheckContext.__new__(CheckContext)))
    assert [problem.field for problem in problems] == [("format",)]
