"""The formats, by the name that `--to` takes."""

from prep.corpus.errors import ConfigurationError
from prep.stages.export.datatrove import Datatrove
from prep.stages.export.format import ExportSettings, Format
from prep.stages.export.hugging_face import HuggingFace
from prep.stages.export.litdata import LitData
from prep.stages.export.llm_c import LlmC
from prep.stages.export.megatron import Megatron
from prep.stages.export.mosaicml import MosaicML
from prep.stages.export.nanochat import Nanochat
from prep.stages.export.nanogpt import NanoGPT
from prep.stages.export.olmo_core import OlmoCore

FORMATS: dict[str, type[Format]] = {
    kind.name: kind for kind in (Megatron, NanoGPT, LlmC, LitData, MosaicML, Datatrove, OlmoCore, HuggingFace, Nanochat)
}


def open_format(name: str, settings: ExportSettings) -> Format:
    """Return a format with its settings. Raises ConfigurationError for a name that is none."""
    if name not in FORMATS:
        known = ", ".join(f"{kind.name} ({kind.reader})" for kind in FORMATS.values())
        raise ConfigurationError([f"--to: unknown format {name!r}; there are {known}"])
    return FORMATS[name](settings)
