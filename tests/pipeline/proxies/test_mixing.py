"""Designs, laws and optima against functions that are known, and one fit of a small corpus from end to end."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from prep.corpus.shards.shards import ShardReader
from prep.pipeline import config, contract
from prep.pipeline.cli import app
from prep.pipeline.mixing.answer import FitAnswer
from prep.pipeline.mixing.design import design, earlier_mixtures, uniform, unseen, within
from prep.pipeline.mixing.law import choose_kind, fit, fit_law, fit_trees
from prep.pipeline.mixing.optimum import Floats, Objective, find_best, optimise
from prep.pipeline.mixing.rows import row_counts, rows_by_source

from .conftest import SMALL, WriteCorpus, made_texts, shuffled

NATURAL = np.array([0.6, 0.3, 0.1])
FREE = np.ones(3)
SLOPES = np.array([[-0.5, 0.3, 0.6], [0.4, -0.9, 0.2], [0.5, 0.3, -0.7]])


def losses(shares: Floats) -> Floats:
    """Three sets, each of which one source is good for."""
    costs: Floats = 1.5 + np.exp(SLOPES @ shares.T)
    return costs


def test_a_design_fills_the_space_within_the_limits() -> None:
    limits = np.array([1.0, 0.5, 0.3])
    found = design(NATURAL, limits, np.empty((0, 3)), 14, 0, 0)
    assert found.shape == (14, 3)
    np.testing.assert_allclose(found.sum(1), 1)
    assert (found <= limits + 1e-9).all()
    np.testing.assert_allclose(found[0], NATURAL)
    np.testing.assert_allclose(found[1], uniform(limits))
    assert np.ptp(found, axis=0).min() > 0.2
    others = unseen(found, NATURAL, limits, 5, 0)
    assert others.shape == (5, 3)
    assert np.linalg.norm(others[:, None] - found[None], axis=2).min() > 0.02


def test_a_new_source_keeps_the_mixtures_that_were_tried() -> None:
    first = design(NATURAL, FREE, np.empty((0, 3)), 8, 0, 0)
    written = [dict(zip("abc", row.tolist(), strict=True)) for row in first]
    earlier = earlier_mixtures(written, ("a", "b", "c", "d"))
    found = design(np.array([0.4, 0.3, 0.1, 0.2]), np.ones(4), earlier, 8, 4, 8)
    np.testing.assert_allclose(found[:8, :3], first)
    assert len(found) >= 12
    assert (found[8:, 3] > 0).all()
    assert len(earlier_mixtures(written, ("a", "b"))) == sum(row["c"] == 0 for row in written)


def test_shares_over_their_limits_go_to_the_others() -> None:
    np.testing.assert_allclose(within(np.array([0.6, 0.3, 0.1]), np.array([0.4, 1.0, 1.0])), [0.4, 0.45, 0.15])
    np.testing.assert_allclose(within(NATURAL, np.array([0.2, 0.5, 0.4])), [0.2, 0.5, 0.3])


def test_the_law_finds_what_is_log_linear() -> None:
    shares = design(NATURAL, FREE, np.empty((0, 3)), 16, 0, 0)
    others = unseen(shares, NATURAL, FREE, 20, 3)
    for own, expected in zip(losses(shares), losses(others), strict=True):
        law = fit_law(shares, own)
        assert law.error(own) < 0.1 * own.std()
        np.testing.assert_allclose(law.predict(others), expected, rtol=0.02)


def test_the_law_finds_sources_whose_first_documents_teach_most() -> None:
    shares, others = design(NATURAL, FREE, np.empty((0, 3)), 16, 0, 0), uniform(FREE)[None]
    law = fit_law(shares, 1.5 + np.exp(np.sqrt(shares) @ SLOPES[2]))
    np.testing.assert_allclose(law.predict(others), 1.5 + np.exp(np.sqrt(others) @ SLOPES[2]), rtol=0.02)


def test_the_error_of_a_mixture_left_out_is_that_of_a_fit_without_it() -> None:
    shares = design(NATURAL, FREE, np.empty((0, 3)), 12, 0, 0)
    own = losses(shares)[0] + np.random.default_rng(2).normal(0, 0.01, 12)
    law = fit_law(shares, own)
    again = [fit_law(np.delete(shares, at, 0), np.delete(own, at)).predict(shares[at : at + 1])[0] for at in range(12)]
    assert np.abs(law.left_out - again).max() < 0.05


def test_trees_are_taken_only_where_they_predict_better() -> None:
    shares = design(NATURAL, FREE, np.empty((0, 3)), 24, 0, 0)
    smooth, stepped = losses(shares)[:1], 2.0 + (shares > 0.35)[:, :1].T * [[0.3]]
    assert choose_kind(shares, smooth) == "log_linear"
    assert fit_trees(shares, stepped[0]) is None or choose_kind(shares, stepped) == "boosted"


def test_the_best_mixture_is_that_of_the_function() -> None:
    shares = design(NATURAL, FREE, np.empty((0, 3)), 20, 0, 0)
    objective = Objective(np.array([0.2, 0.5, 0.3]))
    grid = np.array([(a, b, 1 - a - b) for a in np.arange(0, 1.01, 0.02) for b in np.arange(0, 1.01 - a, 0.02)])
    limits = np.array([1.0, 0.6, 1.0])
    grid = grid[(grid <= limits + 1e-9).all(1) & (grid >= -1e-9).all(1)]
    best = grid[(objective.weights @ np.log(losses(grid))).argmin()]
    found = optimise("log_linear", shares, losses(shares), objective, NATURAL, limits, 10)
    assert np.abs(found.shares - best).max() < 0.06
    assert found.gain > 0
    assert (found.low <= found.high).all()
    laws = fit("log_linear", shares, losses(shares))
    assert find_best(laws, objective, NATURAL, np.array([0.5, 0.25, 0.25])).tolist() == pytest.approx([0.5, 0.25, 0.25])


def test_rows_come_as_near_to_shares_as_they_can() -> None:
    assert row_counts(np.array([0.5, 0.3, 0.2]), 7).tolist() == [4, 2, 1]
    assert row_counts(np.array([1.0, 0.0]), 5).tolist() == [5, 0]


class Fitted(NamedTuple):
    arguments: list[str]
    folder: Path
    output: str
    answer: FitAnswer


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory, write_corpus: WriteCorpus) -> Fitted:
    folder = tmp_path_factory.mktemp("mixture")
    texts = {"ordered": made_texts(40, 1), "mixed": [shuffled(text, 2) for text in made_texts(30, 3)]}
    pairs = [(source, text) for source, own in texts.items() for text in own]
    two = write_corpus("two", [(f"{source}{at}", source, text) for at, (source, text) in enumerate(pairs)])
    (folder / "ordered.txt").write_text("\n".join(made_texts(9, 8)))
    small = [word for word in SMALL if word not in ("--seeds", "2")]
    arguments = [
        *("mix", "fit", str(two), "--output", str(folder / "out"), "--on", f"reference={folder}/ordered.txt", *small),
        *(
            "--set",
            "mixtures=5",
            "--set",
            "checks=3",
            "--set",
            "seeds=2",
            "--set",
            "draws=5",
            "--weight",
            "reference=2",
        ),
    ]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return Fitted(arguments, folder, done.output, FitAnswer.model_validate_json((folder / "out/fit.json").read_bytes()))


def test_a_fit_says_what_it_chose_and_how_well_it_predicts(fitted: Fitted) -> None:
    answer = fitted.answer
    assert [each.source for each in answer.shares] == ["mixed", "ordered"]
    for figures in ("natural", "share"):
        assert sum(getattr(each, figures) for each in answer.shares) == pytest.approx(1)
    assert {law.set: law.weight for law in answer.laws} == {"reference": 0.5, "mixed": 0.25, "ordered": 0.25}
    assert len(answer.design) == 5
    assert len(answer.checks) == 3
    assert answer.rank_correlation is not None
    assert set(answer.lines[0].values) == {"natural", "uniform", "chosen", "best of the design"}
    assert len(answer.verdict) == 3
    assert "rank correlation" in fitted.output


def test_proxies_learn_from_the_shares_that_were_drawn(fitted: Fitted) -> None:
    reader = ShardReader(str(fitted.folder / "out" / "corpus" / "shards" / "train"))
    rows = rows_by_source(reader)
    assert sorted(np.concatenate(list(rows.values())).tolist()) == list(range(len(reader)))
    mixtures = [ShardReader(str(place)) for place in (fitted.folder / "out" / "mixtures").glob("*/train")]
    assert {len(mixture) for mixture in mixtures} == {32}
    ids = {reader.ids(row).tobytes() for row in rows["mixed"]}
    shares = [np.mean([mixture.ids(row).tobytes() in ids for row in range(32)]) for mixture in mixtures]
    wanted = [each.shares["mixed"] for each in (*fitted.answer.design, *fitted.answer.checks)]
    for share in wanted:
        assert min(abs(share - seen) for seen in shares) <= 0.5 / 32 + 1e-9


def test_check_accepts_the_fragment(fitted: Fitted, tmp_path: Path) -> None:
    fragment = yaml.safe_load((fitted.folder / "out" / "mixture.yaml").read_text())
    whole = yaml.safe_load(Path(fitted.arguments[2]).read_text())
    whole["stages"] += [{"tokenizer": {"vocabulary": 300}}, {"pack": {"length": 32, **fragment}}]
    path = tmp_path / "mixed.yaml"
    path.write_text(yaml.safe_dump(whole))
    contract.check(*config.load(str(path)))


def test_a_new_source_reuses_the_mixtures_that_were_tried(fitted: Fitted, write_corpus: WriteCorpus) -> None:
    before = {path.parent.name for path in (fitted.folder / "out" / "proxies").glob("*/trained.json")}
    designed = json.loads((fitted.folder / "out" / "design.json").read_text())["mixtures"]
    texts = {"ordered": made_texts(40, 1), "mixed": [shuffled(text, 2) for text in made_texts(30, 3)]}
    pairs = [(source, text) for source, own in texts.items() for text in own]
    documents = [(f"{source}{at}", source, text) for at, (source, text) in enumerate(pairs)]
    three = write_corpus(
        "three", [*documents, *((f"new{at}", "new", text) for at, text in enumerate(made_texts(30, 5)))]
    )
    arguments = [str(three) if word == fitted.arguments[2] else word for word in fitted.arguments]
    done = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    answer = FitAnswer.model_validate_json(done.stdout)
    assert answer.reused == len(designed) == 5
    assert len(answer.design) == 9
    kept = [{**mixture, "new": 0.0} for mixture in designed]
    assert [each.shares for each in answer.design[:5]] == kept
    assert before <= {path.parent.name for path in (fitted.folder / "out" / "proxies").glob("*/trained.json")}
    assert "the design: 4 proxies to train, 5 there" in done.stderr


def test_the_cost_of_a_fit_is_printed_before(fitted: Fitted) -> None:
    printed = CliRunner().invoke(app, [*fitted.arguments, "--dry-run"], catch_exceptions=False)
    # 5 of the design, 3 checks, 4 mixtures by 2 seeds
    assert printed.output.startswith("16 proxies to train, 8 steps")


def test_the_cost_of_a_fit_counts_the_sources_of_a_pipeline_that_has_not_run(write_corpus: WriteCorpus) -> None:
    made = {name: write_corpus(f"unread{len(name)}", [("a", each, "text") for each in name]) for name in ("abc", "d")}
    arguments = ["--tokens", "1024", "--size", "nano", "--dry-run", "--json"]
    printed = CliRunner().invoke(app, ["mix", "fit", str(made["abc"]), *arguments], catch_exceptions=False)
    assert json.loads(printed.stdout)["cost"].startswith("33 proxies to train")  # 16 of the design, 5 checks, 4 by 3
    refused = CliRunner().invoke(app, ["mix", "fit", str(made["d"]), *arguments])
    assert "expected two sources or more, seen d" in str(refused.exception)


def test_weights_of_unknown_sets_are_refused(fitted: Fitted) -> None:
    result = CliRunner().invoke(app, [*fitted.arguments, "--weight", "novels=1"])
    assert "expected some of reference" in str(result.exception)
