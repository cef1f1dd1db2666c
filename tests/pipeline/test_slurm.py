"""Slurm's jobs unpickle their call only from a folder that is the user's own and closed to others.

The commands of Slurm are scripts here that run the jobs at once.
"""

import os
import shutil
import sys
from pathlib import Path

import pytest

from prep.corpus.errors import RunError
from prep.corpus.files.own_folder import CLOSED, is_own, require_closed
from prep.pipeline.execution import clusters

from .conftest import WritePipeline
from .test_run import run_it, tree

COMMANDS = {
    "sbatch": """
for script; do :; done
grep -q launch_pickled_pipeline "$script" || { echo "Submitted batch job 8"; exit 0; }
last=$(sed -n 's/^#SBATCH --array=0-\\([0-9]*\\).*/\\1/p' "$script")
[ -z "$OPENED" ] || chmod "$OPENED" "$(dirname "$(grep -o '/[^ ]*executor.pik' "$script")")"
for rank in $(seq 0 "$last"); do
    SLURM_ARRAY_TASK_ID=$rank SLURM_NODELIST=here bash "$script" >> "$LOG" 2>&1
done
echo "Submitted batch job 7"
""",
    "srun": 'shift 3; shift; exec "$PYTHON" -m datatrove.tools.launch_pickled_pipeline "$@"',
    "scontrol": "echo here",
    "squeue": "exit 1",
}


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the commands on PATH and return the file to which the jobs print."""
    commands = tmp_path / "bin"
    commands.mkdir()
    for name, content in COMMANDS.items():
        (commands / name).write_text(f"#!/bin/bash\n{content}\n")
        (commands / name).chmod(0o755)
    log = tmp_path / "jobs.log"
    for name, value in {"PATH": f"{commands}:{os.environ['PATH']}", "PYTHON": sys.executable, "LOG": log}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr(clusters, "GRACE_SECONDS", 0.0)
    monkeypatch.setattr(clusters, "POLL_SECONDS", 0.01)
    return log


SLURM = "executor={kind: slurm, partition: any}"


def test_slurm_reads_the_call_from_a_closed_folder(write_pipeline: WritePipeline, tmp_path: Path, slurm: Path) -> None:
    path = write_pipeline([], ["apple", "bean"], ["cherry"])
    run_it(path, SLURM, "workers=2")
    folders = {found.parent for found in (tmp_path / "out" / "steps").rglob("executor.pik")}
    assert folders
    assert {folder.stat().st_mode & 0o777 for folder in folders} == {0o700}
    published = tree(tmp_path / "out")
    shutil.rmtree(tmp_path / "out")
    run_it(path)
    assert tree(tmp_path / "out") == published


@pytest.mark.parametrize("mode", ["0770", "0755", "0707"])
def test_a_job_refuses_a_folder_that_was_opened(
    write_pipeline: WritePipeline, slurm: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setenv("OPENED", mode)
    with pytest.raises(RunError, match="ended without a record"):
        run_it(write_pipeline([], ["apple"]), SLURM)
    assert f"must be a folder of this user with mode 0700, found mode {mode[1:]}" in slurm.read_text()


def test_local_workers_write_no_pickle(write_pipeline: WritePipeline, tmp_path: Path) -> None:
    run_it(write_pipeline(["one_per_letter"], ["apple", "bean"], ["cherry"]), "workers=2")
    names = {path.name for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert not [name for name in names if name.endswith((".pickle", ".pkl", ".pik"))]


def test_what_is_not_a_closed_folder_of_the_user_is_refused(tmp_path: Path) -> None:
    require_closed(tmp_path / "new" / "folder")
    require_closed(tmp_path / "new" / "folder")
    opened, link, file = tmp_path / "opened", tmp_path / "link", tmp_path / "file"
    opened.mkdir()
    opened.chmod(0o750)
    link.symlink_to(tmp_path / "new" / "folder")
    file.write_text("")
    for path, found in ((opened, "mode 0750"), (link, "a link"), (file, "a file")):
        assert not is_own(path, CLOSED)
        with pytest.raises(RunError, match=f"{path}.*mode 0700.*{found}.*hint"):
            require_closed(path)
