"""`prep trace` and `prep remove` on a run that has ended, and the cards beside what it has published."""

import json
import re
from dataclasses import replace
from pathlib import Path

import datasets
import numpy as np
import orjson
import pyarrow.parquet as pq
import pytest
import yaml

from prep.corpus.errors import RunError
from prep.corpus.shards.shards import ShardReader
from prep.pipeline.cards.card import Card
from prep.pipeline.cards.croissant import croissant
from prep.pipeline.cards.facts import read_facts
from prep.pipeline.cards.hub import corpus_readme
from prep.pipeline.cards.publish_cards import card_facts
from prep.tokenizers.encoding.encode import open_tokenizer

from .test_cli import call

SENTENCE = "The lighthouse keeper of {place} writes down every ship, her flag and the colour of her hull, at dusk. "


def page(number: int, place: str, words: int = 6) -> dict[str, object]:
    text = " ".join(f"{SENTENCE.format(place=place)}Entry {number} of line {line}." for line in range(words))
    return {
        "id": f"page-{number}",
        "text": text,
        "url": f"https://{'www.' if number % 2 else ''}site{number % 4}.example/{place.lower()}/{number}",
        "date": f"2026-03-{number % 28 + 1:02d}T10:00:00Z",
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the output folder of a run: forty documents, one of them twice, one too short."""
    folder = tmp_path_factory.mktemp("takedown")
    pages = [page(number, f"Harbour{number}") for number in range(40)]
    pages.append({**pages[3], "id": "copy-of-3", "url": "https://elsewhere.example/copy"})
    (folder / "pages.jsonl").write_bytes(b"\n".join(map(orjson.dumps, pages)))
    pipeline = {
        "output": str(folder / "run"),
        "workers": 1,
        "title": "Harbour logs",
        "card": {"licence": "CC-BY-4.0", "version": "2.1.0", "published": "2026-05-01"},
        "stages": [
            {"read": {"paths": str(folder / "pages.jsonl"), "source": "harbours"}},
            {"exact": {"keep": "smallest_id"}},
            {"tokenizer": {"kind": "bpe", "vocabulary": 400}},
            {"pack": {"length": 64, "validation": 0.1}},
        ],
    }
    (folder / "pipeline.yaml").write_text(yaml.safe_dump(pipeline))
    with pytest.MonkeyPatch.context() as patch:
        from prep.pipeline import cli

        patch.setattr("sys.argv", ["prep", "run", str(folder / "pipeline.yaml")])
        cli.app(standalone_mode=False)
    return folder / "run"


def decoded(run: Path, split: str) -> str:
    reader = ShardReader(str(run / "shards" / split))
    tokenizer = open_tokenizer(str(run / "tokenizer"))
    ids = [reader.ids(row)[: int(reader.lengths(row).sum())] for row in range(len(reader))]
    return tokenizer.decode(np.concatenate(ids).tolist()) if ids else ""


def test_a_document_is_followed_to_its_rows(
    made: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = call(monkeypatch, capsys, "trace", str(made), "--url", "http://site2.example/harbour6/6")
    assert (status, err) == (0, "")
    assert out.startswith("page-6  https://site2.example/harbour6/6\n  kept by every stage: document ")
    row = next(line for line in out.splitlines() if " row " in line)
    split, shard = row.split()[0].split("/")[1:]
    number, start, end = (int(word.strip(",")) for word in row.split() if word.strip(",").isdigit())
    assert shard == "data-00000.arrow"
    ids = ShardReader(str(made / "shards" / split)).ids(number)[start : end + 1]
    assert "Harbour6" in open_tokenizer(str(made / "tokenizer")).decode(ids.tolist())


def test_a_copy_names_the_document_that_stands_for_it(
    made: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = call(monkeypatch, capsys, "trace", str(made), "--id", "page-3", "--id", "copy-of-3")
    assert status == 0
    assert "rejected by exact: " in out
    assert "(copy-of-3)" in out
    assert "exact: stands for 2 documents" in out


def test_a_lost_copy_is_followed_to_the_rows_of_what_stands_for_it(
    made: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = call(monkeypatch, capsys, "trace", str(made), "--url", "site3.example/harbour3/3")
    assert "  in its place: copy-of-3  https://elsewhere.example/copy\n" in out
    assert "  in its place: shards/" in out


def test_a_lost_document_is_found_by_its_url(
    made: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = call(monkeypatch, capsys, "trace", str(made), "--domain", "site3.example")
    assert status == 0
    assert "page-3  https://www.site3.example/harbour3/3\n  kept by read\n  rejected by exact: " in out


def test_what_is_not_there_is_said(
    made: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, capsys, "trace", str(made), "--host", "nowhere.example")[1] == (
        "no document of this run is named so\n"
    )
    status, _, err = call(monkeypatch, capsys, "trace", str(made))
    assert status == 2
    assert "nothing is named" in err
    status, _, err = call(monkeypatch, capsys, "trace", str(made / "steps"), "--id", "x")
    assert status == 1
    assert "not found; is " in err


def test_removal_leaves_nothing_of_a_domain(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "without"
    status, out, err = call(
        monkeypatch, capsys, "remove", str(made), "--domain", "site1.example", "--output", str(output)
    )
    assert (status, err) == (0, "")
    assert "10 published documents and 0 records of lost ones are named" in out
    status, out, _ = call(monkeypatch, capsys, "verify", str(output / "shards"))
    assert status == 0
    gone = [number for number in range(40) if number % 4 == 1]
    text = decoded(output, "train") + decoded(output, "validation")
    assert not [number for number in gone if f"Entry {number} of" in text]
    for number in set(range(40)) - {*gone, 3}:
        assert text.count(f"Entry {number} of line 5.") == 1
    report = json.loads((output / "removed.json").read_text())
    assert report["removals"][0]["documents"] == len(gone)
    status, _, err = call(monkeypatch, capsys, "remove", str(made), "--id", "page-2", "--output", str(output))
    assert status == 1
    assert "expected an empty folder" in err


def test_removal_reaches_everything_that_is_published(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two removals, one after the other: a domain and a lost copy, then a page by URL from a list."""
    first, second = tmp_path / "first", tmp_path / "second"
    call(monkeypatch, capsys, "export", str(made / "shards"), "--to", "nanogpt", "--output", str(made / "exported"))
    named = ("--domain", "WWW.site1.example.", "--id", "page-3", "--output", str(first))
    _, out, err = call(monkeypatch, capsys, "remove", str(made), *named)
    assert err == ""
    assert "10 published documents and 1 records of lost ones are named" in out
    assert "1 documents stay of which lost ones that are named were copies:\n  copy-of-3\n" in out
    assert f"{made / 'exported'} holds an export of the old shards" in out
    (tmp_path / "urls.csv").write_text("url\nhttp://site2.example/harbour6/6/\n")
    _, out, _ = call(
        monkeypatch, capsys, "remove", str(first), "--from", f"urls={tmp_path / 'urls.csv'}", "--output", str(second)
    )
    assert "1 published documents and 0 records of lost ones are named" in out
    assert call(monkeypatch, capsys, "verify", str(second / "shards"))[0] == 0
    left = datasets.load_dataset(str(second), cache_dir=str(tmp_path / "cache"))["train"]
    assert len(left) == 29
    assert not [row for row in left if "site1." in row["url"] or row["id"] == "page-6"]
    assert pq.read_table(second / "rejected").num_rows == 0
    for name in ("README.md", "croissant.json", "training_content_summary.json"):
        assert "site1.example" not in (second / name).read_text()
    assert "| removal | 30 | 29 | removed\\_by\\_url 1 |" in (second / "README.md").read_text()
    described = json.loads((second / "croissant.json").read_text())
    assert (described["name"], described["version"], described["license"]) == ("Harbour logs", "2.1.0", "CC-BY-4.0")
    for asked, answer in (
        (("--domain", "site1.example"), "site1.example: removed on request (domains: site1.example)\n"),
        (("--host", "www.site1.example"), "www.site1.example: removed on request (domains: site1.example)\n"),
        (("--id", "page-6"), "page-6: removed on request (ids: page-6)\n"),
        (("--id", "page-3"), "page-3: removed on request (ids: page-3)\n"),
    ):
        assert call(monkeypatch, capsys, "trace", str(second), *asked)[1] == answer
    _, out, _ = call(monkeypatch, capsys, "trace", str(second), "--id", "page-38")
    split, row, start, end = re.findall(r"shards/(\w+)/\S+ row (\d+), tokens (\d+) to (\d+)", out)[0]
    ids = ShardReader(str(second / "shards" / split)).ids(int(row))[int(start) : int(end) + 1]
    assert "Harbour38" in open_tokenizer(str(second / "tokenizer")).decode(ids.tolist())


def test_hubs_open_documents_and_shards(made: Path, tmp_path: Path) -> None:
    documents = datasets.load_dataset(str(made), cache_dir=str(tmp_path))["train"]
    assert len(documents) == 40
    rows = datasets.load_dataset(str(made / "shards"), cache_dir=str(tmp_path))
    for split in ("train", "validation"):
        assert rows[split].num_rows == len(ShardReader(str(made / "shards" / split)))


def test_cards_say_what_was_published(made: Path) -> None:
    readme = (made / "README.md").read_text()
    header = yaml.safe_load(readme.split("---\n")[1])
    assert header["configs"] == [{"config_name": "documents", "data_files": "documents/*.parquet", "default": True}]
    assert header["size_categories"] == ["n<1K"]
    for words in ("40 documents", "| harbours | 40 |", "| site1.example | 10 |", "from 2026-03-01 to 2026-03-28"):
        assert words in readme
    described = json.loads((made / "croissant.json").read_text())
    assert (described["license"], described["version"], described["datePublished"]) == (
        "CC-BY-4.0",
        "2.1.0",
        "2026-05-01",
    )
    assert described["citeAs"] == "@misc{harbour-logs, title = {Harbour logs}, version = {2.1.0}, year = {2026}}"
    assert header["license"] == "cc-by-4.0"
    assert [each["name"] for each in described["recordSet"]] == ["documents", "train", "validation"]
    ids = next(each for each in described["recordSet"][1]["field"] if each["name"] == "input_ids")
    assert (ids["dataType"], ids["repeated"]) == ("sc:Integer", True)
    summary = json.loads((made / "training_content_summary.json").read_text())
    assert summary["1_general_information"]["collected"] == {"first": "2026-03-01", "last": "2026-03-28"}
    domains = summary["2_data_sources"]["web_domains"]
    assert domains["different"] == 5
    assert list(domains["top_ten_per_cent_by_documents"].values()) == [10]


@pytest.mark.parametrize(
    ("stated", "named", "croissants", "hub"),
    [
        ("", {"cc-by-4.0": 40}, "cc-by-4.0", "cc-by-4.0"),
        ("", {"cc-by-4.0": 30, "cc0-1.0 cc-by-4.0": 10}, ["cc-by-4.0", "cc0-1.0"], ["cc-by-4.0", "cc0-1.0"]),
        ("", {"cc-by-4.0": 39, "unknown": 1}, None, None),
        ("", {"https://site.example/licence": 40}, "https://site.example/licence", None),
        ("CC0-1.0", {"cc-by-4.0": 40}, "CC0-1.0", "cc0-1.0"),
    ],
)
def test_all_cards_say_the_same_licences(
    made: Path, stated: str, named: dict[str, int], croissants: object, hub: object
) -> None:
    facts = read_facts(str(made))
    facts = replace(facts, counts={**facts.counts, "licence": named})
    card = Card(licence=stated)
    assert croissant(facts, "Logs", card).get("license") == croissants
    assert yaml.safe_load(corpus_readme(facts, "Logs", card).split("---\n")[1]).get("license") == hub


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("croissant.json", {"version": "two"}),
        ("croissant.json", {"name": None}),
        ("training_content_summary.json", {"3_data_processing": []}),
    ],
)
def test_a_card_that_was_changed_is_an_error(made: Path, tmp_path: Path, name: str, change: dict[str, object]) -> None:
    for file in ("ledger.json", "croissant.json", "training_content_summary.json"):
        (tmp_path / file).write_bytes((made / file).read_bytes())
    content = {**json.loads((tmp_path / name).read_bytes()), **change}
    (tmp_path / name).write_bytes(orjson.dumps({key: value for key, value in content.items() if value is not None}))
    with pytest.raises(RunError, match=r"expected the cards croissant\.json and .* as they were written"):
        card_facts(str(tmp_path))
