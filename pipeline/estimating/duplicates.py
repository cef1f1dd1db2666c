"""What stages that compare documents take away, from the run of a sample in which copies stay together."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prep.corpus.arrow.documents import ID, TEXT
from prep.pipeline.estimating.keyed import BUCKETS, Keyed, Member
from prep.pipeline.estimating.measuring import Measured
from prep.pipeline.plan import GlobalStep
from prep.pipeline.steps import phases, records

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Loss:
    """What a stage loses, in documents of the input, by bucket of the sample, at last what is certain (BUCKETS + 1)."""

    entered: Floats
    lost: Floats
    bytes_entered: Floats
    """Bytes of text."""
    bytes_lost: Floats
    sizes: tuple[tuple[float, float], ...]
    """Clusters: documents in each, and for how many clusters it stands."""
    rules: Mapping[str, int]
    """Documents of the sample that were lost, by rule."""


def losses(measured: Measured, keyed: Keyed) -> Mapping[int, Loss]:
    """Return what each stage that compares documents loses, by its position in the configuration."""
    weights = {identity: member.weight for identity, member in keyed.members.items()}
    found: dict[int, Loss] = {}
    for step in measured.plan.steps:
        if isinstance(step, GlobalStep) and step.stage.compares:
            found[step.position] = _loss(step, measured.folder, keyed.members, weights)
    return found


def _loss(step: GlobalStep, folder: str, members: Mapping[str, Member], weights: dict[str, float]) -> Loss:
    """Count a stage's losses; what a kept document stands for is lowered by those of its copies that it stood for."""
    lengths = _entered(step, folder)
    rejected = _rejected(step, folder)
    pairs = [(lost, kept) for lost, kept, _ in rejected]
    sums = np.zeros((4, BUCKETS + 1))
    for identity, length in lengths.items():
        sums[0, members[identity].cell] += weights[identity]
        sums[2, members[identity].cell] += weights[identity] * length
    sizes: list[tuple[float, float]] = []
    for alike in _alike(pairs, members):
        first, *others = alike
        there = members[first].together([members[lost] for lost in others])
        times = (len(alike) / there - 1) / len(others)
        for lost in others:
            standing = weights[lost] * times
            sums[1, members[lost].cell] += standing
            sums[3, members[lost].cell] += standing * lengths.get(lost, 0)
            weights[lost] = 0.0
        standing = weights[first] * (1 - members[first].drawn)  # copies of it that were not drawn
        sums[1, members[first].cell] += standing
        sums[3, members[first].cell] += standing * lengths.get(first, 0)
        weights[first] -= standing
        sizes.append((len(alike) / there / members[first].drawn, weights[first]))
    return Loss(sums[0], sums[1], sums[2], sums[3], tuple(sizes), Counter(rule for _, _, rule in rejected))


def _alike(pairs: Sequence[tuple[str, str]], members: Mapping[str, Member]) -> list[list[str]]:
    """Return the documents of one cluster and one group, where there are several; the one that is kept comes first."""
    found: dict[tuple[str, int], list[str]] = {}
    for kept in dict.fromkeys(kept for _, kept in pairs if kept in members):
        found[kept, members[kept].group] = [kept]
    for lost, kept in pairs:
        found.setdefault((kept, members[lost].group), []).append(lost)
    return [alike for alike in found.values() if len(alike) > 1]


def _entered(step: GlobalStep, folder: str) -> Mapping[str, int]:
    """Return the bytes of text of the documents that came into a step, by their ids."""
    upstream = phases.context(step, folder).upstream
    found: dict[str, int] = {}
    for part in range(len(upstream.parts)):
        for batch in upstream.documents(part, [ID.name, TEXT.name]):
            lengths = pc.binary_length(batch.column(TEXT.name)).to_pylist()
            found |= dict(zip(batch.column(ID.name).to_pylist(), lengths, strict=True))
    return found


def _rejected(step: GlobalStep, folder: str) -> list[tuple[str, str, str]]:
    """Return the documents that a step lost, the one kept in the place of each, empty where none is named, and why."""
    own = f"{folder}/{step.folder}"
    found: list[tuple[str, str, str]] = []
    for name in records.list_files(own, "output/rejected"):
        lost, kept, rules = pq.read_table(f"{own}/{name}", columns=["id", "detail", "rule"]).to_pydict().values()
        found += zip(lost, (each or "" for each in kept), rules, strict=True)
    return found
