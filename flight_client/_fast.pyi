# The short way of events between numbers and the core: csrc/python/fast.h, which explains it.
import builtins
from collections.abc import Callable, Sequence
from typing import Any, Final, final

@final
class Ring:
    count: Final[int]
    bytes: Final[int]
    packed: Final[int]
    owner: Final[int]
    due_ms: Final[int]
    accepted: Final[int]
    mixed: Final[bool]
    has_due: Final[bool]
    open: bool
    limit_events: int
    calm_total: int
    calm_used: int
    def __new__(cls, slots: int, limit_events: int, limit_bytes: int, /) -> Ring: ...
    def pack(
        self, out: bytearray | memoryview, offset: int, limit: int, now: int, max_events: int, delta: bool, /
    ) -> int: ...
    def take_all(self) -> list[tuple[int, int, int, builtins.bytes]]: ...

@final
class Emitter:
    def __new__(
        cls,
        ring: Ring,
        parts: tuple[type, object, object, list[Any], object, object, Callable[..., Any], object, object],
        names: tuple[str, ...],
        defaults: tuple[Any, ...],
        given: int,
        bodies: tuple[int, int, int, int],
        fields: tuple[Sequence[int], ...],
        rest: tuple[int, int, int, int, int, bool, bool],
        /,
    ) -> Emitter: ...
    def emit(self, *values: Any, **fields: Any) -> Any: ...
    def emit_event(self, event: object, /) -> Any: ...
    def emit_buffer(self, bodies: bytes | bytearray | memoryview, wide: bool, start: int, /) -> int: ...

@final
class Reader:
    def __new__(
        cls,
        slow: Callable[[int, bytes, Any, str], Any],
        event: type,
        names: tuple[str, ...],
        name: str,
        plans: tuple[tuple[Any, ...], ...],
        /,
    ) -> Reader: ...
    def read(
        self,
        head: bytes | bytearray,
        start: int,
        data: bytes | bytearray,
        records_start: int,
        end: int,
        channel: str,
        source: object,
        /,
    ) -> list[Any] | None: ...
