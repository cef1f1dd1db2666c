"""Whether files of JSON have the field that texts are expected in: the first records of some files say.

A field of another name would reject every record, after all of a corpus was read. Cost: the beginnings of at most
eight files of a source.
"""

from collections.abc import Iterator, Sequence
from itertools import islice

from prep.corpus.errors import Problem
from prep.stages.read.rows import Input
from prep.stages.read.tables.json_files import json_file_rows
from prep.stages.read.tables.json_lines import NO_FIELD, json_rows

_FILES = 8
_RECORDS = 20


def field_problems(files: Sequence[tuple[str, Input]], place: tuple[str | int, ...]) -> Iterator[Problem]:
    """Yield what is wrong where none of the first records has the field of texts.

    `files` are all files of one source, each with its format, `jsonl` or `json`. Where one record has the field, or no
    record can be read at all, nothing is wrong that reading would not name record by record.
    """
    step = -(-len(files) // _FILES)
    looked_at = files[::step] if step else ()
    seen = ""
    for kind, file in looked_at:
        rows = json_file_rows(file) if kind == "json" else json_rows(file)
        for row in islice(rows, _RECORDS):
            if row.text is not None or row.rule != "no_text" or NO_FIELD not in (row.detail or ""):
                return
            seen = seen or (row.detail or "").partition(NO_FIELD)[2]
    if seen:
        name = looked_at[0][1].options.text_column
        first = f"{looked_at[0][1].path}" + (f" and {len(files) - 1} more files" if files[1:] else "")
        yield Problem(
            f"no field {name!r} in the first records of {first}",
            (*place, "text_column"),
            "a field of text",
            f"the fields {seen}",
            "set text_column",
        )
