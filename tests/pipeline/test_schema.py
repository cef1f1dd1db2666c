"""The JSON schema for editors: what it accepts, and what it refuses."""

from collections.abc import Mapping
from pathlib import Path

import jsonschema
import pytest
import yaml

from prep.pipeline.config import stages_of
from prep.pipeline.reports.reference import example_of
from prep.pipeline.reports.schema import pipeline_schema
from prep.stages.catalogue import STAGES

FILES = sorted(Path(__file__).parents[2].glob("examples/*/*.yaml"))
EXAMPLES = [path for path in FILES if "stages" in yaml.safe_load(path.read_text())]


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft7Validator:
    schema = pipeline_schema()
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


def pipeline(*stages: object, **settings: object) -> Mapping[str, object]:
    return {"output": "out", "stages": list(stages), **settings}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_examples_pipelines_are_valid(validator: jsonschema.Draft7Validator, path: Path) -> None:
    assert list(validator.iter_errors(yaml.safe_load(path.read_text()))) == []


@pytest.mark.parametrize("name", STAGES)
def test_every_stage_has_an_example_that_configures_it(validator: jsonschema.Draft7Validator, name: str) -> None:
    entries = yaml.safe_load(example_of(STAGES[name]))
    assert [stage.name for stage in stages_of(entries)] == [name]
    assert list(validator.iter_errors(pipeline(*entries))) == []


@pytest.mark.parametrize(
    "valid",
    [
        pipeline("extract", {"minhash": None}, executor="ray"),
        pipeline({"acme.stages.Vowels": {"fewest": 3}}, executor={"kind": "slurm", "partition": "cpu"}),
        pipeline({"decontaminate": {"sets": {"gsm8k": {"path": "a.jsonl"}, "mbpp": "b.jsonl"}}}),
        pipeline({"quality": {"recipe": "gopher", "rules": {"short_doc": None}}}, warnings={"failed_share": 0.5}),
    ],
)
def test_short_forms_are_valid(validator: jsonschema.Draft7Validator, valid: Mapping[str, object]) -> None:
    assert list(validator.iter_errors(valid)) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"output": "out"},
        pipeline({"minhash": {"ngrams": 5}}),
        pipeline({"minhash": {"ngram": 0}}),
        pipeline({"minhash": {}, "exact": {}}),
        pipeline("min_hash"),
        pipeline("sample"),
        pipeline("extract", executor="slrm"),
        pipeline("extract", worker=3),
    ],
)
def test_mistakes_are_not(validator: jsonschema.Draft7Validator, wrong: Mapping[str, object]) -> None:
    assert list(validator.iter_errors(wrong))


def test_options_carry_their_documentation_and_defaults() -> None:
    minhash = pipeline_schema()["definitions"]["MinHash"]
    ngram = minhash["properties"]["ngram"]
    assert (ngram["type"], ngram["default"], ngram["minimum"]) == ("integer", 5, 1)
    assert ngram["description"] == "Words or characters in a shingle."
    assert minhash["description"].startswith("Keep one of the documents that share most of their n-grams")
