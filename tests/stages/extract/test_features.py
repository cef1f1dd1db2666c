"""The table that the classifier sees, against plain Python over the same blocks."""

import re
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prep.stages.extract.engine import ReadPage, features_of, read_page
from prep.stages.extract.features.feature_kernels import ALL_FEATURES, FEATURES
from prep.stages.extract.features.text_feature_kernels import Features
from prep.stages.extract.features.vocabulary_kernels import CLASS_GROUPS, TEXT_GROUPS

WORDS = st.lists(
    st.sampled_from("the bees fly home, Share this 12 on © 2024 $ menu? »".split()), min_size=1, max_size=30
)
CLASSES = st.sampled_from(["nav-bar", "mainContent", "x", "post_share", "footer"])
NAMES = st.sampled_from(["p", "li", "h1", "h3", "div"])


@st.composite
def small_pages(draw: st.DrawFn) -> str:
    lines = []
    for _ in range(draw(st.integers(1, 12))):
        name, text = draw(NAMES), " ".join(draw(WORDS))
        inner = f"<a href=x>{text}</a>" if draw(st.booleans()) else f"{text} <b>{text}</b>"
        block = f"<{name}>{inner}</{name}>"
        if draw(st.booleans()):
            block = f'<section class="{draw(CLASSES)}"><div id="{draw(CLASSES)}">{block}</div></section>'
        lines.append(block)
    return "".join(lines)


def column(features: Features, name: str) -> list[float]:
    return [round(float(value), 4) for value in features[:, FEATURES.index(name)]]


def block_texts(read: ReadPage) -> list[str]:
    return [read.text[a:b].tobytes().decode() for a, b in zip(read.blocks.start, read.blocks.end, strict=True)]


@settings(max_examples=100, deadline=None)
@given(small_pages())
def test_counts_are_those_of_plain_python(page: str) -> None:
    read = read_page(page.encode())
    features, words = features_of(read)
    texts = block_texts(read)
    found = [re.findall(r"[A-Za-z0-9]+", text) for text in texts]
    count = [len(block) for block in found]
    assert words.tolist() == count
    assert column(features, "words") == count
    assert column(features, "characters") == [len(text.encode()) for text in texts]
    assert column(features, "questions") == [text.count("?") for text in texts]
    assert column(features, "currency") == [text.count("$") for text in texts]
    assert column(features, "copyright") == [text.count("©") for text in texts]
    for group in ("share", "stop", "nav"):
        share = [sum(word.lower() in TEXT_GROUPS[group] for word in block) / max(1, len(block)) for block in found]
        assert column(features, f"says_{group}") == [round(value, 4) for value in share]
    copies = Counter(texts)
    assert column(features, "copies") == [copies[text] for text in texts]
    assert column(features, "copies_before") == [texts[:place].count(text) for place, text in enumerate(texts)]
    assert column(features, "words_before") == [sum(count[:place]) for place in range(len(count))]
    assert column(features, "words_after") == [sum(count[place + 1 :]) for place in range(len(count))]
    window = [count[max(0, place - 3) : place + 4] for place in range(len(count))]
    assert column(features, "words_per_block_within_3") == [round(sum(near) / len(near), 4) for near in window]
    assert column(features, "words_at_-1") == [-1, *count[:-1]]
    assert column(features, "page_words") == [sum(count)] * len(count)


@pytest.mark.parametrize(
    ("text", "words", "sentences", "commas"),
    [
        ("蜂は花から花へ飛び、甘いものを巣へ運ぶ。冬は巣で過ごす。", 14, 2, 1),
        ("蜜蜂从一朵花飞到另一朵花，冬天呢？", 8, 1, 1),
        ("ผึ้งบินจากดอกไม้", 4, 0, 0),
        ("ឃ្មុំហោះពីផ្កាមួយទៅផ្កាមួយ។", 7, 1, 0),
        ("벌은 꽃에서 꽃으로 날아다닌다.", 4, 1, 0),
        ("use numpy。配列 is 3", 5, 1, 0),
        ("मधुमक्खी उड़ती है।", 3, 1, 0),
        ("𠮷野家の𠮷", 3, 0, 0),
    ],
)
def test_scripts_without_spaces_are_counted_by_characters(text: str, words: int, sentences: int, commas: int) -> None:
    features, counted = features_of(read_page(f"<p>{text}</p>".encode()))
    assert counted.tolist() == column(features, "words") == [words]
    assert column(features, "sentences") == [sentences]
    assert features[0, FEATURES.index("commas_per_word")] == pytest.approx(commas / words)


def test_what_colours_code_does_not_count() -> None:
    plain = "<p>Call it so.</p><pre>for bee in hive:\n    print(bee)</pre>"
    coloured = (
        "<p>Call it so.</p><pre><span class='nav'><b>for</b></span> bee <i>in</i> <a href=hive>hive</a>:\n"
        "    <a href=print><code>print</code></a>(bee)</pre>"
    )
    before, _ = features_of(read_page(plain.encode()))
    after, _ = features_of(read_page(coloured.encode()))
    changed = [name for place, name in enumerate(FEATURES) if before[1, place] != after[1, place]]
    assert changed in ([], ["page_elements"])


@pytest.mark.parametrize(
    ("inner", "share"),
    [
        ("<code><a href=x>one two</a></code>", 0),
        ("<a href=x><code>one two</code></a>", 1),
        ("<code>one</code> <a href=x>two</a>", 0.5),
    ],
)
def test_links_inside_of_code_do_not_count(inner: str, share: float) -> None:
    features, _ = features_of(read_page(f"<p>{inner}</p>".encode()))
    assert column(features, "link_share") == [share]


@settings(max_examples=100, deadline=None)
@given(small_pages())
def test_surroundings_are_those_of_plain_python(page: str) -> None:
    read = read_page(page.encode())
    features, words = features_of(read)
    elements, blocks = read.elements, read.blocks

    def around(element: int) -> list[int]:
        chain = []
        while element > 0:
            chain.append(element)
            element = int(elements.parent[element])
        return chain

    for place, group in enumerate(CLASS_GROUPS):
        nearest = []
        for first in read.runs.element[blocks.run[:-1]]:
            chain = around(int(first))
            nearest.append(next((step for step, it in enumerate(chain) if int(elements.groups[it]) >> place & 1), 30))
        assert column(features, f"near_{group}") == nearest
    chains = [set(around(int(element))) for element in blocks.element]
    for block, element in enumerate(blocks.element):
        parent = int(elements.parent[element])
        inside = [other for other in range(len(words)) if parent == 0 or parent in chains[other]]
        assert features[block, FEATURES.index("words_of_parent")] == words[inside].sum()
        like = [
            other
            for other in range(1, len(elements.kind))
            if (elements.parent[other], elements.shape[other]) == (parent, elements.shape[element])
            and any(other in chain for chain in chains)
        ]
        assert features[block, FEATURES.index("like_siblings")] == len(like)


def pairs(text: str) -> list[tuple[str, str]]:
    words = re.findall(r"[a-z0-9]+", text.lower())
    return list(pairwise(words))


DECLARED = st.lists(st.sampled_from("Bees fly home in the evening sun".split()), max_size=6).map(" ".join)


@settings(max_examples=100, deadline=None)
@given(DECLARED, DECLARED, DECLARED, st.lists(DECLARED, min_size=1, max_size=4))
def test_shares_of_what_is_declared(title: str, described: str, linked: str, lines: list[str]) -> None:
    page = (
        f"<title>{title}</title><meta name=description content='{described}'>"
        f'<script type="application/ld+json">{{"@type": "Product", "text": "{linked}\\n"}}</script>'
        + "".join(f"<p>{line}</p>" for line in lines)
    )
    features, _ = features_of(read_page(page.encode()))
    shown = [pairs(line) for line in lines if line]
    for name, source in (("title", title), ("meta", described), ("linked_data", linked)):
        share = [sum(pair in pairs(source) for pair in line) / max(1, len(line)) for line in shown]
        assert column(features, f"share_in_{name}") == [round(value, 4) for value in share]
    assert column(features, "declares_product") == [1] * len(shown)
    assert column(features, "declares_article") == [0] * len(shown)


@pytest.mark.parametrize(
    ("page", "kind"),
    [
        ("<meta property=og:type content='article'>", "meta_article"),
        ('<script type="application/ld+json">{"@type":["WebPage","QAPage"]}</script>', "discussion"),
        ('<script type="application/ld+json">[{"@type" : "ItemList"}]</script>', "list"),
    ],
)
def test_types_that_are_declared(page: str, kind: str) -> None:
    features, _ = features_of(read_page(f"{page}<p>QAPage, an ItemList or an article".encode()))
    declared = [name for name in FEATURES if name.startswith("declares_") and column(features, name) == [1]]
    assert declared == [f"declares_{kind}"]


@given(st.text(max_size=50))
@settings(max_examples=100, deadline=None)
def test_every_feature_is_a_number(text: str) -> None:
    features, words = features_of(read_page(f"<h1>{text}</h1><ul><li>{text}<li>x</ul><pre>{text}".encode()))
    assert features.shape == (len(words), len(ALL_FEATURES))
    assert np.isfinite(features).all()


def test_names_are_told_apart() -> None:
    assert len(set(ALL_FEATURES)) == len(ALL_FEATURES)
    for groups in (CLASS_GROUPS, TEXT_GROUPS):
        words = [word for group in groups.values() for word in group]
        assert len(set(words)) == len(words)


@pytest.mark.parametrize(("value", "group"), [("navBar", "nav"), ("site-FOOTER", "footer"), ("post__body", "content")])
def test_class_names_are_taken_apart(value: str, group: str) -> None:
    features, _ = features_of(read_page(f"<div class='{value}'><p>x</div>".encode()))
    assert column(features, f"near_{group}") == [1]
