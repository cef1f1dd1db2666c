"""What the command `prep` runs: Ctrl-C is listened to before anything that takes time is imported."""

from prep.pipeline.execution.interrupts import INTERRUPTS


def main() -> None:
    """Run the command line."""
    with INTERRUPTS.listening():
        from prep.pipeline import cli

        cli.main()


if __name__ == "__main__":
    main()
