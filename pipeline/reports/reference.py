"""The reference of the stages, read from the stages themselves."""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from typing import get_args

from pydantic_core import PydanticUndefined

from prep.corpus.errors import ConfigurationError
from prep.stages.catalogue import STAGES
from prep.stages.stage import Settings


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
    """Return one stage's docstring and its options with defaults, those of groups below the option that takes them.

    Raises ConfigurationError for an unknown name.
    """
    kind = STAGES.get(name)
    if kind is None:
        raise ConfigurationError([f"unknown stage '{name}'; there are {', '.join(STAGES)}"])
    heading = [f"{name}: {inspect.cleandoc(kind.__doc__ or '')}", "", "options:"]
    return "\n".join([*heading, *_options(kind, "  ")])


def _options(kind: type[Settings], indent: str) -> Iterator[str]:
    texts = _docstrings(kind)
    for option, field in kind.model_fields.items():
        default = field.get_default(call_default_factory=True, validated_data={})
        yield f"{indent}{option} ({'required' if default is PydanticUndefined else default})"
        yield from (f"{indent}    {line}" for line in texts.get(option, "").splitlines())
        for group in _groups(field.annotation):
            yield from _options(group, f"{indent}    ")


def _docstrings(kind: type[Settings]) -> dict[str, str]:
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


def _groups(annotation: object) -> Iterator[type[Settings]]:
    """Yield the groups of options that an option's type is made of, such as `tuple[Group, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        yield annotation
    for part in get_args(annotation):
        yield from _groups(part)


def _summary(kind: type) -> str:
    return inspect.cleandoc(kind.__doc__ or "").partition("\n")[0]
