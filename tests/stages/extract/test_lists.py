"""Lists: their dashes, numbers and letters as a page shows them, and how deep their items stand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prep.corpus.kernels import entry
from prep.stages.extract.engine import Form, read_page, whole_text
from prep.stages.extract.writing.number_kernels import CAPITALS, DIGITS, LETTERS, PADDED, ROMAN, write_number


def text_of(page: str, form: Form = "text") -> str:
    return whole_text(read_page(page.encode()), form)


@pytest.mark.parametrize(
    ("page", "text"),
    [
        (
            "<ul><li>oak</li><ul><li>red</li><ul><li>old</li></ul></ul><li>elm</li></ul>",
            "- oak\n  - red\n    - old\n- elm",
        ),
        ("<ol><li>oak</li><ol><li>red<li>white</ol><li>elm</ol>", "1. oak\n  1. red\n  2. white\n2. elm"),
        ("<ul><li>oak</li><ol><li>red</ol><li>elm<ul><li>wych</ul></ul>", "- oak\n  1. red\n- elm\n  - wych"),
        ("<ul><ul><li>red</ul><li>elm</ul>", "- red\n- elm"),
        ("<ul><li>oak</li><div><ul><li>red</ul></div></ul>", "- oak\n  - red"),
    ],
)
def test_lists_directly_in_lists_are_indented(page: str, text: str) -> None:
    assert text_of(page) == text
    assert (
        text_of(page, "markdown") == text.replace("\n  1.", "\n   1.").replace("\n  2.", "\n   2.")
        if page.startswith("<ol")
        else text
    )


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<ol type=a><li>oak<li>elm</ol>", "a. oak\nb. elm"),
        ("<ol type=A start=26><li>oak<li>elm</ol>", "Z. oak\nAA. elm"),
        ("<ol type=i><li>oak<li value=9>elm<li>ash</ol>", "i. oak\nix. elm\nx. ash"),
        ("<ol type='I' start=1999><li>oak</ol>", "MCMXCIX. oak"),
        ("<ol type=1><li>oak<li type=a>elm</ol>", "1. oak\nb. elm"),
        ("<ol style='color:red; list-style-type : Upper-Roman !important'><li>oak<li>elm</ol>", "I. oak\nII. elm"),
        ("<ol style='list-style: lower-latin inside'><li>oak</ol>", "a. oak"),
        ("<ol class='loweralpha simple'><li>oak<li>elm</ol>", "a. oak\nb. elm"),
        ("<ol style='list-style-type:decimal-leading-zero' start=9><li>oak<li>elm</ol>", "09. oak\n10. elm"),
        ("<ol style=list-style-type:lower-greek start=17><li>oak<li>elm</ol>", "ρ. oak\nσ. elm"),
        ("<ul style='list-style-type:decimal'><li>oak<li>elm</ul>", "1. oak\n2. elm"),
        ("<ol style='list-style-type:square'><li>oak<li>elm</ol>", "- oak\n- elm"),
        ("<ol><li>oak<li style='list-style-type:lower-alpha'>elm</ol>", "1. oak\nb. elm"),
        ("<ol reversed><li>oak<li>elm</ol>", "2. oak\n1. elm"),
        ("<ol reversed start=10><li>oak<li value=3>elm<li>ash</ol>", "10. oak\n3. elm\n2. ash"),
        ("<ol start=-1><li>oak<li>elm<li>ash</ol>", "-1. oak\n0. elm\n1. ash"),
        ("<ol start=' +7 '><li>oak<li value=x>elm</ol>", "7. oak\n8. elm"),
        ("<ol type=a start=0><li>oak</ol>", "0. oak"),
        ("<ol><div><li>oak<li>elm</div></ol>", "1. oak\n2. elm"),
    ],
)
def test_numbers_are_those_that_the_page_shows(page: str, text: str) -> None:
    assert text_of(page) == text


@pytest.mark.parametrize(
    ("page", "text"),
    [
        (
            "<ol style='list-style:none'><li>1. oak<li>(b) elm<li>iv) ash<li>2.1 fir<li>yew",
            "1. oak\n(b) elm\niv) ash\n2.1 fir\n- yew",
        ),
        ("<ul style='list-style-type:none'><li>一、oak<li>1、elm<li>a.b<li>I saw", "- 一、oak\n1、elm\n- a.b\n- I saw"),
        ("<ol><li>1. oak<li>2) elm<li>3.5 kg ash<li>5. fir</ol>", "1. oak\n2) elm\n3. 3.5 kg ash\n4. 5. fir"),
        ("<ol type=a><li>a) oak<li>B. elm</ol>", "a) oak\nb. B. elm"),
        (
            "<ul><li>• oak<li>•elm<li><b>·</b>&nbsp;ash<li>– fir<li>- yew<li>* estimated</ul>",
            "- oak\n- elm\n- ash\n- fir\n- yew\n- * estimated",
        ),
        (
            "<ul><li>\uf0b7oak<li>»elm«<li>- 5 °C<li>•<li>*ash*<li>✓ fir</ul>",
            "- oak\n- »elm«\n- - 5 °C\n- •\n- *ash*\n- ✓ fir",
        ),
        ("<ol><li>• oak<li>– elm</ol>", "1. • oak\n2. – elm"),
    ],
)  # fmt: skip
def test_an_item_has_one_marker(page: str, text: str) -> None:
    assert text_of(page) == text


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<ol type=a><li>oak<ol type=i><li>red</ol><li>elm</ol>", "1. oak\n   1. red\n2. elm"),
        ("<ol><li>oak</li><ul><li>red</ul><li>elm</ol>", "1. oak\n   - red\n2. elm"),
        ("<ol start=10><li>oak<p>red</ol>", "10. oak\n\n    red"),
        ("<ol style='list-style:none'><li>1. oak<p>red<li>(b) elm</ol>", "1. oak\n\n   red\n\n- (b) elm"),
        ("<ul><li><b>•</b> <i>oak</i> a<br>b<li><b>• elm</b></ul>", "- *oak* a\n  b\n- **elm**"),
        ("<ul><li><pre>- x</pre></ul>", "- ```\n  - x\n  ```"),
    ],
)
def test_lists_in_markdown(page: str, text: str) -> None:
    assert text_of(page, "markdown") == text


def slow_number(value: int, style: int) -> str:
    if style in (LETTERS, CAPITALS) and value > 0:
        letters = ""
        while value > 0:
            value, place = divmod(value - 1, 26)
            letters = "abcdefghijklmnopqrstuvwxyz"[place] + letters
        return letters if style == LETTERS else letters.upper()
    if style == ROMAN and 0 < value < 4000:
        written = "i" * value
        for short, long in (("v", "iiiii"), ("x", "vv"), ("l", "xxxxx"), ("c", "ll"), ("d", "ccccc"), ("m", "dd")):
            written = written.replace(long, short)
        for long, short in (
            ("dcccc", "cm"),
            ("cccc", "cd"),
            ("lxxxx", "xc"),
            ("xxxx", "xl"),
            ("viiii", "ix"),
            ("iiii", "iv"),
        ):
            written = written.replace(long, short)
        return written
    return f"{value:02d}" if style == PADDED and value >= 0 else str(value)


@given(st.integers(-5, 5000), st.sampled_from([DIGITS, LETTERS, CAPITALS, ROMAN, PADDED]))
def test_numbers_are_those_of_the_reference(value: int, style: int) -> None:
    target = np.zeros(32, np.uint8)
    end = entry(write_number)(target, 0, value, style)
    assert target[:end].tobytes().decode() == slow_number(value, style)
