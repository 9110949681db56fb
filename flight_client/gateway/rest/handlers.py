"""What REST does: one method for each route of the table."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec
from aiohttp import web

from flight_client._tables import CHANNELS, CODES
from flight_client.errors import EventError, FlightError, RefusedError
from flight_client.events import CommandRequest
from flight_client.gateway.bodies import BadBody, read_body
from flight_client.gateway.engines.base import AppendStatus, Entry
from flight_client.gateway.forwarding import Forwarder
from flight_client.gateway.json_protocol import messages
from flight_client.gateway.json_protocol.batches import entry_fields, platform_name, records_of
from flight_client.gateway.names import check_channel_name, check_device_id, inner_name, outer_name, printable, refusal
from flight_client.gateway.registry import Registry, Session
from flight_client.gateway.rest import asyncapi
from flight_client.gateway.rest.commands import Commands
from flight_client.gateway.rest.everywhere import (
    ChannelLine,
    ChannelList,
    Everywhere,
    Member,
    Opened,
    place_of,
    presence_page,
)
from flight_client.gateway.rest.openapi import description
from flight_client.gateway.rest.publishing import Publishing, Writer
from flight_client.gateway.rest.routes import BODY_BYTES, HISTORY_COUNT, HISTORY_MOST, PRESENCE_MOST, ROUTES, Route
from flight_client.gateway.rest.schemas import TIMEOUT_MOST_MS, TIMEOUT_MS
from flight_client.gateway.rights import MODES, Identity
from flight_client.gateway.strangers import Strangers
from flight_client.session import spec

_log = logging.getLogger("flight.gateway")

_HEADERS = {"Cache-Control": "no-store"}
_HISTORY_BYTES = 1 << 20  # of records in one answer; `next` says where to go on
_NUMBER = re.compile(r"[0-9]{1,19}", re.ASCII)
_STATUS = {
    spec.CODE_CREDENTIAL: 401, spec.CODE_EXPIRED_TOKEN: 401, spec.CODE_FORBIDDEN: 403, spec.CODE_UNKNOWN_CHANNEL: 404,
    spec.CODE_TOO_MANY: 429, spec.CODE_STORE: 503,
}  # fmt: skip

_CODE_NAMES = {code["value"]: code["name"] for code in CODES}
_JUDGED = (401, 403)  # decisions about rights: these go into the audit log

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class _Publish(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    events: list[messages.EventObject]
    device_id: str | msgspec.UnsetType = msgspec.UNSET
    incarnation: str | msgspec.UnsetType = msgspec.UNSET
    counter: int | msgspec.UnsetType = msgspec.UNSET
    critical: bool = False


class _VmEvent(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    event_type: str
    resource: str
    organization: str | None = None
    metadata: dict[str, str] = {}
    timestamp: int | None = None
    device_id: str | msgspec.UnsetType = msgspec.UNSET
    incarnation: str | msgspec.UnsetType = msgspec.UNSET
    counter: int | msgspec.UnsetType = msgspec.UNSET


class _Command(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    name: str
    data: bytes = b""
    request: int | msgspec.UnsetType = msgspec.UNSET
    device_id: str | msgspec.UnsetType = msgspec.UNSET
    timeout_ms: Annotated[int, msgspec.Meta(ge=1, le=TIMEOUT_MOST_MS)] = TIMEOUT_MS


_read_command = msgspec.json.Decoder(_Command).decode
_read_publish = msgspec.json.Decoder(_Publish).decode
_read_vm_event = msgspec.json.Decoder(_VmEvent).decode


class Rest:
    """REST of one gateway."""

    def __init__(self, registry: Registry, strangers: Strangers, forwarder: Forwarder | None = None) -> None:
        """forwarder: the way to the other gateways, which presence and channels ask too."""
        self.refused: dict[str, int] = {}
        """Requests that were refused, by the name of the code."""
        self.answered = 0
        self._registry = registry
        self._hub = registry.hub
        self._strangers = strangers
        self._publishing = Publishing(registry)
        self._commands = Commands(registry.hub, self._publishing)
        self._everywhere = Everywhere(forwarder)

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Route every request of the table."""
        for route in ROUTES:
            router.add_route(route.method, route.path, self._serve(route))

    def _serve(self, route: Route) -> Handler:
        answer: Callable[[web.Request, Identity | None], Awaitable[web.Response]] = getattr(self, route.name)

        async def serve(request: web.Request) -> web.StreamResponse:
            self.answered += 1
            try:
                identity = await self._identity(request, route.right) if route.right else None
                return await answer(request, identity)
            except BadBody as error:
                found = self._error(RefusedError(spec.CODE_TOO_LARGE, error.text), error.status)
                if error.closes:
                    found.force_close()
                return found
            except (EventError, messages.Unreadable) as error:
                return self._error(error, 400)
            except RefusedError as error:
                status = _STATUS.get(error.code, 400)
                if status in _JUDGED:
                    asked, who = f"{route.method} {request.path}", request.remote or ""
                    self._registry.note("request-refused", code=error.name, text=error.text, request=asked, address=who)
                return self._error(error, status)
            except FlightError as error:  # the engine
                _log.error("%s %s: %s", route.method, route.path, error)
                return self._error(RefusedError(spec.CODE_STORE, printable(error.what)), 503)

        return serve

    async def _identity(self, request: web.Request, right: int) -> Identity:
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token:
            raise refusal(spec.CODE_CREDENTIAL, "no header `Authorization: Bearer TOKEN`", printable(kind))
        identity = await self._registry.identify(token.strip())
        self._strangers.forget(request.transport)
        if not identity.may(MODES[right]):
            raise refusal(spec.CODE_FORBIDDEN, "roles", ", ".join(sorted(identity.roles)))
        return identity

    def _error(self, error: RefusedError | EventError | messages.Unreadable, status: int) -> web.Response:
        fields = messages.error_of(error)
        self.refused[fields["code"]] = self.refused.get(fields["code"], 0) + 1
        answer = _answer(fields, status)
        if status == 401:
            answer.headers["WWW-Authenticate"] = "Bearer"
        return answer

    # One method for each route

    async def channels(self, request: web.Request, identity: Identity | None) -> web.Response:
        """GET /v1/channels."""
        assert identity is not None  # the table says that these need a token
        _known(request)
        found = [
            ChannelLine(name, last, subscribers, CHANNELS[name]["type"] if name in CHANNELS else msgspec.UNSET)
            for name, last, subscribers in self._hub.overview(identity.org)
            if self._may_see(identity, name)
        ]
        return _answer(await self._everywhere.channels(request, ChannelList(self._hub.epoch.hex(), found)))

    async def history(self, request: web.Request, identity: Identity | None) -> web.Response:
        """GET /v1/channels/{channel}/events."""
        name = self._channel(request, identity, spec.MODE_SUBSCRIBE)
        if name not in self._hub.channels():
            raise refusal(spec.CODE_UNKNOWN_CHANNEL, "channel", printable(outer_name(name)))
        _known(request, "count", "after", "epoch")
        count = _number(request, "count", HISTORY_COUNT, 1, HISTORY_MOST)
        after = _number(request, "after", -1, 0, (1 << 63) - 1)
        engine, epoch = self._hub.engine, self._hub.epoch
        asked = messages.read_hex("epoch", request.query["epoch"]) if "epoch" in request.query else epoch
        first, last = await engine.bounds(name)
        fields: dict[str, Any] = {"channel": outer_name(name), "epoch": epoch.hex(), "first": first, "last": last}
        if after < 0:
            after = await engine.before_last(name, count)
        elif asked != epoch or after > last:
            fields["gap"] = {"reason": "epoch", "after": 0, "to": first - 1}
            after = first - 1
        elif after < first - 1:
            fields["gap"] = {"reason": "trimmed", "after": after, "to": first - 1}
            after = first - 1
        entries = await self._read(name, after, count)
        fields["entries"] = [entry_fields(entry) for entry in entries]
        fields["next"] = entries[-1].offset if entries else after
        return _answer(fields)

    async def _read(self, name: str, after: int, count: int) -> list[Entry]:
        entries: list[Entry] = []
        size = 0
        while len(entries) < count and size < _HISTORY_BYTES:
            more = await self._hub.engine.read(name, after, count - len(entries))
            if not more:
                break
            for entry in more:
                entries.append(entry)
                size += len(entry.records)  # as it is told: a small entry in the log may be a large one
                if size >= _HISTORY_BYTES:
                    break
            after = entries[-1].offset
        return entries

    async def publish(self, request: web.Request, identity: Identity | None) -> web.Response:
        """POST /v1/channels/{channel}/events."""
        name = self._channel(request, identity, spec.MODE_PUBLISH)
        body: _Publish = await _body(request, _read_publish)
        events = [(event.type, event.data) for event in body.events]
        return await self._publish(identity, name, events, body, body.critical)

    async def publish_vm_event(self, request: web.Request, identity: Identity | None) -> web.Response:
        """POST /v1/vm-events."""
        name = self._hub.open_channel(identity, "v6r-events", spec.MODE_PUBLISH)
        body: _VmEvent = await _body(request, _read_vm_event)
        data: dict[str, Any] = {"eventType": body.event_type, "resource": body.resource, "metadata": body.metadata}
        data |= {"organization": body.organization, "timestamp": body.timestamp}
        return await self._publish(identity, name, [("v6r-event", data)], body, True)

    async def _publish(
        self,
        identity: Identity | None,
        name: str,
        events: list[tuple[str, dict[str, Any]]],
        body: _Publish | _VmEvent,
        critical: bool,
    ) -> web.Response:
        assert identity is not None  # the table says that these need a token
        if not events:
            raise refusal(spec.CODE_MALFORMED, "no events", printable(outer_name(name)))
        writer = self._writer(identity, body)
        own = _own_counter(body)
        records = records_of(events, self._hub.now_ms())
        critical = critical or bool(CHANNELS.get(outer_name(name), {}).get("critical"))
        left_out = self._hub.left_out(name, writer.source, records)
        result, incarnation, counter = await self._publishing.publish(writer, name, records, len(events), critical, own)
        fields: dict[str, Any] = {
            "status": result.status.value,
            "stored": result.events,
            "epoch": self._hub.epoch.hex(),
        }
        if left_out and result.status is AppendStatus.STORED:
            fields["leftOut"] = left_out
        if counter:
            fields |= {"counter": counter, "incarnation": incarnation.hex()}
        return _answer(fields, 201)

    def _writer(self, identity: Identity, body: _Publish | _VmEvent | _Command) -> Writer:
        """Whom the caller speaks for."""
        device_id = "" if body.device_id is msgspec.UNSET else check_device_id(body.device_id)
        return self._publishing.writer(identity, device_id)

    async def command(self, request: web.Request, identity: Identity | None) -> web.Response:
        """POST /v1/devices/{device}/commands."""
        assert identity is not None  # the table says that this needs a token
        target = check_device_id(request.match_info["device"])
        body: _Command = await _body(request, _read_command)
        number = secrets.randbits(32) if body.request is msgspec.UNSET else body.request
        command = CommandRequest(body.name, target, body.data, number, body.timeout_ms)
        fields = await self._commands.ask(identity, self._writer(identity, body), command)
        return _answer(fields)

    async def dead_letters(self, request: web.Request, identity: Identity | None) -> web.Response:
        """GET /v1/dead-letters."""
        assert identity is not None  # the table says that this needs a token
        _known(request, "count")
        count = _number(request, "count", HISTORY_COUNT, 1, HISTORY_MOST)
        letters = [
            {
                "at": refused.at_ms,
                "deviceId": refused.device_id,
                "channel": refused.channel,
                "events": refused.events,
                "code": _CODE_NAMES[refused.code],
            }
            for refused in self._hub.refused_lately.of(identity.org, count)
            if not refused.channel or self._may_see(identity, refused.channel)
        ]
        return _answer({"deadLetters": letters})

    def _may_see(self, identity: Identity, channel: str) -> bool:
        return self._hub.permits(identity, channel, spec.MODE_SUBSCRIBE)

    async def presence(self, request: web.Request, identity: Identity | None) -> web.Response:
        """GET /v1/presence."""
        assert identity is not None  # the table says that this needs a token
        _known(request, "channel", "count", "after")
        wanted = request.query.get("channel")
        if wanted is not None and not self._hub.permits(identity, check_channel_name(wanted), spec.MODE_SUBSCRIBE):
            raise refusal(spec.CODE_FORBIDDEN, "subscribe", wanted)
        count = _number(request, "count", PRESENCE_MOST, 1, PRESENCE_MOST)
        after = _place(request)
        sessions = {
            (session.source.device_id, session.source.short_id.decode()): session
            for session in self._registry.sessions()
            if session.tenure.identity.org == identity.org and (wanted is None or wanted in session.open_channels())
        }
        behind = (self._member(sessions[place], identity) for place in sorted(sessions) if place > after)
        return _answer(await self._everywhere.presence(request, presence_page(behind, len(sessions), count), count))

    def _member(self, session: Session, identity: Identity) -> Member:
        source = session.source
        return Member(
            source.device_id, source.short_id.decode(), platform_name(source.platform), session.version,
            session.transport, session.attached, self._opened(session, identity),
        )  # fmt: skip

    async def asyncapi(self, _request: web.Request, _identity: Identity | None) -> web.Response:
        """GET /v1/asyncapi.json."""
        return _answer(asyncapi.description())

    def _opened(self, session: Session, identity: Identity) -> list[Opened]:
        """The channels of a session, as far as this token may read them."""
        return [
            Opened(name, bool(mode & spec.MODE_PUBLISH), bool(mode & spec.MODE_SUBSCRIBE))
            for name, mode in sorted(session.open_channels().items())
            if self._may_see(identity, name)
        ]

    async def openapi(self, _request: web.Request, _identity: Identity | None) -> web.Response:
        """GET /v1/openapi.json."""
        return _answer(description())

    def _channel(self, request: web.Request, identity: Identity | None, mode: int) -> str:
        """The inner name of the channel that the path names."""
        name = check_channel_name(request.match_info["channel"])
        if mode == spec.MODE_PUBLISH:
            return self._hub.open_channel(identity, name, mode)
        if identity is None or not self._hub.permits(identity, name, mode):
            raise refusal(spec.CODE_FORBIDDEN, "subscribe", name)
        return inner_name(identity.org, name)


async def _body(request: web.Request, decode: Callable[[bytes], Any]) -> Any:
    data = await read_body(request, BODY_BYTES)
    if request.content_type != "application/json":
        raise refusal(spec.CODE_MALFORMED, "the content type is not application/json", printable(request.content_type))
    return messages.read_with(decode, data)


def _own_counter(body: _Publish | _VmEvent) -> tuple[bytes, int] | None:
    """Incarnation and counter of a caller that has its own."""
    incarnation, counter = body.incarnation, body.counter
    if incarnation is msgspec.UNSET and counter is msgspec.UNSET:
        return None
    if incarnation is msgspec.UNSET or counter is msgspec.UNSET:
        raise refusal(spec.CODE_SEQUENCE, "incarnation and counter belong together", str(counter))
    if not 1 <= counter < spec.NUMBER_LIMIT:
        raise refusal(spec.CODE_SEQUENCE, f"counter is not 1 to {spec.NUMBER_LIMIT - 1}", str(counter))
    return messages.read_hex("incarnation", incarnation), counter


def _known(request: web.Request, *names: str) -> None:
    """Refuse what a request has behind its question mark and should not have: a mistake in spelling is heard of."""
    extra = sorted(set(request.query) - set(names))
    if extra:
        raise refusal(spec.CODE_MALFORMED, "a parameter that is not known", printable(extra[0]))
    twice = [name for name in names if len(request.query.getall(name, [])) > 1]
    if twice:
        raise refusal(spec.CODE_MALFORMED, "a parameter that stands twice", twice[0])


def _number(request: web.Request, name: str, otherwise: int, low: int, high: int) -> int:
    if name not in request.query:
        return otherwise
    text = request.query[name]
    if _NUMBER.fullmatch(text) is None or not low <= int(text) <= high:
        raise refusal(spec.CODE_MALFORMED, f"{name} is not a whole number from {low} to {high}", printable(text))
    return int(text)


def _place(request: web.Request) -> tuple[str, str]:
    """Behind which session the answer begins."""
    text = request.query.get("after")
    try:
        return place_of(text) if text is not None else ("", "")
    except ValueError:
        raise refusal(spec.CODE_MALFORMED, "after is no `next` of an answer", printable(text)) from None


def _answer(fields: Any, status: int = 200) -> web.Response:
    return web.Response(body=messages.encode(fields), status=status, content_type="application/json", headers=_HEADERS)
