"""Every way to compute the CRC gives the same: tables of three sizes and the processor's instructions."""

from pathlib import Path

import pytest

from tests.core.compiled import run_c
from tests.core.plain import plain_crc32c

PROGRAM = """
#include <stdio.h>
#include "flight.h"
int main(void)
{
    static uint8_t data[4096];
    uint32_t seed = 1;
    for (unsigned i = 0; i < sizeof data; i++) {
        seed = seed * 1664525u + 1013904223u;
        data[i] = (uint8_t)(seed >> 24);
    }
    for (unsigned offset = 0; offset < 8; offset++) {
        for (unsigned bytes = 0; bytes < 70; bytes++) {
            printf("%08x\\n", (unsigned)flight_crc32c(data + offset, bytes, offset * 0x12345678u));
        }
    }
    printf("%08x\\n", (unsigned)flight_crc32c(data, sizeof data, 0));
    return flight_selftest(data);
}
"""


def expected() -> list[str]:
    seed, data = 1, bytearray()
    for _ in range(4096):
        seed = (seed * 1664525 + 1013904223) % 2**32
        data.append(seed >> 24)
    pieces = [(data[offset : offset + size], offset) for offset in range(8) for size in range(70)]
    sums = [plain_crc32c(bytes(piece), offset * 0x12345678 % 2**32) for piece, offset in pieces]
    return [f"{crc:08x}" for crc in [*sums, plain_crc32c(bytes(data))]]


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("-DFLIGHT_CRC=0",),
        ("-DFLIGHT_CRC=1",),
        ("-DFLIGHT_CRC=4",),
        ("-DFLIGHT_CRC=4", "-DFLIGHT_STRICT_ALIGNMENT"),
        ("-DFLIGHT_CRC=4", "-DFLIGHT_CRC_HARDWARE=1"),
        ("-DFLIGHT_CRC=1", "-DFLIGHT_CRC_HARDWARE=1"),
    ],
    ids=lambda options: " ".join(options) or "default",
)
def test_every_build_of_the_crc_gives_the_same_sums_at_every_alignment(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    assert run_c(tmp_path, PROGRAM, *options).split() == expected()
