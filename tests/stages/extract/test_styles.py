"""How style attributes and classes lay text out: lines of their own, parts of a line, and kept ends of lines."""

import pytest

from prep.stages.extract.engine import read_page, whole_text

SEEN = "The gauge was read every morning, and the level was written down in a book."


def text_after(page: str) -> str:
    return whole_text(read_page(f"<p>{SEEN}</p>{page}".encode())).removeprefix(SEEN).lstrip("\n")


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<p>High water,<span style='display:block'>low water</span>ebb", "High water,\n\nlow water\n\nebb"),
        ("<a style='display: block'>Red</a><a style='Display:Block !important'>Blue</a>", "Red\n\nBlue"),
        ("<b style='display:flex'>May</b><i style='color:red;display:list-item'>June</i>", "May\n\nJune"),
        ("<pre><code><span style='display:block'>if a:</span><span style='display:flex'>  b</span>c", "if a:\n  b\nc"),
        ("<span style='display:inline-block'>in</span><span style='display:contents'>side</span>", "inside"),
        ("<p>a <img style='display:block'> b", "a b"),
        (
            "<dl><dt><strong>rate</strong><span class='classifier'>float, optional</span><dd>Of flow.</dl>",
            "rate float, optional\nOf flow.",
        ),
        ("<p>Pumps<span class='badge badge-info'>New</span> and <i class=badge>2</i>", "Pumps New and 2"),
        ("<div style='display:inline'>Hel</div><div style='display:inline'>lo</div> there", "Hello there"),
        (
            "<p>one<p style='display:inline'>two</p> <p style='display:inline'>three</p><p>four",
            "one\n\ntwo three\n\nfour",
        ),
        ("<div style='display:inline'>a<p>b</p></div>c", "a\n\nb\n\nc"),
        (
            "<div style='white-space:pre-line'>\n  Dear   all,\r\n\r\n  we <b>go</b>\n  now\n</div>z",
            "Dear all,\n\nwe go\nnow\n\nz",
        ),
        ("<p class='mt-2 whitespace-pre-line'>a \n b<p>c\nd", "a\nb\n\nc d"),
        ("<div class=whitespace-pre-wrap>a\n  b</div>c", "a\n  b\n\nc"),
        ("<pre><table><tr><td>a<td>b<tr><td>c<td>d</table></pre>", "a b\nc d"),
        ("<p style='position:absolute;width:1px;height:1px;overflow:hidden'>Skip</p>a", "a"),
        ("<p style='height:1px'>a</p><p style='overflow:hidden'>b</p>", "a\n\nb"),
        ("<p style='/* not; now */ display:none'>a</p><p style='/* display:none; */color:red'>b/c</p>", "b/c"),
        ("<p style='color:red;/*/ display:none'>a</p><p style='display/**/:none'>b</p>c", "a\n\nc"),
        ("<xml><w:View>Normal</w:View></xml><p class=MsoNormal>a<o:p>&nbsp;</o:p></p>", "a"),
        ("<p style='mso-hide:all'>Preview</p><i class=cdk-visually-hidden>Skip</i>a", "a"),
    ],
)
def test_what_styles_lay_out(page: str, text: str) -> None:
    assert text_after(page) == text


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<h2>Tides<span class=mw-editsection>[<a href=/e>edit</a>]</span></h2>", "Tides"),
        ("<li><span class=mw-cite-backlink><b><a href=#c>^</a></b></span> Smith, p. 4", "- Smith, p. 4"),
        (
            "<p>Seen once. <a href=#r1>↩</a><p>Twice.<a href='https://a.example/b#r2'>&#8617;&#xfe0e;</a>",
            "Seen once.\n\nTwice.",
        ),
        ("<p>Read at noon <sup><a href=#r3>↑</a></sup>", "Read at noon"),
        ("<p>the <a href=/op/xor>^</a> operator, the <a href=/keys>↑</a> key", "the ^ operator, the ↑ key"),
        ("<p>press ↵ or ^", "press ↵ or ^"),
    ],
)
def test_links_that_edit_or_lead_back_are_left_out(page: str, text: str) -> None:
    assert text_after(page) == text


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("n<sup>th</sup>, (n+1)<sup>th</sup>, k<sup><i>Th</i></sup>, 2<sup>nd</sup>", "nth, (n+1)th, kTh, 2nd"),
        ("x<sup>k</sup>, e<sup>kt</sup>", "x^k, e^(kt)"),
        (
            "$19<sup>99</sup>, $1,234.<sup>50</sup>, € 5<sup>95</sup>, £7<sup>05</sup>",
            "$19.99, $1,234.50, € 5.95, £7.05",
        ),
        ("19<sup>99</sup> €, 19,<sup>99</sup>&euro;", "19.99 €, 19,99€"),
        ("<a href=/tea>Tea $4<sup>50</sup></a>, tea", "Tea $4.50, tea"),
        (
            "It cost $500<sup><a href=#n12>12</a></sup> or €40<a href=#n13><sup>13</sup></a> then",
            "It cost $500[12] or €40[13] then",
        ),
        ("e<sup>st</sup>, s<sup>nd</sup>", "e^(st), snd"),
        ("$10<sup>12</sup>, 5<sup>12</sup>, 2<sup>16</sup> times", "$10^12, 5^12, 2^16 times"),
    ],
)
def test_cents_and_ordinals(page: str, text: str) -> None:
    assert text_after(f"<p>{page}</p>") == text
