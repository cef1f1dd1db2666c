"""The command that predicts a run: `prep estimate`."""

import re
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Annotated

import typer

from prep.pipeline.commands.answering import print_json
from prep.pipeline.commands.pipelines import Json, Run, Set, Workers
from prep.pipeline.reports.terminal import Terminal

if TYPE_CHECKING:
    from prep.pipeline.estimating.estimating import SampleSize

_SHARE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*%\s*")


def estimate(
    pipeline: Run,
    set_: Set = None,
    workers: Workers = None,
    sample: Annotated[
        str | None,
        typer.Option(metavar="SHARE", help="How much is run: 2%, or 20MB; by default what a minute or two allow."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Decides the sample.")] = 0,
    json: Json = False,
) -> None:
    """Predict what a run over all of the input keeps, takes and needs, from the real stages on a sample of it.

    Documents by stage and rule, tokens, CPU hours, time, memory and disk, with intervals; what will not fit, and what
    takes the longest. Nothing is written but in a temporary folder.
    """
    from prep.pipeline.estimating.answering import answer_of
    from prep.pipeline.estimating.estimating import found
    from prep.pipeline.estimating.view import print_estimate
    from prep.pipeline.monitor.opening import opened

    size = sample_size(sample)
    flags = {} if workers is None else {f"workers={workers}": f"--workers {workers}"}
    progress = Terminal(stderr=True, soft_wrap=True, quiet=json)
    begun = monotonic()
    with (
        opened(pipeline, [*(set_ or []), *flags], flags) as (configuration, _),
        found(configuration, size, seed, lambda line: progress.print(f"{line} …")) as everything,
    ):
        answer = answer_of(everything, pipeline, seed, monotonic() - begun)
    if json:
        print_json(answer)
    else:
        print_estimate(Terminal(), answer)


def sample_size(text: str | None) -> "SampleSize":
    """Return how large a sample is to be, as `2%` or `20MB`."""
    from prep.pipeline.estimating.estimating import SampleSize
    from prep.stages.settings import size_of

    if text is None:
        return SampleSize()
    share, size = _SHARE.fullmatch(text), None
    if share is None:
        with suppress(ValueError):
            size = int(str(size_of(text)))
    if (share is None and not size) or (share is not None and not 0 < float(share[1]) <= 100):
        message = f"expected a share such as 2%, up to 100%, or a size such as 20MB, seen {text!r}"
        raise typer.BadParameter(message, param_hint="--sample")
    return SampleSize(bytes=size) if share is None else SampleSize(share=float(share[1]) / 100)
