"""The list of all stages: the name in the YAML → the class. A new stage is one file and one line here."""

from collections.abc import Mapping

from prep.stages.classifier.classifier import ClassifierStage
from prep.stages.datatrove_stage import DatatroveStage
from prep.stages.decontaminate.decontaminate import Decontaminate
from prep.stages.dedup.exact import Exact
from prep.stages.dedup.minhash import MinHash
from prep.stages.dedup.unique_url import UniqueUrl
from prep.stages.extract.extract import Extract
from prep.stages.language.language import Language
from prep.stages.pack.pack import Pack
from prep.stages.perplexity.perplexity import Perplexity
from prep.stages.pii.pii import Pii
from prep.stages.quality.clean_lines import CleanLines
from prep.stages.quality.quality import Quality
from prep.stages.quality.signals import Signals
from prep.stages.read.read import Read
from prep.stages.repair.repair import Repair
from prep.stages.repeats.repeats import RepeatedLines, RepeatedSubstrings
from prep.stages.rights.rights import Rights
from prep.stages.sampling.sample import Sample
from prep.stages.sampling.top_share import TopShare
from prep.stages.stage import Stage
from prep.stages.tokenizer import TrainTokenizer
from prep.stages.train import Train
from prep.stages.url.url_filter import UrlFilter

_CLASSES: tuple[type[Stage], ...] = (
    Read,
    UrlFilter,
    Rights,
    Extract,
    Repair,
    Language,
    Signals,
    CleanLines,
    Quality,
    ClassifierStage,
    Perplexity,
    DatatroveStage,
    TopShare,
    Sample,
    UniqueUrl,
    Decontaminate,
    Exact,
    MinHash,
    RepeatedLines,
    RepeatedSubstrings,
    Pii,
    TrainTokenizer,
    Pack,
    Train,
)

STAGES: Mapping[str, type[Stage]] = {stage.name: stage for stage in _CLASSES}
