"""Training and encoding beside `tokenizers` and `sentencepiece` called directly, on the same documents.

    PREP_TEST_DATA=… python benchmarks/tokenizing.py [--vocabulary 16000] [--unigram]

Documents are the main text of real web pages and of the installation guide in many languages, and books in pieces of
20 KB. Times are CPU seconds, those of child processes included; loading and compilation are not counted in encoding.
Encoding gets all documents as one column, on one thread; the peers get the Python strings that they take. The files
made by training and the ids are compared, and a difference stops the benchmark. With two processes, each encodes all
documents at the same time as the other, and times are wall-clock.
"""

import argparse
import io
import os
import resource
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TypeVar

import pyarrow as pa
import sentencepiece
import tokenizers
from texts import books, megabytes, pages

from prep.tokenizers.encoding.byte_level import ALPHABET, CONTROL, PATTERNS, PreTokenizerName, pre_tokenizer
from prep.tokenizers.encoding.encode import open_tokenizer
from prep.tokenizers.saving.existing import existing_files
from prep.tokenizers.saving.folder import byte_level_files, sentencepiece_files, write_folder
from prep.tokenizers.training.counts import count
from prep.tokenizers.training.train_bpe import train_bpe
from prep.tokenizers.training.train_sentencepiece import LONGEST_TEXT, THREADS, Algorithm, train_sentencepiece

Result = TypeVar("Result")
Encode = Callable[[Sequence[str]], list[list[int]]]


def cpu_seconds() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def timed(function: Callable[[], Result]) -> tuple[Result, float]:
    start = cpu_seconds()
    result = function()
    return result, cpu_seconds() - start


def report(title: str, size: float, peer: float, own: float) -> None:
    print(f"{title:44} {peer:10.2f} {size / peer:8.1f} {own:10.2f} {size / own:8.1f} {peer / own:8.1f}", flush=True)


def compare_encoding(title: str, folder: str, texts: list[str], peer: Encode) -> None:
    tokenizer = open_tokenizer(folder)
    column = pa.array(texts, pa.large_string())
    tokenizer.encode_column(column.slice(0, 1))
    (offsets, ids), own = timed(lambda: tokenizer.encode_column(column))
    expected, theirs = timed(lambda: peer(texts))
    if [ids[start:end].tolist() for start, end in pairwise(offsets)] != expected:
        sys.exit(f"{title}: the ids differ")
    report(f"{title}: encode", megabytes(texts), theirs, own)


def compare_two_processes(title: str, folder: str, texts: list[str]) -> None:
    """Print how long two processes take, each encoding all texts."""
    context = get_context("spawn")
    spent = []
    for job in (encode_directly, encode_with_prep):
        results: SimpleQueue[float] = context.SimpleQueue()
        barrier = context.Barrier(2)
        workers = [context.Process(target=job, args=(folder, texts, barrier, results)) for _ in range(2)]
        for worker in workers:
            worker.start()
        spent.append(max(results.get() for _ in workers))
        for worker in workers:
            worker.join()
    report(f"{title}: encode, 2 processes", 2 * megabytes(texts), *spent)


def encode_directly(folder: str, texts: list[str], barrier: Barrier, seconds: "SimpleQueue[float]") -> None:
    tokenizer = tokenizers.Tokenizer.from_file(f"{folder}/tokenizer.json")
    tokenizer.encode(texts[0])
    barrier.wait()
    start = perf_counter()
    for text in texts:
        tokenizer.encode(text)
    seconds.put(perf_counter() - start)


def encode_with_prep(folder: str, texts: list[str], barrier: Barrier, seconds: "SimpleQueue[float]") -> None:
    column = pa.array(texts, pa.large_string())
    tokenizer = open_tokenizer(folder)
    tokenizer.encode_column(column.slice(0, 1))
    barrier.wait()
    start = perf_counter()
    tokenizer.encode_column(column)
    seconds.put(perf_counter() - start)


def published(data: Path, texts: list[str], folder: str) -> None:
    """Encode with o200k, in one process and in two."""
    write_folder(folder, existing_files(str(data / "tokenizers" / "o200k_base.tiktoken")), {})
    peer = tokenizers.Tokenizer.from_file(f"{folder}/tokenizer.json")
    peer.encode_special_tokens = True
    compare_encoding("o200k, 200,019 tokens", folder, texts, lambda texts: [peer.encode(text).ids for text in texts])
    compare_two_processes("o200k, 200,019 tokens", folder, texts)


def byte_level(pattern: PreTokenizerName, texts: list[str], vocabulary: int, folder: str) -> None:
    column = pa.array(texts, pa.large_string())
    own_pattern = PATTERNS[pattern]
    made, own = timed(lambda: train_bpe(count([column], own_pattern, 1 << 30)[0], [vocabulary], own_pattern)[0])

    def train_directly() -> tokenizers.Tokenizer:
        tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizer(own_pattern)
        tokenizer.decoder = tokenizers.decoders.ByteLevel()
        trainer = tokenizers.trainers.BpeTrainer(
            vocab_size=vocabulary, special_tokens=list(CONTROL), initial_alphabet=list(ALPHABET), show_progress=False
        )
        tokenizer.train_from_iterator(texts, trainer)
        return tokenizer

    peer, theirs = timed(train_directly)
    if peer.to_str() != made.to_str():
        sys.exit(f"bpe {pattern}: the tokenizers differ")
    report(f"bpe, {pattern}: train", megabytes(texts), theirs, own)
    write_folder(folder, byte_level_files(made, own_pattern), {})
    peer.encode_special_tokens = True
    compare_encoding(f"bpe, {pattern}", folder, texts, lambda texts: [peer.encode(text).ids for text in texts])


def with_sentencepiece(algorithm: Algorithm, texts: list[str], vocabulary: int, folder: str) -> None:
    column = pa.array(texts, pa.large_string())
    made, own = timed(lambda: train_sentencepiece([column], vocabulary, algorithm, 0.9995))

    def train_directly() -> bytes:
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(texts),
            model_writer=model,
            model_type=algorithm,
            vocab_size=vocabulary,
            character_coverage=0.9995,
            byte_fallback=True,
            normalization_rule_name="identity",
            add_dummy_prefix=False,
            remove_extra_whitespaces=False,
            allow_whitespace_only_pieces=True,
            max_sentence_length=LONGEST_TEXT,
            pad_id=3,
            num_threads=THREADS,
            minloglevel=2,
        )
        return model.getvalue()

    peer, theirs = timed(train_directly)
    if peer != made:
        sys.exit(f"sentencepiece {algorithm}: the models differ")
    report(f"sentencepiece, {algorithm}: train", megabytes(texts), theirs, own)
    write_folder(folder, sentencepiece_files(made), {})
    processor = sentencepiece.SentencePieceProcessor(model_proto=made)
    compare_encoding(
        f"sentencepiece, {algorithm}", folder, texts, lambda texts: processor.encode(list(texts), num_threads=1)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vocabulary", type=int, default=16_000)
    parser.add_argument("--unigram", action="store_true", help="also the unigram model, which takes minutes to train")
    options = parser.parse_args()
    if "PREP_TEST_DATA" not in os.environ:
        sys.exit("PREP_TEST_DATA is not set; it names the folder of real web pages and books")
    data = Path(os.environ["PREP_TEST_DATA"])
    pieces = [book[start : start + 20_000] for book in books(data / "books") for start in range(0, len(book), 20_000)]
    texts = [text for text in [*pages(data / "web"), *pages(data / "docs"), *pieces] if text]
    print(f"{len(texts)} documents, {megabytes(texts):.1f} MB, vocabulary {options.vocabulary}")
    print(f"{'':44} {'library s':>10} {'MB/s':>8} {'prep s':>10} {'MB/s':>8} {'ratio':>8}")
    patterns: tuple[PreTokenizerName, ...] = ("gpt2", "llama3", "qwen2", "o200k")
    for pattern in patterns:
        with TemporaryDirectory() as folder:
            byte_level(pattern, texts, options.vocabulary, folder)
            if pattern == "llama3":
                compare_two_processes(f"bpe, {pattern}", folder, texts)
    with TemporaryDirectory() as folder:
        published(data, texts, folder)
    algorithms: tuple[Algorithm, ...] = ("bpe", "unigram") if options.unigram else ("bpe",)
    for algorithm in algorithms:
        with TemporaryDirectory() as folder:
            with_sentencepiece(algorithm, texts, options.vocabulary, folder)


if __name__ == "__main__":
    main()
