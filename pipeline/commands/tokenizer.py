"""The commands about tokenizers: `prep tokenizer train`, `evaluate`, `sweep` and `extend`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
import yaml
from rich.table import Table

from prep.pipeline.commands.answering import print_json, size_flag
from prep.pipeline.commands.pipelines import Json
from prep.pipeline.reports.terminal import Terminal

if TYPE_CHECKING:
    from prep.tokenizers.judging.evaluate import Evaluation

app = typer.Typer(help="Train, judge, size and extend tokenizers.", no_args_is_help=True)

Files = Annotated[list[str], typer.Argument(metavar="FILES…", help="Files, folders or globs of text, JSONL, Parquet …")]
Output = Annotated[str, typer.Option(metavar="DIR", help="The folder to write.")]
HeldOut = Annotated[list[str], typer.Option(metavar="FILES", help="Text to judge on; may be repeated.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="An option of `tokenizer` or `read`, such as tokenizer.seed=1."),
]


@app.command()
def train(
    files: Files,
    output: Output,
    kind: Annotated[str | None, typer.Option(help="bpe, sentencepiece_bpe or sentencepiece_unigram.")] = None,
    vocabulary: Annotated[int | None, typer.Option(help="Token ids.")] = None,
    set_: Set = None,
    workers: Annotated[int | None, typer.Option(help="Tasks that run at the same time.")] = None,
    json: Json = False,
) -> None:
    """Train a tokenizer on files of text: the pipeline of `read` and `tokenizer`, which it leaves in DIR to run again.

    `prep stages tokenizer` explains the options.
    """
    from prep.pipeline.commands.pipelines import run

    flags = [("kind", kind), ("vocabulary", vocabulary)]
    options = {name: value for name, value in flags if value is not None}
    stages = [{"read": {"paths": list(files)}}, {"tokenizer": options} if options else "tokenizer"]
    path = Path(output, "pipeline.yaml")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({"output": output, "stages": stages}, sort_keys=False), encoding="utf-8")
    run(str(path), set_, workers, json=json)


@app.command()
def evaluate(
    tokenizers: Annotated[list[str], typer.Argument(metavar="TOKENIZER…", help="Folders or files of tokenizers.")],
    on: HeldOut,
    output: Output = "tokenizer-evaluation",
    model_bytes: Annotated[
        int,
        typer.Option(parser=size_flag, metavar="SIZE", help="Train a small model with each on so many bytes."),
    ] = 0,
    json: Json = False,
) -> None:
    """Judge tokenizers on text they were not trained on: a table, evaluation.json and a picture."""
    from prep.corpus.files.storage import join, write_json
    from prep.pipeline.monitor.outcomes import TokenizersAnswer
    from prep.pipeline.tokenizer_models import bits_per_byte
    from prep.stages.tokenizer.texts import Texts
    from prep.tokenizers.judging.evaluate import Judge
    from prep.tokenizers.judging.pictures import draw_bars
    from prep.tokenizers.saving.existing import open_any

    texts = Texts(on)
    judges = [Judge(name, open_any(name)) for name in tokenizers]
    for batch in texts.batches():
        for judge in judges:
            judge.add(batch)
    results = [judge.evaluation() for judge in judges]
    bits = {}
    for number, result in enumerate(results if model_bytes else ()):
        folder = join(output, "models", str(number))
        bits[result.name] = bits_per_byte(result.name, on, folder, model_bytes, result.total.bytes_per_token)
    report = {result.name: {**result.as_json(), "bits_per_byte": bits.get(result.name)} for result in results}
    write_json(join(output, "evaluation.json"), report)
    by = "language" if len(results[0].by("language")) > 1 else "source"
    groups = list(results[0].by(by))
    values = {result.name: [result.by(by)[name].bytes_per_token for name in groups] for result in results}
    draw_bars(join(output, "evaluation.svg"), f"by {by}", [name or "all" for name in groups], values)
    if json:
        print_json(TokenizersAnswer(output=output, tokenizers=report))
        return
    console = Terminal()
    _print(console, results, bits)
    console.print(f"evaluation.json and evaluation.svg: {output}/")


def _print(console: Terminal, results: "list[Evaluation]", bits: dict[str, float]) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for result in results:
        table.add_column(result.name, justify="right", overflow="fold")
    rows = {
        "vocabulary": [f"{result.vocabulary:,}" for result in results],
        "bytes per token": [f"{result.total.bytes_per_token:.3f}" for result in results],
        "tokens per word": [f"{result.total.tokens_per_word:.3f}" for result in results],
        "unused tokens": [f"{result.unused:,}" for result in results],
        "barely used": [f"{result.barely_used:,}" for result in results],
        "Rényi efficiency": [f"{result.renyi_efficiency:.3f}" for result in results],
        "fairness": ["–" if result.fairness is None else f"{result.fairness:.3f}" for result in results],
        "worst, best language": [", ".join(result.worst_and_best or ("–",)) for result in results],
        "do not come back": [f"{result.total.failures:,} of {result.total.documents:,}" for result in results],
        "longest": [" ".join(map(repr, result.longest[:3])) for result in results],
        "MB/s on one core": [f"{result.megabytes_per_second:.0f}" for result in results],
    }
    if bits:
        rows["bits per byte of a model"] = [f"{bits[result.name]:.4f}" for result in results]
    for what in ("source", "language"):
        names = [name for name in results[0].by(what) if name]
        for name in names if len(names) > 1 else ():
            groups = [result.by(what)[name] for result in results]
            rows[f"{what} {name}"] = [f"{group.bytes_per_token:.3f}, {group.tokens_per_word:.3f}" for group in groups]
    for name, cells in rows.items():
        table.add_row(name, *cells)
    console.print(table)
    console.print("Of a source or language: bytes per token, tokens per word.")


@app.command()
def sweep(
    files: Files,
    on: HeldOut,
    output: Output = "tokenizer-sweep",
    vocabularies: Annotated[str, typer.Option(help="Sizes, separated by commas.")] = "4096,8192,16384,32768,65408",
    kinds: Annotated[str, typer.Option(help="Kinds, separated by commas.")] = "bpe",
    set_: Set = None,
    json: Json = False,
) -> None:
    """Train tokenizers of several sizes and kinds on one sample and draw bytes per token against the vocabulary."""
    from prep.corpus.files.storage import join, write_json
    from prep.pipeline.config import settings_of
    from prep.pipeline.monitor.outcomes import SweepAnswer
    from prep.stages.tokenizer.sweep import sweep as run_sweep
    from prep.stages.tokenizer.texts import Texts
    from prep.stages.tokenizer.tokenizer import TrainTokenizer
    from prep.tokenizers.judging.pictures import draw_curves

    stage = settings_of(TrainTokenizer, set_ or [])
    sizes = sorted(int(size) for size in vocabularies.split(","))
    console = Terminal(quiet=json)
    curves: dict[str, list[tuple[int, float]]] = {}
    for point in run_sweep(Texts(files), Texts(on), stage, sizes, kinds.split(",")):
        curves.setdefault(point.kind, []).append((point.vocabulary, point.bytes_per_token))
        console.print(f"{point.kind} {point.vocabulary:,}: {point.bytes_per_token:.3f} bytes per token")
    report = {
        kind: [{"vocabulary": size, "bytes_per_token": round(value, 4)} for size, value in points]
        for kind, points in curves.items()
    }
    write_json(join(output, "sweep.json"), report)
    draw_curves(join(output, "sweep.svg"), "bytes per token on held-out text", curves)
    console.print(f"sweep.json and sweep.svg: {output}/")
    if json:
        print_json(SweepAnswer.model_validate({"output": output, "kinds": report}))


@app.command()
def extend(
    tokenizer: Annotated[str, typer.Argument(metavar="TOKENIZER", help="The folder or file of byte-level BPE.")],
    files: Files,
    more: Annotated[int, typer.Option(min=1, help="Tokens to add.")],
    output: Output,
    set_: Set = None,
    json: Json = False,
) -> None:
    """Add tokens for a new domain or language to a tokenizer; old ids stay what they are."""
    from prep.pipeline.config import settings_of
    from prep.pipeline.monitor.outcomes import ExtendAnswer
    from prep.stages.tokenizer.extend import extend as run_extend
    from prep.stages.tokenizer.texts import Texts
    from prep.stages.tokenizer.tokenizer import TrainTokenizer

    size = run_extend(tokenizer, Texts(files), settings_of(TrainTokenizer, set_ or []), more, output)
    if json:
        print_json(ExtendAnswer(output=output, tokens=size))
    else:
        Terminal().print(f"{size:,} tokens: {output}/")
