"""Which phases the driver of a run on a cluster runs itself."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from prep.corpus.arrow.documents import DocumentWriter, uncompressed_bytes
from prep.pipeline import config, run
from prep.pipeline.config import SlurmExecutor
from prep.pipeline.execution import dispatch
from prep.pipeline.execution.clusters import box_of
from prep.pipeline.execution.dispatch import Dispatcher
from prep.pipeline.execution.pilots import phase as pilots_phase
from prep.pipeline.execution.pilots.exchange import Answer, Assignment
from prep.pipeline.execution.pilots.pool import PilotPool
from prep.pipeline.execution.tasks import Call
from prep.pipeline.plan import GlobalStep, PassStep
from prep.pipeline.steps import small_phases
from prep.pipeline.steps.passes import PHASE
from prep.pipeline.steps.phases import TAP
from prep.pipeline.steps.small_phases import holds_little, is_light
from prep.stages.catalogue import STAGES
from prep.stages.stage import GlobalStage

from .conftest import Count, WritePipeline
from .test_run import run_it


def steps_of(path: Path) -> list[PassStep | GlobalStep]:
    configuration, _ = config.load(str(path), ())
    return list(run.plan_for(configuration).steps)


def test_what_reads_little_a_few_times_is_small(
    write_pipeline: WritePipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_pipeline(["one_per_letter", "shout", "beheaded", "count"], ["apple", "bean"], ["cherry"])
    run_it(path)
    folder = str(tmp_path / "out" / "steps")
    read, letters, shout, _, documents, count = steps_of(path)
    assert [holds_little(step, folder) for step in (read, letters, shout, documents, count)] == [False] + [True] * 4
    assert not is_light(read, PHASE), "it reads the input"
    assert not is_light(shout, PHASE), "its stage may take any time"
    assert is_light(documents, PHASE), "it applies what was decided"
    assert not is_light(count, "part"), "a stage says so itself"
    monkeypatch.setattr(Count, "is_light", lambda stage, phase: phase == "part")
    assert [is_light(count, name) for name in ("part", "sum", TAP)] == [True, False, False]

    assert isinstance(letters, GlobalStep)
    assert letters.tap is not None
    held = uncompressed_bytes(f"{folder}/{read.folder}/parts/00000.parquet")
    tap = Path(folder, letters.tap.folder, "00000.arrow").stat().st_size
    for most, small in ((held + tap, True), (held + tap - 1, False)):
        monkeypatch.setattr(small_phases, "SMALL_BYTES", most)
        assert holds_little(letters, folder) is small
    monkeypatch.setattr(small_phases, "SMALL_BYTES", 1 << 30)
    monkeypatch.setattr(small_phases, "SMALL_PARTS", 0)
    assert not holds_little(letters, folder)


def test_a_part_counts_with_what_it_holds_uncompressed(write_pipeline: WritePipeline, tmp_path: Path) -> None:
    path = write_pipeline([], ["same words again " * 50_000] * 2)
    run_it(path)
    (part,) = (tmp_path / "out" / "steps").glob("00-*/parts/*.parquet")
    assert part.stat().st_size < 100_000
    assert 850_000 < uncompressed_bytes(str(part)) < 2_000_000
    with DocumentWriter(str(tmp_path / "none.parquet"), steps_of(path)[0].schema):  # type: ignore[union-attr]
        pass
    assert uncompressed_bytes(str(tmp_path / "none.parquet")) == 0


@pytest.mark.parametrize(
    ("stage", "options", "heavy"),
    [
        ("exact", {}, set()),
        ("minhash", {"index": {"folder": "/known", "crawl": "first"}}, {"sort", "match", "cluster"}),
        ("tokenizer", {"vocabulary": 300}, {"train"}),
        ("tokenizer", {"existing": "/tokenizer"}, set()),
        ("train", {}, {"train"}),
        ("repeated_lines", {}, set()),
    ],
)
def test_a_stage_that_trains_or_reads_an_index_is_not_light(
    stage: str, options: dict[str, object], heavy: set[str]
) -> None:
    made = STAGES[stage](**options)
    assert isinstance(made, GlobalStage)
    phases = {phase.name for phase in made.phases(3)}
    found = {phase for phase in phases if not made.is_light(phase)}
    assert found >= heavy
    assert bool(found) is bool(heavy)


@dataclass(frozen=True)
class Waits:
    """Work that takes a moment."""

    notes: ClassVar[bool] = False
    folder: str

    def run(self, task: int) -> None:
        time.sleep(0.06)
        Path(self.folder, f"{task}").touch()


def test_the_driver_leaves_to_pilots_what_takes_longer_or_what_they_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pilots are not begun for what the driver does by itself."""
    given: list[tuple[int, ...]] = []

    def run_phase(pool: PilotPool, call: Call, done: object) -> None:
        given.append(call.tasks)
        for task in call.tasks:
            call.work.run(task)

    monkeypatch.setattr(pilots_phase, "run_phase", run_phase)
    monkeypatch.setattr(PilotPool, "__enter__", lambda pool: pool)
    monkeypatch.setattr(PilotPool, "__exit__", lambda pool, *error: None)
    monkeypatch.setattr(dispatch, "DRIVER_SECONDS", 0.1)
    call = Call(Waits(str(tmp_path)), "waits", (0, 1, 2, 3), str(tmp_path / "steps" / "00-waits"), "pass")

    def ran(*, small: bool = True, tasks: tuple[int, ...] = (0, 1, 2, 3)) -> list[tuple[int, ...]]:
        given.clear()
        with Dispatcher(SlurmExecutor(kind="slurm", partition="any"), lambda: 2) as dispatcher:
            own = Call(call.work, call.label, tasks, call.folder, call.phase)
            dispatcher.run(own, lambda task: (tmp_path / str(task)).exists(), small=small)
        return list(given)

    assert ran(tasks=(0,)) == []
    assert ran() == [(2, 3)]
    assert ran(small=False) == [(0, 1, 2, 3)]
    box = box_of(str(tmp_path / "steps"))
    box.arrive("7_0")
    box.assign("7_0", Assignment(1, "call", call.folder, call.phase, (2,)))
    assert ran() == [(0, 1, 2, 3)], "a pilot that an earlier driver has left is at it"
    box.reply("7_0", Answer(1))
    assert ran(tasks=(0,)) == []
