"""The reference of the stages, read from the stages themselves."""

import inspect

from pydantic_core import PydanticUndefined

from prep.corpus.errors import ConfigurationError
from prep.stages.catalogue import STAGES


def overview() -> str:
    """Return all stages, one line each."""
    width = max(map(len, STAGES), default=0)
    return "\n".join(f"{name:<{width}}  {_summary(kind)}" for name, kind in STAGES.items())


def describe(name: str) -> str:
    """Return one stage's docstring and its options with defaults. Raises ConfigurationError for an unknown name."""
    kind = STAGES.get(name)
    if kind is None:
        raise ConfigurationError([f"unknown stage '{name}'; there are {', '.join(STAGES)}"])
    lines = [f"{name}: {inspect.cleandoc(kind.__doc__ or '')}", "", "options:"]
    for option, field in kind.model_fields.items():
        default = "required" if field.default is PydanticUndefined and field.default_factory is None else field.default
        lines.append(f"  {option} ({default})")
        lines += [f"      {line}" for line in (field.description or "").splitlines()]
    return "\n".join(lines)


def _summary(kind: type) -> str:
    return inspect.cleandoc(kind.__doc__ or "").partition("\n")[0]
