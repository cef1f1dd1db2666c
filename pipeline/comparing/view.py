"""The comparison of two runs on a terminal of 80 columns."""

from collections.abc import Iterator
from itertools import groupby

from rich.table import Table

from prep.pipeline.comparing.comparison import Changed, Comparison, Funnel
from prep.pipeline.inspecting.differences import differences
from prep.pipeline.inspecting.stories import print_differences
from prep.pipeline.reports.terminal import Terminal, beginning, indented

_UNKNOWN = "a folder holds no pipeline.yaml; name the runs by their configurations"
CHARACTERS = 160
"""Of a text that is shown."""


def print_comparison(console: Terminal, found: Comparison) -> None:
    """Print what differs between two runs."""
    console.print("Settings that differ", style="bold")
    for each in found.settings or ():
        values = f"{each.before or 'left out'} → {each.after or 'left out'}"
        console.print(indented(f"{each.name}: {values}", 2))
    if not found.settings:
        console.print("  none" if found.settings is not None else f"  not known: {_UNKNOWN}")
    console.print("\nDocuments kept, stage by stage", style="bold")
    _print_funnel(console, found)
    console.print("\nDocuments that changed sides", style="bold")
    for move in found.moves:
        console.print(indented(f"{move.documents:,}: {move.before} → {move.after}", 2))
        for sample in move.samples:
            console.print(indented(sample.id, 4))
            console.print(indented(excerpt(sample), 6, "dim"))
    if not found.moves:
        console.print("  none")
    shown = f"\nTexts that changed: {found.texts_changed:,} of {found.kept_by_both:,} documents that both runs keep"
    console.print(shown, style="bold")
    for text in found.texts:
        console.print(indented(text.id, 2))
        print_differences(console, differences(text.before or "", text.after or ""))
    if found.shares:
        console.print("\nTokens", style="bold")
        _print_shares(console, found)


def excerpt(sample: Changed) -> str:
    """Return the beginning of a text in one line."""
    text = sample.after if sample.before is None else sample.before
    if text is None:
        return "(kept by neither run; prep inspect RUN --id shows it)"
    return beginning(text, CHARACTERS)


def kept(stage: Funnel) -> tuple[str, str, str]:
    """Return the documents that a stage keeps in both runs and the difference, as text."""
    before, after = stage.before, stage.after
    change = "" if before is None or after is None else f"{after.kept - before.kept:+,}"
    shown = ["–" if counts is None else f"{counts.kept:,}" for counts in (before, after)]
    return shown[0], shown[1], change


def token_groups(found: Comparison) -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    """Yield each label with its values and their tokens in both runs, as text with their shares of the label's."""
    for label, groups in groupby(found.shares, key=lambda each: each.label):
        own = list(groups)
        before, after = sum(each.before for each in own), sum(each.after for each in own)
        yield label, [(each.value, _share(each.before, before), _share(each.after, after)) for each in own]


def _share(tokens: int, whole: int) -> str:
    """Return a number of tokens and its share."""
    return f"{tokens:,} ({tokens / whole:.1%})" if whole else "–"


def _print_funnel(console: Terminal, found: Comparison) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("  stage", overflow="fold")
    for name in ("before", "after", "change"):
        table.add_column(name, justify="right", no_wrap=True)
    for stage in found.funnel:
        table.add_row(f"  {stage.stage}", *kept(stage))
    console.print(table)


def _print_shares(console: Terminal, found: Comparison) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("  by", no_wrap=True)
    table.add_column("", overflow="fold")
    for name in ("before", "after"):
        table.add_column(name, justify="right", no_wrap=True)
    for label, rows in token_groups(found):
        for row in rows:
            table.add_row(f"  {label}", *row)
    console.print(table)
