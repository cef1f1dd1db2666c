"""The list of all stages: the name in the YAML → the class. A new stage is one file and one line here.

Stages of other packages are found by entry points of the group `prep.stages`, or named in the YAML as `module.Class`.

A stage is imported when it is asked for, so that a run waits for no kernels and libraries but those of its own stages.
"""

import importlib
import re
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, cast

from prep.corpus.errors import ConfigurationError

if TYPE_CHECKING:
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
    "signal_classifier": "classifier.signal_classifier.SignalClassifier",
    "perplexity": "perplexity.perplexity.Perplexity",
    "join": "annotations.join.Join",
    "filter": "annotations.filter.Filter",
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

GROUP = "prep.stages"
"""The group of entry points by which other packages offer stages: the name in the YAML → the class."""
NAME = re.compile(r"[a-z][a-z0-9_]*")


def module_of(name: str) -> str | None:
    """Return the module of one of `prep`'s own stages, which is not imported; None for a stage of another package."""
    return f"prep.stages.{_CLASSES[name].rpartition('.')[0]}" if name in _CLASSES else None


class _Catalogue(Mapping[str, "type[Stage]"]):
    """Imports a stage when its name is looked up: one of `prep`'s own, an entry point's, or any `module.Class`.

    Raises ConfigurationError for a stage of another package that cannot be used.
    """

    def __getitem__(self, name: str) -> "type[Stage]":
        own = module_of(name)
        if own is not None:
            return cast("type[Stage]", getattr(importlib.import_module(own), _CLASSES[name].rpartition(".")[2]))
        if name in _offered():
            return _foreign(name, _offered()[name].load)
        module, dot, kind = name.rpartition(".")
        if not dot:
            raise KeyError(name)
        return _foreign(name, lambda: getattr(importlib.import_module(module), kind))

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([*_CLASSES, *sorted(_offered())]))

    def __len__(self) -> int:
        return len({*_CLASSES, *_offered()})


def _offered() -> Mapping[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def _foreign(name: str, load: Callable[[], object]) -> "type[Stage]":
    """Return a stage of another package, checked as far as the engine relies on it."""
    from prep.stages.stage import GlobalStage, RowStage, SourceStage

    try:
        kind = load()
    except Exception as error:  # whatever the other package raises when it is imported
        raise ConfigurationError([f"stage {name!r} cannot be imported: {type(error).__name__}: {error}"]) from error
    if not isinstance(kind, type) or not issubclass(kind, SourceStage | RowStage | GlobalStage):
        raise ConfigurationError(
            [f"{name!r} is no stage; expected a class derived from SourceStage, RowStage or GlobalStage, seen {kind!r}"]
        )
    own = getattr(kind, "name", None)
    if not isinstance(own, str) or not NAME.fullmatch(own) or own in _CLASSES:
        raise ConfigurationError(
            [f"{name!r} needs a `name` of small letters, digits and `_` that no stage of prep has, seen {own!r}"]
        )
    return kind


STAGES: "Mapping[str, type[Stage]]" = _Catalogue()
