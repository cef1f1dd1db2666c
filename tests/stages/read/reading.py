"""How the tests of the stage look at what it reads."""

import pyarrow as pa

from prep.stages.read.read import Read
from prep.stages.stage import CheckContext, Watch
from prep.stages.verdicts import Outcome


def problems(stage: Read) -> list[str]:
    """Return what the stage refuses before data moves."""
    return [str(problem) for problem in stage.problems(CheckContext(pa.schema([]), 0, frozenset()))]


def outcomes(stage: Read, batch_bytes: int = 1 << 20, watch: Watch | None = None) -> list[Outcome]:
    """Read everything, task after task."""
    files = stage.list_files()
    schema = stage.output_schema(files)
    return [outcome for part in stage.partitions(files) for outcome in stage.read(part, schema, batch_bytes, watch)]


def documents(stage: Read, batch_bytes: int = 1 << 20, watch: Watch | None = None) -> list[dict[str, object]]:
    """Return every record, with the rule it is lost under (behind an exclamation mark where it failed)."""
    schema = stage.output_schema(stage.list_files())
    rows = []
    for batch, verdicts in outcomes(stage, batch_bytes, watch):
        assert batch.schema == schema
        batch.validate(full=verdicts is None)
        rules = [None] * batch.num_rows if verdicts is None else verdicts.rule.to_pylist()
        failures = (
            [False] * batch.num_rows if verdicts is None or verdicts.failed is None else verdicts.failed.to_pylist()
        )
        rows += [
            {**row, "rule": f"!{rule}" if failed else rule}
            for row, rule, failed in zip(batch.to_pylist(), rules, failures, strict=True)
        ]
    return rows
