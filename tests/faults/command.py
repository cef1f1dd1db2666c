"""The command line of prep with tasks of a few kilobytes, so that a small input has several of them."""

from prep.pipeline.execution.interrupts import INTERRUPTS

if __name__ == "__main__":
    with INTERRUPTS.listening():
        from prep.pipeline import cli
        from prep.stages.read import cutting

        cutting.TASK_BYTES = cutting.LEAST_BYTES = 20_000
        cli.main()
