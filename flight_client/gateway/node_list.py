"""The gateways behind one balancer: their addresses for each other, and the node's name in a session's id.

A session lives in one process. A polling device behind a balancer without stickiness sends each request to whichever node
it likes, so every node must see whose session it is: the first bytes of a session id are the fingerprint of the owner's
address. That tells nothing to anybody else, and a stranger who makes up ids reaches nothing but the nodes of the list.
"""

from __future__ import annotations

import hashlib
from urllib.parse import urlsplit

from flight_client.errors import CallerError
from flight_client.gateway.engines import shown_url

TAG_BYTES = 4  # 12 bytes of a session id stay random
MOST_NODES = 64

_SHARED = ("redis:", "rediss:", "amqp:", "amqps:")


def tag_of(node: str) -> bytes:
    """How a session id of this node begins."""
    return hashlib.sha256(node.encode()).digest()[:TAG_BYTES]


def hosts_of(nodes: tuple[str, ...]) -> tuple[str, ...]:
    """The names by which the nodes ask each other."""
    return tuple(urlsplit(node).hostname or "" for node in nodes)


def check_nodes(node: str, nodes: tuple[str, ...], engine: str) -> None:
    """Raises CallerError for a list that cannot work."""
    if not nodes:
        if node:
            raise _bad("node", node, "FLIGHT_NODES too: the addresses of all gateways, this one among them")
        return
    for one in nodes:
        _check_address(one)
    if len(set(nodes)) != len(nodes):
        raise _bad("nodes", ",".join(nodes), "every address once")
    if not 2 <= len(nodes) <= MOST_NODES:
        raise _bad("nodes", f"{len(nodes)} addresses", f"2 to {MOST_NODES}: a single gateway needs no list")
    if node not in nodes:
        raise _bad("node", node or "nothing", f"this gateway's own address, one of {', '.join(nodes)}")
    if len({tag_of(one) for one in nodes}) != len(nodes):
        raise _bad("nodes", ",".join(nodes), "other host names: two of these have the same fingerprint")
    if not engine.startswith(_SHARED):
        raise _bad("engine", shown_url(engine), "one that gateways can share, with nodes: redis://HOST or amqp://HOST")


def check_workers(workers: int, nodes: tuple[str, ...], engine: str) -> None:
    """Raises CallerError for a number of worker processes that cannot work."""
    if type(workers) is not int or not 1 <= workers <= MOST_NODES:
        raise _bad("workers", workers, f"a whole number from 1 to {MOST_NODES}: about one for each processor")
    if workers == 1:
        return
    if not engine.startswith(_SHARED):
        keeps = "in one process" if engine.startswith("memory:") else "in a file that one process owns"
        raise CallerError(
            f"workers ({workers} of them) need an engine that processes can share; this one keeps its events {keeps}",
            value=shown_url(engine),
            next_step="use --engine redis://HOST or amqp://HOST, or one worker",
        )
    if nodes:
        raise _bad(
            "workers", f"{workers} with nodes", "either workers, or nodes with one worker each behind a balancer"
        )


def _check_address(address: str) -> None:
    try:
        parts = urlsplit(address)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and bool(parts.port)
        sound = sound and address == f"{parts.scheme}://{parts.netloc}" and "@" not in address and address.isascii()
    except ValueError:
        sound = False
    if not sound:
        shown = address if "@" not in address else "(hidden: it may hold a secret)"
        raise _bad(
            "nodes", shown, "addresses with a port and without a path, as in http://node-a:8080,http://node-b:8080"
        )


def _bad(name: str, value: object, allowed: str) -> CallerError:
    return CallerError(f"{name} has a value that is not allowed", value=value, next_step=f"use {allowed}")
