"""Repeated pieces: lines, paragraphs and runs of bytes that other documents have as well are taken out of texts.

What a template puts on every page of a site (menus, notices, licences) makes no document a duplicate of another. These
stages cut it out of the text and leave the rest; the next pass applies the cuts. See `prep.stages.repeats.phases` for
how repeats are found within bounded memory, and `piece_kernels` for what a piece is.
"""

from collections.abc import Iterator
from typing import ClassVar, Literal

import pyarrow as pa
from pydantic import Field

from prep.stages.repeats import audit, phases
from prep.stages.repeats.stored import Level
from prep.stages.repeats.taps import HostLineTap, LineTap, Unit, WindowTap
from prep.stages.settings import Size
from prep.stages.shared.matching.sorted_hashes import ranges
from prep.stages.stage import CheckContext, GlobalStage, Phase, Tagging, Tap
from prep.stages.upstream import GlobalContext
from prep.stages.verdicts import PartVerdicts

SORT, MATCH, CUT, AUDIT = "sort", "match", "cut", "audit"
EXPAND, SORT_RUNS, MATCH_RUNS = "expand", "sort_runs", "match_runs"


class _Repeated(Tagging, GlobalStage):
    columns: ClassVar[tuple[str, ...]] = ("id", "text")
    drops: ClassVar[bool] = True
    compares: ClassVar[bool] = True

    action: Literal["reject", "tag"] = "reject"
    """`reject` takes repeats out of texts and loses documents of which nothing is left. `tag` leaves all texts as they
    are: a column of the stage's name and `_bytes` says how many bytes of each are repeats, another names the rule."""
    at_least: int = Field(2, ge=2)
    """In how many documents a piece must stand to be a repeat."""
    keep: Literal["one", "none"] = "one"
    """`one` leaves a repeat in the document with the smallest id, compared byte by byte; `none` takes it out of all."""
    memory: Size = Field(2 << 30, ge=16 << 20)
    """What a task that sorts or matches may take, such as `2GiB`; changes no result."""

    @property
    def cuts(self) -> bool:
        """Whether the stage takes pieces out of texts."""
        return self.action != "tag"

    def identity(self) -> dict[str, object]:
        """Return the settings without the memory, which changes no result."""
        return self.model_dump(mode="json", exclude={"memory"})

    def phases(self, parts: int) -> tuple[Phase, ...]:
        """Return the phases."""
        return (Phase(SORT, parts), Phase(MATCH, ranges(parts)), Phase(CUT, parts), Phase(AUDIT, 1))

    def adds(self) -> tuple[pa.Field, ...]:
        """Return the column that says how much of each text would be cut."""
        return () if self._noted is None else (pa.field(self._noted, pa.int64()),)

    @property
    def _noted(self) -> str | None:
        return f"{self.name}_bytes" if self.action == "tag" else None

    def level(self) -> Level:
        """Return what is cut."""
        return "pieces"

    def least_share(self) -> float | None:
        """Return the share of a host's documents that must have a piece, None where hosts do not matter."""
        return None

    def is_light(self, phase: str) -> bool:
        """Return True: texts are read twice, their hashes a few times."""
        return True

    def run(self, phase: str, task: int, context: GlobalContext) -> PartVerdicts | None:
        """Run one task; those of the phase `cut` return verdicts."""
        tasks = ranges(len(context.upstream.parts))
        repeats = phases.Repeats(self.at_least, self.keep == "one", self.memory)
        if phase == CUT:
            return phases.cut(self.level(), self.least_share(), tasks, task, context, self._noted)
        if phase in (SORT, SORT_RUNS):
            phases.sort("pieces" if phase == SORT else "runs", self.memory, task, context)
        elif phase in (MATCH, MATCH_RUNS):
            phases.match(repeats, "pieces" if phase == MATCH else "runs", task, tasks, context)
        elif phase == AUDIT:
            audit.write(tasks, context)
        return None


class RepeatedLines(_Repeated):
    """Take out of texts the lines, or paragraphs, that many documents have.

    Lines are compared in lower case and with single blanks, by 128-bit hashes. A document of which nothing but white
    space is left goes (rule `nothing_left`). Lines that one document repeats within itself are no matter of this stage.
    """

    example: ClassVar[str] = "- repeated_lines: {unit: paragraph, at_least: 20}"
    name: ClassVar[str] = "repeated_lines"
    does: ClassVar[str] = "finding repeated lines"
    version: ClassVar[int] = 2
    libraries: ClassVar[tuple[str, ...]] = ("regex",)

    unit: Unit = "line"
    """`line`, or `paragraph`: lines up to the next blank line."""
    at_least: int = Field(10, ge=2)
    """In how many documents a line must stand to be a repeat."""
    shortest: int = Field(20, ge=1)
    """Characters of a line, once white space is folded, from which it counts; shorter ones stay."""

    def tap(self) -> Tap:
        """Return the tap that hashes lines."""
        return LineTap(unit=self.unit, shortest=self.shortest)


class TemplateLines(_Repeated):
    """Take out of texts the lines, or paragraphs, that many pages of the same host have: menus, notices, footers.

    A line goes where more than `share` of the host's documents have it, and at least `at_least` of them. Hosts are
    compared without `www.`; documents without a URL are left as they are. Lines are compared in lower case and with
    single blanks, by 128-bit hashes. A document of which nothing but white space is left goes (rule `nothing_left`).
    """

    example: ClassVar[str] = "- template_lines: {share: 0.3}"
    name: ClassVar[str] = "template_lines"
    does: ClassVar[str] = "finding lines that most pages of a host have"
    libraries: ClassVar[tuple[str, ...]] = ("regex",)
    columns: ClassVar[tuple[str, ...]] = ("id", "text", "url")

    unit: Unit = "line"
    """`line`, or `paragraph`: lines up to the next blank line."""
    share: float = Field(0.3, ge=0, lt=1)
    """Share of a host's documents that have a line, above which it goes."""
    at_least: int = Field(10, ge=2)
    """In how many documents of the host a line must stand."""
    keep: Literal["one", "none"] = "none"
    """`none` takes a line out of all documents; `one` leaves it in that with the smallest id, compared byte by byte."""
    shortest: int = Field(1, ge=1)
    """Characters of a line, once white space is folded, from which it counts; shorter ones stay."""

    def tap(self) -> Tap:
        """Return the tap that hashes lines by host."""
        return HostLineTap(unit=self.unit, shortest=self.shortest)

    def least_share(self) -> float:
        """Return the share of a host's documents that must have a line."""
        return self.share


class RepeatedSubstrings(_Repeated):
    """Take out of texts the runs of bytes that other documents have as well, wherever they begin.

    What Lee et al. 2022 ("Deduplicating Training Data Makes Language Models Better") do with a suffix array, in bounded
    memory: of every run of `length` bytes that `at_least` documents share, all is taken out but in the document with
    the smallest id, and nothing that is not shared over `length` bytes. Runs are compared by 128-bit hashes. Cuts lie
    between words: a word of which only a part is shared stays. Where text is left on both sides of a cut, a line break
    stands between. A document of which nothing but white space is left goes (rule `nothing_left`).
    """

    example: ClassVar[str] = "- repeated_substrings: {length: 800}"
    name: ClassVar[str] = "repeated_substrings"
    does: ClassVar[str] = "finding repeated passages"
    version: ClassVar[int] = 2
    libraries: ClassVar[tuple[str, ...]] = ("regex",)

    length: int = Field(500, ge=64)
    """Bytes from which a run that is repeated is cut."""

    def tap(self) -> Tap:
        """Return the tap that hashes windows."""
        return WindowTap(width=self.width, reach=self.reach)

    @property
    def reach(self) -> int:
        """Windows in a row of which one is chosen."""
        return self.length // 8

    @property
    def width(self) -> int:
        """Bytes of a window."""
        return self.length - self.reach + 1

    def level(self) -> Level:
        """Return what is cut."""
        return "runs"

    def phases(self, parts: int) -> tuple[Phase, ...]:
        """Return the phases."""
        sort, match, cut, last = super().phases(parts)
        runs = (Phase(EXPAND, parts), Phase(SORT_RUNS, parts), Phase(MATCH_RUNS, match.tasks))
        return (sort, match, *runs, cut, last)

    def run(self, phase: str, task: int, context: GlobalContext) -> PartVerdicts | None:
        """Run one task; those of the phase `cut` return verdicts."""
        if phase != EXPAND:
            return super().run(phase, task, context)
        phases.expand(self.length, self.width, ranges(len(context.upstream.parts)), task, context)
        return None

    def remarks(self, context: CheckContext) -> Iterator[str]:
        """Say what is found, and what it takes."""
        density = 2 / (self.reach + 1)
        yield (
            f"cuts every run of {self.length} bytes that {self.at_least} documents share; disk about "
            f"{48 * density:.2f} bytes per byte of text, and 72 per byte that is repeated"
        )
