"""Streamed pages: parts that scripts move are read where they belong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prep.stages.extract.engine import read_page, whole_text
from prep.stages.extract.html.streaming import place_parts

SHELL = '<h1>Tides</h1><!--$?--><template id="B:0"></template><p>Loading…</p><!--/$--><footer>Harbour office</footer>'
PART = "<p>High water is at six.</p><div><p>Low water is at noon.</p></div>"
CALL = '<script>$RC=function(b,c){};$RC("B:0","S:0")</script>'
WHOLE = "<h1>Tides</h1><!--$?-->" + PART + "<!--/$--><footer>Harbour office</footer>"


def placed(page: str) -> str:
    return place_parts(page.encode()).decode()


def text(page: str) -> str:
    return whole_text(read_page(page.encode()))


def test_a_part_is_read_in_its_place() -> None:
    page = f'{SHELL}<div hidden id="S:0">{PART}</div>{CALL}'
    assert placed(page) == WHOLE + CALL
    assert placed(page.replace("hidden", 'hidden=""')) == placed(page)
    assert text(page) == "Tides\n\nHigh water is at six.\n\nLow water is at noon.\n\nHarbour office"


@pytest.mark.parametrize(
    ("place", "part", "call"),
    [
        ("B:0", "S:0", ""),
        ("P:1f", "S:1f", '<script>$RS("S:1f","P:1f")</script>'),
        ("B:2", "S:7", '<script nonce=x>$RC=function(){};$RC("B:2","S:7")</script>'),
        ("B:2", "S:2", '<script>$RR("B:2","S:2",[["/a.css"]])</script>'),
        ("my-app-B:0", "my-app-S:0", '<script>$RC("my-app-B:0","my-app-S:0")</script>'),
    ],
)
def test_a_part_belongs_to_the_place_that_a_script_names_or_that_of_its_number(
    place: str, part: str, call: str
) -> None:
    page = f'<p>One.</p><template id="{place}"></template><p>Three.</p><div hidden id="{part}"><p>Two.</p></div>{call}'
    assert text(page) == "One.\n\nTwo.\n\nThree."


def test_a_number_that_a_script_gives_to_another_place_is_not_taken() -> None:
    page = (
        '<p>One.</p><template id="B:0"></template><p>Three.</p><template id="B:1"></template>'
        '<div hidden id="S:0"><p>Four.</p></div><div hidden id="S:1"><p>Two.</p></div>'
        '<script>$RC("B:1","S:0");$RC("B:0","S:1")</script>'
    )
    assert text(page) == "One.\n\nTwo.\n\nThree.\n\nFour."


def test_parts_in_parts_and_rows_of_tables() -> None:
    page = (
        '<!--$?--><template id="B:0"></template><!--$--><p>Wait.</p><!--/$--><!--/$--><p>End.</p>'
        '<div hidden id="S:0"><p>List</p><template id="P:1"></template>'
        '<table><tbody><template id="P:2"></template></tbody></table></div>'
        '<div hidden id="S:1"><div><p>First</p></div></div>'
        '<table hidden><tbody id="S:2"><tr><td>a</td><td>b</td></tr></tbody></table>'
    )
    assert text(page) == "List\n\nFirst\n\na | b\n\nEnd."


@pytest.mark.parametrize(
    "page",
    [
        '<p>Nothing streamed.</p><template id="t"><p>x</p></template>',
        '<p>No place.</p><div hidden id="S:0"><p>Stays.</p></div>',
        '<p>No part.</p><template id="B:0"></template>',
        '<p>Not closed.</p><template id="B:0"></template><div hidden id="S:0"><p>Stays.</p>',
        '<p>In a circle.</p><div hidden id="S:0"><template id="B:0"></template></div>',
        '<div hidden id="S:0"><template id="B:1"></template></div><div hidden id="S:1"><template id="B:0"></template>'
        "</div>",
        '<p>Another id.</p><template id="B:0"></template><div hidden id="CSS:0"><p>x</p></div hidden>',
    ],
)
def test_what_has_no_place_stays(page: str) -> None:
    assert placed(page) == page


def test_tags_in_scripts_and_comments_close_nothing() -> None:
    part = "<script>var s = '</div></div>'</script><!-- </div> --><p>Two.</p><style>.a::after{content:'</div>'}</style>"
    page = f'<template id="B:0"></template><p>Three.</p><div hidden id="S:0">{part}</div>'
    assert placed(page) == f"{part}<p>Three.</p>"


PIECES = [
    "<p>a</p>", '<template id="B:0"></template>', '<template id="P:1"></template>', "<!--$?-->", "<!--/$-->",
    '<div hidden id="S:0">', '<div hidden id="S:1">', "</div>", "<div>", '<script>$RC("B:0","S:1")</script>', "<!--",
    '<table hidden><tbody id="S:1">', "</tbody></table>", "<script>", "<!--$-->",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_whatever_the_page_no_part_is_written_twice(page: str) -> None:
    assert placed(page).count("<p>a</p>") <= page.count("<p>a</p>")
    text(page)
