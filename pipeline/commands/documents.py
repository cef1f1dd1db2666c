"""The command about documents: `prep inspect`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from prep.pipeline.commands.pipelines import Pipeline, Set
from prep.pipeline.reports.terminal import Terminal

if TYPE_CHECKING:
    from prep.pipeline.reports.inspection import Shown

LENGTH = 200
"""Characters of a text that are shown."""


def inspect(
    pipeline: Pipeline,
    set_: Set = None,
    rule: Annotated[str | None, typer.Option(help="Show this rule alone, on both sides of its threshold.")] = None,
    number: Annotated[int, typer.Option(min=1, help="Documents shown of each kind.")] = 3,
    seed: Annotated[int, typer.Option(min=0, help="Decides which documents are drawn.")] = 1,
) -> None:
    """Show documents of a run: kept ones, and those that each rule rejected, with value and threshold."""
    from prep.pipeline import config, plan
    from prep.pipeline.reports import inspection
    from prep.pipeline.run import plan_for

    configuration, located = config.load(pipeline, set_ or [])
    plan.check(configuration, located)
    console = Terminal(soft_wrap=True)
    planned = plan_for(configuration)
    inspection.require_complete(planned, configuration)
    if rule is None:
        _show(console, "kept", inspection.kept(planned, configuration, number, seed))
    rejected = inspection.rejected(planned, configuration, number, seed, rule)
    for stage, name in dict.fromkeys((each.stage, each.rule) for each in rejected):
        _show(
            console,
            f"rejected by {stage}: {name}",
            [each for each in rejected if (each.stage, each.rule) == (stage, name)],
        )
    for title, shown in inspection.near(planned, configuration, rule) if rule else ():
        _show(console, title, shown[:number])


def _show(console: Terminal, title: str, shown: Sequence["Shown"]) -> None:
    console.print(title, style="bold")
    for each in shown:
        value = "" if each.value is None else f"  value {each.value:g}"
        detail = f"  ({each.detail})" if each.detail else ""
        console.print(f"  {each.id}{value}{detail}")
        console.print(f"    {_excerpt(each.text)}", style="dim")


def _excerpt(text: str | None) -> str:
    """Return the beginning of a text in one line."""
    if text is None:
        return "(its text is not kept)"
    line = " ".join(text[: 4 * LENGTH].split())
    return line if len(line) <= LENGTH else f"{line[:LENGTH]} …"
