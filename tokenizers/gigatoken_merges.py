"""Finds BPE merges with `gigatoken` in a process of its own, which its messages and its threads stay in.

    python -m prep.tokenizers.gigatoken_merges TEXTS COUNT RESULT

TEXTS holds documents, each followed by DOCUMENT_END. RESULT becomes a JSON list of pairs, a character for each byte.
The merges do not depend on the number of threads.
"""

import json
import sys
from pathlib import Path

DOCUMENT_END = b"\xff"
"""A byte that no UTF-8 text holds."""


def main(texts: str, count: str, result: str) -> None:
    """Find `count` merges; pieces are cut by GPT-2's pattern, ties are broken as `tokenizers` does."""
    from gigatoken import train_bpe

    _, merges = train_bpe(Path(texts), 256 + int(count), [], tie_breaking="huggingface", separator=DOCUMENT_END)
    pairs = [(left.decode("latin-1"), right.decode("latin-1")) for left, right in merges]
    Path(result).write_text(json.dumps(pairs), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
