"""A comparison of corpora on a terminal."""

from collections.abc import Iterator

from rich.table import Table

from prep.pipeline.proxies.answer import CompareAnswer, LineAnswer
from prep.pipeline.proxies.lines import means
from prep.pipeline.reports.terminal import Terminal


def print_comparison(console: Terminal, answer: CompareAnswer) -> None:
    """Print the table of the last size of proxies, and the verdict."""
    table = Table(box=None, pad_edge=False)
    for name in headings(answer):
        table.add_column(name, justify="left" if not name else "right", overflow="fold")
    for line in answer.lines:
        if line.size == answer.lines[-1].size:
            table.add_row(*cells(line))
    console.print(table)
    console.print(unit(answer))
    for sentence in answer.verdict:
        console.print(sentence, style="bold", soft_wrap=True)


def headings(answer: CompareAnswer) -> list[str]:
    """Return the headings of the table of lines."""
    names = [corpus.name for corpus in answer.corpora]
    return ["", *names, *(f"{name} − {names[0]}" for name in names[1:])]


def cells(line: LineAnswer) -> Iterator[str]:
    """Yield the cells of a line: its name, the corpora's means, the differences with their intervals."""
    kinds = {"all": "", "set": "", "language": "language ", "task": "right at ", "answers": "answers of "}
    yield f"{kinds[line.kind]}{line.name}"
    for mean in means(line).values():
        yield f"{mean:.1%}" if line.kind == "task" else f"{mean:.4f}"
    for each in line.differences:
        noise = "" if each.half_width is None else f" ± {each.half_width:.2f}"
        yield f"{each.difference:+.2f}{noise} {'=' if each.verdict == 'level' else each.verdict}"


def unit(answer: CompareAnswer) -> str:
    """Say what the figures are."""
    seeds = len(answer.seeds)
    shared = "shared by all corpora" if answer.paired else "that differ by corpus"
    return (
        "Bits per byte, less is better; differences in per cent (of answers right: points), with "
        f"{answer.confidence:.0%} intervals over {seeds} seeds {shared}, for {answer.comparisons} differences together."
    )
