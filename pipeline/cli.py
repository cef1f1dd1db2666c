"""The command line. The YAML is the truth; few flags. A command is a function in `prep.pipeline.commands`, listed here.

Exit status: 0 done, 1 a run failed, 2 the configuration cannot work, 130 interrupted.
"""

import traceback
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from prep.corpus.errors import PrepError, RunError
from prep.pipeline.commands import (
    classifier,
    comparing,
    dedup,
    documents,
    estimating,
    pipelines,
    proxies,
    quality,
    recipes,
    running,
    shards,
    start,
    takedown,
    tokenizer,
    training,
)
from prep.pipeline.execution.interrupts import GO_ON, INTERRUPTS
from prep.pipeline.reports.terminal import Terminal

app = typer.Typer(
    help="Prepares text for pretraining language models: from raw sources to packed shards and a trained model.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"prep {version('corpus-prep')}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


for command in (
    *(
        pipelines.run,
        pipelines.check,
        estimating.estimate,
        pipelines.status,
        running.stop,
        running.workers,
        pipelines.clean,
        pipelines.report,
        pipelines.stages,
    ),
    *(recipes.recipes, start.init, start.schema),
    *(
        documents.inspect,
        comparing.diff,
        proxies.compare,
        takedown.trace,
        takedown.remove,
        shards.verify,
        shards.export,
        training.train,
    ),
):
    app.command()(command)
app.add_typer(classifier.app, name="classifier")
app.add_typer(dedup.app, name="dedup")
app.add_typer(tokenizer.app, name="tokenizer")
app.add_typer(quality.app, name="quality")
app.add_typer(training.app, name="model")
app.add_typer(proxies.mix, name="mix")


def main() -> None:
    """Run the command line; errors a user can act on are printed without a traceback."""
    try:
        app()
    except PrepError as error:
        _stop(error)
    except OSError as error:  # a full disk, a folder that cannot be written: the system's words say it best
        _stop(RunError(str(error)))
    except SystemExit as end:
        stop = getattr(end.__context__, "__cause__", None)
        if isinstance(stop, KeyboardInterrupt):
            Terminal(stderr=True, soft_wrap=True).print(f"interrupted: {stop or GO_ON}")
        if isinstance(stop, EOFError):  # of which typer says "Aborted." alone
            _stop(_ended_early(stop))
        raise


def _ended_early(error: EOFError) -> RunError:
    if "marshal" in str(error):
        return RunError(
            f"Python's compiled copy of a module is damaged ({error}), as a full disk may leave it; remove the folders "
            f"named __pycache__ in {Path(__file__).parents[1]}"
        )
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{error or 'EOFError'} (in {last.name}, {last.filename}:{last.lineno})"
    return RunError(f"a file or process ended early: {place}; run again, what is done is kept")


def _stop(error: PrepError) -> NoReturn:
    Terminal(stderr=True, soft_wrap=True).print(f"error: {error}")
    raise SystemExit(error.exit_status)


if __name__ == "__main__":
    with INTERRUPTS.listening():
        main()
