"""Publishing: the results of the steps, put under plain names in the output folder.

    documents/*.parquet   what survives                rejected/*.parquet   what was lost, by whom and why
    rejected_texts/*.parquet                           texts of what was lost, where the configuration keeps them
    findings/*/*.parquet  what stages found in documents, such as evaluation items
    audit/*/              what each deduplication did, see `prep dedup audit`
    <artefact>/  <picture>                             what Global stages made, by the stages' own names
    funnel.json                                        documents and bytes by stage, source, language and rule
    ledger.json                                        how many documents came into each stage, and what became of them

Files are hard links to those in the steps' folders where the file system allows it, so publishing copies nothing. A
folder is put together under another name and swapped in whole.
"""

import os
import shutil
from pathlib import Path

import pyarrow.parquet as pq

from prep.corpus.errors import CorruptFileError
from prep.corpus.files.compression import TRUNCATED
from prep.corpus.files.storage import read_json, write_json
from prep.pipeline.plan import GlobalStep, PassStep, Plan
from prep.pipeline.results.funnel import FUNNEL, funnel_as_json
from prep.pipeline.results.ledger import LEDGER, PUBLISHED, Ledger, Truncation
from prep.pipeline.steps.keeping import REJECTED_TEXTS
from prep.pipeline.steps.passes import FINDINGS
from prep.pipeline.steps.settling import REJECTS

ARTEFACTS = "artefacts"
"""What the ledger calls the folders of what Global stages made."""
PICTURES = "pictures"
"""What the ledger calls the files of Global stages that lie beside it."""


def publish(plan: Plan, ledger: Ledger, steps_folder: str, output: str) -> None:
    """Replace the published results by those of the plan's steps; what the plan no longer makes is removed."""
    steps = Path(steps_folder)
    documents = steps / plan.documents.folder / "parts"
    own: tuple[list[tuple[Path, str]], ...] = (
        [(path, path.name) for path in sorted(documents.glob("*.parquet"))],
        _rejected(plan, steps, REJECTS),
        _rejected(plan, steps, REJECTED_TEXTS),
        _findings(plan, steps),
        _audits(plan, steps),
    )
    folders = dict(zip(PUBLISHED, own, strict=True))
    made = plan.artefacts()
    folders |= {artefact: [] for artefact in _published_before(output, ARTEFACTS)}
    folders |= {artefact: _results(steps / folder / "output") for artefact, folder in made.items()}
    for name, files in folders.items():
        _swap(Path(output) / name, files)
    pictures = plan.pictures()
    for name in _published_before(output, PICTURES):
        Path(output, name).unlink(missing_ok=True)
    for name, folder in pictures.items():
        _publish_picture(steps / folder / "output" / name, Path(output, name))
    published = {ARTEFACTS: sorted(made), PICTURES: sorted(pictures)}
    write_json(f"{output}/{FUNNEL}", funnel_as_json(ledger))
    write_json(f"{output}/{LEDGER}", {**ledger.as_json(), **published})


def _published_before(output: str, kind: str) -> list[str]:
    """Return the names of the artefacts or pictures that an earlier run published here, by its ledger."""
    try:
        names = read_json(f"{output}/{LEDGER}").get(kind, [])
    except (FileNotFoundError, CorruptFileError):
        return []
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def truncated_inputs(plan: Plan, steps_folder: str) -> list[Truncation]:
    """Return the input files that break off, by the records that failed there."""
    found: list[Truncation] = []
    for path, _ in _rejected(plan, Path(steps_folder), REJECTS):
        chosen = [("rule", "=", TRUNCATED), ("failed", "=", True)]
        table = pq.read_table(path, columns=["id", "value", "detail"], filters=chosen)
        for record, missing, detail in zip(*(column.to_pylist() for column in table.columns), strict=True):
            found.append(Truncation(record, None if missing is None else int(missing), detail or ""))
    return sorted(found, key=lambda item: (item.record, item.detail))


def _rejected(plan: Plan, steps: Path, name: str) -> list[tuple[Path, str]]:
    found = list[tuple[Path, str]]()
    for step in plan.steps:
        folder = steps / step.folder / (name if isinstance(step, PassStep) else f"output/{name}")
        found += [(path, f"{step.index:02d}-{path.name}") for path in sorted(folder.glob("*.parquet"))]
    return found


def _findings(plan: Plan, steps: Path) -> list[tuple[Path, str]]:
    found = list[tuple[Path, str]]()
    for step in plan.steps:
        if isinstance(step, PassStep):
            folder = steps / step.folder / FINDINGS
            found += [(path, str(path.relative_to(folder))) for path in _files(folder)]
        else:
            files = _files(steps / step.folder / "output" / FINDINGS)
            found += [(path, f"{step.position:02d}-{step.title}/{path.name}") for path in files]
    return found


def _results(output: Path) -> list[tuple[Path, str]]:
    """Return the files that a Global stage made for the user: all but what it rejected, which has its own place."""
    names = ((path, path.relative_to(output)) for path in _files(output))
    return [(path, str(name)) for path, name in names if name.parts[0] not in (REJECTS, REJECTED_TEXTS)]


def _audits(plan: Plan, steps: Path) -> list[tuple[Path, str]]:
    made = [(step, steps / step.folder / "output" / "audit") for step in plan.steps if isinstance(step, GlobalStep)]
    return [(path, f"{step.index:02d}-{step.title}/{path.name}") for step, folder in made for path in _files(folder)]


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))


def _swap(target: Path, files: list[tuple[Path, str]]) -> None:
    fresh, stale = target.with_name(f".{target.name}.new"), target.with_name(f".{target.name}.old")
    for leftover in (fresh, stale):
        shutil.rmtree(leftover, ignore_errors=True)
    for source, name in files:
        place = fresh / name
        place.parent.mkdir(parents=True, exist_ok=True)
        _link(source, place)
    if target.exists():
        target.rename(stale)
    if files:
        fresh.rename(target)
    shutil.rmtree(stale, ignore_errors=True)


def _publish_picture(picture: Path, place: Path) -> None:
    place.unlink(missing_ok=True)
    if picture.exists():
        _link(picture, place)


def _link(source: Path, place: Path) -> None:
    try:
        os.link(source, place)
    except OSError:
        shutil.copyfile(source, place)
