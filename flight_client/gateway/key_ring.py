"""The keys that a running gateway takes, by id: its own key file, and a JWKS whose keys come and go.

- A JWKS is a file or a URL. It is read at the start; unreadable or empty, the gateway does not start.
- A file is read again when it changes. A URL is fetched again after its `max-age`, within a minute and an hour, and when a token
  names a key that is not known, at most once a minute.
- A JWKS that cannot be read later leaves the keys that were known, for a day at a URL; then they are forgotten, and their
  tokens are refused: who revokes a key must not be stopped by a server that is away. A file's keys stay: nobody else can be at fault.
- A key ends at its `exp`, or when it is no more in the JWKS; sessions with its tokens end too.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from flight_client.errors import CallerError, file_step
from flight_client.gateway.jwks import JWKS_BYTES, parse_jwks
from flight_client.gateway.jwks_fetch import Fetched, fetch_jwks
from flight_client.gateway.jwks_source import is_url
from flight_client.gateway.keys import VerifyKey
from flight_client.gateway.tokens import key_id_of

KEEP_S = 86400.0  # keys of a URL that does not answer
UNKNOWN_SPACING_S = 60.0  # between fetches because of a token with an unknown key
RETRY_S = 60.0

_log = logging.getLogger("flight.gateway")

# on_change(added, removed): ids of keys
OnChange = Callable[[list[str], list[str]], None]


class KeyRing(Mapping[str, VerifyKey]):
    """The keys by id, as a mapping that TokenVerifier asks for each token."""

    def __init__(self, own: VerifyKey | None, source: str = "", *, clock_s: Callable[[], float] = time.time) -> None:
        """own: the key of the key file, if there is one. Reads a file now, and raises CallerError; a URL comes with start()."""
        self.on_change: OnChange = lambda _added, _removed: None
        self._source = source
        self._clock_s = clock_s
        self._own = {own.key_id: own} if own is not None else {}
        self._keys: dict[str, VerifyKey] = dict(self._own)
        self._seen: tuple[int, int, int] | None = None
        self._fetched_s = self._asked_s = self._due_s = 0.0
        self._fetching: asyncio.Task[None] | None = None
        if source and not is_url(source):
            self._read_file()

    def __getitem__(self, key_id: str) -> VerifyKey:
        return self._keys[key_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def holds(self, key_id: str) -> bool:
        """Whether tokens of this key are taken now."""
        key = self._keys.get(key_id)
        return key is not None and (key.ends_s is None or self._clock_s() < key.ends_s)

    async def start(self) -> None:
        """Fetch the keys of a URL; CallerError when they are not to be had."""
        if is_url(self._source):
            await self._fetch()

    async def close(self) -> None:
        """End a fetch that is under way."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)

    def look(self) -> None:
        """Called every few seconds: read what changed, fetch what is due, forget what is too old."""
        if not self._source:
            return
        if not is_url(self._source):
            try:
                self._read_file()
            except CallerError as error:
                _log.error("the keys known so far stay: %s", error)
            return
        now = self._clock_s()
        if len(self._keys) > len(self._own) and now - self._fetched_s > KEEP_S:
            _log.error("the JWKS could not be fetched for %d s: its keys are forgotten", int(KEEP_S))
            self._take({})
        if now >= self._due_s:
            self._begin()

    async def prepare(self, token: str) -> None:
        """Before a token is verified: if it names a key that is not known, perhaps the URL has it by now."""
        if not is_url(self._source):
            return
        key_id = key_id_of(token)
        if key_id is None or key_id in self._keys:
            return
        if self._clock_s() - self._asked_s >= UNKNOWN_SPACING_S:
            self._begin()
        if self._fetching is not None:
            with contextlib.suppress(CallerError):
                await asyncio.shield(self._fetching)

    def _begin(self) -> None:
        if self._fetching is None or self._fetching.done():
            self._fetching = asyncio.get_running_loop().create_task(self._refresh())

    async def _refresh(self) -> None:
        try:
            await self._fetch()
        except CallerError as error:
            self._due_s = self._clock_s() + RETRY_S
            left_s = max(0, int(self._fetched_s + KEEP_S - self._clock_s()))
            _log.error("the keys known so far stay for %d s: %s", left_s, error)

    async def _fetch(self) -> None:
        self._asked_s = self._clock_s()
        fetched: Fetched = await fetch_jwks(self._source)
        keys = self._checked(parse_jwks(fetched.body, self._source))
        self._fetched_s = self._clock_s()
        self._due_s = self._fetched_s + fetched.fresh_s
        self._take(keys)

    def _read_file(self) -> None:
        path = Path(self._source)
        try:
            found = path.stat()
            seen = found.st_mtime_ns, found.st_size, found.st_ino
            if seen == self._seen:
                return
            with path.open("rb") as stream:
                data = stream.read(JWKS_BYTES + 1)
        except OSError as error:
            raise CallerError(
                what=f"the JWKS cannot be read ({error.strerror})",
                value=self._source,
                next_step=f"{file_step(error)}; `flight token key new` makes one",
            ) from error
        first = self._seen is None
        self._seen = seen  # a file that is wrong is complained about once
        keys = self._checked(parse_jwks(data, self._source))
        if first:
            self._keys = {**self._own, **keys}
        else:
            self._take(keys)

    def _checked(self, keys: dict[str, VerifyKey]) -> dict[str, VerifyKey]:
        for key_id in self._own:
            if key_id in keys and not keys[key_id].same_as(self._own[key_id]):
                raise CallerError(
                    what="the JWKS has another key of the key file's id",
                    value=key_id,
                    next_step="give each key its own kid",
                )
        return keys

    def _take(self, keys: dict[str, VerifyKey]) -> None:
        before, self._keys = self._keys, {**keys, **self._own}
        added = [
            key_id for key_id, key in self._keys.items() if key_id not in before or not key.same_as(before[key_id])
        ]
        removed = [
            key_id for key_id, key in before.items() if key_id not in self._keys or not key.same_as(self._keys[key_id])
        ]
        if added or removed:
            _log.warning("keys changed: %s added, %s removed", added or "none", removed or "none")
            self.on_change(added, removed)
