"""Every count of the signals' kernels against a slow, obvious reference implementation, over arbitrary Unicode."""

import re
from collections import Counter

import numpy as np
import pytest
import regex
from hypothesis import example, given, settings

from prep.corpus.arrow.columns import string_buffers
from prep.corpus.text.characters import PUNCTUATION, character_table
from prep.corpus.text.words import Splitter, words
from prep.stages.quality.signals.line_kernels import LINES, PARAGRAPHS
from prep.stages.quality.signals.ngram_kernels import DUPLICATE_GRAMS, REPEATED_GRAMS
from prep.stages.quality.signals.signal_kernels import COUNTS, TEXT, TOKENS, measure
from prep.stages.quality.signals.word_kernels import WORDS, stop_words
from prep.stages.quality.words.splitting import Words, WordSplitter, find_unspaced, tables

from .conftest import SPLITTERS, TEXTS, column
from .slow_tokens import slow_tokens

STOP_WORDS = (["the", "of", "l", "你", "sehr"], ["ab", "the"])
COUNTED = (
    *("likes", "shares", "comments", "retweets", "reposts", "quotes"),
    *("bookmarks", "upvotes", "downvotes", "downloads", "views", "followers"),
)


def counted(texts: list[str], splitter: WordSplitter, languages: list[int], short: int = 5) -> list[dict[str, int]]:
    """Return the kernel's counts of each text by name."""
    data, offsets = string_buffers(column(texts))
    numbers, joins = np.array(languages, np.int32), find_unspaced(data, offsets, Words(splitter, "spaces"))
    counts = measure(data, offsets, tables(splitter), joins, character_table(), stop_words(STOP_WORDS), numbers, short)
    return [dict(zip(COUNTS, row, strict=True)) for row in counts.tolist()]


def flagged(character: str) -> bool:
    """Return whether a character is punctuation, by the character table itself."""
    return bool(character_table()[ord(character)] & PUNCTUATION)


def is_upper(character: str) -> bool:
    return bool(regex.match(r"\p{Uppercase}", character))


def lexical_words(text: str, splitter: Splitter) -> list[str]:
    return [word for word in words(text, splitter) if regex.search(r"[\p{L}\p{N}]", word)]


def slow_text(text: str) -> dict[str, int]:
    ellipses = text.count("...") + text.count("…")
    return {
        "bytes": len(text.encode()),
        "characters": len(text),
        "hashes": text.count("#"),
        "ellipses": ellipses,
        "dclm_symbols": text.count("#") + ellipses + text.count(". . ."),
    }


def slow_words(text: str, found: list[str], splitter: Splitter, language: int) -> dict[str, int]:
    spaced, lexical = text.split(), lexical_words(text, splitter)
    plain = [word for word in found if not all(map(flagged, word))]
    stops = set(STOP_WORDS[language])
    sentences = slow_sentences(spaced)
    lower = [re.sub("[A-Z]", lambda match: match.group().lower(), word) for word in spaced]
    return {
        "words": len(found),
        "plain_words": len(plain),
        "plain_characters": sum(map(len, plain)),
        "lexical_words": len(lexical),
        "lexical_characters": sum(map(len, lexical)),
        "stop_words": len(stops & set(found)) if language >= 0 else -1,
        "spaced_words": len(spaced),
        "spaced_characters": sum(map(len, spaced)),
        "spaced_alphabetic_words": sum(bool(regex.search(r"\p{L}", word)) for word in spaced),
        "spaced_stop_words": sum(word in stops for word in lower) if language >= 0 else -1,
        "spaced_lexical_words": sum(bool(lexical_words(words(word, splitter)[0], splitter)) for word in spaced),
        "marked_sentences": len(sentences),
        "title_case_sentences": sum(is_title(lexical_words(sentence, splitter)) for sentence in sentences),
    }


def slow_sentences(spaced: list[str]) -> list[str]:
    """Return the sentences that are more than marks: they end with a word that ends in a mark."""
    sentences: list[list[str]] = [[]]
    for word in spaced:
        sentences[-1].append(word)
        if word.endswith((".", "!", "?")):
            sentences.append([])
    return [" ".join(each) for each in sentences if "".join(each).strip(".!?")]


def is_title(lexical: list[str]) -> bool:
    return len(lexical) >= 12 and 2 * sum(is_upper(word[0]) for word in lexical) > len(lexical)


def duplicates(pieces: list[str]) -> tuple[int, int]:
    """Return the number and the characters of all copies but the first."""
    extra = [piece for index, piece in enumerate(pieces) if piece in pieces[:index]]
    return len(extra), sum(map(len, extra))


def repeated(pieces: list[str]) -> tuple[int, int]:
    """Return the number and the characters of all copies of what occurs more than once."""
    again = [piece for piece in pieces if pieces.count(piece) > 1]
    return len(again), sum(map(len, again))


def slow_lines(text: str, splitter: Splitter, short: int) -> dict[str, int]:
    filled = [line for line in text.split("\n") if line.strip()]
    trimmed = [line.strip() for line in filled]
    lines = [line.strip() for line in text.splitlines()]
    repeated_lines, repeated_characters = repeated(trimmed)
    return {
        "newlines": text.count("\n"),
        "line_characters": len(text.replace("\n", "")),
        "filled_lines": len(filled),
        "punctuated_lines": sum(
            bool(regex.search(r"[\p{Sentence_Terminal}\u17d6\u17d9\u17da]\Z", line)) for line in filled
        ),
        "short_lines": sum(len(line) <= short for line in filled),
        "duplicate_line_characters": duplicates(filled)[1],
        "duplicate_lines": duplicates(filled)[0],
        "lines": len(lines),
        "bullet_lines": sum(line.startswith(("•", "-")) for line in lines),
        "ellipsis_lines": sum(line.endswith(("...", "…")) for line in lines),
        "trimmed_line_characters": sum(map(len, trimmed)),
        "repeated_lines": repeated_lines,
        "repeated_line_characters": repeated_characters,
        "dclm_bullet_lines": sum(line.startswith(("●", "•", "*", "-")) for line in trimmed),
        "dclm_ellipsis_lines": sum(line.endswith(("...", ". . .", "…")) for line in trimmed),
        "dclm_dropped_words": sum(len(lexical_words(line, splitter)) for line in filled if dclm_drops(line)),
    }


def dclm_drops(line: str) -> bool:
    capitals = sum(map(is_upper, line))
    return 2 * capitals > len(line) or len(line.split()) < 2 or is_counter(line)


def is_counter(line: str) -> bool:
    """Return whether a line is a number and what it counts, between marks and white space."""
    around = "".join(sorted({character for character in line if is_around(character)}))
    number = rf"\p{{Nd}}[\p{{Nd}},.]*[KMBkmb]?[\s\x1c-\x1f]+(?i:{'|'.join(COUNTED)})"
    return bool(regex.fullmatch(number, line.strip(around) if around else line))


def is_around(character: str) -> bool:
    return character != "_" and (flagged(character) or character.isspace())


def slow_paragraphs(text: str) -> dict[str, int]:
    paragraphs = [one for one in regex.split(r"\r?\n[\s\x1c-\x1f]*\n", text.strip()) if one]
    filled = [paragraph.strip() for paragraph in paragraphs]
    duplicate, duplicate_characters = duplicates(paragraphs)
    again, again_characters = repeated(filled)
    return {
        "duplicate_paragraphs": duplicate,
        "duplicate_paragraph_characters": duplicate_characters,
        "filled_paragraphs": len(filled),
        "trimmed_paragraph_characters": sum(map(len, filled)),
        "repeated_paragraphs": again,
        "repeated_paragraph_characters": again_characters,
    }


def ngrams(found: list[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(found[at : at + n]) for at in range(len(found) - n + 1)]


def slow_top(found: list[str], n: int) -> int:
    grams = ngrams(found, n)
    if not grams:
        return 0
    gram, times = Counter(grams).most_common(1)[0]
    return len(" ".join(gram)) * times


def slow_duplicate(found: list[str], n: int) -> int:
    seen: set[tuple[str, ...]] = set()
    total = at = 0
    while at <= len(found) - n:
        gram = tuple(found[at : at + n])
        if gram in seen:
            total += len("".join(gram))
            at += n
        else:
            seen.add(gram)
            at += 1
    return total


def slow_covered(found: list[str], n: int, grams: set[tuple[str, ...]]) -> int:
    """Return the characters of the words that these n-grams cover."""
    places = {at + k for at, gram in enumerate(ngrams(found, n)) if gram in grams for k in range(n)}
    return sum(len(found[place]) for place in places)


def slow_repeated(found: list[str], n: int) -> tuple[int, int, int]:
    """Return DCLM's and Dolma 3's characters of the most frequent n-gram, and those in repeated n-grams."""
    times = Counter(ngrams(found, n))
    most = max(times.values(), default=1)
    if most == 1:
        return 0, 0, 0
    longest = max((gram for gram in times if times[gram] == most), key=lambda gram: len("".join(gram)))
    again = {gram for gram in times if times[gram] > 1}
    return len("".join(longest)) * most, slow_covered(found, n, {longest}), slow_covered(found, n, again)


def slow_grams(found: list[str], lexical: list[str]) -> dict[str, int]:
    counts = {}
    for n in range(2, 11):
        if n < 5:
            counts[f"top_{n}_gram_characters"] = slow_top(found, n)
            counts[f"dclm_top_{n}_gram_characters"], counts[f"dolma_top_{n}_gram_characters"], _ = slow_repeated(
                lexical, n
            )
        else:
            counts[f"duplicate_{n}_gram_characters"] = slow_duplicate(found, n)
            counts[f"repeated_{n}_gram_characters"] = slow_repeated(lexical, n)[2]
    return counts


@pytest.mark.parametrize("splitter", [*SPLITTERS, "spacy"])
@settings(max_examples=600, deadline=None)
@given(TEXTS)
@example(["a a a a a a a a a b a a a a " * 3, "ab c a bc ab c", "x y z x y z x y zz q x y zz"])
@example(["The A B C D E F G H I J Kk. a", ". . . . .", "AB C\n AB C \nAB C\n\n\nAB C\n\n AB C", "\u0301 \u0301a"])
@example(["12 likes\n (1,2k  VIEWS!)\n_3 likes\n4 likes_\n5 like\n٣ shares", "ONE two\nONE twO\nOne"])
def test_counts_equal_those_of_the_reference_implementation(splitter: WordSplitter, texts: list[str]) -> None:
    languages = [row % 2 for row in range(len(texts))]
    for text, language, counts in zip(texts, languages, counted(texts, splitter, languages), strict=True):
        tokens, other = slow_tokens(text), splitter if splitter != "spacy" else "unicode"
        found = tokens if splitter == "spacy" else words(text, splitter)
        assert counts == {
            **slow_text(text),
            "tokens": len(tokens),
            "alphabetic_tokens": sum(bool(regex.search(r"\p{L}", token)) for token in tokens),
            **slow_words(text, found, other, language),
            **slow_lines(text, other, 5),
            **slow_paragraphs(text),
            **slow_grams(found, lexical_words(text, other)),
        }


def test_names_are_those_of_the_groups() -> None:
    assert (*TEXT, *TOKENS, *WORDS, *LINES, *PARAGRAPHS, *DUPLICATE_GRAMS, *REPEATED_GRAMS) == COUNTS
    assert len(set(COUNTS)) == len(COUNTS)


def test_without_a_list_stop_words_are_not_counted() -> None:
    with_list, without = counted(["the the of"] * 2, "unicode", [0, -1])
    assert (with_list["stop_words"], with_list["spaced_stop_words"]) == (2, 3)
    assert (without["stop_words"], without["spaced_stop_words"]) == (-1, -1)


@settings(max_examples=100, deadline=None)
@given(TEXTS.filter(bool))
def test_a_document_depends_on_itself_alone(texts: list[str]) -> None:
    together = counted(texts, "unicode", [0] * len(texts))
    assert together == [counted([text], "unicode", [0])[0] for text in texts]


HOSTILE = {
    "one gram": "word " * 2_000_000,  # one line of 10 MB
    "one word": "a" * 10_000_000,
    "equal lines": "same line\n" * 1_000_000,
    "equal paragraphs": "same line\n\n" * 900_000,
    "newlines": "\n" * 10_000_000,
    "dots": "." * 10_000_000,
    "spaced dots": ". " * 5_000_000,
    "marks": "e\u0301" * 3_000_000,
    "counters": "12 " * 3_000_000 + "likes",
    "all different": " ".join(map(str, range(1_500_000))),
    "separators": "\u2028".join(["use cookie"] * 700_000),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_documents_take_linear_time(text: str) -> None:
    """Ten million bytes of the worst; quadratic work would take days."""
    long, short = counted([text, "short"], "spacy", [0, 0])
    assert long["bytes"] == len(text.encode())
    assert short["words"] == 1
