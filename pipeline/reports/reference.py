"""The reference of the stages, read from the stages themselves."""

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from prep.corpus.closeness import meant
from prep.corpus.errors import ConfigurationError
from prep.pipeline.monitor.outcomes import OptionAnswer, StageReferenceAnswer, StagesAnswer
from prep.pipeline.reports.option_types import in_words
from prep.stages.catalogue import STAGES
from prep.stages.settings import Settings
from prep.stages.stage import Stage


def overview() -> str:
    """Return all stages, one line each."""
    width = max(map(len, STAGES), default=0)
    return "\n".join(f"{name:<{width}}  {_summary_of(name)}" for name in STAGES)


def _summary_of(name: str) -> str:
    try:
        return _summary(STAGES[name])
    except ConfigurationError as error:  # a stage of another package
        return str(error)


def describe(name: str) -> str:
    """Return one stage's docstring, an example and its options: what each takes, its default, what it is for.

    Options of a group stand below the option that takes it. Raises ConfigurationError for an unknown name.
    """
    kind = _known(name)
    heading = [f"{name}: {inspect.cleandoc(kind.__doc__ or '')}", ""]
    example = ["example:", *(f"  {line}" for line in example_of(kind).splitlines()), ""]
    return "\n".join([*heading, *example, "options:", *_options(kind, "  ")])


def example_of(kind: type[Stage]) -> str:
    """Return a stage as a pipeline's list `stages` holds it: the item of YAML that the stage gives as its example."""
    return inspect.cleandoc(kind.example) or f"- {kind.name}"


def stages_answer(name: str | None) -> StagesAnswer:
    """Return all stages, or one with its options. Raises ConfigurationError for an unknown name."""
    if name is None:
        return StagesAnswer(stages=[StageReferenceAnswer(name=each, text=_summary_of(each)) for each in STAGES])
    kind = _known(name)
    text, example = inspect.cleandoc(kind.__doc__ or ""), example_of(kind)
    stage = StageReferenceAnswer(name=name, text=text, example=example, options=_option_answers(kind))
    return StagesAnswer(stages=[stage])


def _option_answers(kind: type[Settings]) -> list[OptionAnswer]:
    return [
        OptionAnswer(
            name=each.name,
            takes=each.takes,
            default=each.default,
            text=each.text,
            options=[option for group in each.groups for option in _option_answers(group)],
        )
        for each in options_of(kind)
    ]


def _known(name: str) -> type[Stage]:
    kind = STAGES.get(name)
    if kind is None:
        raise ConfigurationError([f"unknown stage '{name}'; {meant(name, STAGES)}"])
    return kind


def _options(kind: type[Settings], indent: str) -> Iterator[str]:
    for option in options_of(kind):
        yield f"{indent}{option.name} ({option.takes}; {option.default})"
        yield from (f"{indent}    {line}" for line in option.text.splitlines())
        for group in option.groups:
            yield from _options(group, f"{indent}    ")


class Option(NamedTuple):
    """An option of a stage or of a group."""

    name: str
    takes: str
    """Its type, choices, bounds and unit, in words."""
    default: str
    """`required`, or `default` and the value that stands for it where it is left out."""
    text: str
    """Its docstring."""
    groups: tuple[type[Settings], ...]
    """The groups of options that its type is made of."""


def options_of(kind: type[Settings]) -> Iterator[Option]:
    """Yield the options of a stage or of a group, in their order."""
    texts = docstrings(kind)
    schemas = kind.model_json_schema()["properties"]
    for name, field in kind.model_fields.items():
        takes = in_words(name, schemas[name])
        yield Option(name, takes, _default(field), texts.get(name, ""), tuple(groups(field.annotation)))


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None:
        return "left out by default"
    if isinstance(value, BaseModel):
        given = ", ".join(f"{name}: {item}" for name, item in value.model_dump(mode="json").items())
        return f"default {{{given}}}"
    written = json.dumps(to_jsonable_python(value), ensure_ascii=False)
    return f"default {written[1:-1] if isinstance(value, str) and value else written}"


def docstrings(kind: type[Settings]) -> dict[str, str]:
    """Return the options' docstrings, read from the source: pydantic would read it whenever a stage is imported."""
    found = {}
    for base in reversed(kind.__mro__):
        if issubclass(base, Settings):
            definition = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0]
            assert isinstance(definition, ast.ClassDef)
            for option, text in pairwise(definition.body):
                match option, text:
                    case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(docstring))):
                        found[name] = inspect.cleandoc(docstring)
    return found


def groups(annotation: object) -> Iterator[type[Settings]]:
    """Yield the groups of options that an option's type is made of, such as `tuple[Group, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        yield annotation
    for part in get_args(annotation):
        yield from groups(part)


def _summary(kind: type) -> str:
    return inspect.cleandoc(kind.__doc__ or "").partition("\n")[0]
