"""The table that the block classifier sees: one row per block of a page, one column per feature.

The features are counts and shares that hold for a page in any language; only `says_…` knows words, of menus and of
grammar in some European languages. The columns of the first stage are filled here, those that the second stage sees
beside them in `collective_kernels`. Cost: about 0.3 ms for a page of 300 blocks.
"""

from typing import Final

import numpy as np

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import kernel
from prep.stages.extract.features.ancestor_kernels import ANCESTOR_FEATURES, ancestor_features, spans
from prep.stages.extract.features.collective_kernels import COLLECTIVE_FEATURES
from prep.stages.extract.features.context_kernels import CONTEXT_FEATURES, context_features
from prep.stages.extract.features.declared_kernels import DECLARED_FEATURES, declared_features
from prep.stages.extract.features.page_kernels import PAGE_FEATURES, page_features
from prep.stages.extract.features.text_feature_kernels import OWN_FEATURES, Features, own_features, running_totals
from prep.stages.extract.html.block_kernels import Blocks, Runs
from prep.stages.extract.html.markup_kernels import Facts
from prep.stages.extract.html.nesting_kernels import Elements, Integers

FEATURES: Final = (*OWN_FEATURES, *CONTEXT_FEATURES, *ANCESTOR_FEATURES, *PAGE_FEATURES, *DECLARED_FEATURES)
"""Names of the columns that the first stage sees, in order."""
ALL_FEATURES: Final = (*FEATURES, *COLLECTIVE_FEATURES)
"""Names of all columns."""

_CONTEXT: Final = len(OWN_FEATURES)
_ANCESTORS: Final = _CONTEXT + len(CONTEXT_FEATURES)
_PAGE: Final = _ANCESTORS + len(ANCESTOR_FEATURES)
_DECLARED: Final = _PAGE + len(PAGE_FEATURES)
_COLLECTIVE: Final = len(FEATURES)
_COUNT: Final = len(ALL_FEATURES)


@kernel
def block_features(
    page: Bytes, facts: Facts, text: Bytes, elements: Elements, blocks: Blocks, runs: Runs
) -> tuple[Features, Integers]:
    """Return the features of a page's blocks (float32, blocks × all features) and how many words they have.

    The columns of the second stage are zero.
    """
    count = len(blocks.start)
    features = np.empty((count, _COUNT), np.float32)
    sizes = own_features(text, elements, blocks, runs, features[:, :_CONTEXT])
    totals = running_totals(elements, blocks, sizes, features)
    of = spans(elements, blocks)
    context_features(elements, blocks, sizes, totals, features[:, _CONTEXT:_ANCESTORS])
    ancestor_features(elements, blocks, runs, of, totals, features[:, _ANCESTORS:_PAGE])
    page_features(elements, blocks, of, sizes, totals, features[:, _PAGE:_DECLARED])
    declared_features(page, facts, text, blocks, features[:, _DECLARED:_COLLECTIVE])
    features[:, _COLLECTIVE:] = 0
    return features, sizes.words
