"""What others read packed shards with; the rest of `prep.corpus` may move.

    from prep.corpus import Loader, LoaderSettings, Rank, ShardReader

Names are imported when they are first used.
"""

from typing import TYPE_CHECKING

from prep.corpus.lazy_names import lazy_names

if TYPE_CHECKING:
    from prep.corpus.errors import ConfigurationError, CorruptFileError, PrepError, RunError
    from prep.corpus.shards.loader import (
        Batch,
        Loader,
        LoaderSettings,
        Rank,
        check_tokenizer,
        cu_seqlens,
        masked_labels,
        position_ids,
    )
    from prep.corpus.shards.shards import Pieces, Rows, ShardManifest, ShardReader, read_manifest
    from prep.corpus.shards.verification import Fault, verify_shards

__all__ = [
    "Batch",
    "ConfigurationError",
    "CorruptFileError",
    "Fault",
    "Loader",
    "LoaderSettings",
    "Pieces",
    "PrepError",
    "Rank",
    "Rows",
    "RunError",
    "ShardManifest",
    "ShardReader",
    "check_tokenizer",
    "cu_seqlens",
    "masked_labels",
    "position_ids",
    "read_manifest",
    "verify_shards",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "prep.corpus.errors": "ConfigurationError CorruptFileError PrepError RunError",
        "prep.corpus.shards.loader": (
            "Batch Loader LoaderSettings Rank check_tokenizer cu_seqlens masked_labels position_ids"
        ),
        "prep.corpus.shards.shards": "Pieces Rows ShardManifest ShardReader read_manifest",
        "prep.corpus.shards.verification": "Fault verify_shards",
    },
)
