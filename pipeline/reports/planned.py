"""The plan of a pipeline, for people: what `prep check` prints."""

from prep.pipeline.monitor.planning import CheckAnswer
from prep.pipeline.reports.terminal import Terminal


def print_plan(console: Terminal, answer: CheckAnswer) -> None:
    """Print the steps of a pipeline that can work."""
    for index, step in enumerate(answer.steps):
        if step.phases:
            work = ", then ".join(f"{phase.name} × {phase.tasks}" for phase in step.phases)
        else:
            work = f"{step.tasks} tasks: {', '.join(step.stages) or 'takes out what was rejected before'}"
        console.print(f"{index:02d} {step.title}: {work}")
        for remark in step.remarks:
            console.print(f"   {remark}", soft_wrap=True)
    for remark in answer.remarks:
        console.print(remark, soft_wrap=True)
    console.print(f"{answer.pipeline}: {answer.stages} stages in {len(answer.steps)} steps; no problem found")
