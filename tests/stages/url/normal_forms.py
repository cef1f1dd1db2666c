"""Brings one URL into a form, for tests of the kernels that do so for columns."""

import numpy as np

from prep.corpus.kernels import entry
from prep.corpus.text.hashing import lower_table
from prep.stages.shared.url.form_kernels import Form, form_capacity, write_form
from prep.stages.shared.url.parts_kernels import split_url
from prep.stages.shared.url.query_kernels import query_scratch


def normal_form(url: str, form: Form) -> str:
    """Return a URL in a form."""
    data = np.frombuffer(url.encode(), np.uint8)
    out = np.empty(entry(form_capacity)(len(data)), np.uint8)
    end = write_form(data, entry(split_url)(data, 0, len(data)), form, lower_table(), query_scratch(len(data)), out, 0)
    return bytes(out[:end]).decode()
