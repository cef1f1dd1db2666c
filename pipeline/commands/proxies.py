"""The commands that ask small models: `prep compare` and `prep mix fit`."""

import os
from typing import Annotated

import typer

from prep.pipeline.commands.answering import print_json, size_flag
from prep.pipeline.commands.pipelines import Json
from prep.pipeline.reports.terminal import Terminal

mix = typer.Typer(help="Fit in what proportions sources are mixed.", no_args_is_help=True)

CORES = os.cpu_count() or 1

On = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=FILES", help="Held-out text that no corpus holds, such as books=books/*.txt."),
]
Task = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=FILE", help="JSON Lines of questions with choices, or of prompts with completions."),
]
Tokens = Annotated[
    int | None,
    typer.Option(parser=size_flag, metavar="NUMBER", help="Tokens that each model learns from, such as 2M."),
]
Seeds = Annotated[int | None, typer.Option(min=1, help="Models of each size and corpus.")]
Size = Annotated[list[str] | None, typer.Option(help="A preset, such as tiny or 10m; may be repeated.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Another setting of the models, such as vocabulary=8192."),
]
Workers = Annotated[int, typer.Option(min=1, help="Models trained side by side; never changes the result.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what it would cost, and train nothing.")]


def compare(
    runs: Annotated[
        list[str],
        typer.Argument(metavar="RUN RUN…", help="Configurations, or output folders; the first is compared with."),
    ],
    on: On = None,
    task: Task = None,
    tokens: Tokens = None,
    seeds: Seeds = None,
    size: Size = None,
    set_: Set = None,
    output: Annotated[
        str, typer.Option(metavar="DIR", help="The folder to write; what is there goes on.")
    ] = "comparison",
    workers: Workers = CORES,
    dry_run: DryRun = False,
    open_: Annotated[bool, typer.Option("--open", help="Open the page, DIR/comparison.html.")] = False,
    json: Json = False,
) -> None:
    """Compare corpora by what small models learn from them: bits per byte on text that none of them holds.

    The same tokenizer, tokens, models and seeds for each; differences with intervals, and no verdict where the noise of
    the seeds is larger. `--json` prints what `prep.pipeline.proxies.answer` describes.
    """
    from prep.pipeline.config import settings_of
    from prep.pipeline.proxies.comparison import Request, compare_corpora, predict_cost
    from prep.pipeline.proxies.held_out import sets_by_name
    from prep.pipeline.proxies.settings import ProxySettings
    from prep.pipeline.proxies.view import print_comparison

    settings = settings_of(ProxySettings, [*flags(tokens, seeds, size), *(set_ or [])])
    request = Request(tuple(runs), sets_by_name(on or []), tasks_by_name(task or []))
    console, messages = Terminal(quiet=json), Terminal(stderr=json)
    if dry_run:
        _print_cost(predict_cost(request, settings, workers), json)
        return
    answer = compare_corpora(request, settings, output, workers, lambda line: messages.print(line, soft_wrap=True))
    if json:
        print_json(answer)
    print_comparison(console, answer)
    console.print(f"page: {output}/comparison.html", soft_wrap=True)
    if open_:
        typer.launch(f"{output}/comparison.html")


@mix.command("fit")
def fit_mix(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A pipeline's configuration, or its output folder.")],
    on: On = None,
    weight: Annotated[
        list[str] | None, typer.Option(metavar="SET=NUMBER", help="What a held-out set counts for; others count 1.")
    ] = None,
    tokens: Tokens = None,
    target_tokens: Annotated[
        int | None,
        typer.Option(parser=size_flag, metavar="NUMBER", help="Tokens of the training that the mixture is for."),
    ] = None,
    size: Annotated[str | None, typer.Option(help="A preset, such as tiny or 10m.")] = None,
    set_: Set = None,
    output: Annotated[str, typer.Option(metavar="DIR", help="The folder to write; what is there goes on.")] = "mixture",
    workers: Workers = CORES,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Fit the mixture of a corpus's sources by what small models learn from mixtures of them.

    Writes DIR/mixture.yaml, which goes below `pack`, and DIR/fit.json, which `prep.pipeline.mixing.answer` describes.
    Mixtures that were tried count again where a source is added.
    """
    from prep.pipeline.config import settings_of
    from prep.pipeline.mixing.fitting import fit_mixture, predict_cost
    from prep.pipeline.mixing.settings import MixSettings
    from prep.pipeline.mixing.view import print_fit
    from prep.pipeline.proxies.held_out import sets_by_name

    weights = ", ".join(each.replace("=", ": ", 1) for each in weight or [])
    given = {"target_tokens": target_tokens, "weights": f"{{{weights}}}" if weights else None}
    options = [f"{name}={value}" for name, value in given.items() if value is not None]
    settings = settings_of(MixSettings, [*flags(tokens, None, [size] if size else None), *options, *(set_ or [])])
    console, messages = Terminal(quiet=json), Terminal(stderr=json)
    if dry_run:
        _print_cost(predict_cost(run, settings, workers), json)
        return
    texts = sets_by_name(on or [])
    answer = fit_mixture(run, texts, settings, output, workers, lambda line: messages.print(line, soft_wrap=True))
    if json:
        print_json(answer)
    print_fit(console, answer)
    console.print(f"the fragment for pack: {output}/mixture.yaml", soft_wrap=True)


def _print_cost(cost: str, json: bool) -> None:
    if json:
        print_json({"cost": cost})
    else:
        Terminal().print(cost, soft_wrap=True)


def flags(tokens: int | None, seeds: int | None, sizes: list[str] | None) -> list[str]:
    """Return settings that have flags of their own as `name=value`."""
    given = {"tokens": tokens, "seeds": seeds, "sizes": None if not sizes else f"[{', '.join(sizes)}]"}
    return [f"{name}={value}" for name, value in given.items() if value is not None]


def tasks_by_name(given: list[str]) -> dict[str, str]:
    """Return a task's file by its name. Raises ConfigurationError where one has several."""
    from prep.corpus.errors import ConfigurationError
    from prep.pipeline.proxies.held_out import sets_by_name

    found = sets_by_name(given)
    for name, places in found.items():
        if len(places) > 1:
            raise ConfigurationError([f"--task {name}: expected one file, seen {', '.join(places)}"])
    return {name: places[0] for name, places in found.items()}
