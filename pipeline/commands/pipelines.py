"""The commands about a pipeline: `prep run`, `check`, `status`, `clean`, `report` and `stages`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prep.corpus.errors import PrepError
from prep.pipeline.commands.answering import print_json, write_page
from prep.pipeline.reports.terminal import Terminal

if TYPE_CHECKING:
    from prep.pipeline.config import Configuration
    from prep.pipeline.run import Result

Run = Annotated[str, typer.Argument(metavar="RUN", help="A pipeline's configuration, or the output folder of a run.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Override an option, such as minhash.ngram=8. May be repeated."),
]
Workers = Annotated[int | None, typer.Option(help="Tasks that run at the same time; never changes the result.")]
ExecutorName = Annotated[str | None, typer.Option(help="local, ray or slurm; never changes the result.")]
Json = Annotated[bool, typer.Option("--json", help="Print the answer as one JSON object, and nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print warnings and errors alone.")]
_FEW_REASONS, _MOST_REASONS = 2, 8
"""Why a step would run stands beside it for so few reasons; of more, so many are listed below it."""


def run(
    pipeline: Run,
    set_: Set = None,
    workers: Workers = None,
    executor: ExecutorName = None,
    quiet: Quiet = False,
    json: Json = False,
    detach: Annotated[
        bool, typer.Option("--detach", help="Start the run by itself, on Slurm as a job of its own, and return.")
    ] = False,
) -> None:
    """Run a pipeline, or what is left of it, and publish its results, step by step."""
    from prep.pipeline.execution.preloading import started_early

    flags = _flags(workers, executor)
    overrides = [*(set_ or []), *flags]
    if detach:
        _detach(pipeline, overrides, flags)
        return
    with started_early(pipeline, overrides):
        from prep.pipeline.monitor.opening import opened
        from prep.pipeline.reports.progress import Progress
        from prep.pipeline.run import run as run_pipeline

        with opened(pipeline, overrides, flags) as (configuration, _):
            output = configuration.settings.output
            try:
                result = run_pipeline(configuration, Progress(Terminal(quiet=quiet or json)))
            except (PrepError, OSError) as error:
                _print_failure(error, output, json)
                raise typer.Exit(error.exit_status if isinstance(error, PrepError) else 1) from error
            _print_results(output, configuration.remote or output, result, quiet, json)


def _detach(pipeline: str, overrides: list[str], flags: dict[str, str]) -> None:
    from prep.pipeline.detaching import detach
    from prep.pipeline.monitor.opening import opened

    with opened(pipeline, overrides, flags) as (configuration, _):
        detach(configuration, [pipeline, *(word for each in overrides for word in ("--set", each))])


def _print_failure(error: PrepError | OSError, output: str, json: bool) -> None:
    """Print why a run failed, what to change, and what to type."""
    from prep.pipeline.monitor.observing import observe
    from prep.pipeline.reports.standing import print_failure

    answer = observe(output)
    console = Terminal(stderr=True, soft_wrap=True)
    console.print(f"error: {error}")
    if answer is None or answer.standing != "failed":  # another run is at work here
        return
    if json:
        print_json(answer)
    print_failure(console, answer)


def _print_results(output: str, place: str, result: "Result", quiet: bool, json: bool) -> None:
    from prep.pipeline.monitor.observing import observe
    from prep.pipeline.reports.report import print_funnel, print_warnings

    if json:
        print_json(observe(output))
        return
    console = Terminal(quiet=quiet)
    print_funnel(console, result.ledger)
    print_warnings(Terminal(), result.warnings)
    console.print(f"results: {place}/", soft_wrap=True)
    console.print(f"next: prep report {place} --open", soft_wrap=True)


def check(pipeline: Run, set_: Set = None, json: Json = False) -> None:
    """Find what cannot work, before any data moves, and show the plan."""
    from prep.corpus.errors import ConfigurationError
    from prep.pipeline.config import complaint
    from prep.pipeline.monitor.opening import opened
    from prep.pipeline.monitor.planning import check_answer
    from prep.pipeline.readiness import readiness_problems
    from prep.pipeline.reports.planned import print_plan

    with opened(pipeline, set_ or []) as (configuration, located):
        problems = [complaint(located, (), problem) for problem in readiness_problems(configuration)]
        if problems:
            raise ConfigurationError(problems)
        answer = check_answer(configuration, pipeline)
    if json:
        print_json(answer)
    else:
        print_plan(Terminal(), answer)


def report(
    run: Run,
    set_: Set = None,
    html: Annotated[str | None, typer.Option(metavar="FILE", help="Write the report as a web page instead.")] = None,
    open_: Annotated[bool, typer.Option("--open", help="Open the web page, RUN/report.html by default.")] = False,
    json: Json = False,
) -> None:
    """Show what a run did, or has done so far: documents by stage and rule, source and language, what was made."""
    from prep.pipeline.monitor.observing import observe
    from prep.pipeline.monitor.opening import output_of
    from prep.pipeline.reports.page.page import report_page
    from prep.pipeline.reports.report import print_run, report_answer
    from prep.pipeline.reports.standing import print_standing
    from prep.pipeline.results.ledger import LEDGER

    output = output_of(run, set_ or [])
    console = Terminal()
    if json:
        print_json(report_answer(output, observe(output)))
        return
    if html is not None or open_:
        write_page("report", html or str(Path(output, "report.html")), report_page(output), open_=open_)
        return
    answer = observe(output)
    if answer is not None and answer.standing != "done":
        published = Path(output, LEDGER).exists()
        print_standing(console, answer, funnel=not published)
        if not published:
            return
    print_run(console, output)


def status(
    run: Run,
    set_: Set = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Go on until the run has ended.")] = False,
    json: Json = False,
) -> None:
    """Say how a run stands, from any terminal: how far it is, which steps are complete and why others would run."""
    from prep.pipeline.monitor.observing import observe
    from prep.pipeline.monitor.opening import opened, output_of
    from prep.pipeline.reports import standing

    output = output_of(run, set_ or [])
    answer = observe(output)
    console = Terminal()
    if watch and answer is not None and not json:
        answer = standing.watch(console, output, answer)
    if answer is not None and json:
        print_json(answer)
        return
    planned = answer is None or (answer.standing != "running" and not Path(run).is_dir())
    if answer is not None:
        standing.print_standing(console, answer, steps=not planned)
    if planned:
        with opened(run, set_ or []) as (configuration, _):
            _print_planned(console, configuration, run)


def _print_planned(console: Terminal, configuration: "Configuration", run: str) -> None:
    """Print which steps are complete as the pipeline is configured now, and why the others would run."""
    from prep.pipeline.integrity.cleaning import stale_folders
    from prep.pipeline.reports.status import status as status_of
    from prep.pipeline.run import plan_for, steps_folder

    plan, folder = plan_for(configuration), steps_folder(configuration)
    for item in status_of(plan, folder):
        state = "complete" if item.complete else "to run"
        few = len(item.reasons) <= _FEW_REASONS
        beside = f" ({'; '.join(item.reasons)})" if item.reasons and few else ""
        console.print(f"{item.step.index:02d} {item.step.title}: {state}{beside}", soft_wrap=True)
        for reason in () if few else item.reasons[:_MOST_REASONS]:
            console.print(f"  {reason}", soft_wrap=True)
        if len(item.reasons) > _MOST_REASONS:
            console.print(f"  and {len(item.reasons) - _MOST_REASONS} changes more")
    for path in stale_folders(plan, folder):
        console.print(f"stale: {path}, which no step needs; prep clean {run} removes it", soft_wrap=True)


def clean(
    run: Run,
    set_: Set = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Name the folders, remove nothing.")] = False,
    json: Json = False,
) -> None:
    """Remove the steps' folders that no step of the pipeline needs as it is configured now."""
    from prep.corpus.files.storage import remove_tree
    from prep.pipeline.execution.alone import alone
    from prep.pipeline.integrity.cleaning import size_of, stale_folders
    from prep.pipeline.monitor.opening import opened
    from prep.pipeline.monitor.planning import CleanAnswer, FolderAnswer
    from prep.pipeline.remote.storing import prepare, storing
    from prep.pipeline.run import plan_for, steps_folder

    console = Terminal(soft_wrap=True, quiet=json)
    found: list[FolderAnswer] = []
    with opened(run, set_ or []) as (configuration, _):
        root = steps_folder(configuration)
        prepare(configuration)
        with alone(root), storing(configuration):
            for path in stale_folders(plan_for(configuration), root):
                found.append(FolderAnswer(folder=str(path), bytes=size_of(path)))
                console.print(f"{path}: {found[-1].bytes:,} bytes{'' if dry_run else ', removed'}")
                if not dry_run:
                    remove_tree(str(path))
    if not found:
        console.print(f"{root}: every folder is needed")
    if json:
        print_json(CleanAnswer(folders=found, removed=not dry_run))


def stages(
    name: Annotated[str | None, typer.Argument(help="A stage; left out: all of them.")] = None, json: Json = False
) -> None:
    """List the stages, or explain one and its options."""
    from prep.pipeline.reports.reference import describe, overview, stages_answer

    if json:
        print_json(stages_answer(name))
        return
    console = Terminal()
    console.print(overview() if name is None else describe(name), soft_wrap=True)


def _flags(workers: int | None, executor: str | None) -> dict[str, str]:
    """Return what flags change of the configuration, with what was typed."""
    flags = {} if workers is None else {f"workers={workers}": f"--workers {workers}"}
    return flags if executor is None else {**flags, f"executor={executor}": f"--executor {executor}"}
