"""A reference for `prep quality fit`: its texts in the language that is asked for, and whether they can carry a fit.

A quantile of a few documents is a guess, and thresholds fitted to several languages at once fit none. A reference is
refused with fewer than FEWEST_DOCUMENTS documents or FEWEST_WORDS words, with many documents alike, and where too few
of its documents, or too little of their text, are in the language that it is said to be in. Documents that say that
they are in another, by their column `language` (or `declared_language`), are left out; of those that say nothing, an
engine identifies the language, and of the lines of all that stay: half-translated manuals would bring `the` among the
stop words of any language.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from prep.corpus.arrow.columns import string_buffers
from prep.corpus.errors import RunError
from prep.stages.quality.words.frequency_kernels import count_occurrences
from prep.stages.quality.words.splitting import Words, find_unspaced, tables
from prep.stages.shared.languages import related_codes

FEWEST_DOCUMENTS = 100
FEWEST_WORDS = 20_000
_COLUMNS = ("language", "declared_language")
LARGEST_OTHER = 0.1
"""Largest share of documents in other languages."""
LARGEST_MIXED = 0.2
"""Largest share of the characters of long lines that stand in lines of other languages."""
LONG_LINE = 40
"""Fewest characters of a line whose language is identified."""
LARGEST_ALIKE = 0.2
"""Largest share of documents whose text another has too."""

Identify = Callable[[pa.LargeStringArray], list[str | None]]
"""Returns the languages of texts."""


def own_texts(batches: Iterable[pa.RecordBatch], language: str) -> Iterator[pa.LargeStringArray]:
    """Yield the texts that are in a language, or do not say in which they are."""
    for batch in batches:
        own = [code is None or _means(code, language) for code in _codes(batch)]
        yield batch.column("text").filter(pa.array(own, pa.bool_())).drop_null()


def check_reference(batches: Iterable[pa.RecordBatch], language: str, split: Words, identify: Identify | None) -> None:
    """Raise RunError for a reference that is too small, repeats itself or is in several languages.

    `identify` is asked for the languages of documents that do not say theirs; None takes the user's word.
    """
    others: Counter[str] = Counter()
    found: Counter[str] = Counter()
    characters: Counter[str] = Counter()
    documents = words = 0
    seen: set[int] = set()
    for batch in batches:
        codes = _codes(batch)
        (texts,) = own_texts([batch], language)
        others.update(code for code in codes if code is not None and not _means(code, language))
        silent = batch.column("text").filter(pa.array([code is None for code in codes], pa.bool_())).drop_null()
        if identify is not None and len(silent):
            found.update(code or "none" for code in identify(silent))
        if identify is not None:
            characters.update(_characters(texts, identify))
        documents += len(texts)
        words += _words(texts, split)
        seen.update(map(hash, texts.to_pylist()))
    _check_size(documents, words, len(seen), language, others)
    _check_language(found, language)
    _check_mixture(characters, language)


def _codes(batch: pa.RecordBatch) -> list[str | None]:
    """Return the language that each document says it is in: its column `language`, else `declared_language`."""
    columns = [batch.column(name).cast(pa.string()) for name in _COLUMNS if name in batch.schema.names]
    return pc.coalesce(*columns).to_pylist() if columns else [None] * batch.num_rows


def _means(code: str, language: str) -> bool:
    return language in related_codes(code) or code in related_codes(language)


def _words(column: pa.LargeStringArray, split: Words) -> int:
    data, offsets = string_buffers(column)
    joins = find_unspaced(data, offsets, split)
    _, _, times = count_occurrences(data, offsets, tables(split.splitter), joins)
    return int(times.sum())


def _characters(texts: pa.LargeStringArray, identify: Identify) -> Counter[str]:
    """Count the characters of long lines by the language of the line."""
    lines = pc.list_flatten(pc.split_pattern(texts, "\n"))
    lengths = pc.utf8_length(lines)
    long = pc.greater_equal(lengths, LONG_LINE)
    counts: Counter[str] = Counter()
    for code, length in zip(identify(lines.filter(long)), lengths.filter(long).to_pylist(), strict=True):
        counts[code or "none"] += length
    return counts


def _check_size(documents: int, words: int, different: int, language: str, left_out: Counter[str]) -> None:
    others = f"; {_shown(left_out)} are in other languages by their own account" if left_out else ""
    if not documents and left_out:
        raise RunError(f"the reference holds no document in {language!r}{others}")
    if documents < FEWEST_DOCUMENTS or words < FEWEST_WORDS:
        raise RunError(
            f"the reference is too small: {documents:,} documents of {words:,} words in all, where a fit takes "
            f"{FEWEST_DOCUMENTS:,} documents and {FEWEST_WORDS:,} words at least{others}; give more whole documents"
        )
    if documents - different > LARGEST_ALIKE * documents:
        raise RunError(
            f"the reference repeats itself: {documents - different:,} of its {documents:,} documents are copies of "
            "others; remove duplicates first (stage 'exact')"
        )


def _check_language(found: Counter[str], language: str) -> None:
    own = sum(number for code, number in found.items() if _means(code, language))
    others = Counter({code: number for code, number in found.items() if not _means(code, language)})
    if found and own < (1 - LARGEST_OTHER) * found.total():
        raise RunError(
            f"the reference is not in {language!r} alone: {own / found.total():.0%} of its documents are, the others "
            f"are {_shown(others)}; give texts of one language, or a column 'language'"
        )


def _check_mixture(characters: Counter[str], language: str) -> None:
    others = Counter({code: number for code, number in characters.items() if not _means(code, language)})
    if others.total() > LARGEST_MIXED * characters.total():
        parts = [(code, number / characters.total()) for code, number in others.most_common(3)]
        shares = ", ".join(f"{share:.0%} {code}" for code, share in parts if share >= 0.01)
        raise RunError(
            f"documents of the reference are not in {language!r} alone: {others.total() / characters.total():.0%} of "
            f"their text stands in lines of other languages ({shares}); leave out those that are mixed (stage "
            "'language' with 'min_share: 0.8')"
        )


def _shown(codes: Counter[str]) -> str:
    return ", ".join(f"{number:,} × {code}" for code, number in codes.most_common(5))
