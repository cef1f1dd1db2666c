"""What `prep stages` prints, read from the stages' source."""

import re

import pytest

from prep.pipeline.reports.option_types import in_words
from prep.pipeline.reports.reference import describe, overview
from prep.stages.catalogue import STAGES
from prep.stages.url.rule_kernels import RULES

OPTION = re.compile(r"( +)\w+ \(.*\)")


@pytest.mark.parametrize("name", STAGES)
def test_every_option_of_every_stage_is_described(name: str) -> None:
    lines = describe(name).partition("\noptions:\n")[2].splitlines()
    options = {number: found[1] for number, line in enumerate(lines) if (found := OPTION.fullmatch(line))}
    assert options
    for number, indent in options.items():
        assert number + 1 < len(lines), lines[number]
        assert number + 1 not in options, lines[number]
        assert re.match(f"{indent}    \\S", lines[number + 1]), lines[number]


def test_every_stage_has_its_line() -> None:
    lines = overview().splitlines()
    assert [line.split()[0] for line in lines] == list(STAGES)
    assert all(len(line.split()) > 1 for line in lines)


def test_the_rules_of_url_filter_are_named() -> None:
    assert all(f"`{rule}`" in describe("url_filter") for rule in RULES)


@pytest.mark.parametrize(
    ("option", "schema", "words"),
    [
        ("ngram", {"type": "integer", "minimum": 1}, "integer, at least 1"),
        ("max_bytes", {"type": "integer", "minimum": 1}, "integer of bytes, at least 1"),
        ("hang_seconds", {"type": "number", "exclusiveMinimum": 0}, "number of seconds, above 0"),
        ("share", {"type": "number", "minimum": 0, "maximum": 1}, "number, 0 to 1"),
        ("keep", {"enum": ["one", "none"], "type": "string"}, "one of one, none"),
        ("keep", {"items": {"type": "string"}, "type": "array"}, "list of texts"),
        ("paths", {"anyOf": [{"type": "string"}, {"type": "null"}]}, "text"),
        ("buckets", {"items": {"$ref": "#/$defs/Bucket"}, "type": "array"}, "list of groups of the options below"),
        (
            "audit",
            {"anyOf": [{"minimum": 0, "type": "integer"}, {"const": "all"}]},
            "one of all or integer, at least 0",
        ),
        (
            "threshold",
            {"anyOf": [{"type": "number"}, {"additionalProperties": {"type": "number"}, "type": "object"}]},
            "number or mapping of names to numbers",
        ),
    ],
)
def test_what_an_option_takes_is_said_in_words(option: str, schema: dict[str, object], words: str) -> None:
    assert in_words(option, schema) == words
