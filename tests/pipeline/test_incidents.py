"""Libraries that crash or hang: the run goes on without the one document, and accounts for it."""

import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prep.corpus.errors import RunError
from prep.pipeline import config
from prep.pipeline.execution import workers
from prep.pipeline.execution.quarantine import (
    CRASHED,
    TIMED_OUT,
    Incidents,
    Note,
    Spot,
    read_incidents,
    read_note,
    read_spot,
    write_incidents,
)
from prep.stages.catalogue import STAGES

from .conftest import WritePipeline
from .test_run import SCRIPT, run_it, tree

LIBRARY = """
import os
import signal
import time

def work(text):
    if "CRASH" in text:
        os.kill(os.getpid(), signal.SIGSEGV)
    if "HANG" in text:
        time.sleep(3600)
"""
"""What a library in C may do."""

STAGE = """
from typing import ClassVar

import pyarrow as pa

from library import work
from prep.stages.stage import RowFunction, RowStage
from prep.stages.verdicts import Outcome, Verdicts

class Fragile(RowStage):
    name: ClassVar[str] = "fragile"

    def open(self) -> RowFunction:
        def run(batch: pa.RecordBatch) -> Outcome:
            texts = batch.column("text").to_pylist()
            for text in texts:
                work(text)
            rules = ["drop" if "drop" in text else None for text in texts]
            return Outcome(batch, Verdicts(pa.array(rules, pa.string())))

        return run
"""
PDF = """
import ctypes
from types import SimpleNamespace

from library import work

class Box(ctypes.Structure):
    _fields_ = [(side, ctypes.c_float) for side in ("left", "top", "right", "bottom")]

texts = {}

@ctypes.CFUNCTYPE(ctypes.c_uint, ctypes.c_void_p, ctypes.c_int)
def character(page, index):
    return ord(texts[page][index])

@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(Box))
def place(page, index, box):
    box[0].left, box[0].right, box[0].bottom, box[0].top = 5 * index, 5 * index + 5, 0, 10
    return True

@ctypes.CFUNCTYPE(ctypes.c_float, ctypes.c_void_p, ctypes.c_int)
def angle(page, index):
    return 0

raw = SimpleNamespace(
    FPDF_PAGEOBJ_IMAGE=3,
    FS_RECTF=Box,
    FPDFText_GetUnicode=character,
    FPDFText_GetLooseCharBox=place,
    FPDFText_GetCharAngle=angle,
)

class PdfiumError(Exception):
    pass

class PdfDocument:
    def __init__(self, content):
        self.text = content.decode()
        self.raw = ctypes.c_void_p(id(self))
        texts[id(self)] = self.text

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def __len__(self):
        return 1

    def __getitem__(self, page):
        return self

    def get_textpage(self):
        work(self.text)
        return self

    def count_chars(self):
        return len(self.text)

    def get_objects(self, kinds, max_depth):
        return []

    def close(self):
        pass

    def get_metadata_dict(self, skip_empty):
        return {}
"""
"""Stands in for PDFium."""

COMMAND = f"""
from fragile import Fragile
from prep.pipeline import config
config.STAGES = {{**config.STAGES, "fragile": Fragile}}
{SCRIPT}
"""

Prep = Callable[..., int]


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    """Return a folder of modules that end the process."""
    folder = tmp_path / "modules"
    folder.mkdir()
    for name, source in {"library": LIBRARY, "fragile": STAGE, "pypdfium2": PDF}.items():
        (folder / f"{name}.py").write_text(source)
    return folder


@pytest.fixture
def prep(modules: Path) -> Prep:
    """Return a function that runs the command until it is not killed, and says how often that was."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(modules), os.environ.get("PYTHONPATH", "")])}

    def run(path: Path, *options: str) -> int:
        settings = [word for option in options for word in ("--set", option)]
        command = [sys.executable, "-c", COMMAND, "run", str(path), *settings]
        for kills in range(3):
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
            if done.returncode != -signal.SIGSEGV:
                assert done.returncode == 0, done.stdout + done.stderr
                return kills
        raise AssertionError("killed again and again")

    return run


def failures(output: Path) -> list[tuple[str, str, str]]:
    rows = pq.read_table(output / "rejected").to_pylist()
    return [(row["id"], row["stage"], row["rule"]) for row in rows if row["failed"]]


def counts(output: Path) -> list[tuple[int, int, dict[str, int], dict[str, int]]]:
    stages = json.loads((output / "ledger.json").read_text())["stages"]
    return [(stage["in"], stage["kept"], stage["rejected"], stage["failed"]) for stage in stages]


def texts(output: Path) -> list[str]:
    return [
        text for part in sorted((output / "documents").glob("*")) for text in pq.read_table(part)["text"].to_pylist()
    ]


FRAGILE: list[object] = ["fragile"]


def test_documents_that_end_a_stages_process_fail_alone(
    write_pipeline: WritePipeline, tmp_path: Path, prep: Prep
) -> None:
    files = [[f"{number} {row}" + " drop" * (row == 7) for row in range(40)] for number in range(3)]
    files[0][5] = "CRASH"
    files[0][31] = "CRASH again"
    files[2][20] = "this one does HANG"
    path = write_pipeline(FRAGILE, *files)
    assert prep(path, "hang_seconds=5") == 1, "one worker is the command itself; the next run watches"
    out = tmp_path / "out"
    assert failures(out) == [(row, "fragile", CRASHED) for row in ("0-5", "0-31")] + [("2-20", "fragile", TIMED_OUT)]
    assert counts(out) == [
        (120, 120, {}, {}),
        (120, 114, {"drop": 3}, {CRASHED: 2, TIMED_OUT: 1}),
    ]
    assert texts(out) == [
        text for file in files for text in file if not any(word in text for word in ("CRASH", "HANG", "drop"))
    ]
    options = ("workers=2", "hang_seconds=5", "batch_bytes=2048", f"output={tmp_path}/two")
    assert prep(path, *options) == 0
    assert tree(tmp_path / "two") == tree(out)


def test_a_file_that_ends_its_readers_process_fails_alone(tmp_path: Path, prep: Prep) -> None:
    (tmp_path / "in").mkdir()
    for number in range(30):
        word = {4: "CRASH", 17: "CRASH", 23: "HANG"}.get(number, "words")
        (tmp_path / "in" / f"{number:02d}.pdf").write_text(f"{number} {word}")
    path = tmp_path / "pipeline.yaml"
    path.write_text(
        f"output: {tmp_path}/out\nworkers: 2\nhang_seconds: 5\nstages: [read: {{paths: {tmp_path}/in}}, exact]\n"
    )
    assert prep(path) == 0
    assert failures(tmp_path / "out") == [
        ("in/04.pdf@0", "read", CRASHED),
        ("in/17.pdf@0", "read", CRASHED),
        ("in/23.pdf@0", "read", TIMED_OUT),
    ]
    assert counts(tmp_path / "out")[0] == (30, 27, {}, {CRASHED: 2, TIMED_OUT: 1})
    assert texts(tmp_path / "out") == [f"{number} words" for number in range(30) if number not in (4, 17, 23)]


def test_a_stage_that_crashes_on_everything_stops_the_run(
    write_pipeline: WritePipeline, modules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(modules)
    monkeypatch.setattr(config, "STAGES", {**STAGES, "fragile": importlib.import_module("fragile").Fragile})
    monkeypatch.setattr(workers, "MOST_QUARANTINED", 1)
    path = write_pipeline(FRAGILE, ["CRASH"] * 3, workers=2)
    with pytest.raises(RunError, match="more than 1 documents ended their process, the last one in stage 2; this is"):
        run_it(path)
    assert not list(path.parent.rglob("*.incidents")), "the next run tries the documents anew"


def test_a_note_outlives_a_killed_process_only(tmp_path: Path) -> None:
    path = str(tmp_path / "note")
    assert read_note(path) is None
    with Note(path) as note:
        assert read_note(path) == (0, Spot(-1, 0, 0))
        note.documents = 12
        note.at(Spot(3, 12, 1100))
        note.at(read_spot(0, "a.pdf@0"))
        assert read_note(path) == (12, Spot(0, 0, 0, "a.pdf@0"))
    assert read_note(path) is None
    Path(path).write_text("[3, ")
    assert read_note(path) == (0, Spot(-1, 0, 0)), "torn"


SPOTS = st.sampled_from([read_spot(0), read_spot(0, "a"), Spot(2, 0, 9), Spot(2, 4, 4), Spot(2, 5, 5)])


@given(st.lists(st.tuples(SPOTS, st.sampled_from([CRASHED, TIMED_OUT, None]))))
def test_only_what_ended_processes_alone_is_condemned(ends: list[tuple[Spot, str | None]]) -> None:
    incidents = Incidents()
    for spot, rule in ends:
        incidents = incidents.after(spot, rule)
    for spot in {spot for spot, _ in ends}:
        rules = [rule for each, rule in ends if each == spot]
        quarantined = spot.alone and (TIMED_OUT in rules or CRASHED in rules[1:])
        assert (spot in incidents.quarantined) == quarantined
        assert quarantined or spot in incidents.suspects


def test_what_is_known_is_read_back(tmp_path: Path) -> None:
    path = str(tmp_path / "incidents")
    assert read_incidents(path) == Incidents()
    known = Incidents(frozenset({Spot(2, 0, 9), read_spot(0, "a")}), {Spot(2, 4, 4): CRASHED})
    write_incidents(path, known)
    assert read_incidents(path) == known
