"""Formulas in every form that pages have them in: each once, with its structure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prep.stages.shared.markup.formulas import linear_mathml, write_formulas

MATH = "<math><mi>x</mi></math>"


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("a <math alttext='x^2'><mi>no</mi></math> b", "a $x^2$ b"),
        (
            "<math><semantics><mi>no</mi><annotation-xml><ci>no</ci></annotation-xml>"
            "<annotation encoding='application/x-tex'>a &lt; b</annotation></semantics></math>",
            "$a &lt; b$",
        ),
        ("<math display=block alttext='{\\displaystyle x^{2}}'></math>", "$$x^{2}$$"),
        ("<math alttext='{\\displaystyle a}+{b}'></math>", "${\\displaystyle a}+{b}$"),
        (
            "<span class=katex><span class=katex-mathml><math><semantics><mi>x</mi><annotation encoding="
            "'application/x-tex'>x</annotation></semantics></math></span><span class=katex-html aria-hidden=true>"
            "<span>x</span></span></span>",
            "<span class=katex><span class=katex-mathml>$x$</span></span>",
        ),
        ("<script type='math/tex'>x < y</script>", "$x &lt; y$"),
        ("<script type='math/tex; mode=display'>\\frac12\n+ 1</script>", "$$\\frac12 + 1$$"),
        (
            f"<span class='MathJax_Preview'>x</span><span class='MathJax'><nobr><span>x</span></nobr>{MATH}</span>"
            "<script type='math/tex' id=e>x</script>.",
            "$x$.",
        ),
        ("<mjx-container><mjx-math></mjx-math><mjx-assistive-mml><math alttext=y></math></mjx-assistive-mml>"
         "</mjx-container>", "$y$"),
        (
            "<span class=mwe-math-element><span style='display:none'><math alttext='{\\displaystyle q}'></math></span>"
            "<img class=mwe-math-fallback-image-inline aria-hidden=true alt='{\\displaystyle q}'></span>",
            "$q$",
        ),
        ("<img class=tex alt='\\alpha'> and <img class='latex' alt='x &amp; y' src=a>", "$\\alpha$ and $x &amp; y$"),
        ("<img src='https://latex.codecogs.com/gif.latex?x' alt='x'>", "$x$"),
        ("<img src='https://latex.codecogs.com/gif.latex?\\alpha%20+1'>", "$\\alpha +1$"),
        ("<img class=equation alt='\\frac{a}{b}'>", "$\\frac{a}{b}$"),
        ("<img class=equation alt='Equation 3'>", None),
        ("<script type='math/asciimath'>x^2</script>", "x^2"),
        ("<script type='math/mml'><math><mi>q</mi></math></script>", "q"),
        ("<img class=logo alt='Maths for all'><img class=texture alt=stone>", None),
        ("<math><mi>never closed", None),
        ("<p>2 &lt; 3, no mathematics</p>", None),
    ],
)  # fmt: skip
def test_each_formula_once(page: str, text: str | None) -> None:
    assert write_formulas(page.encode()).decode() == (page if text is None else text)


def test_delimiters() -> None:
    page = b"<math alttext=x></math><math display=block alttext=y></math><math><mn>1</mn></math>"
    assert write_formulas(page, "brackets") == b"\\(x\\)\\[y\\]1"
    assert write_formulas(page, "none") == b"xy1"


@pytest.mark.parametrize(
    ("math", "text"),
    [
        ("<mfrac><mn>1</mn><mn>7</mn></mfrac>", "1/7"),
        (
            "<mi>x</mi><mo>=</mo><mfrac><mrow><mo>−</mo><mi>b</mi><mo>±</mo><msqrt><msup><mi>b</mi><mn>2</mn></msup>"
            "<mo>−</mo><mn>4</mn><mi>a</mi><mi>c</mi></msqrt></mrow><mrow><mn>2</mn><mi>a</mi></mrow></mfrac>",
            "x=(−b±√(b^2−4ac))/(2a)",
        ),
        ("<mn>2.1</mn><mo>&#215;</mo><msup><mn>10</mn><mrow><mo>−</mo><mn>5</mn></mrow></msup>", "2.1×10^−5"),
        ("<mroot><mi>x</mi><mn>3</mn></mroot>", "x^(1/3)"),
        ("<msubsup><mi>x</mi><mi>i</mi><mn>2</mn></msubsup>", "x_i^2"),
        (
            "<munderover><mo>∑</mo><mrow><mi>i</mi><mo>=</mo><mn>1</mn></mrow><mi>n</mi></munderover>"
            "<msub><mi>x</mi><mi>i</mi></msub>",
            "∑_(i=1)^n x_i",
        ),
        (
            "<mmultiscripts><mi>C</mi><mn>6</mn><none/><mprescripts/><none/><mn>14</mn></mmultiscripts>",
            "^14 C_6",
        ),
        ("<munder><mo>lim</mo><mrow><mi>n</mi><mo>→</mo><mn>0</mn></mrow></munder><mi>x</mi>", "lim_(n→0)x"),
        ("<msup><mi>x</mi><mn>2</mn></msup><mi>y</mi>", "x^2 y"),
        ("<mi>sin</mi><mo>&#x2061;</mo><mi>x</mi>", "sin x"),
        ("<mn>2</mn><mo>&#x2062;</mo><mi>x</mi>", "2x"),
        ("<mover><mi>x</mi><mo>¯</mo></mover>", "x̄"),
        ("<msup><mi>f</mi><mo>′</mo></msup><mo>(</mo><mi>x</mi><mo>)</mo>", "f′(x)"),
        ("<mfenced><mi>a</mi><mi>b</mi></mfenced>", "(a, b)"),
        ("<mtable><mtr><mtd><mn>1</mn></mtd><mtd><mn>2</mn></mtd></mtr><mtr><mtd><mn>3</mn></mtd></mtr></mtable>",
         "[1, 2; 3]"),
        ("<mrow><mi>a</mi><mphantom><mi>b</mi></mphantom><mspace/><mtext>for all</mtext></mrow>", "a for all"),
        ("<mfrac linethickness='0'><mi>n</mi><mi>k</mi></mfrac>", "n choose k"),
        ("<m:msup><m:mi>x</m:mi><m:mn>2</m:mn></m:msup>", "x^2"),
        ("<msup><mi>x</mi>", "x"),
    ],
)  # fmt: skip
def test_mathml_in_a_line(math: str, text: str) -> None:
    assert linear_mathml(f"<math>{math}</math>") == text


PIECES = ("<math>", "</math>", "<mfrac>", "</mfrac>", "<mi>", "x", "<script type='math/tex'>", "</script>", "</span>",
          "<span class=MathJax>", "<img class=tex alt=", "<mo/>")  # fmt: skip


@given(st.text(alphabet="<>/= \"'", max_size=40) | st.lists(st.sampled_from(PIECES), max_size=20).map("".join))
def test_any_markup_is_read(page: str) -> None:
    write_formulas(page.encode())
    linear_mathml(page)


def test_formulas_that_never_end_stay_as_they_are() -> None:
    page = b"<math>" * 20_000 + b"<span class=MathJax>" * 20_000
    assert write_formulas(page) == page
