"""What a corpus is worth to models: the same raw pages through three chains, and through prep's without each stage.

    PREP_TEST_DATA=… python benchmarks/worth.py [--stages] [--tokens 300000] [--seeds 5] [--size nano] [--folder DIR]

The pages of `web-more` go through prep's recipe (FineWeb's, as `end_to_end.py` has it), through datatrove's FineWeb
chain, and barely cleaned: all visible text, as it is. Small models learn the same number of tokens of each, with the
same tokenizer and seeds, and are measured in bits per byte on clean text that none has seen: the main text that people
marked on the pages of `web` (no domain of which is in `web-more`), that of its documentation alone, and books
(`prep compare` does it, and its page lies in DIR). With `--stages` prep's recipe is compared with itself with one stage
left out at a time. `--reference NAME=FILES` measures on other clean text too.

datatrove's own dependencies: pip install -e '.[benchmarks]'
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml
from end_to_end import prep_pipeline, run_datatrove

from prep.pipeline.proxies.comparison import Request, compare_corpora
from prep.pipeline.proxies.held_out import sets_by_name
from prep.pipeline.proxies.settings import ProxySettings
from prep.pipeline.proxies.view import print_comparison
from prep.pipeline.reports.terminal import Terminal

PAGES, JUDGING = "web-more", "web"
LEFT_OUT = ("language", "clean_lines", "quality", "minhash")
"""Stages of the recipe that can go alone; `signals` only serves `quality`."""
KEEPS_ALL_LINES = {
    "clean_lines": {
        "min_words_per_line": 1,
        "max_word_length": 1 << 30,
        **dict.fromkeys(("remove_citations", "drop_javascript", "drop_policy"), False),
    }
}
"""What stands for `clean_lines` where it is left out: the recipe judges by what it measures."""


def write_clean_text(data: Path, folder: Path) -> dict[str, list[str]]:
    """Write the text to measure on, and return its files by set."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = [
        json.loads(line) for line in (data / JUDGING / "gold.jsonl").read_text(encoding="utf-8").split("\n") if line
    ]
    kinds = {
        "documentation": [page for page in pages if page["page_type"] == "documentation"],
        "main text": [page for page in pages if page["page_type"] != "documentation"],
    }
    for name, some in kinds.items():
        lines = [json.dumps({"id": page["url"], "text": page["text"]}) for page in some if page["text"].strip()]
        (folder / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return {**{name: [str(folder / f"{name}.jsonl")] for name in kinds}, "books": [str(data / "books" / "*.txt")]}


def write_pipeline(folder: Path, name: str, stages: list[object]) -> str:
    """Write a pipeline and return its path."""
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump({"output": str(folder / name), "workers": 1, "stages": stages}), encoding="utf-8")
    return str(path)


def chains(data: Path, folder: Path) -> Iterator[str]:
    """Yield the corpora of the three chains: prep's, datatrove's, and the one that is barely cleaned."""
    recipe = recipe_of(data, folder)
    yield write_pipeline(folder, "prep", recipe)
    made = folder / "datatrove-chain"
    if not (made / "done").exists():
        run_datatrove(data, made, "en", (PAGES,))
        (made / "done").touch()
    yield write_pipeline(folder, "datatrove", [{"read": {"paths": str(made / "documents" / "*.jsonl*")}}])
    yield write_pipeline(folder, "barely-cleaned", [recipe[0], {"extract": {"main_content": False}}])


def left_out(data: Path, folder: Path) -> Iterator[str]:
    """Yield prep's recipe, then it without each stage."""
    recipe = recipe_of(data, folder)
    yield write_pipeline(folder, "prep", recipe)
    for name in LEFT_OUT:
        instead = [KEEPS_ALL_LINES] if name == "clean_lines" else []
        kept: list[object] = []
        for stage in recipe:
            kept += instead if name in (stage if isinstance(stage, dict) else (stage,)) else [stage]
        yield write_pipeline(folder, f"without-{name}", kept)


def recipe_of(data: Path, folder: Path) -> list[object]:
    """Return prep's recipe over the pages."""
    stages = prep_pipeline(data, folder, "en", (PAGES,))["stages"]
    assert isinstance(stages, list)
    return stages


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stages", action="store_true", help="leave out each stage of the recipe in turn")
    parser.add_argument("--tokens", type=int, default=300_000, help="that each model learns (default 300,000)")
    parser.add_argument("--seeds", type=int, default=5, help="models of each corpus (default 5)")
    parser.add_argument("--size", default="nano", help="preset of the models (default nano)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="models trained side by side")
    parser.add_argument("--folder", type=Path, default=Path(".cache/worth"), help="where everything lies")
    parser.add_argument("--reference", action="append", default=[], metavar="NAME=FILES", help="other clean text")
    options = parser.parse_args()
    if "PREP_TEST_DATA" not in os.environ:
        sys.exit("PREP_TEST_DATA is not set; it names the folder of real web pages")
    data, folder = Path(os.environ["PREP_TEST_DATA"]).resolve(), options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    settings = ProxySettings.model_validate(
        {
            "tokens": options.tokens,
            "seeds": options.seeds,
            "sizes": [options.size],
            "vocabulary": 2048,
            "length": 128,
            "held_out": 0,
            "measure_bytes": 150_000,
        }
    )
    texts = {**write_clean_text(data, folder / "clean"), **sets_by_name(options.reference)}
    corpora = left_out(data, folder) if options.stages else chains(data, folder)
    place = folder / ("by-stage" if options.stages else "by-chain")
    request = Request(tuple(corpora), texts, {})
    terminal = Terminal(width=160)
    answer = compare_corpora(request, settings, str(place), options.workers, terminal.print)
    print_comparison(terminal, answer)
    for corpus in answer.corpora:
        terminal.print(f"{corpus.name}: {corpus.tokens:,} tokens, each seen {corpus.epochs:.2f} times")
    terminal.print(f"page: {place}/comparison.html")


if __name__ == "__main__":
    main()
