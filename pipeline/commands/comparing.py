"""The command that compares two runs: `prep diff`."""

import webbrowser
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from prep.pipeline.commands.documents import paged

_Run = typer.Argument(metavar="RUN", help="A pipeline's configuration, or the output folder of a run.")


def diff(
    before: Annotated[str, _Run],
    after: Annotated[str, _Run],
    number: Annotated[int, typer.Option(min=1, help="Documents shown of each kind.")] = 3,
    html: Annotated[str | None, typer.Option(metavar="FILE", help="Write a web page instead.")] = None,
    open_: Annotated[bool, typer.Option("--open", help="Open the page, which is diff.html by default.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object, and nothing else.")] = False,
) -> None:
    """Compare two runs: settings, documents by stage, documents that changed sides, texts that changed, tokens."""
    import orjson

    from prep.corpus.files.storage import write_bytes
    from prep.pipeline.comparing.comparison import compare, settings_of_runs
    from prep.pipeline.comparing.page import comparison_page
    from prep.pipeline.comparing.view import print_comparison
    from prep.pipeline.monitor.opening import output_of
    from prep.pipeline.reports.terminal import Terminal

    found = compare(output_of(before), output_of(after), number)
    found = replace(found, settings=settings_of_runs(before, after))
    if json:
        typer.echo(orjson.dumps(asdict(found), option=orjson.OPT_INDENT_2).decode())
        return
    if html is None and not open_:
        with paged() as console:
            print_comparison(console, found)
        return
    place = html or "diff.html"
    write_bytes(place, comparison_page(found, before, after).encode())
    Terminal().print(f"comparison: {place}", soft_wrap=True)
    if open_:
        webbrowser.open(Path(place).absolute().as_uri())
