"""The packages as the API pages' generator expects them: each folder with an `__init__.py`, which ours do without.

The tree lies in `.cache/api`: links to the repository's own files, and an empty file where one is missing.
"""

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("corpus", "pipeline", "stages", "trainer")
TREE = ROOT / ".cache" / "api"


def on_startup(**_: object) -> None:
    """Make the tree anew; the generator looks for it when the configuration is read."""
    shutil.rmtree(TREE, ignore_errors=True)
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            place = TREE / "prep" / file.relative_to(ROOT)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(file)
    for folder in [TREE / "prep", *(TREE / "prep").rglob("*/")]:
        (folder / "__init__.py").touch()
