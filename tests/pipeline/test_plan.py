"""The plan: where it cuts, what fuses, what decides a fingerprint, what is refused before data moves."""

from pathlib import Path

import pytest

from prep.corpus.errors import ConfigurationError
from prep.pipeline import config, contract
from prep.pipeline.plan import GlobalStep, PassStep, Plan
from prep.pipeline.run import plan_for

from .conftest import WritePipeline

TEXTS = ["apple tree", "avocado", "bean", "a much longer document than the others"]
WHOLE: list[object] = ["shout", "one_per_letter", "short", "count", "needs"]


def planned(path: Path, *overrides: str) -> Plan:
    configuration, located = config.load(str(path), overrides)
    contract.check(configuration, located)
    return plan_for(configuration)


def refused(path: Path, *overrides: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        planned(path, *overrides)
    return str(caught.value).replace(f"{path.parent}/", "")


def test_cuts_at_global_stages_and_fuses_between(write_pipeline: WritePipeline) -> None:
    steps = planned(write_pipeline(WHOLE, TEXTS)).steps
    assert [step.title for step in steps] == ["read-shout", "one_per_letter", "short", "count", "needs"]
    first, dedup, second, count, needs = steps
    assert isinstance(first, PassStep)
    assert isinstance(second, PassStep)
    assert [tap.tap.name for tap in first.taps] == ["first-letter"]
    assert second.taps == ()
    assert [change.folder for change in second.changes] == [dedup.folder]
    assert second.previous == first.folder
    assert isinstance(count, GlobalStep)
    assert count.previous == second.folder
    assert count.waiting == ()
    assert isinstance(needs, GlobalStep)
    assert needs.artefacts == {"tokenizer": count.folder}


def test_deduplications_in_a_row_share_a_pass(write_pipeline: WritePipeline) -> None:
    steps = planned(write_pipeline(["one_per_letter", "one_per_letter"], TEXTS)).steps
    assert [step.title for step in steps] == ["read", "one_per_letter", "one_per_letter", "documents"]
    last = steps[-1]
    assert isinstance(last, PassStep)
    assert [change.folder for change in last.changes] == [steps[1].folder, steps[2].folder]
    second = steps[2]
    assert isinstance(second, GlobalStep)
    assert [change.folder for change in second.waiting if change.drops] == [steps[1].folder]


def test_a_stage_after_one_that_cuts_texts_works_on_a_pass_that_has_cut_them(write_pipeline: WritePipeline) -> None:
    steps = planned(write_pipeline(["one_per_letter", "beheaded", "one_per_letter"], TEXTS)).steps
    titles = ["read", "one_per_letter", "beheaded", "documents", "one_per_letter", "documents"]
    assert [step.title for step in steps] == titles
    first, cut = steps[0], steps[3]
    assert isinstance(first, PassStep)
    assert isinstance(cut, PassStep)
    assert [tap.tap.name for tap in first.taps] == ["first-letter", "first-letter"]
    assert [tap.tap.name for tap in cut.taps] == ["first-letter"]
    assert "head" in cut.schema.names


def test_rules_over_signals_need_no_pass_and_let_taps_through(write_pipeline: WritePipeline) -> None:
    stages: list[object] = ["signals", {"quality": {"recipe": "gopher"}}, "one_per_letter", "count"]
    steps = planned(write_pipeline(stages, TEXTS)).steps
    assert [step.title for step in steps] == ["read-signals", "quality", "one_per_letter", "documents", "count"]
    first, quality, dedup, last, _ = steps
    assert isinstance(first, PassStep)
    assert [tap.tap.name for tap in first.taps] == ["first-letter"]
    assert isinstance(last, PassStep)
    assert [each.folder for each in last.changes] == [quality.folder, dedup.folder]
    stages = ["signals", "one_per_letter", {"quality": {"recipe": "gopher"}}]
    steps = planned(write_pipeline(stages, TEXTS)).steps
    assert [step.title for step in steps] == ["read-signals", "one_per_letter", "quality", "documents"]
    judging = steps[2]
    assert isinstance(judging, GlobalStep)
    assert [change.folder for change in judging.waiting if change.drops] == [steps[1].folder]


def test_a_ranking_by_a_column_that_is_added_first_has_a_pass_before_it(write_pipeline: WritePipeline) -> None:
    exact: dict[str, object] = {"exact": {"origins": True}}
    stages: list[object] = [exact, {"top_share": {"score": "exact_cluster_size", "share": 0.5}}]
    steps = planned(write_pipeline(stages, TEXTS)).steps
    assert [step.title for step in steps] == ["read", "exact", "documents", "top_share", "documents"]
    first, between = steps[0], steps[2]
    assert isinstance(first, PassStep)
    assert isinstance(between, PassStep)
    assert [tap.tap.name for tap in first.taps] == ["exact"]
    assert [tap.tap.name for tap in between.taps] == ["score"]


def test_a_pipeline_of_documents_ends_with_a_pass(write_pipeline: WritePipeline) -> None:
    made = planned(write_pipeline(["shout"], TEXTS))
    assert [step.title for step in made.steps] == ["read-shout"]
    assert made.documents == made.steps[0]


def changed(path: Path, *overrides: str) -> list[str]:
    """Return the titles of the steps whose fingerprints an override changes."""
    before, after = planned(path), planned(path, *overrides)
    pairs = zip(before.steps, after.steps, strict=True)
    return [new.title for old, new in pairs if old.fingerprint != new.fingerprint]


def test_a_setting_changes_its_step_and_what_follows_from_it(write_pipeline: WritePipeline) -> None:
    path = write_pipeline(WHOLE, TEXTS)
    assert changed(path, "shout.mark=.") == ["read-shout", "one_per_letter", "short", "count", "needs"]
    assert changed(path, "short.most=5") == ["short", "count", "needs"]
    assert changed(path, "count.factor=2") == ["count", "needs"]
    for execution in ("workers=2", "batch_bytes=4096", "executor={kind: ray}", f"output={path.parent}/elsewhere"):
        assert changed(path, execution) == []


def test_content_decides_and_names_do_too(write_pipeline: WritePipeline, tmp_path: Path) -> None:
    path = write_pipeline(WHOLE, TEXTS)
    before = planned(path)
    (tmp_path / "in" / "0.jsonl").touch()
    assert planned(path) == before
    write_pipeline(WHOLE, [*TEXTS, "one more"])
    assert planned(path).steps[0].fingerprint != before.steps[0].fingerprint


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        (["extract"], "pipeline.yaml:6: stage 2 (extract): needs a column 'html' that no earlier stage makes"),
        (["needs"], "pipeline.yaml:6: stage 2 (needs): needs a 'tokenizer' that no earlier stage makes; put the stage"),
        ([{"read": {"paths": "x"}}], "pipeline.yaml:6: stage 2 (read): only the first stage can read documents"),
    ],
)
def test_what_cannot_work_is_found_before_data_moves(
    write_pipeline: WritePipeline, stages: list[object], message: str
) -> None:
    assert refused(write_pipeline(stages, TEXTS)).startswith(message)


def test_missing_and_empty_input_are_found(write_pipeline: WritePipeline) -> None:
    path = write_pipeline(["shout"], TEXTS)
    assert "pipeline.yaml:5: stage 1 (read): 'no/such/*.gz' matches no file" in refused(
        path, "read.paths=no/such/*.gz"
    ).replace("--set read.paths=no/such/*.gz", "pipeline.yaml:5")
    (path.parent / "in" / "0.jsonl").write_bytes(b"")
    assert "the input is empty" in refused(path)


def test_the_first_stage_must_read(write_pipeline: WritePipeline) -> None:
    path = write_pipeline(["shout"], TEXTS)
    text = path.read_text()
    path.write_text(text[: text.index("- read:")] + "- shout\n")
    assert "stage 1 (shout): the first stage must read documents" in refused(path)


def test_outputs_that_nothing_can_be_written_to_are_refused(write_pipeline: WritePipeline) -> None:
    message = refused(write_pipeline(["shout"], TEXTS), "output=https://example.org/run")
    assert "output; expected a folder, or a URL of s3://" in message
    assert "seen https://" in message
