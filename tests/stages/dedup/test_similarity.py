"""MinHash against its theory: the estimate of Jaccard similarity, the S-curve, and the universality of the hashes."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from prep.corpus.arrow.columns import string_buffers
from prep.corpus.text.hashing import lower_table
from prep.corpus.text.words import word_table
from prep.stages.dedup.minhash.banding import Banding, solve
from prep.stages.dedup.minhash.minhash_kernels import Keys, Shingling, band_hashes, hash_functions, signatures
from prep.stages.shared.matching.sketch_kernels import estimates

SIMILARITIES = (0.1, 0.3, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
UNION = 300
"""Different words in a pair of documents."""


def sign(texts: list[str], count: int, ngram: int = 1, seed: int = 1) -> Keys:
    data, offsets = string_buffers(pa.array(texts, pa.large_string()))
    shingling = Shingling(word_table("unicode"), lower_table(), ngram, False)
    return signatures(data, offsets, shingling, hash_functions(count, seed))[0]


def pairs(similarity: float, count: int, union: int = UNION) -> tuple[list[str], list[str]]:
    """Return documents of different words, the two of a pair sharing exactly this part of all words of the pair."""
    shared = round(similarity * union)
    half = (union - shared) // 2
    left, right = [], []
    for pair in range(count):
        names = [f"w{pair}x{word}" for word in range(union)]
        left.append(" ".join(names[: shared + half]))
        right.append(" ".join(names[:shared] + names[shared + half :]))
    return left, right


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_estimates_similarity_without_bias(similarity: float) -> None:
    """One function agrees with the probability of the similarity, and functions do so independently."""
    functions, count = 256, 200
    left, right = pairs(similarity, count)
    agree = sign(left, functions) == sign(right, functions)
    deviation = np.sqrt(similarity * (1 - similarity) / functions)
    scores = (agree.mean(axis=1) - similarity) / deviation
    assert abs(scores.mean()) < 5 / np.sqrt(count)
    assert abs((scores**2).mean() - 1) < 5 * np.sqrt(2 / count)


@pytest.mark.parametrize("union", [40, UNION, 4000])
@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_sketches_estimate_similarity_within_their_deviation(similarity: float, union: int) -> None:
    count = 60
    sides = pairs(similarity, count, union)
    shingling = Shingling(word_table("unicode"), lower_table(), 1, False)
    functions = hash_functions(1, 1)
    texts = [string_buffers(pa.array(side, pa.large_string())) for side in sides]
    found = estimates(*(signatures(*side, shingling, functions)[1] for side in texts))
    true = round(similarity * union) / (2 * ((union - round(similarity * union)) // 2) + round(similarity * union))
    bias = 0.01 if union > 100 else 0.03  # bins that hold several shingles of one document
    deviation = np.sqrt(true * (1 - true) / 512) + 0.012
    assert abs(found.mean() - true) < bias + 5 * deviation / np.sqrt(count)
    assert np.sqrt(((found - true) ** 2).mean()) < 1.5 * deviation + bias


@pytest.mark.parametrize("banding", [Banding(14, 8), Banding(5, 3), Banding(20, 1), Banding(3, 20)])
@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_bands_agree_with_the_probability_of_the_theory(banding: Banding, similarity: float) -> None:
    count = 400
    left, right = pairs(similarity, count)
    signed = (band_hashes(sign(side, banding.functions), *banding) for side in (left, right))
    first, second = signed
    within_bounds((first == second).any(axis=0), banding.match_probability(similarity))
    within_bounds((first == second)[0], similarity**banding.rows)


def within_bounds(seen: npt.NDArray[np.bool_], probability: float) -> None:
    """Five standard deviations, and one event more for probabilities near zero or one."""
    bound = 5 * np.sqrt(len(seen) * probability * (1 - probability)) + 1
    assert abs(seen.sum() - len(seen) * probability) <= bound


def test_two_keys_have_independent_uniform_values() -> None:
    """Strong universality: over the draw of a function, the pair of values is uniform, whatever the two keys."""
    cells = 16
    for left, right in (("a", "b"), ("the", "of"), ("1", "2")):
        values = sign([left, right], 200_000) >> 28
        counts = np.bincount(values[0] * cells + values[1], minlength=cells * cells)
        expected = values.shape[1] / cells**2
        chi_square = ((counts - expected) ** 2 / expected).sum()
        freedom = cells**2 - 1
        assert abs(chi_square - freedom) < 5 * np.sqrt(2 * freedom)


def test_documents_shorter_than_a_shingle_match_only_where_all_words_do() -> None:
    texts = ["a b", "A  b", "b a", "a b c", "a", "", " \n", "!", "?", "! ?", "a b !", "a b c d e", "a b c d"]
    bands = band_hashes(sign(texts, 112, ngram=5), 14, 8)
    classes = [
        next(other for other in range(len(texts)) if (bands[:, other] == bands[:, row]).any())
        for row in range(len(texts))
    ]
    assert classes == [0, 0, 2, 3, 4, 5, 5, 7, 8, 9, 10, 11, 12]


def test_huge_documents_keep_their_similarity() -> None:
    names = [f"w{number}" for number in range(200_000)]
    whole, part = sign([" ".join(names), " ".join(names[:160_000])], 256, ngram=3)
    assert abs((whole == part).mean() - 0.8) < 5 * np.sqrt(0.8 * 0.2 / 256)


def test_curve_of_fineweb() -> None:
    """The probabilities that FineWeb publishes for its 14 bands of 8 rows."""
    curve = {0.6: 0.211, 0.7: 0.565, 0.75: 0.772, 0.8: 0.924, 0.85: 0.988}
    for similarity, probability in curve.items():
        assert Banding(14, 8).match_probability(similarity) == pytest.approx(probability, abs=6e-4)
    assert Banding(14, 8).match_probability(Banding(14, 8).half_way()) == pytest.approx(0.5)


@pytest.mark.parametrize(("threshold", "hashes"), [(0.5, 128), (0.7, 112), (0.8, 256), (0.95, 64)])
def test_solves_as_datasketch(threshold: float, hashes: int) -> None:
    from datasketch import MinHashLSH

    index = MinHashLSH(threshold=threshold, num_perm=hashes)
    assert solve(threshold, hashes) == (index.b, index.r)


def test_one_band_is_no_solution() -> None:
    assert solve(0.99, 16) is None
