"""What others train and load the reference models with; the rest of `prep.trainer` may move.

    from prep.trainer import Data, ModelSettings, TrainSettings, train

Names are imported when they are first used: PyTorch is needed only then.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prep.trainer.network.model import ModelSettings, Transformer
    from prep.trainer.running.settings import Data, TrainSettings, Writing
    from prep.trainer.running.train import train

_MODULES = {
    "prep.trainer.network.model": (
        "ModelSettings",
        "Transformer",
    ),
    "prep.trainer.running.settings": (
        "Data",
        "TrainSettings",
        "Writing",
    ),
    "prep.trainer.running.train": ("train",),
}
_PLACES = {name: module for module, names in _MODULES.items() for name in names}

__all__ = ["Data", "ModelSettings", "TrainSettings", "Transformer", "Writing", "train"]


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
