"""Small files beside a pipeline, read whole, and the objects of those in JSON Lines.

Evaluation sets, labels, statements of hosts, requests for removal. A file that is damaged or no JSON Lines is an error
with its place: such files decide what becomes of documents, so nothing of them may be passed over. Cost: one pass;
memory for the content.
"""

from collections.abc import Iterator

import orjson

from prep.corpus.errors import ConfigurationError
from prep.corpus.files.compression import pieces

_BOM = b"\xef\xbb\xbf"


def read_whole(path: str) -> bytes:
    """Return a file's content, decompressed as its name announces.

    Raises ConfigurationError where it cannot be read, is cut off or damaged.
    """
    content = bytearray()
    try:
        for piece in pieces(path):
            if piece.rule is not None:
                raise ConfigurationError([f"{path}: {piece.rule}: {piece.detail or 'the file is damaged'}"])
            content += piece.data
    except OSError as error:
        raise ConfigurationError([f"{path}: cannot be read: {error}"]) from error
    return bytes(content)


def json_records(path: str) -> Iterator[dict[str, object]]:
    """Yield the objects of a file of JSON Lines; empty lines are none.

    Raises ConfigurationError as `read_whole` does, and with the line's number where it holds no object.
    """
    for number, line in enumerate(read_whole(path).removeprefix(_BOM).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise ConfigurationError([f"{path}:{number}: expected a JSON object, seen {error}"]) from error
        if not isinstance(record, dict):
            seen = line[:40].decode("utf-8", "replace")
            raise ConfigurationError([f"{path}:{number}: expected a JSON object, seen {type(record).__name__}: {seen}"])
        yield record
