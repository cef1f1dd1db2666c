"""Writes the cards beside what a run has published.

README.md, croissant.json, training_content_summary.json    of the corpus
shards/README.md                                            of the shards, so that they can be moved alone
"""

from collections.abc import Sequence

from prep.corpus.files.storage import write_bytes, write_json
from prep.pipeline.cards.croissant import croissant
from prep.pipeline.cards.facts import read_facts
from prep.pipeline.cards.hub import corpus_readme, shards_readme
from prep.pipeline.cards.summary import training_content_summary

README, CROISSANT, SUMMARY = "README.md", "croissant.json", "training_content_summary.json"


def write_cards(output: str, title: str, opt_outs: Sequence[str]) -> None:
    """Write the cards of a run's output folder; `opt_outs` says which wishes of owners each stage respects.

    Raises RunError where no run has ended there.
    """
    facts = read_facts(output)
    write_bytes(f"{output}/{README}", corpus_readme(facts, title).encode())
    write_json(f"{output}/{CROISSANT}", croissant(facts, title))
    write_json(f"{output}/{SUMMARY}", training_content_summary(facts, title, opt_outs))
    if facts.shards:
        write_bytes(f"{output}/shards/{README}", shards_readme(facts.shards, title).encode())
