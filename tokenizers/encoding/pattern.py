r"""Patterns that cut text into pieces, parsed: the part of regular expressions that needs no backtracking.

A pattern is written in the syntax of Oniguruma, the engine of `tokenizers`. It may hold characters and sets of
characters of every kind, alternatives, groups (also `(?i:…)`), the greedy `?`, `*`, `+` and `{m,n}`, and a look at the
one character that follows: `(?!\S)`. What it may not hold is refused with its place: lazy and possessive repeats,
anchors, references, looks behind or further ahead. A set is never looked into: its text is handed to Oniguruma, which
says what it matches (`prep.tokenizers.encoding.pattern_automaton`).
"""

import re
import sys
from functools import cache
from typing import NamedTuple, NoReturn, Union

from prep.corpus.text.utf8 import every_code_point


class PatternError(ValueError):
    """A pattern holds what cannot be compiled; says what and where."""


class One(NamedTuple):
    r"""One character of a set, which is itself a pattern such as `x`, `\s` or `[^\r\n]`."""

    set: str


class Ahead(NamedTuple):
    """Nothing, where the next character is one of the set, or, negated, is none of it or does not exist."""

    set: str
    negated: bool


class Row(NamedTuple):
    """One part after the other."""

    parts: "tuple[Node, ...]"


class Choice(NamedTuple):
    """The first part that lets the whole pattern match."""

    parts: "tuple[Node, ...]"


class Repeat(NamedTuple):
    """A part `least` to `most` times, as often as possible."""

    part: "Node"
    least: int
    most: int | None


Node = Union[One, Ahead, Row, Choice, Repeat]  # noqa: UP007 - `|` cannot name a class that follows

MOST_REPEATS = 1000
_BOUNDS = re.compile(r"\{(\d*)(,?)(\d*)\}")
_ESCAPED_SETS = "sSdDwWrnt"
_QUANTIFIERS = "?*+"


def parse(pattern: str) -> Node:
    """Return the tree of a pattern. Raises PatternError for what is not supported."""
    parser = _Parser(pattern)
    node = parser.choice(fold=False)
    if parser.at < len(pattern):
        parser.refuse("a parenthesis that closes nothing")
    return node


class _Parser:
    """Recursive descent: `fold` says that upper and lower case are the same."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0

    def refuse(self, what: str) -> NoReturn:
        raise PatternError(f"{what} at position {self.at} of {self.pattern!r}")

    def choice(self, fold: bool) -> Node:
        parts = [self.row(fold)]
        while self._take("|"):
            parts.append(self.row(fold))
        return Choice(tuple(parts)) if len(parts) > 1 else parts[0]

    def row(self, fold: bool) -> Node:
        start, parts = self.at, []
        while self.at < len(self.pattern) and self.pattern[self.at] not in "|)":
            parts.append(self.repeat(self.element(fold)))
        if fold:
            self._refuse_folded_pairs(start)
        return Row(tuple(parts))

    def element(self, fold: bool) -> Node:
        if self._take("(?:"):
            return self._closed(self.choice(fold))
        if self._take("(?i:"):
            return self._closed(self.choice(fold=True))
        if self._take("(?!"):
            return self._closed(Ahead(self.one(fold).set, negated=True))
        if self._take("(?="):
            return self._closed(Ahead(self.one(fold).set, negated=False))
        if self.pattern.startswith("(?", self.at):
            self.refuse("a kind of group that is not supported")
        if self._take("("):
            return self._closed(self.choice(fold))
        return self.one(fold)

    def one(self, fold: bool) -> One:
        start = self.at
        first = self.pattern[start : start + 1]
        if first == "[":
            self._skip_brackets()
        elif first == "\\":
            self._skip_escape()
        elif not first or first in "^${()|" + _QUANTIFIERS:
            self.refuse("an anchor, a group or nothing where a character or set was expected")
        else:
            self.at += 1
        text = self.pattern[start : self.at]
        return One(f"(?i:{text})" if fold else text)

    def repeat(self, node: Node) -> Node:
        """Read the quantifiers that follow a node."""
        quantifier = self.pattern[self.at : self.at + 1]
        if quantifier == "{":
            least, most = self._bounds()
        elif quantifier and quantifier in _QUANTIFIERS:
            least, most = int(quantifier == "+"), 1 if quantifier == "?" else None
            self.at += 1
        else:
            return node
        if isinstance(node, Ahead):
            self.refuse("a repeated look ahead")
        if self.pattern[self.at : self.at + 1] in ("{", *_QUANTIFIERS):
            self.refuse("a lazy, possessive or repeated quantifier")
        return Repeat(node, least, most)

    def _bounds(self) -> tuple[int, int | None]:
        match = _BOUNDS.match(self.pattern, self.at)
        if match is None or not (match[1] or match[3]):
            self.refuse("braces that are no quantifier")
        least = int(match[1] or 0)
        most = (int(match[3]) if match[3] else None) if match[2] else least
        if max(least, most or 0) > MOST_REPEATS or (most is not None and most < max(least, 1)):
            self.refuse(f"bounds beyond {MOST_REPEATS}, or out of order")
        self.at = match.end()
        return least, most

    def _skip_brackets(self) -> None:
        depth = 0
        for at in range(self.at, len(self.pattern)):
            escaped = _odd_backslashes(self.pattern, at)
            depth += not escaped and self.pattern[at] == "["
            depth -= not escaped and self.pattern[at] == "]"
            if depth == 0:
                self.at = at + 1
                return
        self.refuse("a bracket that is not closed")

    def _skip_escape(self) -> None:
        escaped = self.pattern[self.at + 1 : self.at + 2]
        if escaped in ("p", "P") and (end := self.pattern.find("}", self.at)) > 0:
            self.at = end + 1
        elif escaped and (escaped in _ESCAPED_SETS or not escaped.isalnum()):
            self.at += 2
        else:
            self.refuse("an escape that is not supported")

    def _refuse_folded_pairs(self, start: int) -> None:
        """Oniguruma lets `ß` match `(?i:ss)`: one character for two, which no set can say."""
        text = self.pattern[start : self.at].casefold()
        if any(pair in text for pair in _folded_pairs()):
            self.refuse("letters that one character stands for when case is ignored, such as 'ss' or 'fi',")

    def _take(self, text: str) -> bool:
        found = self.pattern.startswith(text, self.at)
        self.at += len(text) * found
        return found

    def _closed(self, node: Node) -> Node:
        if not self._take(")"):
            self.refuse("a group that is not closed")
        return node


def _odd_backslashes(text: str, at: int) -> bool:
    before = text[:at]
    return (len(before) - len(before.rstrip("\\"))) % 2 == 1


@cache
def _folded_pairs() -> frozenset[str]:
    """Return the strings of several characters that some character is equal to when case is ignored."""
    folded = (sys.intern(character.casefold()) for character in every_code_point())
    return frozenset(text for text in folded if len(text) > 1)
