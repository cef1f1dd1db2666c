"""YAML with line numbers."""

from itertools import pairwise

import pytest

from prep.corpus.errors import ConfigurationError
from prep.pipeline.located import parse_value, read_yaml

TEXT = """# a comment
output: runs/x
stages:
  - read:
      paths: [a, b]
  - extract
  - minhash: {bands: 14,
      rows: 8}
"""


def test_values_are_those_of_yaml_and_each_has_its_line() -> None:
    located = read_yaml("p.yaml", TEXT)
    assert located.value == {
        "output": "runs/x",
        "stages": [{"read": {"paths": ["a", "b"]}}, "extract", {"minhash": {"bands": 14, "rows": 8}}],
    }
    assert located.where(()) == "p.yaml:2"
    assert located.where(("output",)) == "p.yaml:2"
    assert located.where(("stages", 0, "read", "paths", 1)) == "p.yaml:5"
    assert located.where(("stages", 2, "minhash", "rows")) == "p.yaml:8"


def test_what_is_not_written_is_where_it_would_stand() -> None:
    assert read_yaml("p.yaml", TEXT).where(("stages", 2, "minhash", "threshold")) == "p.yaml:7"
    assert read_yaml("p.yaml", TEXT).where(("workers",)) == "p.yaml:2"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "p.yaml: the file is empty"),
        ("a: 1\nb: [", "p.yaml:2: not valid YAML"),
        ("a: 1\nb: 2\na: 3\n", "p.yaml:3: 'a' is given twice, first on line 1"),
        ("a:\n  b: ${NOT_THERE}/x\n", "p.yaml:2: the environment variable NOT_THERE is not set"),
        ("a: 1\nb: !!python/object:os.system x\n", "p.yaml:2: not valid YAML: could not determine a constructor"),
        ("a: &a\n  b: *a\n", "p.yaml: an anchor that holds itself"),
    ],
)
def test_errors_say_where(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_yaml("p.yaml", text, {})
    assert str(caught.value).startswith(message)


def test_environment_variables_stand_in_strings() -> None:
    located = read_yaml("p.yaml", "a: ${DATA}/crawl/*.gz\nb: $DATA\n", {"DATA": "/mnt"})
    assert located.value == {"a": "/mnt/crawl/*.gz", "b": "$DATA"}


def test_values_of_overrides_are_yaml() -> None:
    assert parse_value("8") == 8
    assert parse_value("[a, b]") == ["a", "b"]
    assert parse_value("null") is None
    with pytest.raises(ConfigurationError):
        parse_value("[a")


def test_anchors_are_merged_below_the_own_keys() -> None:
    located = read_yaml("p.yaml", "base: &base {a: 1, b: 2}\nmine:\n  <<: *base\n  b: 3\n")
    assert located.value == {"base": {"a": 1, "b": 2}, "mine": {"a": 1, "b": 3}}
    assert located.where(("mine", "b")) == "p.yaml:4"
    assert located.where(("mine", "a")) == "p.yaml:1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a: &a [x, x]\n" + "".join(f"{n}: &{n} [*{p}, *{p}]\n" for p, n in pairwise("abcdefghijklmnopqrstuvwxyz")),
            "at most",
        ),
        (
            "a: &a {x: 1}\n"
            + "".join(f"{n}: &{n} {{l: *{p}, r: *{p}}}\n" for p, n in pairwise("abcdefghijklmnopqrstuvwxyz")),
            "at most",
        ),
        ("output: a\0b\n", "not valid YAML"),
        ("workers: " + "9" * 10_000, "not a value"),
        ("workers: 0x" + "f" * 10_000, "bits"),
        ("date: 2026-99-99", "not a value"),
    ],
    ids=["lists", "mappings", "nul", "digits", "hexadecimal", "date"],
)
def test_files_made_to_stop_the_reader_are_refused_at_once(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        read_yaml("pipeline.yaml", text)
    value = text.partition(": ")[2] if "\n" not in text.strip() else f"{{{', '.join(text.strip().splitlines())}}}"
    with pytest.raises(ConfigurationError):
        parse_value(value)
