"""The kernels of decontamination against slow reference implementations over arbitrary Unicode."""

import html
import json
import re
import unicodedata
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import regex
from hypothesis import example, given, settings
from hypothesis import strategies as st

from prep.corpus.arrow.columns import string_buffers
from prep.corpus.kernels import entry
from prep.stages.decontaminate.folding import folding
from prep.stages.decontaminate.folding_kernels import fold_words
from prep.stages.decontaminate.items import GAP, Items
from prep.stages.decontaminate.overlap_kernels import widen
from prep.stages.decontaminate.reading_kernels import (
    ESCAPED,
    JOINED,
    LATEX,
    NESTED,
    NUMBERED,
    QUOTED,
    next_window,
    read,
    vocabulary,
)

ALONE = regex.compile(r"[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Line_Break=SA}\u30fc]")
MARKUP = re.compile(r"<[A-Za-z/!][A-Za-z]*+(?![^\x00-\x7f])[^<>]*>|&[A-Za-z0-9#]+;")
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
    "123",
    "1,250",
    ",",
    "，",
    "\u2009",
    "000",
    "１",
    "x2",
    "10⁵",
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


RAISED = ("<super>", "<sub>", "<fraction>")
GROUPING = ",，'_’\u2009\u202f"


def kind_of(item: str, character: str) -> str:
    if unicodedata.decomposition(character).startswith(RAISED):
        return "raised"
    return "digits" if item in "0123456789" else "letters"


def folded(character: str) -> str:
    return unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())


def begins_group(text: str) -> bool:
    """Return whether a text begins with three digits and no more."""
    digits = [folded(each) in tuple("0123456789") and kind_of(folded(each), each) == "digits" for each in text[:4]]
    return digits[:3] == [True] * 3 and digits[3:] != [True]


def slow_words(text: str) -> list[tuple[str, str]]:
    """Return the normalised words and where each stands in the text."""
    text = MARKUP.sub(lambda markup: "\0" * len(markup[0]), text)
    found: list[tuple[str, int, int]] = []
    word, begin, last, kind, digits = "", 0, 0, "", 0
    for at, character in enumerate(text):
        in_number = word != "" and kind == "digits" and digits <= 3
        if in_number and character in GROUPING and begins_group(text[at + 1 :]):
            digits = 0
            continue
        for item in " " if character.isspace() else folded(character):
            category = unicodedata.category(item)
            if category[0] in "LN" and not ALONE.match(item):
                if word and kind != kind_of(item, character):
                    found.append((word, begin, last))
                    word = ""
                begin, digits = (at, 0) if word == "" else (begin, digits)
                word, last, kind, digits = word + item, at + 1, kind_of(item, character), digits + 1
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
@example("0\xad,000", "１,000 1，000 1,０００ 1234,567 1,2345 1,000,000.5")
@example("<A\x80", ">")
@example("<aÀ b", "</À></aÀ><a À>")
def test_words(first: str, second: str) -> None:
    """Words stand where the reference says, and two have the same hash exactly where they are the same."""
    slow, fast = slow_words(f"{first} {second}"), fast_words(f"{first} {second}")
    if "&" + "a" * 40 in second:  # too long for a character reference, which the reference does not tell
        return
    assert [place for _, place in fast] == [place for _, place in slow]
    names: dict[int, str] = {}
    assert all(names.setdefault(key, word) == word for (key, _), (word, _) in zip(fast, slow, strict=True))
    assert len(names) == len({word for word, _ in slow})


@given(st.text())
@example("<À>")
@example("<aÀb>")
def test_all_normal_forms_have_the_same_words(text: str) -> None:
    forms = [unicodedata.normalize(form, text) for form in ("NFC", "NFD")]
    first, second = ([key for key, _ in fast_words(form)] for form in forms)
    assert first == second


def test_compatibility_forms_have_the_same_words() -> None:
    plain = [key for key, _ in fast_words("Find 2 of office cafe strasse")]
    assert [key for key, _ in fast_words("ＦＩＮＤ ² o\u00adf oﬃce café Straße")] == plain
    for one, other in (("x^2 + 10^{12}", "x² + 10¹²"), ("H2O 2 1/2", "H₂O 2½"), ("1,250 1_000", "1250 １，０００")):
        assert [key for key, _ in fast_words(one)] == [key for key, _ in fast_words(other)]


def test_no_code_point_has_more_words_than_the_buffer() -> None:
    table = folding()
    for expansion, end in enumerate(table.starts[1:]):
        assert end - table.starts[expansion] <= 18
    most = max(
        len(slow_words(chr(code))) / len(chr(code).encode()) for code in np.flatnonzero(table.table <= -4).tolist()
    )
    assert most <= 2


def slow_spans(
    texts: list[str], items: list[str], ngram: int, shortest: int, share: float, common: int | None, longest: int
) -> set[tuple[int, ...]]:
    """Return (text, item, n-grams, first byte, end); `longest` is the number of words of the longest n-gram."""
    sizes = [min(ngram, len(item.split())) for item in items]
    grams = [
        [tuple(item.split()[at : at + size]) for at in range(len(item.split()) - size + 1)]
        if len(item.split()) >= shortest
        else []
        for item, size in zip(items, sizes, strict=True)
    ]
    telling = [[4 * len(set(gram)) >= len(gram) for gram in own] for own in grams]
    rare = [[common is None or sum(gram in other for other in grams) <= common for gram in own] for own in grams]
    found = set[tuple[int, ...]]()
    for row, text in enumerate(texts):
        words = text.split()
        for number, own in enumerate(grams):
            n = sizes[number]
            looked = [at for at in range(len(own)) if telling[number][at]]
            said = {at + word for at in looked if not rare[number][at] for word in range(n)}
            left = {at + word for at in looked if rare[number][at] for word in range(n)} - said
            said = said if left else set()
            wanted = [at for at in looked if not left or (rare[number][at] and {*range(at, at + n)} - said)]
            counted = {gram for at, gram in enumerate(own) if at in wanted}
            hits = [at for at in range(len(words) - n + 1) if tuple(words[at : at + n]) in counted]
            runs: list[list[int]] = []
            for at in hits:
                if runs and 2 * at <= 2 * (runs[-1][-1] + n) - 1 + GAP * longest:
                    runs[-1].append(at)
                else:
                    runs.append([at])
            shared = {tuple(words[at : at + n]) for at in hits}
            covered = {at + word for at in wanted if own[at] in shared for word in range(n)} - said
            coverable = {at + word for at in wanted for word in range(n)} - said
            for run in runs if len(covered) >= share * len(coverable) else []:
                distinct = len({tuple(words[at : at + n]) for at in run})
                found.add((row, number, distinct, 2 * run[0], 2 * (run[-1] + n) - 1))
    return found


@settings(max_examples=300, deadline=None)
@given(
    st.lists(WORDS, max_size=4),
    st.lists(WORDS, min_size=1, max_size=5),
    st.integers(1, 5),
    st.integers(1, 3),
    st.sampled_from([0.0, 0.5, 1.0]),
    st.sampled_from([None, 1, 2]),
)
def test_find(texts: list[str], items: list[str], ngram: int, shortest: int, share: float, common: int | None) -> None:
    half = len(items) // 2
    sets = {"first": [(item,) for item in items[:half]], "second": [(item,) for item in items[half:]]}
    known = Items.of(sets, ngram, shortest, common)
    column = pa.array(["a a a a a", *texts, "b"], pa.large_string()).slice(1, len(texts))
    spans = known.spans(known.find(*string_buffers(column), known.index()), share)
    found = {
        tuple(map(int, span))
        for span in zip(spans.rows, spans.items, spans.ngrams, spans.begins, spans.ends, strict=True)
    }
    assert len(found) == len(spans.rows)
    longest = int(known.entries[:, 2].max(initial=0))
    assert found == slow_spans(texts, items, ngram, shortest, share, common, longest)
    for item in range(len(items)):
        assert (known.sets[item], known.numbers[item]) == (("first", item) if item < half else ("second", item - half))


SIGNS = [
    "\\",
    "n",
    "t",
    "u",
    "00e9",
    "ud83d",
    "\\ude00",
    "x41",
    "{",
    "}",
    "frac",
    "alpha",
    "sin",
    "begin",
    "&",
    "amp",
    ";",
]
SIGNS += ["%", "41", "%E4", "%b8%AD", "%F0%9f", "%ED%A0%80", "%C0%80"]
SIGNS += ["#233;", "#x5c0f;", "eacute;", "-", "\n", "\r\n", "\u00ad", "\u2010", " ", "word", "é", "1F600"]
BROKEN = re.compile(r"(?<=[^\x00-\x40])[-\u00ad\u2010]\r?\n[ \t]*")


def fast_read(text: str, reading: int) -> str:
    data = np.frombuffer(f"x{text}y".encode(), np.uint8)
    data.flags.writeable = False
    out, origins = np.empty(2 * len(data) + 8, np.uint8), np.empty(2 * len(data) + 9, np.int64)
    length = read(data, 1, len(data) - 1, reading, vocabulary(), out, origins)
    assert (np.diff(origins[: length + 1]) >= 0).all()
    assert origins[length] == len(data) - 1
    return bytes(out[:length]).decode()


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(SIGNS)).map("".join))
def test_broken_words_are_joined(text: str) -> None:
    assert fast_read(text, JOINED) == BROKEN.sub("", text)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(SIGNS)).map("".join), st.sampled_from([LATEX, ESCAPED, NESTED, QUOTED]))
def test_any_text_can_be_read(text: str, reading: int) -> None:
    """Whatever is read, it is text, and what has no sign stays."""
    found = fast_read(text, reading)
    if "\\" not in text and "&" not in text and "%" not in text:
        assert found == text


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\\&/")), st.booleans())
def test_strings_of_json_are_read_as_what_they_stand_for(text: str, ascii_only: bool) -> None:
    text = "".join(mark for mark in text if mark.isprintable() or mark in "\n\t\r")
    once = json.dumps(text, ensure_ascii=ascii_only)
    twice = json.dumps(once, ensure_ascii=ascii_only)
    same = [key for key, _ in fast_words(text)]
    assert [key for key, _ in fast_words(fast_read(once, ESCAPED))] == same
    assert [key for key, _ in fast_words(fast_read(once, NESTED))] == same
    assert [key for key, _ in fast_words(fast_read(twice, NESTED))] == same
    escaped = html.escape(text)
    assert html.unescape(escaped) == text
    assert [key for key, _ in fast_words(fast_read(escaped, LATEX))] == same


@settings(max_examples=200, deadline=None)
@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0%"), max_size=20), st.sampled_from(" /?é中")
)
def test_urls_are_read_as_what_they_stand_for(text: str, safe: str) -> None:
    assert fast_read(quote(text, safe=safe), QUOTED) == text


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "1", " 2", "\t3:", "4", "12a", "1234567"]), st.sampled_from(["", " é", ".", "5"])
        )
    )
)
def test_numbers_of_lines_are_left_out(parts: list[tuple[str, str]]) -> None:
    lines = [number + rest for number, rest in parts]
    found = [re.match(r"[ \t]*(\d{1,6})(?![0-9A-Za-z])", line) for line in lines]
    numbers = [int(match[1]) if match else -9 for match in found]
    expected = list[str]()
    for at, (line, match) in enumerate(zip(lines, found, strict=True)):
        beside = (numbers[at - 1] == numbers[at] - 1) or (at + 1 < len(lines) and numbers[at + 1] == numbers[at] + 1)
        expected.append(line[match.end() :] if at and match and beside else line)
    assert fast_read("\n".join(lines), NUMBERED) == "\n".join(expected)


def test_latex_is_read_as_what_it_shows() -> None:
    pairs = {
        r"\frac{x^2 - 1}{x + 3} \neq -3": "(x² − 1)/(x + 3) ≠ −3",
        r"\begin{align} \alpha x &= \sin \theta \\ \end{align}": "αx = sin θ",
        r"\Delta t = 5\,\mathrm{s}": "Δt = 5 s",
        r"\text{Let } n \in \mathbb{N}": "Let n ∈ ℕ",
    }
    for latex, shown in pairs.items():
        for reading, source in ((LATEX, latex), (ESCAPED, json.dumps(latex))):
            found = [key for key, _ in fast_words(fast_read(source, reading))]
            assert found == [key for key, _ in fast_words(shown)], latex


def test_windows_hold_every_sign_with_what_is_around_it() -> None:
    text = ("far away " * 40 + r"near \n sign " + "far away " * 40 + r"\x41 \x42 " + "far away " * 3).encode()
    data = np.frombuffer(text, np.uint8)
    data.flags.writeable = False
    windows, at = [], 0
    while at < len(text):
        begin, at = entry(next_window)(data, 0, at, len(text), ESCAPED, 24)
        windows.append(text[begin:at].decode())
    assert len(windows) == 3
    assert all(sign in window for sign, window in zip(("near \\n sign", "\\x41 \\x42 far away"), windows, strict=False))


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
