"""The comparison of two runs as one web page, in the style of a run's report."""

from collections.abc import Iterator

from prep.pipeline.comparing.comparison import Changed, Comparison, Move
from prep.pipeline.comparing.view import excerpt, kept, token_groups
from prep.pipeline.inspecting.differences import differences
from prep.pipeline.reports.page.markup import Child, Markup, element, section, table
from prep.pipeline.reports.page.page import whole_page

DIFFERENCES = 60
_TAGS = {"removed": "del", "added": "ins"}


def comparison_page(found: Comparison, before: str, after: str) -> str:
    """Return the page; the runs are named by their folders."""
    name = f"{before} and {after}"
    return whole_page(name, f"{name}: differences", [part for part in _sections(found, before, after) if part])


def _sections(found: Comparison, before: str, after: str) -> Iterator[Markup | None]:
    settings = [(each.name, each.before or "left out", each.after or "left out") for each in found.settings or ()]
    none = "Not known." if found.settings is None else "All are the same."
    yield section("Settings", table(("option", before, after), settings, words=3) if settings else none)
    rows = [(stage.stage, *kept(stage)) for stage in found.funnel]
    yield section("Documents kept by stage", table(("stage", before, after, "change"), rows))
    moves = list(map(_move, found.moves)) or [element("p", "Every document met the same fate in both.")]
    yield section("Documents that changed sides", *moves)
    yield section(
        "Texts that changed",
        element("p", f"{found.texts_changed:,} of {found.kept_by_both:,} documents that both runs keep."),
        *map(_text, found.texts),
    )
    yield _tokens(found, before, after) if found.shares else None


def _move(move: Move) -> Markup:
    samples = [(each.id, excerpt(each)) for each in move.samples]
    return element(
        "details",
        element("summary", element("b", f"{move.documents:,}"), f" {move.before} → {move.after}"),
        table(("id", "text"), samples, words=2),
        open_="" if move.documents else None,
    )


def _text(changed: Changed) -> Markup:
    pieces: list[Child] = []
    for each in differences(changed.before or "", changed.after or "")[:DIFFERENCES]:
        shown: Child = element("i", each.text) if each.kind == "gap" else each.text
        pieces += [element(_TAGS[each.kind], each.text) if each.kind in _TAGS else shown, "\n"]
    return element("details", element("summary", element("b", changed.id)), element("pre", *pieces), open_="")


def _tokens(found: Comparison, before: str, after: str) -> Markup:
    return section("Tokens", *(table((label, before, after), rows) for label, rows in token_groups(found)))
