"""URLs that hold credentials: a password, or a signature that lets whoever has the URL read what it names.

Paths stand in manifests, logs, reports and what is sent to workers, so that a URL with credentials would spread them.
"""

import re

_PASSWORD = re.compile(r"(?P<before>\b[a-z][a-z0-9+.-]*://)[^/?#@\s'\"]+@", re.IGNORECASE)
_NAMES = (
    *("x-amz-signature", "x-amz-credential", "x-amz-security-token", "x-goog-signature", "x-goog-credential"),
    *("signature", "sig", "awsaccesskeyid", "access_token", "token", "api_key", "apikey", "password", "secret"),
)
_SIGNATURE = re.compile(rf"(?P<before>[?&](?:{'|'.join(_NAMES)})=)[^&#\s'\"]+", re.IGNORECASE)


def has_credentials(url: str) -> bool:
    """Say whether a URL holds a user's name and password, or the signature or token of a request."""
    return "://" in url and (_PASSWORD.search(url) is not None or _SIGNATURE.search(url) is not None)


def redacted(text: str) -> str:
    """Return a text in which the URLs hold no credentials."""
    return _SIGNATURE.sub(r"\g<before>***", _PASSWORD.sub(r"\g<before>***@", text))


def refuse_credentials(url: str) -> str:
    """Return a URL or path as it is. Raises ValueError where it holds credentials."""
    if has_credentials(url):
        raise ValueError(
            f"a URL without credentials, which would be written to manifests and logs: {redacted(url)}; give them in "
            "the environment or in the client's own files"
        )
    return url
