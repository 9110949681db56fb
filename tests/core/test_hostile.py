"""What hostile bytes may try on a console, item by item, and the test for each; here stand those that belong to no other part
of the core: lengths at every edge, acknowledgements of what was never sent, texts that are none, every alignment under the
sanitizers, floods, and one call in the middle of another."""

import platform
import re
import sys
from pathlib import Path

import pytest

from flight_client._core import ffi, lib
from tests.core.compiled import run_c
from tests.core.plain import build_frame

MAGIC, LENGTH, CRC, RECORD, FULL = -6, -12, -13, -14, -3


# What may be tried: the file tests/core/test_NAME.py and the start of the test's name.
ATTEMPTS = {
    "length beyond the buffer, 0, 0x7fff, 0x8000, 0xffff": ("hostile", "a_length_beyond_the_buffer"),
    "length over the limit": ("frame", "a_frame_over_the_receivers_limit"),
    "inner length beyond the outer one: records": ("hostile", "an_inner_length_beyond_the_payload"),
    "inner length beyond the outer one: tails of delta entries": ("delta", "entries_that_no_sender_writes"),
    "inner length beyond the outer one: compressed size": ("compression", "a_size_beyond_what_a_block_can_hold"),
    "inner length beyond the outer one: fragments": ("fragments", "more_bytes_than_declared"),
    "offset and length that wrap in 32 bits": ("hostile", "a_long_inner_length_never_wraps"),
    "varint without end, too long, over its limit": ("delta", "entries_that_no_sender_writes"),
    "unknown version": ("frame", "another_version"),
    "unknown type": ("frame", "exactly_the_types"),
    "reserved bit": ("frame", "exactly_the_supported_flags"),
    "truncated at every byte: frame": ("frame", "every_truncation"),
    "truncated at every byte: batch": ("batch", "every_truncation"),
    "truncated at every byte: delta batch": ("delta", "every_truncation"),
    "truncated at every byte: block": ("compression", "every_truncation"),
    "every flip of one or two bits": ("frame", "every_flip_of_one_or_two_bits_in_a_checked_frame"),
    "two frames glued, one split at every byte": ("stream", "two_frames_glued_and_split"),
    "false starts: the work stays linear": ("stream", "crcs_look_at_each_byte_a_few_times"),
    "false start inside a payload": ("hostile", "a_frame_inside_a_payload"),
    "number out of range": ("frame", "numbers_over_30_bits"),
    "number at 0, at half its range, at its end": ("hostile", "every_number_of_30_bits"),
    "acknowledgement of what was never sent": ("hostile", "an_acknowledgement_of_what_was_never_sent"),
    "output over what was declared": ("compression", "output_over_or_under"),
    "output over the buffer": ("compression", "a_declared_size_over_the_buffer"),
    "back-reference before the start": ("compression", "broken_blocks"),
    "compressed inside compressed": ("compression", "compressing_twice"),
    "any address": ("hostile", "everything_works_at_all_eight_alignments"),
    "text without terminator, with NUL, not UTF-8": ("hostile", "texts_are_bytes"),
    "decode inside an encode": ("hostile", "a_decode_behind_every_instruction_of_an_encode"),
    "a flood faster than the ring drains": ("hostile", "a_flood_faster_than_the_ring_drains"),
}


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_every_attempt_of_the_list_has_its_test(attempt: str) -> None:
    part, start = ATTEMPTS[attempt]
    source = Path(__file__).with_name(f"test_{part}.py").read_text(encoding="utf-8")
    assert re.search(rf"^def test_{start}", source, re.MULTILINE)


def decode(data: bytes, limit: int = 65536) -> int:
    return lib.flight_frame_decode(data, len(data), limit, ffi.new("flight_frame *"))


@pytest.mark.parametrize("length", [0, 1, 0x7FFF, 0x8000, 0xFFEB, 0xFFEC, 0xFFFF])
@pytest.mark.parametrize("flags", [0x02, 0x22])
def test_a_length_beyond_the_buffer_waits_or_is_over_the_limit_and_reads_nothing(length: int, flags: int) -> None:
    frame_bytes = 16 + length + (4 if flags & 0x20 else 0)
    for there in (16, 20, 48):
        data = build_frame(flags=flags, payload=bytes(there - 16), length=length)[:there]
        kept = ffi.new("uint8_t[]", data)  # exactly as long as the data: valgrind and ASan see a byte more
        found = lib.flight_frame_decode(kept, there, 65536, ffi.new("flight_frame *"))
        if frame_bytes > 65536:
            assert found == LENGTH
        elif frame_bytes > there:
            assert found == 0
        else:
            assert found in (frame_bytes, CRC)
        assert decode(data, 640) == (LENGTH if frame_bytes > 640 else found)


@pytest.mark.parametrize("words", range(256))
def test_an_inner_length_beyond_the_payload_is_refused(words: int) -> None:
    data = bytes([7, words, 0, 0]) + bytes(40)
    count = lib.flight_batch_count(data, len(data))
    assert count == RECORD if words != 10 else count == 1


@pytest.mark.parametrize("length", [0, 1016, 1020, 0x7FFFFFFC, 0x80000000, 0xFFFFFFF8, 0xFFFFFFFC, 0xFFFFFFFF])
def test_a_long_inner_length_never_wraps(length: int) -> None:
    data = bytes([7, 255, 0, 0]) + length.to_bytes(4, "little") + bytes(1020)
    assert lib.flight_batch_count(data, len(data)) == (1 if length == 1020 else RECORD)


@pytest.mark.parametrize("number", [0, 1, 2**29, 2**30 - 1])
def test_every_number_of_30_bits_is_read_as_it_is(number: int) -> None:
    frame, data = ffi.new("flight_frame *"), build_frame(seq=number, ack=2**30 - 1 - number)
    assert lib.flight_frame_decode(data, len(data), 640, frame) == len(data)
    assert (frame.seq, frame.ack) == (number, 2**30 - 1 - number)


@pytest.mark.parametrize("number", [0, 4, 5, 2**15, 2**29, 2**30 - 1, 2**31, 2**32 - 1])
def test_an_acknowledgement_of_what_was_never_sent_settles_what_was_sent_and_nothing_else(number: int) -> None:
    memory, store, batch = ffi.new("uint32_t[]", 128), ffi.new("flight_store *"), ffi.new("flight_batch *")
    body, out = ffi.new("uint8_t[4]"), ffi.new("uint8_t[]", 64)
    event = ffi.new("flight_store_event *", {"body": body, "body_bytes": 4, "layout": 7, "policy": 0})
    assert lib.flight_store_need(4, 4) <= ffi.sizeof(memory)
    assert lib.flight_store_init(store, memory, 4, 4, 0) == 0
    assert lib.flight_store_ack(store, number) == 0  # nothing is there at all
    assert lib.flight_store_put(store, event) == 0
    assert lib.flight_store_put(store, event) == 0
    assert lib.flight_store_ack(store, number) == 0  # what waits was never sent
    assert lib.flight_store_pack(store, 1, out, 8, 0, 1, 4, batch) == 8  # the first one, in frame 4
    assert lib.flight_store_ack(store, number) == (1 if number > 4 else 0)
    assert lib.flight_store_pack(store, 1, out, 8, 0, 1, 2**30 - 1, batch) == 8  # the second one waited on


def test_a_frame_inside_a_payload_is_never_found_unless_the_one_round_it_is_damaged() -> None:
    inner = build_frame(payload=b"inner")
    outer = build_frame(payload=b"\xf1" * 40 + inner + inner[:17] + b"\xf1" * 3)
    memory, stream = ffi.new("uint8_t[]", 1280), ffi.new("flight_stream *")
    frame = ffi.new("flight_frame *")
    assert lib.flight_stream_init(stream, memory, 1280, 640, 0x20) == 0
    found = 0
    for cut in range(1, len(outer)):
        for part in (outer[:cut], outer[cut:]):
            assert lib.flight_stream_push(stream, part, len(part)) == len(part)
            found = lib.flight_stream_next(stream, frame)
        assert found == len(outer)
        assert lib.flight_stream_next(stream, frame) == 0
    assert stream.garbage_bytes == 0
    damaged = outer[:-1] + bytes([outer[-1] ^ 1])
    assert lib.flight_stream_push(stream, damaged, len(damaged)) == len(damaged)
    assert lib.flight_stream_next(stream, frame) == len(inner)
    assert stream.summed_bytes <= 4 * len(outer) ** 2  # all that was pushed: the frame, once for each cut and once more


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"no end",
        b"in\0side",
        b"\0\0\0\0",
        b"\xff\xfe\x80",
        b"\xc0\x80",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"cut \xe2\x82",
    ],
)
def test_texts_are_bytes_to_the_core_which_looks_for_no_end(text: bytes) -> None:
    padded = text + bytes(-len(text) % 4)
    record = bytes([5, 1 + len(padded) // 4, 0, 0]) + len(text).to_bytes(4, "little") + padded
    data = build_frame(payload=record)
    kept = ffi.new("uint8_t[]", data)  # nothing behind it, no zero either
    frame, found = ffi.new("flight_frame *"), ffi.new("flight_record *")
    assert lib.flight_frame_decode(kept, len(data), 640, frame) == len(data)
    assert lib.flight_batch_next(frame.payload, frame.payload_bytes, found) == len(record)
    assert bytes(ffi.buffer(found.body, found.body_bytes)) == record[4:]


def test_a_flood_faster_than_the_ring_drains_is_refused_and_keeps_what_was_there() -> None:
    memory, ring, event = ffi.new("uint32_t[]", 64), ffi.new("flight_ring *"), ffi.new("flight_event *")
    assert lib.flight_ring_init(ring, memory, 16, 16) == 0
    codes = [lib.flight_ring_put(ring, 1, 7, number, number.to_bytes(4, "little"), 4) for number in range(100_000)]
    assert codes == [0] * 16 + [FULL] * (100_000 - 16)
    for number in range(16):
        assert lib.flight_ring_peek(ring, event) == 0
        assert event.stamp_ms == number
        assert lib.flight_ring_release(ring) == 0


# Everything at all eight alignments, in memory of exactly the size that is needed.
ALIGNMENTS = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "flight.h"

/* What malloc gave is not freed: the process is over in a moment. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "detect_leaks=0"; }

/* Memory that ends where it must and starts at any alignment. */
static uint8_t *take(size_t bytes, size_t offset)
{
    uint8_t *memory = malloc(bytes + offset);

    if (memory == NULL) {
        exit(9);
    }
    memset(memory, 0, bytes + offset);
    return memory + offset;
}

static int batches(size_t offset, int delta)
{
    static uint32_t memory[64 * 4];
    uint32_t body[7] = {1, 2, 3, 4, 5, 6, 7};
    uint8_t *out;
    flight_ring ring;
    flight_batch batch;
    flight_record record;
    flight_delta reader;
    flight_frame frame;
    int bytes, sealed, used, at = 0;
    uint8_t *exact;

    flight_ring_init(&ring, memory, 8, 64);
    for (uint32_t i = 0; i < 6; i++) {
        body[i] += 300u * i;
        flight_ring_put(&ring, 3, FLIGHT_LAYOUT_SYSTEM_MONITORING, 10 * i, body, 28);
    }
    out = take(400, offset);
    bytes = delta ? flight_delta_pack(&ring, out + 16, 380, 99, 9, &batch)
                  : flight_batch_pack(&ring, out + 16, 380, 99, 9, &batch);
    memset(&frame, 0, sizeof frame);
    frame.type = FLIGHT_TYPE_DATA;
    frame.flags = FLIGHT_FLAG_BATCH | FLIGHT_FLAG_CHECKED;
    frame.payload_bytes = (uint32_t)bytes;
    sealed = flight_frame_seal(out, 400, &frame);
    exact = take((size_t)sealed, offset);
    memcpy(exact, out, (size_t)sealed);
    if (flight_frame_decode(exact, (size_t)sealed, 640, &frame) != sealed || frame.payload != exact + 16) {
        return 1;
    }
    flight_delta_start(&reader, exact + 16, (size_t)bytes, NULL, 0);
    for (int n = 0; n < 6; n++) {
        used = delta ? flight_delta_next(&reader, &record)
                     : flight_batch_next(exact + 16 + at, (size_t)(bytes - at), &record);
        if (used <= 0 || record.body_bytes != 28 || record.age_ms != 99u - 10u * (uint32_t)n) {
            return 2;
        }
        at += used;
    }
    return at != bytes || memcmp(record.body + 24, "\\7\\0\\0\\0", 4) != 0;
}

static int payloads(size_t offset)
{
    static uint16_t table[FLIGHT_LZ4_TABLE_BYTES / 2];
    uint8_t *data = take(300, offset);
    uint8_t *back = take(300, offset);
    uint8_t *packed = take(200, offset);
    uint8_t *exact;
    flight_fragmenter cutter;
    flight_reassembly joiner;
    flight_frame frame;
    int bytes, joined = 0;

    for (int i = 0; i < 300; i++) {
        data[i] = (uint8_t)(i % 20);
    }
    bytes = flight_compress(data, 300, packed, 200, table);
    if (bytes <= 0) {
        return 3;
    }
    exact = take((size_t)bytes, offset);
    memcpy(exact, packed, (size_t)bytes);
    if (flight_decompress(exact, (size_t)bytes, back, 300) != 300 || memcmp(back, data, 300) != 0) {
        return 4;
    }
    memset(&frame, 0, sizeof frame);
    memset(back, 0, 300);
    frame.type = FLIGHT_TYPE_DATA;
    frame.payload = data;
    frame.payload_bytes = 300;
    flight_reassembly_init(&joiner, back, 300);
    flight_fragment_start(&cutter, &frame, 7);
    while ((bytes = flight_fragment_next(&cutter, packed, 61, 0, 0)) > 0) {
        exact = take((size_t)bytes, offset);
        memcpy(exact, packed, (size_t)bytes);
        if (flight_frame_decode(exact, (size_t)bytes, 61, &frame) != bytes) {
            return 5;
        }
        joined = flight_reassembly_push(&joiner, &frame, &frame);
    }
    return joined != 300 || memcmp(back, data, 300) != 0 ? 6 : 0;
}

int main(void)
{
    static uint32_t scratch[FLIGHT_SELFTEST_BYTES / 4];
    uint32_t memory[16];
    flight_ring ring;

    for (size_t offset = 0; offset < 8; offset++) {
        int problem = batches(offset, 0);

        problem = problem != 0 ? problem : batches(offset, 1);
        problem = problem != 0 ? problem : payloads(offset);
        if (problem != 0) {
            printf("offset %d: %d\\n", (int)offset, problem);
            return problem;
        }
        if (offset % 4 != 0 && flight_ring_init(&ring, (uint8_t *)memory + offset, 2, 16) != FLIGHT_ERROR_ARGUMENT) {
            return 7;
        }
    }
    return flight_selftest(scratch);
}
"""


@pytest.mark.parametrize(
    "options",
    [(), ("-DFLIGHT_STRICT_ALIGNMENT",), ("-DFLIGHT_STRICT_ALIGNMENT", "-DFLIGHT_CRC=4", "-DFLIGHT_CHECK_32")],
    ids=lambda options: " ".join(options) or "default",
)
def test_everything_works_at_all_eight_alignments_without_a_stray_access(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    sanitizers = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")
    run_c(tmp_path, ALIGNMENTS, *sanitizers, *options)


# The processor's trap flag interrupts behind each instruction, as a console's interrupt may. The handler reads a whole frame
# that came in: what is being written must come out as if nothing had happened, and so must what is read.
INSIDE = """
#define _POSIX_C_SOURCE 200809L
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "flight.h"

#define STEP(on) __asm__ volatile("pushfq; " on " (%%rsp); popfq" ::: "memory", "cc")

struct written {
    uint8_t batch[400], frame[400], packed[400], part[80], code[32];
    int batch_bytes, frame_bytes, packed_bytes, part_bytes;
};

static uint8_t came[400];
static int came_bytes;
static volatile sig_atomic_t steps, wrong;

static int fill(flight_ring *ring, uint32_t *memory, uint32_t first)
{
    uint32_t body[7] = {first, 2, 3, 4, 5, 6, 7};
    int code = flight_ring_init(ring, memory, 8, 64);

    for (uint32_t i = 0; i < 6; i++) {
        body[i] += 300u * i;
        code |= flight_ring_put(ring, 3, FLIGHT_LAYOUT_SYSTEM_MONITORING, 10 * i, body, 28);
    }
    return code;
}

/* The frame that came in, down to the last event. */
static int reads(void)
{
    flight_frame frame;
    flight_delta reader;
    flight_record record;
    uint32_t events = 0, ages = 0;

    if (flight_frame_decode(came, (size_t)came_bytes, 640, &frame) != came_bytes ||
        flight_delta_start(&reader, frame.payload, frame.payload_bytes, NULL, 0) != 0) {
        return 0;
    }
    while (flight_delta_next(&reader, &record) > 0) {
        events++;
        ages += record.age_ms;
    }
    return events == 6 && ages == 6 * 99 - 150;
}

static void inside(int number)
{
    (void)number;
    steps++;
    wrong |= !reads();
}

static void writes(struct written *out, flight_ring *plain, flight_ring *delta, flight_batch *batch, uint16_t *table,
                   flight_fragmenter *cutter, flight_frame *frame, flight_hmac *mac)
{
    out->batch_bytes = flight_batch_pack(plain, out->batch, 300, 99, 9, batch);
    out->frame_bytes = flight_delta_pack(delta, out->frame + 16, 380, 99, 9, batch);
    frame->payload_bytes = (uint32_t)out->frame_bytes;
    out->frame_bytes = flight_frame_seal(out->frame, 400, frame);
    out->packed_bytes = flight_compress(out->batch, (size_t)out->batch_bytes, out->packed, 400, table);
    out->part_bytes = flight_fragment_next(cutter, out->part, 61, 0, 0);
    flight_hmac_key(mac, out->batch, 20);
    flight_hmac_begin(mac);
    flight_sha256_add(&mac->hash, out->frame, 60);
    flight_hmac_end(mac, out->code, 32);
}

static struct written once(int stepped)
{
    static uint32_t memory[2][8 * 16 + 16];
    static uint16_t table[FLIGHT_LZ4_TABLE_BYTES / 2];
    static const uint8_t large[300];
    struct written out;
    flight_ring plain, delta;
    flight_batch batch;
    flight_fragmenter cutter;
    flight_frame frame, cut;
    flight_hmac mac;

    memset(&out, 0, sizeof out);
    memset(&frame, 0, sizeof frame);
    memset(&cut, 0, sizeof cut);
    memset(table, 0, sizeof table);
    fill(&plain, memory[0], 1);
    fill(&delta, memory[1], 9);
    frame.type = cut.type = FLIGHT_TYPE_DATA;
    frame.flags = FLIGHT_FLAG_BATCH | FLIGHT_FLAG_CHECKED;
    cut.payload = large;
    cut.payload_bytes = sizeof large;
    flight_fragment_start(&cutter, &cut, 7);
    if (stepped) {
        STEP("orq $0x100,");
    }
    writes(&out, &plain, &delta, &batch, table, &cutter, &frame, &mac);
    if (stepped) {
        STEP("andq $-0x101,");
    }
    return out;
}

int main(void)
{
    struct sigaction action;
    struct written calm = once(0), disturbed;

    memcpy(came, calm.frame, sizeof came);
    came_bytes = calm.frame_bytes;
    if (calm.batch_bytes <= 0 || calm.frame_bytes <= 0 || calm.packed_bytes <= 0 || calm.part_bytes <= 0 || !reads()) {
        return 1;
    }
    memset(&action, 0, sizeof action);
    action.sa_handler = inside;
    sigaction(SIGTRAP, &action, NULL);
    disturbed = once(1);
    printf("%d\\n", (int)steps);
    return memcmp(&calm, &disturbed, sizeof calm) != 0 ? 2 : wrong ? 3 : 0;
}
"""


@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64",
    reason="the trap flag is one of x86-64, its signal of Linux",
)
def test_a_decode_behind_every_instruction_of_an_encode_changes_neither(tmp_path: Path) -> None:
    # -mno-red-zone: pushing the flags must not hit what the function keeps below its stack.
    assert int(run_c(tmp_path, INSIDE, "-mno-red-zone")) > 5_000
