"""A fitted mixture on a terminal."""

from rich.table import Table

from prep.pipeline.mixing.answer import FitAnswer
from prep.pipeline.proxies.lines import means
from prep.pipeline.reports.terminal import Terminal


def print_fit(console: Terminal, answer: FitAnswer) -> None:
    """Print the shares, how well the laws predict, and the comparison with other mixtures."""
    table = _table("source", "tokens", "natural", "chosen", "5 % to 95 %", "limit")
    for each in answer.shares:
        ends = f"{each.low:.1%} – {each.high:.1%}"
        table.add_row(
            each.source, f"{each.tokens:,}", f"{each.natural:.1%}", f"{each.share:.1%}", ends, f"{each.limit:.1%}"
        )
    console.print(table)
    console.print(
        f"predicted to cost {answer.gain:.2f} % less than the natural mixture "
        f"({answer.gain_low:.2f} to {answer.gain_high:.2f})\n",
        soft_wrap=True,
    )
    laws = _table("set", "weight", "spread", "error of the law, a mixture left out")
    for law in answer.laws:
        laws.add_row(law.set, f"{law.weight:.2f}", f"{law.spread:.4f}", f"{law.error:.4f}")
    console.print(laws)
    if answer.rank_correlation is not None:
        rank = f"{answer.rank_correlation:.2f}"
        console.print(f"rank correlation with what {len(answer.checks)} mixtures outside the design cost: {rank}\n")
    final = _table("", *answer.lines[0].values)
    for line in answer.lines:
        final.add_row(line.name, *(f"{value:.4f}" for value in means(line).values()))
    console.print(final)
    for sentence in answer.verdict:
        console.print(sentence, style="bold", soft_wrap=True)


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(first, overflow="fold")
    for name in others:
        table.add_column(name, justify="right")
    return table
