"""Finding the Arrow files of a Hugging Face dataset: what `save_to_disk` wrote, or what `datasets` can load."""

from pathlib import Path
from typing import cast

from prep.corpus.files.storage import read_json

_STATE = "state.json"
_SPLITS = "dataset_dict.json"


def is_dataset(path: str) -> bool:
    """Say whether a local folder was written by `save_to_disk`."""
    return any((Path(path) / name).is_file() for name in (_STATE, _SPLITS))


def dataset_files(path: str, split: str, subset: str) -> tuple[str, ...]:
    """Return the Arrow stream files of one split, in order.

    What is no folder of `save_to_disk` goes through `datasets.load_dataset`, which downloads and converts it into its
    own cache. Raises ValueError where there is no such split, and whatever the library raises.
    """
    folder = Path(path)
    if (folder / _SPLITS).is_file():
        splits = cast("list[str]", read_json(str(folder / _SPLITS))["splits"])
        if split not in splits:
            raise ValueError(f"no split {split!r}; it has {', '.join(splits)}")
        folder /= split
    if (folder / _STATE).is_file():
        listed = cast("list[dict[str, str]]", read_json(str(folder / _STATE))["_data_files"])
        return tuple(str(folder / entry["filename"]) for entry in listed)
    import datasets

    loaded = datasets.load_dataset(path, subset or None, split=split)
    return tuple(str(entry["filename"]) for entry in loaded.cache_files)
