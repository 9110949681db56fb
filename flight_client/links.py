"""What the driver does with single connections and with what their ends mean in words."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Any

from .errors import LinkError, RefusedError
from .observe import plain
from .session.device.messages import Ending
from .session.spec import MAX_FRAME_BYTES, TYPE_PROBE, TYPE_PROBED
from .transports import Transport
from .wire.frames import FrameReader, encode_frame

_log = logging.getLogger("flight.client")


async def release(transport: Transport) -> None:
    """close() of a transport must not raise; one that does harms nobody else."""
    try:
        await transport.close()
    except Exception as error:
        unexpected(error)


async def end_tasks(tasks: set[asyncio.Task[Any]], closings: set[asyncio.Task[Any]], limit_s: float) -> None:
    """Cancel tasks and wait for them and for transports that close; what does not let go in time is left to itself."""
    late = tasks
    for task in tasks:
        task.cancel()
    for limit in (limit_s, limit_s / 4):
        late = {task for task in tasks | closings if not task.done()}
        if late:
            _, late = await asyncio.wait(late, timeout=limit)
        for task in late:
            task.cancel()
    if late:
        _log.warning("%d tasks of a transport or a callback do not end when they are cancelled", len(late))


async def probe_answered(transport: Transport) -> bool:
    """Whether a gateway answers over this transport."""
    nonce = os.urandom(8)
    await transport.open()
    reply = await transport.send(encode_frame(TYPE_PROBE, 0, 0, 0, 0, nonce))
    data = reply or await transport.receive()
    reader = FrameReader()
    reader.feed(data, MAX_FRAME_BYTES)
    return reader.next() and reader.type == TYPE_PROBED and data[reader.start : reader.end] == nonce


def refusal(ending: Ending, data: bytes) -> RefusedError:
    """What CLOSE or RESET said."""
    return RefusedError(ending.code, plain(data[ending.text_start : ending.text_end].decode("utf-8", "replace")))


def silent() -> LinkError:
    """Nothing came in time."""
    return LinkError(
        what="the gateway stayed silent, or ended the connection",
        value="no frame in time",
        next_step="nothing: the client connects again",
    )


def unexpected(error: Exception) -> LinkError:
    """A transport raised what none should."""
    _log.warning("unexpected error of a transport", exc_info=error)
    return LinkError(
        what="a transport failed in an unexpected way",
        value=f"{type(error).__name__}: {error}",
        next_step="please report it with `flight doctor --report`",
    )


def source_failed(error: Exception) -> LinkError:
    """The application's callable for address or token raised."""
    return LinkError(
        what="address or token could not be had",
        value=f"{type(error).__name__}: {error}",
        next_step="nothing: it is asked again at the next attempt",
    )
