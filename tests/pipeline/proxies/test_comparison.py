"""`prep compare`: one comparison of two small corpora, looked at from all sides; what is refused; what is read."""

import json
import shutil
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from prep.corpus.errors import ConfigurationError
from prep.corpus.shards.shards import ShardReader
from prep.pipeline.cli import app
from prep.pipeline.monitor.opening import output_of
from prep.pipeline.proxies import held_out
from prep.pipeline.proxies.answer import CompareAnswer
from prep.pipeline.proxies.held_out import cut, sets_by_name
from prep.pipeline.proxies.settings import ProxySettings
from prep.pipeline.proxies.tasks import TaskItem, read_task
from prep.tokenizers.encoding.encode import open_tokenizer

from .conftest import SMALL, WriteCorpus, made_texts, shuffled


class Compared(NamedTuple):
    arguments: list[str]
    folder: Path
    output: str
    answer: CompareAnswer


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory, write_corpus: WriteCorpus) -> Compared:
    folder = tmp_path_factory.mktemp("comparison")
    texts = made_texts(70, 1)
    sources = ["river" if number % 2 else "stone" for number in range(70)]
    whole = [(f"d{number}", source, text) for number, (source, text) in enumerate(zip(sources, texts, strict=True))]
    plain = write_corpus("plain", whole)
    other = write_corpus("shuffled", [(key, source, shuffled(text, 3)) for key, source, text in whole])
    given = made_texts(12, 9)
    (folder / "given.txt").write_text("\n".join(given))
    copied = write_corpus("copied", [*whole, ("copy", "stone", given[0])])
    questions = [{"question": "river stone", "choices": ["winter", "garden keeper"], "answer": 0}] * 3
    (folder / "task.jsonl").write_text("\n".join(map(json.dumps, [*questions, {"prompt": "a ", "completion": "b"}])))
    arguments = [
        *("compare", str(plain), str(other), str(copied), "--output", str(folder / "out"), *SMALL),
        *("--on", f"given={folder}/given.txt", "--task", f"quiz={folder}/task.jsonl"),
    ]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    answer = CompareAnswer.model_validate_json((folder / "out" / "comparison.json").read_bytes())
    return Compared(arguments, folder / "out", done.output, answer)


def test_every_corpus_is_measured_on_the_same_text(compared: Compared) -> None:
    answer = compared.answer
    assert [corpus.name for corpus in answer.corpora] == ["plain", "shuffled", "copied"]
    names = {each.name for each in answer.sets}
    assert {"given", "quiz", "river (plain)", "river (shuffled)", "stone (copied)"} <= names
    for line in answer.lines:
        assert set(line.values) == {"plain", "shuffled", "copied"}
        assert all(len(values) == 2 and min(values) >= 0 for values in line.values.values())
        assert [each.corpus for each in line.differences] == ["shuffled", "copied"]
    assert answer.lines[0].kind == "all"
    assert answer.cost.tokens == answer.cost.steps * 4 * 32
    assert answer.comparisons == 2 * len(answer.lines)
    assert len(answer.verdict) == 2


def test_what_is_held_out_is_in_no_corpus(compared: Compared) -> None:
    held = set(pq.read_table(compared.folder / "held-out" / "all.parquet")["id"].to_pylist())
    assert len(held) >= 5
    for corpus in (compared.folder / "corpora").iterdir():
        kept = set(pq.read_table(corpus / "documents")["id"].to_pylist())
        assert kept
        assert not kept & held
    tokenizer = open_tokenizer(str(compared.folder / "tokenizer" / "tokenizer"))
    shards = ShardReader(str(compared.folder / "corpora" / "02-copied" / "shards" / "train"))
    learnt = " ".join(tokenizer.decode(shards.ids(row).tolist()) for row in range(len(shards)))
    assert made_texts(12, 9)[0][:80] not in learnt  # it stands in a file that was given, too
    assert compared.answer.corpora[2].overlapping == 1


def test_corpora_that_come_to_the_same_share_their_proxies(compared: Compared) -> None:
    answer = compared.answer
    assert answer.cost.proxies == 4  # of six: `copied` without the copy is `plain`
    for line in answer.lines:
        assert line.values["plain"] == line.values["copied"]
        assert line.differences[1].verdict == "level"
    assert answer.verdict[1].startswith("no difference between copied and plain")


def test_a_run_that_was_killed_ends_with_the_same_bytes(compared: Compared) -> None:
    before = {name: (compared.folder / name).read_bytes() for name in ("comparison.json", "comparison.html")}
    first, second, *_ = sorted((compared.folder / "proxies").glob("*/trained.json"))
    shutil.rmtree(first.parent)
    second.unlink()
    for path in second.parent.glob("te*.json"):
        path.unlink()
    (compared.folder / "comparison.json").unlink()
    again = [*compared.arguments[: compared.arguments.index("--workers")], "--workers", "2"]
    again += compared.arguments[compared.arguments.index("--workers") + 2 :]
    done = CliRunner().invoke(app, again, catch_exceptions=False)
    assert "2 proxies to train" in done.output
    assert {name: (compared.folder / name).read_bytes() for name in before} == before


def test_the_page_needs_nothing_but_itself(compared: Compared) -> None:
    page = (compared.folder / "comparison.html").read_text()
    for part in ("Verdict", "Method", "Cost", "river (plain)", "Fisher 1935", *compared.answer.verdict):
        assert part.replace("'", "&#x27;") in page or part in page
    assert "http" not in page.replace("http://www.w3.org", "")


def test_the_terminal_shows_the_verdict_and_json_the_answer(compared: Compared) -> None:
    flat = " ".join(compared.output.split())
    assert all(sentence in flat for sentence in compared.answer.verdict)
    again = CliRunner().invoke(app, [*compared.arguments, "--json"], catch_exceptions=False)
    assert CompareAnswer.model_validate_json(again.stdout) == compared.answer


def test_the_cost_is_printed_without_a_run(compared: Compared) -> None:
    printed = CliRunner().invoke(app, [*compared.arguments, "--dry-run"], catch_exceptions=False)
    assert printed.output.startswith("6 proxies to train, 8 steps of 128 tokens each")
    as_json = CliRunner().invoke(app, [*compared.arguments, "--dry-run", "--json"], catch_exceptions=False)
    assert json.loads(as_json.stdout)["cost"].startswith("6 proxies to train, 8 steps of 128 tokens each")


def test_more_tokens_than_a_corpus_has_are_refused(compared: Compared) -> None:
    result = CliRunner().invoke(app, [*compared.arguments, "--tokens", "10M"])
    assert result.exit_code == 1
    assert "expected enough text for 10,000,000 tokens" in str(result.exception)


def test_passages_say_their_language_where_it_is_identified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_corpus: WriteCorpus
) -> None:
    given = [{"text": "the bridge " * 250}]
    (tmp_path / "given.jsonl").write_text("\n".join(map(json.dumps, given)))
    pipeline = write_corpus("single", [("a", "b", "c")])
    assert CliRunner().invoke(app, ["run", str(pipeline)], catch_exceptions=False).exit_code == 0
    monkeypatch.setattr(held_out, "_languages", lambda texts: ["en" for _ in texts])
    for identify, expected in ((False, {"unknown"}), (True, {"en"})):
        settings = ProxySettings(held_out=0, identify_languages=identify)
        files = {"given": [str(tmp_path / "given.jsonl")]}
        found = held_out.hold_out({"single": output_of(str(pipeline))}, files, {}, settings, str(tmp_path / "held"))
        assert set(found.texts[0].languages) == expected


def test_sets_are_named_after_their_files() -> None:
    assert sets_by_name(["books=a/*.txt", "books=b.txt", "/data/news.jsonl.gz"]) == {
        "books": ["a/*.txt", "b.txt"],
        "news": ["/data/news.jsonl.gz"],
    }
    with pytest.raises(ConfigurationError, match="expected NAME=FILES"):
        sets_by_name(["=a.txt"])


def test_passages_hold_all_of_a_text() -> None:
    text = "one two three\n" * 1000
    passages = list(cut(text))
    assert len(passages) > 4
    assert all(len(passage) <= 3000 for passage in passages)
    assert "\n".join(passages).split() == text.split()
    assert list(cut("x" * 7000)) == ["x" * 3000, "x" * 3000, "x" * 1000]
    assert list(cut(" \n ")) == []


def test_tasks_are_read_in_their_usual_forms(tmp_path: Path) -> None:
    path = tmp_path / "task.jsonl"
    records = [
        {"question": "Up or", "choices": ["down", "under"], "answer": "B"},
        {"query": "Left or", "options": ["right", "wrong"], "answer": "right"},
        {"question": "Hot or", "choices": {"text": ["cold", "warm"], "label": ["1", "2"]}, "answer": "2"},
        {"context": "Salt and ", "endings": ["pepper", "sand"], "label": "0"},
        {"prompt": "Day and ", "completion": "night"},
    ]
    path.write_text("\n".join(map(json.dumps, records)))
    assert list(read_task(str(path))) == [
        TaskItem("Up or ", ("down", "under"), 1),
        TaskItem("Left or ", ("right", "wrong"), 0),
        TaskItem("Hot or ", ("cold", "warm"), 1),
        TaskItem("Salt and ", ("pepper", "sand"), 0),
        TaskItem("Day and ", ("night",), 0),
    ]


@pytest.mark.parametrize(
    ("record", "seen"),
    [
        ({"question": "x", "choices": ["a", "b"], "answer": 2}, "seen 2"),
        ({"question": "x", "choices": ["a"], "answer": 0}, "two or more"),
        ({"text": "x"}, "seen the fields text"),
        ({"prompt": "x", "completion": " "}, "without completion"),
    ],
)
def test_what_is_no_task_is_named(tmp_path: Path, record: dict[str, object], seen: str) -> None:
    path = tmp_path / "task.jsonl"
    path.write_text(json.dumps(record))
    with pytest.raises(ConfigurationError, match="record 0") as error:
        list(read_task(str(path)))
    assert seen in str(error.value)
