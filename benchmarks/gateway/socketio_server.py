"""The same fan-out with python-socketio on uvicorn. Run with the folder of the peers' packages and a port."""

import sys
from typing import Any

sys.path.append(sys.argv[1])

import socketio
import uvicorn  # type: ignore[import-not-found]  # a peer's, below build/

server: Any = socketio.AsyncServer(async_mode="asgi", cors_allowed_origins="*")


@server.on("sub")  # type: ignore[untyped-decorator]  # a peer's
async def sub(sid: str) -> None:
    await server.enter_room(sid, "bench")


@server.on("pub")  # type: ignore[untyped-decorator]  # a peer's
async def pub(_sid: str, data: bytes) -> None:
    await server.emit("msg", data, room="bench")


if __name__ == "__main__":
    uvicorn.run(socketio.ASGIApp(server), host="127.0.0.1", port=int(sys.argv[2]), log_level="error")
