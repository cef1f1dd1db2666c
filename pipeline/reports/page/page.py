"""The report of a run as one web page: it needs no network, follows the reader's light or dark, and prints.

Everything is read from what the run has published: counts, aggregates and samples, never all of the text.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from prep.pipeline.cards.facts import CorpusFacts, read_facts
from prep.pipeline.monitor.amounts import duration
from prep.pipeline.monitor.observing import StatusAnswer, observe
from prep.pipeline.reports.page import (
    documents,
    duplicates,
    effort,
    extraction,
    funnel,
    model,
    rejected,
    rules,
    thresholds,
    tokens,
)
from prep.pipeline.reports.page.markup import Markup, anchor, element, folded
from prep.pipeline.reports.standing import standing_lines
from prep.pipeline.results.funnel import read_funnel
from prep.pipeline.results.ledger import LEDGER
from prep.pipeline.results.run_warnings import read_warnings

WARNINGS = 5
"""Shown at once; the others are folded."""
STYLE, SCRIPT = (Path(__file__).with_name(name) for name in ("report.css", "report.js"))


def report_page(output: str) -> str:
    """Return the page. Raises RunError where the folder is not that of a run."""
    status = observe(output)
    above: list[Markup] = [*_about(status), *_standing(status), *_warnings(output)]
    there: dict[str, Markup] = {}
    if status is None or Path(output, LEDGER).exists():
        facts = read_facts(output)
        above.append(element("div", *_tiles(facts), kind="tiles"))
        there = {title: part for title, part in _parts(output, facts).items() if part is not None}
    links = [element("a", title, href=f"#{anchor(title)}") for title in there]
    name = Path(output).resolve().name
    script = Markup(f"<script>{SCRIPT.read_text(encoding='utf-8')}</script>")
    return whole_page(name, f"{name}: report", (*above, element("nav", *links), *there.values(), script))


def _parts(output: str, facts: CorpusFacts) -> dict[str, Markup | None]:
    groups, costs = read_funnel(output), rules.read_all_costs(output)
    return {
        "Funnel": funnel.funnel(facts.ledger, groups),
        "Documents": documents.corpus(facts, output) if facts.documents else None,
        "Extraction": extraction.extraction(output),
        "Rules of quality": rules.rules(output, costs),
        "Thresholds": thresholds.thresholds(output, groups),
        "Rejected": rejected.rejected(output, facts.ledger, rules.cards(costs)),
        "Duplicates": duplicates.duplicates(output),
        "Tokenizer": tokens.tokenizer(output),
        "Packed rows": tokens.shards(facts.shards, output),
        "Model": model.model(output),
        "Time and memory": effort.effort(output, groups),
    }


def _about(status: StatusAnswer | None) -> Iterator[Markup]:
    """Yield the pipeline, when it ran and for how long."""
    if status is not None:
        ended = status.ended or status.started
        day = datetime.fromtimestamp(ended, UTC).strftime("%Y-%m-%d %H:%M UTC")
        took = f" after {duration(status.ended - status.started)}" if status.ended else ""
        yield element("p", f"{status.pipeline} · {status.standing}{took} · {day}", kind="note")


def _standing(status: StatusAnswer | None) -> Iterator[Markup]:
    """Yield how a run stands that has not ended well: how far it is, why it failed, and what to change."""
    if status is not None and status.standing != "done":
        _, *lines = standing_lines(status)
        done = sum(step.standing == "done" for step in status.steps)
        headline = f"{status.standing.capitalize()}: {done} of {len(status.steps)} steps are done"
        kind = "warning" if status.standing in ("failed", "interrupted") else "note"
        yield element("div", element("p", element("b", headline)), element("pre", "\n".join(lines)), kind=kind)


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
    shown = [
        element("p", warning.message, " ", element("code", warning.command), kind="warning")
        for warning in read_warnings(output)
    ]
    yield from shown[:WARNINGS]
    if len(shown) > WARNINGS:
        yield folded(f"{len(shown) - WARNINGS:,} more warnings", *shown[WARNINGS:])
