"""Main text of real pages: our engine against other extractors, by page type and by language, with pages per second.

    PREP_TEST_DATA=… python benchmarks/extraction.py [--documentation FOLDER] [--model FILE] [--peers NAMES] [--fresh]
        [--draws N]

Mean F1 of words (bags of words in lower case; a character is a word in scripts without spaces) and of pairs of
characters, against the texts that people marked in `web`, `web-more` and `news`; precision and recall over snippets of
490 more pages. Our engine learns, so its figures are cross-validated: each page is judged by a model that saw no page
of its registered domain, in either stage. All engines start from the same decoded text; times are CPU seconds on one
core. What peers make of the pages is kept in `.cache/extraction`, with the time it took then; `--fresh` times them
anew, so that pages per second of both sides are those of one run.

Then: where the rest of the distance lies, reference documentation of generators that the model never saw, and, with
`--draws`, how far the figures move when sites are put into other folds: news by about .005 on either side, scripts of
which there are six pages by more. A draw takes two minutes more.
"""

import argparse
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from documentation_pages import HELD_OUT, documentation_score, read_documentation
from extraction_peers import PEERS, run_peer
from labelled_pages import LabelledPage
from train_extraction import FOLDS, SECOND, Table, data_folder, fit, judge_unseen, save, training_pages
from web_pages import KINDS, Page, Score, bigram_score, folds, snippet_counts, word_score

from prep.stages.extract.engine import judged_text, main_text, open_engine, read_page, text_of
from prep.stages.extract.model.model import BlockModel, load_model
from prep.stages.shared.charset.page import decode_page

Reals = npt.NDArray[np.float64]
Texts = list[str]

UNSPACED = ("ja", "zh", "ko", "th")
DOCUMENTATION = 250
"""Pages of each generator that was held out."""


class Judged(NamedTuple):
    """A page as the cross-validated models judge it."""

    labelled: LabelledPage
    first: Reals
    second: Reals


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documentation", type=Path, help="folder of unpacked Debian packages of documentation")
    parser.add_argument("--model", type=Path, help="also train on all pages, and write the model to this file")
    parser.add_argument("--threads", type=int, default=1, help="threads to train with (default 1)")
    parser.add_argument("--peers", default=",".join(PEERS), help="peers to run, separated by commas (default: all)")
    parser.add_argument("--fresh", action="store_true", help="run and time peers anew where their texts are kept")
    parser.add_argument("--draws", type=int, default=1, help="draws of the folds to judge by (default 1)")
    options = parser.parse_args()
    peers = [name for name in options.peers.split(",") if name]
    if unknown := [name for name in peers if name not in PEERS]:
        parser.error(f"--peers: expected some of {', '.join(PEERS)}; seen {', '.join(unknown)}")
    pages, fold = training_pages(data_folder(), options.documentation, options.threads)
    table = Table(pages, options.threads)
    print(f"{len(pages)} pages to learn from, {len(table.page)} blocks", flush=True)
    first = judge_unseen(table, fold)
    model = fit(table, first) if options.model else load_model()
    if options.model:
        save(model, options.model)
    judged = _judge(pages, table, fold, first)
    compare([page for page in judged if page.labelled.page.gold], peers, options.fresh)
    compare_snippets([page for page in judged if not page.labelled.page.gold], peers)
    explain([page for page in judged if page.labelled.page.gold])
    if options.documentation:
        judge_documentation(options.documentation, model)
    if options.draws > 1:
        judge_draws(pages, table, judged, options.draws)


def _judge(pages: Sequence[LabelledPage], table: Table, fold: npt.NDArray[np.int64], first: Reals) -> list[Judged]:
    """Return the pages that people labelled with what the second stage makes of the first's probabilities."""
    second = table.out_of_fold(SECOND, fold, first)
    return [
        Judged(page, *probability)
        for page, *probability in zip(pages, table.of_pages(first), table.of_pages(second), strict=True)
        if not page.copied and page.page.kind in (*KINDS, "news", "snippets")
    ]


def compare(judged: Sequence[Judged], peers: Sequence[str], fresh: bool) -> None:
    """Print the tables by page type and by language."""
    pages = [page.labelled.page for page in judged]
    engines = {"prep (cross-validated)": ([_text(page.labelled, page.second) for page in judged], _seconds(pages))}
    for name in peers:
        outputs = run_peer(name, pages, fresh=fresh)
        engines[name] = (outputs.texts, outputs.seconds)
    kinds = (*KINDS, "news")
    print(f"\n{len(pages)} pages with a gold text, {np.mean([len(page.html) for page in pages]) / 1000:.0f} kB each")
    print(
        f"{'word F1':26} {'F1':>6} {'prec.':>6} {'recall':>6} {'web F1':>6}",
        *(f"{kind[:8]:>8}" for kind in kinds),
        "pages/s",
    )
    scores = {
        name: [word_score(text, page.gold) for text, page in zip(texts, pages, strict=True)]
        for name, (texts, _) in engines.items()
    }
    groups = [page.kind for page in pages]
    for name, (_, seconds) in engines.items():
        print(_line(name, scores[name], groups, kinds), f"{len(pages) / seconds:7.0f}", flush=True)
    print(f"\n{'character pairs F1':26}")
    pairs = {
        name: [bigram_score(text, page.gold) for text, page in zip(texts, pages, strict=True)]
        for name, (texts, _) in engines.items()
    }
    for name in engines:
        print(_line(name, pairs[name], groups, kinds), flush=True)
    spoken = Counter(page.language for page in pages)
    languages = [language for language, _ in spoken.most_common()]
    print(f"\n{'by language, word F1':26}", *(f"{language:>5}" for language in languages), f"{'+'.join(UNSPACED):>11}")
    print(f"{'pages':26}", *(f"{spoken[language]:5}" for language in languages))
    for kind, table in (("words", scores), ("pairs", pairs)):
        for name in engines:
            f1 = np.array([score.f1 for score in table[name]])
            spoken_in = np.array([page.language for page in pages])
            means = [f1[spoken_in == language].mean() for language in languages]
            together = f1[np.isin(spoken_in, UNSPACED)]
            print(
                f"{name[:19]:20}{kind:6}", *(f"{mean:5.3f}" for mean in means), f"{together.mean():11.3f}", flush=True
            )


def compare_snippets(judged: Sequence[Judged], peers: Sequence[str]) -> None:
    """Print how many of the snippets that must and must not be in the text are, over all pages."""
    pages = [page.labelled.page for page in judged]
    print(f"\n{'snippets of ' + str(len(pages)) + ' pages':26} {'F1':>6} {'prec.':>6} {'recall':>6}")
    texts = {"prep (cross-validated)": [_text(page.labelled, page.second) for page in judged]}
    texts |= {name: run_peer(name, pages).texts for name in peers}
    for name, made in texts.items():
        counts = np.array([snippet_counts(text, page) for text, page in zip(made, pages, strict=True)]).sum(axis=0)
        precision, recall = counts[0] / max(1, counts[1]), counts[0] / max(1, counts[2])
        f1 = 2 * precision * recall / max(1e-9, precision + recall)
        print(f"{name:26} {f1:6.3f} {precision:6.3f} {recall:6.3f}", flush=True)


def explain(judged: Sequence[Judged]) -> None:
    """Print the scores of better and worse decisions on the same blocks: where the rest of the distance lies."""
    pages = [page.labelled.page for page in judged]
    kinds = (*KINDS, "news")
    decisions = {
        "first stage": [page.first for page in judged],
        "both stages": [page.second for page in judged],
        "oracle of blocks": [page.labelled.content for page in judged],
    }
    print(
        f"\n{'the same blocks':26} {'F1':>6} {'prec.':>6} {'recall':>6} {'web F1':>6}",
        *(f"{kind[:8]:>8}" for kind in kinds),
    )
    groups = [page.kind for page in pages]
    for name, probabilities in decisions.items():
        texts = [_text(page.labelled, probability) for page, probability in zip(judged, probabilities, strict=True)]
        print(
            _line(name, [word_score(text, page.gold) for text, page in zip(texts, pages, strict=True)], groups, kinds)
        )
        if name == "both stages":
            best = [_best_cut(page) for page in judged]
            print(_line("both stages, best cut", best, groups, kinds), flush=True)


def _best_cut(page: Judged) -> Score:
    """Return the score of the threshold that is best by the gold text."""
    cuts: Reals = np.unique(np.quantile(page.second, np.linspace(0, 1, 25))) if len(page.second) else np.empty(0)
    texts = [text_of(page.labelled.read, page.second >= cut) for cut in cuts]
    texts.append(_text(page.labelled, page.second))
    return max(word_score(text, page.labelled.page.gold) for text in texts)


def judge_documentation(folder: Path, model: BlockModel) -> None:
    """Print what is kept of pages of generators that the model never saw."""
    pages = read_documentation(folder, HELD_OUT, DOCUMENTATION)
    print(f"\n{'held-out documentation':26} {'pages':>6} {'prec.':>6} {'recall':>6} {'<pre>':>6} {'indent':>6}")
    for name, generator in HELD_OUT.items():
        of_it = [page for page in pages if page.kind == name]
        scores = [documentation_score(main_text(read_page(page.html), model), page, generator) for page in of_it]
        columns = [[value for value in column if value is not None] for column in zip(*scores, strict=True)]
        print(f"{name:26} {len(of_it):6}", *(f"{np.mean(column) if column else np.nan:6.3f}" for column in columns))


def judge_draws(pages: Sequence[LabelledPage], table: Table, judged: Sequence[Judged], draws: int) -> None:
    """Print the word F1 by draw of the folds, their mean, and the distance of the highest from the lowest."""
    kinds = (*KINDS, "news")
    print(f"\n{'word F1 by draw of folds':26} {'F1':>6} {'web F1':>6}", *(f"{kind[:8]:>8}" for kind in kinds), end="")
    print(f" {'+'.join(UNSPACED):>11}")
    rows = []
    for draw in range(draws):
        if draw > 0:
            fold = np.array(folds([page.page for page in pages], FOLDS, draw))
            judged = _judge(pages, table, fold, judge_unseen(table, fold))
        known = [page for page in judged if page.labelled.page.gold]
        f1 = np.array([word_score(_text(page.labelled, page.second), page.labelled.page.gold).f1 for page in known])
        kind = np.array([page.labelled.page.kind for page in known])
        unspaced = np.isin([page.labelled.page.language for page in known], UNSPACED)
        groups = (f1 >= 0, kind != "news", *(kind == name for name in kinds), unspaced)
        rows.append([float(f1[group].mean()) for group in groups])
        _print_draw(f"draw {draw}", rows[-1])
    values = np.array(rows)
    _print_draw("mean", values.mean(axis=0).tolist())
    _print_draw("highest less lowest", (values.max(axis=0) - values.min(axis=0)).tolist())


def _print_draw(name: str, means: Sequence[float]) -> None:
    first, by_kind, unspaced = means[:2], means[2:-1], means[-1]
    columns = [*(f"{mean:6.3f}" for mean in first), *(f"{mean:8.3f}" for mean in by_kind), f"{unspaced:11.3f}"]
    print(f"{name:26}", *columns, flush=True)


def _text(page: LabelledPage, probability: Reals) -> str:
    return judged_text(page.read, probability, page.words)


def _seconds(pages: Sequence[Page]) -> float:
    """Return the CPU seconds that our engine, as it is shipped, takes for pages; the best of three runs."""
    engine = open_engine()
    decoded = [decode_page(page.html, page.charset).utf8 for page in pages]
    engine(b"<p>first", None)
    seconds = []
    for _ in range(3):
        start = time.process_time()
        for html in decoded:
            engine(html, None)
        seconds.append(time.process_time() - start)
    return min(seconds)


def _line(name: str, scores: Sequence[Score], groups: Sequence[str], kinds: Sequence[str]) -> str:
    f1, group = np.array([score.f1 for score in scores]), np.array(groups)
    means = [*np.array(scores).mean(axis=0), f1[group != "news"].mean()]
    by_kind = [f1[group == kind].mean() for kind in kinds]
    return " ".join([f"{name:26}", *(f"{mean:6.3f}" for mean in means), *(f"{mean:8.3f}" for mean in by_kind)])


if __name__ == "__main__":
    main()
