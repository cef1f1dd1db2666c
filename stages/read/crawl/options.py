"""Which captures of a crawl to read, as the configuration says it."""

from typing import Annotated

from pydantic import AfterValidator, Field

from prep.corpus.errors import ConfigurationError
from prep.stages.settings import PathName, Settings
from prep.stages.shared.language_names import language_hint
from prep.stages.shared.languages import is_known
from prep.stages.shared.targets import Targets


def _known_languages(given: tuple[str, ...]) -> tuple[str, ...]:
    unknown = next((code for code in given if not is_known(code)), None)
    if unknown is not None:
        hint = language_hint(unknown)
        text = f"codes of languages by ISO 639, such as de or deu; {unknown!r} is none"
        raise ValueError(f"{text}; {hint}" if hint else text)
    return given


def _known_domains(given: tuple[str, ...]) -> tuple[str, ...]:
    try:
        Targets.of({"domains": given})
    except ConfigurationError as error:
        raise ValueError(str(error)) from error
    return given


class CommonCrawl(Settings):
    """Captures of a monthly crawl of Common Crawl, chosen by its index; of the archives only their bytes are loaded.

    The index is the columnar one (Parquet) or CDX files (ZipNum), whichever there is. What `languages`, `domains`,
    `mime` and `status` name must all hold. A task reads a stretch of the index and fetches what is chosen there, in
    the order of the archives; captures that lie side by side come with one request.
    """

    crawl: str = Field(pattern=r"^CC-MAIN-\d{4}(-\d{2,4})?$")
    """The crawl's name, such as `CC-MAIN-2026-40`."""
    languages: Annotated[tuple[str, ...], AfterValidator(_known_languages)] = ()
    """Languages, by any code that means them; captures in which the index lists one of them. Empty: all."""
    domains: Annotated[tuple[str, ...], AfterValidator(_known_domains)] = ()
    """Domains with their subdomains, such as `example.org` or `ac.uk`. Empty: all."""
    mime: tuple[str, ...] = ("text/html", "application/xhtml+xml")
    """Media types, as the crawler detected them, or else as the server declared them. Empty: all."""
    status: tuple[int, ...] = (200, 203)
    """Status codes of the answers. Empty: all."""
    sample: float = Field(1.0, gt=0, le=1)
    """The share of the captures to read, drawn by a hash of their URLs: a larger share contains a smaller one."""
    seed: int = Field(1, ge=0)
    """Decides which captures a share holds."""
    limit: int | None = Field(None, ge=1)
    """Read at most so many captures: the first ones chosen, in the index's order. Planning reads the index so far."""
    index: PathName = "auto"
    """`columnar` or `cdx` where a crawl has both (`auto` prefers `columnar`), or a path or glob of index files."""
    address: PathName = "https://data.commoncrawl.org"
    """Where the crawl lies: the folder above `crawl-data` and `cc-index`, also `s3://commoncrawl` or a local copy."""
    requests_per_second: float = Field(10.0, gt=0)
    """How many requests a task sends at most; fewer for a while where the server answers that it is too much."""

    def named(self) -> dict[str, object]:
        """Return the settings that decide which captures are read, as JSON-ready values."""
        return self.model_dump(mode="json", exclude={"address", "index", "requests_per_second"})
