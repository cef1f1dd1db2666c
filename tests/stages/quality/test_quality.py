"""The stage that judges: verdicts, bitmaps, what rules cost, what it reads, and what it refuses."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prep.corpus.arrow.documents import DocumentWriter
from prep.corpus.files.storage import read_arrow, write_arrow
from prep.stages.quality.account import NEAREST, SAMPLES
from prep.stages.quality.clean_lines import CleanLines
from prep.stages.quality.costs import FILE, Amount, RuleCost, read_costs
from prep.stages.quality.judge import columns
from prep.stages.quality.quality import COST, JUDGE, Quality
from prep.stages.quality.recipe import LanguageChange, RuleChange
from prep.stages.quality.signals.signals import Signals
from prep.stages.results import Counts
from prep.stages.stage import CheckContext, RowStage
from prep.stages.upstream import GlobalContext, Upstream

from ..contract import run_task
from .conftest import documents, run

OWN = {
    "few_words": RuleChange(signal="words", min=3),
    "many_words": RuleChange(signal="words", max=6),
    "long_words": RuleChange(signal="mean_word_length", max=4),
}
TEXTS = ["one two three", "one", "four five six seven", "extraordinarily", "a b c d e f g", "", "one two three"]


def own(tmp_path: Path, **settings: object) -> Quality:
    (tmp_path / "own.yaml").write_text("{}")
    return Quality(recipe=str(tmp_path / "own.yaml"), **{"rules": OWN, **settings})


def upstream(tmp_path: Path, parts: Sequence[pa.RecordBatch], drops: Sequence[Sequence[bool]] = ()) -> GlobalContext:
    paths, lost = [], []
    for number, part in enumerate(parts):
        paths.append(str(tmp_path / f"{number}.parquet"))
        with DocumentWriter(paths[-1], part.schema) as writer:
            writer.write(part)
        if drops:
            lost.append((str(tmp_path / f"{number}.arrow"),))
            write_arrow(lost[-1][0], pa.table({"drop": pa.array(drops[number], pa.bool_())}))
    return GlobalContext(Upstream(tuple(paths), (), tuple(lost)), str(tmp_path / "out"), str(tmp_path / "scratch"))


def judge_all(stage: Quality, context: GlobalContext) -> list[Counts]:
    counts = [run_task(stage, JUDGE, part, context) for part in range(len(context.upstream.parts))]
    assert run_task(stage, COST, 0, context) is None
    assert all(each is not None for each in counts)
    return [each for each in counts if each is not None]


def rejected(context: GlobalContext) -> list[tuple[str, str, float, str]]:
    """Return id, rule, value and threshold of what the first part lost."""
    rows = pq.read_table(f"{context.output}/rejected/00000.parquet").to_pylist()
    return [(row["id"], row["rule"], row["value"], row["detail"]) for row in rows]


def dropped(context: GlobalContext) -> list[bool]:
    rows: list[bool] = read_arrow(f"{context.output}/drops/00000.arrow").column("drop").to_pylist()
    return rows


def cost(context: GlobalContext, rule: str) -> RuleCost:
    return next(each for each in read_costs(f"{context.output}/{FILE}").rules if each.name == rule)


def test_documents_are_rejected_by_the_first_rule_with_value_and_threshold(tmp_path: Path) -> None:
    context = upstream(tmp_path, [run([Signals()], documents(TEXTS))])
    counts = judge_all(own(tmp_path), context)
    assert dropped(context) == [False, True, False, True, True, True, False]
    assert rejected(context) == [
        ("1", "few_words", 1, "min 3"),
        ("3", "few_words", 1, "min 3"),
        ("4", "many_words", 7, "max 6"),
        ("5", "few_words", 0, "min 3"),
    ]
    assert counts == [Counts(7, 3, {"few_words": 3, "many_words": 1})]


def test_costs_are_counted_in_all_alone_and_first(tmp_path: Path) -> None:
    context = upstream(tmp_path, [run([Signals()], documents(TEXTS))])
    judge_all(own(tmp_path), context)
    few, long = cost(context, "few_words"), cost(context, "long_words")
    assert few.all == few.first == Amount(documents=3, bytes=18)
    assert few.alone == Amount(documents=2, bytes=3)
    assert [each.documents for each in (long.all, long.alone, long.first)] == [1, 0, 0]
    costs = read_costs(f"{context.output}/{FILE}")
    assert costs.entered == Amount(documents=7, bytes=sum(map(len, TEXTS)))
    assert costs.kept == Amount(documents=3, bytes=13 + 19 + 13)


def test_taking_out_a_rule_gives_back_what_it_rejects_alone(tmp_path: Path) -> None:
    context = upstream(tmp_path, [run([Signals()], documents(TEXTS))])
    judge_all(own(tmp_path), context)
    alone = {name: cost(context, name).alone.documents for name in OWN}
    for name in OWN:
        others = {other: rule for other, rule in OWN.items() if other != name}
        (counts,) = judge_all(own(tmp_path, rules=others), context)
        assert counts.kept == 3 + alone[name]


def test_costs_by_language_and_source(tmp_path: Path) -> None:
    batch = run([Signals()], documents(TEXTS))
    batch = batch.append_column("language", pa.array(["en", "en", "fr", "fr", "fr", None, None]))
    context = upstream(tmp_path, [batch.append_column("source", pa.array(["a"] * 4 + ["b"] * 3))])
    judge_all(own(tmp_path, languages={"fr": LanguageChange(rules={"few_words": None})}), context)
    few = {(each.language, each.source): each.all.documents for each in cost(context, "few_words").groups}
    assert few == {("en", "a"): 1, (None, "b"): 1}
    groups = read_costs(f"{context.output}/{FILE}").groups
    assert [(each.language, each.source, each.entered.documents, each.kept.documents) for each in groups] == [
        (None, "b", 2, 1),
        ("en", "a", 2, 1),
        ("fr", "a", 2, 1),
        ("fr", "b", 1, 0),
    ]


def test_samples_are_those_whose_fate_hangs_on_the_rule(tmp_path: Path) -> None:
    texts = [" ".join(["word"] * number) for number in range(300)]
    stage = own(tmp_path, rules={"few_words": RuleChange(signal="words", min=150)})
    judge_all(stage, context := upstream(tmp_path, [run([Signals()], documents(texts))]))
    few = cost(context, "few_words")
    for samples, values in ((few.rejected, range(150 - NEAREST, 150)), (few.passed, range(150, 150 + NEAREST))):
        assert len(samples) == SAMPLES
        assert all(each.value in values and each.threshold == 150 for each in samples)
        assert [each.distance for each in samples] == sorted(each.distance for each in samples)
    near = [(each.id, each.bound, each.rejected) for each in stage.near(context.output, "few_words")]
    assert near == [
        *((each.id, "min", True) for each in few.rejected),
        *((each.id, "min", False) for each in few.passed),
    ]
    assert not list(stage.near(context.output, "no_such_rule"))
    judge_all(own(tmp_path, rules={"few_words": RuleChange(signal="words", min=150)}, seed=2), context)
    assert cost(context, "few_words").passed != few.passed


def test_parts_and_row_groups_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = run([Signals()], documents(TEXTS * 30))
    stage = own(tmp_path)
    judge_all(stage, whole := upstream(tmp_path, [batch]))
    (tmp_path / "cut").mkdir()
    judge_all(stage, cut := upstream(tmp_path / "cut", [batch.slice(0, 100), batch.slice(100)]))
    assert read_costs(f"{whole.output}/{FILE}") == read_costs(f"{cut.output}/{FILE}")
    monkeypatch.setattr("prep.corpus.arrow.documents.ROW_GROUP_ROWS", 7)
    (tmp_path / "groups").mkdir()
    judge_all(stage, groups := upstream(tmp_path / "groups", [batch]))
    assert pq.ParquetFile(groups.upstream.parts[0]).num_row_groups == 30
    assert dropped(groups) == dropped(whole)
    assert read_costs(f"{groups.output}/{FILE}") == read_costs(f"{whole.output}/{FILE}")


def test_documents_lost_before_are_not_judged(tmp_path: Path) -> None:
    lost = [True, True, False, False, False, False, False]
    context = upstream(tmp_path, [run([Signals()], documents(TEXTS))], [lost])
    assert judge_all(own(tmp_path), context) == [Counts(5, 2, {"few_words": 2, "many_words": 1})]
    assert dropped(context) == [False, False, False, True, True, True, False]
    assert [row[0] for row in rejected(context)] == ["3", "4", "5"]
    assert read_costs(f"{context.output}/{FILE}").entered.documents == 5


def test_it_reads_no_column_but_those_of_its_rules(tmp_path: Path) -> None:
    batch = run([Signals(), CleanLines()], documents(TEXTS, "en"))
    rules = list(own(tmp_path).resolved.rules.values())
    assert columns(rules, batch.schema) == [
        *("id", "language", "signals.words", "signals.mean_word_length", "signals.bytes")
    ]
    assert columns(rules[:1], batch.schema) == ["id", "language", "signals.words", "signals.bytes"]


def test_a_part_whose_text_is_damaged_is_judged_all_the_same(tmp_path: Path) -> None:
    """The proof that no byte of text is read."""
    texts = ["".join(map(chr, np.random.default_rng(1).integers(97, 123, 9_000))) + f" {row}" for row in range(99)]
    context = upstream(tmp_path, [run([Signals()], documents(texts))])
    part = Path(context.upstream.parts[0])
    metadata = pq.read_metadata(part).row_group(0)
    (text,) = (
        metadata.column(at) for at in range(metadata.num_columns) if metadata.column(at).path_in_schema == "text"
    )
    content = bytearray(part.read_bytes())
    start = text.dictionary_page_offset or text.data_page_offset
    content[start : start + text.total_compressed_size] = b"x" * text.total_compressed_size
    part.write_bytes(content)
    (counts,) = judge_all(own(tmp_path, rules={"few_words": RuleChange(signal="words", min=3)}), context)
    assert (counts.entered, counts.kept) == (99, 0)


def test_an_empty_part_works(tmp_path: Path) -> None:
    context = upstream(tmp_path, [run([Signals()], documents(TEXTS)).slice(0, 0)])
    assert judge_all(own(tmp_path), context) == [Counts()]
    assert dropped(context) == []


def check(stage: Quality, *before: RowStage) -> list[str]:
    schema = pa.schema([pa.field("id", pa.string()), pa.field("text", pa.large_string())])
    for each in before:
        schema = each.output_schema(schema)
    return [str(problem) for problem in stage.problems(CheckContext(schema, 0, frozenset(), tuple(before)))]


def test_signals_that_nobody_measures_are_a_problem() -> None:
    assert check(Quality(recipe="fineweb"), Signals(), CleanLines()) == []
    (problem,) = check(Quality(recipe="fineweb"), Signals())
    assert "cleaned_lorem_ipsum_lines" in problem
    assert problem.endswith("put the stage 'clean_lines' before it")
    (problem,) = check(Quality(recipe="fineweb"), CleanLines())
    assert problem.endswith("put the stage 'signals' before it")


def test_stop_words_and_cleaning_of_another_recipe_are_problems() -> None:
    (problem,) = check(Quality(recipe="fineweb2"), Signals())
    assert problem.endswith("set 'signals: {recipe: fineweb2}'")
    assert check(Quality(recipe="fineweb2"), Signals(recipe="fineweb2")) == []
    (problem,) = check(Quality(recipe="c4"), CleanLines())
    assert "expected 'clean_lines' with terminal_punctuation: true, seen false" in problem
    assert check(Quality(recipe="c4"), CleanLines(terminal_punctuation=True)) == []


def test_recipes_and_rules_that_cannot_work_are_problems() -> None:
    assert "neither a file nor a recipe that is shipped" in check(Quality(recipe="nosuch"), Signals())[0]
    (problem,) = check(Quality(recipe="gopher", rules={"new": RuleChange(min=1)}), Signals())
    assert problem == "the recipe has no rule 'new'; a new one needs a signal, and min or max"


def test_identity_is_the_rules_and_not_where_they_were_written() -> None:
    changed = Quality(recipe="gopher", rules={"short_doc": RuleChange(min=50)})
    assert changed.identity() == Quality(recipe="gopher").identity()
    changed = Quality(recipe="gopher", rules={"short_doc": RuleChange(min=60)})
    assert changed.identity()["rules"]["short_doc"] == {"signal": "plain_words", "min": 60.0}  # type: ignore[index]


def test_not_a_number_is_not_judged() -> None:
    assert np.isnan(Quality(recipe="fineweb2").resolved.rules["long_words"].thresholds(["en"])).all()
