"""Whether gateways answer, over each transport that a host would take: for `flight doctor --gateway`."""

from __future__ import annotations

import asyncio

from flight_client.errors import FlightError
from flight_client.links import probe_answered, release
from flight_client.platforms import get_platform
from flight_client.sources import choose_transports, fixed_addresses
from flight_client.transports import Address, factory

_PATIENCE_S = 5.0


def reach(addresses: str) -> list[tuple[Address, dict[str, str]]]:
    """Every node of the list: what each transport answered, '' where a gateway did. Raises CallerError for a bad list."""
    nodes = fixed_addresses(addresses)
    names = choose_transports(None, (), get_platform("host"), nodes)

    async def ask_all() -> list[str]:
        return await asyncio.gather(*[_ask(node, name) for node in nodes for name in names])

    said = iter(asyncio.run(ask_all()))
    return [(node, {name: next(said) for name in names}) for node in nodes]


async def _ask(node: Address, name: str) -> str:
    transport = factory(name)(node)
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return "" if await probe_answered(transport) else "no gateway's answer"
    except TimeoutError:
        return f"no answer in {_PATIENCE_S:g} s"
    except FlightError as error:
        return error.what
    finally:
        await release(transport)
