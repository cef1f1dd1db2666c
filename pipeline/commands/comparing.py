"""The command that compares two runs: `prep diff`."""

from dataclasses import asdict
from typing import Annotated

import typer

from prep.pipeline.commands.answering import print_json, write_page
from prep.pipeline.commands.documents import paged
from prep.pipeline.commands.pipelines import Json, Run


def diff(
    before: Run,
    after: Run,
    number: Annotated[int, typer.Option(min=1, help="Documents shown of each kind.")] = 3,
    html: Annotated[str | None, typer.Option(metavar="FILE", help="Write a web page instead.")] = None,
    open_: Annotated[bool, typer.Option("--open", help="Open the page, which is diff.html by default.")] = False,
    json: Json = False,
) -> None:
    """Compare two runs: settings, documents by stage, documents that changed sides, texts that changed, tokens."""
    from prep.pipeline.comparing.comparison import compare, settings_of_runs
    from prep.pipeline.comparing.page import comparison_page
    from prep.pipeline.comparing.view import print_comparison
    from prep.pipeline.monitor.opening import output_of

    found = compare(output_of(before), output_of(after), number, settings_of_runs(before, after))
    if json:
        print_json(asdict(found))
    elif html is None and not open_:
        with paged() as console:
            print_comparison(console, found)
    else:
        write_page("comparison", html or "diff.html", comparison_page(found, before, after), open_=open_)
