"""LaTeX in the addresses of images: services that draw formulas are given them in the address of the picture.

Some take a parameter, in which a plus is a space; others all that follows the question mark, or the end of the path.
Commands that set the size, the font and the background of the picture are left out.
"""

import re
from typing import Final
from urllib.parse import parse_qs, unquote

_PARAMETER: Final = re.compile(
    r"""(?:zhihu\.com|juejin\.cn)/equation\?(?P<tex>.+)
    |render\.githubusercontent\.com/render/math\?(?P<math>.+)
    |math\.(?:vercel\.app|now\.sh)/?\?(?P<from>.+)
    |chart\.(?:googleapis|apis\.google)\.com/chart\?(?=(?:.*&)?cht=tx(?:&|$))(?P<chl>.+)
    |/latex\.php\?(?P<latex>(?:.*&)?latex=.+)
    |math\.jianshu\.com/math\?(?P<formula>.+)
    |tex\.z-dn\.net/?\?(?P<f>.+)
    |sciweavers\.org/tex2img\.php\?(?P<eq>.+)
    |nlark\.com/yuque/__latex/[^\#]*\#(?P<code>.+)""",
    re.VERBOSE,
)
"""Addresses with a parameter, which has the name of the group."""
_WHOLE: Final = re.compile(
    r"""(?:codecogs\.com/[^?]*|latex\.csdn\.net/eq|/(?:math|mime)?tex\.cgi|/latex\.php)\?(?:latex=)?(.+)
    |(?:i\.upmath\.me|tex\.s2cms\.ru)/(?:svg|png)/(.+)""",
    re.VERBOSE | re.DOTALL,
)
_SIGNS: Final = (("&space;", " "), ("&plus;", "+"), ("&hash;", "#"))
"""What codecogs writes for characters that an address may not have."""
_OF_PICTURE: Final = re.compile(
    r"(?:\s|\\(?:dpi\{\d+\}|(?:bg|fn)_\w+|inline|(?:tiny|small|large|Large|LARGE|huge)(?![A-Za-z])))+"
)


def latex_in_address(address: str) -> str:
    """Return the LaTeX that the address of an image holds; empty where it holds none."""
    if named := _PARAMETER.search(address):
        name = str(named.lastgroup)
        latex = parse_qs(str(named[name])).get(name, [""])[0]
    elif whole := _WHOLE.search(address):
        latex = str(whole[1] or whole[2])
        for written, sign in _SIGNS:
            latex = latex.replace(written, sign)
        latex = unquote(latex, errors="replace")
    else:
        return ""
    picture = _OF_PICTURE.match(latex)
    return (latex[picture.end() :] if picture else latex).strip()
