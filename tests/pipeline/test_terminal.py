"""What documents hold reaches no terminal as a control sequence."""

import io
from pathlib import Path

import orjson
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text

from prep.pipeline.reports.terminal import Terminal, beginning, visible

from .test_cli import call

STEERING = "\x1b]52;c;aGk=\x07", "\x9b31m", "a\u202egnp.exe", "\x1b[2J", "\x00", "e\u200bf", "\u2066x\u2069"


def printed(value: object) -> str:
    out = io.StringIO()
    Terminal(file=out, force_terminal=True, width=200).print(value)
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
    assert visible(seen) == seen
    assert "\x1b" not in visible(text)


def test_text_that_looks_like_markup_stays() -> None:
    for text in ("[bold]x[/bold]", "[/nothing]", ":smile:"):
        assert printed(text).strip() == text
        table = Table(title=text)
        table.add_column(text)
        table.add_row(text)
        assert printed(table).count(text) == 3


def test_no_command_prints_a_control_sequence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    steering = "[/x]\x1b]52;c;aGk=\x07\u202e"
    (tmp_path / "in").mkdir()
    texts = ["the same text twice, and long enough to be one", "the same text twice, and long enough to be one", "else"]
    rows = [
        {"id": f"{number}{steering}", "url": f"https://x.org/{number}{steering}", "text": text + steering}
        for number, text in enumerate(texts)
    ]
    content = b"".join(orjson.dumps(row) + b"\n" for row in rows)
    (tmp_path / "in" / "name\x1b]2;x\x9b.jsonl").write_bytes(content)
    output = str(tmp_path / "out\x1b[2J")
    stages = [
        {"read": {"paths": str(tmp_path / "in"), "source": f"s{steering}"}},
        {"minhash": {"audit": 5}},
        "signals",
        {"quality": {"recipe": "gopher"}},
    ]
    pipeline = tmp_path / "pipeline\x1b[31m.yaml"
    pipeline.write_text(yaml.safe_dump({"output": output, "workers": 1, "stages": stages}))
    name = str(pipeline)
    works = [["check", name], ["run", name], ["run", name], ["status", name], ["report", output], ["inspect", name]]
    works += [["dedup", "audit", output], ["quality", "report", name, "--by", "source"], ["clean", name, "--dry-run"]]
    works += [["trace", output, "--id", rows[0]["id"]], ["verify", output]]
    fails = [
        ["export", output, "--to", "x", "--output", output],
        ["report", f"{output}/x"],
        ["check", f"{output}/x"],
    ]
    for command in (*works, *fails):
        status, out, err = call(monkeypatch, capsys, *command)
        shown = out + err
        assert (status == 0) == (command in works), (command, shown)
        assert shown.strip(), command
        assert not [char for char in shown if char in "\x1b\x07\x9b\u202e"], command


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("one\n two", "one two"),
        ("0123456789", "0123456789"),
        ("0123456789 1", "0123456789 …"),
        ("a" + " " * 60 + "b", "a …"),
    ],
)
def test_a_text_in_one_line_says_where_there_is_more(text: str, shown: str) -> None:
    assert beginning(text, 10) == shown
