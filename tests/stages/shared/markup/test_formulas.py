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


@pytest.mark.parametrize(
    ("page", "text"),
    [
        (
            "a<span class=ztext-math data-eeimg=1 data-tex='y^2 &lt; 4'><span></span><span><span class=MathJax_SVG>y2"
            "</span><script type='math/tex;mode=inline' id=E>y^2 &lt; 4</script></span></span>b",
            "a$y^2 &lt; 4$b",
        ),
        ("<span class=ztext-math data-tex='y = \\sqrt{2} \\\\'></span>", "$$y = \\sqrt{2}$$"),
        ('<span data-latex="a > b"></span>', "$a &gt; b$"),
        ("<div data-tex='k'></div><span data-display=true data-tex='m'></span>", "$$k$$$$m$$"),
        ("<span data-formula='v'> </span><span data-math='\\rho'>ρ</span>", "$v$$\\rho$"),
        ("<span data-formula='H2O'>water</span><b data-formula='=SUM(A1)'></b><p data-latex=true>a", None),
        ("<div data-latex='x'><p>A paragraph</p></div>", None),
        ("<span class=ql-formula data-value='E=m'><span><span class=katex>E=m</span></span></span>", "$E=m$"),
        (
            '<div class="latex-rendered" data-attrs="{&quot;persistentExpression&quot;:&quot;\\\\pi r&quot;}"></div>',
            "$$\\pi r$$",
        ),
        ("<div class=latex-rendered data-attrs='[1'></div>", None),
        ("<span class=MathJax data-mathml='<math><mi>q</mi></math>'><i>q</i></span>", "q"),
        ("<img class=Wirisformula data-mathml='«math»«msup»«mi»x«/mi»«mn»2«/mn»«/msup»«/math»' alt=x>", "x^2"),
        ("<img class=equation_image src=/images/z%255E3 alt='LaTeX: z^3' data-equation-content='z^3'>", "$z^3$"),
        ("<img class=equation_image alt='LaTeX: z^3'>", "$z^3$"),
        ('<img class=tex alt="a > b">', "$a &gt; b$"),
    ],
)  # fmt: skip
def test_formulas_in_attributes(page: str, text: str | None) -> None:
    assert write_formulas(page.encode()).decode() == (page if text is None else text)


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("https://www.zhihu.com/equation?tex=a%2Bb+%5Cle+c", "$a+b \\le c$"),
        ("//www.zhihu.com/equation?tex=%5Cmu%5C%5C", "$$\\mu$$"),
        ("https://juejin.cn/equation?tex=u%5E2", "$u^2$"),
        ("https://render.githubusercontent.com/render/math?mode=inline&amp;math=e^{i%20\\pi}", "$e^{i \\pi}$"),
        ("https://math.vercel.app/?color=black&amp;from=%5Calpha.svg", "$\\alpha.svg$"),
        ("https://i.upmath.me/svg/%5Csum_i%20x_i", "$\\sum_i x_i$"),
        ("https://chart.googleapis.com/chart?cht=tx&amp;chl=x%3D%5Cfrac%7B1%7D%7B2%7D&amp;chs=99", "$x=\\frac{1}{2}$"),
        ("http://chart.apis.google.com/chart?chl=k%2B1&cht=tx", "$k+1$"),
        ("https://chart.googleapis.com/chart?cht=qr&chl=https%3A%2F%2Fa.example", None),
        ("https://latex.codecogs.com/svg.image?\\inline&space;\\dpi{150}\\bg_white x&space;+&plus;1", "$x ++1$"),
        ("https://latex.codecogs.com/png.latex?%5Clarge%20%7Ba%26b%7D", "${a&amp;b}$"),
        ("https://latex.csdn.net/eq?%5Cbeta", "$\\beta$"),
        ("https://s0.wp.com/latex.php?latex=%5Cdelta+t&#038;bg=ffffff", "$\\delta t$"),
        ("https://math.jianshu.com/math?formula=f(x)", "$f(x)$"),
        ("https://cdn.nlark.com/yuque/__latex/0a1.svg#card=math&code=a%5E2&id=x", "$a^2$"),
        ("/cgi-bin/mathtex.cgi?\\tau", "$\\tau$"),
        ("https://www.zhihu.com/logo.png", None),
    ],
)  # fmt: skip
def test_formulas_in_addresses(address: str, text: str | None) -> None:
    page = f'<img src="{address}">'
    assert write_formulas(page.encode()).decode() == (page if text is None else text)
    late = f"<img class=lazy src=data:, data-src='{address}' alt=formula>"
    assert write_formulas(late.encode()).decode() == (late if text is None else text)


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


@pytest.mark.parametrize(
    "unit", ["<math>", "<span class=MathJax>", "<img a='", "<span ", "<script ", "<span data-tex", "<div class='x "]
)
def test_formulas_that_never_end_stay_as_they_are(unit: str) -> None:
    page = unit.encode() * 20_000
    assert write_formulas(page) == page
    assert write_formulas(page + b">").startswith(page[:1000])
