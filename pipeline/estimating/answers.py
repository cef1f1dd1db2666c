"""What `prep estimate --json` prints: times in hours of the machine that it ran on, sizes in bytes."""

from collections.abc import Mapping
from typing import Literal

from prep.pipeline.monitor.answer import Answer


class Figure(Answer):
    """A predicted figure and the interval that holds the true one with a probability of 95 %, as far as chance goes."""

    value: float
    low: float
    high: float


class StageEstimate(Answer):
    """What a stage would do and take."""

    name: str
    entered: Figure
    """Documents."""
    kept: Figure
    rejected: Mapping[str, Figure]
    """Documents, by rule."""
    failed: Mapping[str, Figure]
    """Documents, by error."""
    tagged: Mapping[str, Figure]
    """Documents, by what is noted of them."""
    cpu_hours: Figure
    duplicates: bool
    """Whether its losses were predicted from a sample in which copies stay together."""


class StepEstimate(Answer):
    """What a step would take."""

    title: str
    does: str
    cpu_hours: Figure
    fixed_cpu_seconds: float
    """Of these, what does not grow with the input: so much for each of the step's tasks together."""
    wall_hours: Figure
    longest_phase: str
    """The phase that takes most of the time."""
    tasks: int
    """Of that phase: no more workers have anything to do in it."""
    memory_bytes: float
    """Of one process, at most."""
    disk_bytes: Figure
    """That stay until the folder of steps is removed."""
    scratch_bytes: Figure
    """That are removed when the step is done."""


class SampleAnswer(Answer):
    """What the prediction was made from."""

    bytes: int
    """On disk."""
    input_bytes: int
    files: int
    """Of the input."""
    tasks: int
    strata: int
    share: float
    seed: int
    exact: bool
    """Whether it is all of the input, and the figures are no predictions."""
    keyed_documents: int
    """Documents of the sample in which copies stay together, 0 where there was none."""
    looked_at: float
    """The share of the input whose records were looked at, to count them and to find copies."""
    seconds: float
    """That making the prediction took."""


class EstimateAnswer(Answer):
    """What running a pipeline over all of its input would do and take."""

    pipeline: str
    workers: int
    executor: str
    interval: Literal["95 %"] = "95 %"
    sample: SampleAnswer
    documents_read: Figure
    documents: Figure
    """Kept at the end."""
    text_bytes: Figure
    """Of the documents kept, UTF-8."""
    tokens: Figure | None
    """In all splits, separators included; null where nothing is packed."""
    cpu_hours: Figure
    wall_hours: Figure
    start_cpu_seconds: float
    """That each process takes to load kernels and models; where kernels are compiled, once for all."""
    compiled_kernels: int
    """Kernels that were compiled for this prediction: the run need not do it again."""
    memory_bytes: float
    """Of all processes together, at most."""
    memory_per_worker_bytes: float
    steps_bytes: Figure
    """Disk of the folder of steps in the end."""
    peak_disk_bytes: Figure
    """Disk at the moment that takes most, what is removed later included."""
    output_bytes: Figure
    """Of the results; where the file system allows hard links they take no place beside the steps."""
    stages: list[StageEstimate]
    steps: list[StepEstimate]
    bottleneck: str
    """The step that takes the longest, and why."""
    problems: list[str]
    """What will not fit."""
    remarks: list[str]
    """What the prediction leaves out, or could not see."""
