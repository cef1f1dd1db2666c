"""Pages that were reported for what extractors make of them: what a reader sees of each, and what no reader sees."""

from pathlib import Path

import pytest

from prep.stages.extract.engine import read_page, whole_text

CODE = "def level(mark):\n    if mark:\n        return 0"
SEEN = {
    "br_nbsp": ["10 INPUT A\n   20 GOTO 10"],
    "code_highlight_spans": [CODE],
    "code_line_divs": [CODE],
    "code_line_divs2": [CODE],
    "code_lineno_table": [f"\n\n{CODE}\n\n"],
    "code_nbsp": [CODE],
    "code_pre": ["    total = 0\n    for m in mark:\n\ttotal += m\n    return total"],
    "code_pre_br": [CODE],
    "code_table_rows": [CODE],
    "dropcap": ["No one is responsible", "foo is not"],
    "entities": ["Café au lait", "Straße", "½ litre", "R&D, © 2024, ©2024, 5 < 6", "≂̸ fj"],
    "flex_buttons": ["1911 | 3.2 | | m\n1912 | | n/a | m"],
    "glued_spans": ["May 3, 2020 By A. Keeper Floods", "- first\n- second", "Mark\nA line on the wall."],
    "hidden_sr": ["Level: 3.2 more was read"],
    "inline_block_lists": ["Name | Level\nA | 1\nB | 2\n| 3"],
    "katex": ["The step is $x^2+y$ and never"],
    "list_in_cell": ["Tuesday | Closed\nWednesday | 10:00 AM - 8:00 PM; 9:00 PM - 10:00 PM"],
    "mathml_annot": ["The step is $x^{2}+y$ and never"],
    "mathml_cells": ["Gamma | 2.1×10^−5\nBeta | 1/7"],
    "mix": ["foo barbaz q x y Click z"],
    "poem": ["O mill,\nO frost", "Line a\nLine b", "Mill\nRoad 3"],
    "pre_variants": ["if a:\n    b()\n        c()", "  lead\n\n\n  x  y\t z", "if a:\n    <b>()"],
    "ruby": ["言葉(ことば)が表示(ひょうじ)された瞬間(しゅんかん)、"],
    "softhyphen": ["Wasserstandsmeldung vom Maifeiertag wurde am Oberlauf abgelesen"],
    "sup": ["100^2=10000", "10^23, H2O, x_i^2, m^2, the 1st of May", "note.[1][2]"],
    "textarea_code": ["def level(mark):\n    return 0"],
    "wiki_math_img": ["The step is $x^{2}$ and never"],
}
UNSEEN = {"hidden_attr": "secret", "hidden_style": "secret", "hidden_sr": "new window", "softhyphen": "\u00ad"}


@pytest.mark.parametrize("name", sorted(SEEN.keys() | UNSEEN.keys()))
def test_reported_pages(test_data: Path, name: str) -> None:
    text = whole_text(read_page((test_data / "cases" / "pages" / f"{name}.html").read_bytes()))
    for seen in SEEN.get(name, []):
        assert seen in text
    assert name not in UNSEEN or UNSEEN[name] not in text
