"""The list of all stages: the name in the YAML → the class. A new stage is one file and one line here.

A stage is imported when it is asked for, so that a run waits for no kernels and libraries but those of its own stages.
"""

import importlib
from collections.abc import Iterator, Mapping
from typing import cast

from prep.stages.stage import Stage

_CLASSES: Mapping[str, str] = {
    "read": "read.read.Read",
    "url_filter": "url.url_filter.UrlFilter",
    "remove": "remove.remove.Remove",
    "rights": "rights.rights.Rights",
    "extract": "extract.extract.Extract",
    "repair": "repair.repair.Repair",
    "language": "language.language.Language",
    "signals": "quality.signals.signals.Signals",
    "clean_lines": "quality.clean_lines.CleanLines",
    "quality": "quality.quality.Quality",
    "classifier": "classifier.classifier.ClassifierStage",
    "perplexity": "perplexity.perplexity.Perplexity",
    "datatrove": "datatrove.datatrove_stage.DatatroveStage",
    "top_share": "sampling.top_share.TopShare",
    "sample": "sampling.sample.Sample",
    "unique_url": "dedup.unique_url.UniqueUrl",
    "decontaminate": "decontaminate.decontaminate.Decontaminate",
    "exact": "dedup.exact.Exact",
    "minhash": "dedup.minhash.minhash.MinHash",
    "repeated_lines": "repeats.repeats.RepeatedLines",
    "template_lines": "repeats.repeats.TemplateLines",
    "repeated_substrings": "repeats.repeats.RepeatedSubstrings",
    "pii": "pii.pii.Pii",
    "tokenizer": "tokenizer.tokenizer.TrainTokenizer",
    "pack": "pack.pack.Pack",
    "train": "train.train.Train",
}
"""Places below `prep.stages`."""


class _Catalogue(Mapping[str, type[Stage]]):
    """Imports a stage when its name is looked up."""

    def __getitem__(self, name: str) -> type[Stage]:
        module, _, kind = _CLASSES[name].rpartition(".")
        return cast("type[Stage]", getattr(importlib.import_module(f"prep.stages.{module}"), kind))

    def __iter__(self) -> Iterator[str]:
        return iter(_CLASSES)

    def __len__(self) -> int:
        return len(_CLASSES)


STAGES: Mapping[str, type[Stage]] = _Catalogue()
