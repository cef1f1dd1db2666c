"""Every decision and rejecting rule of the recipe `fineweb` against datatrove's four filters, on all real documents.

    PREP_TEST_DATA=… python benchmarks/quality_decisions.py

datatrove's filters decide twice: given this project's words and sentences, where every decision must be the same, and
with their own splitters (spaCy), where the words differ; the latter by language, as lid.176 identifies it.
datatrove splits words with spaCy: pip install -e '.[benchmarks]'
"""

import os
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np
from datatrove.pipeline.filters.base_filter import BaseFilter
from texts import batches, books, pages

from prep.corpus.text.sentences import count_sentences, sentence_table
from prep.stages.language.language import Language
from prep.stages.quality.clean_lines import CleanLines
from prep.stages.quality.judge import judge
from prep.stages.quality.recipe import load_recipe
from prep.stages.quality.signals.signals import Signals
from prep.stages.quality.words.splitting import words_of

Decision = str | None
"""The rule that rejects a document; None keeps it."""


def filters_of_datatrove() -> dict[str, BaseFilter]:
    """Return datatrove's filters in the order of FineWeb's pipeline."""
    from datatrove.pipeline.filters import (
        C4QualityFilter,
        FineWebQualityFilter,
        GopherQualityFilter,
        GopherRepetitionFilter,
    )

    return {
        "Gopher repetition": GopherRepetitionFilter(),
        "Gopher quality": GopherQualityFilter(),
        "C4": C4QualityFilter(filter_no_terminal_punct=False),
        "FineWeb": FineWebQualityFilter(),
    }


@contextmanager
def our_words() -> Iterator[None]:
    """Give datatrove's filters the words and sentences of this project."""
    from datatrove.pipeline.filters import (
        c4_filters,
        fineweb_quality_filter,
        gopher_quality_filter,
        gopher_repetition_filter,
    )

    @lru_cache(8)
    def split(text: str, _language: str) -> list[str]:
        return words_of(text, "spacy", "spaces")

    def sentences(text: str, _language: str) -> list[None]:
        data = np.frombuffer(text.encode(), np.uint8)
        return [None] * count_sentences(data, 0, len(data), sentence_table())

    modules = (gopher_quality_filter, gopher_repetition_filter, fineweb_quality_filter)
    before = [module.split_into_words for module in modules], c4_filters.split_into_sentences
    for module in modules:
        module.split_into_words = split
    c4_filters.split_into_sentences = sentences
    yield
    for module, function in zip(modules, before[0], strict=True):
        module.split_into_words = function
    c4_filters.split_into_sentences = before[1]


RULES = {
    **{"gopher_below_avg_threshold": "short_words", "gopher_above_avg_threshold": "long_words"},
    **{"gopher_too_many_ellipsis": "too_many_ellipses", "gopher_too_many_end_ellipsis": "too_many_end_ellipses"},
    **{"gopher_below_alpha_threshold": "too_few_alphabetic_words", "gopher_enough_stop_words": "too_few_stop_words"},
    **{f"duplicated_{n}_n_grams": f"dup_{n}_gram" for n in range(5, 11)},
}
"""datatrove's names for rules, where they differ by more than a prefix."""


def their_decisions(texts: Sequence[str]) -> list[Decision]:
    """Return the rule of datatrove's filters that rejects each document first."""
    from datatrove.data import Document

    filters = list(filters_of_datatrove().values())
    decisions = []
    for text in texts:
        document = Document(text=text, id="")
        results = (peer.filter(document) for peer in filters)
        rule = next((result[1] for result in results if result is not True), None)
        decisions.append(rule and RULES.get(rule, rule.removeprefix("gopher_")))
    return decisions


def our_decisions(texts: Sequence[str]) -> list[Decision]:
    """Return the rule of the recipe `fineweb` that rejects each document first."""
    rules = list(load_recipe("fineweb").rules.values())
    signals, clean = Signals(unspaced="spaces").open(), CleanLines(unspaced="spaces").open()
    firsts = [judge(rules, clean(signals(part).batch).batch, None).first for part in batches(texts)]
    return [None if number < 0 else rules[number].name for number in np.concatenate(firsts)]


def languages(texts: Sequence[str]) -> list[str]:
    """Return the documents' languages."""
    identify = Language(threshold=0).open()
    return [code for part in batches(texts) for code in identify(part).batch.column("language").to_pylist()]


def compare(label: str, ours: Sequence[Decision], theirs: Sequence[Decision]) -> None:
    """Print how many documents both sides decide alike, and the commonest differences."""
    decision = sum((mine is None) == (other is None) for mine, other in zip(ours, theirs, strict=True))
    rule = sum(mine == other for mine, other in zip(ours, theirs, strict=True))
    print(
        f"{label:40} {len(ours):6} documents, same decision {decision / len(ours):8.2%}, "
        f"same rule {rule / len(ours):8.2%}"
    )
    names = sorted({rule for rule in (*ours, *theirs) if rule})
    apart = {
        name: sum((mine == name) != (other == name) for mine, other in zip(ours, theirs, strict=True)) for name in names
    }
    worst = sorted(apart, key=lambda name: -apart[name])[:6]
    print("    as first rule: " + ", ".join(f"{name} {1 - apart[name] / len(ours):.2%}" for name in worst))
    differing = Counter((mine, other) for mine, other in zip(ours, theirs, strict=True) if mine != other)
    for (mine, other), number in differing.most_common(4):
        print(f"    {number:5} × prep: {mine or 'keep'}; datatrove: {other or 'keep'}")


def by_language(codes: Sequence[str], ours: Sequence[Decision], theirs: Sequence[Decision]) -> None:
    """Print the agreement for each language of ten documents or more."""
    same: Mapping[str, list[bool]] = defaultdict(list)
    for code, mine, other in zip(codes, ours, theirs, strict=True):
        same[code].append((mine is None) == (other is None))
    shares = {code: sum(fates) / len(fates) for code, fates in sorted(same.items()) if len(fates) >= 10}
    print("    same decision by language: " + ", ".join(f"{code} {share:.1%}" for code, share in shares.items()))


def main() -> None:
    if "PREP_TEST_DATA" not in os.environ:
        sys.exit("PREP_TEST_DATA is not set; it names the folder of real web pages and books")
    data = Path(os.environ["PREP_TEST_DATA"])
    sources = {"web": pages(data / "web"), "docs": pages(data / "docs"), "books": books(data / "books")}
    for name, texts in sources.items():
        ours = our_decisions(texts)
        with our_words():
            compare(f"{name}, the same words", ours, their_decisions(texts))
        theirs = their_decisions(texts)
        compare(f"{name}, datatrove's own words", ours, theirs)
        by_language(languages(texts), ours, theirs)


if __name__ == "__main__":
    main()
