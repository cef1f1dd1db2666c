"""URLs with credentials are refused, and no message repeats them."""

import pytest

from prep.corpus.files.credentials import has_credentials, redacted, refuse_credentials

WITH = (
    "https://me:hidden@example.org/a.warc.gz",
    "s3://AKIA123:hidden@bucket/a",
    "https://token-hidden@example.org/a",
    "https://bucket.example/a?X-Amz-Algorithm=A&X-Amz-Signature=hidden&X-Amz-Credential=hidden",
    "https://account.example/a?sv=2024&sig=hidden",
    "https://example.org/a?access_token=hidden#part",
    "https://example.org/a?API_KEY=hidden",
)
WITHOUT = (
    "s3://bucket/a@b/c",
    "https://example.org/~me/a?page=2&assigned=x",
    "https://example.org/mail?to=me@example.org",
    "/local/me:you@here",
    "crawl/*.warc.gz?sig=x",
    "hf://datasets/me/texts@main/a.parquet",
)


@pytest.mark.parametrize("url", WITH)
def test_with(url: str) -> None:
    assert has_credentials(url)
    assert "hidden" not in redacted(f"cannot read {url!r}: not there")
    with pytest.raises(ValueError, match=r"without credentials.*\*\*\*") as raised:
        refuse_credentials(url)
    assert "hidden" not in str(raised.value)


@pytest.mark.parametrize("url", WITHOUT)
def test_without(url: str) -> None:
    assert refuse_credentials(url) == url
    assert redacted(url) == url or "://" not in url
