"""Proxies: small models trained on corpora, each measured on every held-out set.

A proxy's folder is named after all that decides its weights (the rows' checksums, the training's settings and
versions), and a measurement after the set's content. So a proxy that is there is used again, in whatever comparison,
and a new set is measured on old proxies without training. Proxies run side by side, a process each; one that was
killed goes on from its last checkpoint.

    proxies/3f9a…/model/           weights, settings, report
    proxies/3f9a…/text-77b0….json  what a set of texts cost
    proxies/3f9a…/task-08ce….json  how a task was answered
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from time import process_time
from typing import ClassVar

import numpy as np
import orjson
import pyarrow as pa

from prep.corpus.errors import RunError
from prep.corpus.files.storage import read_json, write_json
from prep.corpus.shards.shards import read_manifest
from prep.pipeline.config import LocalExecutor
from prep.pipeline.execution.dispatch import run_tasks
from prep.pipeline.execution.tasks import Call
from prep.pipeline.proxies.held_out import TaskSet, TextSet
from prep.pipeline.proxies.settings import Preset
from prep.stages.train.measuring import Measurer
from prep.stages.train.train import Train

MEASURING = 1
"""Version of what is measured, and how."""
TRAINED, SECONDS = "trained.json", "seconds.json"


@dataclass(frozen=True)
class Proxy:
    """A model to be trained."""

    corpus: str
    """A corpus or mixture, by its name."""
    size: Preset
    seed: int
    shards: str
    """The folder of rows it learns from."""
    training: Train

    @property
    def identity(self) -> dict[str, object]:
        """Return what decides the weights."""
        libraries = {name: version(name) for name in ("torch", "numpy")}
        rows = read_manifest(self.shards).fingerprint
        return {"rows": rows, "train": self.training.identity(), "version": Train.version, **libraries}

    @property
    def name(self) -> str:
        """Return what its folder is called."""
        text = orjson.dumps(self.identity, option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(text).hexdigest()[:16]


@dataclass(frozen=True)
class TextCost:
    """What a set of texts costs a proxy: nats and bytes in all and by language."""

    nats: float
    bytes: int
    by_language: Mapping[str, tuple[float, int]]

    @property
    def bits_per_byte(self) -> float:
        """Return bits per byte."""
        return bits(self.nats, self.bytes)


@dataclass(frozen=True)
class TaskScore:
    """How a proxy answers a task."""

    items: int
    correct: int
    nats: float
    """Of the right answers."""
    bytes: int

    @property
    def accuracy(self) -> float:
        """Return the share of right answers."""
        return self.correct / self.items

    @property
    def bits_per_byte(self) -> float:
        """Return bits per byte of the right answers."""
        return bits(self.nats, self.bytes)


def bits(nats: float, size: int) -> float:
    """Return bits per byte."""
    return float(nats / np.log(2) / size)


@dataclass(frozen=True)
class ProxyWork:
    """Trains and measures proxies, as executors take it."""

    notes: ClassVar[bool] = False
    folder: str
    tokenizer: str
    proxies: tuple[Proxy, ...]
    texts: tuple[TextSet, ...]
    tasks: tuple[TaskSet, ...]
    threads: int

    @property
    def _sets(self) -> tuple[TextSet | TaskSet, ...]:
        return *self.texts, *self.tasks

    def run(self, task: int) -> None:
        """Train a proxy, unless it stands, and measure what has not been measured."""
        proxy = self.proxies[task]
        place = f"{self.folder}/{proxy.name}"
        began = process_time()
        if not Path(place, TRAINED).exists():
            self._train(proxy, place)
        missing = [each for each in self._sets if not Path(measurement(place, each)).exists()]
        if missing:
            measurer = Measurer(f"{place}/model", self.tokenizer, proxy.training.device, self.threads)
            for each in missing:
                write_json(measurement(place, each), _measured(measurer, each))
            path = f"{place}/{SECONDS}"
            spent = read_json(path)["cpu"] if Path(path).exists() else 0.0
            assert isinstance(spent, float)
            write_json(path, {"cpu": spent + process_time() - began})

    def _train(self, proxy: Proxy, place: str) -> None:
        model = f"{place}/model"
        proxy.training.train(str(Path(proxy.shards).parent), self.tokenizer, model, lambda _: None)
        report = read_json(f"{model}/report.json")
        write_json(
            f"{place}/{TRAINED}", {**proxy.identity, **{name: report[name] for name in ("parameters", "tokens")}}
        )
        for path in Path(model).glob("checkpoint-*"):
            path.unlink()

    def done(self, task: int) -> bool:
        """Say whether a proxy is trained and measured on everything."""
        place = f"{self.folder}/{self.proxies[task].name}"
        there = (measurement(place, each) for each in self._sets)
        return Path(place, TRAINED).exists() and all(Path(path).exists() for path in there)


def measurement(place: str, measured: TextSet | TaskSet) -> str:
    """Return where a proxy's measurement on a set or task lies."""
    kind = "text" if isinstance(measured, TextSet) else "task"
    return f"{place}/{kind}-{measured.digest}-{MEASURING}.json"


def _measured(measurer: Measurer, measured: TextSet | TaskSet) -> dict[str, object]:
    if isinstance(measured, TaskSet):
        return _answered(measurer, measured)
    costs = measurer.texts(pa.array(measured.texts, pa.string()))
    by_language: dict[str, list[float | int]] = {}
    for language, nats, size in zip(measured.languages, costs.nats.tolist(), costs.bytes.tolist(), strict=True):
        sums = by_language.setdefault(language, [0.0, 0])
        sums[0] += nats
        sums[1] += size
    return {"nats": float(costs.nats.sum()), "bytes": int(costs.bytes.sum()), "by_language": by_language}


def _answered(measurer: Measurer, task: TaskSet) -> dict[str, object]:
    costs = measurer.answers([(item.prompt, choice) for item in task.items for choice in item.choices])
    rates, at, correct = costs.nats / costs.bytes, 0, 0
    nats, size = 0.0, 0
    for item in task.items:
        own = slice(at, at + len(item.choices))
        right = at + item.answer
        correct += bool(costs.whole[right]) if len(item.choices) == 1 else int(np.argmin(rates[own])) == item.answer
        nats, size, at = nats + float(costs.nats[right]), size + int(costs.bytes[right]), own.stop
    return {"items": len(task.items), "correct": int(correct), "nats": nats, "bytes": size}


def run_proxies(work: ProxyWork, workers: int) -> None:
    """Train and measure what has not been, so many side by side. Raises RunError where a proxy cannot be trained."""
    pending = {work.proxies[at].name: at for at in reversed(range(len(work.proxies))) if not work.done(at)}
    if not pending:
        return
    call = Call(work, "proxies", tuple(sorted(pending.values())), work.folder, "train")
    run_tasks(call, work.done, LocalExecutor(), workers)


def text_cost(folder: str, proxy: Proxy, texts: TextSet) -> TextCost:
    """Read what a set cost a proxy."""
    value = read_json(measurement(f"{folder}/{proxy.name}", texts))
    by_language = value["by_language"]
    assert isinstance(by_language, dict)
    costs = {name: (float(nats), int(size)) for name, (nats, size) in by_language.items()}
    return TextCost(float(str(value["nats"])), int(str(value["bytes"])), costs)


def task_score(folder: str, proxy: Proxy, task: TaskSet) -> TaskScore:
    """Read how a proxy answered a task."""
    value = read_json(measurement(f"{folder}/{proxy.name}", task))
    return TaskScore(**value)  # type: ignore[arg-type]


def trained(folder: str, proxy: Proxy) -> tuple[int, int]:
    """Return the weights of a proxy and the tokens it has learnt from. Raises RunError where it is not there."""
    path = Path(folder, proxy.name, TRAINED)
    if not path.exists():
        raise RunError(f"{path}: expected a trained proxy, seen none; run the command again")
    value = read_json(str(path))
    return int(str(value["parameters"])), int(str(value["tokens"]))


def cpu_seconds(folder: str, proxies: Sequence[Proxy]) -> float:
    """Return the CPU seconds that proxies took, of those that ran without being killed."""
    places = {f"{folder}/{proxy.name}/{SECONDS}" for proxy in proxies}
    return sum(float(str(read_json(place)["cpu"])) for place in places if Path(place).exists())
