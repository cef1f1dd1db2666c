"""The part of the page about where documents went: by stage, by rule and by source, in documents and bytes."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from prep.pipeline.reports.page.charts import stacked_bars
from prep.pipeline.reports.page.markup import Markup, element, folded, in_bytes, section, share, table
from prep.pipeline.results.funnel import StageGroups
from prep.pipeline.results.ledger import Ledger
from prep.stages.results import Counts, Group

MOST_RULES = 4
"""Rules named for a stage; all of them stand in the table by rule."""
MOST_COLUMNS = 6
"""Sources, or languages, with a column of their own; the others are added up."""
_KINDS: Mapping[str, Callable[[Group], str | None]] = {
    "source": lambda group: group.source,
    "language": lambda group: group.language,
}


def funnel(ledger: Ledger, groups: Sequence[StageGroups]) -> Markup:
    """Return documents and bytes in, kept and lost by stage, by rule, and by source and language."""
    lost = [_lost(counts) for counts in ledger.counts]
    known = groups if len(groups) == len(ledger.names) else [StageGroups(name, ()) for name in ledger.names]
    rows = [
        (
            name,
            f"{counts.entered:,}",
            f"{counts.kept:,}",
            f"{gone:,}",
            share(gone, counts.entered),
            in_bytes(of.bytes) if of.groups else "–",
            in_bytes(of.lost_bytes) if of.groups else "–",
            _why(counts),
        )
        for name, counts, gone, of in zip(ledger.names, ledger.counts, lost, known, strict=True)
    ]
    headings = ("stage", "in", "kept", "lost", "share lost", "bytes in", "bytes lost", "lost, by rule or error")
    note = "Bytes are those of texts, and of pages before there is text. "
    note += "Stages without bytes look at no document by itself."
    return section(
        "Funnel",
        stacked_bars(ledger.names, [counts.kept for counts in ledger.counts], lost, "documents kept and lost by stage"),
        element("p", element("i", kind="key key-kept"), "kept", element("i", kind="key key-lost"), "lost", kind="note"),
        table(headings, rows, remarks=1),
        element("p", note, kind="note"),
        _by_rule(ledger, known),
        *_by_label(known),
    )


def _lost(counts: Counts) -> int:
    return sum(counts.rejected.values()) + sum(counts.failed.values())


def _why(counts: Counts) -> str:
    losses = sorted({**counts.rejected, **counts.failed}.items(), key=lambda item: (-item[1], item[0]))
    others = sum(count for _, count in losses[MOST_RULES:])
    why = ", ".join(f"{rule} {count:,}" for rule, count in losses[:MOST_RULES])
    why += f", {len(losses) - MOST_RULES} more {others:,}" if others else ""
    why += f"{'; ' if why else ''}{counts.repeated:,} copies made" if counts.repeated else ""
    noted = ", ".join(f"{rule} {count:,}" for rule, count in counts.tagged.items())
    return why + (f"{'; ' if why else ''}tagged: {noted}" if noted else "")


def _by_rule(ledger: Ledger, groups: Sequence[StageGroups]) -> Markup | None:
    """Return a table of all rules and errors, those that took most documents first."""
    came = ledger.counts[0].entered if ledger.counts else 0
    found = [
        (count, name, f"{rule}{kind}", sum(group.lost_bytes.get(rule, 0) for group in of.groups))
        for name, counts, of in zip(ledger.names, ledger.counts, groups, strict=True)
        for kind, losses in (("", counts.rejected), (" (error)", counts.failed))
        for rule, count in losses.items()
    ]
    rows = [
        (name, rule, f"{count:,}", share(count, came), in_bytes(size))
        for count, name, rule, size in sorted(found, key=lambda each: (-each[0], each[1], each[2]))
    ]
    headings = ("stage", "rule or error", "documents", "share of all read", "bytes")
    return folded("By rule", table(headings, rows, words=2), note=f"{len(rows):,}") if rows else None


def _by_label(groups: Sequence[StageGroups]) -> Iterator[Markup]:
    """Yield for sources and languages what came into each stage and what it lost, in documents and bytes."""
    for kind, of in _KINDS.items():
        entered: Counter[str] = Counter()
        for stage in groups:
            for group in stage.groups:
                entered[of(group) or "unknown"] = max(entered[of(group) or "unknown"], group.entered)
        names = [name for name, _ in sorted(entered.items(), key=lambda item: (-item[1], item[0]))]
        if names in ([], ["unknown"]):
            continue
        added_up = len(names[MOST_COLUMNS:])
        columns = [*names[:MOST_COLUMNS], *(["others"] if added_up else [])]
        tables = [_amounts(groups, of, columns, size) for size in (False, True)]
        note = f"{len(names):,}, as each stage received them{f'; {added_up:,} more are added up' if added_up else ''}"
        yield folded(f"By {kind}", element("h3", "Documents"), tables[0], element("h3", "Bytes"), tables[1], note=note)


def _amounts(
    groups: Sequence[StageGroups], of: Callable[[Group], str | None], columns: Sequence[str], size: bool
) -> Markup:
    written = in_bytes if size else "{:,}".format
    rows = []
    for stage in filter(lambda each: each.groups, groups):
        came, lost = Counter[str](), Counter[str]()
        for group in stage.groups:
            name = of(group) or "unknown"
            name = name if name in columns else "others"
            came[name] += group.bytes if size else group.entered
            lost[name] += sum((group.lost_bytes if size else group.lost).values())
        rows.append(
            (stage.name, *(f"{written(came[name])} − {written(lost[name])}" if came[name] else "" for name in columns))
        )
    return table(("stage: in − lost", *columns), rows)
