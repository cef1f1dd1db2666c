"""What the options of stages are made of: frozen groups that refuse unknown names, and types that several share."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, WithJsonSchema

from prep.corpus.files.credentials import refuse_credentials
from prep.corpus.files.storage import expand_path

PathName = Annotated[str, AfterValidator(expand_path), AfterValidator(refuse_credentials)]
"""A path or URL in which `~` and environment variables (`$NAME`, `${NAME}`) stand for what they mean.

URLs that hold a password or a signature are refused.
"""


_SIZE = re.compile(r"\s*([0-9][0-9_,]*(?:\.[0-9]+)?(?:[eE]\+?[0-9]{1,2})?)\s*(?:([kKmMgGtT])(i)?)?[bB]?\s*")
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def size_of(value: object) -> object:
    """Return a number of bytes from what says it: `20MB` and `2e7` are 20,000,000, `20MiB` 20 × 1,048,576.

    Numbers stay. Raises ValueError for other text.
    """
    if not isinstance(value, str):
        return value
    found = _SIZE.fullmatch(value)
    if found is None:
        raise ValueError("a size in bytes, such as 20000000, 20MB or 20MiB")
    number, unit, binary = found.groups()
    return round(float(re.sub("[_,]", "", number)) * (1024 if binary else 1000) ** _POWERS[(unit or "").lower()])


_SIZE_SCHEMA = {"anyOf": [{"type": "string", "pattern": _SIZE.pattern}, {"type": "integer", "minimum": 0}]}
Size = Annotated[int, BeforeValidator(size_of), WithJsonSchema(_SIZE_SCHEMA, mode="validation")]
"""A number of bytes, which may be written as `20MB` or `20MiB`."""


def _as_written(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


ColumnValue = Annotated[str, BeforeValidator(_as_written)]
"""A value of a column, as a string: `true` for a truth value, digits for a number."""


class Settings(BaseModel):
    """A frozen group of options; unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")
