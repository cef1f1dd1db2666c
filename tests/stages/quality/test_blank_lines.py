"""Blank lines are no lines of their own: what white space they hold, and how lines end, changes no verdict."""

import json
from pathlib import Path

import pytest

from prep.stages.quality.recipe import load_recipe
from prep.stages.quality.signals.signals import Signals

from .conftest import documents, judged, run

LINES = [
    f"Line {number} tells how the tide rose {number * 7} feet that day, and what it left behind." for number in range(9)
]
REPETITION = [rule for name, rule in load_recipe("gopher").rules.items() if name.startswith("dup_")]
BLANKS = {
    "none": "\n",
    "empty": "\n\n\n",
    "spaces": "\n  \n \t \n",
    "crlf": "\r\n\r\n \r\n",
    "no-break spaces": "\n\xa0\n\u3000\xa0\n",
    "line separators": "\n\u2028\n\u2029\n",
    "form feeds": "\n\x0c\n\x0b\n",
    "next line": "\n\x85\n\x85\n",
    "alone": "\n \n",
}


def verdicts(texts: list[str]) -> list[str | None]:
    first = judged([Signals()], REPETITION, documents(texts)).first
    return [REPETITION[number].name if number >= 0 else None for number in first]


@pytest.mark.parametrize("blank", BLANKS)
def test_blank_lines_are_no_duplicates(blank: str) -> None:
    text = BLANKS[blank].join(LINES)
    signals = run([Signals()], documents([text, f"\n{text}\n", "\n".join(LINES)])).column("signals").to_pylist()
    for name in ("duplicate_lines", "duplicate_line_characters", "duplicate_paragraphs", "filled_lines"):
        assert signals[0][name] == signals[1][name] == signals[2][name], name


@pytest.mark.parametrize("blank", BLANKS)
def test_lines_and_paragraphs_that_come_again_still_count(blank: str) -> None:
    text = BLANKS[blank].join([*LINES[:2], *LINES[:2], *LINES[:2]])
    (signals,) = run([Signals()], documents([text])).column("signals").to_pylist()
    assert signals["duplicate_lines"] >= 0.5
    if blank not in ("none",):
        assert signals["duplicate_paragraphs"] >= 0.5
    assert verdicts([text]) != [None]


def test_the_cases_are_judged_like_the_plain_text(test_data: Path) -> None:
    lines = (test_data / "cases" / "text" / "blank_lines.jsonl").read_text().rstrip("\n").split("\n")
    texts = {row["id"]: row["text"] for row in map(json.loads, lines)}
    same = ["plain", "blank1", "blank5", "blankspaces", "crlf", "indent", "u2028"]
    assert set(verdicts([texts[name] for name in same])) == set(verdicts([texts["plain"]]))
    recipe = list(load_recipe("gopher").rules.values())
    first = judged([Signals()], recipe, documents([texts[name] for name in same])).first
    assert set(first.tolist()) == {first[0]}
