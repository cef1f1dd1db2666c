"""The comparison in plain sentences: what is better where, by how much, and nothing where the noise is larger."""

from collections.abc import Iterator, Sequence

from prep.pipeline.proxies.answer import DifferenceAnswer, LineAnswer

_KINDS = {
    "all": "on all sets together",
    "set": "on {}",
    "language": "in {}",
    "task": "at {}",
    "answers": "on {}'s answers",
}


def verdicts(lines: Sequence[LineAnswer], corpora: Sequence[str], size: str, seeds: int) -> list[str]:
    """Return a sentence for each corpus after the first, by the proxies of one size."""
    own = [line for line in lines if line.size == size]
    return [_sentence(own, corpora[0], name, place, seeds) for place, name in enumerate(corpora[1:])]


def _sentence(lines: Sequence[LineAnswer], first: str, name: str, place: int, seeds: int) -> str:
    if seeds < 2:
        return f"no verdict on {name} against {first}: one seed says nothing of the noise; set seeds to 3 or more"
    found = {verdict: list(_parts(lines, place, verdict)) for verdict in ("better", "worse")}
    if not found["better"] and not found["worse"]:
        widths = [line.differences[place].half_width for line in lines if line.kind != "task"]
        seen = sorted(width for width in widths if width is not None)
        span = " to ".join(dict.fromkeys(f"{width:.2g}" for width in (*seen[:1], *seen[-1:])))
        smallest = f": differences of less than {span} % would not be seen" if seen else ""
        return f"no difference between {name} and {first} beyond the noise of {seeds} seeds{smallest}"
    parts = [f"{verdict} than {first} {listed(phrases)}" for verdict, phrases in found.items() if phrases]
    level = "; level elsewhere" if any(line.differences[place].verdict == "level" for line in lines) else ""
    return f"{name} is {', and '.join(parts)}{level}"


def _parts(lines: Sequence[LineAnswer], place: int, verdict: str) -> Iterator[str]:
    for line in lines:
        difference = line.differences[place]
        if difference.verdict == verdict:
            yield f"{where(line)} by {amount(line, difference)}"


def where(line: LineAnswer) -> str:
    """Return what a line is about: `on books`."""
    return _KINDS[line.kind].format(line.name)


def amount(line: LineAnswer, difference: DifferenceAnswer) -> str:
    """Return how large a difference is: `0.8 % ± 0.3`."""
    unit = " points" if line.kind == "task" else " %"
    noise = "" if difference.half_width is None else f" ± {difference.half_width:.2g}"
    digits = 2 if abs(difference.difference) < 1 else 1
    return f"{abs(difference.difference):.{digits}f}{unit}{noise}"


def listed(phrases: Sequence[str]) -> str:
    """Return phrases as an enumeration."""
    return phrases[0] if len(phrases) == 1 else f"{', '.join(phrases[:-1])} and {phrases[-1]}"
