"""What others train, open and judge tokenizers with; the rest of `prep.tokenizers` may move.

    from prep.tokenizers.api import TokenizerSettings, open_tokenizer, train

A module and not the package's `__init__.py`: with one, the folder `tokenizers/` would hide the library of that name
from every Python that runs in the root of the repository. Names are imported when they are first used.
"""

from typing import TYPE_CHECKING

from prep.corpus.lazy_names import lazy_names

if TYPE_CHECKING:
    from prep.tokenizers.encoding.encode import Tokenizer, open_tokenizer
    from prep.tokenizers.judging.evaluate import Evaluation, evaluate
    from prep.tokenizers.saving.existing import open_any
    from prep.tokenizers.training.train import TokenizerSettings, Trained, train

__all__ = ["Evaluation", "Tokenizer", "TokenizerSettings", "Trained", "evaluate", "open_any", "open_tokenizer", "train"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "prep.tokenizers.encoding.encode": "Tokenizer open_tokenizer",
        "prep.tokenizers.judging.evaluate": "Evaluation evaluate",
        "prep.tokenizers.saving.existing": "open_any",
        "prep.tokenizers.training.train": "TokenizerSettings Trained train",
    },
)
