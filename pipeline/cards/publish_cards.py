"""Writes the cards beside what a run has published.

README.md, croissant.json, training_content_summary.json    of the corpus
shards/README.md                                            of the shards, so that they can be moved alone
"""

from collections.abc import Sequence

from prep.corpus.errors import RunError
from prep.corpus.files.storage import read_json, write_bytes, write_json
from prep.pipeline.cards.card import Card
from prep.pipeline.cards.croissant import croissant
from prep.pipeline.cards.facts import read_facts
from prep.pipeline.cards.hub import corpus_readme, shards_readme
from prep.pipeline.cards.summary import training_content_summary
from prep.pipeline.results.ledger import read_ledger

README, CROISSANT, SUMMARY = "README.md", "croissant.json", "training_content_summary.json"


def card_facts(output: str) -> tuple[str, list[str], Card]:
    """Return the title of a corpus, which wishes of owners each stage respects, and the rest, as its cards say them.

    Raises RunError where a card is missing or is none.
    """
    names = read_ledger(output).names
    try:
        described = read_json(f"{output}/{CROISSANT}")
        title, licence = str(described["name"]), described.get("license")
        said = {
            "licence": licence if isinstance(licence, str) else None,
            "version": described.get("version"),
            "published": described.get("datePublished"),
            "citation": described.get("citeAs"),
        }
        card = Card.model_validate({name: value for name, value in said.items() if value is not None})
        processing = read_json(f"{output}/{SUMMARY}")["3_data_processing"]
        respected = {each["stage"]: each["respects"] for each in processing["opt_outs_respected"]}  # type: ignore[index]
    except (FileNotFoundError, KeyError, TypeError, ValueError) as error:
        raise RunError(
            f"{output}: expected the cards {CROISSANT} and {SUMMARY} as they were written; run the pipeline again"
        ) from error
    return title, [respected.get(name, "") for name in names], card


def write_cards(output: str, title: str, opt_outs: Sequence[str], card: Card) -> None:
    """Write the cards of a run's output folder; `opt_outs` says which wishes of owners each stage respects.

    Raises RunError where no run has ended there.
    """
    facts = read_facts(output)
    write_bytes(f"{output}/{README}", corpus_readme(facts, title, card).encode())
    write_json(f"{output}/{CROISSANT}", croissant(facts, title, card))
    write_json(f"{output}/{SUMMARY}", training_content_summary(facts, title, opt_outs))
    if facts.shards:
        write_bytes(f"{output}/shards/{README}", shards_readme(facts.shards, title).encode())
