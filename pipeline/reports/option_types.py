"""What an option takes, in words, from the JSON schema that pydantic makes of its type.

{"type": "integer", "minimum": 1}  →  integer, at least 1
"""

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

_UNITS = ("bytes", "seconds", "tokens", "documents", "characters")
"""Options of numbers whose names end in one of these words are in this unit."""
_NAMES = {"string": "text", "integer": "integer", "number": "number", "boolean": "true or false", "null": "nothing"}
_PLURALS = {
    "text": "texts",
    "integer": "integers",
    "number": "numbers",
    "any value": "any values",
    "group of the options below": "groups of the options below",
}
_BOUNDS = {
    "minimum": "at least",
    "ge": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "le": "at most",
    "exclusiveMaximum": "below",
}


def in_words(option: str, schema: Schema) -> str:
    """Return what an option takes: its type, its choices or bounds, and its unit where its name ends in one."""
    words = _words(schema)
    unit = next((unit for unit in _UNITS if option.rpartition("_")[2] == unit), "")
    numbers = words.startswith(("integer", "number"))
    return words.replace(words.split(",")[0], f"{words.split(',')[0]} of {unit}", 1) if unit and numbers else words


def _words(schema: Schema) -> str:
    if "anyOf" in schema or "oneOf" in schema:
        return _either(schema.get("anyOf") or schema["oneOf"]) + "".join(_bounds(schema))
    if "$ref" in schema:
        return "any value" if schema["$ref"].endswith("/JsonValue") else "group of the options below"
    if "const" in schema or "enum" in schema:
        return "one of " + ", ".join(_choices(schema))
    kind = schema.get("type")
    if kind == "array":
        return _many("list of", schema.get("items", {}))
    if kind == "object":
        return _many("mapping of names to", schema.get("additionalProperties") or {})
    return _NAMES.get(str(kind), "any value") + "".join(_bounds(schema))


def _either(choices: list[Schema]) -> str:
    """Return the choices with `or` between them; sizes may be written with their unit."""
    if {"string", "integer"} == {each.get("type") for each in choices} and any("pattern" in each for each in choices):
        return "size, such as 2GiB, or integer of bytes"
    named = [choice for each in choices for choice in _choices(each)]
    found = [_words(each) for each in choices if each.get("type") != "null" and not _choices(each)]
    return " or ".join(dict.fromkeys([*(["one of " + ", ".join(named)] if named else []), *found]))


def _choices(schema: Schema) -> list[str]:
    """Return the values that a schema allows by name."""
    return list(map(str, schema.get("enum", [schema["const"]] if "const" in schema else [])))


def _many(what: str, item: Schema | bool) -> str:
    if not isinstance(item, Mapping):
        return f"{what} any values"
    return f"{what} " + " or ".join(map(_plural, _words(item).split(" or ")))


def _plural(words: str) -> str:
    head, comma, rest = words.partition(",")
    return f"{_PLURALS.get(head, head.removeprefix('one of '))}{comma}{rest}"


def _bounds(schema: Schema) -> Iterator[str]:
    if {"minimum", "maximum"} <= schema.keys():
        yield f", {schema['minimum']:g} to {schema['maximum']:,}"
        return
    for bound, words in _BOUNDS.items():
        if bound in schema and schema[bound] != 1 << 63:
            yield f", {words} {schema[bound]:,}"
