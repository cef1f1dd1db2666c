"""What is wrong with a configuration, in the words of somebody who writes YAML: syntax, types, and names mistyped."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from prep.corpus.closeness import listed, meant, nearest
from prep.corpus.errors import Problem
from prep.corpus.files.credentials import redacted

EXECUTORS = ("local", "ray", "slurm")
WORDS = {
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "float_type": "a number",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "string_type": "text",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "names with values",
    "model_type": "names with values",
    "model_attributes_type": "names with values",
}
"""What pydantic's types of errors expect."""
_TYPES = frozenset({"int", "float", "str", "bool", "none", "date", "datetime"})
"""Names that pydantic gives the types of an option that takes several."""
_TYPE = re.compile(r"\[|^(constrained|function|lax|strict|json|nullable)-")
_SHORT = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([kKmMgG])")
_THOUSANDS = {"K": 1e3, "M": 1e6, "G": 1e9}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(s|sec|seconds?|m|min|minutes?|h|hours?|d|days?)", re.IGNORECASE)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_WHOLE = re.compile(r"[0-9]+(?:\.[0-9]+)?[eE]\+?[0-9]{1,2}|[1-9][0-9]{0,2}(?:[ ,][0-9]{3})+")
"""A whole number as others write it: `1e6`, `1,000,000`."""
_DECIMAL = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_QUOTED = re.compile(r"'([^']*)'")


def problems_of(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """Return what pydantic found wrong with the options of a model.

    Of an option that takes several types, what each of them expects is put together.
    """
    found: dict[tuple[object, ...], list[Problem]] = {}
    for details in error.errors():
        problem = problem_of(details, model)
        found.setdefault((problem.message, problem.field, problem.seen), []).append(problem)
    return [_together(problems) for problems in found.values()]


def _together(problems: Sequence[Problem]) -> Problem:
    first = problems[0]
    expected = " or ".join(dict.fromkeys(each.expected for each in problems if each.expected))
    hint = next((each.hint for each in problems if each.hint), "")
    return Problem(first.message, first.field, expected, first.seen, hint)


def _is_type(part: str | int, *, first: bool) -> bool:
    """Say whether a part of an error's place is the name of a type among several, no option's or item's."""
    return part in EXECUTORS or bool(_TYPE.search(str(part))) or (part in _TYPES and not first)


def problem_of(details: ErrorDetails, model: type[BaseModel]) -> Problem:
    """Return what one of pydantic's complaints about the options of a model says."""
    location = tuple(part for at, part in enumerate(details["loc"]) if not _is_type(part, first=at == 0))
    option = ".".join(str(part) for part in location)
    if details["type"] == "extra_forbidden":
        known = list(_options_at(model, details["loc"][:-1]))
        near = nearest(str(location[-1]), known)
        hint = f"; did you mean '{near}'?" if near else f"; it takes {listed(known)}" if known else ""
        return Problem(f"unknown option '{option}'{hint}", location)
    if details["type"] == "missing":
        return Problem(f"option '{option}' is missing", location[:-1])
    if details["type"] == "union_tag_not_found":
        return Problem(
            f"option '{option}'", location, "local, ray or slurm under the key 'kind'", repr(details["input"])
        )
    if details["type"] == "union_tag_invalid":
        given = details["input"]["kind"]
        near = nearest(str(given), EXECUTORS)
        hint = f"did you mean '{near}'?" if near else ""
        return Problem(f"option '{option}'", location, "local, ray or slurm", repr(given), hint)
    message = details["msg"]
    for prefix in ("Input should be ", "Value error, "):
        message = message.removeprefix(prefix)
    if not option:
        return Problem(message)
    near = nearest(details["input"], _QUOTED.findall(message)) if isinstance(details["input"], str) else None
    if near and details["type"] == "literal_error":
        hint = f"did you mean '{near}'?"
    else:
        hint = _hint(details, _options_at(model, details["loc"]))
    seen = "nothing" if details["input"] is None else redacted(repr(details["input"]))
    return Problem(f"option '{option}'", location, _expected(details) or message, seen, hint)


def _expected(details: ErrorDetails) -> str:
    """Return what is expected where pydantic's words for it are not for people who write YAML; "" elsewhere."""
    if details["type"] in ("too_short", "string_too_short") and details.get("ctx", {}).get("min_length") == 1:
        return "text that is not empty" if isinstance(details["input"], str) else "at least one item"
    return WORDS.get(details["type"], "")


def _hint(details: ErrorDetails, options: Mapping[str, object]) -> str:
    """Return how a value is written that was meant, where that can be told.

    `options` are those of the group at the error's place, or of each item of the list there; empty where it is no
    group.
    """
    kind, value = details["type"], details["input"]
    if kind in ("list_type", "tuple_type") and isinstance(value, Mapping):
        return f"write a list: {_named(value, options)}"
    if kind in ("list_type", "tuple_type") and isinstance(value, str | int | float):
        return f"write [{redacted(str(value))}]"
    if kind in ("model_type", "model_attributes_type") and isinstance(value, str) and "paths" in options:
        return f"write {{name: NAME, paths: {redacted(value)}}}" if "name" in options else ""
    if kind == "string_type" and isinstance(value, bool):
        words = "yes, on and true" if value else "no, off and false"
        return f"YAML reads {words} as a truth value; put the word in quotes"
    if kind == "string_type" and isinstance(value, int | float | date):
        return "YAML reads it as a number or date; put it in quotes"
    if isinstance(value, str) and kind in ("int_parsing", "float_parsing"):
        return _number_meant(value.strip(), kind, in_seconds=str(details["loc"][-1]).endswith("seconds"))
    return ""


def _named(value: Mapping[object, object], options: Mapping[str, object]) -> str:
    """Return how the first item of a list is written that was given as names with values."""
    name, item = next(iter(value.items()), ("NAME", None))
    if value and set(value) <= set(options):
        return f"'- ' before '{redacted(str(name))}', as its first item"
    if "name" not in options:
        return "'- ' before each item"
    given = f"paths: {redacted(str(item))}" if isinstance(item, str) and "paths" in options else "…"
    return f"'- {{name: {redacted(str(name))}, {given}}}' for each"


def _number_meant(value: str, kind: str, *, in_seconds: bool) -> str:
    """Return how a number is written that was given with a unit, in per cent, or as it is written elsewhere."""
    if in_seconds and (duration := _DURATION.fullmatch(value)):
        return f"write {float(duration[1]) * _SECONDS[duration[2][0].lower()]:.15g}"
    if short := _SHORT.fullmatch(value):
        return f"write {round(float(short[1]) * _THOUSANDS[short[2].upper()])}"
    if _WHOLE.fullmatch(value):
        whole = float(re.sub("[ ,]", "", value))
        return f"write {whole:.0f}" if kind == "int_parsing" and whole.is_integer() else ""
    plain = value.replace(",", ".")
    if kind == "float_parsing" and _DECIMAL.fullmatch(plain):
        return f"write {plain}"
    if plain.endswith("%") and _DECIMAL.fullmatch(plain[:-1].strip()):
        return f"write {float(plain[:-1]) / 100:g}"
    return ""


def _options_at(model: type[BaseModel], location: Sequence[str | int]) -> Mapping[str, object]:
    """Return the options that a group takes which stands at a place below a model."""
    groups: Sequence[type[BaseModel]] = [model]
    for part in location:
        if part in EXECUTORS:
            groups = [group for group in groups if group.__name__.lower().startswith(str(part))]
        elif len(groups) == 1 and isinstance(part, str) and part in groups[0].model_fields:
            groups = _groups(groups[0].model_fields[part].annotation)
    return groups[0].model_fields if len(groups) == 1 else {}


def _groups(annotation: object) -> Sequence[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [group for part in get_args(annotation) for group in _groups(part)]


def unlisted_stages(value: object, known: Sequence[str]) -> Problem:
    """Return what is wrong with a list of stages that is none."""
    if isinstance(value, Mapping):
        first = next((name for name in value if name in known), next(iter(value), "read"))
        return Problem("'stages' must be a list", seen=f"the keys {listed(map(str, value))}", hint=f"write '- {first}'")
    if isinstance(value, str):
        return Problem("'stages' must be a list", seen=repr(value), hint=f"write '- {value}' on a line of its own")
    return Problem("'stages' must be a list of at least one stage")


def crowded_stage(entry: Mapping[str, object], known: Sequence[str], number: int) -> Problem:
    """Return what is wrong with an entry of several keys, of which one is to be a stage and the others its options."""
    names = [name for name in entry if name in known]
    expected = "a stage's name, or one name with its options below it"
    seen = f"the keys {', '.join(map(str, entry))}"
    if len(names) > 1:
        return Problem(f"stage {number}", (), expected, seen, f"write '- ' before each stage: '- {names[1]}'")
    first = names[0] if names else next(iter(entry), "")
    if entry and entry.get(first) is None:
        options = [name for name in entry if name != first]
        return Problem(
            f"stage {number}", (), expected, seen, f"indent '{options[0]}' deeper than '{first}', as its option"
        )
    return Problem(f"stage {number}", (), expected, seen)


def unknown_stage(name: object, known: Sequence[str]) -> Problem:
    """Return what is wrong with a stage that there is not."""
    hint = meant(str(name), known)
    more = "" if nearest(str(name), known) else "; 'prep stages' explains them"
    return Problem(f"unknown stage '{name}'", hint=hint + more)


def misplaced_stage(name: str) -> Problem:
    """Return what is wrong with a stage that stands where the run's own options stand."""
    return Problem(f"'{name}' is a stage, no option of the run", (name,), hint=f"write '- {name}' below 'stages'")


def bare_value(name: str, example: str, value: object) -> Problem:
    """Return what is wrong with a stage that has a value in the place of options; `example` shows how it is used."""
    if isinstance(value, bool):
        hint = f"write '- {name}' alone" if value else "leave the stage out"
    else:
        hint = f"name the options, as in {example or f'- {name}'}"
    return Problem("wrong type", expected="options as 'name: value' pairs", seen=redacted(repr(value)), hint=hint)


def syntax(error: yaml.MarkedYAMLError) -> str:
    """Say what is wrong with YAML that cannot be read."""
    problem, mark, context = str(error.problem), error.problem_mark, error.context_mark
    if "'\\t'" in problem:
        return "a tab; YAML is indented by spaces"
    if problem.startswith("expected <block end>") and mark is not None and context is not None:
        return (
            f"this line begins at column {mark.column + 1}, what it follows on line {context.line + 1} at column "
            f"{context.column + 1}; indent both alike, by spaces"
        )
    opened = "" if context is None else f" on line {context.line + 1}"
    if "mapping values are not allowed" in problem:
        return "a ':' where none can be: the line is indented deeper than the one above, or the value needs quotes"
    if "could not find expected ':'" in problem:
        return f"a name without ':' after it{opened}"
    if "unexpected end of stream" in problem:
        return f"a quotation mark{opened} that is not closed"
    if "expected ',' or ']'" in problem:
        return f"a '['{opened} that is not closed, or a ',' that is missing"
    if "expected ',' or '}'" in problem:
        return f"a '{{'{opened} that is not closed, or a ',' that is missing"
    if "cannot start any token" in problem:
        return f"{problem}; a value that begins with such a character needs quotes"
    return problem
