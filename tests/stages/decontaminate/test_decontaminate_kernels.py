"""The kernels of decontamination against slow, obvious twins over arbitrary Unicode."""

import re
import unicodedata

import numpy as np
import pyarrow as pa
import regex
from hypothesis import example, given, settings
from hypothesis import strategies as st

from prep.corpus.arrow.columns import string_buffers
from prep.stages.decontaminate.folding import folding
from prep.stages.decontaminate.folding_kernels import fold_words
from prep.stages.decontaminate.index import ItemIndex
from prep.stages.decontaminate.overlap_kernels import widen

ALONE = regex.compile(r"[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Line_Break=SA}\u30fc]")
MARKUP = re.compile(r"<(?=[A-Za-z/!])[^<>]*>|&[A-Za-z0-9#]+;")
PIECES = [
    "a",
    "B",
    "ab",
    "ß",
    "é",
    "e\u0301",
    "ﬁ",
    "½",
    "²",
    "Ａ",
    "你",
    "ｶﾞ",
    "か",
    "ไ",
    "㍿",
    "9",
    ".",
    " ",
    "\n",
    "\u00ad",
]
MARKS = [
    "<",
    ">",
    "<b>",
    "</li >",
    "<!--",
    "&",
    ";",
    "&amp;",
    "&#39;",
    "&rsquo;",
    "<a b",
    "\u200b",
    "\u0301",
    "ﷺ",
    "가",
]
TEXTS = st.one_of(st.text(), st.lists(st.sampled_from(PIECES + MARKS)).map("".join))
WORDS = st.lists(st.sampled_from("a b c d".split())).map(" ".join)


def slow_words(text: str) -> list[tuple[str, str]]:
    """Return the normalised words and where each stands in the text."""
    text = MARKUP.sub(lambda markup: "\0" * len(markup[0]), text)
    found: list[tuple[str, int, int]] = []
    word, begin, last = "", 0, 0
    for at, character in enumerate(text):
        plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
        for item in " " if character.isspace() else plain:
            category = unicodedata.category(item)
            if category[0] in "LN" and not ALONE.match(item):
                begin = at if word == "" else begin
                word, last = word + item, at + 1
            elif category[0] != "M" and category != "Cf":
                if word:
                    found.append((word, begin, last))
                    word = ""
                if ALONE.match(item) and category[0] in "LN":
                    found.append((item, at, at + 1))
    if word:
        found.append((word, begin, last))
    return [(word, text[begin:end]) for word, begin, end in found]


def fast_words(text: str) -> list[tuple[int, str]]:
    data = np.frombuffer(f"x{text}y".encode(), np.uint8)
    data.flags.writeable = False
    size = 2 * len(data)
    hashes, starts, ends = np.empty(size, np.uint64), np.empty(size, np.int64), np.empty(size, np.int64)
    count = fold_words(data, 1, len(data) - 1, folding(), hashes, starts, ends)
    spans = zip(hashes[:count].tolist(), starts[:count], ends[:count], strict=True)
    return [(word, bytes(data[begin:end]).decode()) for word, begin, end in spans]


@settings(max_examples=400, deadline=None)
@given(TEXTS, TEXTS)
@example("don't stop", "DON’T\nSTOP")
@example("<a<b>c", "<1>2</1>")
@example("&;&a &amp;x", "&" + "a" * 40 + ";")
def test_words(first: str, second: str) -> None:
    """Words stand where the twin says, and two have the same hash exactly where they are the same."""
    slow, fast = slow_words(f"{first} {second}"), fast_words(f"{first} {second}")
    if "&" + "a" * 40 in second:  # too long for a character reference, which the twin does not tell
        return
    assert [place for _, place in fast] == [place for _, place in slow]
    names: dict[int, str] = {}
    assert all(names.setdefault(key, word) == word for (key, _), (word, _) in zip(fast, slow, strict=True))
    assert len(names) == len({word for word, _ in slow})


@given(st.text())
def test_all_normal_forms_have_the_same_words(text: str) -> None:
    forms = [unicodedata.normalize(form, text) for form in ("NFC", "NFD")]
    first, second = ([key for key, _ in fast_words(form)] for form in forms)
    assert first == second


def test_compatibility_forms_have_the_same_words() -> None:
    plain = [key for key, _ in fast_words("Find 2 of office cafe strasse")]
    assert [key for key, _ in fast_words("ＦＩＮＤ ² o\u00adf oﬃce café Straße")] == plain


def test_no_code_point_has_more_words_than_the_buffer() -> None:
    table = folding()
    for expansion, end in enumerate(table.starts[1:]):
        assert end - table.starts[expansion] <= 18
    most = max(
        len(slow_words(chr(code))) / len(chr(code).encode()) for code in np.flatnonzero(table.table <= -4).tolist()
    )
    assert most <= 2


def slow_spans(texts: list[str], items: list[str], ngram: int, shortest: int, share: float) -> set[tuple[int, ...]]:
    """Return (text, item, n-grams, first word, words after the last)."""
    found = set[tuple[int, ...]]()
    for row, text in enumerate(texts):
        words = text.split()
        for number, item in enumerate(items):
            own = item.split()
            n = min(ngram, len(own))
            if len(own) < shortest:
                continue
            grams = {tuple(own[at : at + n]) for at in range(len(own) - n + 1)}
            hits = [at for at in range(len(words) - n + 1) if tuple(words[at : at + n]) in grams]
            runs: list[list[int]] = []
            for at in hits:
                if runs and at <= runs[-1][-1] + n + ngram:
                    runs[-1].append(at)
                else:
                    runs.append([at])
            shared = {tuple(words[at : at + n]) for at in hits}
            for run in runs if len(shared) >= share * len(grams) else []:
                distinct = len({tuple(words[at : at + n]) for at in run})
                found.add((row, number, distinct, run[0], run[-1] + n))
    return found


@settings(max_examples=300, deadline=None)
@given(
    st.lists(WORDS, max_size=4),
    st.lists(WORDS, min_size=1, max_size=5),
    st.integers(1, 5),
    st.integers(1, 3),
    st.sampled_from([0.0, 0.5, 1.0]),
)
def test_find(texts: list[str], items: list[str], ngram: int, shortest: int, share: float) -> None:
    half = len(items) // 2
    index = ItemIndex({"first": items[:half], "second": items[half:]}, ngram, shortest)
    column = pa.array(["a a a a a", *texts, "b"], pa.large_string()).slice(1, len(texts))
    spans = index.find(*string_buffers(column), share)
    found = {tuple(map(int, span)) for span in zip(*spans, strict=True)}
    assert len(found) == len(spans.rows)
    assert found == {
        (row, item, ngrams, 2 * first, 2 * after - 1)
        for row, item, ngrams, first, after in slow_spans(texts, items, ngram, shortest, share)
    }
    for item in range(len(items)):
        name, number = index.place(item)
        assert (name, number) == (("first", item) if item < half else ("second", item - half))


MARKED = st.lists(st.sampled_from(["ab", "é", "“", "”", " ", "<", ">", "\n", ".", "e\u0301", "\u0301"]))


@settings(max_examples=300, deadline=None)
@given(st.lists(MARKED.map("".join), max_size=3), st.data())
def test_widen(texts: list[str], data: st.DataObject) -> None:
    spans = []
    for row, text in enumerate(texts):
        for word in regex.finditer(r"\p{L}[\p{L}\p{M}]*", text):
            if data.draw(st.booleans()):
                before, after = text[: word.start()], text[word.end() :]
                wide = len(before.rstrip("“”.")), len(text) - len(after.lstrip("“”.\u0301"))
                spans.append((row, *(len(text[:at].encode()) for at in (*word.span(), *wide))))
    rows, begins, ends, *wide_spans = np.array(spans, np.int64).reshape(-1, 5).T.copy()
    column = pa.array(["x", *texts], pa.large_string()).slice(1)
    widened = widen(*string_buffers(column), folding(), rows, begins, ends)
    assert [found.tolist() for found in widened] == [expected.tolist() for expected in wide_spans]
