"""Folders whose files may be run as code: this user's own, and closed to others."""

import os
import stat
from pathlib import Path

from prep.corpus.errors import RunError

CLOSED_TO_WRITING = 0o022
CLOSED = 0o077
"""The bits of a folder's mode that must not be set."""


def is_own(path: Path, forbidden: int) -> bool:
    """Make a folder where there is none, and say whether it is this user's, no link, and has no forbidden bit set."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.lstat()
    except OSError:
        return False
    own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & forbidden
    return own and os.access(path, os.W_OK)


def require_closed(path: Path) -> None:
    """Make a folder of mode 0700 where there is none. Raises RunError where it is another user's or open to others."""
    if not is_own(path, CLOSED):
        raise RunError(
            f"{path}: must be a folder of this user with mode 0700, since code is run from the files in it; found "
            f"{_described(path)}; hint: remove it, it is made again"
        )


def _described(path: Path) -> str:
    try:
        found = path.lstat()
    except OSError as error:
        return str(error.strerror or error)
    kind = "a link" if stat.S_ISLNK(found.st_mode) else "a folder" if stat.S_ISDIR(found.st_mode) else "a file"
    return f"{kind} of user {found.st_uid} with mode {stat.S_IMODE(found.st_mode):04o}"
