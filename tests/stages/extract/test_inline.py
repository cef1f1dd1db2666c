"""What a page shows by place, style and markup within a line, and preformatted text, as text."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prep.stages.extract.engine import read_page, whole_text


def text_of(page: str) -> str:
    return whole_text(read_page(page.encode()))


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("10<sup>5</sup> and 6.02×10<sup>23</sup> and 10<sup>−5</sup>", "10^5 and 6.02×10^23 and 10^−5"),
        ("E = mc<sup>2</sup>, e<sup>−kt</sup>, 2<sup>n+1</sup>, x<sup><i>n</i></sup>", "E = mc^2, e^−kt, 2^(n+1), x^n"),
        ("5 km<sup>2</sup>, cm<sup>-1</sup>, σ<sup>2</sup>, (a+b)<sup>2</sup>", "5 km^2, cm^-1, σ^2, (a+b)^2"),
        ("H<sub>2</sub>O, CO<sub>2eq</sub>, (NH<sub>4</sub>)<sub>2</sub>", "H2O, CO2eq, (NH4)2"),
        ("Ca<sup>2+</sup>, Na<sup>+</sup>, SO<sub>4</sub><sup>2−</sup>", "Ca^2+, Na+, SO4^2−"),
        (
            "x<sub>i</sub><sup>2</sup>, a<sub>i+1</sub>, T<sub>max</sub>, 101<sub>2</sub>",
            "x_i^2, a_(i+1), T_max, 101_2",
        ),
        (
            "the 1<sup>st</sup>, 20<sup>th</sup>, 3<sup>e</sup>, n<sup>o</sup> 5, M<sup>me</sup>",
            "the 1st, 20th, 3e, no 5, Mme",
        ),
        ("Brand<sup>TM</sup> and <sup>14</sup>C and f<sup>(n)</sup>", "BrandTM and 14C and f^(n)"),
        (
            "Acme<sub>®</sub>, i<sup>TM</sup>, a<sup>SM</sup>, p<sup>(TM)</sup>, Bolt<sup>(R)</sup>, f<sup>(r)</sup>",
            "Acme®, iTM, aSM, p(TM), Bolt(R), f^(r)",
        ),
        ("Zed<sup><a href=#m>®</a></sup>, A<sub><a href=#m>TM</a></sub>, 7<sup>©</sup>", "Zed®, ATM, 7©"),
        ("1<sup>1</sup>/<sub>2</sub> cup, <sup>3</sup>&frasl;<sub>4</sub> cup", "1 1/2 cup, 3⁄4 cup"),
        ("the town.<sup>3</sup> “Yes”<sup>4</sup> levels<sup>5</sup>", "the town.[3] “Yes”[4] levels[5]"),
        ("日本<sup>1</sup>語。<sup>2</sup>", "日本[1]語。[2]"),
        ("so<sup>[1]</sup> it<sup><a href=#n>2</a></sup>", "so[1] it[2]"),
        ("the word<sup>1,2</sup> marks<sup>3–5</sup> level<sup>b</sup>", "the word[1,2] marks[3–5] level[b]"),
        ("e<sup>iπ</sup>, e<sup>kt</sup>, M<sup>lle</sup>", "e^(iπ), e^(kt), Mlle"),
        ("<ruby>漢<rt>かん</rt>字<rt>じ</rt></ruby>です", "漢(かん)字(じ)です"),
        ("<ruby><rb>漢</rb><rb>字</rb><rt>かん</rt><rt>じ</rt></ruby>です", "漢字(かんじ)です"),
        ("<s>$20</s><b>$15</b>, <del>10</del><ins>12</ins>, dif<del>f</del>er", "$20 $15, 10 12, differ"),
        ("I <img class=emoji alt='&#x1F600;'>am <img class=wp-smiley alt=😀>!", "I 😀am 😀!"),
        ("<img class='dropcap x' alt=O>nce <img alt=logo>upon", "Once upon"),
        ("half <progress>50%</progress>full <meter>3 of 5</meter><output>7</output>m", "half full 7 m"),
        ("a<!-- x > y -->b<!-- c --!>d", "abd"),
        ("<ruby>東京<rp>（</rp><rt>とうきょう</rt><rp>）</rp></ruby>は", "東京(とうきょう)は"),
        (
            "Wasser&shy;stand ab&#8203;lesen\ufeff a\u200bb x\u2060y zwj \u200d stays",
            "Wasserstand ablesen ab xy zwj \u200d stays",
        ),
        ("ภาษา\u200bไทย", "ภาษา\u200bไทย"),
        ("<dl><dt><span>json.</span><span>dump</span>(<em>obj</em>)<dd>x</dl>", "json.dump(obj)\nx"),
        (
            "<dl><dt><span>json.</span><a>JSONEncoder</a><dd><span>A.</span><span>B</span></dl>",
            "json.JSONEncoder\nA. B",
        ),
        ("<span>May 3</span><span>By A.</span><span>Tags:</span><span>x</span>", "May 3 By A. Tags: x"),
        ("<span class=d>N</span>o one, <b>fo</b>o, wat<span>er</span><span>fall</span>", "No one, foo, waterfall"),
        ("<span>H</span><span>e</span><span>y</span> <a>Home</a><a>About</a>", "Hey Home About"),
        ("a<img>b <input>c<button>Go</button>d", "a b c Go d"),
        ("10 A<br>&nbsp;&nbsp;&nbsp;20 B<br> 30 C", "10 A\n   20 B\n30 C"),
        ("<p>&nbsp; indented", "indented"),
        ("<code>if a:<br>&nbsp;&nbsp;b()</code>", "if a:\n  b()"),
        ("caf&eacute, &notit; &NotEqualTilde; &amp;amp; A&ampB", "café, ¬it; ≂̸ &amp; A&B"),
    ],
)
def test_what_a_line_says(page: str, text: str) -> None:
    assert text_of(page) == text


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<pre>if a:<br>    b()<br/>        c()</pre>", "if a:\n    b()\n        c()"),
        ("<pre>a<br><br>b</pre>", "a\n\nb"),
        ("<pre><div>if a:</div><div>  b()</div><div><br></div><div>c</div></pre>", "if a:\n  b()\n\nc"),
        ("<pre>a\n<div>b</div>\n<div>c</div>\n\nd</pre>", "a\nb\nc\n\nd"),
        ("<pre><ol><li>if a:</li><li>  b()</li></ol></pre>", "if a:\n  b()"),
        ("<pre><code-line>if a:</code-line><code-line>  b()</code-line></pre>", "if a:\n  b()"),
        ("<pre><p>if a:<p>  b()</pre>", "if a:\n  b()"),
        ("<pre>  <b>x</b>\n\t<a href=y>y</a></pre>", "  x\n\ty"),
        ("<pre><span>  </span><b>x</b>\n\ty</pre>", "  x\n\ty"),
        ("<pre>\n&#9;tab\n&nbsp;&nbsp;nb</pre>", "\ttab\n  nb"),
        ("<pre><span class=ln>1</span>a = 1\n<span class=ln>2</span>  b</pre>", "a = 1\n  b"),
        ("<pre><div class=ln>a = 1</div><div class=ln>  b</div></pre>", "a = 1\n  b"),
        ("<pre><i>9 </i>a = 1\n<i>10 </i>  b\n\n<i>11 </i>c</pre>", "a = 1\n  b\n\nc"),
        ("<pre><i>1</i>\n<i>2</i>\n<i>3</i></pre>", "1\n2\n3"),
        ("<pre><i>1</i> a\n<i>5</i> b\n<i>7</i> c</pre>", "1 a\n5 b\n7 c"),
        ("<pre><i>1</i> a\nb\n<i>2</i> c\n<i>3</i> d</pre>", "1 a\nb\n2 c\n3 d"),
        ("<pre><span style='user-select:none'>1 </span>a\n<span style='user-select:none'>$ </span>b</pre>", "a\n$ b"),
        ("<pre><span class=line-number>1:</span>a</pre>", "a"),
        ("<pre><code><span class=line>if a:</span><span class=line>  b</span></code></pre>", "if a:\n  b"),
        ("<pre><code><span class=line>if a:</span>\n<span class=line>  b</span></code></pre>", "if a:\n  b"),
        ("<pre><span class=token-line>if a:<br></span><span class=token-line>  b<br></span></pre>", "if a:\n  b"),
        ("<pre><code>if a:</code><code>  b</code></pre>", "if a:\n  b"),
        ("<pre><code>x = 1</code><button>Copy</button></pre>", "x = 1"),
        ("<table><tr><td><pre>1\n2\n3</pre><td><pre>a\n b\nc</pre></table>", "a\n b\nc"),
        ("<table><tr><td><pre>1\n5\n3</pre><td>x</table>", "1\n5\n3 | x"),
        (
            "<table><tr><td class=linenos><div><pre>8\n9</pre></div><td class=code><div><pre>a\n b</pre></div></table>",
            "a\n b",
        ),
        (
            "<table><tr><td class=blob-num>1<td class=blob-code>if a:<tr><td class=blob-num>2<td class=blob-code>"
            "    b()</table><p>c",
            "if a:\n    b()\n\nc",
        ),
        (
            "<table><tr><td class=gutter><div>1</div><div>2</div><td class=code><div><div><code>if</code> "
            "<code>a</code></div><div><code>&nbsp;&nbsp;</code><code>b()</code></div></div></table>",
            "if a\n  b()",
        ),
        (
            "<pre><table><tr><td class=hljs-ln-numbers></td><td class=hljs-ln-code>if a:</td></tr><tr>"
            "<td class=hljs-ln-numbers></td><td class=hljs-ln-code>  b</td></tr></table></pre>",
            "if a:\n  b",
        ),
        (
            "<div class=fragment><div class=line><a name=l1></a><span class=lineno>    1</span>&#160;if a:</div>\n"
            "<div class=line><span class=lineno>    2</span>&#160;  <span>b</span>()</div>\n</div><!-- fragment -->c",
            " if a:\n   b()\n\nc",
        ),
        ("<div class=fragment><div class=line>if a:</div><div class=line>  b</div></div>", "if a:\n  b"),
        ("<div><div class=ace_line>if a:</div><div class=ace_line>  b</div></div>", "if a:\n  b"),
        ("<p class=fragment>a slide\n   text</p><div class=line>a  line</div>", "a slide text\n\na line"),
        ("<listing>if a:\n  b</listing><xmp>&lt;<b></xmp>", "if a:\n  b\n\n&lt;<b>"),
        ("<textarea>if a:\n  b &lt; c</textarea>", "if a:\n  b < c"),
        ("<div style='white-space: pre'>if a:\n  b</div>", "if a:\n  b"),
        ("<p>a <span style='white-space:pre-wrap'>b  c</span> d", "a b  c d"),
        ("<pre>a</pre><pre>b</pre>c", "a\n\nb\n\nc"),
    ],
)
def test_preformatted_text(page: str, text: str) -> None:
    assert text_of(page) == text


PRE_NODES: st.SearchStrategy[str] = st.lists(
    st.sampled_from(["a", " b", "  c ", "\n", "\td", "<br>", "<b>e</b>", "<i> </i>", "<a href=x>\n f</a>", "&#9;"]),
    max_size=12,
).map("".join)


@settings(max_examples=200, deadline=None)
@given(PRE_NODES)
def test_preformatted_text_is_the_text_of_its_markup(inner: str) -> None:
    written = re.sub("<br>", "\n", inner).replace("&#9;", "\t")
    plain = re.sub("<[^>]*>", "", written).rstrip()
    lines = plain.split("\n")
    while lines and not lines[0].strip():
        del lines[0]
    assert text_of(f"<p>x</p><pre>{inner}</pre>") == "\n\n".join(filter(None, ["x", "\n".join(lines)]))


HIDDEN = "Nobody who looks at the page in a browser sees this."


@pytest.mark.parametrize(
    "page",
    [
        f"<p hidden>{HIDDEN}</p>",
        f"<div hidden=until-found><p>{HIDDEN}</div>",
        f"<p style='color:red; DISPLAY : None !important'>{HIDDEN}</p>",
        f"<div style='visibility:hidden'><p>{HIDDEN}</div>",
        f"<p aria-hidden=true>{HIDDEN}</p>",
        f"<span class='x sr-only'>{HIDDEN}</span>",
        f"<span class=Screen-Reader-Text>{HIDDEN}</span>",
        f"<div style='position:absolute; left:-9999px'>{HIDDEN}</div>",
        f"<h1 style='text-indent: -999em'>{HIDDEN}</h1>",
        f"<span style='position:absolute;clip:rect(0, 0, 0, 0)'>{HIDDEN}</span>",
        f"<template>{HIDDEN}</template>",
        f"<noscript><p>{HIDDEN}</noscript>",
        f"<dialog>{HIDDEN}</dialog>",
        "<i class=material-icons>expand_more</i>",
        "<button><span class='x Material-Symbols-Outlined'>arrow_forward</span></button>",
        "<mat-icon class='mat-icon notranslate'>home</mat-icon>",
        "<i class=icon>\ue901</i>",
        "<span> &#xE901; &#61441;</span>",
        f"<div class=modal role=dialog aria-hidden=true aria-labelledby=h>{HIDDEN}</div>",
    ],
)
def test_what_no_reader_sees_is_left_out(page: str) -> None:
    seen = "The gauge was read every morning, and the level was written down in a book."
    assert text_of(f"<p>{seen}</p>{page}<p>{seen}</p>") == f"{seen}\n\n{seen}"
    assert text_of(f"<p>{seen} {page}") == seen


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<p>The sign \ue000 of the set</p>", "The sign \ue000 of the set"),
        ("<p>Press <code>\ue0a0</code></p>", "Press \ue0a0"),
        ("<p><b>漢\ue000</b>字</p>", "漢\ue000字"),
        ("<p><b>\uf900</b></p>", "\uf900"),
        ("<p><b>&#xE901;&#x41;</b></p>", "\ue901A"),
    ],
)
def test_characters_for_private_use_stay_beside_others_and_in_code(page: str, text: str) -> None:
    assert text_of(page) == text


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<h2>Title<a class=headerlink href=#t>¶</a></h2>", "Title"),
        ("<h2>Web <span><a class=mark href=#w>#</a></span></h2>", "Web"),
        ("<h3><a href=#u class=anchor>§</a>Usage</h3>", "Usage"),
        ("<h3>Words <a href=#x><i>&para;</i></a></h3>", "Words"),
        ("<dl><dt>f(a)<a href=#f> &#xB6; </a><dd>does it</dl>", "f(a)\ndoes it"),
        ("<p>Figure 1<a href=#f1>¶</a>", "Figure 1"),
        ("<h4>Why <a href=#w>🔗</a></h4>", "Why"),
        ("<h2>C<a href=#c>#</a> and F</h2>", "C# and F"),
        ("<h2>The sign ¶, and #</h2>", "The sign ¶, and #"),
        ("<h2><a href=#a>A #</a></h2>", "A #"),
        ("<p>See <a href=/tags>#</a> and <a href=/law>§</a>", "See # and §"),
    ],
)
def test_links_of_headings_to_themselves_are_left_out(page: str, text: str) -> None:
    assert text_of(page) == text


@pytest.mark.parametrize(
    "page",
    [
        f"<div role=tabpanel style='display:none'>{HIDDEN}</div>",
        f"<div class=accordion><div class=body hidden>{HIDDEN}</div></div>",
        f"<div class=faq-answer aria-hidden=true>{HIDDEN}</div>",
        f"<div hidden aria-labelledby=h>{HIDDEN}</div>",
        f"<div style='height:0px; visibility:hidden'>{HIDDEN}</div>",
        f"<a aria-hidden=true href=x>{HIDDEN}</a>",
        f"<details><summary>More</summary>{HIDDEN}</details>",
        f"<dialog open>{HIDDEN}</dialog>",
        f"<x-note><template shadowrootmode=open><p>{HIDDEN}</p></template></x-note>",
        f"<p style='display:block; white-space:normal'>{HIDDEN}</p>",
        f"<p class=hidden-gem>{HIDDEN}</p>",
        f"<p style='margin-left:-15px; opacity:0'>{HIDDEN}</p>",
    ],
)
def test_what_opens_on_a_click_is_content(page: str) -> None:
    assert HIDDEN in text_of(f"<p>{'The gauge was read every morning. ' * 4}</p>{page}")


def test_a_page_that_its_scripts_show_is_not_hidden() -> None:
    assert text_of(f"<p>Loading</p><div style='display:none'><p>{HIDDEN}</p></div>") == f"Loading\n\n{HIDDEN}"


@pytest.mark.parametrize(
    ("page", "text"),
    [
        (
            "<p>Let <span class=ztext-math data-tex='x^2'><span></span><span><span class=MathJax_SVG>x2</span>"
            "<script type='math/tex;mode=inline'>x^2</script></span></span> be",
            "Let $x^2$ be",
        ),
        ("<p>Let <span class=MathJax_SVG>x2</span><script type='math/tex;mode=inline'>x^2</script> be", "Let $x^2$ be"),
        ("<p>Let <span data-latex='x^2'></span> be", "Let $x^2$ be"),
        ("<p>Let <img src='//www.zhihu.com/equation?tex=x%5E2' alt=x> be", "Let $x^2$ be"),
        ("<p>Let <img src=data:, data-src=https://latex.codecogs.com/svg.image?x^2> be", "Let $x^2$ be"),
        ("<p>Let <img src=https://i.upmath.me/svg/x%5E2> be", "Let $x^2$ be"),
        ("<p>Let <img class='Wirisformula' data-mathml='«math»«mi»x«/mi»«/math»'> be", "Let x be"),
        ("<p>Let <img src=https://www.zhihu.com/logo.png> be", "Let be"),
    ],
)
def test_formulas_are_found(page: str, text: str) -> None:
    assert text_of(page) == text
