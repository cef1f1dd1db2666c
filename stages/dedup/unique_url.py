"""Deduplication by URL: `unique_url` keeps one of the documents whose URLs lead to the same page.

Pages are fetched again and again, and what changes between two fetches (a date, a counter) hides them from `exact`.
URLs are compared in one form (`prep.stages.shared.url.form_kernels`); documents are matched, chosen and dropped as by
the other stages here.
"""

from collections.abc import Callable
from typing import ClassVar

import pyarrow as pa

from prep.corpus.arrow.columns import string_buffers
from prep.corpus.text.hashing import lower_table
from prep.stages.dedup.deduplication import Deduplication
from prep.stages.dedup.taps import tap_table
from prep.stages.settings import Settings
from prep.stages.shared.matching.keep import Keep
from prep.stages.shared.url.form_kernels import Form, Fragments, form
from prep.stages.shared.url.hash_kernels import url_hashes
from prep.stages.stage import Tap

URL_HASH = ("url_hash_0", "url_hash_1")
"""The two halves of the 128-bit hash; null where a document has no URL."""
TRACKING = (
    *("utm_*", "gclid", "gclsrc", "dclid", "gbraid", "wbraid", "fbclid", "msclkid", "yclid", "ysclid", "twclid"),
    *("ttclid", "igshid", "igsh", "mc_cid", "mc_eid", "_ga", "_gl", "_hsenc", "_hsmi", "mkt_tok", "vero_id", "oly_*"),
    *("phpsessid", "jsessionid", "aspsessionid*", "cfid", "cftoken"),
)
"""Parameters that say where a visitor came from, or who it is."""
INDEX_FILES = ("index.html", "index.htm", "index.php", "default.asp", "default.aspx")


class UrlForm(Settings):
    """Which URLs are the same."""

    ignore_scheme: bool = True
    """Whether `http://`, `https://` and no scheme are the same."""
    ignore_www: bool = True
    """Whether hosts with and without `www.` are the same."""
    ignore_slash: bool = True
    """Whether slashes at the path's end are left out."""
    fragments: Fragments = "keep_hashbang"
    """`drop` leaves fragments out; `keep_hashbang` keeps those that begin with `#!`, which lead to pages of their own;
    `keep` keeps all."""
    sort_parameters: bool = True
    """Whether the order of parameters with different names is left out."""
    drop_parameters: tuple[str, ...] = TRACKING
    """Names of parameters to leave out, in any case of letters, from the query and from segments of the path
    (`/shop;jsessionid=1A2B`); `*` at a name's end stands for any end."""
    index_files: tuple[str, ...] = INDEX_FILES
    """Names to leave out where they end the path, in any case of letters."""

    def compiled(self) -> Form:
        """Return the form as kernels take it."""
        return form(
            ignore_scheme=self.ignore_scheme,
            ignore_www=self.ignore_www,
            ignore_slash=self.ignore_slash,
            fragments=self.fragments,
            sort=self.sort_parameters,
            dropped=self.drop_parameters,
            index_files=self.index_files,
        )


class UrlTap(Tap):
    """The 128-bit hash of each document's URL in one form."""

    version: ClassVar[int] = 2
    name: ClassVar[str] = "unique_url"
    columns: ClassVar[tuple[str, ...]] = ("id", "text", "url")

    form: UrlForm

    def open(self) -> Callable[[pa.RecordBatch], pa.RecordBatch]:
        """Return the function from documents to `id`, `length` and the columns of URL_HASH."""
        compiled, lower = self.form.compiled(), lower_table()

        def extract(batch: pa.RecordBatch) -> pa.RecordBatch:
            hashes, missing = url_hashes(*string_buffers(batch.column("url")), compiled, lower)
            columns = {name: pa.array(half, mask=missing) for name, half in zip(URL_HASH, hashes, strict=True)}
            return tap_table(batch, string_buffers(batch.column("text"))[1], columns)

        return extract


class UniqueUrl(Deduplication, UrlForm):
    """Keep one of the documents whose URLs are the same in one form.

    To every URL is done what changes no page: scheme and host in lower case, international names as `xn--`, no user
    information, no port that is the scheme's own, `.` and `..` in the path resolved, escapes in one form, no empty
    parameters. The options say what else is. The forms' 128-bit hashes are compared. A document without a URL is the
    same as no other. Of each document that goes (rule `duplicate_url`), `detail` names the one that stays.
    """

    version: ClassVar[int] = 5
    example: ClassVar[str] = "- unique_url: {keep: newest}"
    name: ClassVar[str] = "unique_url"
    does: ClassVar[str] = "finding pages with the same URL"
    rule: ClassVar[str] = "duplicate_url"
    libraries: ClassVar[tuple[str, ...]] = ()
    columns: ClassVar[tuple[str, ...]] = ("id", "text", "url")

    keep: Keep = "longest"
    """`longest` keeps the document with the most bytes of text; `smallest_id` the one with the smallest id, compared
    byte by byte; `earliest` and `newest` look at `date`; `best` keeps the one with the greatest number in the column
    `score`; `source` the one whose `source` comes first in `sources`. Ties go to the smallest id; documents without a
    value come last. No policy depends on the order of the input."""

    def tap(self) -> UrlTap:
        """Return the tap that hashes URLs."""
        return UrlTap(form=UrlForm(**{name: getattr(self, name) for name in UrlForm.model_fields}))

    def hash_count(self) -> int:
        """Return one."""
        return 1

    def hash_columns(self, index: int) -> tuple[str, ...]:
        """Return the two halves of the hash."""
        return URL_HASH
