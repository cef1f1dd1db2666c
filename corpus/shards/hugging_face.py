"""What `datasets` needs beside Arrow stream files to open a folder of them: `load_from_disk` reads two JSON files."""

from collections.abc import Mapping, Sequence

from prep.corpus.files.storage import join, write_json


def write_dataset(folder: str, files: Sequence[str], features: Mapping[str, object], fingerprint: str) -> None:
    """Write what makes a folder of Arrow stream files one that `datasets.load_from_disk` opens."""
    state: dict[str, object] = {
        "_data_files": [{"filename": name} for name in files],
        "_fingerprint": fingerprint,
        "_format_columns": None,
        "_format_kwargs": {},
        "_format_type": None,
        "_output_all_columns": False,
        "_split": None,
    }
    write_json(join(folder, "state.json"), state)
    information = {"citation": "", "description": "", "features": features, "homepage": "", "license": ""}
    write_json(join(folder, "dataset_info.json"), information)


def write_splits(folder: str, names: Sequence[str]) -> None:
    """Make a folder of folders of shards one that `datasets.load_from_disk` opens as a `DatasetDict`."""
    write_json(join(folder, "dataset_dict.json"), {"splits": list(names)})


def list_feature(dtype: str, length: int = -1) -> dict[str, object]:
    """Return how `datasets` describes a column of lists of numbers; −1 stands for any length."""
    return {"feature": {"dtype": dtype, "_type": "Value"}, "length": length, "_type": "List"}
