"""What the programs before the migration talk to: the last reading by polling, and every reading by a plain WebSocket."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import WSMsgType, web

READINGS = web.AppKey("readings", list[dict[str, Any]])
SOCKETS = web.AppKey("sockets", set[web.WebSocketResponse])


async def put_reading(request: web.Request) -> web.Response:
    """POST /readings: one reading as JSON."""
    request.app[READINGS].append(await request.json())
    return web.json_response({"ok": True})


async def get_readings(request: web.Request) -> web.Response:
    """GET /readings?after=N: those that the asker has not seen."""
    after = int(request.query.get("after", "0"))
    return web.json_response(request.app[READINGS][after:])


async def socket(request: web.Request) -> web.WebSocketResponse:
    """GET /socket: whatever one says, all hear."""
    ws = web.WebSocketResponse()
    await ws.prepare(request)
    sockets = request.app[SOCKETS]
    sockets.add(ws)
    try:
        async for message in ws:
            if message.type is WSMsgType.TEXT:
                json.loads(message.data)
                for other in list(sockets):
                    await other.send_str(message.data)
    finally:
        sockets.discard(ws)
    return ws


def application() -> web.Application:
    """The server, to be run by aiohttp."""
    app = web.Application()
    app[READINGS], app[SOCKETS] = [], set()
    app.add_routes([
        web.post("/readings", put_reading), web.get("/readings", get_readings), web.get("/socket", socket)
    ])  # fmt: skip
    return app
