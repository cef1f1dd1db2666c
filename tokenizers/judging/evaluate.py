"""Judges tokenizers on text, best on text that they were not trained on.

Bytes per token and tokens per word are counted for each source and language. Fairness is the lowest of the languages'
bytes per token over the highest. Rényi efficiency (Zouhar et al. 2023, "Tokenization and the Noiseless Channel") is the
Rényi entropy of order 2.5 of the tokens' frequencies over that of a vocabulary used evenly; it says how evenly, not how
well, a vocabulary is used. None of these decides alone: bits per byte of a model trained with each tokenizer does.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from time import process_time

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from prep.corpus.arrow.columns import string_buffers
from prep.corpus.text.words import word_table
from prep.tokenizers.encoding.encode import Tokenizer
from prep.tokenizers.judging.evaluate_kernels import come_back, count_words

RENYI_ORDER = 2.5
BARELY = 10
"""Tokens that occur less often are barely used."""
LONGEST = 10
FEWEST_BYTES = 10_000
"""Languages with less text are left out of the comparison of languages."""


@dataclass(frozen=True)
class Group:
    """Documents of one source and language, encoded by one tokenizer."""

    source: str
    language: str
    documents: int
    bytes: int
    words: int
    """Words with a letter or a digit, by UAX #29."""
    tokens: int
    failures: int
    """Documents that do not come back from their ids."""

    @property
    def bytes_per_token(self) -> float:
        """UTF-8 bytes of text for each token."""
        return self.bytes / max(self.tokens, 1)

    @property
    def tokens_per_word(self) -> float:
        """Tokens for each word."""
        return self.tokens / max(self.words, 1)


@dataclass(frozen=True)
class Evaluation:
    """What is said about a tokenizer."""

    name: str
    vocabulary: int
    groups: tuple[Group, ...]
    """In the order of sources and languages."""
    unused: int
    """Learnt tokens that do not occur."""
    barely_used: int
    """Learnt tokens that occur, but fewer than 10 times."""
    longest: tuple[str, ...]
    """The longest of the tokens that occur."""
    renyi_efficiency: float
    megabytes_per_second: float = field(compare=False)
    """Text encoded in a second of CPU time, on one core."""

    @property
    def total(self) -> Group:
        """All groups together."""
        return _sum(self.groups)

    def by(self, what: str) -> dict[str, Group]:
        """Return the groups added up by `source` or `language`."""
        names = sorted({getattr(group, what) for group in self.groups})
        return {name: _sum(group for group in self.groups if getattr(group, what) == name) for name in names}

    @property
    def worst_and_best(self) -> tuple[str, str] | None:
        """The languages with the fewest and the most bytes per token; None where there are fewer than two."""
        known = {name: group for name, group in self.by("language").items() if name and group.bytes >= FEWEST_BYTES}
        if len(known) < 2:
            return None
        ranked = sorted(known, key=lambda name: known[name].bytes_per_token)
        return ranked[0], ranked[-1]

    @property
    def fairness(self) -> float | None:
        """Bytes per token of the worst language over those of the best; None where there are fewer than two."""
        if self.worst_and_best is None:
            return None
        groups = self.by("language")
        worst, best = (groups[name].bytes_per_token for name in self.worst_and_best)
        return worst / best

    def as_json(self) -> dict[str, object]:
        """Return all of it, but for the speed, which no two runs share."""

        def figures(group: Group) -> dict[str, object]:
            counts = {name: getattr(group, name) for name in _COUNTS}
            rates = {"bytes_per_token": group.bytes_per_token, "tokens_per_word": group.tokens_per_word}
            return {**counts, **{name: round(value, 4) for name, value in rates.items()}}

        return {
            "vocabulary": self.vocabulary,
            **figures(self.total),
            "unused": self.unused,
            "barely_used": self.barely_used,
            "longest": self.longest,
            "renyi_efficiency": round(self.renyi_efficiency, 4),
            "fairness": None if self.fairness is None else round(self.fairness, 4),
            "worst_and_best": self.worst_and_best,
            "sources": {name: figures(group) for name, group in self.by("source").items()},
            "languages": {name: figures(group) for name, group in self.by("language").items()},
        }


_COUNTS = ("documents", "bytes", "words", "tokens", "failures")


class Judge:
    """Encodes batches of documents with one tokenizer and adds up what it sees."""

    def __init__(self, name: str, tokenizer: Tokenizer) -> None:
        self._name = name
        self._tokenizer = tokenizer
        self._token_bytes = string_buffers(pa.array(tokenizer.token_bytes, pa.large_binary()))
        self._uses = np.zeros(tokenizer.vocabulary, np.int64)
        self._groups: dict[tuple[str, str], npt.NDArray[np.int64]] = {}
        self._seconds = 0.0

    def add(self, batch: pa.RecordBatch) -> None:
        """Judge documents: the column `text`, and `source` and `language` where there are any."""
        text = batch.column("text")
        data, offsets = string_buffers(text)
        self._tokenizer.encode("")  # loads the engine
        start = process_time()
        id_offsets, ids = self._tokenizer.encode_column(text)
        self._seconds += process_time() - start
        self._uses += np.bincount(ids, minlength=len(self._uses))
        failures = ~come_back(data, offsets, ids, id_offsets, *self._token_bytes)
        words = count_words(data, offsets, word_table("unicode"))
        counts = np.stack([np.ones(len(text), np.int64), np.diff(offsets), words, np.diff(id_offsets), failures], 1)
        names = zip(_names(batch, "source"), _names(batch, "language"), strict=True)
        for name, row in zip(names, counts, strict=True):
            self._groups[name] = self._groups.get(name, 0) + row

    def evaluation(self) -> Evaluation:
        """Return what was seen so far."""
        learnt = np.array([bool(token) for token in self._tokenizer.token_bytes])
        uses = self._uses
        groups = tuple(Group(*name, *self._groups[name].tolist()) for name in sorted(self._groups))
        size = sum(group.bytes for group in groups)
        return Evaluation(
            name=self._name,
            vocabulary=self._tokenizer.vocabulary,
            groups=groups,
            unused=int((learnt & (uses == 0)).sum()),
            barely_used=int((learnt & (uses > 0) & (uses < BARELY)).sum()),
            longest=_longest(self._tokenizer, uses),
            renyi_efficiency=renyi_efficiency(uses),
            megabytes_per_second=size / 1e6 / self._seconds if self._seconds else 0.0,
        )


def evaluate(name: str, tokenizer: Tokenizer, batches: Iterable[pa.RecordBatch]) -> Evaluation:
    """Judge one tokenizer on batches of documents."""
    judge = Judge(name, tokenizer)
    for batch in batches:
        judge.add(batch)
    return judge.evaluation()


def renyi_efficiency(uses: npt.NDArray[np.int64]) -> float:
    """Return the Rényi entropy of how often each token occurs, over the logarithm of the vocabulary."""
    if uses.sum() == 0 or len(uses) < 2:
        return 0.0
    shares = uses[uses > 0] / uses.sum()
    entropy = np.log((shares**RENYI_ORDER).sum()) / (1 - RENYI_ORDER)
    return float(entropy / np.log(len(uses)))


def _longest(tokenizer: Tokenizer, uses: npt.NDArray[np.int64]) -> tuple[str, ...]:
    used = sorted(np.flatnonzero(uses).tolist(), key=lambda token: (-len(tokenizer.token_bytes[token]), token))
    return tuple(tokenizer.token_bytes[token].decode(errors="replace") for token in used[:LONGEST])


def _names(batch: pa.RecordBatch, column: str) -> list[str]:
    if column not in batch.schema.names:
        return [""] * batch.num_rows
    return [name or "" for name in batch.column(column).to_pylist()]


def _sum(groups: Iterable[Group]) -> Group:
    rows = [[getattr(group, name) for name in _COUNTS] for group in groups]
    return Group("", "", *map(sum, zip(*rows, strict=True))) if rows else Group("", "", 0, 0, 0, 0, 0)
