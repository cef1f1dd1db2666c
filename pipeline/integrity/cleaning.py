"""Folders of steps that the plan does not need any more: of other settings, versions or inputs."""

import re
from pathlib import Path

from prep.pipeline.plan import GlobalStep, PassStep, Plan

FOLDER = re.compile(r"(\d\d|tap)-.*-[0-9a-f]{12}")


def stale_folders(plan: Plan, steps_folder: str) -> list[Path]:
    """Return the folders among the steps that no step of the plan needs, sorted."""
    needed = {step.folder for step in plan.steps}
    for step in plan.steps:
        if isinstance(step, PassStep):
            needed |= {tap.folder for tap in step.taps}
        elif isinstance(step, GlobalStep) and step.tap is not None:
            needed.add(step.tap.folder)
    root = Path(steps_folder)
    there = sorted(root.iterdir()) if root.is_dir() else []
    return [path for path in there if path.is_dir() and FOLDER.fullmatch(path.name) and path.name not in needed]


def size_of(folder: Path) -> int:
    """Return the bytes of a folder's files."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())
