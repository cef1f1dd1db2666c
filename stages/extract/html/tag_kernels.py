"""Where markup begins and ends in a page's bytes: tags and their names, comments, declarations, raw text.

As in the HTML standard's tokenization (WHATWG HTML, section 13.2.5). Attributes are read by `attribute_kernels`.
"""

from typing import Final

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import leaf
from prep.corpus.text.utf8 import find_byte
from prep.stages.extract.html.attribute_kernels import lower

_SLASH, _LESS, _GREATER, _BANG, _QUESTION, _DASH, _SPACE = 47, 60, 62, 33, 63, 45, 32
_WORD: Final = 0xFFFFFFFF


@leaf
def begins_markup(byte: int) -> bool:
    """Return whether `<` before this byte begins markup."""
    return 97 <= (byte | 32) <= 122 or byte in (_SLASH, _BANG, _QUESTION)


@leaf
def read_name(page: Bytes, at: int) -> tuple[int, int, bool]:
    """Read a tag's name; return where it ends, its hash, and whether it has a dash in it."""
    state = 0
    dashed = False
    while at < len(page) and page[at] > _SPACE and page[at] not in (_SLASH, _GREATER):
        state = (state * 31 + lower(page[at])) & _WORD
        dashed |= page[at] == _DASH
        at += 1
    return at, state, dashed


@leaf
def declaration_end(page: Bytes, at: int) -> int:
    """Return where the comment, doctype or instruction ends that has its `!` or `?` here."""
    if at + 2 < len(page) and page[at + 1] == _DASH and page[at + 2] == _DASH:
        at += 3
        if at < len(page) and page[at] == _GREATER:
            return at + 1
        at = find_byte(page, at, len(page), _GREATER)
        while at < len(page) and not _ends_comment(page, at):
            at = find_byte(page, at + 1, len(page), _GREATER)
    else:
        while at < len(page) and page[at] != _GREATER:
            at += 1
    return at + 1


@leaf
def _ends_comment(page: Bytes, at: int) -> bool:
    """Return whether `--` or `--!` stands before a place."""
    last = at - 2 if page[at - 1] == _BANG else at - 1
    return bool(page[last] == _DASH and page[last - 1] == _DASH)


@leaf
def raw_text_end(page: Bytes, at: int, name: int) -> int:
    """Return where the end tag of an element that holds no markup begins, or the page's end."""
    at = find_byte(page, at, len(page), _LESS)
    while at + 1 < len(page):
        if page[at + 1] == _SLASH:
            _, state, _ = read_name(page, at + 2)
            if state == name:
                return at
        at = find_byte(page, at + 1, len(page), _LESS)
    return len(page)
