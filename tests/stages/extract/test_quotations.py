"""The quotation marks that browsers write around `<q>`."""

import pytest

from prep.stages.extract.engine import read_page, whole_text
from prep.stages.shared.markup.quotation_marks import is_between_marks, marks_of


def texts_of(page: str) -> tuple[str, str]:
    read = read_page(page.encode())
    return whole_text(read), whole_text(read, "markdown")


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<p>Ann said <q>go <q>on</q></q>.", "Ann said “go ‘on’”."),
        ("<p><q>one <q>two <q>three</q></q></q>", "“one ‘two “three”’”"),
        ("<p><q>a</q><q>b</q> x<Q CITE=u>c</Q>y", "“a”“b” x“c”y"),
        ("<p><q style='quotes:none' class=plain>a</q>", "“a”"),
        ("<p><q> a\n b </q> c <q><a href=x> d</a></q>", "“a b” c “d”"),
        ("<p>no <q></q><q> <b></b></q>text", "no text"),
        ("<q><p>First.</p><p>Last.</p></q><p>Then.", "“First.\n\nLast.”\n\nThen."),
        ("<p>an <q>open one</p><p>next", "an “open one”\n\nnext"),
        ("<p><q><span hidden>no</span>yes</q> <span class=sr-only><q>no</q></span>", "“yes”"),
        ("<p><q>x&amp;y &lt;</q> <q>&#x263A;</q>", "“x&y <” “☺”"),
    ],
)
def test_marks_are_those_that_a_browser_shows(page: str, text: str) -> None:
    assert texts_of(page) == (text, text)


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<p><q>\"a\"</q> <q>“b c”</q> <q>&laquo;d&raquo;</q> <q>'e'</q>", "\"a\" “b c” «d» 'e'"),
        ('<p>"<q>a</q>" &ldquo;<q>b</q>&rdquo; « <q>c</q> »', '"a" “b” « c »'),
        ("<p><q>“a” and “b</q> “<q>c</q>", "““a” and “b” ““c”"),
        ("<p>“x” <q>a</q> “y”", "“x” “a” “y”"),
    ],
)
def test_quoted_text_has_no_marks_twice(page: str, text: str) -> None:
    assert texts_of(page)[0] == text


def test_code_has_no_marks() -> None:
    page = "<pre>a <q>b</q></pre><p><code><q>c</q></code> and <q><code>d</code></q>"
    assert texts_of(page) == ("a b\n\nc and “d”", "```\na b\n```\n\n`c` and “`d`”")


def test_marks_stand_outside_of_what_is_marked_in_markdown() -> None:
    page = "<p><q><b>a</b></q> <em><q>b</q></em> <q>c <em>d <q>e</q></em></q> <q><q>f</q></q>"
    assert texts_of(page)[1] == "“**a**” *“b”* “c *d ‘e’*” “‘f’”"


def test_language_around_a_quotation_decides() -> None:
    page = "<html lang=de-AT><p>Er: <q lang=en>Ja <q>x</q></q><p lang=FR><q>oui</q><p xml:lang=ja><q>はい<q>え</q></q>"
    assert texts_of(page)[0] == "Er: „Ja ‘x’“\n\n«oui»\n\n「はい『え』」"


def test_marks_of_languages() -> None:
    assert ["".join(marks_of(tag)) for tag in ("de-ch", "de-at-1996", "zh-hant-hk", "zh-cn", "pl", "xx", "", "-")] == [
        "«»‹›", "„“‚‘", "「」『』", "“”‘’", "„”«»", "“”‘’", "“”‘’", "“”‘’",
    ]  # fmt: skip
    sides = [("“", ""), ("a", "”"), ("„", "“."), ("« ", " »"), ("” ", " “")]
    assert [is_between_marks(*side) for side in sides] == [False, False, True, True, False]
