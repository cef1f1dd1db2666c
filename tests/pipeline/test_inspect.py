"""Documents followed through a run, and two runs compared: one run and a variation of it, looked at from many sides."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from prep.pipeline import config, contract
from prep.pipeline.comparing.comparison import Setting, compare, settings_between
from prep.pipeline.comparing.page import comparison_page
from prep.pipeline.inspecting.differences import differences
from prep.pipeline.inspecting.following import Story, follow
from prep.pipeline.inspecting.stories import print_story
from prep.pipeline.plan import Plan
from prep.pipeline.reports.page.markup import element
from prep.pipeline.reports.progress import Progress
from prep.pipeline.reports.terminal import Terminal
from prep.pipeline.run import plan_for, run
from prep.stages.catalogue import STAGES

from .conftest import MADE
from .test_cli import call

DOCUMENTS = {
    "kept": "Alpha  went to sea.",
    "letter": "Alpha came second.",
    "long": "Bravo stayed where it was. " * 4,
    "hidden": "Charlie\u200b was \x1b[31mred. <script>alert(1)</script>",
    "cut": "Delta.",
    "broken": "Echo: BREAK",
}
STAGES_OF = [{"short": {"most": 60}}, "repair", "shout", "one_per_letter", "beheaded"]
Run = tuple[Path, config.Configuration, Plan]


def pipeline(folder: Path, output: str, most: int) -> Path:
    read = {"read": {"paths": str(folder / "in.jsonl")}}
    stages = [read, {"short": {"most": most}}, *STAGES_OF[1:]]
    path = folder / f"{output}.yaml"
    path.write_text(yaml.safe_dump({"output": str(folder / output), "workers": 1, "stages": stages}))
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two runs over the same documents: `one`, and `two` with another threshold."""
    folder = tmp_path_factory.mktemp("runs")
    rows = [
        orjson.dumps({"id": name, "text": text, "url": f"https://e.org/{name}"}) for name, text in DOCUMENTS.items()
    ]
    (folder / "in.jsonl").write_bytes(b"\n".join(rows))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, "STAGES", {**STAGES, **MADE})
        for output, most in (("one", 60), ("two", 200)):
            configuration, located = config.load(str(pipeline(folder, output, most)))
            contract.check(configuration, located)
            run(configuration, Progress(Terminal(quiet=True)))
        yield folder


@pytest.fixture
def stories(made: Path) -> dict[str, Story]:
    configuration, _ = config.load(str(made / "one.yaml"))
    return {story.id: story for story in follow(plan_for(configuration), configuration, [*DOCUMENTS, "unknown"])}


def test_every_stage_says_what_it_did(stories: dict[str, Story]) -> None:
    assert set(stories) == set(DOCUMENTS)
    kept = stories["kept"]
    assert [visit.stage for visit in kept.visits] == ["read", "short", "repair", "shout", "one_per_letter", "beheaded"]
    assert kept.url == "https://e.org/kept"
    assert {visit.fate for visit in kept.visits} == {"kept"}
    assert kept.visits[3].columns["loud"] == "ALPHA  WENT TO SEA.!"
    assert (kept.visits[5].before, kept.visits[5].after) == ("Alpha  went to sea.", "lpha  went to sea.")
    assert kept.visits[5].columns["head"] == "A"


def test_a_loss_has_its_rule_and_its_text(stories: dict[str, Story]) -> None:
    loss = stories["long"].visits[-1]
    assert (loss.stage, loss.fate, loss.rule, loss.value) == ("short", "rejected", "too_long", 108.0)
    assert stories["long"].text == DOCUMENTS["long"]
    same = stories["letter"].visits[-1]
    assert (same.stage, same.fate, same.rule, same.before) == (
        *("one_per_letter", "rejected", "same_letter"),
        DOCUMENTS["letter"],
    )
    broken = stories["broken"].visits[-1]
    assert (broken.stage, broken.fate, broken.rule) == ("shout", "failed", "ValueError")


def test_a_source_that_is_gone_leaves_what_the_run_recorded(
    made: Path, monkeypatch: pytest.MonkeyPatch, stories: dict[str, Story]
) -> None:
    configuration, _ = config.load(str(made / "one.yaml"))
    planned = plan_for(configuration)
    source = made / "in.jsonl"
    source.rename(made / "away.jsonl")
    try:
        found = {story.id: story for story in follow(planned, configuration, ["kept", "long"])}
    finally:
        (made / "away.jsonl").rename(source)
    assert "cannot be read again" in found["kept"].remark
    assert found["kept"].visits[-1] == stories["kept"].visits[-1]
    assert (found["long"].visits[-1].rule, found["long"].text) == ("too_long", None)


def test_stories_fit_a_terminal_and_steer_none(stories: dict[str, Story], capsys: pytest.CaptureFixture[str]) -> None:
    console = Terminal(width=80)
    for story in stories.values():
        print_story(console, story)
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    assert "\x1b" not in shown
    assert "- Charlie\\u200b was \\x1b[31mred." in shown
    assert "rejected by too_long, value 108" in shown


def test_the_command_finds_documents_by_id_url_text_rule_and_stage(
    made: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(made / "one.yaml")
    for arguments, expected in (
        (("--id", "long", "--json"), ["long"]),
        (("--url", "http://www.e.org/cut/", "--json"), ["cut"]),
        (("--search", "STAYED where", "--json"), ["long"]),
        (("--search", "lph", "--json"), ["kept", "letter"]),
        (("--search", "nowhere", "--json"), []),
    ):
        status, out, err = call(monkeypatch, capsys, "inspect", path, *arguments)
        assert (status, err) == (0, "")
        assert sorted(each["id"] for each in json.loads(out)["documents"]) == expected
    status, out, _ = call(monkeypatch, capsys, "inspect", path, "--stage", "short", "--json")
    assert [each["text"] for each in json.loads(out)["rejected by short: too_long"]] == [DOCUMENTS["long"]]
    status, out, _ = call(monkeypatch, capsys, "inspect", path, "--rule", "same_letter")
    assert "Alpha came second." in out
    status, _, err = call(monkeypatch, capsys, "inspect", path, "--rule", "same_leter")
    assert status == 1
    assert "--rule same_leter: no document was lost by it; did you mean 'same_letter'?" in err
    status, _, err = call(monkeypatch, capsys, "inspect", path, "--stage", "sort")
    assert "--stage sort: no such stage; did you mean 'short'?" in err


def test_a_comparison_says_what_changed_sides(made: Path) -> None:
    found = compare(str(made / "one"), str(made / "two"))
    assert [(move.before, move.after, move.documents) for move in found.moves] == [("short: too_long", "kept", 1)]
    assert [(each.id, each.before) for each in found.moves[0].samples] == [("long", None)]
    assert (found.texts_changed, found.kept_by_both) == (0, 3)
    counts = {stage.stage: (stage.before, stage.after) for stage in found.funnel}
    assert [each and each.kept for each in counts["short"]] == [5, 6]
    configurations = [config.load(str(made / name))[0] for name in ("one.yaml", "two.yaml")]
    assert settings_between(*configurations) == (Setting("short.most", "60", "200"),)
    one, _ = configurations
    fewer = replace(one, stages=one.stages[:1])
    lost = [each for each in settings_between(one, fewer) if each.name.startswith("short")]
    assert lost == [Setting("short", "there", ""), Setting("short.most", "60", "")], "its defaults say nothing"


def test_texts_that_changed_are_shown_with_their_differences(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = pipeline(made, "three", 60)
    value = yaml.safe_load(path.read_text())
    value["stages"] = [stage for stage in value["stages"] if stage != "repair"]
    path.write_text(yaml.safe_dump(value))
    assert call(monkeypatch, capsys, "run", str(path))[0] == 0
    arguments = ("diff", str(made / "one.yaml"), str(path))
    status, out, err = call(monkeypatch, capsys, *arguments)
    assert (status, err) == (0, "")
    assert "Texts that changed: 1 of 3 documents" in out
    assert "repair: there → left out" in out
    assert "\x1b[31m" not in out
    assert "+ harlie\\u200b was \\x1b[31mred." in out
    page = tmp_path / "diff.html"
    assert call(monkeypatch, capsys, *arguments, "--html", str(page))[0] == 0
    assert "<script>alert" not in page.read_text()
    assert "http" not in page.read_text().replace("https://e.org", "")
    assert "<ins>" in page.read_text()
    _, out, _ = call(monkeypatch, capsys, *arguments, "--json")
    assert json.loads(out)["texts_changed"] == 1
    assert out.isascii(), "characters that steer a terminal are escaped"


def test_a_comparison_of_a_run_with_itself_is_empty(made: Path) -> None:
    found = compare(str(made / "one"), str(made / "one"))
    assert (found.moves, found.texts_changed) == ((), 0)
    assert "Every document met the same fate" in comparison_page(found, "one", "one")


def test_a_page_turns_no_text_around() -> None:
    shown = element("p", "gnp.\u202egepj \u2067b\u2069 \x1b[1m שלום").html
    assert shown == "<p>gnp.\\u202egepj \\u2067b\\u2069 \u241b[1m שלום</p>"


@given(st.text(alphabet="ab .\n。", max_size=60), st.text(alphabet="ab .\n。", max_size=60))
def test_differences_hold_what_goes_and_what_comes(before: str, after: str) -> None:
    found = differences(before, after)
    assert bool(found) == (before != after)
    for kind, text in (("removed", before), ("added", after)):
        for each in found:
            if each.kind == kind:
                assert each.text in text
