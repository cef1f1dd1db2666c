"""What others train and load the reference models with; the rest of `prep.trainer` may move.

    from prep.trainer import Data, ModelSettings, TrainSettings, train

Names are imported when they are first used: PyTorch is needed only then.
"""

from typing import TYPE_CHECKING

from prep.corpus.lazy_names import lazy_names

if TYPE_CHECKING:
    from prep.trainer.network.model import ModelSettings, Transformer
    from prep.trainer.running.settings import Data, TrainSettings, Writing
    from prep.trainer.running.train import train

__all__ = ["Data", "ModelSettings", "TrainSettings", "Transformer", "Writing", "train"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "prep.trainer.network.model": "ModelSettings Transformer",
        "prep.trainer.running.settings": "Data TrainSettings Writing",
        "prep.trainer.running.train": "train",
    },
)
