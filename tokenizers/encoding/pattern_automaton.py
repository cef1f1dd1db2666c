"""A pattern as a finite automaton that finds its matches in one pass, whatever the text.

The tree becomes a nondeterministic automaton (Thompson 1968), and that a deterministic one by the construction of
subsets. A subset is a list in the order of preference, cut off behind a match, so that the match found is the one that
a backtracking engine prefers: the first alternative, the longest repeat (as in Cox, "Regular Expression Matching: the
Virtual Machine Approach", 2009). A match is known when the character after it is seen, which is what a look at the
next character needs.

Code points that no set of the pattern distinguishes are one symbol: published patterns have about 20 symbols and 30
states. Which code points a set holds is asked of `tokenizers`, so that the automaton has the Unicode tables of the
library whose cuts it must give. Cost: 10 ms for each set, once per process.
"""

import string
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from prep.corpus.text.utf8 import CODE_POINTS, every_code_point
from prep.tokenizers.encoding.cutting_kernels import Cutter
from prep.tokenizers.encoding.pattern import Ahead, Choice, Node, One, PatternError, Repeat, Row, parse

Members = npt.NDArray[np.bool_]
"""Whether each code point belongs to a set."""

ASCII = 128
MOST_STATES = 4000
MOST_SETS = 64

_ALIKE = (
    *((0xE000, 0xF900), (0x40000, 0xE0000), (0xE0200, 0xF0000), (0xF0000, 0xFFFFE), (0xFFFFE, 0x100000)),
    *((0x100000, 0x10FFFE), (0x10FFFE, CODE_POINTS)),
)
"""Code points beyond those of `every_code_point`: private and unassigned ones, all alike within a range."""


_FIRST = 1
"""The state to begin in; 0 is the end."""


@cache
def compile_pattern(pattern: str) -> Cutter:
    """Return what cuts text by a pattern. Raises PatternError where there is none, or where it can match nothing."""
    program = _Program(parse(pattern))
    sets = sorted({step.set for step in program.steps if isinstance(step, _Take | _Look)})
    if len(sets) > MOST_SETS:
        raise PatternError(f"more than {MOST_SETS} different sets in {pattern!r}")
    bits = np.zeros(CODE_POINTS, np.uint64)
    for index, source in enumerate(sets):
        bits |= members(source).astype(np.uint64) << np.uint64(index)
    kinds = np.unique(bits)
    symbols = np.searchsorted(kinds, bits)
    if len(kinds) >= 256:
        raise PatternError(f"sets that cut the characters into more than 255 kinds in {pattern!r}")
    holds = [{source: bool(int(kind) >> index & 1) for index, source in enumerate(sets)} for kind in kinds]
    table = _deterministic(program, [*holds, None])
    if (table[_FIRST] & 1).any():
        raise PatternError(f"a pattern that can match nothing: {pattern!r}")
    return _cutter(np.concatenate([table[:, symbols[:ASCII]], table], axis=1), symbols.astype(np.uint8))


def _cutter(table: npt.NDArray[np.int64], symbols: npt.NDArray[np.uint8]) -> Cutter:
    """Return the table of `2 * next state + match` as the kernels run it."""
    states, columns = table.shape
    letters = np.frombuffer(string.ascii_letters.encode(), np.uint8)
    loops = (table[:, letters] >> 1 == np.arange(states)[:, None]).all(axis=1)
    loops &= (table[:, letters] == table[:, letters[:1]]).all(axis=1)
    following, matched = table >> 1, table & 1
    entries = ((following * columns) << 2) | (loops[following] << 1) | matched
    entries[following == 0] &= 1
    first = (columns * _FIRST) << 2 | int(loops[_FIRST]) << 1
    return Cutter(entries.astype(np.uint32).ravel(), symbols, np.uint64(first), np.uint64(columns - 1))


@cache
def members(source: str) -> Members:
    """Return which code points a set holds, by the tables of `tokenizers`. Raises PatternError where it is no set."""
    from tokenizers import Regex, normalizers

    try:
        others = Regex(f"(?:(?!{source})(?m:.))+")
    except Exception as error:  # the library raises no narrower one
        raise PatternError(f"{source!r} is no set of characters: {error}") from error
    text = every_code_point() + "".join(chr(first) for first, _ in _ALIKE)
    left = normalizers.Replace(others, "").normalize_str(text)
    table = np.zeros(CODE_POINTS, np.bool_)
    table[np.frombuffer(left.encode("utf-32-le"), np.uint32)] = True
    for first, end in _ALIKE:
        table[first:end] = table[first]
    table.flags.writeable = False
    return table


class _Match(NamedTuple):
    """The pattern has matched."""


class _Take(NamedTuple):
    """Go on to `then` with a character of the set."""

    set: str
    then: int


class _Look(NamedTuple):
    """Go on to `then` where the next character is, or is not, one of the set."""

    set: str
    negated: bool
    then: int


class _Fork(NamedTuple):
    """Go on to each of `then`, the first being preferred."""

    then: tuple[int, ...]


class _Program:
    """The nondeterministic automaton: steps that name each other by number, built from the pattern's end."""

    def __init__(self, node: Node) -> None:
        self.steps: list[_Match | _Take | _Look | _Fork] = [_Match()]
        self.start = self._build(node, 0)

    def _add(self, step: _Take | _Look | _Fork) -> int:
        self.steps.append(step)
        if len(self.steps) > MOST_STATES:
            raise PatternError(f"a pattern of more than {MOST_STATES} steps")
        return len(self.steps) - 1

    def _build(self, node: Node, then: int) -> int:
        match node:
            case One(source):
                return self._add(_Take(source, then))
            case Ahead(source, negated):
                return self._add(_Look(source, negated, then))
            case Row(parts):
                for part in reversed(parts):
                    then = self._build(part, then)
                return then
            case Choice(parts):
                return self._add(_Fork(tuple(self._build(part, then) for part in parts)))
            case Repeat(part, least, most):
                start = self._loop(part, then) if most is None else self._options(part, most - least, then)
                for _ in range(least):
                    start = self._build(part, start)
                return start

    def _loop(self, part: Node, then: int) -> int:
        fork = self._add(_Fork(()))
        self.steps[fork] = _Fork((self._build(part, fork), then))
        return fork

    def _options(self, part: Node, count: int, then: int) -> int:
        start = then
        for _ in range(count):
            start = self._add(_Fork((self._build(part, start), then)))
        return start


_State = tuple[int, ...]
"""Steps of the program in the order of preference, forks and looks not yet followed."""
_Symbol = dict[str, bool] | None
"""Which sets a symbol belongs to; None is the end of the text."""


def _deterministic(program: _Program, symbols: Sequence[_Symbol]) -> npt.NDArray[np.int64]:
    """Return the table of states × symbols."""
    numbers: dict[_State, int] = {(): 0, (program.start,): _FIRST}
    states = list(numbers)
    rows = []
    for state in states:  # grows while it is walked
        row = []
        for symbol in symbols:
            following, matched = _follow(program, state, symbol)
            if following not in numbers:
                numbers[following] = len(states)
                states.append(following)
                if len(states) > MOST_STATES:
                    raise PatternError(f"a pattern of more than {MOST_STATES} states")
            row.append(2 * numbers[following] + matched)
        rows.append(row)
    return np.array(rows, np.int64)


def _follow(program: _Program, state: _State, symbol: _Symbol) -> tuple[_State, bool]:
    """Return the state after a symbol, and whether a match ends before it."""
    waiting = list(reversed(state))
    seen: set[int] = set()
    following: dict[int, None] = {}
    while waiting:
        number = waiting.pop()
        if number in seen:
            continue
        seen.add(number)
        match program.steps[number]:
            case _Match():
                return tuple(following), True
            case _Fork(then):
                waiting.extend(reversed(then))
            case _Look(source, negated, then):
                if (symbol is not None and symbol[source]) != negated:
                    waiting.append(then)
            case _Take(source, then):
                if symbol is not None and symbol[source]:
                    following[then] = None
    return tuple(following), False
