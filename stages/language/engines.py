"""Engines that identify languages, all with the same answer: a code, and a score from 0 to 1 for each text.

- fastText classifiers (Joulin et al. 2016): lid.176, GlotLID, OpenLID and others of the format; the score is the
  label's probability. Texts mostly in capitals, or with one in each word, are put into lower case first: what these
  models learned from has few capitals.
- `heliport` (GPL-3, so installed only by the user): HeLI-OTS's method, about 220 languages. Its score is a penalty per
  word on a decimal logarithm's scale; here, the share of the best among the five best.
- `eldc` (Apache-2.0): 60 languages, compiled C; its own score.
- `langid` (py3langid, BSD-3): 97 languages; the probability among them. Pure Python: slow on long texts.
- `cld2` (pycld2, Apache-2.0): 83 languages; the share of the text that is in the best one.

Why lid.176 is the default, by `benchmarks/language_engines.py` (accuracy in percent, a mean over languages, of texts as
written; in capitals none differs by more than 1.3 points):

    set (languages)           lid.176  langid  cld2  heliport  eldc
    news, whole pages (16)       99.8    99.8  99.8      93.5  93.5
    manual pages (23)            85.9    88.0  81.7      79.1  81.2
    single sentences (75)        81.4    90.8  92.3      93.5  71.1
    MB/s on one core              7.3     1.3   9.0       3.1  24.4

A pipeline identifies whole documents, where no engine is better. The others do better on sentences, but langid's
probability is 1 for anything longer, so that no threshold has a meaning, cld2 and eldc have no wheels for every Python
that this package supports, and heliport's licence is the GPL: for short texts, ask for one of them by name.
"""

from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from prep.corpus.arrow.columns import string_array, string_buffers
from prep.corpus.errors import ConfigurationError
from prep.corpus.text.hashing import lower_table
from prep.stages.language.codes import language_codes
from prep.stages.language.script_kernels import fold_capitals, script_table
from prep.stages.shared.fasttext.classifier import TextClassifier
from prep.stages.shared.fasttext.file_format import Classifier
from prep.stages.shared.languages import shortest_code

CAPITALS = 0.15
"""Share of capitals among letters above which a text is put into lower case; ordinary German has 0.07."""
Codes = list[str | None]
Scores = npt.NDArray[np.float32]
Answer = Callable[[str], tuple[str | None, float]]


class Identified(NamedTuple):
    """The codes of texts, None where there is nothing to go by, and their scores (NaN there)."""

    codes: Codes
    scores: Scores


class Engine(Protocol):
    """Identifies languages."""

    def identify(self, texts: pa.LargeStringArray) -> Identified:
        """Return the language of each text."""
        ...


class FastText:
    """A fastText classifier whose labels are languages."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = TextClassifier(classifier)
        self.codes = language_codes(classifier.labels)

    def identify(self, texts: pa.LargeStringArray) -> Identified:
        """Return the label with the highest probability."""
        folded = string_array(*fold_capitals(*string_buffers(texts), script_table(), lower_table(), CAPITALS))
        shares = self._classifier.probabilities(folded)
        best = np.nan_to_num(shares, nan=-1.0).argmax(axis=1)
        scores = np.minimum(shares[np.arange(len(shares)), best], 1)
        codes = [None if unknown else self.codes[label] for label, unknown in zip(best, np.isnan(scores), strict=True)]
        return Identified(codes, scores)


class Library:
    """A library that is asked text by text."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def identify(self, texts: pa.LargeStringArray) -> Identified:
        """Return what the library says of each text."""
        codes: Codes = []
        scores = np.full(len(texts), np.nan, np.float32)
        for row, text in enumerate(texts.to_pylist()):
            code, score = self._answer(text) if text and not text.isspace() else (None, np.nan)
            codes.append(None if code in (None, "und", "un") else _code(str(code)))
            scores[row] = np.nan if codes[-1] is None else min(max(score, 0.0), 1.0)
        return Identified(codes, scores)


def _code(label: str) -> str:
    """Return the code of a library's label, such as `deu`, `deu_Latn` or `zh-Hant`."""
    return shortest_code(label.replace("_", "-").partition("-")[0].lower())


def _heliport() -> Answer:
    identifier = import_module("heliport").Identifier()

    def answer(text: str) -> tuple[str | None, float]:
        ranked = identifier.identify_topk_with_score(text, 5)
        if not ranked or str(ranked[0][0]) == "und":
            return None, np.nan
        penalties = np.array([score for _, score in ranked])
        weights = 10.0 ** (penalties[0] - penalties)
        return str(ranked[0][0]), float(weights[0] / weights.sum())

    return answer


def _eldc() -> Answer:
    library = import_module("eldc")
    library.init()

    def answer(text: str) -> tuple[str | None, float]:
        result = library.detect_details(text)
        return result.language, float(result.scores.get(result.language, np.nan))

    return answer


def _langid() -> Answer:
    module = import_module("py3langid.langid")
    identifier = module.LanguageIdentifier.from_model_file(module.MODEL_FILE, norm_probs=True)

    def answer(text: str) -> tuple[str | None, float]:
        code, probability = identifier.classify(text)
        return code, float(probability)

    return answer


def _cld2() -> Answer:
    library = import_module("pycld2")

    def answer(text: str) -> tuple[str | None, float]:
        try:
            _, _, ranked = library.detect("".join(one for one in text if one.isprintable() or one.isspace()))
        except library.error:
            return None, np.nan
        return ranked[0][1], ranked[0][2] / 100

    return answer


class _Named(NamedTuple):
    distribution: str
    module: str
    make: Callable[[], Answer]


_LIBRARIES = {
    "heliport": _Named("heliport", "heliport", _heliport),
    "eldc": _Named("eldc", "eldc", _eldc),
    "langid": _Named("py3langid", "py3langid", _langid),
    "cld2": _Named("pycld2", "pycld2", _cld2),
}
NAMES: Sequence[str] = tuple(_LIBRARIES)
"""Engines that are chosen by name."""


def library_engine(name: str) -> Engine:
    """Return an engine by name. Raises ConfigurationError where its library is not installed."""
    named = _LIBRARIES[name]
    if find_spec(named.module) is None:
        raise ConfigurationError([f"the language engine {name} is not installed; pip install {named.distribution}"])
    return Library(named.make())


def library_version(name: str) -> str:
    """Return the version of an engine's library, which decides what it says."""
    return version(_LIBRARIES[name].distribution)
