"""Documents and what stages did to them, for a terminal of 80 columns: nothing is cut but texts, and that is said."""

from collections.abc import Sequence
from typing import Any

from prep.pipeline.inspecting.differences import Difference, differences
from prep.pipeline.inspecting.drawing import Shown
from prep.pipeline.inspecting.following import Story, Visit
from prep.pipeline.reports.terminal import Terminal, beginning, indented

CHARACTERS = 600
"""Of a text that is shown, unless all of it is asked for."""
NO_TEXT = "(no text: reading gave none, or it is not kept and its source cannot be read again)"
EXCERPT = 200
"""Characters of a text in one line."""
DIFFERENCES = 24
"""Pieces of differences that are shown, unless all of them are asked for."""
_MARKS = {"same": (" ", "dim"), "removed": ("-", "red"), "added": ("+", "green"), "gap": ("@", "cyan")}
_NOTHING = frozenset({"", "0", "False"})
"""Values of columns that are not worth a line: nothing was found, counted or changed."""
_STYLES = {"kept": "", "rejected": "red", "failed": "magenta"}


def print_story(console: Terminal, story: Story, *, full: bool = False) -> None:
    """Print a document's way through the run."""
    console.print(story.id, style="bold", soft_wrap=False)
    if story.url and story.url != story.id:
        console.print(indented(story.url, 2))
    if story.remark:
        console.print(indented(story.remark, 2, "yellow"))
    seen = False
    for visit in story.visits:
        console.print(indented(_headline(visit), 2, _STYLES[visit.fate]))
        columns = ", ".join(f"{name}: {value}" for name, value in visit.columns.items() if value not in _NOTHING)
        if columns:
            console.print(indented(columns, 6, "dim"))
        new = visit.after is not None and visit.before is None and not seen
        if new and visit.after is not None:
            _print_text(console, visit.after, full=full)
            seen = True
        elif visit.before is not None and visit.after is not None:
            print_differences(console, differences(visit.before, visit.after), full=full)
    if not seen and story.text is not None:
        _print_text(console, story.text, full=full)
    console.print("")


def print_shown(console: Terminal, title: str, shown: Sequence[Shown]) -> None:
    """Print documents of one kind, each with the beginning of its text."""
    console.print(title, style="bold")
    for each in shown:
        value = "" if each.value is None else f"  value {each.value:g}"
        detail = f"  ({each.detail})" if each.detail else ""
        console.print(indented(f"{each.id}{value}{detail}", 2))
        console.print(indented(NO_TEXT if each.text is None else beginning(each.text, EXCERPT), 4, "dim"))
    if not shown:
        console.print("  none")


def story_as_json(story: Story) -> dict[str, Any]:
    """Return a story as `--json` prints it."""
    return {
        "id": story.id,
        "url": story.url,
        "fate": story.fate,
        "remark": story.remark or None,
        "stages": [
            {
                "stage": visit.stage,
                "position": visit.position + 1,
                "fate": visit.fate,
                "rule": visit.rule,
                "value": visit.value,
                "detail": visit.detail,
                "columns": dict(visit.columns),
                "copies": visit.copies,
                "text_before": visit.before,
                "text_after": visit.after,
            }
            for visit in story.visits
        ],
    }


def _headline(visit: Visit) -> str:
    if visit.fate == "kept":
        return f"{visit.position + 1:2d} {visit.stage}: {_change(visit)}"
    value = "" if visit.value is None else f", value {visit.value:g}"
    detail = "" if visit.detail is None else f", {_threshold(visit.detail)}"
    word = "rejected by" if visit.fate == "rejected" else "failed as"
    return f"{visit.position + 1:2d} {visit.stage}: {word} {visit.rule}{value}{detail}"


def _threshold(detail: str) -> str:
    """Return what a stage recorded beside the value; that it is a threshold is said where it is one."""
    return f"threshold {detail}" if detail.startswith(("min ", "max ")) else detail


def _change(visit: Visit) -> str:
    copies = f", {visit.copies} times" if visit.copies > 1 else ""
    if visit.after is None or visit.before == visit.after:
        return f"kept{copies}"
    if visit.before is None:
        return f"text of {len(visit.after):,} characters{copies}"
    return f"text changed, {len(visit.before):,} → {len(visit.after):,} characters{copies}"


def _print_text(console: Terminal, text: str, *, full: bool) -> None:
    shown = text if full else text[:CHARACTERS]
    console.print(indented(shown, 6))
    if len(shown) < len(text):
        _print_note(console, f"… {len(text) - len(shown):,} more characters; --full shows them")


def print_differences(console: Terminal, found: Sequence[Difference], *, full: bool = False) -> None:
    """Print what differs between two texts."""
    shown = found if full else found[:DIFFERENCES]
    for each in shown:
        mark, style = _MARKS[each.kind]
        console.print(indented(f"{mark} {each.text}", 6, style))
    if len(shown) < len(found):
        _print_note(console, f"… {len(found) - len(shown):,} more lines; --full shows them")


def _print_note(console: Terminal, note: str) -> None:
    console.print(indented(note, 6, "dim"))
