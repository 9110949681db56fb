"""Presence and channels over every gateway of the list: one answer out of what each of them says of itself.

Theory of operation
- A gateway knows its own sessions and subscribers. Asked for presence or channels it asks the others of its list the
  same, with the caller's own token, and adds their answers to its own: each of them judges that token by its own keys and
  rules, so nobody learns here what he could not learn there.
- Such a question has the header of a request that was passed on. Whoever gets it answers for himself only.
- One that does not answer in time is left out, and `nodes` says how many there are and how many answered. What the answer
  counts is then less than what there is, never more.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from flight_client.gateway.forwarding import HEADER, Forwarder
from flight_client.gateway.json_protocol import messages
from flight_client.gateway.names import printable, refusal
from flight_client.gateway.rest.schemas import CURSOR
from flight_client.session import spec

PRESENCE_BYTES = 1 << 20  # of the sessions in one answer; `next` says where to go on
_ANSWER_BYTES = 4 << 20  # of another gateway

_CURSOR = re.compile(CURSOR["pattern"], re.ASCII)

_log = logging.getLogger("flight.gateway")
T = TypeVar("T")


class Opened(msgspec.Struct, rename="camel"):
    """A channel that a session has open."""

    name: str
    publish: bool
    subscribe: bool


class Member(msgspec.Struct, rename="camel"):
    """One session."""

    device_id: str
    session_id: str
    platform: str
    version: str
    transport: str
    connected: bool
    channels: list[Opened]

    @property
    def place(self) -> tuple[str, str]:
        """Where it stands in the order of answers."""
        return self.device_id, self.session_id


class Nodes(msgspec.Struct):
    """Of how many gateways an answer could tell, and of how many it does."""

    known: int = 1
    answered: int = 1


class PresencePage(msgspec.Struct, omit_defaults=True):
    """Some sessions in their order, and how many there are in all."""

    devices: list[Member]
    total: int
    nodes: Nodes | msgspec.UnsetType = msgspec.UNSET
    next: str | msgspec.UnsetType = msgspec.UNSET


class ChannelLine(msgspec.Struct, rename="camel", omit_defaults=True):
    """One channel."""

    name: str
    last_offset: int
    subscribers: int
    channel_type: str | msgspec.UnsetType = msgspec.UNSET


class ChannelList(msgspec.Struct, omit_defaults=True):
    """All of them, by name."""

    epoch: str
    channels: list[ChannelLine]
    nodes: Nodes | msgspec.UnsetType = msgspec.UNSET


def place_of(cursor: str) -> tuple[str, str]:
    """What a `next` of presence stands for; a device id has no slash. ValueError for another text."""
    if len(cursor) > CURSOR["maxLength"] or _CURSOR.fullmatch(cursor) is None:
        raise ValueError(cursor)
    device_id, _, session_id = cursor.partition("/")
    return device_id, session_id


def presence_page(members: Iterable[Member], total: int, count: int, *, more: bool = False) -> PresencePage:
    """The first of these, as far as one answer goes. more: somebody may know of others behind them."""
    taken: list[Member] = []
    size = 0
    for member in members:
        size += len(messages.encode(member))
        if len(taken) == count or (taken and size > PRESENCE_BYTES):
            more = True
            break
        taken.append(member)
    page = PresencePage(taken, total)
    if more and taken:
        page.next = "/".join(taken[-1].place)
    return page


class Everywhere:
    """The other gateways, as REST asks them."""

    def __init__(self, forwarder: Forwarder | None) -> None:
        """forwarder: the way to them; None where there is no list."""
        self._forwarder = forwarder

    async def presence(self, request: web.Request, own: PresencePage, count: int) -> PresencePage:
        """The same page of all."""
        pages, nodes = await self._ask(request, own, PresencePage)
        ends = [place_of(page.next) for page in pages if isinstance(page.next, str)]
        # Behind the end of somebody's page there may be others of his: the common page ends there too.
        known = [member for page in pages for member in page.devices if not ends or member.place <= min(ends)]
        total = sum(page.total for page in pages)
        found = presence_page(sorted(known, key=lambda one: one.place), total, count, more=bool(ends))
        found.nodes = nodes
        return found

    async def channels(self, request: web.Request, own: ChannelList) -> ChannelList:
        """The list over all. An offset counts where it belongs to the log that this gateway knows."""
        lists, nodes = await self._ask(request, own, ChannelList)
        found: dict[str, ChannelLine] = {}
        for one in lists:
            for line in one.channels:
                offset = line.last_offset if one.epoch == own.epoch else 0
                known = found.setdefault(line.name, ChannelLine(line.name, 0, 0, line.channel_type))
                known.last_offset = max(known.last_offset, offset)
                known.subscribers += line.subscribers
        return ChannelList(own.epoch, [found[name] for name in sorted(found)], nodes)

    async def _ask(self, request: web.Request, own: T, kind: type[T]) -> tuple[list[T], Nodes]:
        forwarder = self._forwarder
        if forwarder is None:
            return [own], Nodes()
        if forwarder.asked_itself(request):  # else it would be counted twice
            raise refusal(spec.CODE_MALFORMED, "the list of nodes leads back to this gateway", request.host)
        if HEADER in request.headers:
            return [own], Nodes()
        bodies = await forwarder.ask_others(request, _ANSWER_BYTES)
        decode: Callable[[bytes], Any] = msgspec.json.Decoder(kind).decode
        found = [own]
        for owner, body in bodies.items():
            try:
                if body is not None:
                    answer = decode(body)
                    if isinstance(answer, PresencePage) and isinstance(answer.next, str):
                        place_of(answer.next)
                    found.append(answer)
            except ValueError as error:  # msgspec's errors are some too
                _log.warning("%s gave an answer to %s that is none: %s", owner, request.path, printable(error))
        return found, Nodes(len(bodies) + 1, len(found))
