"""The report as a web page: it shows what a run published, whatever the texts hold, and needs no network."""

import html
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import orjson
import pyarrow.parquet as pq
import pytest
import yaml

from prep.pipeline.reports.page.charts import shortened
from prep.pipeline.reports.page.documents import SAMPLES
from prep.pipeline.reports.page.duplicates import marked
from prep.pipeline.reports.page.funnel import funnel
from prep.pipeline.reports.page.markup import Markup, element, table
from prep.pipeline.reports.page.page import report_page
from prep.pipeline.reports.page.rules import read_all_costs
from prep.pipeline.results.funnel import StageGroups, read_funnel
from prep.pipeline.results.ledger import Ledger
from prep.stages.results import Counts, Group

from .test_cli import call
from .test_run import run_it

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

Theme = Literal["light", "dark"]
HOSTILE = (
    '</pre><script>alert("x")</script><img src="https://evil.example/p.png" onerror=alert(1)> \x1b]52;c;aGk=\x07 & <b>'
)


class Outline(HTMLParser):
    """Collects elements and checks that all are closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.links += [value or "" for name, value in attrs if name in {"src", "href", "xlink:href"}]
        assert not [name for name, _ in attrs if name.startswith("on")]
        if tag not in {"br", "img", "input", "meta"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the output of a run over sixty documents, two of them nearly equal, some short, one hostile."""
    folder = tmp_path_factory.mktemp("report")
    random = np.random.default_rng(0)
    words = "ferry quay dawn barrel tar dog keeper mill frost gauge ledger sluice mark wall bridge town".split()
    texts = [" ".join(random.choice(words, 60)) for _ in range(50)]
    texts += [*(f"short {number}" for number in range(8)), HOSTILE + " ferry" * 60, texts[7] + "The dog slept."]
    rows = [{"id": f"d{at}", "text": text, "url": f"https://a.example/{at}"} for at, text in enumerate(texts)]
    (folder / "in.jsonl").write_bytes(b"\n".join(map(orjson.dumps, rows)))
    recipe = {"rules": {"long": {"signal": "characters", "min": 40}}}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    stages = [
        {"read": {"paths": str(folder / "in.jsonl"), "source": "harbour <&>"}},
        "signals",
        {"quality": {"recipe": str(folder / "recipe.yaml")}},
        {"minhash": {"bands": 20, "rows": 4, "ngram": 3}},
        {"tokenizer": {"kind": "bpe", "vocabulary": 300}},
        {"pack": {"length": 64, "validation": 0.1}},
    ]
    (folder / "pipeline.yaml").write_text(
        yaml.safe_dump({"output": str(folder / "run"), "workers": 1, "stages": stages})
    )
    with pytest.MonkeyPatch.context() as patch:
        from prep.pipeline import cli

        patch.setattr("sys.argv", ["prep", "run", str(folder / "pipeline.yaml")])
        cli.app(standalone_mode=False)
    return folder / "run"


def test_every_part_is_there_and_the_page_is_well_formed(made: Path) -> None:
    outline = Outline(report_page(str(made)))
    assert outline.open == []
    for title in ("Funnel", "Documents", "Rules of quality", "Duplicates", "Tokenizer", "Packed rows"):
        assert title in outline.text
    for words in ("60documents read", "quality: long", "harbour <&>", "bytes per token"):
        assert words in outline.text
    assert outline.names.count("svg") >= 2


def test_the_funnel_by_source_and_rule_adds_up_to_the_ledger(made: Path) -> None:
    ledger = json.loads((made / "ledger.json").read_text())["stages"]
    stages = read_funnel(str(made))
    assert [each.name for each in stages] == [stage["name"] for stage in ledger]
    for each, stage in zip(stages, ledger, strict=True):
        if each.groups:
            lost = Counter[str]()
            for group in each.groups:
                lost.update(group.lost)
            assert sum(group.entered for group in each.groups) == stage["in"]
            assert dict(lost) == {**stage["rejected"], **stage["failed"]}
    texts = [orjson.loads(line)["text"].encode() for line in (made.parent / "in.jsonl").read_bytes().splitlines()]
    quality = stages[2]
    assert quality.bytes == sum(map(len, texts))
    assert quality.lost_bytes == sum(len(text) for text in texts if len(text) < 40)
    kept = pq.read_table(made / "documents", columns=["text"]).column("text").to_pylist()
    assert stages[3].bytes - stages[3].lost_bytes == sum(len(text.encode()) for text in kept)
    outline = Outline(report_page(str(made)))
    for words in ("By rule", "By source", "Bottleneck: ", "CPU seconds", "largest cluster"):
        assert words in outline.text


def test_sources_without_a_column_of_their_own_are_added_up() -> None:
    groups = [
        Group(f"s{at}", None, 10 * (9 - at), {"short": at}, bytes=at, lost_bytes={"short": at}) for at in range(9)
    ]
    counts = Counts(360, 324, {"short": 36})
    outline = Outline(funnel(Ledger(["read"], [counts]), [StageGroups("read", groups)]).html)
    assert "9, as each stage received them; 3 more are added up" in outline.text
    assert "stage: in − lost" + "".join(f"s{at}" for at in range(6)) + "others" in outline.text
    assert "60 − 3" in outline.text
    assert "60 − 21" in outline.text, "30 + 20 + 10 that came in, 6 + 7 + 8 that were lost"


def test_cards_of_rules_hold_texts_of_both_sides_and_a_histogram_of_all_documents(made: Path) -> None:
    (costs,) = read_all_costs(str(made)).values()
    (rule,) = costs.rules
    assert sum(rule.seen) == 60
    below = sum(count for edge, count in zip(rule.kept_at, rule.seen[1:], strict=True) if edge.threshold < 40)
    assert below + rule.seen[0] == 8
    page = report_page(str(made))
    card = page[page.index('id="rule-long"') :]
    card = card[: card.index("</section>")]
    assert "short 3" in card
    assert "ferry" in card
    assert "<svg" in card


def test_what_texts_hold_is_shown_and_never_obeyed(made: Path) -> None:
    page = report_page(str(made))
    outline = Outline(page)
    assert outline.names.count("script") == 1  # the page's own
    assert "\x1b" not in page
    assert [link for link in outline.links if not link.startswith(("#", "data:"))] == []
    shown = Outline(element("pre", HOSTILE).html)
    assert shown.text == HOSTILE.replace("\x1b", "\u241b").replace("\x07", "\u2407")
    assert shown.names == ["pre"]


def test_the_page_needs_no_network_and_follows_light_and_dark(made: Path) -> None:
    page = report_page(str(made))
    style = page[page.index("<style>") : page.index("</style>")]
    assert not re.search(r"url\(|@import|http", style)
    assert "prefers-color-scheme: dark" in style
    assert "#010101" not in page
    assert "var(--ink)" in page[page.index("<svg") :]
    assert len(page) < 1 << 20


def test_the_same_run_gives_the_same_page(made: Path) -> None:
    assert report_page(str(made)) == report_page(str(made))
    assert report_page(str(made)).count("<details") >= SAMPLES


def test_the_command_writes_it(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = call(monkeypatch, capsys, "report", str(made), "--html", str(tmp_path / "r.html"))
    assert (status, out) == (0, f"report: {tmp_path / 'r.html'}\n")
    assert (tmp_path / "r.html").read_text() == report_page(str(made))
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    call(monkeypatch, capsys, "report", str(made), "--open")
    assert opened == [(made / "report.html").as_uri()]


def test_what_differs_between_two_texts_is_marked() -> None:
    left, right = marked("the old ferry left at dawn", "the ferry left at noon & so on")
    assert [child.html for child in left if isinstance(child, Markup)] == ["<del>old</del>", "<del>dawn</del>"]
    assert [child.html for child in right if isinstance(child, Markup)] == ["<ins>noon &amp; so on</ins>"]


def test_cells_and_attributes_are_escaped() -> None:
    found = table(("<a>", "n"), [("x & y", "1")]).html
    assert "<th>&lt;a&gt;</th>" in found
    assert '<td class="number">1</td>' in found
    assert element("p", title='"><script>').html == '<p title="&quot;&gt;&lt;script&gt;"></p>'


def test_sliders_say_what_a_run_with_another_threshold_keeps(made: Path, tmp_path: Path) -> None:
    page = report_page(str(made))
    data = json.loads(html.unescape(re.findall(r'data-rule="([^"]*)"', page)[0]))
    assert data["yaml"] == "- quality:\n    rules:\n      long: {min: @}"
    configuration = yaml.safe_load((made.parent / "pipeline.yaml").read_text())
    for threshold, documents, languages in data["kept"][::6]:
        configuration["output"] = str(tmp_path / f"at-{threshold}")
        configuration["stages"] = configuration["stages"][:3]
        configuration["stages"][2]["quality"]["rules"] = {"long": {"min": threshold}}
        (tmp_path / "pipeline.yaml").write_text(yaml.safe_dump(configuration))
        ledger = run_it(tmp_path / "pipeline.yaml").ledger
        assert ledger.counts[2].kept == documents == sum(languages.values())


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0"),
        (0.25, "0.25"),
        (9_999, "9,999"),
        (9_999.6, "10k"),
        (12_500, "12.5k"),
        (99_999, "100k"),
        (999_400, "999k"),
        (999_900, "1M"),
        (2_500_000, "2.5M"),
        (999_900_000, "1G"),
        (-12_500, "-12.5k"),
    ],
)
def test_numbers_on_axes_are_short_and_never_powers_of_ten(value: float, expected: str) -> None:
    assert shortened(value) == expected


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """Start a headless Chromium, the one that is installed or the one that playwright brings."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    installed = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_api.sync_playwright() as playwright:
        try:
            started = playwright.chromium.launch(executable_path=installed, args=["--no-sandbox"])
        except sync_api.Error as error:
            pytest.skip(f"no Chromium can be started: {str(error).splitlines()[0]}")
        yield started
        started.close()


def watched(context: "BrowserContext") -> tuple["Page", list[str], list[str]]:
    """Return a new page, what goes wrong in it, and the addresses that it asks for, both as they come."""
    page, faults, asked = context.new_page(), list[str](), list[str]()
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("dialog", lambda dialog: faults.append(dialog.message))
    page.on("request", lambda request: asked.append(request.url))
    return page, faults, asked


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_browser_shows_it_without_faults_wide_and_narrow(made: Path, browser: "Browser", theme: Theme) -> None:
    page = made.parent / f"{theme}.html"
    page.write_text(report_page(str(made)))
    for width in (390, 1400):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
        shown, faults, asked = watched(context)
        shown.goto(page.as_uri())
        shown.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        assert faults == []
        assert asked == [page.as_uri()]
        assert shown.evaluate("document.documentElement.scrollWidth") == width
        assert '<script>alert("x")</script>' in shown.inner_text("body")
        assert "\u241b]52;c;" in shown.inner_text("body")
        context.close()


def test_sliders_in_a_browser_show_the_stored_counts(made: Path, browser: "Browser") -> None:
    page = made.parent / "sliders.html"
    page.write_text(report_page(str(made)))
    shown = browser.new_page()
    shown.goto(page.as_uri())
    shown.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    slider = shown.locator(".slider").first
    data = json.loads(slider.get_attribute("data-rule") or "")
    for place, (threshold, documents, _) in list(enumerate(data["kept"]))[::6]:
        slider.locator("input").evaluate(
            "(input, place) => { input.value = place; input.dispatchEvent(new Event('input')) }", place
        )
        assert f"min {threshold:g}: {documents} kept" in slider.locator(".kept").inner_text()
        assert f"long: {{min: {threshold:g}}}" in slider.locator(".yaml").inner_text()
    shown.close()
