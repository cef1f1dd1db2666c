"""What commands outside a run print with `--json`: stages, audits, rules, tokenizers, models, exports, removals."""

from collections.abc import Mapping
from typing import Any

from prep.pipeline.monitor.answer import Answer


class OptionAnswer(Answer):
    """An option of a stage, or of a group of options."""

    name: str
    takes: str
    """Its type, choices, bounds and unit, in words."""
    default: str
    """`required`, or `default` and the value that stands for it where it is left out."""
    text: str
    options: list["OptionAnswer"]
    """Of the groups that its type is made of."""


class StageReferenceAnswer(Answer):
    """A stage of the catalogue: `prep stages`."""

    name: str
    text: str
    """What it does: its first line in the list of all, all of it for the stage that was asked for."""
    example: str | None = None
    """How it stands in a pipeline's `stages`; null in the list of all."""
    options: list[OptionAnswer] | None = None
    """Null in the list of all."""


class StagesAnswer(Answer):
    """The stages that there are, or the one that was asked for."""

    stages: list[StageReferenceAnswer]


class AuditAnswer(Answer):
    """What one deduplication did."""

    step: str
    """The step's place and name."""
    summary: dict[str, Any]
    """Counts, and estimates of wrong and missed pairs."""
    sizes: dict[int, int]
    """Clusters by their number of documents; empty for what cuts pieces of texts."""
    losses: list[dict[str, Any]]
    """What went of each source and language."""
    pairs: list[dict[str, Any]]
    """Pairs of a removed document and the one kept, the least similar first, with the beginnings of their texts."""
    clusters: list[dict[str, Any]]
    """Documents of the largest clusters."""
    repeats: list[dict[str, Any]]
    """Of what cuts pieces of texts: the pieces that most documents have."""


class AuditsAnswer(Answer):
    """What the deduplications of a run did: `prep dedup audit`."""

    audits: list[AuditAnswer]


class RuleCostsAnswer(Answer):
    """What the rules of one stage `quality` cost."""

    stage: str
    costs: dict[str, Any]
    """As `audit/*/costs.json` holds it (`prep.stages.quality.costs.Costs`)."""


class QualityAnswer(Answer):
    """What rules cost: `prep quality report`."""

    stages: list[RuleCostsAnswer]


class FitAnswer(Answer):
    """A recipe that was fitted: `prep quality fit`. Shares are from 0 to 1."""

    recipe: str
    """The file."""
    language: str
    documents: int
    """Of the reference."""
    kept: float
    """Share of the reference that all rules together keep."""
    held_out: float
    """Share of documents held out that they keep."""
    thresholds: dict[str, float]
    """By rule, those that were fitted."""
    rejected: dict[str, float]
    """By rule, the share of the reference that breaks it."""
    held_out_rejected: dict[str, float]
    """By rule, the share of documents held out that breaks it."""
    stop_words: list[str]


class ClassifierAnswer(Answer):
    """A classifier that was trained: `prep classifier train`."""

    output: str
    card: dict[str, Any]
    """As `card.json` in the folder holds it."""


class TokenizersAnswer(Answer):
    """How tokenizers do on text: `prep tokenizer evaluate`."""

    output: str
    """The folder of `evaluation.json` and the picture."""
    tokenizers: dict[str, dict[str, Any]]
    """By name: vocabulary, counts, bytes per token, tokens per word, sources, languages."""


class SizeAnswer(Answer):
    """A tokenizer of one size."""

    vocabulary: int
    bytes_per_token: float


class SweepAnswer(Answer):
    """Tokenizers of several sizes: `prep tokenizer sweep`."""

    output: str
    kinds: dict[str, list[SizeAnswer]]


class ExtendAnswer(Answer):
    """A tokenizer with more tokens: `prep tokenizer extend`."""

    output: str
    tokens: int
    """In all."""


class ModelAnswer(Answer):
    """A model that was trained: `prep train`."""

    output: str
    report: dict[str, Any]
    """As `report.json` in the folder holds it."""


class ModelsAnswer(Answer):
    """How a model does on shards: `prep model evaluate`."""

    shards: dict[str, dict[str, Any]]
    """By folder: `all`, `by_source` and `by_language`, each with bits per byte, perplexity and accuracy."""


class ModelExportAnswer(Answer):
    """A model that transformers opens: `prep model export`."""

    output: str


class TokenAnswer(Answer):
    """A token that a model wrote."""

    text: str
    probability: float


class SampleAnswer(Answer):
    """Text that a model wrote: `prep model sample`."""

    prompt: str
    text: str
    """Without the prompt."""
    tokens: list[TokenAnswer]


class ExportAnswer(Answer):
    """Shards in another trainer's format: `prep export`."""

    output: str
    format: str
    note: str
    """How to point the trainer at them."""


class SplitRemovalAnswer(Answer):
    """What went of the shards of a split."""

    documents: int
    tokens: int
    rows_changed: int
    rows_removed: int


class RemoveAnswer(Answer):
    """A run's results without some documents: `prep remove`."""

    output: str
    documents: int
    """Published documents that were named."""
    rejected: int
    """Records of lost documents that were named."""
    splits: Mapping[str, SplitRemovalAnswer]
    stand_ins: list[str]
    """Documents that stay, of which lost ones that were named were copies."""
    exports: list[str]
    """Folders inside the run that hold an export of the old shards."""


class InitAnswer(Answer):
    """A pipeline that was written: `prep init`."""

    pipeline: str
    schema_file: str
    """By which editors complete and check it."""
    files: dict[str, int]
    """Files that were found, by kind."""
