"""Training a tokenizer on much text: time and peak memory.

    PREP_TEST_DATA=… python benchmarks/tokenizer_training.py --megabytes 1000 [--peers tokenizers sentencepiece]

The text is that of `tokenizing.py` again and again, each time with its documents' lines in another order (a fixed
seed). That has hardly more different pieces than the first round; with `--misspelt 0.05` so many of the ASCII letters
are replaced by random ones, and new pieces come to the end, more than any memory holds. Each trainer runs in a process
of its own, which reads the text from a file as it goes. Seconds are wall-clock; memory is the process's peak, the
interpreter's and the libraries' own 0.3 GiB included. Peers are stopped at `--limit` seconds or 20 GiB.
"""

import argparse
import io
import multiprocessing
import os
import resource
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import pyarrow as pa
from texts import write_text

from prep.corpus.arrow.documents import read_documents
from prep.tokenizers.encoding.byte_level import PATTERNS, pre_tokenizer
from prep.tokenizers.saving.folder import byte_level_files, write_folder
from prep.tokenizers.training.counts import count
from prep.tokenizers.training.train import BYTES_PER_PRETOKEN_BYTE
from prep.tokenizers.training.train_bpe import train_bpe

PATTERN = PATTERNS["llama3"]
PEER_MEMORY = 20 << 30

Job = Callable[[str, int, str], None]
"""What reads the text from a file and writes to, or reads from, a folder; the number is the vocabulary."""


def columns(path: str) -> Iterator[pa.Array]:
    return (batch.column("text") for batch in read_documents(path, ["text"]))


def with_prep(memory: int, path: str, vocabulary: int, folder: str) -> None:
    pretokens, dropped = count(columns(path), PATTERN, memory // BYTES_PER_PRETOKEN_BYTE)
    print(
        f"    {len(pretokens.counts):,} distinct pretokens of {pretokens.offsets[-1] / 1e6:.1f} MB, {dropped:,} dropped"
    )
    (tokenizer,) = train_bpe(pretokens, [vocabulary], PATTERN)
    write_folder(folder, byte_level_files(tokenizer, PATTERN), {})


def with_tokenizers(path: str, vocabulary: int, folder: str) -> None:
    from tokenizers import Tokenizer, models, trainers
    from tokenizers.pre_tokenizers import ByteLevel

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer(PATTERN)
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=2,
        initial_alphabet=ByteLevel.alphabet(),
        special_tokens=["<|endoftext|>", "<|padding|>"],
        show_progress=False,
    )
    tokenizer.train_from_iterator((text.as_py() for column in columns(path) for text in column), trainer)
    tokenizer.save(f"{folder}/peer.json")


def with_sentencepiece(path: str, vocabulary: int, folder: str) -> None:
    from sentencepiece import SentencePieceTrainer

    SentencePieceTrainer.train(
        sentence_iterator=(text.as_py() for column in columns(path) for text in column),
        model_writer=io.BytesIO(),
        model_type="bpe",
        vocab_size=vocabulary,
        byte_fallback=True,
        max_sentence_length=1 << 30,
        num_threads=2,
        minloglevel=2,
    )


PEERS: dict[str, Job] = {"tokenizers": with_tokenizers, "sentencepiece": with_sentencepiece}


def measured(job: Job, path: str, vocabulary: int, folder: str, most: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    job(path, vocabulary, folder)
    print(f"    peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB", flush=True)


def run(title: str, size: float, job: Job, arguments: tuple[str, int, str], limit: float = 0) -> None:
    """Run a job in a process of its own; a limit in seconds is for peers."""
    most = PEER_MEMORY if limit else resource.RLIM_INFINITY
    worker = multiprocessing.get_context("spawn").Process(target=measured, args=(job, *arguments, most))
    print(title, flush=True)
    start = perf_counter()
    worker.start()
    worker.join(limit or None)
    seconds = perf_counter() - start
    if worker.is_alive():
        worker.kill()
        print(f"    not done after {seconds:.0f} s", flush=True)
    elif worker.exitcode:
        print(f"    failed after {seconds:.0f} s", flush=True)
    else:
        print(f"    {seconds:.1f} s, {size / seconds:.1f} MB/s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, default=50)
    parser.add_argument("--misspelt", type=float, default=0, help="share of letters replaced, for ever new pieces")
    parser.add_argument("--vocabulary", type=int, default=32_000)
    parser.add_argument("--memory", type=int, default=2048, help="MiB that prep may use, as the stage's option")
    parser.add_argument("--peers", nargs="*", choices=sorted(PEERS), default=[], help="train with these too")
    parser.add_argument("--limit", type=float, default=900, help="seconds for each peer")
    options = parser.parse_args()
    if "PREP_TEST_DATA" not in os.environ:
        sys.exit("PREP_TEST_DATA is not set; it names the folder of real web pages and books")
    with TemporaryDirectory() as folder:
        path = str(Path(folder, "text.parquet"))
        size = write_text(Path(path), options.megabytes, Path(os.environ["PREP_TEST_DATA"]), misspelt=options.misspelt)
        arguments = (path, options.vocabulary, folder)
        print(
            f"{size:.0f} MB, vocabulary {options.vocabulary:,}, the pattern of Llama 3, memory {options.memory:,} MiB"
        )
        run("train: prep", size, partial(with_prep, options.memory << 20), arguments)
        for peer in options.peers:
            run(f"train: {peer}", size, PEERS[peer], arguments, limit=options.limit)


if __name__ == "__main__":
    main()
