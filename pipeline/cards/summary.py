"""The facts that a public summary of training content needs, in the order of the European Commission's template.

Source: European Commission, "Template for the public summary of training content" (24 July 2025), required by article
53(1)(d) of Regulation (EU) 2024/1689. What a pipeline can count is filled in; what only the provider knows is listed
under `to_be_completed_by_provider`. Web domains are the top ten per cent by documents, as the template asks.
"""

from collections.abc import Sequence
from itertools import islice
from math import ceil

from prep.pipeline.cards.facts import CorpusFacts

TOP_SHARE = 0.1


def training_content_summary(facts: CorpusFacts, title: str, opt_outs: Sequence[str]) -> dict[str, object]:
    """Return the summary as JSON-ready values; `opt_outs` says which wishes of owners each stage respects."""
    top = ceil(TOP_SHARE * len(facts.domains))
    dates = facts.dates
    return {
        "template": "Public summary of training content, Regulation (EU) 2024/1689, article 53(1)(d)",
        "1_general_information": {
            "dataset": title,
            "modality": "text",
            "documents": facts.documents,
            "text_bytes": facts.text_bytes,
            "tokens": facts.tokens or None,
            "languages": dict(facts.counts.get("language", {})),
            "collected": {"first": dates.first, "last": dates.last} if dates else None,
            "to_be_completed_by_provider": ["provider", "model", "date of placing on the market", "knowledge cut-off"],
        },
        "2_data_sources": {
            "documents_by_source": dict(facts.counts.get("source", {})),
            "documents_by_licence": dict(facts.counts.get("licence", {})),
            "web_domains": {
                "different": len(facts.domains),
                "top_ten_per_cent_by_documents": dict(islice(facts.domains.items(), top)),
            },
            "to_be_completed_by_provider": ["crawlers and their behaviour", "data licensed from rights holders",
                                            "user data", "synthetic data"],
        },
        "3_data_processing": {
            "opt_outs_respected": _opt_outs(facts, opt_outs),
            "stages": [
                {
                    "stage": name,
                    "in": counts.entered,
                    "kept": counts.kept,
                    "rejected": dict(counts.rejected),
                    "failed": dict(counts.failed),
                }
                for name, counts in zip(facts.ledger.names, facts.ledger.counts, strict=True)
            ],
            "to_be_completed_by_provider": ["measures against illegal content", "code of practice"],
        },
    }  # fmt: skip


def _opt_outs(facts: CorpusFacts, opt_outs: Sequence[str]) -> list[dict[str, object]]:
    return [
        {"stage": name, "respects": respected, "rejected": dict(counts.rejected)}
        for name, counts, respected in zip(facts.ledger.names, facts.ledger.counts, opt_outs, strict=True)
        if respected
    ]
