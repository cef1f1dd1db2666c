"""The hashes of all files in a folder, to compare what two runs wrote."""

import hashlib
from collections.abc import Container
from pathlib import Path


def file_hashes(folder: Path, without: Container[str] = ()) -> dict[str, str]:
    """Return the SHA-256 of every file below a folder by its relative path, without what has one of these names."""
    files = (path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        str(path): hashlib.sha256((folder / path).read_bytes()).hexdigest()
        for path in files
        if not any(part in without for part in path.parts)
    }
