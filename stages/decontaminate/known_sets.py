"""Where the usual benchmarks keep the text of their items: the fields of their published files, by the set's name.

Each name has one or more alternatives, since files of one benchmark differ in their fields; the first that a file has
all of counts. Answers are left out where a document would be contaminated by the question alone.
"""

from collections.abc import Mapping

Columns = tuple[str, ...]

KNOWN: Mapping[str, tuple[Columns, ...]] = {
    "agieval": (("passage", "question", "options"), ("question", "options"), ("query",)),
    "arc": (("question", "choices"), ("question",)),
    "bbh": (("input",),),
    "boolq": (("question", "passage"),),
    "commonsenseqa": (("question", "choices"), ("question",)),
    "drop": (("question", "passage"), ("question",)),
    "gpqa": (("Question",), ("question",)),
    "gsm8k": (("question",),),
    "hellaswag": (("ctx", "endings"), ("ctx",)),
    "humaneval": (("prompt",),),
    "ifeval": (("prompt",),),
    "lambada": (("text",),),
    "math": (("problem",),),
    "mbpp": (("text",), ("prompt",)),
    "mmlu": (("question", "choices"), ("question", "options"), ("question",)),
    "naturalquestions": (("question",),),
    "openbookqa": (("question_stem", "choices"), ("question_stem",)),
    "piqa": (("goal", "sol1", "sol2"), ("goal",)),
    "siqa": (("context", "question"),),
    "squad": (("context", "question"), ("question",)),
    "triviaqa": (("question",),),
    "truthfulqa": (("question",),),
    "winogrande": (("sentence",),),
}
"""Names are compared in lower case, without what follows `-`, `_`, `.` or a blank at their end: `GSM8K_test`."""
_SPELLINGS = {"arcchallenge": "arc", "arceasy": "arc", "nq": "naturalquestions", "csqa": "commonsenseqa"}


def columns_of(name: str) -> tuple[Columns, ...]:
    """Return the alternatives of a set's fields; `text` alone where the name is unknown."""
    whole = "".join(mark for mark in name.lower() if mark.isalnum())
    first = name.lower().replace("-", "_").replace(".", "_").replace(" ", "_").split("_")[0]
    for spelling in (whole, _SPELLINGS.get(whole, ""), first, _SPELLINGS.get(first, "")):
        if spelling in KNOWN:
            return KNOWN[spelling]
    return (("text",),)
