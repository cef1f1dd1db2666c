"""Mistakes that people make in a configuration and on the command line, and what they are answered."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from prep.corpus.closeness import listed, nearest
from prep.corpus.errors import ConfigurationError
from prep.exports.format import ExportSettings
from prep.exports.formats.catalogue import open_format
from prep.pipeline import readiness
from prep.pipeline.config import RayExecutor, SlurmExecutor
from prep.pipeline.located import read_yaml
from prep.stages.settings import size_of

from .conftest import WritePipeline
from .test_cli import call

READ = "- read: {paths: in/*.jsonl}"
MISTAKES: dict[str, tuple[str, list[str]]] = {
    "a number out of bounds where several types are taken": (
        f"output: o\nstages:\n{READ}\n- language: {{threshold: 1.5}}",
        [
            "p.yaml:4: stage 2 (language): option 'threshold'; expected less than or equal to 1 or names with values, "
            "seen 1.5"
        ],
    ),
    "one value for a list": (
        f"output: o\nstages:\n{READ}\n- language: {{keep: en}}",
        ["p.yaml:4: stage 2 (language): option 'keep'; expected a list, seen 'en'; write [en]"],
    ),
    "numbers as people write them": (
        f"output: o\nstages:\n{READ}\n- minhash: {{threshold: '0,8', ngram: 5K}}\n- tokenizer: {{vocabulary: 32k}}",
        [
            "p.yaml:4: stage 2 (minhash): option 'ngram'; expected a whole number, seen '5K'; write 5000",
            "p.yaml:4: stage 2 (minhash): option 'threshold'; expected a number, seen '0,8'; write 0.8",
            "p.yaml:5: stage 3 (tokenizer): option 'vocabulary'; expected a whole number, seen '32k'; write 32000",
        ],
    ),
    "a key without a value": (
        f"output:\nstages:\n{READ}",
        ["p.yaml:1: option 'output'; expected text, seen nothing"],
    ),
    "a share in per cent": (
        f"output: o\nstages:\n{READ}\n- minhash: {{threshold: 80%}}",
        ["p.yaml:4: stage 2 (minhash): option 'threshold'; expected a number, seen '80%'; write 0.8"],
    ),
    "stage for stages": (f"output: o\nstage:\n{READ}", ["p.yaml:2: unknown option 'stage'; did you mean 'stages'?"]),
    "outputs for output": (
        f"outputs: o\nstages:\n{READ}",
        ["p.yaml:1: unknown option 'outputs'; did you mean 'output'?"],
    ),
    "several at once, by line": (
        f"output: o\nworker: 2\nstages:\n{READ}\n- minhsah\n- langauge: {{kep: [en]}}\nbatchbytes: 3",
        [
            "p.yaml:2: unknown option 'worker'; did you mean 'workers'?",
            "p.yaml:5: stage 2: unknown stage 'minhsah'; did you mean 'minhash'?",
            "p.yaml:6: stage 3: unknown stage 'langauge'; did you mean 'language'?",
            "p.yaml:7: unknown option 'batchbytes'; did you mean 'batch_bytes'?",
        ],
    ),
    "an item indented otherwise": (
        f"output: o\nstages:\n{READ}\n - extract",
        [
            "p.yaml:4: not valid YAML: this line begins at column 2, what it follows on line 1 at column 1; indent "
            "both alike, by spaces"
        ],
    ),
    "options not indented": (
        "output: o\nstages:\n- read:\n  paths: in/*.jsonl\n",
        [
            "p.yaml:3: stage 1; expected a stage's name, or one name with its options below it, seen the keys read, "
            "paths; indent 'paths' deeper than 'read', as its option"
        ],
    ),
    "stages without dashes": (
        "output: o\nstages:\n  read: {paths: in/*.jsonl}\n  signals:\n",
        ["p.yaml:2: 'stages' must be a list; seen the keys read, signals; write '- read'"],
    ),
    "two stages behind one dash": (
        "output: o\nstages:\n- read: {paths: in/*.jsonl}\n  signals:\n",
        [
            "p.yaml:3: stage 1; expected a stage's name, or one name with its options below it, seen the keys read, "
            "signals; write '- ' before each stage: '- signals'"
        ],
    ),
    "one column for two things": (
        "output: o\nstages:\n- read: {paths: in/*.jsonl, text_column: id}",
        [
            "p.yaml:3: stage 1 (read): text_column and id_column are both 'id'; set id_column to another, such as one "
            "that is not there"
        ],
    ),
    "a tab": (f"output: o\nstages:\n\t{READ}", ["p.yaml:3: not valid YAML: a tab; YAML is indented by spaces"]),
    "a quotation mark too few": (
        'output: o\nstages:\n- read: {paths: "in/*.jsonl}',
        ["p.yaml:3: not valid YAML: a quotation mark on line 3 that is not closed"],
    ),
    "a bracket too few": (
        f"output: o\nstages:\n{READ}\n- language: {{keep: [en, de}}",
        ["p.yaml:4: not valid YAML: a '[' on line 4 that is not closed, or a ',' that is missing"],
    ),
    "a colon in a value": (
        f"output: o\ntitle: corpus: mine\nstages:\n{READ}",
        [
            "p.yaml:2: not valid YAML: a ':' where none can be: the line is indented deeper than the one above, or "
            "the value needs quotes"
        ],
    ),
    "an executor": (
        f"output: o\nexecutor: slrm\nstages:\n{READ}",
        ["p.yaml:2: option 'executor'; expected local, ray or slurm, seen 'slrm'; did you mean 'slurm'?"],
    ),
    "an option of an executor": (
        f"output: o\nexecutor: {{kind: slurm, partitio: x}}\nstages:\n{READ}",
        [
            "p.yaml:2: option 'executor.partition' is missing",
            "p.yaml:2: unknown option 'executor.partitio'; did you mean 'partition'?",
        ],
    ),
    "an option of a group": (
        f"output: o\nwarnings: {{rejectedshare: 0.5}}\nstages:\n{READ}",
        ["p.yaml:2: unknown option 'warnings.rejectedshare'; did you mean 'rejected_share'?"],
    ),
    "a word for a number": (
        f"output: o\nstages:\n{READ}\n- minhash: {{ngram: five, bands: -2}}",
        [
            "p.yaml:4: stage 2 (minhash): option 'ngram'; expected a whole number, seen 'five'",
            "p.yaml:4: stage 2 (minhash): option 'bands'; expected greater than or equal to 1, seen -2",
        ],
    ),
    "a choice": (
        f"output: o\nstages:\n{READ}\n- minhash: {{keep: longst}}",
        ["did you mean 'longest'?"],
    ),
    "a size": (
        f"output: o\nbatch_bytes: 20 potatoes\nstages:\n{READ}",
        [
            "p.yaml:2: option 'batch_bytes'; expected a size in bytes, such as 20000000, 20MB or 20MiB, seen "
            "'20 potatoes'"
        ],
    ),
    "a recipe": (
        f"output: o\nstages:\n{READ}\n- signals\n- quality: {{recipe: gophr}}",
        ["recipe gophr: neither a file nor a recipe that is shipped; did you mean 'gopher'?"],
    ),
    "a rule": (
        f"output: o\nstages:\n{READ}\n- signals\n- quality: {{recipe: gopher, rules: {{shrt_doc: {{min: 3}}}}}}",
        ["the recipe has no rule 'shrt_doc'; did you mean 'short_doc'?; a new one needs a signal, and min or max"],
    ),
    "no first stage": (
        "output: o\nstages:\n- minhash",
        ["p.yaml:3: stage 1 (minhash): the first stage must read documents; expected read, seen minhash"],
    ),
    "sources as names with values": (
        "output: o\nstages:\n- read: {sources: {web: in/*.jsonl}}",
        [
            "p.yaml:3: stage 1 (read): option 'sources'; expected a list, seen {'web': 'in/*.jsonl'}; write a list: "
            "'- {name: web, paths: in/*.jsonl}' for each"
        ],
    ),
    "sources as names with options": (
        "output: o\nstages:\n- read:\n    sources:\n      web: {paths: in/*.jsonl}\n      books: {paths: b.txt}",
        ["write a list: '- {name: web, …}' for each"],
    ),
    "sources as paths": (
        "output: o\nstages:\n- read: {sources: [in/*.jsonl]}",
        ["option 'sources.0'; expected names with values, seen 'in/*.jsonl'; write {name: NAME, paths: in/*.jsonl}"],
    ),
    "one item for a list of them": (
        f"output: o\nstages:\n{READ}\n- sample: {{buckets: {{at_least: 3, weight: 2}}}}",
        ["write a list: '- ' before 'at_least', as its first item"],
    ),
    "a value in the place of options": (
        "output: o\nstages:\n- read: [in/*.jsonl]\n- signals: true\n- exact: false\n- quality: gopher",
        [
            "p.yaml:3: stage 1 (read): wrong type; expected options as 'name: value' pairs, seen ['in/*.jsonl']; name "
            'the options, as in - read: {paths: "crawl/*.warc.gz"}',
            "seen True; write '- signals' alone",
            "seen False; leave the stage out",
            "seen 'gopher'; name the options, as in - quality: {recipe: fineweb",
        ],
    ),
    "a stage beside the list of stages": (
        "output: o\nread: {paths: in/*.jsonl}\nstages:\n- exact",
        ["p.yaml:2: 'read' is a stage, no option of the run; write '- read' below 'stages'"],
    ),
    "words that YAML takes for something else": (
        f"output: o\ntitle: 2024\ncard: {{licence: no}}\nexecutor: {{kind: slurm, partition: cpu, time: 8:00:00}}\n"
        f"stages:\n{READ}\n- language: {{keep: [no]}}",
        [
            "p.yaml:2: option 'title'; expected text, seen 2024; YAML reads it as a number or date; put it in quotes",
            "option 'card.licence'; expected text, seen False; YAML reads no, off and false as a truth value; put the",
            "option 'executor.time'; expected text, seen 28800; YAML reads it as a number or date; put it in quotes",
            "option 'keep.0'; expected text, seen False; YAML reads no, off and false as a truth value; put the word",
        ],
    ),
    "times and large numbers": (
        f"output: ''\nhang_seconds: 10m\nstorage: {{timeout_seconds: 1.5 h}}\nworkers: 1e3\nbatch_bytes: 1e99999\n"
        f"stages:\n{READ}\n- minhash: {{ngram: '1,000'}}",
        [
            "p.yaml:1: option 'output'; expected text that is not empty, seen ''",
            "option 'hang_seconds'; expected a number, seen '10m'; write 600",
            "option 'storage.timeout_seconds'; expected a number, seen '1.5 h'; write 5400",
            "option 'workers'; expected a whole number, seen '1e3'; write 1000",
            "option 'batch_bytes'; expected a size in bytes",
            "option 'ngram'; expected a whole number, seen '1,000'; write 1000",
        ],
    ),
    "names that are a part of what is meant": (
        "output: o\nstages:\n- read: {paths: in/*.jsonl, text: body, format: jsonlines}\n- filter_language\n- dedup",
        [
            "seen 'jsonlines'; did you mean 'jsonl'?",
            "unknown option 'text'; did you mean 'text_column'?",
            "unknown stage 'filter_language'; did you mean 'language'?",
            "more; 'prep stages' explains them",
        ],
    ),
    "a stage that is missing": (
        f"output: o\nstages:\n{READ}\n- pack",
        ["p.yaml:4: stage 2 (pack): needs a 'tokenizer' that no earlier stage makes; put the stage 'tokenizer' before"],
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_a_configuration_is_named_with_its_line_and_what_was_meant(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text, expected = MISTAKES[name]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jsonl").write_text('{"id": "a", "text": "a text"}\n')
    (tmp_path / "p.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    status, out, err = call(monkeypatch, capsys, "check", "p.yaml")
    assert (status, out) == (2, "")
    lines = err.removeprefix("error: ").splitlines()
    assert len(lines) == len(expected)
    for line, words in zip(lines, expected, strict=True):
        assert words in line
        assert len(line) < 300, "a message does not fill a screen"


def test_mistakes_are_in_the_order_of_lines_whatever_the_file_is_called(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "my file: 9.yaml").write_text(MISTAKES["several at once, by line"][0])
    monkeypatch.chdir(tmp_path)
    _, _, err = call(monkeypatch, capsys, "check", "my file: 9.yaml")
    assert [line.split(":")[2] for line in err.removeprefix("error: ").splitlines()] == ["2", "5", "6", "7"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run", "--executor", "slrm"], "--executor slrm: option 'executor'; expected local, ray or slurm"),
        (["run", "--workers", "0"], "--workers 0: option 'workers'; expected greater than or equal to 1, seen 0"),
        (["check", "--set", "shot.mark=1"], "--set shot.mark=1: no option or stage 'shot' here; did you mean 'shout'?"),
        (["check", "--set", "shout.mark"], "--set shout.mark: expected name=value, such as minhash.ngram=8"),
    ],
)
def test_a_mistake_on_the_command_line_is_blamed_on_what_was_typed(
    arguments: list[str],
    expected: str,
    write_pipeline: WritePipeline,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command, *flags = arguments
    status, _, err = call(monkeypatch, capsys, command, str(write_pipeline(["shout"], ["a"])), *flags)
    assert status == 2
    assert expected in err


def test_a_file_of_another_encoding_is_named_as_such(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "p.yaml").write_bytes(f"output: o\nstages:\n{READ}\n".encode("utf-16"))
    status, _, err = call(monkeypatch, capsys, "check", str(tmp_path / "p.yaml"))
    assert status == 2
    assert "p.yaml: expected text in UTF-8, seen the byte 0xff at position 0; save it as UTF-8" in err


def test_names_are_found_by_commands_too(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, expected in (
        (["stages", "minhsh"], "unknown stage 'minhsh'; did you mean 'minhash'?"),
        (["recipes", "gophr"], "did you mean 'gopher'?"),
    ):
        status, _, err = call(monkeypatch, capsys, *arguments)
        assert status == 2
        assert expected in err


def test_another_executor_on_the_command_line_takes_the_place_of_the_configured_one(
    write_pipeline: WritePipeline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_pipeline(["shout"], ["a"], executor={"kind": "slurm", "partition": "cpu"})
    assert call(monkeypatch, capsys, "run", str(path), "--executor", "local")[0] == 0
    monkeypatch.setattr("shutil.which", lambda _: None)
    _, _, err = call(monkeypatch, capsys, "run", str(path), "--executor", "slurm", "--set", "shout.mark=x")
    assert "executor slurm needs the command sbatch" in err


def test_check_tries_the_executor_and_the_output(
    write_pipeline: WritePipeline,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    path = write_pipeline(["shout"], ["a"])
    _, _, err = call(monkeypatch, capsys, "check", str(path), "--set", "output=/proc/mine")
    assert "--set output=/proc/mine: output; expected a folder that can be written, seen /proc: " in err
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    with monkeypatch.context() as patched:
        patched.setattr("numba.config.CACHE_DIR", str(shared))
        assert f"NUMBA_CACHE_DIR={shared}: " in call(monkeypatch, capsys, "check", str(path))[2]
    executor = "executor={kind: slurm, partition: cpu}"
    monkeypatch.setattr("shutil.which", lambda _: None)
    _, _, err = call(monkeypatch, capsys, "check", str(path), "--set", executor)
    assert "executor slurm needs the command sbatch, which is not on this machine" in err
    commands = tmp_path / "commands"
    commands.mkdir()
    for name, answer in (("sbatch", ""), ("sinfo", "gpu\nlong")):
        (commands / name).write_text(f"#!/bin/sh\nprintf '{answer}\n'")
        (commands / name).chmod(0o755)
    monkeypatch.undo()
    monkeypatch.setenv("PATH", str(commands), prepend=":")
    assert next(readiness._slurm_problems(SlurmExecutor(kind="slurm", partition="cpu"))).expected == (
        "one of gpu, long"
    )
    monkeypatch.setattr(readiness, "find_spec", lambda _: None)
    assert "needs the package ray" in str(next(readiness._ray_problems(RayExecutor(kind="ray"))))


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("20MB", 20_000_000),
        ("20 MiB", 20 << 20),
        ("1.5k", 1500),
        ("64K", 64_000),
        ("2g", 2 * 10**9),
        ("1_000", 1000),
        ("1e6", 10**6),
    ],
)
def test_sizes_are_written_as_people_write_them(written: str, size: int) -> None:
    assert size_of(written) == size
    assert size_of(size) == size


def test_a_format_to_export_to_is_found_by_what_is_like_it() -> None:
    with pytest.raises(ConfigurationError, match=r"unknown format 'megatorn'; .*; did you mean 'megatron'\?"):
        open_format("megatorn", ExportSettings())


def test_what_is_like_a_name() -> None:
    assert nearest("MinHsh", ["exact", "minhash"]) == "minhash"
    assert nearest("qqq", ["exact", "minhash"]) is None
    assert listed(map(str, range(200))).endswith("10, 11 and 188 more")


def test_environment_variables_are_replaced_in_what_is_used_alone() -> None:
    located = read_yaml("p.yaml", "output: ${HERE}/x", {"HERE": "/mine"})
    assert located.value == {"output": "/mine/x"}
    assert located.written == {"output": "${HERE}/x"}


def test_a_terminal_of_another_encoding_shows_escapes(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "prep.pipeline.entry", "check", f"{tmp_path}/中文.yaml"]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONIOENCODING": "ascii"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {tmp_path}/\\u4e2d\\u6587.yaml: no such file")
