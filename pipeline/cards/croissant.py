"""Croissant: the description of a dataset that search engines and loaders read, as JSON-LD.

Source: MLCommons, "Croissant Format Specification", version 1.0. Every file is a `cr:FileSet` by glob; every column of
the documents, or of the rows, a `cr:Field`.
"""

from collections.abc import Iterator, Mapping

import pyarrow as pa

from prep.corpus.shards.shards import row_schema
from prep.pipeline.cards.card import Card
from prep.pipeline.cards.facts import CorpusFacts

CONTEXT: Mapping[str, object] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The context that the specification prescribes."""


def croissant(facts: CorpusFacts, title: str, card: Card) -> dict[str, object]:
    """Return the description of a published corpus, as JSON-ready values."""
    documents = f"{facts.documents:,} documents, {facts.text_bytes:,} bytes of text"
    sets = [_files("documents", "documents/*.parquet", "application/x-parquet")]
    records = [_records("documents", facts.schema)]
    for split, manifest in facts.shards.items():
        sets.append(_files(split, f"shards/{split}/*.arrow", "application/vnd.apache.arrow.stream"))
        records.append(_records(split, row_schema(manifest.length, manifest.dtype, manifest.loss_mask)))
    described: dict[str, object] = {
        "@context": dict(CONTEXT),
        "@type": "sc:Dataset",
        "name": title,
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "description": f"A corpus for pretraining language models: {documents}.",
        "version": card.version,
        "citeAs": card.cited(title),
        "distribution": sets,
        "recordSet": records,
    }
    if card.published is not None:
        described["datePublished"] = card.published.isoformat()
    if licences := card.licences(facts.licences):
        described["license"] = licences[0] if len(licences) == 1 else list(licences)
    if facts.dates is not None:
        described["temporalCoverage"] = f"{facts.dates.first}/{facts.dates.last}"
    return described


def _files(name: str, pattern: str, kind: str) -> dict[str, object]:
    return {"@type": "cr:FileSet", "@id": f"files-{name}", "name": name, "encodingFormat": kind, "includes": pattern}


def _records(name: str, schema: pa.Schema) -> dict[str, object]:
    return {"@type": "cr:RecordSet", "@id": name, "name": name, "field": list(_fields(name, schema))}


def _fields(name: str, schema: pa.Schema) -> Iterator[dict[str, object]]:
    for field in schema:
        kind = field.type
        repeated = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
        described: dict[str, object] = {
            "@type": "cr:Field",
            "@id": f"{name}/{field.name}",
            "name": field.name,
            "dataType": _data_type(kind.value_type if repeated else kind),
            "source": {"fileSet": {"@id": f"files-{name}"}, "extract": {"column": field.name}},
        }
        yield {**described, "repeated": True} if repeated else described


def _data_type(kind: pa.DataType) -> str:
    if pa.types.is_boolean(kind):
        return "sc:Boolean"
    if pa.types.is_integer(kind):
        return "sc:Integer"
    if pa.types.is_floating(kind):
        return "sc:Float"
    return "sc:Text"
