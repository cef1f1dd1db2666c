"""Repeated pieces: `repeated_lines` and `repeated_substrings` take out of texts what other documents have as well.

What a template puts on every page of a site (menus, notices, licences) makes no document a duplicate of another. These
stages cut it out of the text and leave the rest; the next pass applies the cuts. See `prep.stages.repeats.phases` for
how repeats are found within bounded memory, and `piece_kernels` for what a piece is.
"""

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import ByteSize, Field

from prep.stages.repeats import audit, phases
from prep.stages.repeats.taps import LineTap, Unit, WindowTap
from prep.stages.shared.matching.matching import ranges
from prep.stages.stage import CheckContext, GlobalStage, PartVerdicts, Phase, Tap
from prep.stages.upstream import GlobalContext

SORT, MATCH, CUT, AUDIT = "sort", "match", "cut", "audit"


class _Repeated(GlobalStage):
    columns: ClassVar[tuple[str, ...]] = ("id", "text")
    drops: ClassVar[bool] = True
    cuts: ClassVar[bool] = True

    at_least: int = Field(2, ge=2)
    """In how many documents a piece must stand to be a repeat."""
    keep: Literal["one", "none"] = "one"
    """`one` leaves a repeat in the document with the smallest id, compared byte by byte; `none` takes it out of all."""
    memory: ByteSize = Field(ByteSize(2 << 30), ge=16 << 20)
    """What a task that matches may take, such as `2GiB`; changes no result."""

    def identity(self) -> dict[str, object]:
        """Return the settings without the memory, which changes no result."""
        return self.model_dump(mode="json", exclude={"memory"})

    def phases(self, parts: int) -> tuple[Phase, ...]:
        """Return the phases."""
        return (Phase(SORT, parts), Phase(MATCH, ranges(parts)), Phase(CUT, parts), Phase(AUDIT, 1))

    def run(self, phase: str, task: int, context: GlobalContext) -> PartVerdicts | None:
        """Run one task; those of the phase `cut` return verdicts."""
        tasks = ranges(len(context.upstream.parts))
        if phase == SORT:
            phases.sort(task, context)
            return None
        if phase == MATCH:
            phases.match(phases.Repeats(self.at_least, self.keep == "one", self.memory), task, tasks, context)
            return None
        if phase == AUDIT:
            audit.write(tasks, context)
            return None
        return phases.cut(tasks, task, context)


class RepeatedLines(_Repeated):
    """Take out of texts the lines, or paragraphs, that many documents have.

    Lines are compared in lower case and with single blanks, by 128-bit hashes. A document of which nothing but white
    space is left goes (rule `nothing_left`). Lines that one document repeats within itself are no matter of this stage.
    """

    name: ClassVar[str] = "repeated_lines"
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


class RepeatedSubstrings(_Repeated):
    """Take out of texts the runs of bytes that other documents have as well, wherever they begin.

    What Lee et al. 2022 ("Deduplicating Training Data Makes Language Models Better") do with a suffix array, in bounded
    memory. Of every run of `length` bytes that `at_least` documents share, all is taken out but less than an eighth of
    `length` at either end; nothing is taken out that is not shared over about seven eighths of `length`. Runs are
    compared by 128-bit hashes of chosen windows. A document of which nothing but white space is left goes (rule
    `nothing_left`).
    """

    name: ClassVar[str] = "repeated_substrings"

    length: int = Field(500, ge=64)
    """Bytes from which a repeated run is surely found."""

    def tap(self) -> Tap:
        """Return the tap that hashes windows."""
        return WindowTap(width=self.length - self.reach + 1, reach=self.reach)

    @property
    def reach(self) -> int:
        """Windows in a row of which one is chosen."""
        return self.length // 8

    def remarks(self, context: CheckContext) -> Iterator[str]:
        """Say what the windows guarantee, and what they take."""
        density = 2 / (self.reach + 1)
        yield (
            f"finds every shared run of {self.length} bytes by windows of {self.length - self.reach + 1}, and leaves "
            f"at most {self.reach - 1} bytes of it at either end; disk about {48 * density:.2f} bytes per byte of text"
        )
