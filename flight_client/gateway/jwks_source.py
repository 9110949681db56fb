"""Where a JWKS comes from: a file, or a URL that nobody else on the network can answer for.

Apart from reading one (jwks.py), so that settings can be checked where the packages for keys are not installed.
"""

from __future__ import annotations

import re

from flight_client.errors import CallerError
from flight_client.gateway.names import printable

_URL = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?(/[!-~]*)?", re.ASCII)
_HERE = {"127.0.0.1", "localhost", "[::1]"}


def is_url(source: str) -> bool:
    return source.startswith(("https://", "http://"))


def check_source(source: str) -> None:
    """CallerError for a URL that is none, or that others on the network could answer for."""
    if not is_url(source):
        return
    match = _URL.fullmatch(source)
    if match is None or "@" in source:
        raise wrong(source, "is not a URL without user and password", "use https://HOST/PATH")
    if source.startswith("http:") and match[1] not in _HERE:
        raise wrong(source, "is fetched without TLS, so anybody between could give other keys", "use https://")


def wrong(source: str, problem: str, next_step: str) -> CallerError:
    """What is the matter with a JWKS."""
    return CallerError(f"the JWKS {problem}", value=printable(source), next_step=next_step)
