"""The list of all stages: the name in the YAML → the class. A new stage is one file and one line here."""

from collections.abc import Mapping

from prep.stages.stage import Stage

_CLASSES: tuple[type[Stage], ...] = ()

STAGES: Mapping[str, type[Stage]] = {stage.name: stage for stage in _CLASSES}
