"""What only the driver sees: rings, rooms and the transport between them."""

from __future__ import annotations

import asyncio

from flight_client import Log
from tests.support.bench import Bench


async def test_an_event_that_does_not_fit_the_frames_the_gateway_takes_is_dropped_with_a_cause(bench: Bench) -> None:
    async with asyncio.timeout(10), bench.client("small") as client:
        client._session.agreement.up = 0
        client._session.out.frame_room = 256  # as after a WELCOME that granted less than the profile has
        log = client.channel("log")
        for critical in (True, False):
            assert log.emit(Log("z" * 480), critical=critical).accepted
            assert log.emit(Log("short"), critical=critical).accepted
        assert await client.flush(5)
        counters = client.counters()
        assert counters.law_holds
        assert counters.dropped["too-large"] == 2
        assert counters.settled == 2
