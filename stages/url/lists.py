"""List files: domains, URLs, words and substrings, one entry per line (see `prep.stages.url.list_kernels`).

Files may be compressed (.gz, .zst, .bz2, .lz4) and lie in remote stores. A file is read in pieces; of domains, URLs and
words only 64-bit keys are kept. Four million entries take 67 MB, and 100 MB while they are loaded. Among n keys, a
host that is not on the list matches by chance once in 2^64 / n look-ups: with four million, once in 4·10^12.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np

from prep.corpus.arrow.columns import Bytes
from prep.corpus.errors import ConfigurationError, Problem
from prep.corpus.files.compression import pieces
from prep.corpus.text.aho_corasick import Automaton, automaton
from prep.corpus.text.hashing import lower_table
from prep.stages.shared.url.form_kernels import form
from prep.stages.shared.url.word_kernels import letter_table
from prep.stages.url.list_kernels import (
    Entries,
    Keys,
    find_entries,
    hash_domains,
    hash_urls,
    hash_words,
    key_table,
    squeeze_entries,
)

ListKind = Literal["domains", "urls", "words", "substrings"]

EXACT = form(ignore_scheme=True, ignore_slash=True, fragments="drop")
"""The form in which URLs are compared with lists."""
LONGEST_LINE = 1 << 20
_BOM = b"\xef\xbb\xbf"
_EXPECTED: dict[ListKind, str] = {
    "domains": "a domain such as example.org, without scheme, port or path",
    "urls": "a URL",
    "words": "one word of letters and digits",
    "substrings": "at least one letter or digit",
}


class UnusableListError(ConfigurationError):
    """A list file that cannot be used."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__([str(problem)])

    def __reduce__(self) -> tuple[type["UnusableListError"], tuple[Problem]]:  # type: ignore[override]
        return type(self), (self.problem,)


class Domains(NamedTuple):
    """A hash table of domains, and the bytes of the longest. An empty table holds nothing."""

    keys: Keys
    longest: int


def load_domains(paths: Sequence[str]) -> Domains:
    """Return the domains of some files. Raises UnusableListError."""
    found: list[Keys] = []
    longest = 0
    for path in paths:
        for block in _blocks(path):
            keys, length, wrong = hash_domains(block.data, block.entries, lower_table())
            block.refuse(path, "domains", wrong)
            found.append(keys)
            longest = max(longest, length)
    return Domains(_table(found), longest)


def load_urls(paths: Sequence[str]) -> Keys:
    """Return a hash table of the URLs of some files, in the form EXACT. Raises UnusableListError."""
    return _table(
        [hash_urls(block.data, block.entries, EXACT, lower_table()) for path in paths for block in _blocks(path)]
    )


def load_words(paths: Sequence[str]) -> Keys:
    """Return a hash table of the words of some files. Raises UnusableListError."""
    found: list[Keys] = []
    for path in paths:
        for block in _blocks(path):
            keys, wrong = hash_words(block.data, block.entries, letter_table(), lower_table())
            block.refuse(path, "words", wrong)
            found.append(keys)
    return _table(found)


def load_substrings(paths: Sequence[str]) -> Automaton:
    """Return an automaton over the substrings of some files. Raises UnusableListError."""
    patterns: list[bytes] = []
    for path in paths:
        for block in _blocks(path):
            data, offsets = squeeze_entries(block.data, block.entries, letter_table(), lower_table())
            lengths = np.diff(offsets)
            block.refuse(path, "substrings", int(np.argmin(lengths)) if not lengths.all() else -1)
            ends = offsets.tolist()
            text = data.tobytes()
            patterns += [text[start:end] for start, end in pairwise(ends)]
    return automaton(patterns)


def find_problem(path: str, kind: ListKind) -> Problem | None:
    """Return what is wrong with a list file, or None."""
    load = {"domains": load_domains, "urls": load_urls, "words": load_words, "substrings": load_substrings}[kind]
    try:
        load([path])
    except UnusableListError as error:
        return error.problem
    return None


def _table(keys: list[Keys]) -> Keys:
    joined = np.concatenate([np.empty(0, np.uint64), *keys])
    keys.clear()
    return key_table(joined) if len(joined) else joined


class _Block(NamedTuple):
    """A piece of a file that holds whole lines, with its entries."""

    data: Bytes
    entries: Entries
    first_line: int

    def refuse(self, path: str, kind: ListKind, wrong: int) -> None:
        """Raise UnusableListError for the entry with this number; −1 is none."""
        if wrong >= 0:
            entry = bytes(self.data[self.entries.starts[wrong] : self.entries.ends[wrong]])
            line = self.first_line + int(self.entries.lines[wrong]) + 1
            seen = repr(entry[:80].decode(errors="replace"))
            raise UnusableListError(
                Problem(
                    f"{path}, line {line}", expected=_EXPECTED[kind], seen=seen, hint="hint the line or take it out"
                )
            )


def _blocks(path: str) -> Iterator[_Block]:
    first_line = entries_seen = 0
    for text in _whole_lines(path):
        data = np.frombuffer(text, np.uint8)
        entries, lines = find_entries(data)
        if len(entries.starts):
            yield _Block(data, entries, first_line)
        first_line += lines
        entries_seen += len(entries.starts)
    if not entries_seen:
        raise UnusableListError(Problem(f"{path} holds no entry", hint="fill it, or leave it out"))


def _whole_lines(path: str) -> Iterator[bytes]:
    rest, first = b"", True
    try:
        for piece in pieces(path):
            if piece.rule is not None:
                raise UnusableListError(Problem(f"{path} is damaged ({piece.rule}): {piece.detail}"))
            data = rest + (piece.data.removeprefix(_BOM) if first else piece.data)
            first = False
            if b"\0" in piece.data or len(rest) > LONGEST_LINE:
                raise UnusableListError(Problem(f"{path} is no list", expected="lines of text", seen="other data"))
            end = data.rfind(b"\n") + 1
            rest = data[end:]
            if end:
                yield data[:end]
    except OSError as error:
        reason = error.strerror or str(error)
        raise UnusableListError(
            Problem(f"{path} cannot be read: {reason}", hint="name a file that is there")
        ) from error
    if rest:
        yield rest
