"""The corpora that proxies learn from: documents of runs, without what is held out, packed by one tokenizer.

Everything is done by pipelines that are written beside what they make: documents are accounted for, a kill costs
nothing, and only what something has changed for is done again.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from prep.corpus.errors import ConfigurationError, RunError
from prep.corpus.files.storage import absolute, write_bytes
from prep.corpus.shards.shards import MANIFEST, ShardManifest, read_manifest
from prep.pipeline import config, contract
from prep.pipeline.monitor.opening import opened, output_of
from prep.pipeline.proxies.held_out import HeldOut
from prep.pipeline.proxies.settings import ProxySettings
from prep.pipeline.reports.progress import Progress
from prep.pipeline.reports.terminal import Terminal
from prep.pipeline.results.ledger import read_ledger
from prep.pipeline.run import run
from prep.pipeline.takedown.tracing import document_parts
from prep.stages.train.train import token_bytes
from prep.tokenizers.saving.folder import TOKEN_BYTES

BYTES_PER_TOKEN = 8
"""More than tokens of small vocabularies have on average: of large corpora so much text is taken per token needed."""
MOST_TOKENS = 10_000_000
"""Tokens of a proxy where nothing is said."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Corpus:
    """The documents of a run that has ended."""

    name: str
    output: str
    """The run's folder, absolute."""

    @property
    def documents(self) -> str:
        """Return the folder of its documents."""
        return f"{self.output}/documents"


def open_corpora(targets: Sequence[str], workers: int, say: Say) -> list[Corpus]:
    """Return the corpora of runs, given by folders, or by configurations, whose runs are brought to their end first.

    Raises ConfigurationError for a configuration that cannot work, RunError where a folder holds no documents.
    """
    outputs = []
    for target in targets:
        output = absolute(output_of(target))
        if not Path(target).is_dir():
            say(f"{target}: running the pipeline, or what is left of it")
            with opened(target, [f"workers={workers}"]) as (configuration, _):
                run(configuration, Progress(Terminal(stderr=True)))
        if not document_parts(output):
            raise RunError(f"{target}: expected a run that has ended, seen no documents in {output}; prep run it first")
        outputs.append(output)
    return [Corpus(name, output) for name, output in zip(_names(targets), outputs, strict=True)]


def _names(targets: Sequence[str]) -> list[str]:
    """Return a name for each: a folder's or file's own, with what stands above it where two are alike."""
    paths = [Path(target).absolute() for target in targets]
    names = [path.name if path.is_dir() else path.stem for path in paths]
    longer = [
        f"{path.parent.name}/{name}" if names.count(name) > 1 else name for path, name in zip(paths, names, strict=True)
    ]
    return [
        name if longer.count(name) == 1 else f"{name}#{longer[: at + 1].count(name)}" for at, name in enumerate(longer)
    ]


def folder_name(name: str, number: int) -> str:
    """Return how the folder of a corpus or set is called: a number, and of its name what every file system takes."""
    return f"{number:02d}-{re.sub('[^A-Za-z0-9_-]+', '-', name)}"


def run_stages(output: str, stages: Sequence[object], workers: int) -> None:
    """Write a pipeline of these stages to a folder, and run it there."""
    path = f"{output}/pipeline.yaml"
    text = yaml.safe_dump({"output": output, "workers": workers, "stages": list(stages)}, sort_keys=False)
    write_bytes(path, text.encode())
    configuration, located = config.load(path)
    contract.check(configuration, located)
    run(configuration, Progress(Terminal(stderr=True)))


def find_tokenizer(
    corpora: Sequence[Corpus], held_out: HeldOut, settings: ProxySettings, folder: str, workers: int, keep: bool = False
) -> str:
    """Return the folder of the tokenizer for all corpora; one is trained there where none is given or shared.

    With `keep` one that is there stays whatever the corpora are now, so that models go on to be compared by it.
    """
    if settings.tokenizer is not None:
        if not Path(settings.tokenizer, "tokenizer.json").exists():
            raise ConfigurationError([f"tokenizer: expected a tokenizer's folder, seen {settings.tokenizer!r}"])
        return absolute(settings.tokenizer)
    own = [_sha256_of(f"{corpus.output}/shards/train") for corpus in corpora]
    if own[0] is not None and len(set(own)) == 1:
        return f"{corpora[0].output}/tokenizer"
    output = f"{folder}/tokenizer"
    there = f"{output}/tokenizer"
    if keep and Path(there, TOKEN_BYTES).exists() and len(token_bytes(there)) == settings.vocabulary:
        return there
    sources = [
        {"name": f"corpus{number}", "paths": f"{corpus.documents}/*.parquet"} for number, corpus in enumerate(corpora)
    ]
    options = {"vocabulary": settings.vocabulary, "balance": 0, "sample_bytes": 20_000_000, "held_out_bytes": 0}
    stages = [{"read": {"sources": sources}}, *held_out.removal(None), {"tokenizer": options}]
    run_stages(output, stages, workers)
    return there


def _sha256_of(shards: str) -> str | None:
    return read_manifest(shards).tokenizer_sha256 if Path(shards, MANIFEST).exists() else None


def pack_corpus(
    corpus: Corpus,
    number: int,
    held_out: HeldOut,
    tokenizer: str,
    settings: ProxySettings,
    output: str,
    workers: int,
    mixture: Sequence[str] = (),
) -> str:
    """Return the folder of a corpus's rows: of all it holds, or of what all seeds together can need.

    With groups of a `mixture`, the values of the column `source`, each group's rows lie together in that order.
    """
    read = {"read": {"paths": f"{corpus.documents}/*.parquet"}}
    pack: dict[str, object] = {"length": settings.length, "validation": 0}
    if mixture:
        phases = [{"shares": {group: 1}} for group in mixture]
        pack["mixture"] = {"by": "source", "phases": phases}
    stages = [
        read,
        *_thinned(held_out.text_bytes[number], settings, bool(mixture)),
        *held_out.removal(number),
        *held_out.decontamination(),
        {"tokenizer": {"existing": tokenizer}},
        {"pack": pack},
    ]
    run_stages(output, stages, workers)
    return f"{output}/shards/train"


def _thinned(text_bytes: Mapping[str, int], settings: ProxySettings, by_source: bool) -> list[object]:
    """Return the stage that draws from a corpus of which the proxies need little.

    Mixtures take the same rows of a source whatever their seed, and so much of each is kept as if it were alone: what
    is kept does not depend on the other sources.
    """
    tokens = MOST_TOKENS if settings.tokens is None else settings.tokens
    if by_source:
        amounts = {name: _weight(tokens * BYTES_PER_TOKEN, size) for name, size in text_bytes.items()}
        buckets = [{"source": name, "weight": weight} for name, weight in amounts.items() if weight < 1]
    else:
        weight = _weight(tokens * settings.seeds * BYTES_PER_TOKEN, sum(text_bytes.values()))
        buckets = [{"weight": weight}] if weight < 1 else []
    return [{"sample": {"buckets": buckets}}] if buckets else []


def _weight(needed: int, text_bytes: int) -> float:
    """Return what is kept of a text: all of it where little would be saved."""
    return round(needed / text_bytes, 6) if 2 * needed < text_bytes else 1.0


@dataclass(frozen=True)
class Budget:
    """What each proxy learns from."""

    tokens: int
    steps: int


def budget_of(manifests: dict[str, ShardManifest], settings: ProxySettings) -> Budget:
    """Return the budget, the same for all corpora. Raises RunError where one does not have so much."""
    smallest = min(manifests, key=lambda name: manifests[name].tokens)
    there = manifests[smallest].tokens
    tokens = min(there, MOST_TOKENS) if settings.tokens is None else settings.tokens
    most = int(there * settings.max_epochs)
    if tokens > most:
        raise RunError(
            f"{smallest}: expected enough text for {tokens:,} tokens, seen {there:,}, which come at most "
            f"{settings.max_epochs:g} times; set tokens to {most} or less, or raise max_epochs"
        )
    steps = settings.steps(tokens)
    if steps < 2:
        raise RunError(
            f"{smallest}: expected at least two steps of {settings.step_tokens:,} tokens, seen {there:,} tokens; give "
            "more text, or lower length or batch_rows"
        )
    return Budget(steps * settings.step_tokens, steps)


def lost_documents(output: str, stage: str) -> int:
    """Return how many documents a stage of a corpus's pipeline lost, 0 where it has no such stage."""
    ledger = read_ledger(output)
    return sum(
        counts.entered - counts.kept for name, counts in zip(ledger.names, ledger.counts, strict=True) if name == stage
    )
