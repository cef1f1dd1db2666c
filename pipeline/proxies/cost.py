"""What proxies will cost, said before they are trained."""

from collections.abc import Callable, Sequence

from prep.pipeline.monitor.amounts import duration
from prep.pipeline.proxies.settings import ProxySettings
from prep.pipeline.proxies.training import Proxy, ProxyWork
from prep.stages.train.timing import training_seconds


def say_cost(
    work: ProxyWork, settings: ProxySettings, vocabulary: int, steps: int, workers: int, say: Callable[[str], None]
) -> None:
    """Say how many proxies are left to train and how long that takes, by timing a few steps of each size."""
    pending = {proxy.name: proxy for at, proxy in enumerate(work.proxies) if not work.done(at)}
    if pending:
        say(describe_cost(list(pending.values()), settings, vocabulary, steps, workers))


def describe_cost(proxies: Sequence[Proxy], settings: ProxySettings, vocabulary: int, steps: int, workers: int) -> str:
    """Return how many proxies are to be trained and how long that takes with so many side by side."""
    seconds = {
        size: training_seconds(settings.training(size, 0, steps), vocabulary, settings.length)
        for size in dict.fromkeys(proxy.size for proxy in proxies)
    }
    whole = sum(seconds[proxy.size] for proxy in proxies)
    each = ", ".join(f"{size} {duration(took)}" for size, took in seconds.items())
    return (
        f"{len(proxies)} proxies to train, {steps:,} steps of {settings.step_tokens:,} tokens each ({each}): about "
        f"{duration(whole / min(workers, len(proxies)))} with {min(workers, len(proxies))} side by side"
    )
