"""Markup that cannot be broken by what it shows: every text and attribute is escaped where it enters.

element("p", "5 < 6 & ", element("b", "so"), kind="note")  →  <p class="note">5 &lt; 6 &amp; <b>so</b></p>
"""

import html
from collections.abc import Iterable
from dataclasses import dataclass

_VOID = frozenset({"br", "img", "input", "meta"})
_TURNS = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
"""Marks that turn the direction of writing around: a text could show another than its words."""
_VISIBLE: dict[int, int | str] = {
    **{code: 0x2400 + code for code in range(0x20) if chr(code) not in "\t\n"},
    **{code: f"\\u{code:04x}" for code in _TURNS},
    0x7F: 0x2421,
    **{code: f"\\x{code:02x}" for code in range(0x80, 0xA0)},
}
"""Control characters as the pictures that Unicode has of them, or as escapes: what steers a terminal is seen."""


@dataclass(frozen=True)
class Markup:
    """HTML that is safe as it stands."""

    html: str


Child = str | int | Markup | None


def element(name: str, *children: Child, kind: str = "", **attributes: str | None) -> Markup:
    """Return an element; `kind` is its class. Underscores in attributes' names are hyphens; None leaves one out."""
    named = {"class": kind or None, **{key.rstrip("_").replace("_", "-"): value for key, value in attributes.items()}}
    written = "".join(f' {key}="{html.escape(value)}"' for key, value in named.items() if value is not None)
    if name in _VOID:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{join(children).html}</{name}>")


def join(children: Iterable[Child]) -> Markup:
    """Return texts and markup one after another."""
    return Markup("".join(_written(child) for child in children))


def visible(text: str) -> str:
    """Return a text whose control characters, and marks that turn its direction around, can be seen."""
    return text.translate(_VISIBLE)


def _written(child: Child) -> str:
    if child is None:
        return ""
    return child.html if isinstance(child, Markup) else html.escape(visible(str(child)), quote=False)


def table(headings: Iterable[str], rows: Iterable[Iterable[Child]], *, words: int = 1, remarks: int = 0) -> Markup:
    """Return a table whose first columns hold words, the last ones remarks, the others numbers, to the right."""
    titles = list(headings)
    kinds = ["" if at < words else "number" for at in range(len(titles) - remarks)] + ["remark"] * remarks
    head = [element("th", title, kind=kind) for title, kind in zip(titles, kinds, strict=True)]
    body = [
        element("tr", *(element("td", cell, kind=kind) for cell, kind in zip(row, kinds, strict=True))) for row in rows
    ]
    whole = element("table", element("thead", element("tr", *head)), element("tbody", *body))
    return element("div", whole, kind="scroll")


def section(title: str, *children: Child) -> Markup:
    """Return a part of the page, which the contents at its top lead to."""
    return element("section", element("h2", title), *children, id=anchor(title))


def anchor(title: str) -> str:
    """Return the name by which links lead to a section."""
    return "-".join(title.lower().split())


def share(value: float, whole: float) -> str:
    """Return a share in per cent."""
    return f"{value / whole:.1%}" if whole else "–"


def in_bytes(size: float) -> str:
    """Return a number of bytes in the unit that fits it, such as `12.3 MB`."""
    for unit, name in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= unit:
            return f"{size / unit:,.1f} {name}"
    return f"{size:,.0f} B"


def folded(title: str, *children: Child, note: str = "") -> Markup:
    """Return a part that is shown once its title is touched."""
    return element("details", element("summary", element("b", title), f" {note}" if note else ""), *children)


def bar(value: float, most: float) -> Markup:
    """Return a bar as long as a value's share of the largest one."""
    width = f"width: {100 * value / most if most else 0:.1f}%"
    return element("span", element("span", kind="bar", style=width), kind="bar-place")
