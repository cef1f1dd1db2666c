"""The command about documents: `prep inspect`."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from prep.pipeline.commands.answering import print_json
from prep.pipeline.commands.pipelines import Run, Set
from prep.pipeline.reports.terminal import Terminal

if TYPE_CHECKING:
    from prep.pipeline.config import Configuration
    from prep.pipeline.inspecting.drawing import Shown
    from prep.pipeline.inspecting.following import Story
    from prep.pipeline.plan import Plan

Several = list[str] | None


def inspect(
    run: Run,
    set_: Set = None,
    id_: Annotated[Several, typer.Option("--id", help="Follow this document. May be repeated.")] = None,
    url: Annotated[Several, typer.Option(help="Follow the documents of this URL. May be repeated.")] = None,
    search: Annotated[str | None, typer.Option(metavar="TEXT", help="Follow documents that hold this text.")] = None,
    rule: Annotated[str | None, typer.Option(help="Show this rule alone, on both sides of its threshold.")] = None,
    stage: Annotated[str | None, typer.Option(help="Show what this stage rejected, by rule.")] = None,
    number: Annotated[int, typer.Option(min=1, help="Documents shown of each kind, or found.")] = 3,
    seed: Annotated[int, typer.Option(min=0, help="Decides which documents are drawn.")] = 1,
    full: Annotated[bool, typer.Option("--full", help="Show whole texts and all differences.")] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object, texts in full, and nothing else.")
    ] = False,
) -> None:
    """Show documents of a run; of those that are named or searched for, what each stage did to them, and why."""
    from prep.pipeline.inspecting import searching
    from prep.pipeline.inspecting.following import follow
    from prep.pipeline.monitor.opening import opened
    from prep.pipeline.run import plan_for

    with opened(run, set_ or []) as (configuration, _):
        planned = plan_for(configuration)
        if id_ or url or search:
            ids = [*(id_ or ()), *searching.by_url(planned, configuration, url or ())]
            stories = follow(planned, configuration, ids)
            if search:
                stories += searching.by_text(planned, configuration, search, number)
            _tell(stories, full=full, json=json)
        else:
            _list(planned, configuration, rule, stage, number, seed, json=json)


def _tell(stories: "Sequence[Story]", *, full: bool, json: bool) -> None:
    from prep.pipeline.inspecting.stories import print_story, story_as_json

    if json:
        print_json({"documents": [story_as_json(story) for story in stories]})
        return
    with paged() as console:
        for story in stories:
            print_story(console, story, full=full)
        if not stories:
            console.print("no document of this run is so named, or holds this text")


def _list(
    planned: "Plan",
    configuration: "Configuration",
    rule: str | None,
    stage: str | None,
    number: int,
    seed: int,
    *,
    json: bool,
) -> None:
    from prep.pipeline.inspecting import drawing
    from prep.pipeline.inspecting.stories import print_shown

    drawing.require_known(planned, configuration, rule, stage)
    groups: dict[str, list[Shown]] = {}
    if rule is None and stage is None:
        groups["kept"] = drawing.kept(planned, configuration, number, seed)
    for each in drawing.rejected(planned, configuration, number, seed, rule, stage):
        groups.setdefault(f"rejected by {each.stage}: {each.rule}", []).append(each)
    for title, shown in drawing.near(planned, configuration, rule) if rule else ():
        groups[title] = shown[:number]
    if json:
        print_json({title: [vars(each) for each in shown] for title, shown in groups.items()})
        return
    with paged() as console:
        for title, shown in groups.items():
            print_shown(console, title, shown)
        some = next((each.id for shown in groups.values() for each in shown), None)
        if some is not None:
            console.print(f"follow one with: --id {some!r}", soft_wrap=True)


@contextmanager
def paged() -> Iterator[Terminal]:
    """Give a console whose output is paged where it goes to a terminal and fills it."""
    console = Terminal()
    if not console.is_terminal:
        yield console
        return
    os.environ.setdefault("LESS", "-RFX")
    with console.pager(styles=True):
        yield console
