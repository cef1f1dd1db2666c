"""The stages `repeated_lines` and `repeated_substrings`, driven by their contract, against slow references."""

import re
from collections import defaultdict
from collections.abc import Sequence
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ByteSize

from prep.corpus.arrow.columns import string_buffers
from prep.corpus.arrow.documents import ID, TEXT
from prep.corpus.files.storage import read_json, write_arrow
from prep.corpus.text.hashing import lower_table
from prep.corpus.text.words import word_table, words
from prep.stages.repeats import phases
from prep.stages.repeats.phases import NOTHING_LEFT
from prep.stages.repeats.piece_kernels import blank, find, join_ranges, lines, windows
from prep.stages.repeats.repeats import RepeatedLines, RepeatedSubstrings, TemplateLines
from prep.stages.repeats.run_kernels import tidy
from prep.stages.results import Counts
from prep.stages.upstream import GlobalContext, Upstream

from ..contract import run_task
from ..dedup.driving import Part, article, write_parts

Stage = RepeatedLines | TemplateLines | RepeatedSubstrings
MENU = "Home | Products | About us | Contact"


def apply(stage: Stage, parts: Sequence[Part], folder: Path, batch_rows: int = 1000) -> dict[str, str]:
    """Return what is left of each document, by id."""
    return changed(stage, write_parts(folder, stage, parts, batch_rows), folder)


def changed(stage: Stage, upstream: Upstream, folder: Path) -> dict[str, str]:
    context = GlobalContext(upstream, str(folder / "output"), str(folder / "scratch"))
    counts: list[Counts | None] = []
    for phase in stage.phases(len(upstream.parts)):
        counts += [run_task(stage, phase.name, task, context) for task in reversed(range(phase.tasks))]
    texts: dict[str, str] = {}
    lost: set[str] = set()
    for part in range(len(upstream.parts)):
        before = upstream.drops[part]
        files = [(f"{context.output}/{kind}/{part:05d}.arrow",) for kind in ("drops", "cuts")]
        after = Upstream((upstream.parts[part],), drops=((*before, *files[0]),), cuts=(files[1],))
        for batch in after.documents(0):
            texts |= dict(zip(*(batch.column(name).to_pylist() for name in ("id", "text")), strict=True))
        rejected = pq.read_table(f"{context.output}/rejected/{part:05d}.parquet").to_pylist()
        assert all(row["rule"] == NOTHING_LEFT and row["stage"] == stage.name for row in rejected)
        lost |= {row["id"] for row in rejected}
    assert not lost & texts.keys()
    assert sum(item.kept for item in counts if item) == len(texts)
    assert sum(item.rejected.get(NOTHING_LEFT, 0) for item in counts if item) == len(lost)
    return texts


def test_a_line_that_many_documents_have_stays_in_one(tmp_path: Path) -> None:
    parts = [
        [("b", f"{MENU}\nThe fog comes\non little cat feet.\n"), ("c", f"  {MENU.upper()}  \r\nAnother text")],
        [("a", f"Something else\n{MENU}"), ("d", f"{MENU}\n\n"), ("e", f"{MENU}\n{MENU}\nunique\n")],
    ]
    assert apply(RepeatedLines(at_least=3), parts, tmp_path) == {
        "a": f"Something else\n{MENU}",
        "b": "The fog comes\non little cat feet.\n",
        "c": "Another text",
        "e": "unique\n",
    }
    assert apply(RepeatedLines(at_least=3, keep="none"), parts, tmp_path / "none")["a"] == "Something else\n"
    assert apply(RepeatedLines(at_least=6), parts, tmp_path / "six") == dict(parts[0] + parts[1])


def test_the_audit_tells_how_much_was_cut_and_what(tmp_path: Path) -> None:
    rare = "An elephant in the room, and a whale."
    part = [(f"{number}", f"{MENU}\n{article(number)}\n{rare if number < 3 else ''}") for number in range(6)]
    apply(RepeatedLines(at_least=3), [part[:2], [*part[2:], ("6", MENU + "\n")]], tmp_path)
    table = pq.read_table(tmp_path / "output/audit/repeats.parquet").to_pylist()
    assert table == [{"documents": 7, "text": MENU + "\n"}, {"documents": 3, "text": rare}]
    size = 5 * len(MENU + "\n") + 2 * len(rare)
    expected = {"documents cut": 5, "bytes cut": size, "documents with nothing left": 1}
    assert read_json(str(tmp_path / "output/audit/summary.json")) == expected


def test_a_paragraph_goes_with_the_blank_lines_after_it(tmp_path: Path) -> None:
    notice = "All rights reserved.\nNo part may be copied."
    part = [("a", notice), ("b", f"Own text.\n\n{notice}\n \n\nThe end."), ("c", "All rights reserved.\nExcept one.")]
    found = apply(RepeatedLines(unit="paragraph", at_least=2), [part], tmp_path)
    assert found == {"a": notice, "b": "Own text.\n\nThe end.", "c": part[2][1]}


def test_a_document_dropped_before_neither_counts_nor_keeps(tmp_path: Path) -> None:
    stage = RepeatedLines(at_least=2)
    upstream = write_parts(tmp_path, stage, [[("a", MENU), ("b", MENU + "\nx"), ("c", "y\n" + MENU)]], batch_rows=2)
    write_arrow(str(tmp_path / "drop.arrow"), pa.table({"drop": [True, False, False]}))
    dropped = Upstream(upstream.parts, upstream.taps, ((str(tmp_path / "drop.arrow"),),))
    assert changed(stage, dropped, tmp_path) == {"b": MENU + "\nx", "c": "y\n"}


LINES = st.lists(
    st.sampled_from(["one", "Two ", "three\u3000", "", "four five", "ONE", "\u00e9t\u00e9", "x" * 30]), max_size=6
)


@settings(max_examples=40, deadline=None)
@given(texts=st.lists(LINES.map("\n".join), max_size=8), at_least=st.integers(2, 4), data=st.data())
def test_lines_as_a_dictionary_would_and_in_any_arrangement(
    texts: list[str], at_least: int, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    owners = defaultdict(set)
    for number, text in enumerate(texts):
        for line in text.split("\n"):
            owners[" ".join(line.lower().split())].add(number)
    expected = {}
    for number, text in enumerate(texts):
        kept = []
        for line in re.findall(r"[^\n]*\n|[^\n]+$", text):
            having = owners[" ".join(line.lower().split())]
            if len(" ".join(line.split())) < 3 or len(having) < at_least or min(having) == number:
                kept.append(line)
        if "".join(kept).strip() or "".join(kept) == text:
            expected[f"id{number}"] = "".join(kept)
    shuffled = data.draw(st.permutations([(f"id{number}", text) for number, text in enumerate(texts)]))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(texts)), max_size=2)))
    parts = [shuffled[start:end] for start, end in pairwise([0, *cuts, len(texts)])]
    stage = RepeatedLines(at_least=at_least, shortest=3, memory=ByteSize(16 << 20))
    found = apply(stage, parts, tmp_path_factory.mktemp("lines"), data.draw(st.integers(1, 4)))
    assert found == expected


PAGES = pa.schema([ID, TEXT, pa.field("url", pa.string())])
HOSTS = st.sampled_from(["http://a.org/x", "https://www.A.org:80/y", "b.org", "//b.org/?q", None, "mailto:x@a.org"])


@settings(max_examples=40, deadline=None)
@given(
    pages=st.lists(st.tuples(HOSTS, LINES.map("\n".join)), max_size=9),
    at_least=st.integers(2, 3),
    share=st.sampled_from([0.0, 0.3, 0.5, 0.9]),
    keep=st.sampled_from(["one", "none"]),
    data=st.data(),
)
def test_template_lines_as_a_dictionary_would(
    pages: list[tuple[str | None, str]],
    at_least: int,
    share: float,
    keep: str,
    data: st.DataObject,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    hosts = [re.search(r"([ab])\.org(?!\w)", (url or "").lower()) for url, _ in pages]
    names = [
        None if host is None or "mailto" in str(url) else host[1] for host, (url, _) in zip(hosts, pages, strict=True)
    ]
    having = defaultdict(set)
    for number, (_, text) in enumerate(pages):
        for line in text.split("\n"):
            having[names[number], " ".join(line.lower().split())].add(number)
    expected = {}
    for number, (_, text) in enumerate(pages):
        kept = []
        for line in re.findall(r"[^\n]*\n|[^\n]+$", text):
            owners = having[names[number], " ".join(line.lower().split())]
            many = len(owners) >= at_least and len(owners) > share * names.count(names[number])
            if names[number] is None or not line.strip() or not many or (keep == "one" and min(owners) == number):
                kept.append(line)
        if "".join(kept).strip() or "".join(kept) == text:
            expected[f"id{number}"] = "".join(kept)
    rows = data.draw(st.permutations([(f"id{number}", text, url) for number, (url, text) in enumerate(pages)]))
    stage = TemplateLines.model_validate({"at_least": at_least, "share": share, "keep": keep})
    folder = tmp_path_factory.mktemp("templates")
    upstream = write_parts(folder, stage, [rows[::2], rows[1::2]], data.draw(st.integers(1, 4)), PAGES)
    assert changed(stage, upstream, folder) == expected


def slow_substrings(texts: Sequence[str], length: int, at_least: int, keep: str) -> list[str]:
    """Cut every run of so many bytes that enough texts share, in all of them or in all but the first.

    Texts have no white space, so that their words are too long to be kept whole.
    """
    having = defaultdict(set)
    raw = [text.encode() for text in texts]
    runs = [[at for at in range(len(text) - length + 1) if text[at] & 0xC0 != 0x80] for text in raw]
    for number, text in enumerate(raw):
        for at in runs[number]:
            having[text[at : at + length]].add(number)
    left = []
    for number, text in enumerate(raw):
        gone = np.zeros(len(text) + 1, np.bool_)
        for at in runs[number]:
            owners = having[text[at : at + length]]
            if len(owners) >= at_least and (keep == "none" or number != min(owners)):
                gone[at : at + length] = True
        for at in range(len(text) - 1, -1, -1):  # a character of which only a part is shared stays
            if gone[at] and not gone[at + 1] and at + 1 < len(text) and text[at + 1] & 0xC0 == 0x80:
                gone[at] = False
        pieces = [
            bytes(text[at] for at, _ in run)
            for is_gone, run in groupby(enumerate(gone[:-1].tolist()), key=lambda item: item[1])
            if not is_gone
        ]
        left.append(b"\n".join(pieces).decode())
    return left


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    alphabet=st.sampled_from(["ab", "abcdefgh", "a", "aäбⱥ", "漢字仮名", "🙂🚀"]),
    at_least=st.integers(2, 3),
    keep=st.sampled_from(["one", "none"]),
)
def test_substrings_are_cut_exactly(
    seed: int, alphabet: str, at_least: int, keep: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rng = np.random.default_rng(seed)
    shared = ["".join(rng.choice(list(alphabet), int(rng.integers(40, 200)))) for _ in range(3)]
    texts = []
    for _ in range(6):
        pieces = [
            shared[int(rng.integers(3))][int(rng.integers(20)) :]
            if rng.random() < 0.6
            else "".join(rng.choice(list(alphabet), int(rng.integers(70, 120))))
            for _ in range(int(rng.integers(1, 5)))
        ]
        texts.append("".join(pieces))
    stage = RepeatedSubstrings.model_validate({"length": 96, "at_least": at_least, "keep": keep})
    rows = [(f"id{number}", text) for number, text in enumerate(texts)]
    left = apply(stage, [rows[::2], rows[1::2]], tmp_path_factory.mktemp("substrings"), batch_rows=2)
    expected = {f"id{n}": text for n, text in enumerate(slow_substrings(texts, 96, at_least, keep)) if text}
    assert left == expected


def test_substrings_are_those_of_a_suffix_array(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prose with passages in common, of which each byte is looked at by its place among all suffixes.

    Documents come in batches, and a part's runs are sorted a range at a time.
    """
    monkeypatch.setattr(phases, "SORTED_BYTES", 1 << 24)
    rng = np.random.default_rng(5)
    names = [f"w{number}" for number in range(400)]
    passages = [" ".join(rng.choice(names, 60)) for _ in range(6)]
    texts = [
        " ".join([*rng.choice(names, 20), passages[int(rng.integers(6))], *rng.choice(names, 30)]) for _ in range(30)
    ]
    length = 100
    rows = list(zip(map(str, range(30)), texts, strict=True))
    left = apply(RepeatedSubstrings(length=length, keep="none"), [rows], tmp_path, batch_rows=7)
    whole = "\0".join(texts)
    suffixes = sorted(range(len(whole)), key=lambda at: whole[at : at + 600])
    bounds = np.cumsum([0, *(len(text) + 1 for text in texts)])
    gone = np.zeros(len(whole), np.bool_)
    for one, other in pairwise(suffixes):
        first, second = (int(np.searchsorted(bounds, at, side="right")) for at in (one, other))
        run = whole[one : one + length]
        if first != second and len(run) == length and "\0" not in run and whole[other : other + length] == run:
            gone[one : one + length] = gone[other : other + length] = True
    for number, text in enumerate(texts):
        own = gone[bounds[number] : bounds[number] + len(text)]
        kept = {word.span() for word in re.finditer(r"\S+", text) if not own[word.start() : word.end()].all()}
        assert left[str(number)].split() == [text[start:end] for start, end in sorted(kept)]


def test_cuts_lie_between_words_and_leave_passages_apart(tmp_path: Path) -> None:
    notice = "the rights in this page are held by those who wrote it, and nobody may take a copy without a licence"
    texts = [
        f"First there is another text. Clo{notice}s End of the first.",
        f"The second begins. Bre{notice}d The second ends.",
        f"Third.\n{notice}\nThird again.",
        f"{notice} fourth",
    ]
    left = apply(RepeatedSubstrings(length=80), [list(zip("abcd", texts, strict=True))], tmp_path)
    assert left["a"] == texts[0]
    assert left["b"] == "The second begins. Brethe\nlicenced The second ends."
    assert left["c"] == "Third.\n\nThird again."
    assert left["d"] == " fourth"


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(["ab", "c", "é", "漢", " ", "\n", ". ", "🙂"]), max_size=20).map("".join), st.data())
def test_tidy(text: str, data: st.DataObject) -> None:
    raw = text.encode()
    begin = data.draw(st.integers(0, len(raw)))
    end = data.draw(st.integers(begin, len(raw)))
    column, offsets = string_buffers(pa.array(["x", text], pa.large_string()).slice(1))
    row, first, last = (np.array([value], np.int64) for value in (0, begin, end))
    starts, ends, breaks = tidy(column, offsets, row, first, last, word_table("whitespace"), word_table("unicode"))
    start, stop = int(starts[0]), int(ends[0])
    before, inside, after = raw[:start].decode(), raw[start:stop].decode(), raw[stop:].decode()
    if not inside:
        return
    assert split(before) + split(inside) + split(after) == split(text)
    assert all(
        not mark.strip() for mark in raw[start : max(start, begin)].decode() + raw[min(stop, end) : stop].decode()
    )
    if breaks[0]:
        assert before == before.rstrip(" ")
        assert after == after.lstrip(" ")
        assert before
        assert after
        assert before[-1] != "\n" != after[0]
    else:
        assert not before.strip(" ") or not after.strip(" ") or "\n" in (before.rstrip(" ")[-1], after.lstrip(" ")[0])


def split(text: str) -> list[str]:
    return words(text, "unicode")


def test_a_shared_run_is_cut_wherever_it_begins(tmp_path: Path) -> None:
    shared = article(1, 200)
    texts = [f"{article(2, 50)} {shared}", f"{shared} {article(3, 40)}", f"{article(4, 7)} {shared} {article(5, 9)}"]
    left = apply(RepeatedSubstrings(length=400), [list(zip("abc", texts, strict=True))], tmp_path)
    assert left["a"] == texts[0]
    assert left["b"] == f" {article(3, 40)}"
    assert left["c"] == f"{article(4, 7)}\n{article(5, 9)}"


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=30)), st.booleans(), st.integers(1, 4))
@example(["a b\n\n \nc d\r\ne f\u2028g", "\n\n x y \n z\n"], True, 1)
def test_pieces_lie_in_the_text_and_miss_nothing(texts: list[str], paragraphs: bool, shortest: int) -> None:
    data, offsets = string_buffers(pa.array(texts, pa.large_string()))
    found = lines(data, offsets, word_table("whitespace"), lower_table(), paragraphs, shortest)
    for row, text in enumerate(texts):
        inside = slice(found.bounds[row], found.bounds[row + 1])
        pieces = [
            text.encode()[start:end].decode()
            for start, end in zip(found.starts[inside], found.ends[inside], strict=True)
        ]
        if paragraphs:
            assert sum(map(len, pieces)) <= len(text)
            assert all(piece in text for piece in pieces)
        else:
            expected = [line for line in text.splitlines(keepends=True) if len(" ".join(line.split())) >= shortest]
            assert pieces == expected


@settings(max_examples=100, deadline=None)
@given(st.text(st.sampled_from("aä漢b"), max_size=120), st.integers(4, 40), st.integers(4, 12))
def test_of_every_reach_of_windows_one_is_chosen(text: str, width: int, reach: int) -> None:
    data, offsets = string_buffers(pa.array(["x", text], pa.large_string()).slice(1))
    found = windows(data, offsets, width, reach)
    raw = text.encode()
    assert all(width - 3 <= end - start <= width for start, end in zip(found.starts, found.ends, strict=True))
    for start, end in zip(found.starts, found.ends, strict=True):
        raw[start:end].decode()
    for first in range(len(raw) - width - reach + 2):
        assert any(first <= start < first + reach for start in found.starts)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 20), st.integers(1, 9)), max_size=12))
def test_ranges_are_joined(items: list[tuple[int, int, int]]) -> None:
    items.sort()
    columns = [np.array(values, np.int64) for values in ([row for row, _, _ in items], [at for _, at, _ in items])]
    ends = np.array([at + length for _, at, length in items], np.int64)
    covered = {(row, place) for row, at, length in items for place in range(at, at + length)}
    rows, starts, stops = join_ranges(columns[0], columns[1], ends)
    ranges = list(zip(rows.tolist(), starts.tolist(), stops.tolist(), strict=True))
    assert {(row, place) for row, start, stop in ranges for place in range(start, stop)} == covered
    assert all(before[0] < after[0] or before[2] < after[1] for before, after in pairwise(ranges))


@settings(max_examples=50, deadline=None)
@given(st.sets(st.tuples(st.integers(0, 3), st.integers(0, 3))), st.tuples(st.integers(0, 3), st.integers(0, 3)))
def test_a_hash_is_found_where_both_halves_agree(hashes: set[tuple[int, int]], wanted: tuple[int, int]) -> None:
    rising = sorted(hashes)
    halves = [np.array([pair[half] for pair in rising], np.uint64) for half in range(2)]
    found = find(*halves, *(np.array([half], np.uint64) for half in wanted))
    assert found.tolist() == [rising.index(wanted) if wanted in hashes else -1]


def test_blank() -> None:
    data, offsets = string_buffers(pa.array(["", " \n\u3000", "x", " x "], pa.large_string()))
    assert blank(data, offsets, word_table("whitespace")).tolist() == [True, True, False, False]
