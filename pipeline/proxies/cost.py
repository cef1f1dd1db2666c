"""What proxies will cost, said before they are trained."""

from collections.abc import Callable, Sequence

from prep.pipeline.monitor.amounts import duration
from prep.pipeline.proxies.settings import Preset, ProxySettings
from prep.pipeline.proxies.training import ProxyWork
from prep.stages.train.timing import training_seconds


def say_cost(
    work: ProxyWork, settings: ProxySettings, vocabulary: int, steps: int, workers: int, say: Callable[[str], None]
) -> None:
    """Say how many proxies are left to train and how long that takes, by timing a few steps of each size."""
    pending = {proxy.name: proxy for at, proxy in enumerate(work.proxies) if not work.done(at)}
    if pending:
        say(describe_cost([proxy.size for proxy in pending.values()], settings, vocabulary, steps, workers))


def describe_cost(sizes: Sequence[Preset], settings: ProxySettings, vocabulary: int, steps: int, workers: int) -> str:
    """Return how many proxies, given by their sizes, are to be trained, and how long so many side by side take."""
    seconds = {
        size: training_seconds(settings.training(size, 0, steps), vocabulary, settings.length)
        for size in dict.fromkeys(sizes)
    }
    whole = sum(seconds[size] for size in sizes)
    together = min(workers, len(sizes))
    each = ", ".join(f"{size} {duration(took)}" for size, took in seconds.items())
    return (
        f"{len(sizes)} proxies to train, {steps:,} steps of {settings.step_tokens:,} tokens each ({each}): about "
        f"{duration(whole / together)} with {together} side by side"
    )
