"""The ring between two threads, watched by ThreadSanitizer and, in a fast build, by what comes out; on ARM as well."""

import os
import subprocess
from pathlib import Path

import pytest

from build_scripts import targets
from tests.core.compiled import run_c
from tests.support.figures import Figure

# A producer that reserves, puts, gives up and is refused, against a consumer that peeks, releases and packs both ways.
PROGRAM = """
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include "flight.h"

#ifndef EVENTS
#define EVENTS 30000u
#endif

static uint32_t memory[13 * 8];
static flight_ring ring;
static uint32_t refused;

static uint32_t words_of(uint32_t number) { return 1u + number * 7u % 11u; }

static int emit(uint32_t number)
{
    uint32_t body[11];
    void *room;
    uint32_t bytes = 4u * words_of(number);

    for (uint32_t i = 0; i < words_of(number); i++) {
        body[i] = number + i;
    }
    if (number % 3 == 0) {
        return flight_ring_put(&ring, 5, FLIGHT_LAYOUT_PAYLOAD, number & 0x3fffffffu, body, bytes);
    }
    if (flight_ring_reserve(&ring, 5, FLIGHT_LAYOUT_LOG, 4, &room) != 0 ||
        flight_ring_reserve(&ring, 5, FLIGHT_LAYOUT_PAYLOAD, bytes, &room) != 0) {
        return FLIGHT_ERROR_FULL;
    }
    memcpy(room, body, bytes);
    return flight_ring_commit(&ring, number & 0x3fffffffu);
}

static void *produce(void *unused)
{
    for (uint32_t number = 0; number < EVENTS;) {
        if (emit(number) == 0) {
            number++;
        } else {
            refused++;
        }
    }
    return unused;
}

static int check(const uint8_t *body, uint32_t bytes, uint32_t number)
{
    uint32_t word;

    for (uint32_t i = 0; i < bytes / 4u; i++) {
        memcpy(&word, body + 4u * i, 4);
        if (word != number + i) {
            return 1;
        }
    }
    return bytes != 4u * words_of(number);
}

static int take_one(uint32_t *number)
{
    flight_event event;

    if (flight_ring_peek(&ring, &event) != 0) {
        return 0;
    }
    if (event.channel != 5 || event.stamp_ms != *number || check(event.body, event.body_bytes, *number) != 0) {
        return 1;
    }
    ++*number;
    return flight_ring_release(&ring) != 0;
}

static int take_batch(uint32_t *number, int delta)
{
    static uint8_t out[512], scratch[64];
    flight_batch batch;
    flight_record record;
    flight_delta reader;
    const uint8_t *at = out;
    int bytes = delta ? flight_delta_pack(&ring, out, sizeof out, *number, 9, &batch)
                      : flight_batch_pack(&ring, out, sizeof out, *number, 9, &batch);
    const uint8_t *end = out + bytes;

    flight_delta_start(&reader, out, bytes > 0 ? (size_t)bytes : 0, scratch, sizeof scratch);
    while (bytes >= 0 && at < end) {
        int used = delta ? flight_delta_next(&reader, &record)
                         : flight_batch_next(at, (size_t)(end - at), &record);

        if (used <= 0 || check(record.body, record.body_bytes, *number) != 0) {
            return 1;
        }
        ++*number;
        at += used;
    }
    return bytes < 0;
}

int main(void)
{
    pthread_t producer;
    uint32_t number = 0;

    if (flight_ring_init(&ring, memory, 13, 32) != 0 || pthread_create(&producer, NULL, produce, NULL) != 0) {
        return 1;
    }
    for (uint32_t turn = 0; number < EVENTS; turn++) {
        const uint32_t count = flight_ring_count(&ring);

        if (count > 13 || (turn % 3 == 0 ? take_one(&number) : take_batch(&number, turn % 3 == 1)) != 0) {
            printf("event %u\\n", (unsigned)number);
            return 2;
        }
    }
    pthread_join(producer, NULL);
    printf("%u\\n", (unsigned)number);
    return flight_ring_count(&ring) != 0;
}
"""


@pytest.mark.parametrize("options", [(), ("-fsanitize=thread", "-g")], ids=["fast", "ThreadSanitizer"])
def test_a_producer_and_a_consumer_in_two_threads_never_see_half_an_event(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    assert run_c(tmp_path, PROGRAM, "-pthread", *options) == "30000\n"


def test_the_thread_sanitizer_finds_a_ring_without_memory_order(tmp_path: Path) -> None:
    """The test above would notice: with plain accesses the same program is reported."""
    options = ("-pthread", "-fsanitize=thread", "-g", "-DFLIGHT_PLAIN_ACCESS")
    with pytest.raises(AssertionError, match="data race"):
        run_c(tmp_path, PROGRAM, *options)


ARM_EVENTS = 100_000


def test_on_arm_a_producer_and_a_consumer_lose_nothing_and_keep_the_order(tmp_path: Path, figure: Figure) -> None:
    """The same program, compiled for ARM, in qemu, which runs the two threads at the same time.

    It shows that ARM code of the ring passes every event on, in order and whole. It does not show ARM's weak ordering: on an
    x86 host qemu's loads and stores keep the host's stronger order. That the barriers are in the code, in the right places,
    is what tests/target/test_ring_barriers.py reads off the instructions.
    """
    arm = targets.TARGETS["arm"]
    lacks = targets.missing(arm)
    if not lacks and "/" not in targets.run([arm.compiler, "-print-file-name=libc.a"]):
        lacks = "no C library for arm-linux-gnueabihf-gcc: on Debian `apt install libc6-dev-armhf-cross`"
    if lacks:
        if os.environ.get("CI") == "true":
            pytest.fail(lacks)
        pytest.skip(lacks)
    source, binary = tmp_path / "program.c", tmp_path / "program"
    source.write_text(PROGRAM, encoding="utf-8")
    options = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-static", "-pthread", f"-DEVENTS={ARM_EVENTS}u"]
    include = f"-I{targets.ROOT / 'csrc' / 'include'}"
    targets.run([arm.compiler, *arm.options, *options, include, source, *targets.CORE, "-o", binary])
    run = subprocess.run([arm.emulator, binary], check=False, capture_output=True, text=True, timeout=100)
    assert (run.returncode, run.stdout, run.stderr) == (0, f"{ARM_EVENTS}\n", "")
    figure(f"ARM: {ARM_EVENTS:,} events from thread to thread, in order, none lost")
