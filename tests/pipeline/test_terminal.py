"""What documents hold reaches no terminal as a control sequence."""

import io

from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text

from prep.pipeline.reports.terminal import Terminal, visible

STEERING = "\x1b]52;c;aGk=\x07", "\x9b31m", "a\u202egnp.exe", "\x1b[2J", "\x00", "e\u200bf", "\u2066x\u2069"


def printed(value: object) -> str:
    out = io.StringIO()
    Terminal(file=out, force_terminal=True, width=200, highlight=False).print(value, markup=False)
    return out.getvalue()


def test_nothing_steers_the_terminal() -> None:
    table = Table()
    table.add_column(STEERING[0])
    table.add_row(STEERING[1])
    for value in (*STEERING, Text("".join(STEERING)), table):
        assert not {"\x9b", "\x07", "\u202e", "\x00", "\u200b", "\u2066"} & set(printed(value))
        assert "\x1b]" not in printed(value)
    assert "\\x1b]52;c;aGk=" in printed(STEERING[0])


@given(st.text())
def test_text_that_is_seen_stays(text: str) -> None:
    seen = "".join(each for each in text if each.isprintable())
    assert visible(seen) == seen or any(not each.isprintable() for each in seen)
    assert "\x1b" not in visible(text)
