"""The docstrings under a class's fields in its own docstring, so that `help()` shows them."""

import ast
import inspect
from textwrap import dedent
from typing import TypeVar

Class = TypeVar("Class", bound=type)


def with_field_docs(cls: Class) -> Class:
    """Add what stands under each field to a class's docstring. Without its source the class stays as it is."""
    try:
        body = ast.parse(dedent(inspect.getsource(cls))).body[0]
    except (OSError, SyntaxError, TypeError):
        return cls
    assert isinstance(body, ast.ClassDef)
    lines = []
    for field, below in zip(body.body, [*body.body[1:], None], strict=True):
        if isinstance(field, ast.AnnAssign):
            default = f" = {ast.unparse(field.value)}" if field.value is not None else ""
            lines.append(f"{ast.unparse(field.target)}: {ast.unparse(field.annotation)}{default}")
            if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
                lines += [f"    {line.strip()}" for line in str(below.value.value).splitlines()]
    cls.__doc__ = "\n".join([inspect.cleandoc(cls.__doc__ or ""), "", *lines])
    return cls
