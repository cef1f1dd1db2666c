"""The JSON schema of a pipeline's YAML, for editors: every stage, option, type, default and docstring.

Editors with a YAML language server read it where the file's first line names it:

    # yaml-language-server: $schema=prep.schema.json
"""

import inspect
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from pydantic.json_schema import models_json_schema

from prep.corpus.errors import ConfigurationError
from prep.pipeline.config import RunSettings
from prep.pipeline.reports.reference import docstrings, example_of, groups
from prep.stages.catalogue import STAGES
from prep.stages.settings import Settings
from prep.stages.stage import Stage

DIALECT = "http://json-schema.org/draft-07/schema#"
FILE = "prep.schema.json"
"""Its usual name."""

Schema = dict[str, Any]


def pipeline_schema() -> Schema:
    """Return the schema; stages of other packages that cannot be imported are left out."""
    stages = list(_stages_there())
    tops: list[type[Settings]] = [RunSettings, *stages]
    kinds = list(dict.fromkeys(kind for top in tops for kind in _with_groups(top)))
    places, whole = models_json_schema([(kind, "validation") for kind in kinds], ref_template="#/definitions/{model}")
    definitions: Schema = whole["$defs"]
    for kind in kinds:
        definition = definitions[places[kind, "validation"]["$ref"].rpartition("/")[2]]
        for option, text in docstrings(kind).items():
            if option in definition.get("properties", {}):
                definition["properties"][option]["description"] = text
        definition["description"] = inspect.cleandoc(kind.__doc__ or "")
    settings = definitions.pop(places[RunSettings, "validation"]["$ref"].rpartition("/")[2])
    executor = settings["properties"]["executor"]
    settings["properties"]["executor"] = {
        "anyOf": [{"enum": sorted(executor["discriminator"]["mapping"])}, executor],
        "description": executor.get("description", "Where tasks run: local, ray or slurm."),
    }
    entries = {kind.name: places[kind, "validation"] for kind in stages}
    properties = {**settings["properties"], "stages": _stages(stages, entries)}
    return {
        "$schema": DIALECT,
        "title": "A pipeline of prep",
        "type": "object",
        "properties": properties,
        "required": ["output", "stages"],
        "additionalProperties": False,
        "definitions": definitions,
    }


def _stages_there() -> Iterator[type[Stage]]:
    for name in STAGES:
        with suppress(ConfigurationError):
            yield STAGES[name]


def _stages(stages: Sequence[type[Stage]], entries: Schema) -> Schema:
    """Return the schema of the list `stages`: names alone, or one name with its options, in braces or below it."""
    bare = [kind.name for kind in stages if not any(field.is_required() for field in kind.model_fields.values())]
    described = {
        kind.name: {
            "anyOf": [entries[kind.name], {"type": "null"}],
            "description": f"{inspect.cleandoc(kind.__doc__ or '')}\n\nExample: {example_of(kind)}",
        }
        for kind in stages
    }
    with_options = {
        "type": "object",
        "properties": described,
        "patternProperties": {r"\.": {"type": ["object", "null"]}},
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }
    names = {"anyOf": [{"enum": bare}, {"type": "string", "pattern": r"\."}]}
    return {
        "type": "array",
        "description": "What is done to the documents, in order; the first stage reads them.",
        "minItems": 1,
        "items": {"anyOf": [names, with_options]},
    }


def _with_groups(kind: type[Settings]) -> Iterator[type[Settings]]:
    yield kind
    for field in kind.model_fields.values():
        for group in groups(field.annotation):
            yield from _with_groups(group)
