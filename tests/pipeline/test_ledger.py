"""The ledger's sums."""

import pytest

from prep.corpus.errors import LedgerError
from prep.pipeline.results.ledger import Ledger, PassCounts, Truncation, add, from_json, to_json
from prep.stages.results import Counts

READ = Counts(10, 7, {"empty": 2}, {"bad_utf8": 1})


def test_counts_add_up_by_rule() -> None:
    total = add([READ, Counts(5, 3, {"empty": 1, "a": 1})])
    assert total == Counts(15, 10, {"a": 1, "empty": 3}, {"bad_utf8": 1})
    assert list(total.rejected) == ["a", "empty"]
    assert from_json(to_json(total)) == total


def test_a_balanced_ledger_stands() -> None:
    passes = [PassCounts("read-short", -1, 1, 10, 6)]
    ledger = Ledger(
        ["read", "short"],
        [READ, Counts(7, 6, {"long": 1})],
        [Truncation("x#3", 40, "cut"), Truncation("y@0", None, "")],
        passes,
    )
    ledger.verify()
    assert ledger.as_json() == {
        "stages": [
            {"name": "read", "in": 10, "kept": 7, "rejected": {"empty": 2}, "failed": {"bad_utf8": 1}},
            {"name": "short", "in": 7, "kept": 6, "rejected": {"long": 1}, "failed": {}},
        ],
        "passes": [{"step": "read-short", "read": 10, "written": 6}],
        "truncated": [
            {"record": "x#3", "missing_bytes": 40, "detail": "cut"},
            {"record": "y@0", "missing_bytes": None, "detail": ""},
        ],
    }
    assert list(map(str, ledger.truncated)) == [
        "x#3: 40 bytes are missing (cut)",
        "y@0: how much is missing cannot be known",
    ]


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (Counts(7, 7, {"long": 1}), r"stage 2 \(short\): 7 documents in, but 7 kept \+ 1 lost"),
        (Counts(6, 6), r"stage 2 \(short\): 6 documents in, but stage 1 \(read\) kept 7"),
    ],
)
def test_a_document_that_is_not_accounted_for_stops_the_run(second: Counts, message: str) -> None:
    with pytest.raises(LedgerError, match=message):
        Ledger(["read", "short"], [READ, second]).verify()


@pytest.mark.parametrize(("read", "written"), [(9, 6), (10, 7), (10, 0)])
def test_documents_in_files_that_are_not_those_counted_stop_the_run(read: int, written: int) -> None:
    passes = [PassCounts("read-short", -1, 1, read, written)]
    with pytest.raises(LedgerError, match=f"step read-short: {read} documents read and {written} written, but stages"):
        Ledger(["read", "short"], [READ, Counts(7, 6, {"long": 1})], passes=passes).verify()
