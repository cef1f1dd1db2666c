"""A comparison of corpora as one web page, in the style of a run's report."""

from collections.abc import Iterator

from prep.pipeline.proxies.answer import CompareAnswer, LineAnswer
from prep.pipeline.proxies.view import cells, headings, unit
from prep.pipeline.reports.page import charts
from prep.pipeline.reports.page.markup import Markup, element, section, table
from prep.pipeline.reports.page.page import whole_page

_METHOD = (
    "Every corpus is read with the same tokenizer, for the same number of tokens; models of the same shape, first "
    "weights and schedule learn from each, and are measured on text that none of the corpora holds: documents held out "
    "of all of them by a hash of their URL or id, and files that were given. Passages of that text are sought in the "
    "corpora by their 13-grams of words and cut out."
)
_PAIRED = (
    "Corpora share their seeds, so a seed is a block of a randomised block design: what it adds to all corpora is "
    "taken out, and the noise is the variance of what is left (with two corpora: the paired t-test, Student 1908; "
    "Fisher 1935, The Design of Experiments, chapter 4)."
)
_UNPAIRED = "Corpora have seeds of their own; the noise is the variance within corpora, pooled (Student's t-test)."
_TOGETHER = (
    "Intervals are widened so that all of them hold together (Bonferroni), and a difference whose interval holds zero "
    "is none. They are about seeds: other held-out text of the same kind would move all corpora alike, other kinds may "
    "not."
)


def comparison_page(answer: CompareAnswer) -> str:
    """Return the page."""
    names = " and ".join(corpus.name for corpus in answer.corpora)
    return whole_page(names, f"{names}: what models learn", list(_sections(answer)))


def _sections(answer: CompareAnswer) -> Iterator[Markup]:
    yield section("Verdict", *(element("p", element("b", sentence)) for sentence in answer.verdict))
    for size in dict.fromkeys(line.size for line in answer.lines):
        lines = [line for line in answer.lines if line.size == size]
        weights = f"{answer.cost.parameters[size]:,} parameters"
        pictures = _pictures(answer, lines) if len(answer.seeds) > 1 else ()
        head = element("p", f"{unit(answer)} Models: {size}, {weights}.")
        yield section(f"Measured by {size}", head, table(headings(answer), map(cells, lines)), *pictures)
        rows = [(*_named(line), "–" if line.seeds_for_one_percent is None else _seeds(line)) for line in lines]
        yield section(f"Noise of {size}", table(("", *_spread_headings(answer), "seeds to see 1 %"), rows))
    yield section("Held-out text", _sets(answer))
    yield section("Corpora", _corpora(answer))
    yield section("Cost", _cost(answer))
    how = (_METHOD, _PAIRED if answer.paired else _UNPAIRED, _TOGETHER)
    yield section("Method", *(element("p", text) for text in how))


def _pictures(answer: CompareAnswer, lines: list[LineAnswer]) -> Iterator[Markup]:
    texts = [line for line in lines if line.kind != "task"]
    for place, corpus in enumerate(answer.corpora[1:]):
        found = [line.differences[place] for line in texts]
        label = f"{corpus.name} against {answer.corpora[0].name}: bits per byte, per cent (less is better)"
        centres = [each.difference for each in found]
        widths = [each.half_width or 0.0 for each in found]
        yield charts.intervals([next(cells(line)) for line in texts], centres, widths, label)


def _named(line: LineAnswer) -> Iterator[str]:
    yield next(cells(line))
    for values in line.values.values():
        yield f"{min(values):.4f} – {max(values):.4f}"


def _spread_headings(answer: CompareAnswer) -> Iterator[str]:
    return (f"{corpus.name}: least and most of the seeds" for corpus in answer.corpora)


def _seeds(line: LineAnswer) -> str:
    assert line.seeds_for_one_percent is not None
    return "more than 1,000" if line.seeds_for_one_percent > 1000 else f"{line.seeds_for_one_percent:,}"


def _sets(answer: CompareAnswer) -> Markup:
    units = {"text": "documents", "task": "items"}
    rows = [(each.name, f"{each.documents:,} {units[each.kind]}", f"{each.bytes:,}") for each in answer.sets]
    small = [(name, "too little text, left out", f"{size:,}") for name, size in answer.too_small.items()]
    return table(("set", "of", "bytes measured"), [*rows, *small])


def _corpora(answer: CompareAnswer) -> Markup:
    rows = [
        (each.name, f"{each.tokens:,}", f"{each.epochs:g}", f"{each.held_out:,}", f"{each.overlapping:,}")
        for each in answer.corpora
    ]
    head = ("corpus", "tokens", "epochs", "documents held out", "documents that only repeat held-out text")
    return table(head, rows)


def _cost(answer: CompareAnswer) -> Markup:
    cost = answer.cost
    rows = [
        ("proxies trained", f"{cost.proxies:,}"),
        ("tokens of each", f"{cost.tokens:,}"),
        ("steps of each", f"{cost.steps:,}"),
        ("floating point operations of all", f"{cost.operations:.3g}"),
        ("token ids", f"{answer.vocabulary:,}"),
        ("seeds", f"{len(answer.seeds):,}"),
    ]
    return table(("", ""), rows)
