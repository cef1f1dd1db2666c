"""Training a tokenizer on a lot of text, and encoding it in one and two processes: time and peak memory.

    PREP_TEST_DATA=… python benchmarks/tokenizer_training.py --megabytes 1000 [--vocabulary 32000] [--peers]

The text is that of `tokenizing.py` again and again, each time with its documents' lines in another order (a fixed
seed). Each trainer runs in a process of its own, which reads the text from a file as it goes. Seconds are wall-clock;
memory is the process's peak. `prep` draws its sample (all of the text) as the stage does.
"""

import argparse
import io
import multiprocessing
import os
import random
import resource
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import pyarrow as pa
import pyarrow.parquet as pq
from texts import books, megabytes, pages

from prep.corpus.documents import read_documents
from prep.tokenizers.byte_level import PATTERNS, pre_tokenizer
from prep.tokenizers.counts import count
from prep.tokenizers.encode import open_tokenizer
from prep.tokenizers.folder import byte_level_files, write_folder
from prep.tokenizers.train import BYTES_PER_PIECE_BYTE
from prep.tokenizers.train_bpe import train_bpe

PATTERN = PATTERNS["llama3"]
MEMORY = 2 << 30
BATCH = 500


def write_text(path: Path, wanted: float, data: Path) -> float:
    """Write about so many megabytes of documents and return how many."""
    texts = [*pages(data / "web"), *pages(data / "docs")]
    texts += [book[start : start + 20_000] for book in books(data / "books") for start in range(0, len(book), 20_000)]
    generator = random.Random(0)
    written = 0.0
    with pq.ParquetWriter(path, pa.schema([("text", pa.large_string())])) as writer:
        while written < wanted:
            for start in range(0, len(texts), BATCH):
                batch = [shuffled(text, generator) for text in texts[start : start + BATCH]]
                writer.write_table(pa.table({"text": pa.array(batch, pa.large_string())}))
                written += megabytes(batch)
                if written >= wanted:
                    break
    return written


def shuffled(text: str, generator: random.Random) -> str:
    lines = text.split("\n")
    generator.shuffle(lines)
    return "\n".join(lines)


def columns(path: str) -> Iterator[pa.Array]:
    return (batch.column("text") for batch in read_documents(path, ["text"]))


def with_prep(path: str, vocabulary: int, folder: str) -> None:
    pieces, forgotten = count(columns(path), PATTERN, MEMORY // BYTES_PER_PIECE_BYTE)
    print(f"    {len(pieces.counts):,} different pieces of {pieces.offsets[-1] / 1e6:.1f} MB, {forgotten:,} forgotten")
    (tokenizer,) = train_bpe(pieces, [vocabulary], PATTERN)
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


def encode(path: str, vocabulary: int, folder: str) -> None:
    tokenizer = open_tokenizer(folder)
    for column in columns(path):
        tokenizer.encode_column(column)


def measured(job: Callable[[str, int, str], None], path: str, vocabulary: int, folder: str) -> None:
    job(path, vocabulary, folder)
    print(f"    peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB", flush=True)


def run(title: str, size: float, job: Callable[[str, int, str], None], arguments: tuple[str, int, str], n: int) -> None:
    """Run a job in so many processes at once, each over all of the text."""
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=measured, args=(job, *arguments)) for _ in range(n)]
    print(title, flush=True)
    start = perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    seconds = perf_counter() - start
    if any(worker.exitcode for worker in workers):
        sys.exit(f"{title} failed")
    print(f"    {seconds:.1f} s, {n * size / seconds:.1f} MB/s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, default=50)
    parser.add_argument("--vocabulary", type=int, default=32_000)
    parser.add_argument("--peers", action="store_true", help="also tokenizers and sentencepiece")
    options = parser.parse_args()
    if "PREP_TEST_DATA" not in os.environ:
        sys.exit("PREP_TEST_DATA is not set; it names the folder of real web pages and books")
    with TemporaryDirectory() as folder:
        path = str(Path(folder, "text.parquet"))
        size = write_text(Path(path), options.megabytes, Path(os.environ["PREP_TEST_DATA"]))
        arguments = (path, options.vocabulary, folder)
        print(f"{size:.0f} MB, vocabulary {options.vocabulary:,}, the pattern of Llama 3")
        run("train: prep", size, with_prep, arguments, 1)
        if options.peers:
            run("train: tokenizers", size, with_tokenizers, arguments, 1)
            run("train: sentencepiece, BPE", size, with_sentencepiece, arguments, 1)
        run("encode: prep, one process", size, encode, arguments, 1)
        run("encode: prep, two processes", size, encode, arguments, 2)


if __name__ == "__main__":
    main()
