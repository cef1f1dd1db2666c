"""Fingerprints: what decides a step's result, as data, and its hash.

An identity is a nested mapping of JSON values. Workers, executor and batch size are never in it; settings, stage
versions, library versions, input digests and the fingerprints of the steps before are.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version

import orjson

from prep.corpus.files.storage import sha256
from prep.stages.stage import InputFile, Stage, Tap

Identity = Mapping[str, object]

FORMAT = 2
"""Raised whenever the layout of the steps' folders changes."""


def fingerprint(identity: Identity) -> str:
    """Return 12 hexadecimal digits of the SHA-256 of an identity written as JSON with sorted keys."""
    return hashlib.sha256(orjson.dumps(identity, option=orjson.OPT_SORT_KEYS)).hexdigest()[:12]


def stage_identity(stage: Stage | Tap) -> Identity:
    """Return what decides a stage's output: settings, version, libraries' versions, and the files it reads."""
    settings = stage.identity() if isinstance(stage, Stage) else stage.model_dump(mode="json")
    files = stage.files() if isinstance(stage, Stage) else {}
    return {
        **settings,
        "version": stage.version,
        **{library: _library_version(library) for library in stage.libraries},
        **{f"content of {option}": sha256(path) for option, path in files.items()},
    }


def input_identity(files: Sequence[InputFile]) -> Identity:
    """Return what decides the documents read: each file's path, size and digest."""
    return {file.path: f"{file.size} bytes, {file.digest[:16]}" for file in files}


def differences(old: Identity, new: Identity) -> Iterator[str]:
    """Yield what changed between two identities, one line each: `minhash.ngram 5 → 8`."""
    before, after = dict(_flatten(old)), dict(_flatten(new))
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            yield f"{name} removed"
        elif name not in before:
            yield f"{name} added: {after[name]}"
        elif before[name] != after[name]:
            yield f"{name} {before[name]} → {after[name]}"


def _flatten(value: object, prefix: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flatten(item, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, value


def _library_version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
