"""Small pipelines over text of our own, and stages made for tests."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import yaml

from prep.corpus.arrow.columns import set_column
from prep.corpus.arrow.documents import read_documents
from prep.corpus.files.storage import join, read_arrow, write_arrow, write_bytes
from prep.pipeline import config
from prep.stages.catalogue import STAGES
from prep.stages.stage import GlobalStage, Phase, RowFunction, RowStage, Stage, Tap
from prep.stages.upstream import GlobalContext
from prep.stages.verdicts import Outcome, PartVerdicts, Verdicts

WritePipeline = Callable[..., Path]


class Shout(RowStage):
    """Writes the text in upper case; breaks on documents that say so."""

    name: ClassVar[str] = "shout"
    columns: ClassVar[tuple[str, ...]] = ("text",)
    mark: str = "!"

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        return schema.append(pa.field("loud", pa.large_string()))

    def open(self) -> RowFunction:
        def shout(batch: pa.RecordBatch) -> Outcome:
            if pc.any(pc.match_substring(batch.column("text"), "BREAK")).as_py():
                raise ValueError("this document breaks the stage")
            words = [
                pc.utf8_upper(batch.column("text")),
                *(pa.scalar(text, pa.large_string()) for text in (self.mark, "")),
            ]
            loud = pc.binary_join_element_wise(*words)
            return Outcome(set_column(batch, "loud", loud))

        return shout


class Short(RowStage):
    """Rejects long documents, and fails empty ones."""

    name: ClassVar[str] = "short"
    columns: ClassVar[tuple[str, ...]] = ("text",)
    most: int = 20

    def open(self) -> RowFunction:
        def judge(batch: pa.RecordBatch) -> Outcome:
            lengths = pc.utf8_length(batch.column("text")).to_numpy()
            codes = np.where(lengths > self.most, 0, np.where(lengths == 1, 1, -1))
            verdicts = Verdicts.from_codes(codes, ("too_long", "one_letter"), lengths.astype(np.float64))
            return Outcome(batch, Verdicts(verdicts.rule, pa.array(codes == 1), verdicts.value))

        return judge


class Hapax(RowStage):
    """Finds the words that a document holds once; rejects documents without any. Breaks as Shout does."""

    name: ClassVar[str] = "hapax"
    columns: ClassVar[tuple[str, ...]] = ("id", "text")

    def findings_schema(self) -> pa.Schema:
        return pa.schema({"id": pa.string(), "word": pa.string()})

    def open(self) -> RowFunction:
        def find(batch: pa.RecordBatch) -> Outcome:
            found = []
            for row in batch.select(["id", "text"]).to_pylist():
                if "BREAK" in row["text"]:
                    raise ValueError("this document breaks the stage")
                words = row["text"].split()
                found.append([{"id": row["id"], "word": word} for word in words if words.count(word) == 1])
            codes = np.array([-1 if words else 0 for words in found])
            rule = Verdicts.from_codes(codes, ("no_hapax",)).rule
            rows = [row for words in found for row in words]
            return Outcome(batch, Verdicts(rule, findings=pa.RecordBatch.from_pylist(rows, self.findings_schema())))

        return find


class Echo(RowStage):
    """Repeats each document as often as it has words; rejects those without any."""

    name: ClassVar[str] = "echo"
    columns: ClassVar[tuple[str, ...]] = ("text",)

    def open(self) -> RowFunction:
        def echo(batch: pa.RecordBatch) -> Outcome:
            counts = np.array([len(text.split()) for text in batch.column("text").to_pylist()])
            rule = Verdicts.from_codes(np.where(counts, -1, 0), ("mute",)).rule
            return Outcome(batch, Verdicts(rule, copies=np.maximum(counts, 1)))

        return echo


class FirstLetter(Tap):
    name: ClassVar[str] = "first-letter"
    columns: ClassVar[tuple[str, ...]] = ("id", "text")

    def open(self) -> Callable[[pa.RecordBatch], pa.RecordBatch]:
        def letters(batch: pa.RecordBatch) -> pa.RecordBatch:
            first = pc.utf8_slice_codeunits(batch.column("text"), 0, 1)
            return pa.record_batch({"id": batch.column("id"), "letter": first})

        return letters


class OnePerLetter(GlobalStage):
    """Keeps the first document of each initial letter."""

    name: ClassVar[str] = "one_per_letter"
    columns: ClassVar[tuple[str, ...]] = ("text",)
    drops: ClassVar[bool] = True

    def tap(self) -> Tap:
        return FirstLetter()

    def phases(self, parts: int) -> tuple[Phase, ...]:
        return (Phase("choose", 1), Phase("drop", parts))

    def run(self, phase: str, task: int, context: GlobalContext) -> PartVerdicts | None:
        if phase == "choose":
            seen: set[str] = set()
            for part, path in enumerate(context.upstream.taps):
                lost = context.upstream.dropped(part)
                letters = read_arrow(path).column("letter").to_pylist()
                drop = []
                for row, letter in enumerate(letters):
                    gone = lost is not None and bool(lost[row])
                    drop.append(gone or letter in seen)
                    seen |= set() if gone else {letter}
                write_arrow(join(context.scratch, f"{part}.arrow"), pa.table({"drop": pa.array(drop, pa.bool_())}))
            return None
        drop = read_arrow(join(context.scratch, f"{task}.arrow")).column("drop").to_numpy()
        lost = context.upstream.dropped(task)
        entered = np.ones(len(drop), np.bool_) if lost is None else ~lost
        rows = np.flatnonzero(drop & entered)
        return PartVerdicts(int(entered.sum()), rows, Verdicts(pa.array(["same_letter"] * len(rows), pa.string())))


class Beheaded(GlobalStage):
    """Takes the first letter off each text and keeps it in a column."""

    name: ClassVar[str] = "beheaded"
    columns: ClassVar[tuple[str, ...]] = ("text",)
    cuts: ClassVar[bool] = True

    def tap(self) -> Tap:
        return FirstLetter()

    def adds(self) -> tuple[pa.Field, ...]:
        return (pa.field("head", pa.string()),)

    def phases(self, parts: int) -> tuple[Phase, ...]:
        return (Phase("cut", parts),)

    def run(self, phase: str, task: int, context: GlobalContext) -> None:
        letters = read_arrow(context.upstream.taps[task]).column("letter").cast(pa.string())
        rows = np.arange(len(letters))
        ends = pc.binary_length(letters).cast(pa.int64())
        cuts = pa.table({"row": rows, "start": np.zeros_like(rows), "end": ends})
        write_arrow(join(context.output, "cuts", f"{task:05d}.arrow"), cuts)
        write_arrow(join(context.output, "columns", f"{task:05d}.arrow"), pa.table({"head": letters}))


class Count(GlobalStage):
    """Writes the number of characters of all documents: an artefact."""

    name: ClassVar[str] = "count"
    makes: ClassVar[str | None] = "tokenizer"
    pictures: ClassVar[tuple[str, ...]] = ("count.svg",)
    columns: ClassVar[tuple[str, ...]] = ("text",)
    factor: int = 1

    def phases(self, parts: int) -> tuple[Phase, ...]:
        return (Phase("part", parts), Phase("sum", 1))

    def run(self, phase: str, task: int, context: GlobalContext) -> None:
        if phase == "part":
            total = sum(len(text) for text in texts(context.upstream.parts[task]))
            write_bytes(join(context.scratch, f"{task}.txt"), str(total).encode())
            return
        totals = [int(Path(context.scratch, f"{part}.txt").read_text()) for part in range(len(context.upstream.parts))]
        write_bytes(join(context.output, "tokenizer.json"), str(self.factor * sum(totals)).encode())
        write_bytes(join(context.output, "count.svg"), f"<svg>{sum(totals)}</svg>".encode())


class Needs(GlobalStage):
    """Copies the artefact it needs."""

    name: ClassVar[str] = "needs"
    makes: ClassVar[str | None] = "shards"
    needs: ClassVar[tuple[str, ...]] = ("tokenizer",)

    def phases(self, parts: int) -> tuple[Phase, ...]:
        return (Phase("copy", 1),)

    def run(self, phase: str, task: int, context: GlobalContext) -> None:
        content = Path(context.artefacts["tokenizer"], "tokenizer.json").read_bytes()
        write_bytes(join(context.output, "train", "copy.txt"), content)


def texts(part: str) -> Iterator[str]:
    for batch in read_documents(part, ["text"]):
        yield from batch.column("text").to_pylist()


MADE: Mapping[str, type[Stage]] = {
    kind.name: kind for kind in (Shout, Short, Hapax, Echo, OnePerLetter, Beheaded, Count, Needs)
}


@pytest.fixture(autouse=True)
def stages_for_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the stages made for tests beside the real ones."""
    monkeypatch.setattr(config, "STAGES", {**STAGES, **MADE})


@pytest.fixture
def write_pipeline(tmp_path: Path) -> WritePipeline:
    """Return a function that writes a pipeline over JSON Lines files of texts, and the files; gives its path."""

    def write(stages: list[object], *files: list[str], **settings: object) -> Path:
        for number, file in enumerate(files):
            lines = [orjson.dumps({"id": f"{number}-{row}", "text": text}) for row, text in enumerate(file)]
            (tmp_path / "in").mkdir(exist_ok=True)
            (tmp_path / "in" / f"{number}.jsonl").write_bytes(b"\n".join(lines) + b"\n")
        read = {"read": {"paths": str(tmp_path / "in" / "*.jsonl")}}
        whole = {"output": str(tmp_path / "out"), "workers": 1, **settings, "stages": [read, *stages]}
        path = tmp_path / "pipeline.yaml"
        path.write_text(yaml.safe_dump(whole, sort_keys=False))
        return path

    return write
