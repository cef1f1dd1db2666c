"""A split's tokens in one file, end to end and nothing else, written by several tasks."""

from prep.exports.format import Split, TokenRange, cut_stream
from prep.exports.shared_file import SharedFile

TASK_BYTES = 256 << 20


def ranges(split: Split) -> list[TokenRange]:
    """Return what each task writes."""
    return cut_stream(split, TASK_BYTES)


def write_range(split: Split, task: int, path: str) -> None:
    """Write a task's tokens to their place in the file."""
    part = ranges(split)[task]
    with SharedFile(path).writing(part.first * split.token_bytes) as sink:
        for stretch in split.stream.read(part.first, part.end):
            sink.write(stretch.ids.data)


def publish(split: Split, path: str) -> None:
    """Give the file its name once all tasks are done."""
    SharedFile(path).publish(split.stream.tokens * split.token_bytes)
