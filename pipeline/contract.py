"""Whether a configuration can work: what each stage needs and none before it gives, and what a stage says of itself.

The columns of documents are followed from stage to stage, as the contract (`prep.stages.stage`) has each say what it
reads, adds and takes away; no document is read. Every problem is named with its place in the file.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from prep.corpus.errors import ConfigurationError, Problem
from prep.corpus.files.storage import exists
from prep.pipeline.config import Configuration, LocalExecutor, complaint, stage_path
from prep.pipeline.located import Located
from prep.pipeline.remote.places import has_scratch, output_problems
from prep.pipeline.replaced_columns import replaced_columns
from prep.stages.catalogue import STAGES
from prep.stages.stage import CheckContext, GlobalStage, RowStage, SourceStage, Stage, Tagging


def check(configuration: Configuration, located: Located) -> None:
    """Refuse a configuration that cannot work. Raises ConfigurationError with every problem found."""
    complaints = [
        complaint(located, stage_path(located, position), problem, configuration.label(position))
        if position is not None
        else complaint(located, (), problem)
        for position, problem in _problems(configuration)
    ]
    if complaints:
        raise ConfigurationError(complaints)


def _problems(configuration: Configuration) -> Iterator[tuple[int | None, Problem]]:
    output = configuration.settings.output
    if configuration.remote:
        yield from ((None, problem) for problem in output_problems(configuration.remote))
        if not isinstance(configuration.settings.executor, LocalExecutor) and not has_scratch(
            configuration.settings.scratch
        ):
            expected = "a folder that all nodes share, since output is a URL"
            yield None, Problem("option 'scratch' is missing", ("output",), expected)
    elif not Path(output).is_dir() and exists(output):
        yield None, Problem("output", ("output",), "a folder", f"{output}, which is a file", "name another one")
    first = configuration.stages[0]
    if not isinstance(first, SourceStage):
        yield 0, Problem("the first stage must read documents", expected="read", seen=first.name)
        return
    found = list(first.problems(CheckContext(pa.schema([]), 0, frozenset())))
    yield from ((0, problem) for problem in found)
    if found:
        return
    files = first.list_files()
    schema, artefacts = first.output_schema(files), frozenset[str]()
    removers: dict[str, str] = {}
    input_bytes = sum(file.size for file in files)
    for position, stage in enumerate(configuration.stages[1:], start=1):
        context = CheckContext(schema, input_bytes, artefacts, configuration.stages[:position])
        found = [*_contract_problems(stage, context, removers), *stage.problems(context)]
        yield from ((position, problem) for problem in found)
        if isinstance(stage, RowStage | GlobalStage) and not found:
            before, schema = schema, stage.columns_after(schema)
            removers |= {column: stage.name for column in before.names if column not in schema.names}
            yield from ((position, problem) for problem in _repeated(schema, before))
        if isinstance(stage, GlobalStage) and stage.makes:
            artefacts |= {stage.makes}


def remarks(configuration: Configuration, position: int) -> Iterator[str]:
    """Yield what a stage of a checked configuration says of itself before it runs."""
    first = configuration.stages[0]
    assert isinstance(first, SourceStage)
    files = first.list_files()
    schema = first.output_schema(files)
    for stage in configuration.stages[1:position]:
        if isinstance(stage, RowStage | GlobalStage):
            schema = stage.columns_after(schema)
    input_bytes = sum(file.size for file in files)
    context = CheckContext(schema, input_bytes, frozenset(), configuration.stages[:position])
    yield from configuration.stages[position].remarks(context)
    if position == 0:
        yield from map(str, replaced_columns(configuration, schema))


def _repeated(schema: pa.Schema, before: pa.Schema) -> Iterator[Problem]:
    """Yield the columns that a stage appends to documents that have one of that name."""
    for name in sorted({name for name in schema.names if schema.names.count(name) > 1 and name in before.names}):
        hint = "rename it in the input, leave it out with read's option 'keep', or leave the stage out"
        yield Problem(f"adds a column {name!r}, which the documents have already", hint=hint)


def _contract_problems(stage: Stage, context: CheckContext, removers: Mapping[str, str]) -> Iterator[Problem]:
    """Yield what a stage needs and no earlier one provides; `removers` names the stage that took a column away."""
    if isinstance(stage, SourceStage):
        yield Problem("only the first stage can read documents", hint="give it all paths")
    for column in stage.columns:
        if column in context.schema.names:
            continue
        if column in removers:
            remover = removers[column]
            yield Problem(
                f"needs the column '{column}', which the stage '{remover}' takes away",
                hint=f"put it before '{remover}'",
            )
        else:
            yield Problem(
                f"needs a column '{column}' that no earlier stage makes",
                seen=f"the columns {', '.join(context.schema.names)}",
                hint=_maker_of(column, stage.name, [earlier.name for earlier in context.upstream]),
            )
    if isinstance(stage, Tagging):
        yield from _tag_problems(stage, context)
    for artefact in stage.needs if isinstance(stage, GlobalStage) else ():
        if artefact not in context.artefacts:
            yield Problem(f"needs a '{artefact}' that no earlier stage makes", hint=_maker_of(artefact, stage.name))


def _tag_problems(stage: Tagging, context: CheckContext) -> Iterator[Problem]:
    if stage.tag is None:
        if stage.tag_column is not None:
            hint = "set it, or take tag_column out"
            yield Problem("'tag_column' has a meaning only with action: tag", ("tag_column",), hint=hint)
        return
    if not stage.has_rules():
        yield Problem("no rule is set that could be noted", ("action",), hint="set one, or take action: tag out")
    if stage.tag in context.schema.names:
        hint = "name another one: tag_column"
        yield Problem(f"the documents have a column {stage.tag!r} already", ("action",), hint=hint)


def _maker_of(product: str, name: str, earlier: Sequence[str] = ()) -> str:
    """Return which stage to put before the one that needs a column or artefact, as the stages say themselves.

    One that is there and makes none of what it has, as `read` makes no `html` of texts, leaves nothing to do for it.
    """
    makers = (each for each in STAGES if product in STAGES[each].produces)
    found = next(makers, None)
    if found in earlier:
        return f"'{found}' finds none in this input; leave '{name}' out"
    return f"put the stage '{found}' before it" if found else ""
