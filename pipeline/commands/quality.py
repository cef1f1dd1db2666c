"""The commands about quality: `prep quality report` and `prep quality fit`."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.table import Table

from prep.pipeline.commands.answering import print_json
from prep.pipeline.commands.pipelines import Json, Run, Set
from prep.pipeline.reports.terminal import Terminal

if TYPE_CHECKING:
    from prep.pipeline.monitor.outcomes import FitAnswer
    from prep.stages.quality.fitting import Fit
    from prep.stages.quality.recipe import Recipe
    from prep.stages.quality.reference import Identify

app = typer.Typer(help="See what quality rules cost, and derive rules for a language.", no_args_is_help=True)


_HELD_OUT_BELOW = 0.05
"""How far the share kept of documents held out may lie below what was asked for before that is said."""


@app.command()
def report(
    run: Run,
    set_: Set = None,
    by: Annotated[Literal["language", "source"] | None, typer.Option(help="Break the costs down.")] = None,
    json: Json = False,
) -> None:
    """Show what each rule of a run rejects: in all, alone (it would come back without the rule), and first."""
    from prep.pipeline.monitor.opening import opened
    from prep.pipeline.monitor.outcomes import QualityAnswer, RuleCostsAnswer
    from prep.pipeline.reports.rules import print_costs, print_costs_by, quality_costs

    with opened(run, set_ or []) as (configuration, _):
        found = [(configuration.label(step.position), costs) for step, costs in quality_costs(configuration)]
    if json:
        stages = [RuleCostsAnswer(stage=label, costs=costs.model_dump(mode="json")) for label, costs in found]
        print_json(QualityAnswer(stages=stages))
        return
    console = Terminal()
    for label, costs in found:
        print_costs(console, label, costs)
        if by:
            print_costs_by(console, by, costs)


@app.command()
def fit(
    files: Annotated[
        list[str], typer.Argument(metavar="FILES…", help="The reference: texts whose quality is trusted.")
    ],
    language: Annotated[str, typer.Option(help="The language of the reference, by the code of the stage `language`.")],
    output: Annotated[str, typer.Option(metavar="RECIPE.yaml", help="The recipe to write.")],
    recipe: Annotated[str, typer.Option(help="The recipe whose rules are fitted.")] = "fineweb2",
    keep: Annotated[float, typer.Option(min=0, max=1, help="Share of the reference that the rules must keep.")] = 0.95,
    splitter: Annotated[Literal["spacy", "unicode", "whitespace"], typer.Option(help="What a word is.")] = "unicode",
    dictionary: Annotated[
        bool, typer.Option(help="Cut Chinese, Japanese, Thai, Lao, Khmer and Burmese into words of dictionaries.")
    ] = False,
    json: Json = False,
) -> None:
    """Derive thresholds and stop words for a language from a reference corpus, and write them as a recipe.

    FILES are files, folders or globs of text, JSON Lines, Parquet …, or the folder `documents` of an earlier run. Of
    documents with a column `language`, those in the language count; others are identified, and a reference in several
    languages is refused, as is one that is too small.
    """
    from prep.corpus.errors import ConfigurationError
    from prep.corpus.files.storage import write_bytes
    from prep.stages.quality import fitting
    from prep.stages.quality.recipe import load_recipe
    from prep.stages.quality.reference import check_reference, own_texts
    from prep.stages.quality.words.splitting import Words, word_problems
    from prep.stages.shared.language_names import expected_language
    from prep.stages.shared.languages import is_known
    from prep.stages.shared.text_source import TextSource

    if not is_known(language):
        raise ConfigurationError([f"--language {language}: no language; {expected_language(language)}"])
    source, base = TextSource(paths=tuple(files)), load_recipe(recipe)
    words = Words(splitter, "dictionary" if dictionary else "letters")
    complaints = [str(problem) for problem in (*source.problems(), *word_problems(words))]
    if complaints:
        raise ConfigurationError(complaints)
    check_reference(source.batches(), language, words, _identifier(language))
    fitted = fitting.fit(lambda: own_texts(source.batches(), language), base, language, keep, words)
    write_bytes(output, fitted.as_yaml(recipe, files, words).encode())
    if json:
        print_json(_fit_answer(output, fitted))
        return
    console = Terminal()
    _print_fit(console, fitted, base, keep)
    console.print(f"recipe: {output}")


def _fit_answer(output: str, fitted: "Fit") -> "FitAnswer":
    from prep.pipeline.monitor.outcomes import FitAnswer

    return FitAnswer(
        recipe=output,
        language=fitted.language,
        documents=fitted.documents,
        kept=fitted.kept,
        held_out=fitted.held_out,
        thresholds=dict(fitted.thresholds),
        rejected=dict(fitted.rejected),
        held_out_rejected=dict(fitted.held_out_rejected),
        stop_words=list(fitted.stop_words),
    )


def _identifier(language: str) -> "Identify | None":
    """Return a function that identifies languages; None where the model does not know the one that is asked for."""
    from prep.corpus.errors import ConfigurationError
    from prep.stages.language.engines import FastText
    from prep.stages.language.model import read_model
    from prep.stages.shared.languages import related_codes

    try:
        engine = FastText(read_model(""))
    except ConfigurationError as error:
        Terminal(stderr=True).print(f"the language of the reference is not checked: {error}")
        return None
    if not any(code in related_codes(language) for code in engine.codes):
        Terminal(stderr=True).print(
            f"the language of the reference is not checked: the model does not know {language!r}"
        )
        return None
    return lambda texts: engine.identify(texts).codes


def _print_fit(console: Terminal, fitted: "Fit", base: "Recipe", keep: float) -> None:
    """Print the thresholds beside those of the recipe that was fitted, and what they reject of the reference."""
    from prep.stages.quality import fitting

    table = Table(box=None, pad_edge=False)
    for heading in ("rule", "bound", "before", "fitted", "rejects of the reference", "held out"):
        table.add_column(heading, justify="left" if heading in ("rule", "bound") else "right")
    for rule in base.rules.values():
        before = rule.threshold_for(fitted.language)
        now = fitted.thresholds.get(rule.name)
        numbers = ("-" if before is None else f"{before:g}", "" if now is None else f"{now:g}")
        table.add_row(
            rule.name,
            rule.bound,
            *numbers,
            f"{fitted.rejected[rule.name]:.2%}",
            f"{fitted.held_out_rejected[rule.name]:.2%}",
        )
    console.print(table)
    console.print(f"stop words: {' '.join(fitted.stop_words)}")
    console.print(f"kept of {fitted.documents:,} documents of the reference: {fitted.kept:.2%}")
    console.print(f"kept of documents held out, in {fitting.FOLDS} folds: {fitted.held_out:.2%}")
    if fitted.held_out < keep - _HELD_OUT_BELOW:
        console.print("that is well below what was asked for: give more texts, or raise --keep")
