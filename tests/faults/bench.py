"""A pipeline that is run, disturbed and run again, and the bytes that an undisturbed run has."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import pyarrow.parquet as pq

from .material import write_material

ROOT = Path(__file__).parents[2]
TIMEOUT_SECONDS = 300
"""A run hangs that takes longer than that, and than several undisturbed ones."""
_LONGER = 6
PIPELINE = """\
output: {output}
workers: 2
stages:
  - read:
      sources:
        - {{name: notes, paths: "{material}/*.jsonl"}}
        - {{name: pages, paths: "{material}/*.wet.gz"}}
  - exact
  - tokenizer: {{kind: bpe, vocabulary: 300}}
  - pack: {{length: 64, validation: 0.1}}
"""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    printed: str

    @property
    def is_clear(self) -> bool:
        """Whether it ended well, or with an error that is said without a stack trace."""
        return self.status in (0, 1, 2) and "Traceback (most recent call last)" not in self.printed


@dataclass(frozen=True)
class Results:
    """What a run has made for its user: everything in the output folder but `steps`."""

    hashes: dict[str, str]
    documents: int


@dataclass(frozen=True)
class Outcome:
    """What became of a run that was disturbed."""

    complaint: str
    """What did not end right; empty where all did."""
    lost: int = 0
    """Documents that an undisturbed run has and this one has not."""
    different: int = 0
    """Files that are missing, are too many, or hold other bytes."""


class Bench:
    """A folder with the input, the configuration, and the results of an undisturbed run."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.material = folder / "material"
        self.output = folder / "output" / "run"
        self._complete = folder / "complete"
        self._configuration = folder / "pipeline.yaml"
        self._material = folder / "material-as-written"
        write_material(self._material, seed)
        shutil.copytree(self._material, self.material)
        self.configure()
        begun = monotonic()
        self.timeout: float | None = None
        self.expected = self.undisturbed()
        self.seconds = monotonic() - begun
        self.timeout = max(TIMEOUT_SECONDS, _LONGER * self.seconds)
        shutil.copytree(self.output, self._complete)

    def undisturbed(self) -> Results:
        """Run the pipeline and return its results. Raises RuntimeError where the run fails."""
        ended = self.run()
        if ended.status:
            raise RuntimeError(f"an undisturbed run fails:\n{ended.printed}")
        return self.results()

    def configure(self, material: str = "", settings: str = "", output: str = "") -> None:
        """Write the configuration: where input and output lie, if not in this bench's folder, and more settings."""
        text = settings + PIPELINE.format(output=output or self.output, material=material or self.material)
        self._configuration.write_text(text, encoding="utf-8")

    def start(
        self, command: str = "run", environment: Mapping[str, str] | None = None, options: Sequence[str] = ()
    ) -> subprocess.Popen[str]:
        """Start a command on the pipeline, in a session of its own, with more variables in its environment."""
        target = self.output if command == "verify" else self._configuration
        no_copies = {"PYTHONDONTWRITEBYTECODE": "1"}  # Python keeps those of its modules that a limit has cut off
        return subprocess.Popen(
            [sys.executable, "-m", "tests.faults.command", command, str(target), *options],
            cwd=ROOT,
            env={**os.environ, **no_copies, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, command: str = "run") -> Ended:
        """Run a command on the pipeline to its end."""
        return self.finish(self.start(command))

    def finish(self, process: subprocess.Popen[str]) -> Ended:
        """Wait for a command, and end it where it hangs."""
        try:
            printed, _ = process.communicate(timeout=self.timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            printed, _ = process.communicate()
            printed += f"\ndid not end within {self.timeout:.0f} s"
        finally:
            process.kill()  # where this process is interrupted
        return Ended(process.returncode, printed)

    def clear(self) -> None:
        """Remove the output."""
        shutil.rmtree(self.output, ignore_errors=True)

    def restore(self) -> None:
        """Put the input and a complete run's output back as they were."""
        self.restore_material()
        self.clear()
        shutil.copytree(self._complete, self.output)

    def restore_material(self) -> None:
        """Put the input back as it was; files that have not changed keep their times."""
        for source in self._material.iterdir():
            target = self.material / source.name
            if not target.exists() or target.read_bytes() != source.read_bytes():
                shutil.copyfile(source, target)

    def results(self) -> Results:
        """Return what the output folder holds."""
        files = (path for path in sorted(self.output.rglob("*")) if path.is_file())
        names = {path.relative_to(self.output): path for path in files}
        hashes = {
            str(name): hashlib.sha256(path.read_bytes()).hexdigest()
            for name, path in names.items()
            if not {"steps", "pipeline.yaml"} & set(name.parts)
        }
        documents = 0
        for path in (self.output / "documents").glob("*.parquet"):
            try:
                documents += pq.read_metadata(path).num_rows
            except (OSError, ValueError):  # not readable: its documents are lost
                continue
        return Results(hashes, documents)

    def judge(self, *ended: Ended, complaint: str = "", expected: Results | None = None) -> Outcome:
        """Compare the results with those expected; the last command must have ended well, the others clearly."""
        expected = expected or self.expected
        found = self.results()
        names = expected.hashes.keys() | found.hashes.keys()
        different = sorted(name for name in names if expected.hashes.get(name) != found.hashes.get(name))
        for item in ended:
            if not complaint and not item.is_clear:
                complaint = f"exit status {item.status}: {last_line(item.printed)}"
        if not complaint and ended[-1].status:
            complaint = f"not complete in the end: {last_line(ended[-1].printed)}"
        if not complaint and different:
            complaint = f"other bytes: {', '.join(different[:3])}"
        return Outcome(complaint, max(0, expected.documents - found.documents), len(different))


def last_line(printed: str) -> str:
    """Return the last line of what a command printed."""
    return printed.strip().rpartition("\n")[2][-200:]
