"""A page for each stage, written from the stage's own documentation while the site is built."""

import inspect
from collections.abc import Iterator

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from prep.pipeline.reports.reference import example_of, options_of
from prep.stages.catalogue import STAGES
from prep.stages.settings import Settings


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages to the site's files."""
    pages = {"index.md": _index(), **{f"{name}.md": _page(name) for name in STAGES}}
    for name, text in pages.items():
        files.append(File.generated(config, f"stages/{name}", content=text))
    return files


def _index() -> str:
    rows = "\n".join(f"| [`{name}`]({name}.md) | {_cell(_summary(name))} |" for name in STAGES)
    return f"# Stages\n\nWhat `prep stages` prints, with a page for each.\n\n| stage | |\n|---|---|\n{rows}\n"


def _page(name: str) -> str:
    kind = STAGES[name]
    text = inspect.cleandoc(kind.__doc__ or "")
    return "\n".join(
        [f"# {name}", "", text, "", "```yaml", example_of(kind), "```", "", "## Options", "", *_options(kind)]
    )


def _options(kind: type[Settings], prefix: str = "") -> Iterator[str]:
    yield from ("| option | takes | default | |", "|---|---|---|---|")
    groups: list[tuple[str, type[Settings]]] = []
    for option in options_of(kind):
        cells = (f"`{prefix}{option.name}`", option.takes, option.default.removeprefix("default "), option.text)
        yield f"| {' | '.join(map(_cell, cells))} |"
        groups += [(f"{prefix}{option.name}", group) for group in option.groups]
    for name, group in groups:
        yield from ("", f"### {name}", "", inspect.cleandoc(group.__doc__ or ""), "", *_options(group))


def _summary(name: str) -> str:
    return inspect.cleandoc(STAGES[name].__doc__ or "").partition("\n")[0]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
