"""Compares corpora by what small models learn from them: the whole of `prep compare`.

One tokenizer, one budget of tokens, the same models and seeds for every corpus; measured in bits per byte on text that
no corpus holds. See `held_out` for what is measured on, `corpora` for what is learnt from, `training` for the models,
`intervals` for what can be told from noise.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from prep.corpus.errors import ConfigurationError
from prep.corpus.files.storage import absolute, join, write_bytes, write_json
from prep.corpus.shards.shards import read_manifest
from prep.pipeline.execution.alone import alone
from prep.pipeline.monitor.opening import output_of
from prep.pipeline.proxies.answer import CompareAnswer, CorpusAnswer, CostAnswer, SetAnswer
from prep.pipeline.proxies.corpora import (
    MOST_TOKENS,
    Budget,
    Corpus,
    budget_of,
    find_tokenizer,
    folder_name,
    lost_documents,
    open_corpora,
    pack_corpus,
)
from prep.pipeline.proxies.cost import describe_cost, say_cost
from prep.pipeline.proxies.held_out import HeldOut, hold_out
from prep.pipeline.proxies.lines import compare_lines
from prep.pipeline.proxies.page import comparison_page
from prep.pipeline.proxies.settings import ProxySettings
from prep.pipeline.proxies.training import Proxy, ProxyWork, cpu_seconds, run_proxies, trained
from prep.pipeline.proxies.verdict import verdicts
from prep.pipeline.takedown.tracing import document_parts

COMPRESSED_BYTES_PER_TOKEN = 2
"""What a token takes in a run's compressed documents, about."""
RESULT, PAGE = "comparison.json", "comparison.html"


@dataclass(frozen=True)
class Request:
    """What is to be compared, and on what."""

    targets: tuple[str, ...]
    """Runs, by their folders or configurations; the first is the one the others are compared with."""
    texts: Mapping[str, Sequence[str]]
    """Files of held-out text, by the set's name."""
    tasks: Mapping[str, str]
    """Files of tasks, by the task's name."""


def compare_corpora(
    request: Request, settings: ProxySettings, output: str, workers: int, say: Callable[[str], None]
) -> CompareAnswer:
    """Compare corpora, or go on with it, and write the result and a page to the folder `output`.

    Raises ConfigurationError where fewer than two corpora are given, RunError where one cannot be learnt from.
    """
    if len(request.targets) < 2:
        raise ConfigurationError(["expected two corpora or more, by their configurations or output folders"])
    output = absolute(output)
    with alone(output):
        corpora = open_corpora(request.targets, workers, say)
        places = {corpus.name: corpus.output for corpus in corpora}
        held_out = hold_out(places, request.texts, request.tasks, settings, join(output, "held-out"))
        tokenizer = find_tokenizer(corpora, held_out, settings, output, workers)
        folders = [join(output, "corpora", folder_name(corpus.name, at)) for at, corpus in enumerate(corpora)]
        shards = {
            corpus.name: pack_corpus(corpus, at, held_out, tokenizer, settings, folders[at], workers)
            for at, corpus in enumerate(corpora)
        }
        manifests = {name: read_manifest(place) for name, place in shards.items()}
        budget = budget_of(manifests, settings)
        proxies = _proxies(shards, settings, budget)
        work = ProxyWork(join(output, "proxies"), tokenizer, proxies, held_out.texts, held_out.tasks, settings.threads)
        say_cost(work, settings, manifests[corpora[0].name].vocabulary, budget.steps, workers, say)
        run_proxies(work, workers)
        answer = _answer(corpora, folders, shards, held_out, settings, budget, work)
        write_json(join(output, RESULT), answer.model_dump(mode="json"))
        write_json(join(output, "cost.json"), {"cpu_seconds": round(cpu_seconds(work.folder, proxies), 1)})
        write_bytes(join(output, PAGE), comparison_page(answer).encode())
    return answer


def _proxies(shards: Mapping[str, str], settings: ProxySettings, budget: Budget) -> tuple[Proxy, ...]:
    found: list[Proxy] = []
    for size in settings.sizes:
        for place, (name, folder) in enumerate(shards.items()):
            first = settings.first_seed + (0 if settings.paired else place * settings.seeds)
            found += [
                Proxy(name, size, seed, folder, settings.training(size, seed, budget.steps))
                for seed in range(first, first + settings.seeds)
            ]
    return tuple(found)


def _answer(
    corpora: Sequence[Corpus],
    folders: Sequence[str],
    shards: Mapping[str, str],
    held_out: HeldOut,
    settings: ProxySettings,
    budget: Budget,
    work: ProxyWork,
) -> CompareAnswer:
    names = [corpus.name for corpus in corpora]
    lines = [
        line
        for size in settings.sizes
        for line in compare_lines(work.folder, work.proxies, names, held_out, settings, size)
    ]
    weights = {proxy.size: trained(work.folder, proxy)[0] for proxy in work.proxies}
    different = {proxy.name: proxy for proxy in work.proxies}.values()
    learnt = [weights[proxy.size] * budget.tokens for proxy in different]
    manifests = [read_manifest(shards[name]) for name in names]
    compared = len([line for line in lines if line.size == settings.sizes[-1]]) * (len(names) - 1)
    return CompareAnswer(
        corpora=[
            CorpusAnswer(
                name=corpus.name,
                output=corpus.output,
                tokens=manifest.tokens,
                epochs=round(budget.tokens / manifest.tokens, 3),
                held_out=held_out.removed[at],
                overlapping=lost_documents(folders[at], "decontaminate"),
            )
            for at, (corpus, manifest) in enumerate(zip(corpora, manifests, strict=True))
        ],
        sets=_sets(held_out),
        too_small=dict(held_out.small),
        seeds=list(range(settings.first_seed, settings.first_seed + settings.seeds)),
        paired=settings.paired,
        confidence=settings.confidence,
        comparisons=compared,
        tokenizer_sha256=manifests[0].tokenizer_sha256,
        vocabulary=manifests[0].vocabulary,
        lines=lines,
        cost=CostAnswer(
            proxies=len(different),
            tokens=budget.tokens,
            steps=budget.steps,
            parameters=weights,
            operations=6.0 * sum(learnt),
        ),
        verdict=verdicts(lines, names, settings.sizes[-1], settings.seeds),
    )


def _sets(held_out: HeldOut) -> list[SetAnswer]:
    texts = [
        SetAnswer(name=each.name, kind="text", documents=each.documents, bytes=each.bytes) for each in held_out.texts
    ]
    tasks = [
        SetAnswer(
            name=each.name,
            kind="task",
            documents=len(each.items),
            bytes=sum(len(item.choices[item.answer].encode()) for item in each.items),
        )
        for each in held_out.tasks
    ]
    return [*texts, *tasks]


def predict_cost(request: Request, settings: ProxySettings, workers: int) -> str:
    """Return what a comparison would cost, from the settings and the size of the runs' documents; trains nothing."""
    tokens = settings.tokens
    if tokens is None:
        parts = [document_parts(output_of(target)) for target in request.targets]
        sizes = [sum(path.stat().st_size for path in paths) for paths in parts]
        if not all(sizes):
            raise ConfigurationError(
                ["tokens: expected a number, as not all corpora are there to look at; give --tokens"]
            )
        tokens = min(min(sizes) // COMPRESSED_BYTES_PER_TOKEN, MOST_TOKENS)
    steps = settings.steps(tokens)
    models = [size for size in settings.sizes for _ in range(len(request.targets) * settings.seeds)]
    return describe_cost(models, settings, settings.vocabulary, steps, workers)
