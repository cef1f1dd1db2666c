"""Fits a mixture: the whole of `prep mix fit`.

A corpus is packed source by source; proxies learn from mixtures of its rows; laws of what each set costs are fitted to
them, tested on mixtures they have not seen, and minimised; the result is compared with the natural mixture over several
seeds. The mixtures tried are written down (`design.json`), and go on to count where a source is added.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr

from prep.corpus.errors import ConfigurationError, RunError
from prep.corpus.files.storage import absolute, join, read_json, write_bytes, write_json
from prep.corpus.shards.shards import ShardReader
from prep.pipeline.execution.alone import alone
from prep.pipeline.mixing.answer import FitAnswer, LawAnswer, MixtureAnswer, ShareAnswer
from prep.pipeline.mixing.design import design, earlier_mixtures, uniform, unseen, within
from prep.pipeline.mixing.fragment import mixture_fragment
from prep.pipeline.mixing.law import Law, choose_kind, fit
from prep.pipeline.mixing.optimum import Objective, Optimum, optimise
from prep.pipeline.mixing.rows import row_counts, rows_by_source, write_mixture
from prep.pipeline.mixing.settings import MixSettings
from prep.pipeline.monitor.opening import opened, output_of
from prep.pipeline.proxies.answer import CostAnswer
from prep.pipeline.proxies.corpora import MOST_TOKENS, find_tokenizer, open_corpora, pack_corpus
from prep.pipeline.proxies.cost import describe_cost
from prep.pipeline.proxies.held_out import HeldOut, hold_out, sources_of
from prep.pipeline.proxies.lines import compare_lines
from prep.pipeline.proxies.training import Proxy, ProxyWork, cpu_seconds, run_proxies, text_cost, trained
from prep.pipeline.proxies.verdict import verdicts
from prep.stages.stage import SourceStage

RESULT, FRAGMENT, DESIGN = "fit.json", "mixture.yaml", "design.json"
NATURAL, UNIFORM, CHOSEN, BEST = "natural", "uniform", "chosen", "best of the design"

Floats = npt.NDArray[np.float64]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Sources:
    """A corpus packed source by source."""

    names: tuple[str, ...]
    tokens: npt.NDArray[np.int64]
    """(sources)"""
    rows: Mapping[str, npt.NDArray[np.int64]]
    reader: ShardReader
    limits: Floats
    """(sources) The largest share of each that the target allows."""
    steps: int
    """Of a proxy."""

    @property
    def natural(self) -> Floats:
        """Return the shares of the sources as they are (sources)."""
        shares: Floats = self.tokens / self.tokens.sum()
        return shares


class MixtureFit:
    """Proxies of mixtures, and what was learnt from them."""

    def __init__(self, sources: Sources, held_out: HeldOut, tokenizer: str, settings: MixSettings, output: str) -> None:
        self._sources, self._held_out, self._settings = sources, held_out, settings
        self._tokenizer, self._output = tokenizer, output
        self.size = settings.sizes[-1]
        self.used: dict[str, Proxy] = {}
        """All proxies, by the name of their folder."""

    @property
    def folder(self) -> str:
        """Return where proxies lie."""
        return join(self._output, "proxies")

    def proxies(self, named: Mapping[str, Floats], seeds: int) -> tuple[Proxy, ...]:
        """Return proxies of mixtures given by name, with so many seeds each."""
        first, steps = self._settings.first_seed, self._sources.steps
        return tuple(
            Proxy(name, self.size, seed, self._shards(shares), self._settings.training(self.size, seed, steps))
            for name, shares in named.items()
            for seed in range(first, first + seeds)
        )

    def _shards(self, shares: Floats) -> str:
        sources, settings = self._sources, self._settings
        counts = row_counts(shares, sources.steps * settings.batch_rows)
        named = dict(zip(sources.names, counts.tolist(), strict=True))
        return write_mixture(sources.reader, sources.rows, named, join(self._output, "mixtures"))

    def train(self, what: str, proxies: Sequence[Proxy], workers: int, say: Say) -> None:
        """Train and measure proxies, those that are not there."""
        held_out, settings = self._held_out, self._settings
        work = ProxyWork(self.folder, self._tokenizer, tuple(proxies), held_out.texts, (), settings.threads)
        left = len({proxy.name for at, proxy in enumerate(proxies) if not work.done(at)})
        say(f"{what}: {left} proxies to train, {len(proxies) - left} there")
        run_proxies(work, workers)
        self.used |= {proxy.name: proxy for proxy in proxies}

    def losses(self, proxies: Sequence[Proxy]) -> Floats:
        """Return bits per byte (sets, proxies)."""
        return np.array(
            [
                [text_cost(self.folder, proxy, texts).bits_per_byte for proxy in proxies]
                for texts in self._held_out.texts
            ]
        )


def fit_mixture(
    target: str, texts: Mapping[str, Sequence[str]], settings: MixSettings, output: str, workers: int, say: Say
) -> FitAnswer:
    """Fit a mixture of a run's sources, or go on with it, and write the result and the fragment to a folder.

    `texts` are files of held-out text by the set's name. Raises RunError where the corpus has fewer than two sources,
    or too little text.
    """
    output = absolute(output)
    with alone(output):
        (corpus,) = open_corpora([target], workers, say)
        held_out = hold_out({corpus.name: corpus.output}, texts, {}, settings, join(output, "held-out"))
        if not held_out.texts:
            raise RunError("expected held-out text to fit to, seen none; give files with --on, or raise held_out")
        objective = Objective(_weights(held_out, settings))
        tokenizer = find_tokenizer([corpus], held_out, settings, output, workers, keep=True)
        groups = sources_of(corpus.output)
        if len(groups) < 2:
            raise RunError(f"{target}: expected documents of two sources or more, seen {', '.join(groups) or 'none'}")
        place = pack_corpus(corpus, 0, held_out, tokenizer, settings, join(output, "corpus"), workers, groups)
        sources = _sources(place, settings)
        own = MixtureFit(sources, held_out, tokenizer, settings, output)
        say(f"in all at most {_cost_in_all(sources, settings, workers)}")
        answer = _fit(own, sources, objective, held_out, settings, output, workers, say)
        write_json(join(output, RESULT), answer.model_dump(mode="json"))
        write_bytes(join(output, FRAGMENT), answer.fragment.encode())
        spent = cpu_seconds(own.folder, list(own.used.values()))
        write_json(join(output, "cost.json"), {"cpu_seconds": round(spent, 1)})
    return answer


def _sources(place: str, settings: MixSettings) -> Sources:
    reader = ShardReader(place)
    rows = rows_by_source(reader)
    tokens = {source: phase.tokens for phase in reader.manifest.phases for source in phase.groups}
    names = tuple(rows)
    there = np.array([tokens[name] for name in names], np.int64)
    target = settings.target_tokens or int(there.sum())
    limits = np.minimum(1.0, settings.max_epochs * there / target)
    if limits.sum() < 1:
        raise RunError(
            f"target_tokens: expected at most {int(settings.max_epochs * there.sum()):,}, which the sources have in "
            f"{settings.max_epochs:g} epochs, seen {target:,}; lower it, or raise max_epochs"
        )
    budget = settings.tokens or min(int(there.sum()), MOST_TOKENS)
    return Sources(names, there, rows, reader, limits, settings.steps(budget))


def _fit(
    own: MixtureFit,
    sources: Sources,
    objective: Objective,
    held_out: HeldOut,
    settings: MixSettings,
    output: str,
    workers: int,
    say: Say,
) -> FitAnswer:
    mixtures, reused = _design(sources, settings, output)
    designed = {f"mixture {at}": row for at, row in enumerate(mixtures, 1)}
    tried = own.proxies(designed, 1)
    own.train("the design", tried, workers, say)
    losses = own.losses(tried)
    kind = choose_kind(mixtures, losses)
    laws = fit(kind, mixtures, losses)
    checks = unseen(mixtures, sources.natural, sources.limits, settings.checks, settings.first_seed)
    checked = own.proxies({f"check {at}": row for at, row in enumerate(checks, 1)}, 1)
    own.train("checks", checked, workers, say)
    best = optimise(kind, mixtures, losses, objective, sources.natural, sources.limits, settings.draws)
    measured = objective.weights @ np.log(losses)
    finals = {
        NATURAL: within(sources.natural, sources.limits),
        UNIFORM: uniform(sources.limits),
        CHOSEN: best.shares,
        BEST: mixtures[measured.argmin()],
    }
    last = own.proxies(finals, settings.seeds)
    own.train("the mixture chosen, and others", last, workers, say)
    lines = compare_lines(own.folder, last, list(finals), held_out, settings, own.size)
    sentences = verdicts(lines, list(finals), own.size, settings.seeds)
    found = own.losses(checked)
    return FitAnswer(
        kind=kind,
        shares=_shares(sources, best),
        gain=best.gain,
        gain_low=best.gain_low,
        gain_high=best.gain_high,
        laws=_laws(held_out, objective, laws, losses),
        design=_mixtures(designed, sources, held_out, losses, np.array([law.left_out for law in laws])),
        reused=reused,
        checks=_mixtures(
            {proxy.corpus: row for proxy, row in zip(checked, checks, strict=True)},
            sources,
            held_out,
            found,
            np.array([law.predict(checks) for law in laws]).reshape(len(laws), len(checks)),
        ),
        rank_correlation=_correlation(objective, laws, checks, found),
        lines=lines,
        verdict=sentences,
        cost=_cost(own, sources, settings),
        fragment=mixture_fragment(sources.names, best, settings, sentences[list(finals).index(CHOSEN) - 1]),
    )


def _design(sources: Sources, settings: MixSettings, output: str) -> tuple[Floats, int]:
    """Return the mixtures to try (mixtures, sources), and how many of them an earlier fit has; write them down."""
    path = join(output, DESIGN)
    before: list[dict[str, float]] = []
    if Path(path).exists():
        before = read_json(path)["mixtures"]  # type: ignore[assignment]
    known = {source for mixture in before for source in mixture}
    new = len([name for name in sources.names if name not in known]) if before else 0
    earlier = earlier_mixtures(before, sources.names)
    kept = earlier[(earlier <= sources.limits + 1e-9).all(1)]
    found = design(
        sources.natural,
        sources.limits,
        kept,
        settings.count(len(sources.names)),
        4 * new,
        settings.first_seed + len(kept),
    )
    written = [dict(zip(sources.names, row.tolist(), strict=True)) for row in found]
    write_json(path, {"mixtures": written})
    return found, len(kept)


def _weights(held_out: HeldOut, settings: MixSettings) -> Floats:
    names = [texts.name for texts in held_out.texts]
    unknown = sorted(set(settings.weights) - set(names))
    if unknown:
        raise ConfigurationError([f"weights: expected some of {', '.join(names)}, seen {', '.join(unknown)}"])
    weights = np.array([settings.weights.get(name, 1.0) for name in names])
    if (weights < 0).any() or not weights.sum():
        raise ConfigurationError(["weights: expected numbers of 0 or more, some of them more than 0"])
    normal: Floats = weights / weights.sum()
    return normal


def _mixtures(
    named: Mapping[str, Floats], sources: Sources, held_out: HeldOut, losses: Floats, predicted: Floats
) -> list[MixtureAnswer]:
    names = [texts.name for texts in held_out.texts]
    return [
        MixtureAnswer(
            name=name,
            shares=dict(zip(sources.names, row.tolist(), strict=True)),
            losses=dict(zip(names, losses[:, at].tolist(), strict=True)),
            predicted=dict(zip(names, predicted[:, at].tolist(), strict=True)),
        )
        for at, (name, row) in enumerate(named.items())
    ]


def _laws(held_out: HeldOut, objective: Objective, laws: Sequence[Law], losses: Floats) -> list[LawAnswer]:
    return [
        LawAnswer(set=texts.name, weight=float(weight), error=law.error(own), spread=float(own.std()))
        for texts, weight, law, own in zip(held_out.texts, objective.weights, laws, losses, strict=True)
    ]


def _shares(sources: Sources, best: Optimum) -> list[ShareAnswer]:
    columns = (sources.natural, best.shares, best.low, best.high, sources.limits, sources.tokens)
    return [
        ShareAnswer(source=name, natural=natural, share=share, low=low, high=high, limit=limit, tokens=tokens)
        for name, natural, share, low, high, limit, tokens in zip(
            sources.names, *(column.tolist() for column in columns), strict=True
        )
    ]


def _correlation(objective: Objective, laws: Sequence[Law], checks: Floats, found: Floats) -> float | None:
    if len(checks) < 3:
        return None
    return float(spearmanr(objective.value(laws, checks), objective.weights @ np.log(found)).statistic)


def _cost(own: MixtureFit, sources: Sources, settings: MixSettings) -> CostAnswer:
    weights = trained(own.folder, next(iter(own.used.values())))[0]
    tokens = sources.steps * settings.step_tokens
    return CostAnswer(
        proxies=len(own.used),
        tokens=tokens,
        steps=sources.steps,
        parameters={own.size: weights},
        operations=6.0 * weights * tokens * len(own.used),
    )


def predict_cost(target: str, settings: MixSettings, workers: int) -> str:
    """Return what a fit to a run's sources would cost, at most; trains nothing.

    Sources are those of the run's documents, or of its input files where it has not ended.
    """
    if settings.tokens is None:
        raise ConfigurationError(["tokens: expected a number to predict the cost from; give --tokens"])
    names = set(sources_of(output_of(target)))
    if not names:
        with opened(target) as (configuration, _):
            source = configuration.stages[0]
            assert isinstance(source, SourceStage)
            names = {file.source for file in source.list_files() if file.source}
    if len(names) < 2:
        raise RunError(f"{target}: expected two sources or more, seen {', '.join(names) or 'none'}")
    return _describe(len(names), settings, settings.vocabulary, settings.steps(settings.tokens), workers)


def _cost_in_all(sources: Sources, settings: MixSettings, workers: int) -> str:
    vocabulary = sources.reader.manifest.vocabulary
    return _describe(len(sources.names), settings, vocabulary, sources.steps, workers)


def _describe(sources: int, settings: MixSettings, vocabulary: int, steps: int, workers: int) -> str:
    count = settings.count(sources) + settings.checks + 4 * settings.seeds
    return describe_cost([settings.sizes[-1]] * count, settings, vocabulary, steps, workers)
