"""The commands about a pipeline: `prep run`, `check`, `status`, `report` and `stages`."""

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from prep.pipeline.reports.terminal import Terminal

Pipeline = Annotated[str, typer.Argument(metavar="PIPELINE.yaml", help="The pipeline's configuration.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Override an option, such as minhash.ngram=8. May be repeated."),
]
Workers = Annotated[int | None, typer.Option(help="Tasks that run at the same time; never changes the result.")]
ExecutorName = Annotated[str | None, typer.Option(help="local, ray or slurm; never changes the result.")]


def run(pipeline: Pipeline, set_: Set = None, workers: Workers = None, executor: ExecutorName = None) -> None:
    """Run a pipeline, or what is left of it, and publish its results."""
    from prep.pipeline import config, plan
    from prep.pipeline.reports.progress import Progress
    from prep.pipeline.reports.report import print_funnel, print_warnings
    from prep.pipeline.run import run as run_pipeline

    console = Terminal()
    configuration, located = config.load(pipeline, [*(set_ or []), *_flags(workers, executor)])
    plan.check(configuration, located)
    result = run_pipeline(configuration, Progress(console))
    print_funnel(console, result.ledger)
    print_warnings(console, result.warnings)
    console.print(f"results: {configuration.settings.output}/")


def check(pipeline: Pipeline, set_: Set = None) -> None:
    """Find what cannot work, before any data moves, and show the plan."""
    from prep.pipeline import config, plan
    from prep.pipeline.steps.inputs import survey
    from prep.pipeline.steps.phases import phases

    configuration, located = config.load(pipeline, set_ or [])
    plan.check(configuration, located)
    console = Terminal()
    steps = plan.make_plan(configuration, survey).steps
    for step in steps:
        if isinstance(step, plan.PassStep):
            names = ", ".join(stage.name for _, stage in step.stages) or "takes out what was rejected before"
            work = f"{step.tasks} tasks: {names}"
        else:
            work = ", then ".join(f"{phase.name} × {phase.tasks}" for phase in phases(step))
        console.print(f"{step.index:02d} {step.title}: {work}")
        position = step.position if isinstance(step, plan.GlobalStep) else 0 if step.source else None
        for remark in [] if position is None else plan.remarks(configuration, position):
            console.print(f"   {remark}", soft_wrap=True)
    console.print(f"{pipeline}: {len(configuration.stages)} stages in {len(steps)} steps; no problem found")


def report(
    output: Annotated[str, typer.Argument(metavar="OUTPUT", help="The output folder of a run that has ended.")],
    html: Annotated[str | None, typer.Option(metavar="FILE", help="Write the report as a web page instead.")] = None,
    open_: Annotated[
        bool, typer.Option("--open", help="Open the web page, which is OUTPUT/report.html by default.")
    ] = False,
) -> None:
    """Show what a run did: documents by stage and rule, by source and language, tokenizer, shards and model."""
    from prep.corpus.files.storage import write_bytes
    from prep.pipeline.reports.page.page import report_page
    from prep.pipeline.reports.report import print_run

    console = Terminal()
    if html is None and not open_:
        print_run(console, output)
        return
    place = html or str(Path(output, "report.html"))
    write_bytes(place, report_page(output).encode())
    console.print(f"report: {place}", soft_wrap=True)
    if open_:
        webbrowser.open(Path(place).absolute().as_uri())


def status(pipeline: Pipeline, set_: Set = None) -> None:
    """Say which steps are complete and why the others would run."""
    from prep.pipeline import config, plan
    from prep.pipeline.reports.status import status as status_of
    from prep.pipeline.run import plan_for, steps_folder
    from prep.pipeline.steps.cleaning import stale_folders

    configuration, located = config.load(pipeline, set_ or [])
    plan.check(configuration, located)
    console = Terminal()
    planned = plan_for(configuration)
    for item in status_of(planned, steps_folder(configuration)):
        state = "complete" if item.complete else "to run"
        reasons = f" ({'; '.join(item.reasons)})" if item.reasons else ""
        console.print(f"{item.step.index:02d} {item.step.title}: {state}{reasons}")
    for path in stale_folders(planned, steps_folder(configuration)):
        console.print(f"stale: {path}, which no step needs; prep clean {pipeline} removes it")


def clean(
    pipeline: Pipeline,
    set_: Set = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Name the folders, remove nothing.")] = False,
) -> None:
    """Remove the steps' folders that no step of the pipeline needs as it is configured now."""
    from prep.corpus.files.storage import remove_tree
    from prep.pipeline import config, plan
    from prep.pipeline.run import alone, plan_for, steps_folder
    from prep.pipeline.steps.cleaning import size_of, stale_folders

    configuration, located = config.load(pipeline, set_ or [])
    plan.check(configuration, located)
    console = Terminal(soft_wrap=True)
    root = steps_folder(configuration)
    with alone(root):
        stale = stale_folders(plan_for(configuration), root)
        for path in stale:
            console.print(f"{path}: {size_of(path):,} bytes{'' if dry_run else ', removed'}")
            if not dry_run:
                remove_tree(str(path))
    if not stale:
        console.print(f"{root}: every folder is needed")


def stages(name: Annotated[str | None, typer.Argument(help="A stage; left out: all of them.")] = None) -> None:
    """List the stages, or explain one and its options."""
    from prep.pipeline.reports.reference import describe, overview

    console = Terminal()
    console.print(overview() if name is None else describe(name), soft_wrap=True)


def _flags(workers: int | None, executor: str | None) -> list[str]:
    flags = [] if workers is None else [f"workers={workers}"]
    return flags if executor is None else [*flags, f"executor.kind={executor}"]
