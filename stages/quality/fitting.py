"""A recipe for a new language: thresholds and stop words from a reference corpus whose quality is trusted.

Stop words are the words that make up the largest shares of all words. Thresholds come from quantiles: every rule about
a ratio gets a tail of the same size, the largest with which all rules together still keep the share of the reference
that was asked for (Penedo et al. 2025, "FineWeb2", section 4.3, compare ways to set thresholds from a reference; one
tail for all rules is ours). Rules about counts, such as the fewest words, stay as they are.

The reference is read twice; one number per document and rule, and one entry per different word, are held in memory.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import yaml

from prep.corpus.arrow.columns import string_buffers
from prep.corpus.errors import RunError
from prep.stages.quality.clean_lines import CleanLines
from prep.stages.quality.judge import judge
from prep.stages.quality.recipe import Recipe
from prep.stages.quality.rules import Rule, Signal
from prep.stages.quality.signals.measures import BY_NAME
from prep.stages.quality.signals.signals import Signals, measuring
from prep.stages.quality.words.frequency_kernels import count_occurrences
from prep.stages.quality.words.splitting import Words, find_unspaced, tables
from prep.stages.stage import RowFunction

Texts = Callable[[], Iterable[pa.LargeStringArray]]
"""Reads the reference from its beginning."""

STOP_WORD_SHARE = 0.008
"""Smallest share of all words with a letter that a stop word makes up."""
FEWEST_STOP_WORDS, MOST_STOP_WORDS = 8, 40
FOLDS = 5
_HALVINGS = 40


@dataclass(frozen=True)
class Fit:
    """What was fitted to a reference."""

    language: str
    stop_words: tuple[str, ...]
    thresholds: Mapping[str, float]
    """By rule, those that were fitted."""
    tail: float
    """The share of documents beyond each fitted threshold."""
    kept: float
    """The share of the reference that all rules together keep."""
    rejected: Mapping[str, float]
    """By rule, the share of the reference that breaks it."""
    held_out: float
    """The share of documents kept by thresholds that were fitted to others, in FOLDS folds."""
    held_out_rejected: Mapping[str, float]
    """By rule, the share of such documents that breaks it."""
    documents: int

    def as_yaml(self, recipe: str, paths: Sequence[str], words: Words) -> str:
        """Return the fit as a recipe that extends the one whose rules were fitted."""
        source = (
            f"fitted by `prep quality fit` to {self.documents:,} documents of {', '.join(paths)}: all rules together "
            f"keep {self.kept:.2%} of them ({self.held_out:.2%} of documents held out), each fitted rule rejects at "
            f"most {self.tail:.2%}"
        )
        language = {"stop_words": list(self.stop_words), "rules": dict(self.thresholds)}
        file = {"source": source, "extends": [recipe], **words._asdict(), "languages": {self.language: language}}
        return yaml.safe_dump(file, sort_keys=False, allow_unicode=True, width=120)


def fit(texts: Texts, recipe: Recipe, language: str, keep: float, split: Words) -> Fit:
    """Fit a recipe's rules about ratios, and its stop words, so that all rules keep a share of the reference.

    Raises RunError where there is no document, or where the rules that are not fitted reject too much by themselves.
    """
    words = stop_words(texts(), split)
    rules = list(recipe.rules.values())
    values = np.concatenate([np.zeros((len(rules), 0)), *_values(texts(), recipe, words, split)], axis=1)
    if not values.shape[1]:
        raise RunError("the reference holds no document")
    fixed = np.array([_threshold(rule, language) for rule in rules], np.float64)
    kept = _kept(rules, values, fixed)
    if kept < keep:
        shares = _shares(rules, values, fixed)
        worst = max(shares, key=lambda name: shares[name])
        raise RunError(
            f"the rules that are not fitted keep {kept:.1%} of the reference, less than the {keep:.1%} asked for; "
            f"'{worst}' alone rejects {shares[worst]:.1%}; lower --keep, or give a reference of whole documents"
        )
    tail = _largest_tail(rules, values, fixed, keep)
    thresholds = _fitted(rules, values, fixed, tail)
    by_rule = zip(rules, thresholds, strict=True)
    return Fit(
        language,
        words,
        {rule.name: float(threshold) for rule, threshold in by_rule if _is_ratio(rule) and not np.isnan(threshold)},
        tail,
        _kept(rules, values, thresholds),
        _shares(rules, values, thresholds),
        *_held_out(rules, values, fixed, keep),
        values.shape[1],
    )


def _held_out(rules: Sequence[Rule], values: Signal, fixed: Signal, keep: float) -> tuple[float, dict[str, float]]:
    """Return what share of documents is kept by thresholds fitted to others, and what share breaks each rule.

    Every FOLDS-th document is held out in turn; stop words are those of all.
    """
    broken = np.zeros(values.shape, np.bool_)
    for fold in range(min(FOLDS, values.shape[1])):
        held = np.arange(values.shape[1]) % FOLDS == fold
        others = values[:, ~held] if held.sum() < len(held) else values
        thresholds = _fitted(rules, others, fixed, _largest_tail(rules, others, fixed, keep))
        broken[:, held] = _broken(rules, values[:, held], thresholds)
    shares = broken.mean(axis=1)
    return 1 - float(broken.any(axis=0).mean()), {
        rule.name: float(share) for rule, share in zip(rules, shares, strict=True)
    }


def stop_words(texts: Iterable[pa.LargeStringArray], split: Words) -> tuple[str, ...]:
    """Return the words that make up the largest shares of all words, the most frequent first."""
    counts: Counter[bytes] = Counter()
    kernel_tables = tables(split.splitter)
    for column in texts:
        data, offsets = string_buffers(column)
        joins = find_unspaced(data, offsets, split)
        begins, ends, times = (each.tolist() for each in count_occurrences(data, offsets, kernel_tables, joins))
        for begin, end, occurrences in zip(begins, ends, times, strict=True):
            counts[data[begin:end].tobytes()] += occurrences
    enough = STOP_WORD_SHARE * counts.total()
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    frequent = sum(occurrences >= enough for _, occurrences in ordered)
    return tuple(word.decode() for word, _ in ordered[: min(max(frequent, FEWEST_STOP_WORDS), MOST_STOP_WORDS)])


def _values(
    texts: Iterable[pa.LargeStringArray], recipe: Recipe, words: Sequence[str], split: Words
) -> Iterator[Signal]:
    """Yield what each rule looks at (rules × documents), some documents at a time."""
    rules = list(recipe.rules.values())
    functions: list[RowFunction] = [measuring({"": tuple(words)}, split, Signals().short_line)]
    if any(rule.signal.startswith("cleaned_") for rule in rules):
        functions.append(CleanLines.model_validate({**recipe.clean_lines, **split._asdict()}).open())
    for column in texts:
        batch = pa.record_batch({"text": column})
        for function in functions:
            batch = function(batch).batch
        yield judge(rules, batch, None).values


def _threshold(rule: Rule, language: str) -> float:
    """Return the threshold of a rule that is not fitted; NaN, which rejects nothing, for one that is."""
    threshold = None if _is_ratio(rule) else rule.threshold_for(language)
    return np.nan if threshold is None else threshold


def _is_ratio(rule: Rule) -> bool:
    return BY_NAME[rule.signal].whole is not None


def _largest_tail(rules: Sequence[Rule], values: Signal, fixed: Signal, keep: float) -> float:
    """Return the largest tail with which all rules together keep the share, by halving."""
    low, high = 0.0, 1 - keep
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _kept(rules, values, _fitted(rules, values, fixed, middle)) >= keep:
            low = middle
        else:
            high = middle
    return low


def _fitted(rules: Sequence[Rule], values: Signal, fixed: Signal, tail: float) -> Signal:
    """Return thresholds beyond which at most a tail of the documents lies, and those of the rules that stay."""
    thresholds = fixed.copy()
    for number, rule in enumerate(rules):
        seen = values[number, ~np.isnan(values[number])]
        if _is_ratio(rule) and len(seen):
            share, method = (tail, "lower") if rule.bound == "min" else (1 - tail, "higher")
            quantile = float(np.quantile(seen, share, method=method))  # type: ignore[call-overload]
            thresholds[number] = _rounded(quantile, up=rule.bound == "max")
    return thresholds


def _rounded(value: float, up: bool) -> float:
    """Round to four decimals, away from the documents that stay."""
    return float((np.ceil if up else np.floor)(value * 1e4) / 1e4)


def _broken(rules: Sequence[Rule], values: Signal, thresholds: Signal) -> npt.NDArray[np.bool_]:
    broken = [rule.broken(*pair) for rule, *pair in zip(rules, values, thresholds, strict=True)]
    return np.array(broken, np.bool_).reshape(values.shape)


def _kept(rules: Sequence[Rule], values: Signal, thresholds: Signal) -> float:
    return 1 - float(_broken(rules, values, thresholds).any(axis=0).mean())


def _shares(rules: Sequence[Rule], values: Signal, thresholds: Signal) -> dict[str, float]:
    broken = _broken(rules, values, thresholds).mean(axis=1)
    return {rule.name: float(share) for rule, share in zip(rules, broken, strict=True)}
