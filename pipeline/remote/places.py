"""Where a run works whose output is a URL: a folder on this machine that stands for the one in the store.

Files that are memory-mapped, linked and renamed need a disk, so a run works in a folder, and what it makes is sent to
the store as it goes. The folder is `$PREP_SCRATCH`, or one in the system's folder for temporary files, and below it one
for each output. It can be removed whenever no run is at work there: the next one fetches what it needs.
"""

import hashlib
import os
import re
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

from prep.corpus.errors import Problem
from prep.corpus.files.objects import PROTOCOLS, create, is_installed, protocol_of, remove_objects
from prep.corpus.files.own_folder import require_closed
from prep.corpus.files.storage import join

SCRATCH = "PREP_SCRATCH"
"""The environment's variable that names the folder."""
_NAME = re.compile(r"[^A-Za-z0-9.-]+")


def work_folder(url: str, scratch: str = "") -> str:
    """Return the folder on this machine that stands for an output in a store."""
    root = scratch or os.environ.get(SCRATCH, "")
    root = root or str(Path(tempfile.gettempdir(), f"prep-scratch-{os.getuid()}"))
    url = url.rstrip("/")
    name = _NAME.sub("-", url.partition("://")[2])[-60:].strip("-.")
    return str(Path(root, f"{name}-{hashlib.sha256(url.encode()).hexdigest()[:12]}").absolute())


def has_scratch(scratch: str) -> bool:
    """Say whether somebody has named a folder for outputs in stores."""
    return bool(scratch or os.environ.get(SCRATCH))


def make_work_folder(folder: str) -> None:
    """Make the folder. Raises RunError where others can write to it: code of a run is made from what lies there."""
    require_closed(Path(folder))


def store_problems(url: str) -> Iterator[Problem]:
    """Yield what keeps a store from taking files; writes and removes one."""
    place = join(url, "steps/lock", f"check-{secrets.token_hex(8)}")
    try:
        if not create(place, b"prep check") or create(place, b"another"):
            hint = "use a store with conditional writes (If-None-Match), as S3, Google Cloud Storage and Azure have"
            yield Problem(f"output: {url} lets two runs create the same object", ("output",), hint=hint)
        remove_objects([place])
    except Exception as error:  # clients raise what they like
        seen = f"{type(error).__name__}: {error}"
        yield Problem(f"output: {url} takes no files", ("output",), "a folder in a store", seen)


def output_problems(url: str) -> Iterator[Problem]:
    """Yield what keeps an output in a store from being written."""
    protocol = protocol_of(url)
    if protocol not in PROTOCOLS:
        known = "a folder, or a URL of " + ", ".join(f"{name}://" for name in PROTOCOLS)
        yield Problem("output", ("output",), known, f"{protocol}://")
    elif not is_installed(url):
        package, extra = PROTOCOLS[protocol]
        hint = f"pip install 'corpus-prep[{extra}]'"
        yield Problem("output", ("output",), f"the package {package}, which {protocol}:// takes", "none", hint)
