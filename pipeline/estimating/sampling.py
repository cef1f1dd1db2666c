"""Which stretches of the input stand for all of it: drawn from strata, dealt to tasks at random.

A unit is a small file, or one of the stretches of about equal size that a larger file is cut into. Units are grouped
into strata by source, format and size of file, since a small page and a book differ in all that is predicted. From
each stratum about the same share is drawn, systematically from a random start, so that the sample is spread over
folders and over the beginnings and ends of files; then the units are dealt to the stratum's tasks at random. Neighbours
are alike (one site, one book), so units are clusters, and a task's units are a random group of them: how the groups
differ says how far the sample can be trusted (Cochran 1977, "Sampling Techniques", chapters 5A, 8 and 9A; Wolter 2007,
"Introduction to Variance Estimation", chapter 2). Cost: two cuts per unit of a large file.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from prep.stages.stage import FileRange, InputFile, Partition, SourceStage

UNITS = 400
"""About how many units a sample has, where these are not smaller or larger than follows."""
LEAST_UNIT, MOST_UNIT = 32 << 10, 1 << 20
"""Bytes of a stretch."""
LEAST_UNITS = 4
"""Units that are drawn from a stratum at least, where it has so many."""
TASKS = 12
"""About how many tasks the units are dealt to."""
LEAST_STRATUM = 1 / 64
"""Strata with less of the bytes are joined with others of their source."""
LENGTHENINGS = 4
"""How often longer stretches are tried, each time of four times as many bytes."""
SIZES = 3
"""Files whose sizes differ by more than this many powers of two are in different strata."""


@dataclass(frozen=True)
class Stratum:
    """Files that are alike."""

    source: str
    files: tuple[InputFile, ...]

    @property
    def bytes(self) -> int:
        """On disk."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True)
class Sample:
    """What is read in place of the input."""

    tasks: tuple[Partition, ...]
    strata: tuple[int, ...]
    """The stratum of each task, by its place in `sizes`."""
    sizes: tuple[int, ...]
    """Bytes of each stratum in all of the input."""
    total: int
    """Bytes of the input."""
    remarks: tuple[str, ...] = ()
    """What is wrong with it, for people."""
    whole: bool = False
    """Whether it is all of the input."""

    @property
    def bytes(self) -> int:
        """Bytes on disk."""
        return sum(task.size for task in self.tasks)

    @property
    def share(self) -> float:
        """How much of the input it is."""
        return min(1.0, self.bytes / self.total) if self.total else 1.0


def draw(source: SourceStage, files: Sequence[InputFile], wanted: int, seed: int, tasks: int = TASKS) -> Sample:
    """Draw about so many bytes on disk; all of the input, in its usual tasks, where it has no more."""
    total = sum(file.size for file in files)
    if wanted >= total:
        own = source.partitions(files)
        return Sample(own, (0,) * len(own), (total,), total, whole=True)
    unit = min(MOST_UNIT, max(LEAST_UNIT, wanted // UNITS))
    found = _drawn(source, files, wanted, unit, seed, tasks)
    for _ in range(LENGTHENINGS):  # records may be longer than stretches, in which none begins then
        if 2 * found.bytes >= wanted:
            break
        unit *= 4
        found = _drawn(source, files, wanted, unit, seed, tasks)
    return found


def _drawn(source: SourceStage, files: Sequence[InputFile], wanted: int, unit: int, seed: int, tasks: int) -> Sample:
    """Draw about so many bytes in stretches of about so many."""
    total = _bytes(files)
    strata = strata_of(files, unit)
    random = Random(seed)
    dealt: list[Partition] = []
    of: list[int] = []
    remarks: list[str] = []
    for number, stratum in enumerate(strata):
        units = list(_units(source, stratum, wanted / total, unit, random, remarks)) or [_any(source, stratum, random)]
        count = min(len(units), max(2, round(tasks * stratum.bytes / total)))
        groups = deal(units, count, random)
        dealt += groups
        of += [number] * len(groups)
    return Sample(tuple(dealt), tuple(of), tuple(stratum.bytes for stratum in strata), total, tuple(remarks))


def thinned(sample: Sample, every: int) -> Sample:
    """Return a nested sample: every so many-th unit of each task, at least one of each."""
    tasks = tuple(Partition(task.ranges[:: max(1, min(every, len(task.ranges)))]) for task in sample.tasks)
    return Sample(tasks, sample.strata, sample.sizes, sample.total)


def strata_of(files: Sequence[InputFile], unit: int) -> tuple[Stratum, ...]:
    """Group files by source, format and size; what has little of the bytes joins another group of its source."""
    found: dict[tuple[str, str, int], list[InputFile]] = defaultdict(list)
    for file in files:
        size = min(file.size, 2 * unit).bit_length() // SIZES
        found[file.source, file.format, size].append(file)
    least = sum(file.size for file in files) * LEAST_STRATUM
    by_source: dict[str, list[list[InputFile]]] = defaultdict(list)
    for (name, _, _), group in sorted(found.items()):
        groups = by_source[name]
        if groups and min(_bytes(groups[-1]), _bytes(group)) < least:
            groups[-1] = [*groups[-1], *group]
        else:
            groups.append(group)
    return tuple(
        Stratum(name, tuple(sorted(group, key=lambda file: file.path)))
        for name, groups in by_source.items()
        for group in groups
        if _bytes(group)
    )


def deal(units: Sequence[FileRange], count: int, random: Random) -> list[Partition]:
    """Deal units to so many tasks at random; each reads its own in the order of the files."""
    order = list(range(len(units)))
    random.shuffle(order)
    chosen = [sorted(order[first::count]) for first in range(count)]
    return [Partition(tuple(units[number] for number in numbers)) for numbers in chosen]


def _bytes(files: Sequence[InputFile]) -> int:
    return sum(file.size for file in files)


def _units(
    source: SourceStage, stratum: Stratum, share: float, unit: int, random: Random, remarks: list[str]
) -> Iterator[FileRange]:
    """Draw a share of a stratum's units, in the order of the files."""
    counts = [max(1, round(file.size / unit)) for file in stratum.files]
    wanted = min(sum(counts), max(LEAST_UNITS, round(share * sum(counts))))
    for index, chosen in _systematic(counts, wanted, random).items():
        file = stratum.files[index]
        cut = source.stretches(file, counts[index], chosen) if counts[index] > 1 else None
        if cut is not None and len(cut) == 1 < len(chosen) and cut[0].size == file.size * len(chosen) // counts[index]:
            remarks.append(f"{file.path} cannot be cut: its beginning stands for all of it")
        if cut is not None:
            yield from cut
        elif 0 in chosen:  # all of the file is its first stretch, and the others are empty
            yield FileRange(file, file.size)


def _any(source: SourceStage, stratum: Stratum, random: Random) -> FileRange:
    """Return half of a file, or all of it where it cannot be cut: what stands for a stratum of which none was drawn."""
    file = random.choice([each for each in stratum.files if each.size])
    halves = source.stretches(file, 2, [0])
    return halves[0] if halves else FileRange(file, file.size)


def _systematic(counts: Sequence[int], wanted: int, random: Random) -> Mapping[int, list[int]]:
    """Draw so many of the units that lie in a row, at equal distances; return them by file."""
    total = sum(counts)
    step = total / wanted
    begin = random.random() * step
    places = sorted({min(total - 1, int(begin + number * step)) for number in range(wanted)})
    found: dict[int, list[int]] = defaultdict(list)
    index = before = 0
    for place in places:
        while place >= before + counts[index]:
            before += counts[index]
            index += 1
        found[index].append(place - before)
    return found
