"""The names that others import: they stay, load, and cost nothing before they are used."""

import subprocess
import sys
from importlib import import_module

import pytest

NAMES = {
    "prep.corpus": (
        "Batch ConfigurationError CorruptFileError Fault Loader LoaderSettings Pieces PrepError Rank Rows RunError "
        "ShardManifest ShardReader check_tokenizer cu_seqlens masked_labels position_ids read_manifest verify_shards"
    ),
    "prep.stages": (
        "CheckContext GlobalStage InputFile Outcome PartVerdicts Partition Phase Problem RowFunction RowStage Settings "
        "SourceStage Stage Tap Verdicts Watch"
    ),
    "prep.tokenizers.api": "Evaluation Tokenizer TokenizerSettings Trained evaluate open_any open_tokenizer train",
    "prep.trainer": "Data ModelSettings TrainSettings Transformer Writing train",
}


@pytest.mark.parametrize("module", NAMES)
def test_the_names_are_frozen(module: str) -> None:
    assert import_module(module).__all__ == NAMES[module].split()
    assert dir(import_module(module)) == NAMES[module].split()


@pytest.mark.parametrize("module", NAMES)
def test_every_name_can_be_imported(module: str) -> None:
    if module == "prep.trainer":
        pytest.importorskip("torch")
    for name in NAMES[module].split():
        assert getattr(import_module(module), name) is not None
    with pytest.raises(AttributeError, match="Nothing"):
        _ = import_module(module).Nothing


def test_importing_them_loads_nothing_heavy() -> None:
    program = (
        f"import sys, {', '.join(NAMES)}; print(sorted({{'numba', 'pyarrow', 'torch', 'numpy'}} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
