"""The stages `exact` and `minhash`, driven by their contract: who is kept, in any arrangement of the documents."""

import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from prep.corpus.errors import CorruptFileError, Problem
from prep.corpus.files.storage import read_arrow, write_arrow
from prep.corpus.text.words import words
from prep.stages.dedup.exact import Exact
from prep.stages.dedup.minhash.minhash import MinHash
from prep.stages.dedup.taps import MinHashTap, band_column
from prep.stages.results import Counts
from prep.stages.shared.matching.sorted_hashes import ranges
from prep.stages.stage import CheckContext
from prep.stages.upstream import GlobalContext, Upstream

from ..contract import run_task
from .driving import POEM, SCHEMA, Part, Result, article, deduplicate, run, variants, write_parts

Stage = Exact | MinHash


@pytest.fixture
def folder(tmp_path: Path) -> Callable[[], Path]:
    """Return a function that makes a new empty folder."""
    made: list[Path] = []

    def make() -> Path:
        made.append(tmp_path / str(len(made)))
        made[-1].mkdir()
        return made[-1]

    return make


Folder = Callable[[], Path]


def test_exact_keeps_one_of_each_text(folder: Folder) -> None:
    parts = [[("b", "Fog  comes\n"), ("c", "the fog")], [("a", "fog comes"), ("d", " FOG COMES"), ("e", "fogcomes")]]
    result = deduplicate(Exact(), parts, folder())
    assert result.rejected == {"b": "a", "d": "a"}
    assert result.counts == Counts(5, 3, {"exact_duplicate": 2})


def test_exact_without_normalisation_compares_bytes(folder: Folder) -> None:
    parts = [[("a", "fog "), ("b", "fog"), ("c", "Fog"), ("d", "fog")]]
    assert deduplicate(Exact(normalise="none"), parts, folder()).rejected == {"d": "b"}


@pytest.mark.parametrize("stage", [Exact(), MinHash()])
def test_of_empty_documents_one_stays(stage: Stage, folder: Folder) -> None:
    parts = [[("b", ""), ("a", " \n"), ("c", "fog")], [], [("d", "\u3000")]]
    result = deduplicate(stage, parts, folder())
    assert len(result.kept) == 2
    assert "c" in result.kept


def test_minhash_finds_near_duplicates_and_leaves_others(folder: Folder) -> None:
    originals = [article(seed) for seed in range(20)]
    documents = [(f"{number:02d}", text) for number, text in enumerate(originals)]
    copies = [
        (f"{number:02d}-{copy}", text)
        for number in range(5)
        for copy, text in enumerate(variants(originals[number], 3, seed=number))
    ]
    result = deduplicate(MinHash(keep="smallest_id"), [documents, copies], folder())
    assert result.kept == {name for name, _ in documents}
    assert result.rejected == {name: name[:2] for name, _ in copies}


def test_short_documents_go_only_where_all_words_are_equal(folder: Folder) -> None:
    part = [("a", "cat feet"), ("b", "feet cat"), ("c", "Cat\tfeet"), ("d", "cat feet!"), ("e", "cat"), ("f", "!")]
    assert deduplicate(MinHash(keep="smallest_id"), [part], folder()).rejected == {"c": "a"}


@pytest.mark.parametrize(("size", "pairs"), [("1000", 10), ("2500", 20)])
def test_finds_the_planted_pairs(size: str, pairs: int, test_data: Path, folder: Folder) -> None:
    lines = (test_data / "dedup" / f"articles_{size}.train").read_text().splitlines()
    documents = [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in lines]
    truth = [line.split() for line in (test_data / "dedup" / f"articles_{size}.truth").read_text().splitlines()]
    result = deduplicate(MinHash(), [documents[::2], documents[1::2]], folder())
    assert {frozenset(pair) for pair in result.rejected.items()} == {frozenset(pair) for pair in truth}
    assert len(truth) == pairs


SMALL_TEXTS = st.sampled_from(["", "cat", "Cat ", "cat feet", POEM, POEM + " cat", POEM.upper(), "silent " + POEM])
STAGES = st.sampled_from(
    [
        Exact(),
        Exact(keep="longest", audit=0),
        MinHash(bands=4, audit=0),
        MinHash(bands=3, rows=2, verify=0.3, audit=0),
        MinHash(bands=3, rows=1, verify=0.5, verify_by="text", keep="smallest_id", audit=0),
        MinHash(bands=3, rows=1, clusters="transitive", audit="all"),
        MinHash(bands=3, rows=1, clusters="transitive", verify=0.5, verify_by="text", audit=0),
    ]
)


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(SMALL_TEXTS, max_size=12), stage=STAGES, data=st.data())
def test_arrangement_decides_nothing(
    texts: list[str], stage: Stage, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Neither the order of documents, nor the borders of parts, nor the size of batches."""
    documents = [(f"id{number}", text) for number, text in enumerate(texts)]
    shuffled = data.draw(st.permutations(documents))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(texts)), max_size=3)))
    parts = [shuffled[start:end] for start, end in pairwise([0, *cuts, len(texts)])]
    expected = deduplicate(stage, [documents], tmp_path_factory.mktemp("whole"))
    assert deduplicate(stage, parts, tmp_path_factory.mktemp("parts"), data.draw(st.integers(1, 5))) == expected


def test_signatures_are_held_for_a_slice_of_a_batch_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = pa.array([POEM, "", "cat", POEM + " cat", article(1), "feet", POEM])
    batch = pa.record_batch({"id": [str(row) for row in range(len(texts))], "text": texts})
    expected = MinHash().tap().open()(batch)
    monkeypatch.setattr("prep.stages.dedup.taps.SIGNATURE_BYTES", 3 * 4 * 112)
    assert MinHash().tap().open()(batch).equals(expected)


def test_many_parts_are_matched_in_ranges(folder: Folder) -> None:
    documents = [(f"{number:03d}", article(number % 50)) for number in range(120)]
    parts = [documents[part::40] for part in range(40)]
    assert ranges(40) == 4
    for stage in (Exact(), MinHash(bands=2, rows=4)):
        assert deduplicate(stage, parts, folder()) == deduplicate(stage, [documents], folder())


def test_ranges_follow_the_parts_within_bounds() -> None:
    assert [ranges(parts) for parts in (0, 1, 16, 17, 32, 33, 1024, 10**6)] == [1, 1, 1, 2, 2, 4, 64, 64]


def test_a_run_of_equal_hashes_makes_a_star(folder: Folder) -> None:
    """Not every pair: a million identical pages would make half a million million of them."""
    place, stage, copies = folder(), Exact(), 500
    parts = [[(f"{number:03d}", POEM) for number in range(copies)]]
    result = deduplicate(stage, parts, place)
    assert result.kept == {"000"}
    assert read_arrow(str(place / "scratch/pairs/00000.arrow")).num_rows == copies - 1


@pytest.mark.parametrize("stage", [Exact(), MinHash(keep="smallest_id")])
def test_a_document_dropped_before_takes_no_part(stage: Stage, folder: Folder) -> None:
    place = folder()
    parts = [[("a", POEM), ("b", POEM)], [("c", POEM), ("d", "another")]]
    upstream = write_parts(place, stage, parts, batch_rows=10)
    earlier = tuple((str(place / f"earlier/{part}.arrow"), str(place / f"before/{part}.arrow")) for part in range(2))
    for path, drop in zip(
        (path for paths in earlier for path in paths),
        ([True, False], [False, False], [False, False], [False, True]),
        strict=True,
    ):
        write_arrow(path, pa.table({"drop": drop}))
    result = run(stage, Upstream(upstream.parts, upstream.taps, earlier), place)
    assert result == Result({"b"}, {"c": "b"}, Counts(2, 1, {stage.rule: 1}))


def test_a_dropped_document_does_not_link_two_others(folder: Folder) -> None:
    """Similar to both, it would join their clusters."""
    place = folder()
    left, right = article(1, 200), article(2, 200)
    between = " ".join(left.split()[:190] + right.split()[:190])
    parts = [[("left", " ".join(left.split()[:190])), ("between", between), ("right", " ".join(right.split()[:190]))]]
    stage = MinHash(bands=30, rows=2, keep="smallest_id", clusters="transitive")
    upstream = write_parts(place, stage, parts, batch_rows=10)
    assert run(stage, upstream, place).kept == {"between"}
    write_arrow(str(place / "drop.arrow"), pa.table({"drop": [False, True, False]}))
    dropped = Upstream(upstream.parts, upstream.taps, ((str(place / "drop.arrow"),),))
    assert run(stage, dropped, folder()).kept == {"left", "right"}


KEPT: list[tuple[Stage, list[tuple[str, str]], str]] = [
    (MinHash(), [("a", POEM), ("b", POEM + " again")], "b"),
    (MinHash(keep="smallest_id"), [("b", POEM), ("a", POEM + " again")], "a"),
    (MinHash(), [("b", POEM), ("a", POEM)], "a"),
    (Exact(), [("b", "fog"), ("a", "fog  ")], "a"),
    (Exact(keep="longest"), [("a", "fog"), ("b", "fog ")], "b"),
    (Exact(), [("12345678b", "fog"), ("12345678", "fog"), ("12345678a", "fog")], "12345678"),
    (Exact(), [("x" * 40 + "é", "fog"), ("x" * 40 + "z", "fog"), ("y", "fog")], "x" * 40 + "z"),
    (Exact(), [("a\0", "fog"), ("a", "fog")], "a"),
]


@pytest.mark.parametrize(("stage", "documents", "kept"), KEPT)
def test_keep_policy(stage: Stage, documents: Part, kept: str, folder: Folder) -> None:
    for part in (documents, documents[::-1]):
        assert deduplicate(stage, [part], folder()).kept == {kept}


def test_an_id_used_twice_loses_one_of_its_documents(folder: Folder) -> None:
    place = folder()
    upstream = write_parts(place, Exact(), [[("a", "fog"), ("a", "fog")]], batch_rows=10)
    context = GlobalContext(upstream, str(place / "output"), str(place / "scratch"))
    stage = Exact(audit=0)
    counts = [run_task(stage, phase.name, 0, context) for phase in stage.phases(1)]
    assert counts[-1] == Counts(2, 1, {"exact_duplicate": 1})
    assert read_arrow(f"{context.output}/drops/00000.arrow").column("drop").to_pylist() == [False, True]


@pytest.mark.parametrize("stage", [Exact(), MinHash()])
def test_a_second_run_writes_the_same_bytes(stage: Stage, folder: Folder) -> None:
    place = folder()
    parts = [[(f"{number}", POEM + " x" * (number % 7)) for number in range(30)], [("x", article(0))]]
    upstream = write_parts(place, stage, parts, batch_rows=4)
    run(stage, upstream, place)
    files = [path for kind in ("output", "scratch") for path in (place / kind).rglob("*") if path.is_file()]
    before = {path: path.read_bytes() for path in files}
    run(stage, upstream, place)
    assert {path: path.read_bytes() for path in files} == before


def components(keys: Iterable[tuple[int, int]]) -> set[frozenset[int]]:
    """Return the documents connected by equal keys, given as pairs of document and key."""
    groups = defaultdict(set)
    for document, key in keys:
        groups[key].add(document)
    found: list[set[int]] = []
    for group in groups.values():
        touching = [other for other in found if other & group]
        found = [other for other in found if not other & group] + [set().union(group, *touching)]
    return {frozenset(group) for group in found if len(group) > 1}


def rejected_components(result: Result) -> set[frozenset[int]]:
    return components((int(name), int(kept)) for pair in result.rejected.items() for name in pair for kept in pair[1:])


@pytest.fixture(scope="module")
def mixed() -> list[str]:
    """Return texts of all similarities to each other."""
    texts = [article(seed, 60 + 20 * seed) for seed in range(12)]
    for seed, text in enumerate(texts[:8]):
        changed = text.split()
        for step in range(4 + 4 * seed):
            changed[(7 * step) % len(changed)] = f"new{step}"
            texts.append(" ".join(changed))
    return texts


def test_clusters_are_those_of_all_pairs_with_an_equal_band(mixed: list[str], folder: Folder) -> None:
    stage = MinHash(bands=10, rows=3, clusters="transitive")
    documents = [(str(number), text) for number, text in enumerate(mixed)]
    result = deduplicate(stage, [documents[::2], documents[1::2]], folder())
    tap = MinHashTap(shingles="words", ngram=5, bands=10, rows=3, splitter="unicode", seed=1)
    table = tap.open()(pa.record_batch({"id": [name for name, _ in documents], "text": pa.array(mixed)}))
    keys = (
        (document, hash(("band", band, value)))
        for band in range(10)
        for document, value in enumerate(table.column(band_column(band)).to_pylist())
    )
    assert rejected_components(result) == components(keys)


def test_clusters_are_those_of_datasketch(test_data: Path, folder: Folder) -> None:
    """On documents that are near-duplicates or have nothing in common, two sets of hash functions agree."""
    from datasketch import MinHash as Signature
    from datasketch import MinHashLSH

    lines = (test_data / "dedup" / "articles_1000.train").read_text().splitlines()[:150]
    texts = [line.split(" ", 1)[1] for line in lines]
    texts += [text.replace(" the ", " THE ") + " end" for text in texts[:40]]
    index = MinHashLSH(num_perm=112, params=(14, 8))
    signatures = []
    for number, text in enumerate(texts):
        tokens = [word.lower() for word in words(text, "unicode") if any(map(str.isalnum, word))]
        signature = Signature(num_perm=112)
        signature.update_batch(" ".join(tokens[at : at + 5]).encode() for at in range(len(tokens) - 4))
        signatures.append(signature)
        index.insert(number, signature)
    theirs = {frozenset(index.query(signature)) for signature in signatures}
    stage = MinHash(clusters="transitive")
    result = deduplicate(stage, [[(str(number), text) for number, text in enumerate(texts)]], folder())
    assert rejected_components(result) == {group for group in theirs if len(group) > 1}
    assert len(result.rejected) >= 40


def check(stage: Stage) -> list[Problem]:
    return list(stage.problems(CheckContext(SCHEMA, 0, frozenset())))


@pytest.mark.parametrize(
    ("stage", "field"),
    [
        (MinHash(threshold=0.99, hashes=64), ("threshold",)),
        (MinHash(threshold=0.8, hashes=16), ("threshold",)),
        (MinHash(threshold=0.8, bands=14), ("bands",)),
        (MinHash(threshold=0.8, rows=8), ("rows",)),
        (MinHash(hashes=64), ("hashes",)),
    ],
)
def test_what_cannot_work_is_a_problem(stage: MinHash, field: tuple[str, ...]) -> None:
    (problem,) = check(stage)
    assert problem.field == field
    assert problem.hint


@pytest.mark.parametrize("stage", [Exact(), MinHash(), MinHash(threshold=0.8), MinHash(threshold=0.5, hashes=64)])
def test_what_works_is_no_problem(stage: Stage) -> None:
    assert check(stage) == []


@pytest.mark.parametrize(
    ("stage", "options"),
    [
        (Exact, {"normalise": "nfkc"}),
        (Exact, {"keep": "first"}),
        *((MinHash, option) for option in ({"ngram": 0}, {"bands": 0}, {"threshold": 1.0}, {"ngrams": 5})),
    ],
)
def test_bad_options_are_refused(stage: type[Stage], options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        stage.model_validate(options)


def test_a_solved_threshold_is_the_same_as_its_bands_and_rows() -> None:
    solved = MinHash(threshold=0.8, hashes=128)
    given = MinHash(bands=9, rows=13)
    assert MinHash(threshold=0.5).identity()["verify"] == 0.5
    assert solved.identity() == given.identity()
    assert solved.tap() == given.tap()
    assert solved.phases(3) == given.phases(3)
    assert MinHash(threshold=0.7).identity() != solved.identity()


def test_the_policy_is_no_matter_of_the_tap() -> None:
    """Another policy needs no second look at the text."""
    assert MinHash(keep="smallest_id").tap() == MinHash(keep="longest").tap()
    assert MinHash(keep="smallest_id").identity() != MinHash(keep="longest").identity()


def test_without_a_threshold_datasketch_is_not_loaded() -> None:
    code = (
        "import sys; from prep.stages.dedup.minhash.minhash import MinHash; "
        "s = MinHash(); s.identity(); s.tap(); s.phases(2); assert 'datasketch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_damaged_table_is_named(folder: Folder) -> None:
    place = folder()
    upstream = write_parts(place, Exact(), [[("a", "fog")]], batch_rows=10)
    Path(upstream.taps[0]).write_bytes(Path(upstream.taps[0]).read_bytes()[:-20])
    with pytest.raises(CorruptFileError, match=r"00000\.arrow"):
        run(Exact(), upstream, place)


def script(first: int, letters: int, length: int, mark: str, seed: int) -> str:
    """Return text of a script without blanks, a mark after every twenty letters."""
    drawn = np.random.default_rng(seed).integers(first, first + letters, length).tolist()
    return "".join(mark if place % 20 == 19 else chr(code) for place, code in enumerate(drawn))


def test_unusual_documents_are_matched_by_what_they_say(folder: Folder) -> None:
    """Nothing, few words, one word again and again, scripts without blanks, other case, marks and blanks, code."""
    text, chinese, thai = article(1, 200), script(0x4E00, 3000, 400, "。", 1), script(0x0E01, 46, 600, " ", 2)
    code = "\n".join(f"    if value_{line} == {line}:\n        call({line}, name_{line})" for line in range(60))
    kinds = {
        "blank": ["", "", " \n\t"],
        "few": ["one two three four", "One  two three four"],
        "marks": ["!!!"],
        "other marks": ["???"],
        "number": ["123"],
        "other number": ["124"],
        "spam": ["spam " * 500, "Spam " * 700],
        "text": [text, text.upper(), text.replace(" ", ", "), text.replace(" ", "\n"), text.replace(" ", "\u00a0")],
        "quoted": [article(2, 200), "> " + article(2, 200).replace(" ", "\n> ")],
        "spam before text": ["spam " * 500 + article(3, 200)],
        "text without": [article(3, 100)],
        "chinese": [chinese, chinese[:200] + "新" + chinese[200:], chinese.replace("。", "")],
        "other chinese": [script(0x4E00, 3000, 400, "。", 3)],
        "thai": [thai, thai[:300] + "กข" + thai[300:]],
        "code": [code, code.replace("    ", "\t"), f"{code}\n# end"],
        "other code": [code.replace("value", "number").replace("name", "place")],
    }
    documents: Part = [(f"{name} {row}", text) for name, texts in kinds.items() for row, text in enumerate(texts)]
    result = deduplicate(MinHash(keep="smallest_id", audit=0), [documents[::2], documents[1::2]], folder())
    assert result.rejected == {f"{name} {row}": f"{name} 0" for name in kinds for row in range(1, len(kinds[name]))}
