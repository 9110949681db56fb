"""Where the gateway keeps its channels: one file an engine, one interface (base.py), one catalog."""

from __future__ import annotations

from flight_client.gateway.engines.base import (
    AppendResult,
    AppendStatus,
    Batch,
    Bounds,
    Engine,
    EngineLimits,
    Entry,
    Health,
    Marks,
    SkipRecords,
    Source,
    StoreError,
)
from flight_client.gateway.engines.catalog import (
    EngineMaker,
    check_engine_url,
    open_engine,
    register_engine,
    shown_url,
)

__all__ = [
    "AppendResult",
    "AppendStatus",
    "Batch",
    "Bounds",
    "Engine",
    "EngineLimits",
    "EngineMaker",
    "Entry",
    "Health",
    "Marks",
    "SkipRecords",
    "Source",
    "StoreError",
    "check_engine_url",
    "open_engine",
    "register_engine",
    "shown_url",
]
