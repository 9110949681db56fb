"""A JWKS from a URL: bounded in bytes and in time, and for as long as its server says that it is fresh."""

from __future__ import annotations

import asyncio
import re
from typing import NamedTuple

import aiohttp

from flight_client.errors import CallerError
from flight_client.gateway.jwks import JWKS_BYTES
from flight_client.gateway.names import printable

TIMEOUT_S = 5.0
FRESH_S = 300.0  # where the server does not say
FRESH_LEAST_S, FRESH_MOST_S = 60.0, 3600.0

_MAX_AGE = re.compile(r"(?:^|[,\s])max-age\s*=\s*([0-9]{1,9})", re.ASCII | re.IGNORECASE)


class Fetched(NamedTuple):
    body: bytes
    fresh_s: float


async def fetch_jwks(url: str) -> Fetched:
    """The body and how long it is fresh. CallerError for anything but an answer of 200 within the bounds.

    A proxy of the environment is used for https only: http is for this machine. Redirects are not followed: they could lead to where no TLS is, or into the network of the gateway.
    """
    try:
        async with (
            asyncio.timeout(TIMEOUT_S),
            aiohttp.ClientSession(trust_env=url.startswith("https:")) as session,
            session.get(url, allow_redirects=False, headers={"Accept": "application/json"}) as answer,
        ):
            if answer.status != 200:
                raise _failed(url, f"the server answers {answer.status}")
            body = b""
            async for part in answer.content.iter_any():
                body += part
                if len(body) > JWKS_BYTES:
                    raise _failed(url, f"more than {JWKS_BYTES} bytes come")
            return Fetched(body, _fresh_s(answer.headers.get("Cache-Control", "")))
    except TimeoutError:
        raise _failed(url, f"no answer within {TIMEOUT_S:.0f} s") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise _failed(url, printable(error)) from None


def _fresh_s(cache_control: str) -> float:
    said = _MAX_AGE.search(cache_control)
    return min(max(float(said[1]), FRESH_LEAST_S), FRESH_MOST_S) if said is not None else FRESH_S


def _failed(url: str, problem: str) -> CallerError:
    return CallerError(
        what=f"the JWKS cannot be fetched ({problem})",
        value=printable(url),
        next_step="look whether the address answers with a JWKS, or give a file: --jwks FILE",
    )
