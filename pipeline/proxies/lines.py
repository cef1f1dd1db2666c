"""What proxies cost on every set, put beside each other by corpus: the lines of a comparison."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from prep.pipeline.proxies.answer import DifferenceAnswer, Kind, LineAnswer
from prep.pipeline.proxies.held_out import UNKNOWN, HeldOut
from prep.pipeline.proxies.intervals import Difference, differences, seeds_needed
from prep.pipeline.proxies.settings import ProxySettings
from prep.pipeline.proxies.training import Proxy, TextCost, bits, task_score, text_cost

Floats = npt.NDArray[np.float64]


class _Values(NamedTuple):
    """What a line compares."""

    kind: Kind
    name: str
    values: Floats
    """(corpora, seeds) Bits per byte, or shares right."""


def compare_lines(
    folder: str, proxies: Sequence[Proxy], corpora: Sequence[str], held_out: HeldOut, settings: ProxySettings, size: str
) -> list[LineAnswer]:
    """Return the lines of the proxies of a size, in the order of all, sets, languages, tasks."""
    own = [[proxy for proxy in proxies if (proxy.corpus, proxy.size) == (name, size)] for name in corpora]
    found = [*_texts(folder, own, held_out), *_tasks(folder, own, held_out)]
    comparisons = max(1, len(found) * (len(corpora) - 1))
    return [_line(each, corpora, settings, size, comparisons) for each in found]


def _texts(folder: str, proxies: Sequence[Sequence[Proxy]], held_out: HeldOut) -> list[_Values]:
    costs = [[[text_cost(folder, proxy, texts) for proxy in row] for row in proxies] for texts in held_out.texts]
    sets = [
        _Values("set", texts.name, _table(cost, lambda each: each.bits_per_byte))
        for texts, cost in zip(held_out.texts, costs, strict=True)
    ]
    every = [_Values("all", "all sets", np.exp(np.mean([np.log(each.values) for each in sets], axis=0)))]
    languages = sorted({language for texts in held_out.texts for language in texts.languages} - {UNKNOWN})
    spoken = [_Values("language", language, _in_language(costs, language)) for language in languages]
    return [*(every if len(sets) > 1 else []), *sets, *(spoken if len(languages) > 1 else [])]


def _in_language(costs: Sequence[Sequence[Sequence[TextCost]]], language: str) -> Floats:
    nothing = (0.0, 0)
    nats = sum(_table(cost, lambda each: each.by_language.get(language, nothing)[0]) for cost in costs)
    sizes = sum(_table(cost, lambda each: each.by_language.get(language, nothing)[1]) for cost in costs)
    return np.vectorize(bits)(nats, sizes)  # type: ignore[no-any-return]


def _table(costs: Sequence[Sequence[TextCost]], value: Callable[[TextCost], float]) -> Floats:
    return np.array([[value(each) for each in row] for row in costs], np.float64)


def _tasks(folder: str, proxies: Sequence[Sequence[Proxy]], held_out: HeldOut) -> list[_Values]:
    found: list[_Values] = []
    for task in held_out.tasks:
        scores = [[task_score(folder, proxy, task) for proxy in row] for row in proxies]
        right = np.array([[score.accuracy for score in row] for row in scores], np.float64)
        rates = np.array([[score.bits_per_byte for score in row] for row in scores], np.float64)
        found += [_Values("task", task.name, right), _Values("answers", task.name, rates)]
    return found


def _line(found: _Values, corpora: Sequence[str], settings: ProxySettings, size: str, comparisons: int) -> LineAnswer:
    share = found.kind == "task"
    values = found.values if share else np.log(found.values)
    between = differences(values, settings.paired, settings.confidence, comparisons)
    needed = seeds_needed(values, settings.paired, settings.confidence, comparisons, 0.01)
    return LineAnswer(
        kind=found.kind,
        name=found.name,
        size=size,
        values=dict(zip(corpora, found.values.tolist(), strict=True)),
        differences=[_difference(name, each, share) for name, each in zip(corpora[1:], between, strict=True)],
        seeds_for_one_percent=needed,
    )


def _difference(corpus: str, found: Difference, share: bool) -> DifferenceAnswer:
    verdict: Literal["better", "worse", "level"] = "level"
    if found.clear:
        verdict = "better" if (found.mean > 0) == share else "worse"
    change = found.mean if share else float(np.expm1(found.mean))
    half = None if found.half_width is None else 100 * found.half_width
    return DifferenceAnswer(corpus=corpus, difference=100 * change, half_width=half, verdict=verdict)


def means(line: LineAnswer) -> Mapping[str, float]:
    """Return the mean over the seeds by corpus."""
    return {name: float(np.mean(values)) for name, values in line.values.items()}
