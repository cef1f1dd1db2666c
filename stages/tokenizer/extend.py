"""Extends a tokenizer with tokens learnt from files of text."""

from tempfile import TemporaryDirectory

from prep.stages.tokenizer.texts import Texts, draw_sample
from prep.stages.tokenizer.tokenizer import TrainTokenizer
from prep.tokenizers.encoding.encode import open_files
from prep.tokenizers.saving.existing import existing_files
from prep.tokenizers.saving.folder import write_folder
from prep.tokenizers.saving.identity import check_identity
from prep.tokenizers.training.extend import extend as extend_files


def extend(tokenizer: str, texts: Texts, stage: TrainTokenizer, more: int, output: str) -> int:
    """Write a tokenizer with `more` tokens to a folder, and return how many it has.

    The stage's settings say how the sample is drawn and what memory may be used.
    """
    with TemporaryDirectory() as folder:
        sample = draw_sample(texts, stage.sample_settings(), folder)
        files = extend_files(existing_files(tokenizer), sample, more, stage.memory)
    identity = check_identity(files)
    write_folder(
        output,
        files,
        {"identity": identity, "extended": tokenizer, "more": more, "sample": vars(stage.sample_settings())},
    )
    return open_files(files).vocabulary
