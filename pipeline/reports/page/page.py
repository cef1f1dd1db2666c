"""The report of a run as one web page: it needs no network, follows the reader's light or dark, and prints.

Everything is read from what the run has published: counts, aggregates and samples, never all of the text.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from prep.pipeline.cards.facts import CorpusFacts, read_facts
from prep.pipeline.reports.page import documents, duplicates, rules, tokens
from prep.pipeline.reports.page.markup import Markup, anchor, element
from prep.pipeline.steps.run_warnings import read_warnings

STYLE, SCRIPT = (Path(__file__).with_name(name) for name in ("report.css", "report.js"))


def report_page(output: str) -> str:
    """Return the page. Raises RunError where the folder is not that of a run that has ended."""
    facts = read_facts(output)
    parts = [
        ("Funnel", documents.funnel(facts.ledger)),
        ("Documents", documents.corpus(facts, output) if facts.documents else None),
        ("Rules of quality", rules.rules(output)),
        ("Rejected", documents.rejected(output, facts.ledger)),
        ("Duplicates", duplicates.duplicates(output)),
        ("Tokenizer", tokens.tokenizer(output)),
        ("Packed rows", tokens.shards(facts.shards)),
        ("Model", tokens.model(output)),
    ]
    there = [(title, part) for title, part in parts if part is not None]
    links = [element("a", title, href=f"#{anchor(title)}") for title, _ in there]
    name = Path(output).resolve().name
    above = (element("div", *_tiles(facts), kind="tiles"), *_warnings(output), element("nav", *links))
    script = Markup(f"<script>{SCRIPT.read_text(encoding='utf-8')}</script>")
    return whole_page(name, f"{name}: report", (*above, *(part for _, part in there), script))


def whole_page(heading: str, title: str, parts: Iterable[Markup]) -> str:
    """Return a page of these parts in the reports' style, which needs nothing but itself."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        Markup(f"<style>{STYLE.read_text(encoding='utf-8')}</style>"),
    )
    body = element("body", element("h1", heading), *parts)
    return "<!DOCTYPE html>\n" + element("html", head, body, lang="en").html + "\n"


def _tiles(facts: CorpusFacts) -> Iterator[Markup]:
    came = facts.ledger.counts[0].entered if facts.ledger.counts else 0
    figures = {
        "documents read": f"{came:,}",
        "documents kept": f"{facts.documents:,}",
        "bytes of text": f"{facts.text_bytes:,}",
        "tokens": f"{facts.tokens:,}" if facts.shards else "",
        "languages": f"{len(facts.counts['language']):,}" if "language" in facts.counts else "",
        "domains": f"{len(facts.domains):,}" if facts.domains else "",
    }
    return (element("div", element("b", value), name, kind="tile") for name, value in figures.items() if value)


def _warnings(output: str) -> Iterator[Markup]:
    for warning in read_warnings(output):
        yield element("p", warning.message, " ", element("code", warning.command), kind="warning")
