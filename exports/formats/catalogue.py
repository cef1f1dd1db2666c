"""The formats, by the name that `--to` takes."""

from prep.corpus.closeness import nearest
from prep.corpus.errors import ConfigurationError
from prep.exports.format import ExportSettings, Format
from prep.exports.formats.datatrove import Datatrove
from prep.exports.formats.hugging_face import HuggingFace
from prep.exports.formats.litdata import LitData
from prep.exports.formats.llm_c import LlmC
from prep.exports.formats.megatron import Megatron
from prep.exports.formats.mosaicml import MosaicML
from prep.exports.formats.nanochat import Nanochat
from prep.exports.formats.nanogpt import NanoGPT
from prep.exports.formats.olmo_core import OlmoCore

FORMATS: dict[str, type[Format]] = {
    kind.name: kind for kind in (Megatron, NanoGPT, LlmC, LitData, MosaicML, Datatrove, OlmoCore, HuggingFace, Nanochat)
}


def open_format(name: str, settings: ExportSettings) -> Format:
    """Return a format with its settings. Raises ConfigurationError for a name that is none."""
    if name not in FORMATS:
        known = ", ".join(f"{kind.name} ({kind.reader})" for kind in FORMATS.values())
        near = nearest(name, FORMATS)
        meant = f"; did you mean {near!r}?" if near else ""
        raise ConfigurationError([f"--to: unknown format {name!r}; there are {known}{meant}"])
    return FORMATS[name](settings)
