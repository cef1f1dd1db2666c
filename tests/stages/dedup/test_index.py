"""The index of earlier crawls: two in a row against both at once, settings, generations, kills."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prep.corpus.arrow.documents import DATE, ID, TEXT
from prep.corpus.errors import CorruptFileError, RunError
from prep.corpus.files.storage import read_json
from prep.stages.dedup.deduplication import EXTEND, Deduplication
from prep.stages.dedup.exact import Exact
from prep.stages.dedup.index import Index
from prep.stages.dedup.minhash.minhash import MinHash
from prep.stages.stage import CheckContext
from prep.stages.upstream import GlobalContext

from .driving import POEM, Part, article, deduplicate, run, write_parts

DATED = pa.schema([ID, TEXT, DATE])
THRESHOLDS = st.sampled_from([None, 0.5])


def at(folder: Path, crawl: str) -> Index:
    return Index(folder=str(folder / "index"), crawl=crawl)


def chained(count: int, seed: int) -> list[str]:
    """Return texts of which each shares most with a few others, so that clusters grow by transitivity."""
    rng = np.random.default_rng(seed)
    words = article(seed, 80).split()
    texts = []
    for _ in range(count):
        start = int(rng.integers(0, 40))
        texts.append(" ".join(words[start : start + 40]))
    return texts


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(2, 16), cut=st.integers(0, 16), verify=THRESHOLDS)
def test_two_crawls_in_a_row_keep_what_both_at_once_keep(
    seed: int, count: int, cut: int, verify: float | None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("crawls")
    texts = chained(count, seed)
    names = np.random.default_rng(seed).permutation(count)
    rows = [(f"id{names[row]:02d}", text, f"2024-01-{row + 1:02d}") for row, text in enumerate(texts)]
    first, second = rows[:cut], rows[cut:]
    stage = MinHash(keep="earliest", bands=8, rows=2, ngram=3, verify=verify, audit=0)
    whole = deduplicate(stage, [rows], folder / "whole", schema=DATED)
    kept: set[str] = set()
    for crawl, part in (("one", first), ("two", second)):
        indexed = stage.model_copy(update={"index": at(folder, crawl)})
        kept |= deduplicate(indexed, [part[::2], part[1::2]], folder / crawl, schema=DATED).kept
    assert kept == whole.kept


@pytest.mark.parametrize("stage", [Exact(), MinHash(keep="longest")])
def test_earlier_crawls_win_and_are_named(stage: Deduplication, tmp_path: Path) -> None:
    longer = POEM + " " if isinstance(stage, Exact) else POEM + " again"
    crawls: list[Part] = [
        [("b", POEM), ("z", POEM)],
        [("a", longer), ("c", article(0))],
        [("d", article(0)), ("e", POEM)],
    ]
    lost = []
    for number, crawl in enumerate(crawls):
        indexed = stage.model_copy(update={"index": at(tmp_path, f"crawl-{number}")})
        lost.append(deduplicate(indexed, [crawl], tmp_path / str(number)).rejected)
    assert lost == [{"z": "b"}, {"a": "b"}, {"d": "c", "e": "b"}]


def test_a_crawl_run_again_takes_its_own_place_and_one_with_followers_is_refused(tmp_path: Path) -> None:
    def stage(crawl: str) -> Exact:
        return Exact(index=at(tmp_path, crawl))

    deduplicate(stage("one"), [[("a", "fog")]], tmp_path / "1")
    identity = stage("two").identity()
    for _ in range(2):
        result = deduplicate(stage("two"), [[("b", "fog"), ("c", "cat")]], tmp_path / "2")
        assert (result.kept, result.rejected) == ({"c"}, {"b": "a"})
        assert stage("two").identity() == identity
    deduplicate(stage("two"), [[("d", "fog")]], tmp_path / "3")
    crawls = read_json(str(tmp_path / "index/index.json"))["crawls"]
    assert isinstance(crawls, list)
    assert [crawl["name"] for crawl in crawls] == ["one", "two"]
    assert len(list((tmp_path / "index/segments").iterdir())) == 2
    deduplicate(stage("one"), [[("a", "fog")]], tmp_path / "1")
    with pytest.raises(RunError, match=r"compared with the crawls \[\], but the index now holds \['one', 'two'\]"):
        deduplicate(stage("one"), [[("a", "cat")]], tmp_path / "4")


def problems(stage: Deduplication) -> list[str]:
    return [str(problem) for problem in stage.problems(CheckContext(DATED, 0, frozenset()))]


def test_other_settings_and_damage_are_refused(tmp_path: Path) -> None:
    deduplicate(MinHash(index=at(tmp_path, "one")), [[("a", POEM)]], tmp_path / "1")
    assert problems(MinHash(index=at(tmp_path, "two"), keep="smallest_id", memory=1 << 26)) == []
    assert "expected ngram 5" in problems(MinHash(index=at(tmp_path, "two"), ngram=4))[0]
    assert "expected stage minhash" in "".join(problems(Exact(index=at(tmp_path, "two"))))
    hashes = next((tmp_path / "index/segments").rglob("*-013.arrow"))
    hashes.unlink()
    assert "the index is damaged" in problems(MinHash(index=at(tmp_path, "two")))[0]
    assert "or a shared file system" in problems(Exact(index=Index(folder="s3://bucket/index", crawl="one")))[0]


def test_a_changed_byte_of_the_index_is_noticed_before_it_is_compared_with(tmp_path: Path) -> None:
    deduplicate(Exact(index=at(tmp_path, "one")), [[("a", "fog")]], tmp_path / "1")
    victim = next((tmp_path / "index/segments").rglob("*-documents.arrow"))
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.unlink()  # it may be a second name of a file of the run
    victim.write_bytes(data)
    with pytest.raises(CorruptFileError, match="holds other bytes than were written"):
        deduplicate(Exact(index=at(tmp_path, "two")), [[("b", "fog")]], tmp_path / "2")
    (tmp_path / "index/index.json").write_text('{"format": 1}')
    with pytest.raises(CorruptFileError, match=r"is no index \(KeyError: 'crawls'\)"):
        problems(Exact(index=at(tmp_path, "two")))


def test_an_index_that_changed_meanwhile_is_not_extended(tmp_path: Path) -> None:
    stage = Exact(index=at(tmp_path, "two"))
    stage.identity()
    upstream = write_parts(tmp_path / "2", stage, [[("b", "fog")]], batch_rows=10)
    deduplicate(Exact(index=at(tmp_path, "one")), [[("a", "fog")]], tmp_path / "1")
    with pytest.raises(RunError, match="run again under a new crawl name"):
        run(stage, upstream, tmp_path / "2")


EXTENDING = """
import sys, pickle
stage, context = pickle.loads(bytes.fromhex(sys.argv[1]))
print("ready", flush=True)
while True:
    stage.run("extend", 0, context)
"""


def test_killed_while_it_is_extended_the_index_is_whole(tmp_path: Path) -> None:
    """A process extends it over and over, by one crawl and by another in its place, and is killed five times."""
    import pickle

    deduplicate(Exact(index=at(tmp_path, "one")), [[("a", "fog")]], tmp_path / "1")
    works = []
    for number, text in enumerate(("cat", "dog")):
        place = tmp_path / f"2-{number}"
        stage = Exact(index=at(tmp_path, "two"))
        parts: list[Part] = [[(f"b{part}", f"{text} {part or ''}"), (f"c{part}", "fog")] for part in range(8)]
        deduplicate(stage, parts, place)
        upstream = write_parts(place, stage, parts, batch_rows=10)
        works.append((stage, GlobalContext(upstream, str(place / "output"), str(place / "scratch"))))
    for kill in range(5):
        argument = pickle.dumps(works[kill % 2]).hex()
        worker = subprocess.Popen([sys.executable, "-c", EXTENDING, argument], stdout=subprocess.PIPE)
        assert worker.stdout is not None
        worker.stdout.readline()
        time.sleep(0.013 * kill)
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
        worker.stdout.close()
        assert problems(Exact(index=at(tmp_path, "three"))) == []
        follower = Exact(index=at(tmp_path, "two"))
        assert [crawl.name for crawl in follower.crawls] == ["one"]
    stage, context = works[0]
    stage.run(EXTEND, 0, context)
    third = Exact(index=at(tmp_path, "three"))
    assert deduplicate(third, [[("x", "fog"), ("y", "cat"), ("z", "dog")]], tmp_path / "3").kept == {"z"}
    assert sorted(path.name[:3] for path in (tmp_path / "index/segments").iterdir()) == ["one", "thr", "two"]
