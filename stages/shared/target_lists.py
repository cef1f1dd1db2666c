"""Lists of documents to remove, as owners and authorities send them: text, CSV, TSV, JSON Lines or Parquet.

A text file has one entry per line, and `#` begins a comment line. A table has a column named after the kind of its
entries, `url` or `urls`; a CSV file of one column may do without a heading. Other columns are not read.
"""

from collections.abc import Mapping, Sequence

from prep.corpus.errors import ConfigurationError
from prep.corpus.files.storage import open_input
from prep.stages.shared.columns_of_files import is_table, read_columns
from prep.stages.shared.targets import Targets


def read_targets(files: Mapping[str, str]) -> Targets:
    """Read list files by kind. Raises ConfigurationError as `read_list` does."""
    return Targets.of({kind: read_list(kind, path) for kind, path in files.items()})


def read_list(kind: str, path: str) -> Sequence[str]:
    """Return the entries of a list of ids, urls, domains or hosts.

    Raises ConfigurationError, with the path, for a file that is no such list, and for an entry that can name nothing.
    """
    if is_table(path):
        columns = read_columns(path, (kind.removesuffix("s"), kind), lone=True)
        entries = [entry for entry in next(iter(columns.values())) if entry is not None]
    else:
        with open_input(path) as source:
            try:
                entries = source.read().decode("utf-8-sig").splitlines()
            except UnicodeDecodeError as error:
                kinds = "expected UTF-8 text, or CSV, TSV, JSON Lines or Parquet under a name that says so"
                raise ConfigurationError([f"{path}: {kinds}, seen {error}"]) from error
    try:
        Targets.of({kind: entries})
    except ConfigurationError as error:
        raise ConfigurationError([f"{path}: {error}"]) from error
    return entries
