"""flight_core_need: what it says is what the set-up functions take, to the byte, on every machine."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flight_client._core import ffi, lib

ARGUMENT, TOO_LARGE = -1, -5
ROOT = Path(__file__).resolve().parents[2]
GUARD = 0xA5


def setup_of(**fields: int) -> Any:
    return ffi.new("flight_setup *", fields)


def need(**fields: int) -> tuple[int, dict[str, int]]:
    parts = ffi.new("flight_parts *")
    total = lib.flight_core_need(setup_of(**fields), parts)
    return total, {name: getattr(parts, name) for name, _ in ffi.typeof("flight_parts").fields}


def guarded(size: int) -> Any:
    """Memory of which everything is marked; 4-aligned."""
    memory = ffi.new("uint8_t[]", size + 64)
    ffi.buffer(memory)[:] = bytes([GUARD]) * (size + 64)
    return memory


@given(
    st.integers(0, 300),
    st.integers(0, 300),
    st.integers(4, 40).map(lambda words: 4 * words),
    st.integers(20, 4096),
    st.integers(0, 40),
    st.integers(0, 1),
)
def test_the_sum_is_what_the_objects_and_the_set_up_functions_take(
    critical: int, lossy: int, slot_bytes: int, frame_bytes: int, window: int, stream: int
) -> None:
    total, parts = need(
        critical_slots=critical,
        lossy_slots=lossy,
        slot_bytes=slot_bytes,
        frame_bytes=frame_bytes,
        window_frames=window,
        byte_stream=stream,
    )
    assert total == sum(parts.values())
    rings = bool(critical) + bool(lossy)
    assert parts["objects_bytes"] == rings * ffi.sizeof("flight_ring") + stream * ffi.sizeof("flight_stream")
    for slots, size in ((critical, parts["critical_bytes"]), (lossy, parts["lossy_bytes"])):
        assert ring_takes(slots, slot_bytes, size) == size
    assert parts["send_bytes"] == frame_bytes
    assert parts["store_bytes"] == window * frame_bytes
    if stream:
        assert stream_takes(parts["receive_bytes"], frame_bytes)
        assert not stream_takes(parts["receive_bytes"] - 1, frame_bytes)
    else:
        assert parts["receive_bytes"] == frame_bytes


def ring_takes(slots: int, slot_bytes: int, room: int) -> int:
    """The bytes that a ring really uses when it is filled to its last slot."""
    if slots == 0:
        return 0
    memory = guarded(room)
    ring = ffi.new("flight_ring *")
    assert lib.flight_ring_init(ring, memory, slots, slot_bytes) == 0
    body = bytes([1]) * (slot_bytes - 12)
    for _ in range(slots):
        assert lib.flight_ring_put(ring, 1, 7, 0, body, len(body)) == 0
    return len(bytes(ffi.buffer(memory)).rstrip(bytes([GUARD])))


def stream_takes(room: int, frame_bytes: int) -> bool:
    stream = ffi.new("flight_stream *")
    return lib.flight_stream_init(stream, guarded(room), room, frame_bytes, 0) == 0


@given(st.integers(0, 65535), st.one_of(st.integers(0, 100), st.integers(65500, 2**32 - 1)))
@example(1, 16)
@example(32767, 64)
@example(32768, 64)
@example(1, 65536)
def test_it_refuses_exactly_the_rings_that_cannot_be_set_up(slots: int, slot_bytes: int) -> None:
    total, _ = need(lossy_slots=slots, slot_bytes=slot_bytes)
    if slots == 0:
        assert total == 0
        return
    ring = ffi.new("flight_ring *")
    possible = slots <= 32767 and 16 <= slot_bytes <= 65532 and slot_bytes % 4 == 0
    if slots * slot_bytes < 2**20 or not possible:
        memory = ffi.new("uint32_t[]", slots * slot_bytes // 4 if possible else 4)
        assert (lib.flight_ring_init(ring, memory, slots, slot_bytes) == 0) is possible
    assert (total > 0) is possible
    if not possible:
        assert total == ARGUMENT


@pytest.mark.parametrize("frame_bytes", [0, 1, 19, 20, 65536, 65537, 2**32 - 1])
def test_it_refuses_exactly_the_frames_that_a_stream_refuses(frame_bytes: int) -> None:
    total, _ = need(frame_bytes=frame_bytes, byte_stream=1)
    assert (total > 0) is stream_takes(min(2 * frame_bytes, 200_000), frame_bytes)


@pytest.mark.parametrize(
    "fields",
    [
        {"frame_bytes": 640, "byte_stream": 2},
        {"window_frames": 1},
        {"byte_stream": 1},
        {"critical_slots": 32768, "slot_bytes": 64},
        {"critical_slots": 1},
    ],
)
def test_an_impossible_set_up_is_refused_and_nothing_is_written(fields: dict[str, int]) -> None:
    parts = ffi.new("flight_parts *", {"send_bytes": 77})
    assert lib.flight_core_need(setup_of(**fields), parts) == ARGUMENT
    assert parts.send_bytes == 77
    assert lib.flight_core_need(ffi.NULL, parts) == ARGUMENT


def test_a_sum_over_two_gibibytes_is_refused_and_never_wraps() -> None:
    most = {"slot_bytes": 65532, "frame_bytes": 65536, "byte_stream": 1}
    for fields in (
        {"critical_slots": 32767, "lossy_slots": 32767},
        {"window_frames": 65535},
        {"critical_slots": 32767, "lossy_slots": 32767, "window_frames": 65535},
    ):
        parts = ffi.new("flight_parts *", {"send_bytes": 77})
        assert lib.flight_core_need(setup_of(**most, **fields), parts) == TOO_LARGE
        assert parts.send_bytes == 77
    # One ring of the largest shape is just below.
    assert need(critical_slots=32767, slot_bytes=65532)[0] == 32767 * 65532 + ffi.sizeof("flight_ring")


def test_parts_may_be_left_out_and_zero_means_nothing() -> None:
    assert lib.flight_core_need(setup_of(frame_bytes=640), ffi.NULL) == 1280
    assert lib.flight_core_need(setup_of(), ffi.NULL) == 0


@pytest.mark.parametrize("compiler", ["sh4-linux-gnu-gcc", "mipsel-linux-gnu-gcc", "arm-linux-gnueabihf-gcc"])
def test_on_the_consoles_the_default_rings_and_buffers_stay_within_8_kb(compiler: str, tmp_path: Path) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    source = tmp_path / "size.c"
    source.write_text(
        '#include "flight.h"\n'
        "char all[2 * (sizeof(flight_ring) + FLIGHT_RING_BYTES(FLIGHT_DREAMCAST_LOSSY_SLOTS, FLIGHT_DREAMCAST_SLOT_BYTES))"
        " + sizeof(flight_stream) + FLIGHT_STREAM_BYTES(FLIGHT_DREAMCAST_FRAME_BYTES) + FLIGHT_DREAMCAST_FRAME_BYTES"
        " <= 8192 ? 1 : -1];\n"
    )
    include = f"-I{ROOT / 'csrc' / 'include'}"
    subprocess.run([compiler, "-ffreestanding", include, "-c", str(source), "-o", str(tmp_path / "o")], check=True)
