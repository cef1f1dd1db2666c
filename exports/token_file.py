"""A split's tokens in one file, end to end and nothing else, written by several tasks."""

from prep.exports.format import Piece, Split, cut_stream
from prep.exports.shared_file import SharedFile

TASK_BYTES = 256 << 20


def pieces(split: Split) -> list[Piece]:
    """Return what each task writes."""
    return cut_stream(split, TASK_BYTES)


def write_piece(split: Split, task: int, path: str) -> None:
    """Write a task's tokens to their place in the file."""
    piece = pieces(split)[task]
    with SharedFile(path).writing(piece.first * split.token_bytes) as sink:
        for stretch in split.stream.read(piece.first, piece.end):
            sink.write(stretch.ids.data)


def publish(split: Split, path: str) -> None:
    """Give the file its name once all tasks are done."""
    SharedFile(path).publish(split.stream.tokens * split.token_bytes)
