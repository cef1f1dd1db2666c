"""Extends a tokenizer with tokens learnt from files of text."""

from tempfile import TemporaryDirectory

from prep.stages.tokenizer import TrainTokenizer
from prep.stages.tokenizer_texts import Texts, draw_sample
from prep.tokenizers.encode import open_files
from prep.tokenizers.existing import existing_files
from prep.tokenizers.extend import extend as extend_files
from prep.tokenizers.folder import write_folder


def extend(tokenizer: str, texts: Texts, stage: TrainTokenizer, more: int, output: str) -> int:
    """Write a tokenizer with `more` tokens to a folder, and return how many it has.

    The stage's settings say how the sample is drawn and what memory may be used.
    """
    with TemporaryDirectory() as folder:
        sample = draw_sample(texts, stage.sample_settings(), folder)
        files = extend_files(existing_files(tokenizer), sample, more, stage.memory)
    write_folder(output, files, {"extended": tokenizer, "more": more, "sample": vars(stage.sample_settings())})
    return open_files(files).vocabulary
