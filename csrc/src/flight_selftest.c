/* Known answers, for the machine and compiler that this was built with: "it compiles" proves nothing there.
 * Steps: 1 CRC, 2 header check, 3 frame out, 4 frame in, 5 damage refused, 6 ring order and capacity, 7 ring wrap,
 * 8 batch bytes and ages, 9 batch reading, 10 stream resynchronisation, 11 refusals and the end of a batch at another
 * channel. Step 11 is there because a compiler that loses a compare loses these first: nothing else needs them. */
#include "flight_bytes.h"
#include "flight.h"

/* Type 13, flags batch and checked, channel 7, seq 5, ack 9, four bytes of payload. */
static const uint8_t golden[24] = {
    0xf1, 0x0d, 0x22, 0x1d, 0x04, 0x00, 0x07, 0x00, 0x05, 0x00, 0x00, 0x00,
    0x09, 0x00, 0x00, 0x00, 0xde, 0xad, 0xbe, 0xef, 0xe2, 0x8a, 0x26, 0x59,
};

static int test_checks(void)
{
    static const uint8_t digits[9] = {'1', '2', '3', '4', '5', '6', '7', '8', '9'};
    const uint32_t whole = flight_crc32c(digits, 9, 0);

    if (whole != 0xe3069283u || flight_crc32c(digits + 4, 5, flight_crc32c(digits, 4, 0)) != whole) {
        return 1;
    }
    return flight_header_check(golden) == golden[3] ? 0 : 2;
}

static int test_frame(uint8_t *scratch)
{
    flight_frame frame;
    int offset;

    memset(&frame, 0, sizeof frame);
    frame.type = FLIGHT_TYPE_DATA;
    frame.flags = FLIGHT_FLAG_BATCH | FLIGHT_FLAG_CHECKED;
    frame.channel = 7;
    frame.seq = 5;
    frame.ack = 9;
    frame.payload = golden + FLIGHT_HEADER_BYTES;
    frame.payload_bytes = 4;
    for (offset = 0; offset < 4; offset++) { /* every alignment */
        uint8_t *at = scratch + offset;

        if (flight_frame_encode(at, 24, &frame) != 24 || memcmp(at, golden, 24) != 0) {
            return 3;
        }
        if (flight_frame_decode(at, 24, 640, &frame) != 24 || frame.seq != 5 || frame.ack != 9 ||
            frame.channel != 7 || frame.payload != at + FLIGHT_HEADER_BYTES || frame.payload_bytes != 4) {
            return 4;
        }
        at[17] ^= 1;
        if (flight_frame_decode(at, 24, 640, &frame) != FLIGHT_ERROR_CRC) {
            return 5;
        }
        frame.payload = golden + FLIGHT_HEADER_BYTES;
    }
    return 0;
}

static int put_payload(flight_ring *ring, uint8_t mark, uint32_t body_bytes, uint32_t stamp_ms)
{
    void *body;
    int problem = flight_ring_reserve(ring, 3, FLIGHT_LAYOUT_PAYLOAD, body_bytes, &body);

    if (problem != 0) {
        return problem;
    }
    memset(body, mark, body_bytes);
    return flight_ring_commit(ring, stamp_ms);
}

/* Fill a ring of four small slots to the last, then send a two-slot event round the end. */
static int test_ring(void *scratch)
{
    flight_ring ring;
    flight_event event;
    int i;

    if (flight_ring_init(&ring, scratch, 4, 16) != 0) {
        return 6;
    }
    for (i = 0; i < 4; i++) {
        if (put_payload(&ring, (uint8_t)i, 4, 0) != 0) {
            return 6;
        }
    }
    if (put_payload(&ring, 9, 4, 0) != FLIGHT_ERROR_FULL || flight_ring_count(&ring) != 4) {
        return 6;
    }
    for (i = 0; i < 3; i++) {
        if (flight_ring_peek(&ring, &event) != 0 || event.body[0] != i || flight_ring_release(&ring) != 0) {
            return 6;
        }
    }
    /* Used: slot 3. Free: 0, 1, 2. Take 0, free 3, so that the two-slot event finds 1 and 2 and the next needs a filler. */
    if (put_payload(&ring, 4, 4, 0) != 0 || flight_ring_release(&ring) != 0 || put_payload(&ring, 5, 20, 0) != 0 ||
        put_payload(&ring, 6, 20, 0) != FLIGHT_ERROR_FULL || flight_ring_release(&ring) != 0 ||
        flight_ring_release(&ring) != 0 || put_payload(&ring, 6, 20, 0) != 0) {
        return 7;
    }
    return flight_ring_peek(&ring, &event) == 0 && event.body[19] == 6 && event.body_bytes == 20 ? 0 : 7;
}

static int test_batch(void *scratch, uint8_t *out)
{
    static const uint8_t expected[16] = {7, 1, 0x0a, 0, 1, 1, 1, 1, 7, 1, 0x22, 0x80, 2, 2, 2, 2};
    flight_ring ring;
    flight_batch batch;
    flight_record record;

    /* The clock wraps between the stamps and now: 34 s and 10 ms of age. Older events need not come first. */
    if (flight_ring_init(&ring, scratch, 4, 16) != 0 || put_payload(&ring, 1, 4, 33990) != 0 ||
        put_payload(&ring, 2, 4, 0x40000000u) != 0 || flight_batch_pack(&ring, out, 7, 34000, 9, &batch) != -2) {
        return 8;
    }
    if (flight_batch_pack(&ring, out, 16, 34000, 9, &batch) != 16 || batch.events != 2 || batch.channel != 3 ||
        memcmp(out, expected, 16) != 0) {
        return 8;
    }
    if (flight_batch_count(out, 16) != 2 || flight_batch_count(out, 15) != FLIGHT_ERROR_RECORD ||
        flight_batch_skip(out, 16, 1) != 8 || flight_batch_next(out + 8, 8, &record) != 8 || record.age_ms != 34000) {
        return 9;
    }
    return 0;
}

static int test_stream(uint8_t *memory)
{
    flight_stream stream;
    flight_frame frame;
    int i;

    if (flight_stream_init(&stream, memory, 64, 24, FLIGHT_FLAG_CHECKED) != 0) {
        return 10;
    }
    flight_stream_push(&stream, golden, 9); /* a frame that lost its end */
    for (i = 0; i < 24; i++) {
        if (flight_stream_push(&stream, golden + i, 1) != 1 || flight_stream_next(&stream, &frame) != (i == 23 ? 24 : 0)) {
            return 10;
        }
    }
    return stream.garbage_bytes == 9 && frame.payload[3] == 0xef ? 0 : 10;
}

static int test_refusals(void *scratch, uint8_t *out)
{
    flight_frame frame;
    flight_ring ring;
    flight_batch batch;

    memset(&frame, 0, sizeof frame);
    frame.type = FLIGHT_TYPE_DATA;
    frame.payload_bytes = 4;
    if (flight_frame_encode(out, 24, &frame) != FLIGHT_ERROR_ARGUMENT ||
        flight_frame_encode(NULL, 24, &frame) != FLIGHT_ERROR_ARGUMENT || flight_frame_seal(out, 24, &frame) != 20) {
        return 11;
    }
    if (flight_ring_init(&ring, scratch, 4, 0) != FLIGHT_ERROR_ARGUMENT || flight_ring_init(&ring, scratch, 4, 16) != 0 ||
        put_payload(&ring, 1, 4, 0) != 0 || flight_ring_put(&ring, 4, FLIGHT_LAYOUT_PAYLOAD, 0, golden, 4) != 0 ||
        flight_batch_pack(&ring, out, 16, 0, 9, NULL) != FLIGHT_ERROR_ARGUMENT) {
        return 11;
    }
    return flight_batch_pack(&ring, out, 16, 0, 9, &batch) == 8 && batch.channel == 3 ? 0 : 11;
}

int flight_selftest(void *scratch)
{
    uint8_t *bytes = scratch;
    int step;

    if (scratch == NULL || !flight_is_aligned(scratch)) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    step = test_checks();
    step = step != 0 ? step : test_frame(bytes);
    step = step != 0 ? step : test_ring(bytes);
    step = step != 0 ? step : test_batch(bytes, bytes + 64);
    step = step != 0 ? step : test_stream(bytes);
    return step != 0 ? step : test_refusals(bytes, bytes + 64);
}
