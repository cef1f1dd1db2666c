"""YAML with line numbers: the values, and the line on which each key or item stands.

Uses PyYAML's node graph (`yaml.compose`), whose marks survive where plain loading drops them.
"""

import os
import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field

import yaml

from prep.corpus.errors import ConfigurationError
from prep.pipeline.mistakes import syntax

Path = tuple[str | int, ...]
"""Keys and indices from the top of the document down to a value."""

MOST_VALUES = 100_000
"""A file that holds more values, aliases replaced by what they stand for, is refused."""

VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True)
class Located:
    """A parsed YAML file: plain values and, by path, the place each of them was written."""

    name: str
    value: object
    lines: Mapping[Path, int]
    overridden: Mapping[Path, str] = field(default_factory=dict)
    """Paths whose value came from the command line, with what was typed there: `--workers 0`."""
    overrides: tuple[str, ...] = ()
    """All that the command line changed, as `name=value`."""
    written: object = None
    """The values as they were written: environment variables, which may be secrets, are not replaced."""

    def where(self, path: Path) -> str:
        """Return `file:line` of a path, or of the closest thing above it that was written down."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.overridden:
                return self.overridden[path[:end]]
            if path[:end] in self.lines:
                return f"{self.name}:{self.lines[path[:end]]}"
        return self.name


def read_yaml(name: str, text: str, environment: Mapping[str, str] = os.environ) -> Located:
    """Parse YAML; `${NAME}` inside strings stands for an environment variable.

    Raises ConfigurationError, with the place, for invalid YAML, a key given twice, or a variable that is not set.
    """
    lines: dict[Path, int] = {}
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        if root is None:
            raise ConfigurationError([f"{name}: the file is empty; expected the keys 'output' and 'stages'"])
        copy = deepcopy(root)  # building merges what `<<` names into the nodes
        value = _Builder(name, environment, lines).built(root)
        return Located(name, value, lines, written=_Builder(name, {}, {}).built(copy, substitute=False))
    except yaml.reader.ReaderError as error:
        raise ConfigurationError([f"{name}: not valid YAML: {error.reason} (character {error.position})"]) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{name}:{mark.line + 1}" if mark else name
        raise ConfigurationError([f"{where}: not valid YAML: {syntax(error)}"]) from error
    except RecursionError as error:
        raise ConfigurationError([f"{name}: an anchor that holds itself, or thousands of levels"]) from error


def parse_value(text: str) -> object:
    """Parse one value as YAML would (`8` is a number, `[a, b]` a list), for `--set`."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        return None if root is None else _Builder("--set", {}, {}).built(root, substitute=False)
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigurationError([f"--set: not a YAML value: {text[:100]!r}"]) from error


class _Builder:
    """Turns YAML nodes into plain values and notes their lines."""

    def __init__(self, name: str, environment: Mapping[str, str], lines: dict[Path, int]) -> None:
        self._name = name
        self._environment = environment
        self._lines = lines
        self._values = yaml.SafeLoader("")
        self._substitutes = True

    def built(self, root: yaml.Node, substitute: bool = True) -> object:
        """Return the value of a whole file, whose size is bounded first: aliases of aliases grow beyond any memory."""
        values = _size(root, {})
        if values > MOST_VALUES:
            raise ConfigurationError(
                [f"{self._name}: {values:,} values with aliases replaced; at most {MOST_VALUES:,}"]
            )
        self._substitutes = substitute
        return self.build(root, ())

    def build(self, node: yaml.Node, path: Path) -> object:
        self._lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        value = self._scalar(node)
        return self._substitute(value, node) if isinstance(value, str) and self._substitutes else value

    def _scalar(self, node: yaml.Node) -> object:
        place = f"{self._name}:{node.start_mark.line + 1}"
        try:
            value = self._values.construct_object(node)
        except (ValueError, OverflowError) as error:  # a date that is none, a number of more digits than Python reads
            raise ConfigurationError([f"{place}: not a value: {str(node.value)[:40]!r}: {error}"]) from error
        if isinstance(value, int) and value.bit_length() > 64:
            raise ConfigurationError([f"{place}: a number of {value.bit_length()} bits; numbers have at most 64"])
        return value

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, object]:
        first: dict[str, int] = {}
        for key_node, _ in node.value:
            key, line = str(key_node.value), key_node.start_mark.line + 1
            if key in first:
                raise ConfigurationError([f"{self._name}:{line}: '{key}' is given twice, first on line {first[key]}"])
            first[key] = line
        self._values.flatten_mapping(node)  # puts what `<<` merges in front of the mapping's own keys
        mapping: dict[str, object] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            self._lines[(*path, key)] = key_node.start_mark.line + 1
            mapping[key] = self.build(value_node, (*path, key))
        return mapping

    def _substitute(self, text: str, node: yaml.Node) -> str:
        def value(match: re.Match[str]) -> str:
            variable = match.group(1)
            if variable not in self._environment:
                place = f"{self._name}:{node.start_mark.line + 1}"
                raise ConfigurationError([f"{place}: the environment variable {variable} is not set; export it"])
            return self._environment[variable]

        return VARIABLE.sub(value, text)


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """Return how many values a node stands for, each alias counted in full. Raises RecursionError for a circle."""
    if id(node) in known:
        return known[id(node)]
    if not isinstance(node, yaml.CollectionNode):
        return 1
    parts = node.value if isinstance(node, yaml.SequenceNode) else [each for pair in node.value for each in pair]
    known[id(node)] = 1 + sum(_size(part, known) for part in parts)
    return known[id(node)]
