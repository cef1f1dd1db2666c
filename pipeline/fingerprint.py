"""Fingerprints: what decides a step's result, as data, and its hash.

An identity is a nested mapping of JSON values. Workers, executor and batch size are never in it; settings, stage
versions, library versions, identities of inputs and the fingerprints of the steps before are.
"""

import hashlib
import inspect
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import orjson
import pyarrow as pa

from prep.corpus.closeness import listed
from prep.corpus.errors import ConfigurationError
from prep.corpus.files.storage import sha256
from prep.stages.stage import InputFile, Stage, Tagging, Tap

Identity = Mapping[str, object]

OBJECT = re.compile(r" at 0x[0-9a-f]{6,}")
DATA = (".npz", ".npy", ".yaml", ".json", ".bin", ".txt", ".csv", ".arrow", ".parquet")
"""Suffixes of files inside the package that decide what its stages make."""
_MEMBER = re.compile(r"(columns\.|(?:.*?\.)?content of )(.*)")
"""Names in an identity of which one change brings many."""
FORMAT = 5
"""Raised whenever the layout of the steps' folders changes."""


def fingerprint(identity: Identity) -> str:
    """Return 12 hexadecimal digits of the SHA-256 of an identity written as JSON with sorted keys."""
    return hashlib.sha256(orjson.dumps(identity, option=orjson.OPT_SORT_KEYS)).hexdigest()[:12]


def stage_identity(stage: Stage | Tap) -> Identity:
    """Return what decides a stage's output: settings, version, libraries' versions, and the files it reads."""
    settings, files = stage.identity(), stage.files()
    if isinstance(stage, Tagging):
        settings = _with_tags(settings, stage)
    settings = {name: _without_places(value, tuple(files.values())) for name, value in settings.items()}
    refuse_unstable(stage.name, settings)
    kind = type(stage)
    return {
        **settings,
        "version": stage.version,
        **({} if kind.__module__.startswith("prep.") else {"class": f"{kind.__module__}.{kind.__qualname__}"}),
        **{library: library_version(library) for library in stage.libraries},
        **{f"content of {option}": sha256(path) for option, path in files.items()},
        **{f"content of {path.name}": sha256(str(path)) for path in _data_files(kind)},
    }


def _with_tags(settings: dict[str, object], stage: Tagging) -> dict[str, object]:
    """Return a stage's settings with the column in which it notes rules, and without that where it rejects."""
    usual = {"action": "reject", "tag_column": None}
    kept = {name: value for name, value in settings.items() if name not in usual or value != usual[name]}
    return kept if stage.tag is None else {**kept, "action": "tag", "tag_column": stage.tag}


def _without_places(value: object, files: tuple[str, ...]) -> object:
    """Return a value without the paths of files whose content is in the identity, and of folders that hold them."""
    match value:
        case str() if any(file == value or file.startswith(f"{value.rstrip('/')}/") for file in files if value):
            return ""
        case dict():
            return {key: _without_places(item, files) for key, item in value.items()}
        case list() | tuple():
            return [_without_places(item, files) for item in value]
    return value


def refuse_unstable(place: str, value: object) -> None:
    """Raise ConfigurationError, with the field, where a value may differ in another process or on another machine."""
    problem = ""
    match value:
        case float() if not math.isfinite(value):
            problem = f"{value} is no number that compares"
        case str() if OBJECT.search(value):
            problem = f"{value!r} holds an object's address"
        case str() if value.startswith("/") and len(value) > 1 and Path(value).exists():
            problem = f"{value!r} is a path of this machine; name its content in `files` and leave it out of `identity`"
        case None | bool() | int() | float() | str():
            pass
        case Mapping():
            for key, item in value.items():
                refuse_unstable(f"{place}.{key}", item)
        case list() | tuple():
            for number, item in enumerate(value):
                refuse_unstable(f"{place}.{number}", item)
        case _:
            problem = f"a {type(value).__name__} is written differently each time; make it a list, mapping or string"
    if problem:
        raise ConfigurationError([f"{place}: {problem}"])


def input_identity(files: Sequence[InputFile]) -> Identity:
    """Return what decides the documents read: each file's path, size and identity."""
    return {file.path: f"{file.size} bytes, {file.identity[:16]}" for file in files}


def differences(old: Identity, new: Identity) -> Iterator[str]:
    """Yield what changed between two identities, versions first: `minhash.version 2 → 3`, `minhash.ngram 5 → 8`.

    One line for each setting, and one for all columns, or all files of a stage, to which the same happened.
    """
    before, after = dict(_flatten(old)), dict(_flatten(new))
    together: dict[tuple[str, str], list[str]] = {}
    for name in sorted(before.keys() | after.keys(), key=lambda name: (not name.endswith("version"), name)):
        what = "removed" if name not in after else "added" if name not in before else "changed"
        if what == "changed" and before[name] == after[name]:
            continue
        if member := _MEMBER.fullmatch(name):
            together.setdefault((member[1].replace("columns.", "columns "), what), []).append(member[2])
        elif what == "changed":
            yield f"{name} {before[name]} → {after[name]}"
        else:
            yield f"{name} {what}" + (f": {after[name]}" if what == "added" else "")
    for (owner, what), members in together.items():
        yield f"{owner}{listed(members)} {what}"


def _flatten(value: object, prefix: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flatten(item, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, value


def columns_identity(schema: pa.Schema) -> Identity:
    """Return the columns that a step writes, by name."""
    return {field.name: str(field.type) for field in schema}


@cache
def _data_files(kind: type) -> tuple[Path, ...]:
    """Return the files beside a stage's code, and in folders below it, that are no code: models, recipes, tables."""
    folder = Path(inspect.getfile(kind)).parent
    if folder == Path(__file__).parents[1] / "stages":
        return ()
    own = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return tuple(sorted(path for path in own if path.suffix in DATA))


def library_version(name: str) -> str:
    """Return the version of an installed package, or that it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
