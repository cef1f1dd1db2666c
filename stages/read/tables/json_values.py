"""JSON values read so that no record is lost, and no number changed, over what the usual parsers refuse or round.

orjson parses nearly all records. Those that it refuses, or may have rounded, are parsed again by Python's own parser,
which takes `NaN`, `Infinity` and halves of surrogate pairs, and is set to leave numbers as they are spelled. What is
no JSON becomes null or U+FFFD (`nan`, `-inf` and the like as other languages print them, too); of several values under
one name the last counts, as everywhere; control characters in strings stay what they are. All are counted.
Source: RFC 8259, sections 4, 6 and 8.2.
"""

import json
import math
import re
from collections.abc import Sequence
from typing import TypeAlias

import orjson

Value: TypeAlias = "bool | int | float | str | Sequence[Value] | dict[str, Value] | None"

_ESCAPED = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[dD][89a-fA-F][0-9a-fA-F]{2}|.)", re.S
)
_NO_NUMBER = re.compile(r'"(?:[^"\\]|\\.)*"|[+-]?\b(?:nan|inf(?:inity)?)\b', re.IGNORECASE | re.DOTALL)
"""Strings, and what is printed for numbers that are none."""
_IN_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_CONTROLS = re.compile(r"[\x00-\x1f]")
_HALF = 6
"""How many characters spell half of a surrogate pair."""
_LARGE = re.compile(rb"[0-9]e[+0-9]")
"""How orjson writes a float that may have been an integer of many digits, or whose spelling says more."""
_MOST_EXACT = 1 << 63
_CUT_WORD = re.compile(r"[-A-Za-z0-9]{0,9}")
"""What may be left of `true`, `-Infinity` or an escape."""


class BadJsonError(ValueError):
    """A record that is no JSON, in whatever way it is read."""


class Digits(str):
    """A number as it is spelled, because no number of 64 bits is it."""

    __slots__ = ()


def parse(data: bytes, text_column: str, scalars: Sequence[str]) -> tuple[Value, int]:
    """Return a record, and how many of its values had to be replaced; `scalars` are fields that become strings.

    Raises BadJsonError, and UnicodeDecodeError where the bytes are not UTF-8.
    """
    try:
        record: Value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        return _parse_leniently(data, str(error))
    if isinstance(record, dict) and (
        _may_be_rounded(record, text_column, scalars) or data.count(b'"' + text_column.encode() + b'"') > 1
    ):
        return _parse_leniently(data, "")
    return record, 0


def breaks_off(text: str) -> bool:
    """Say whether text is the beginning of a JSON value, and lacks its end."""
    text = text.strip()
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        if error.msg.startswith("Extra data"):
            return False
        return error.msg.startswith("Unterminated") or _CUT_WORD.fullmatch(text, error.pos) is not None
    except RecursionError:
        return False
    return False


def is_value(data: bytes) -> bool:
    """Say whether bytes are one JSON value as the standard has it."""
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError:
        return False
    return True


def several(data: bytes) -> list[tuple[int, int]]:
    """Return where each of several JSON values that follow each other begins and ends, in bytes.

    Returns nothing where something else stands between them, or the bytes are not UTF-8.
    """
    try:
        text = data.decode()
        decoder = json.JSONDecoder(strict=False)
        places: list[tuple[int, int]] = []
        at = written_bytes = 0
        while at < len(text):
            begin = len(text) - len(text[at:].lstrip(" \t\r"))
            if begin == len(text):
                break
            _, end = decoder.raw_decode(text, begin)
            first = written_bytes + len(text[at:begin].encode())
            written_bytes = first + len(text[begin:end].encode())
            places.append((first, written_bytes))
            at = end
    except (ValueError, RecursionError):
        return []
    return places


def spelled(value: Value) -> str:
    """Return a string or number as a string."""
    return str(value)


def written(record: dict[str, Value]) -> str:
    """Return a record as JSON. Raises BadJsonError where it is nested deeper than can be written."""
    try:
        return orjson.dumps(record, _fragment, orjson.OPT_PASSTHROUGH_SUBCLASS).decode()
    except orjson.JSONEncodeError as error:
        raise BadJsonError(f"other fields: {error}") from error


def _fragment(value: object) -> orjson.Fragment:
    assert isinstance(value, Digits)
    return orjson.Fragment(str(value))


def _may_be_rounded(record: dict[str, Value], text_column: str, scalars: Sequence[str]) -> bool:
    """Say whether a number may not be the one that was spelled, or is asked for as it is spelled."""
    if any(isinstance(record.get(name), float) for name in scalars):
        return True
    rest = {name: value for name, value in record.items() if name != text_column and not isinstance(value, str)}
    if not any(isinstance(value, float | dict | list) for value in rest.values()):
        return False
    try:
        return _LARGE.search(orjson.dumps(rest)) is not None
    except orjson.JSONEncodeError:
        return False


def _parse_leniently(data: bytes, complaint: str) -> tuple[Value, int]:
    text, repairs = _decoded(data)
    replaced = [repairs]

    def whole_pair(found: re.Match[str]) -> str:
        if len(found[0]) != _HALF or found[0][1] != "u":
            return found[0]
        replaced[0] += 1
        return "\\ufffd"

    def constant(_: str) -> None:
        replaced[0] += 1

    def pairs(items: list[tuple[str, Value]]) -> dict[str, Value]:
        values = dict(items)
        replaced[0] += len(items) - len(values)
        return values

    def no_number(found: re.Match[str]) -> str:
        if found[0].startswith('"'):
            return found[0]
        return "NaN"

    def load(spelling: str) -> Value:
        found: Value = json.loads(
            spelling,
            strict=False,
            parse_constant=constant,
            parse_int=_integer,
            parse_float=Digits,
            object_pairs_hook=pairs,
        )
        return found

    text = _ESCAPED.sub(whole_pair, text) if "\\u" in text else text
    if complaint and _CONTROLS.search(text):
        replaced[0] += sum(len(_CONTROLS.findall(string)) for string in _IN_STRINGS.findall(text))
    before = replaced[0]
    try:
        record = load(text)
    except ValueError as error:
        replaced[0] = before
        try:
            record = load(_NO_NUMBER.sub(no_number, text))
        except ValueError:
            raise BadJsonError(complaint or str(error)) from error
    except RecursionError as error:
        raise BadJsonError("it is nested too deeply") from error
    return record, replaced[0]


def _decoded(data: bytes) -> tuple[str, int]:
    """Return the text; halves of surrogate pairs written as if they were characters become U+FFFD, and are counted.

    Two halves that belong together are their character. Raises UnicodeDecodeError for all else that is not UTF-8.
    """
    try:
        return data.decode(), 0
    except UnicodeDecodeError:
        joined = data.decode("utf-8", "surrogatepass").encode("utf-16-le", "surrogatepass")
        text = joined.decode("utf-16-le", "replace")
        return text, text.count("\ufffd") - data.count("\ufffd".encode())


def _integer(digits: str) -> int | Digits:
    number = int(digits) if len(digits) <= 20 else math.inf
    return int(number) if -_MOST_EXACT <= number < 2 * _MOST_EXACT else Digits(digits)
