"""What pages declare about their character set, against one regular expression, which takes squares of time."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prep.stages.shared.charset.declarations import declared_labels

VALUES = rb"(?:[^>=]++|=\s*+(?:\"[^\"]*+\"|'[^']*+')|=)*+"
EXPRESSION = re.compile(
    rb"<!--(?:-?>|.*?(?:--!?>|\Z))|<(script|style|title|textarea|iframe|noembed|noframes|xmp|template)(?=[\s/>])"
    + VALUES
    + rb">.*?</\1|<(meta)(?=[\s/>])("
    + VALUES
    + rb")>|<(\?xml)("
    + VALUES
    + rb")>|</?[a-z]"
    + VALUES
    + rb">|<(?:/?[a-z]|\?xml).*",
    re.IGNORECASE | re.DOTALL,
)
PARTS = (
    *("<meta charset=", "<META charset=", "a>", "b/>", '"c">', "'d' >", "<meta", ' content="text/html; charset=e"'),
    *(" http-equiv=content-type", " name=Content-Type", " charset=f", ">", "/", "<title>", "</title>", "<!--", "-->"),
    *("--!>", "<!-->", '"', "'", "=", " ", "<script x>", "</script>", '<a b="', "<p>", '<?xml encoding="g"', "?>", "x"),
    *("<template>", "</template>", "<metax>", "</Style", "<style>", "charset=text/html;charset=h"),
)


def slow_labels(page: bytes) -> list[bytes]:
    found = []
    for match in EXPRESSION.finditer(page):
        values: dict[str, str] = {}
        for name, *value in re.findall(
            r"""([a-z-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", (match[3] or b"").decode(), re.IGNORECASE
        ):
            values.setdefault(name.lower(), "".join(value))
        label = values.get("charset", "")
        nested = re.search(r"charset\s*=\s*[\"']?\s*([^\s\"';]+)", label or values.get("content", ""), re.IGNORECASE)
        if "charset" in values or "content-type" in (values.get("http-equiv"), values.get("name", "").lower()):
            label = nested[1] if nested else label
        if match[4] and (encoding := re.search(r"encoding\s*=\s*[\"']([^\"']+)", match[5].decode(), re.IGNORECASE)):
            label = encoding[1]
        if label:
            found.append(label.encode())
    return found


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(PARTS), max_size=10))
def test_labels_are_those_of_the_expression(parts: list[str]) -> None:
    page = "".join(parts).encode()
    assert list(declared_labels(page, len(page))) == slow_labels(page)


@pytest.mark.parametrize(
    "unit", ["<title>", "<script>", "<!--", "<meta a='", "<meta ", "<a =", "<?xml ", "<template x='>'>", "<p class="]
)
def test_pages_whose_tags_never_end_take_no_squares_of_time(unit: str) -> None:
    page = b"<meta charset=koi8-r>" + unit.encode() * 100_000
    assert list(declared_labels(page, len(page))) == [b"koi8-r"]
    assert list(declared_labels(page, 10)) == []
