"""What commands print with `--json`: models whose schemas are their documentation (`model_json_schema()`)."""

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """What a command prints with `--json`. Fields may be added; none is renamed, removed or given another unit."""

    model_config = ConfigDict(frozen=True, extra="forbid")
