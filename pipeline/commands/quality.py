"""The commands about quality: `prep quality report`."""

from typing import Annotated, Literal

import typer
from rich.console import Console

from prep.pipeline.commands.pipelines import Pipeline, Set

app = typer.Typer(help="See what quality rules cost.", no_args_is_help=True)


@app.command()
def report(
    pipeline: Pipeline,
    set_: Set = None,
    by: Annotated[Literal["language", "source"] | None, typer.Option(help="Break the costs down.")] = None,
) -> None:
    """Show what each rule of a run rejects: in all, alone (it would come back without the rule), and first."""
    from prep.pipeline import config, plan
    from prep.pipeline.quality_report import print_costs, print_costs_by, quality_costs

    configuration, located = config.load(pipeline, set_ or [])
    plan.check(configuration, located)
    console = Console(highlight=False)
    for step, costs in quality_costs(configuration):
        print_costs(console, configuration.label(step.position), costs)
        if by:
            print_costs_by(console, by, costs)
