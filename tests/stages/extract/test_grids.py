"""Tables that are made without the elements of tables, and the lines of editors of code."""

import numpy as np
import pytest

from prep.stages.extract.engine import read_page, whole_text
from prep.stages.extract.writing.grid_kernels import grid_kinds

ROW, CELL = "style='display: table-row'", "style='display:table-cell'"


def texts_of(page: str) -> tuple[str, str]:
    read = read_page(page.encode())
    return whole_text(read), whole_text(read, "markdown")


@pytest.mark.parametrize(
    "page",
    [
        "<div role=table><p role=row><b role=columnheader>Ore</b><b role=columnheader>t</b></p>"
        "<p role=row><b role=cell>Tin</b><b role=cell>7</b></p></div>",
        "<div role=GRID><div><div role=row><a role=columnheader>Ore</a><a role=columnheader>t</a></div></div>"
        "<div role=rowgroup><div role=row><div role=gridcell><p>Tin</p></div><x-c role=gridcell>7</x-c>"
        "</div></div></div>",
        f"<div style='display:table'><div {ROW}><div {CELL}>Ore</div><div {CELL}>t</div></div>"
        f"<div {ROW}><div {CELL}>Tin</div><div {CELL}>7</div></div></div>",
        f"<div><span {ROW}><span {CELL}>Ore</span><span {CELL}>t</span></span>"
        f"<span {ROW}><span {CELL}>Tin</span><span {CELL}>7</span></span></div>",
        "<ul role=table><li role=row><i role=cell>Ore</i><i role=cell>t</i><li role=row><i role=cell>Tin</i>"
        "<i role=cell>7</i></ul>",
        "<table role=grid><tr role=row><td role=gridcell>Ore<td>t<tr style='display:table-row'><td>Tin<td>7</table>",
    ],
)
def test_rows_by_role_or_style_are_written_like_those_of_tables(page: str) -> None:
    text, markdown = texts_of(f"<p>Before{page}<p>After")
    assert text == "Before\n\nOre | t\nTin | 7\n\nAfter"
    rows = [line.replace("*", "") for line in markdown.splitlines()]
    assert rows == ["Before", "", "| Ore | t |", "| --- | --- |", "| Tin | 7 |", "", "After"]


def test_an_empty_cell_keeps_its_column_and_a_cell_may_head_its_row() -> None:
    page = (
        "<div role=table><div role=row><div role=rowheader>Mass</div><div role=cell></div><div role=cell>5</div></div>"
        "<div role=row><div role=rowheader>Size</div><div role=cell>6</div></div></div>"
    )
    assert texts_of(page) == (
        "Mass | | 5\nSize | 6",
        "| | | |\n| --- | --- | --- |\n| Mass | | 5 |\n| Size | 6 | |",
    )


@pytest.mark.parametrize(
    ("page", "text"),
    [
        (f"<div style='display:table'><div {CELL}>left</div><div {CELL}>right</div></div>", "left\n\nright"),
        (f"<p>one <span {CELL}>word</span> more", "one word more"),
        (f"<div role=table><div role=row><div role=cell>{'clay ' * 50}</div><div role=cell>x</div></div></div>",
         "clay " * 49 + "clay\n\nx"),
        (f"<table><tr><td><div {ROW}>a</div><td>b<tr><td>c<td>d</table>", "a | b\nc | d"),
    ],
)  # fmt: skip
def test_layouts_stay_as_they_are(page: str, text: str) -> None:
    assert texts_of(page)[0] == text


def test_kinds_of_pages_without_such_tables_stay() -> None:
    elements = read_page(b"<table><tr style='display:table-row'><td role=cell>a<td>b</table><p>c").elements
    assert np.array_equal(grid_kinds(elements), elements.kind)


def code_mirror(lines: list[str], numbered: bool) -> str:
    number = (
        "<div class=CodeMirror-gutter-wrapper><div class='CodeMirror-linenumber CodeMirror-gutter-elt'>{}</div></div>"
    )
    line = "<div>{}<pre class=' CodeMirror-line '><span role=presentation>{}</span></pre></div>"
    shown = [line.format(number.format(at) if numbered else "", text) for at, text in enumerate(lines, 1)]
    return "<div class=CodeMirror><div class=CodeMirror-code>" + "".join(shown) + "</div></div>"


@pytest.mark.parametrize(
    "page",
    [
        code_mirror(["<b>if</b> x:", "    y()", "<span cm-text>\u200b</span>", "\u200b", "\tz()"], numbered=True),
        code_mirror(["if x:", "    y()", "&#8203;", "\u200b", "\tz()"], numbered=False),
        "<div class=ace_gutter><div class=ace_gutter-cell>1</div><div class=ace_gutter-cell>2</div></div>"
        "<div class='ace_layer ace_text-layer'><div class=ace_line_group><div class=ace_line>if x:</div></div>"
        "<div class=ace_line_group><div class=ace_line>    y()\n\n\n\tz()</div></div></div>",
        "<div class=cm-gutters><div class=cm-gutterElement>8</div><div class=cm-gutterElement>9</div></div><div "
        "class=cm-content><div class=cm-line>if x:</div><div class=cm-line>    y()</div><div class=cm-line><br></div>"
        "<div class=cm-line><br></div><div class=cm-line>\tz()</div></div>",
    ],
)
def test_lines_of_editors_are_one_block_of_code(page: str) -> None:
    code = "if x:\n    y()\n\n\n\tz()"
    assert texts_of(f"<p>See{page}<p>end") == (f"See\n\n{code}\n\nend", f"See\n\n```\n{code}\n```\n\nend")
