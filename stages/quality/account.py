"""What rules cost: documents and bytes rejected by each, in all and by it alone, by language and source.

A document counts under every rule that it breaks, not only under the first. It is rejected by a rule *alone* where it
breaks no other: so many documents would come back if the rule were taken out. For each rule some documents are drawn
on both sides of its threshold, of those whose fate hangs on this rule alone: of the nearest ones, those with the
smallest hashes of id and seed. For some thresholds around each rule's own it is counted what the stage would keep, and
how many documents there are between them.

Tasks count their part; sums and nearest documents of parts are put together in the order of the parts, so that the
result depends on the documents alone. `audit/costs.json` in the stage's output holds all of it.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from prep.corpus.files.storage import join, read_json, write_json
from prep.stages.quality.costs import FILE, Amount, Costs, Group, GroupShare, KeptAt, RuleCost, Sample
from prep.stages.quality.judge import Judged
from prep.stages.quality.rules import Rule

NEAREST = 32
"""Documents on each side of a threshold that are drawn from."""
SAMPLES = 5
"""Documents on each side that are drawn."""

Numbers = npt.NDArray[np.int64]
GroupKey = tuple[str | None, str | None]
"""Language and source."""
_ENTERED, _KEPT, _OF_RULES = 0, 1, 2


class Account:
    """Adds up what rules cost, batch by batch and part by part."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._groups: dict[GroupKey, Numbers] = {}
        """By language and source: entered, kept, and by rule all, alone and first; documents and bytes of each."""
        self._thresholds = [thresholds_around(rule) for rule in rules]
        self._kept_at: list[dict[str, Numbers]] = [{} for _ in rules]
        """By rule and language: documents kept at each of the rule's `_thresholds`."""
        self._seen = [np.zeros(len(grid) + 1, np.int64) for grid in self._thresholds]
        """By rule: documents between those thresholds."""
        self._near: list[tuple[list[Sample], list[Sample]]] = [([], []) for _ in rules]
        """By rule: the nearest documents that it rejects, and that it lets pass."""

    def add(self, judged: Judged) -> None:
        """Count a batch."""
        broken_rules = judged.broken.sum(axis=0)
        counted = np.vstack(
            [
                judged.entered,
                judged.entered & (judged.first < 0),
                judged.broken,
                judged.broken & (broken_rules == 1),
                judged.first == np.arange(len(self._rules))[:, np.newaxis],
            ]
        )
        weights = np.stack([np.ones(len(judged.bytes), np.int64), judged.bytes], axis=1)
        for group, rows in _groups(judged.documents):
            self._add(group, counted[:, rows].astype(np.int64) @ weights[rows])
        for number, grid in enumerate(self._thresholds):
            values = judged.values[number, judged.entered]
            places = np.searchsorted(grid, values[~np.isnan(values)], side="right")
            self._seen[number] += np.bincount(places, minlength=len(grid) + 1)
            hangs = judged.entered & (broken_rules == judged.broken[number])
            self._count_kept_at(number, judged, hangs)
            for side, rows in enumerate((hangs & judged.broken[number], hangs & ~judged.broken[number])):
                found = self._near[number][side]
                within = found[-1].distance if len(found) == NEAREST else np.inf
                found.extend(_nearest(judged, number, np.flatnonzero(rows), within))
                _keep_nearest(found)

    def merge(self, stored: Mapping[str, object]) -> None:
        """Add what another account has stored."""
        for language, source, numbers in stored["groups"]:  # type: ignore[attr-defined]
            self._add((language, source), np.array(numbers, np.int64))
        for mine, theirs in zip(self._kept_at, stored["kept_at"], strict=True):  # type: ignore[call-overload]
            for language, counts in theirs.items():
                mine[language] = mine.get(language, 0) + np.array(counts, np.int64)
        counts = zip(self._seen, stored["seen"], strict=True)  # type: ignore[call-overload]
        self._seen = [mine + np.array(theirs, np.int64) for mine, theirs in counts]
        for sides, others in zip(self._near, stored["near"], strict=True):  # type: ignore[call-overload]
            for side, more in zip(sides, others, strict=True):
                side.extend(Sample.model_validate(dict(zip(Sample.model_fields, each, strict=True))) for each in more)
                _keep_nearest(side)

    def stored(self) -> dict[str, object]:
        """Return the account as JSON holds it."""
        groups = [[*group, numbers.tolist()] for group, numbers in self._groups.items()]
        near = [[[[*each.model_dump().values()] for each in side] for side in sides] for sides in self._near]
        kept_at = [{language: counts.tolist() for language, counts in each.items()} for each in self._kept_at]
        seen = [counts.tolist() for counts in self._seen]
        return {"groups": groups, "near": near, "kept_at": kept_at, "seen": seen}

    def result(self, seed: int) -> Costs:
        """Return what the rules cost, with samples drawn by the seed."""
        groups = sorted(self._groups.items(), key=lambda item: tuple(str(name or "") for name in item[0]))
        total = sum((numbers for _, numbers in groups), np.zeros((_OF_RULES + 3 * len(self._rules), 2), np.int64))
        return Costs(
            entered=_amount(total[_ENTERED]),
            kept=_amount(total[_KEPT]),
            groups=tuple(
                Group(language=language, source=source, entered=_amount(of[_ENTERED]), kept=_amount(of[_KEPT]))
                for (language, source), of in groups
            ),
            rules=tuple(self._rule_cost(number, total, groups, seed) for number in range(len(self._rules))),
        )

    def _rule_cost(
        self, number: int, total: Numbers, groups: Sequence[tuple[GroupKey, Numbers]], seed: int
    ) -> RuleCost:
        rule = self._rules[number]
        rejected, passed = self._near[number]
        return RuleCost(
            name=rule.name,
            signal=rule.signal,
            bound=rule.bound,
            threshold=rule.threshold,
            languages=dict(rule.languages),
            follows=rule.follows,
            **self._share(number, total),
            groups=tuple(
                GroupShare(language=language, source=source, **self._share(number, numbers))
                for (language, source), numbers in groups
                if numbers[_OF_RULES + number].any()
            ),
            rejected=_drawn(rejected, seed),
            passed=_drawn(passed, seed),
            kept_at=tuple(self._kept_at_thresholds(number)),
            seen=tuple(self._seen[number].tolist()) if len(self._thresholds[number]) else (),
        )

    def _count_kept_at(self, number: int, judged: Judged, hangs: npt.NDArray[np.bool_]) -> None:
        """Count the documents that break no other rule and would not break this one at other thresholds."""
        grid = self._thresholds[number]
        if not len(grid):
            return
        names, codes = _encoded(judged.documents, "language")
        values = judged.values[number]
        for code in np.unique(codes[hangs]):
            rows = np.flatnonzero(hangs & (codes == code))
            found = values[rows][:, np.newaxis]
            kept = ~self._rules[number].broken(found, grid[np.newaxis, :])
            language = str(names[code] or "")
            counts = self._kept_at[number].get(language, np.zeros(len(grid), np.int64))
            self._kept_at[number][language] = counts + kept.sum(axis=0)

    def _kept_at_thresholds(self, number: int) -> Iterator[KeptAt]:
        languages = sorted(self._kept_at[number].items())
        for place, threshold in enumerate(self._thresholds[number].tolist()):
            by_language = {language: int(counts[place]) for language, counts in languages}
            yield KeptAt(threshold=threshold, documents=sum(by_language.values()), languages=by_language)

    def _add(self, group: GroupKey, numbers: Numbers) -> None:
        self._groups[group] = self._groups[group] + numbers if group in self._groups else numbers

    def _share(self, number: int, numbers: Numbers) -> dict[str, Amount]:
        by_rule = numbers[_OF_RULES:].reshape(3, len(self._rules), 2)[:, number]
        return dict(zip(("all", "alone", "first"), map(_amount, by_rule), strict=True))


def thresholds_around(rule: Rule) -> npt.NDArray[np.float64]:
    """Return thresholds from zero to four times a rule's own, its own among them, rising; none where it has none."""
    if rule.threshold is None:
        return np.empty(0)
    own = rule.threshold
    steps = np.concatenate([np.linspace(0, 2, 21), [2.5, 3, 4]])
    around = np.arange(-10, 11) / 10 if own == 0 else own * steps
    return np.unique(np.append(np.round(around, 6), own))


def write_costs(rules: Sequence[Rule], seed: int, parts: Sequence[str], output: str) -> None:
    """Put the parts' accounts together into `costs.json`."""
    account = Account(rules)
    for part in parts:
        account.merge(read_json(part))
    write_json(join(output, FILE), account.result(seed).model_dump(mode="json"))


def _amount(numbers: Numbers) -> Amount:
    return Amount(documents=int(numbers[0]), bytes=int(numbers[1]))


def _groups(documents: pa.RecordBatch) -> Iterator[tuple[GroupKey, Numbers]]:
    """Yield each language and source with the rows of its documents, in the order of their first documents."""
    columns = [_encoded(documents, name) for name in ("language", "source")]
    (languages, language), (sources, source) = columns
    keys = language * len(sources) + source
    _, firsts, inverse = np.unique(keys, return_index=True, return_inverse=True)
    for number in np.argsort(firsts):
        row = firsts[number]
        yield (languages[language[row]], sources[source[row]]), np.flatnonzero(inverse == number)


def _encoded(documents: pa.RecordBatch, name: str) -> tuple[list[str | None], Numbers]:
    if name not in documents.schema.names:
        return [None], np.zeros(documents.num_rows, np.int64)
    encoded = documents.column(name).dictionary_encode()
    names = [*encoded.dictionary.to_pylist(), None]
    return names, encoded.indices.fill_null(len(names) - 1).to_numpy(zero_copy_only=False).astype(np.int64)


def _nearest(judged: Judged, rule: int, rows: Numbers, within: float) -> Iterator[Sample]:
    """Yield the documents of these rows that are nearest to a rule's threshold, and nearer than a distance."""
    distances = np.abs(judged.values[rule, rows] - judged.thresholds[rule, rows])
    nearer = distances < within
    rows, distances = rows[nearer], distances[nearer]
    if len(rows) > NEAREST:
        near = distances <= np.partition(distances, NEAREST - 1)[NEAREST - 1]
        rows, distances = rows[near], distances[near]
    for index in np.argsort(distances, kind="stable")[:NEAREST]:
        row = int(rows[index])
        yield Sample(
            distance=float(distances[index]),
            id=str(judged.documents.column("id")[row]),
            language=_described(judged.documents, "language", row),
            source=_described(judged.documents, "source", row),
            value=float(judged.values[rule, row]),
            threshold=float(judged.thresholds[rule, row]),
        )


def _described(documents: pa.RecordBatch, name: str, row: int) -> str | None:
    return documents.column(name)[row].as_py() if name in documents.schema.names else None


def _keep_nearest(found: list[Sample]) -> None:
    found.sort(key=lambda near: near.distance)  # stable: earlier documents first
    del found[NEAREST:]


def _drawn(near: Sequence[Sample], seed: int) -> tuple[Sample, ...]:
    """Return some of the documents, by the hash of id and seed, the nearest first."""
    by_hash = sorted(near, key=lambda each: hashlib.sha256(f"{seed} {each.id}".encode()).digest())
    return tuple(sorted(by_hash[:SAMPLES], key=lambda each: (each.distance, each.id)))
