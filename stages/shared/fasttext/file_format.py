"""fastText classifiers, read from their published file format: `.bin` and quantised `.ftz`, version 12.

A classifier (Joulin et al. 2016, "Bag of Tricks for Efficient Text Classification") holds a vocabulary of words and
labels, one vector for each word and each bucket of hashed character n-grams, and an output matrix. A quantised file
(Joulin et al. 2016, "FastText.zip") keeps only some buckets and stores vectors as codes of a product quantiser; they
are decoded here, once, so that both kinds become the same arrays.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Number
from prep.corpus.errors import ConfigurationError

MAGIC, VERSION = 793712314, 12
HIERARCHICAL_SOFTMAX, NEGATIVE_SAMPLING, SOFTMAX, ONE_VS_ALL = range(1, 5)
SUPERVISED = 3
CENTROIDS = 256
LABEL = "__label__"

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]


class Arguments(NamedTuple):
    """The settings a classifier was trained with, in the file's order."""

    dim: int
    ws: int
    epoch: int
    min_count: int
    neg: int
    word_ngrams: int
    loss: int
    model: int
    bucket: int
    minn: int
    maxn: int
    lr_update_rate: int
    t: float


@dataclass(frozen=True)
class Classifier:
    """A classifier as arrays. V words, L labels, B buckets kept, D dimensions."""

    arguments: Arguments
    words: tuple[bytes, ...]
    """The V words; the vector of word i is row i of `vectors`."""
    labels: tuple[str, ...]
    """The L labels, without the prefix "__label__"."""
    label_counts: npt.NDArray[np.int64]
    """How often each label was seen in training (L); the tree of the hierarchical softmax follows from it."""
    buckets: Ints
    """The buckets kept (B), row V + i for the i-th; empty where all are kept and bucket b is row V + b."""
    vectors: Floats
    """(V + B, D)"""
    output: Floats
    """(L, D); for the hierarchical softmax row i belongs to the tree's inner node L + i."""

    @property
    def pruned(self) -> bool:
        """Say whether only some buckets are kept."""
        return len(self.buckets) > 0


def read_classifier(path: str) -> Classifier:
    """Read a model. Raises ConfigurationError for a file that is no classifier of this format."""
    try:
        reader = _Reader(Path(path).read_bytes())
        classifier = reader.classifier()
        reader.check_end()
        _check(classifier)
        return classifier
    except (struct.error, ValueError, IndexError, OverflowError, MemoryError) as error:
        raise ConfigurationError([f"{path!r} is no fastText classifier of format {VERSION}: {error}"]) from error


def _check(classifier: Classifier) -> None:
    """Raise ValueError where the parts of a classifier do not fit each other: it is damaged."""
    arguments, labels = classifier.arguments, len(classifier.labels)
    losses = (HIERARCHICAL_SOFTMAX, NEGATIVE_SAMPLING, SOFTMAX, ONE_VS_ALL)
    if arguments.dim < 1 or arguments.loss not in losses or arguments.word_ngrams < 1 or arguments.bucket < 0:
        raise ValueError(f"it is damaged: its settings are {arguments}")
    if not labels or len(set(classifier.labels)) < labels:
        raise ValueError("it is damaged: it has no labels, or the same twice")
    counts = classifier.label_counts
    if counts.min() < 0 or (arguments.loss == HIERARCHICAL_SOFTMAX and (np.diff(counts) > 0).any()):
        raise ValueError("it is damaged: the counts of its labels are not in falling order")
    rows = len(classifier.words) + (len(classifier.buckets) if classifier.pruned else arguments.bucket)
    shapes = (classifier.vectors.shape, classifier.output.shape)
    if shapes[0][1] != arguments.dim or shapes[0][0] > rows or shapes[1] != (labels, arguments.dim):
        raise ValueError(f"it is damaged: its matrices have the shapes {shapes[0]} and {shapes[1]}")
    for matrix in (classifier.vectors, classifier.output):
        if len(matrix) and not (np.isfinite(matrix.min()) and np.isfinite(matrix.max())):
            raise ValueError("it is damaged: its matrices hold values that are no numbers")


class _Reader:
    """Goes through a file's bytes from front to back; little-endian, without gaps."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def classifier(self) -> Classifier:
        magic, version = self._unpack("ii")
        if (magic, version) != (MAGIC, VERSION):
            raise ValueError(f"expected the numbers {MAGIC} and {VERSION} at its beginning, seen {magic} and {version}")
        arguments = Arguments(*self._unpack("12id"))
        if arguments.model != SUPERVISED:
            raise ValueError("it holds word vectors, not a classifier")
        entries, _, _, _, kept = self._unpack("iiiqq")
        words, labels, counts = self._dictionary(entries)
        buckets = self._array(np.int32, 2 * max(kept, 0)).reshape(-1, 2)
        rows = np.argsort(buckets[:, 1])
        (quantised,) = self._unpack("?")
        vectors = self._quantised() if quantised else self._dense()
        (output_quantised,) = self._unpack("?")
        output = self._quantised() if quantised and output_quantised else self._dense()
        return Classifier(arguments, words, labels, counts, buckets[rows, 0].copy(), vectors, output)

    def check_end(self) -> None:
        """Raise ValueError where bytes are left."""
        if self._at < len(self._data):
            raise ValueError(f"it goes on behind its end: byte {self._at} of {len(self._data)}")

    def _dictionary(self, entries: int) -> tuple[tuple[bytes, ...], tuple[str, ...], npt.NDArray[np.int64]]:
        words: list[bytes] = []
        labels: list[str] = []
        counts: list[int] = []
        for _ in range(entries):
            end = self._data.index(b"\0", self._at)
            entry = self._data[self._at : end]
            self._at = end + 1
            count, is_label = self._unpack("q?")
            if is_label:
                labels.append(entry.decode().removeprefix(LABEL))
                counts.append(count)
            else:
                words.append(entry)
        return tuple(words), tuple(labels), np.array(counts, np.int64)

    def _dense(self) -> Floats:
        rows, columns = self._unpack("qq")
        return self._array(np.float32, rows * columns).reshape(rows, columns)

    def _quantised(self) -> Floats:
        """Decode a matrix: each row is a code per group of columns, times the row's norm where norms have codes."""
        norms, rows, _, size = self._unpack("?qqi")
        codes = self._array(np.uint8, size).reshape(rows, -1)
        matrix = self._decode(codes)
        if norms:
            norm_codes = self._array(np.uint8, rows).reshape(rows, 1)
            matrix *= self._decode(norm_codes)
        return matrix

    def _decode(self, codes: npt.NDArray[np.uint8]) -> Floats:
        columns, groups, width, last = self._unpack("4i")
        centroids = self._array(np.float32, columns * CENTROIDS)
        matrix = np.empty((len(codes), columns), np.float32)
        for group in range(groups):
            own = last if group == groups - 1 else width
            start = group * CENTROIDS * width
            table = centroids[start : start + CENTROIDS * own].reshape(CENTROIDS, own)
            matrix[:, group * width : group * width + own] = table[codes[:, group]]
        return matrix

    def _unpack(self, layout: str) -> tuple[int, ...]:
        values = struct.unpack_from(f"<{layout}", self._data, self._at)
        self._at += struct.calcsize(f"<{layout}")
        return values

    def _array(self, dtype: type[Number], count: int) -> npt.NDArray[Number]:
        size = count * np.dtype(dtype).itemsize
        if count < 0 or self._at + size > len(self._data):
            raise ValueError(f"it breaks off: {size} bytes are wanted at byte {self._at} of {len(self._data)}")
        array = np.frombuffer(self._data, dtype, count, self._at).copy()
        self._at += size
        return array
