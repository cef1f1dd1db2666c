"""The stage `tokenizer`: what it refuses at check time, and runs over parts, drops and broken-off runs."""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import get_args

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from prep.corpus.arrow.documents import TEXT
from prep.corpus.errors import Problem, RunError
from prep.corpus.files.storage import write_arrow
from prep.stages.stage import CheckContext, Phase
from prep.stages.tokenizer.tokenizer import TrainTokenizer
from prep.stages.upstream import GlobalContext, Upstream
from prep.tokenizers.encoding.encode import open_tokenizer
from prep.tokenizers.training.train import Kind

RANDOM = Random(0)
SYLLABLES = [consonant + vowel for consonant in "bdfgklmnprst" for vowel in "aeiou"]
WORDS = ["".join(RANDOM.choices(SYLLABLES, k=RANDOM.randint(1, 4))) for _ in range(300)]
DOCUMENTS = [(f"page-{index}", " ".join(RANDOM.choices(WORDS, k=40))) for index in range(200)]
SMALL = TrainTokenizer(vocabulary=400, sample_bytes=20_000)

Documents = Sequence[tuple[str, str | None]]


def write_part(path: Path, documents: Documents, rows: int = 10) -> None:
    ids, texts = zip(*documents, strict=True) if documents else ((), ())
    table = pa.table({"id": pa.array(ids, pa.string()), "text": pa.array(texts, pa.large_string())})
    pq.write_table(table, path, row_group_size=rows)


def run(
    stage: TrainTokenizer,
    folder: Path,
    parts: Sequence[Documents],
    drops: Sequence[Sequence[bool]] = (),
    rows: int = 10,
) -> dict[str, bytes]:
    """Run all tasks, the parts' last first, and return the files made."""
    folder.mkdir()
    paths, bitmaps = [], []
    for number, documents in enumerate(parts):
        paths.append(str(folder / f"{number:05d}.parquet"))
        write_part(Path(paths[-1]), documents, rows)
    for number, drop in enumerate(drops):
        bitmaps.append((str(folder / f"{number:05d}.arrow"),))
        write_arrow(bitmaps[-1][0], pa.table({"drop": pa.array(drop)}))
    context = GlobalContext(
        Upstream(tuple(paths), drops=tuple(bitmaps)), str(folder / "output"), str(folder / "scratch")
    )
    for phase in stage.phases(len(parts)):
        for task in reversed(range(phase.tasks)):
            stage.run(phase.name, task, context)
    return {file.name: file.read_bytes() for file in (folder / "output").iterdir()}


def check(stage: TrainTokenizer, input_bytes: int = 1_000_000) -> list[Problem]:
    return list(stage.problems(CheckContext(pa.schema([TEXT]), input_bytes, frozenset())))


def test_samples_each_part_then_trains() -> None:
    phases = Phase("look", 3), Phase("choose", 1), Phase("draw", 3), Phase("count", 4), Phase("train", 1)
    assert TrainTokenizer().phases(parts=3) == phases
    assert Phase("count", 1) in TrainTokenizer(sample_bytes="1MB").phases(parts=3), "one task for 25 MB"
    assert len(TrainTokenizer(kind="sentencepiece_bpe").phases(parts=3)) == 4, "which counts by itself"
    assert TrainTokenizer(existing="gpt2").phases(parts=3) == (Phase("take", 1),)


@pytest.mark.parametrize("kind", ["bpe", "sentencepiece_bpe", "sentencepiece_unigram"])
def test_the_tokenizer_does_not_depend_on_how_documents_are_split(kind: str, tmp_path: Path) -> None:
    stage = TrainTokenizer.model_validate({"kind": kind, "vocabulary": 330, "sample_bytes": 20_000})
    whole = run(stage, tmp_path / "whole", [DOCUMENTS])
    split = run(stage, tmp_path / "split", [DOCUMENTS[150:], [], DOCUMENTS[:150]], rows=7)
    assert whole == split
    card = json.loads(whole["card.json"])
    assert card["settings"]["kind"] == kind
    (stratum,) = card["sample"]
    assert 20_000 <= stratum["drawn_bytes"] < 21_000
    assert (stratum["documents"], stratum["bytes"]) == (200, sum(len(text) for _, text in DOCUMENTS))
    tokenizer = open_tokenizer(str(tmp_path / "whole" / "output"))
    assert tokenizer.vocabulary == 330
    assert {token: tokenizer.token_bytes[index] for token, index in card["control_tokens"].items()} == dict.fromkeys(
        card["control_tokens"], b""
    )


def test_dropped_documents_are_not_drawn(tmp_path: Path) -> None:
    noise = [(f"noise-{index}", "zzzz qqqq " * 40) for index in range(100)]
    mixed = [document for pair in zip(DOCUMENTS[:100], noise, strict=True) for document in pair]
    without = run(SMALL, tmp_path / "without", [DOCUMENTS[:100]])
    dropped = run(SMALL, tmp_path / "dropped", [mixed[:60], mixed[60:]], [[False, True] * 30, [False, True] * 70])
    assert without == dropped
    assert b"zzzz" in run(SMALL, tmp_path / "kept", [mixed])["tokenizer.json"]


def test_long_documents_are_cut_and_documents_without_text_are_not_drawn(tmp_path: Path) -> None:
    stage = TrainTokenizer(vocabulary=300, sample_bytes=100_000, document_bytes=50)
    documents: Documents = [("null", None), ("empty", ""), *DOCUMENTS]
    card = json.loads(run(stage, tmp_path / "run", [documents])["card.json"])
    counts = {"documents": 200, "bytes": 200 * 50, "drawn_documents": 200, "drawn_bytes": 200 * 50}
    counts |= {"held_out_documents": 0, "held_out_bytes": 0}
    assert card["sample"] == [{"source": "", "language": "", **counts}]
    assert card["dropped_pretokens"] == 0


def test_the_card_judges_the_tokenizer_on_documents_outside_the_sample(tmp_path: Path) -> None:
    files = run(SMALL, tmp_path / "run", [DOCUMENTS[:120], DOCUMENTS[120:]])
    card = json.loads(files["card.json"])
    evaluation, (stratum,) = card["evaluation"], card["sample"]
    assert evaluation["on"] == "held out"
    assert (evaluation["documents"], evaluation["bytes"]) == (stratum["held_out_documents"], stratum["held_out_bytes"])
    assert stratum["drawn_bytes"] + evaluation["bytes"] == stratum["bytes"]
    tokenizer = open_tokenizer(str(tmp_path / "run" / "output"))
    assert evaluation["tokens"] < sum(len(tokenizer.encode(text)) for _, text in DOCUMENTS)
    assert evaluation["bytes_per_token"] == round(evaluation["bytes"] / evaluation["tokens"], 4)
    assert evaluation["failures"] == 0
    assert evaluation["sources"] == evaluation["languages"]
    assert "speed" not in str(card)
    few = TrainTokenizer(vocabulary=400, sample_bytes=20_000, held_out_bytes=1000)
    evaluation = json.loads(run(few, tmp_path / "few", [DOCUMENTS])["card.json"])["evaluation"]
    assert 1000 <= evaluation["bytes"] < 2000


def test_without_documents_outside_the_sample_it_is_judged_on_the_sample_and_the_card_says_so(tmp_path: Path) -> None:
    stage = TrainTokenizer(vocabulary=400, sample_bytes=1_000_000)
    card = json.loads(run(stage, tmp_path / "all", [DOCUMENTS])["card.json"])
    assert (card["evaluation"]["on"], card["evaluation"]["documents"]) == ("the sample", 200)
    unjudged = TrainTokenizer(vocabulary=400, held_out_bytes=0)
    assert "evaluation" not in json.loads(run(unjudged, tmp_path / "unjudged", [DOCUMENTS])["card.json"])


def test_a_vocabulary_that_the_sample_does_not_hold_is_an_error_with_the_hint(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"set vocabulary to \d+ or less, or give more text"):
        run(TrainTokenizer(vocabulary=30_000), tmp_path / "run", [DOCUMENTS])


def test_no_documents_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no text to train a tokenizer on"):
        run(SMALL, tmp_path / "run", [[], []])


def test_a_vocabulary_larger_than_the_input_or_the_sample_supports_is_a_problem() -> None:
    (problem,) = check(TrainTokenizer(vocabulary=32_000), input_bytes=5000)
    assert str(problem) == (
        "the input of 5000 bytes is too small for this vocabulary; expected at most 2758, seen 32000; "
        "lower it, or give more text"
    )
    assert problem.field == ("vocabulary",)
    (problem,) = check(TrainTokenizer(vocabulary=32_000, sample_bytes=60_000))
    assert (problem.expected, problem.hint) == ("at most 30258", "lower it, or raise sample_bytes")


def test_an_input_too_small_for_any_vocabulary_says_what_would_work() -> None:
    (problem,) = check(TrainTokenizer(vocabulary=2000), input_bytes=57)
    assert (problem.expected, problem.hint) == ("a larger input", "give more text, or take a tokenizer that exists")
    (problem,) = check(TrainTokenizer(vocabulary=2000), input_bytes=400)
    assert problem.hint == "lower it, or give more text"
    assert check(TrainTokenizer(vocabulary=int(str(problem.expected).split()[-1])), input_bytes=400) == []


@pytest.mark.parametrize("kind", get_args(Kind))
def test_what_a_short_text_holds_is_no_problem(kind: Kind, test_data: Path, tmp_path: Path) -> None:
    """Compressed, as the input may be, it is shortest; and the fewer the words, the more tokens for each byte."""
    text = (test_data / "books" / "carroll-alice.txt").read_text()[5000:7000]
    size = len(gzip.compress(text.encode()))
    with pytest.raises(RunError, match="at most") as caught:
        run(TrainTokenizer(kind=kind, vocabulary=50_000), tmp_path / "run", [[("page", text)]])
    largest = int(str(caught.value).split("at most ")[1].split()[0])
    assert check(TrainTokenizer(kind=kind, vocabulary=max(largest, 300)), size) == []


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"kind": "bpe", "character_coverage": 0.99}, "character_coverage"),
        ({"kind": "sentencepiece_unigram", "pre_tokenizer": "llama3"}, "pre_tokenizer"),
    ],
)
def test_options_that_the_kind_does_not_use_are_problems(options: dict[str, object], field: str) -> None:
    (problem,) = check(TrainTokenizer.model_validate(options))
    assert problem.field == (field,)
    options.pop(field)
    assert check(TrainTokenizer.model_validate(options)) == []


@pytest.mark.parametrize(
    "options",
    [{"vocabulary": 100}, {"kind": "wordpiece"}, {"pre_tokenizer": "bert"}, {"sample_bytes": 1 << 50}, {"vocab": 1000}],
)
def test_bad_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TrainTokenizer.model_validate(options)


def test_the_vocabulary_is_filled_with_reserved_tokens(tmp_path: Path) -> None:
    stage = TrainTokenizer(vocabulary=400, multiple=64, reserved=2, special_tokens=("<|user|>",), sample_bytes=20_000)
    card = json.loads(run(stage, tmp_path / "run", [DOCUMENTS])["card.json"])
    assert open_tokenizer(str(tmp_path / "run" / "output")).vocabulary == 448
    assert len(card["control_tokens"]) == 2 + 1 + 2 + 48
    assert list(card["control_tokens"])[2:4] == ["<|user|>", "<|reserved_0|>"]


def test_an_existing_tokenizer_is_taken_instead(tmp_path: Path) -> None:
    run(SMALL, tmp_path / "made", [DOCUMENTS])
    made = tmp_path / "made" / "output"
    stage = TrainTokenizer(existing=str(made))
    assert check(stage) == []
    files = run(stage, tmp_path / "taken", [DOCUMENTS])
    assert files["tokenizer.json"] == (made / "tokenizer.json").read_bytes()
    assert stage.files() == {
        "existing": str(made / "tokenizer.json"),
        "existing: tokenizer_config.json": str(made / "tokenizer_config.json"),
    }
    (problem,) = check(TrainTokenizer(existing=str(made), vocabulary=500))
    assert problem.field == ("vocabulary",)
    (problem,) = check(TrainTokenizer(existing=str(tmp_path / "nothing")))
    assert "there is no tokenizer" in str(problem)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"vocabulary": 65_500}, "would take four bytes in shards"),
        ({"vocabulary": 65_499, "multiple": 64}, "expected at most 65472, or more than 65536, seen 65536, the next"),
        ({"pattern": "a+?"}, "text cannot be cut by this pattern: a lazy"),
        ({"language_weights": {"de": 2}}, "put the stage 'language' before it"),
        ({"special_tokens": ("<|endoftext|>",)}, "a token that there is already"),
        ({"vocabulary": 300, "reserved": 100}, "leaves no tokens to be learnt"),
    ],
)
def test_what_cannot_work_is_told_with_the_hint(options: dict[str, object], reason: str) -> None:
    (problem,) = check(TrainTokenizer.model_validate(options))
    assert reason in str(problem)
