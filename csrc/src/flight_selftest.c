/* Known answers, for the machine and compiler that this was built with: "it compiles" proves nothing there.
 * Steps: 1 CRC, 2 header check, 3 frame out, 4 frame in, 5 damage refused, 6 ring order and capacity, 7 ring wrap,
 * 8 batch bytes and ages, 9 batch reading, 10 stream resynchronisation, 11 delta out, 12 delta in, 13 compression out,
 * 14 compression in, 15 fragments, 16 refusals and the end of a batch at another channel: a compiler that loses a compare
 * loses these first, nothing else needs them, 17 the memory of a set-up, 18 the send store,
 * 19 authentication codes. */
#include "flight_bytes.h"
#include "flight_crc.h"
#include "flight_delta.h"
#include "flight.h"

/* Type 13, flags batch and checked, channel 7, seq 5, ack 9, four bytes of payload. */
static const uint8_t golden[24] = {
    0xf1, 0x0d, 0x22, 0x1d, 0x04, 0x00, 0x07, 0x00, 0x05, 0x00, 0x00, 0x00,
    0x09, 0x00, 0x00, 0x00, 0xde, 0xad, 0xbe, 0xef, 0xe2, 0x8a, 0x26, 0x59,
};

/* Both ways to the CRC, at every alignment and with every kind of end. */
static int test_checks(void)
{
    static const uint8_t digits[9] = {'1', '2', '3', '4', '5', '6', '7', '8', '9'};
    uint32_t sum = 0;
    uint32_t by_table = 0;
    uint32_t offset;
    uint32_t bytes;

    for (offset = 0; offset < 4; offset++) {
        for (bytes = 0; bytes < 21; bytes++) {
            sum = flight_crc32c(golden + offset, bytes, sum);
            by_table = ~flight_crc_by_table(golden + offset, bytes, ~by_table);
        }
    }
    if (flight_crc32c(digits, 9, 0) != 0xe3069283u || sum != 0x4c562f07u || by_table != sum) {
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

static const uint8_t delta_golden[] = {
    0x01, 0x05, 0xe8, 0x03, 0x00, 0x00, 0x00, 0x01, 0x40, 0x42, 0x0f, 0x00, 0xc0, 0xbd, 0xf0, 0x00, 0xff, 0xff,
    0xff, 0xff, 0xe2, 0x04, 0x00, 0x00, 0x4c, 0xc7, 0x01, 0x06, 0x90, 0x4e, 0x8f, 0x4e, 0x4c, 0x8f, 0x03, 0x0e,
    0x90, 0x4e, 0x8f, 0x4e, 0x02, 0x07, 0x02, 0x2c, 0x01, 0x01, 0x00, 0x00, 0x00, 0x74, 0x61, 0x69, 0x6c, 0x5d,
    0x90, 0x03, 0x01, 0x02, 0x01, 0x74, 0x61, 0x6c, 0x65,
};

#if FLIGHT_PACKS_DELTA
/* Three events whose words rise and fall, and two with a tail. */
static int put_delta_events(flight_ring *ring)
{
    static const uint8_t tail[16] = {1, 0, 0, 0, 't', 'a', 'i', 'l', 2, 0, 0, 0, 't', 'a', 'l', 'e'};
    uint32_t body[5] = {16777216, 1000000, 15777216, 0xffffffffu, 1250};
    uint32_t i;
    int problem = 0;

    for (i = 0; i < 3; i++) {
        uint8_t bytes[20];
        uint32_t n;

        for (n = 0; n < 5; n++) {
            flight_store32(bytes + 4u * n, body[n]);
        }
        problem |= flight_ring_put(ring, 3, FLIGHT_LAYOUT_MEMORY_UPDATE, 100u * i * i, bytes, 20);
        body[1] += 5000u;
        body[2] -= 5000u;
        body[3] += i;
    }
    problem |= flight_ring_put(ring, 3, FLIGHT_LAYOUT_PAYLOAD, 700, tail, 8);
    return problem | flight_ring_put(ring, 3, FLIGHT_LAYOUT_PAYLOAD, 800, tail + 8, 8);
}

/* The golden batch in `out`, packed here where that is compiled in. */
static int put_delta_batch(uint8_t *scratch, uint8_t *out)
{
    flight_ring ring;
    flight_batch batch;

    return flight_ring_init(&ring, scratch, 8, 32) != 0 || put_delta_events(&ring) != 0 ||
           flight_delta_pack(&ring, out, 128, 1000, 9, &batch) != (int)sizeof delta_golden || batch.events != 5 ||
           memcmp(out, delta_golden, sizeof delta_golden) != 0 ||
           flight_delta_pack(NULL, out, 128, 1000, 9, &batch) != FLIGHT_ERROR_ARGUMENT ||
           flight_delta_pack(&ring, NULL, 128, 1000, 9, &batch) != FLIGHT_ERROR_ARGUMENT ||
           flight_delta_pack(&ring, out, 128, 1000, 9, NULL) != FLIGHT_ERROR_ARGUMENT;
}
#else
static int put_delta_batch(uint8_t *scratch, uint8_t *out)
{
    (void)scratch;
    memcpy(out, delta_golden, sizeof delta_golden);
    return 0;
}
#endif

static int test_delta(uint8_t *scratch)
{
    flight_delta *delta = (flight_delta *)(void *)(scratch + 512);
    flight_record record;
    uint8_t *out = scratch + 256;
    int events = 0;
    int bytes;

    if (put_delta_batch(scratch, out)) {
        return 11;
    }
    flight_delta_start(delta, out, sizeof delta_golden, scratch, 32);
    while ((bytes = flight_delta_next(delta, &record)) > 0) {
        events++;
    }
    if (bytes != 0 || events != 5 || record.age_ms != 200 || memcmp(record.body, "\2\0\0\0tale", 8) != 0 ||
        flight_delta_unpack(delta, out, sizeof delta_golden, scratch + 768, 128) != 96 ||
        scratch[768 + 24 + 24 + 4 + 5] != 0x69) {
        return 12;
    }
    if (flight_delta_unpack(delta, NULL, 4, scratch + 768, 128) != FLIGHT_ERROR_ARGUMENT ||
        flight_delta_unpack(NULL, out, sizeof delta_golden, scratch + 768, 128) != FLIGHT_ERROR_ARGUMENT ||
        flight_delta_unpack(delta, out, sizeof delta_golden, NULL, 128) != FLIGHT_ERROR_ARGUMENT) {
        return 12;
    }
    out[24] |= 0x20;
    return flight_delta_unpack(delta, out, sizeof delta_golden, scratch + 768, 128) == FLIGHT_ERROR_RECORD ? 0 : 12;
}

/* A block with a match that overlaps itself, one with a longer length, and literals at the end. */
static int test_compression(uint8_t *scratch)
{
    static const uint8_t packed[] = {
        0x64, 0x00, 0x00, 0x00, 0x1f, 0x61, 0x01, 0x00, 0x14, 0xf8, 0x19, 0x40, 0x48, 0xb9, 0xe7, 0x90, 0xf4, 0x11,
        0x14, 0x00, 0xb0, 0x71, 0x45, 0x90, 0x7c, 0xd9, 0x7a, 0x40, 0x58, 0x49, 0xb3, 0x10, 0x44, 0xc1, 0xf0, 0x00,
        0x40, 0x41, 0x31, 0x10, 0x4c, 0xc9, 0x76, 0x40, 0x68, 0x59, 0xbf, 0x90, 0x94, 0xf1, 0x0c, 0x26, 0x00, 0x80,
        0x10, 0xe4, 0xa1, 0x68, 0x00, 0x60, 0x61, 0xc9,
    };
    uint8_t *original = scratch + FLIGHT_LZ4_TABLE_BYTES;
    uint8_t *out = original + 128;
    uint32_t i;

    for (i = 0; i < 100; i++) {
        original[i] = (uint8_t)(i < 40 ? 'a' : i * i >> (i & 3u));
    }
    memcpy(original + 80, original + 42, 12);
    if (flight_compress(original, 100, out, 128, (uint16_t *)(void *)scratch) != (int)sizeof packed ||
        memcmp(out, packed, sizeof packed) != 0) {
        return 13;
    }
    if (flight_decompress(packed, sizeof packed, out, 100) != 100 || memcmp(out, original, 100) != 0 ||
        flight_decompress(packed, sizeof packed - 1u, out, 100) != FLIGHT_ERROR_COMPRESSED) {
        return 14;
    }
    return 0;
}

static int test_fragments(uint8_t *scratch)
{
    flight_fragmenter cutter;
    flight_reassembly reassembly;
    flight_frame frame;
    int bytes;
    int joined = 0;

    memset(&frame, 0, sizeof frame);
    frame.type = FLIGHT_TYPE_DATA;
    frame.flags = FLIGHT_FLAG_CHECKED;
    frame.payload = golden;
    frame.payload_bytes = 24;
    if (flight_reassembly_init(&reassembly, scratch + 64, 24) != 0 || flight_fragment_start(&cutter, &frame, 1) != 0) {
        return 15;
    }
    while ((bytes = flight_fragment_next(&cutter, scratch, 38, 0, 0)) > 0) {
        if (joined != 0 || flight_frame_decode(scratch, (size_t)bytes, 38, &frame) != bytes) {
            return 15;
        }
        joined = flight_reassembly_push(&reassembly, &frame, &frame);
    }
    return bytes == 0 && joined == 24 && memcmp(frame.payload, golden, 24) == 0 ? 0 : 15;
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
        return 16;
    }
    if (flight_ring_init(&ring, scratch, 4, 0) != FLIGHT_ERROR_ARGUMENT || flight_ring_init(&ring, scratch, 4, 16) != 0 ||
        put_payload(&ring, 1, 4, 0) != 0 || flight_ring_put(&ring, 4, FLIGHT_LAYOUT_PAYLOAD, 0, golden, 4) != 0 ||
        flight_batch_pack(&ring, out, 16, 0, 9, NULL) != FLIGHT_ERROR_ARGUMENT) {
        return 16;
    }
    return flight_batch_pack(&ring, out, 16, 0, 9, &batch) == 8 && batch.channel == 3 ? 0 : 16;
}

/* One ring of 32 slots of 64 bytes and a stream, then all that is refused. */
static int test_need(void)
{
    const uint32_t objects_bytes = (uint32_t)(sizeof(flight_ring) + sizeof(flight_stream));
    flight_setup setup;
    flight_parts parts;

    memset(&setup, 0, sizeof setup);
    setup.frame_bytes = 640;
    setup.slot_bytes = 64;
    setup.lossy_slots = 32;
    setup.window_frames = 4;
    setup.byte_stream = 1;
    if (flight_core_need(&setup, &parts) != (int)(objects_bytes + 2048u + 7u * 640u) || parts.objects_bytes != objects_bytes ||
        parts.critical_bytes != 0 || parts.lossy_bytes != 2048 || parts.receive_bytes != 1280 ||
        parts.store_bytes != 2560 || flight_core_need(NULL, &parts) != FLIGHT_ERROR_ARGUMENT) {
        return 17;
    }
    setup.slot_bytes = 18;
    if (flight_core_need(&setup, NULL) != FLIGHT_ERROR_ARGUMENT) {
        return 17;
    }
    setup.slot_bytes = 64;
    setup.frame_bytes = 0;
    if (flight_core_need(&setup, NULL) != FLIGHT_ERROR_ARGUMENT) {
        return 17;
    }
    setup.frame_bytes = FLIGHT_MAX_FRAME_BYTES;
    setup.window_frames = 0x8000u;
    return flight_core_need(&setup, NULL) == FLIGHT_ERROR_TOO_LARGE ? 0 : 17;
}

/* Three entries of 4 bytes, one reserved: kept ones are refused when full and stay until acknowledged, the latest of a key
 * takes the place of the one before. */
static int test_store(uint8_t *scratch)
{
    flight_store *store = (flight_store *)(void *)(scratch + 512);
    flight_store_event event;
    flight_batch batch;
    uint8_t *out = scratch + 768;
    uint32_t value = 0;

    memset(&event, 0, sizeof event);
    event.body = &value;
    event.body_bytes = 4;
    event.channel = 3;
    event.layout = FLIGHT_LAYOUT_PAYLOAD;
    if (flight_store_need(3, 4) > 512 || flight_store_init(store, scratch, 3, 4, 1) != 0) {
        return 18;
    }
    event.policy = FLIGHT_POLICY_LATEST;
    if (flight_store_put(store, &event) != FLIGHT_STORE_QUEUED || flight_store_put(store, &event) != FLIGHT_STORE_REPLACED) {
        return 18;
    }
    event.policy = FLIGHT_POLICY_KEEP;
    if (flight_store_put(store, &event) != FLIGHT_STORE_QUEUED || flight_store_put(store, &event) != FLIGHT_ERROR_FULL) {
        return 18;
    }
    event.policy = FLIGHT_POLICY_CONTROL;
    if (flight_store_put(store, &event) != FLIGHT_STORE_QUEUED ||
        flight_store_pack(store, 1, out, 64, 5, 9, 7, &batch) != 16 || batch.events != 2 || batch.channel != 3 ||
        flight_store_pack(store, 0, out, 64, 5, 9, 0, &batch) != 8 || flight_store_ack(store, 7) != 0 ||
        flight_store_rewind(store) != 2 || flight_store_pack(store, 1, out, 64, 5, 1, 8, &batch) != 8 ||
        flight_store_ack(store, 9) != 1) {
        return 18;
    }
    return store->accepted == 4 && store->settled == 2 && store->replaced == 1 && store->refused_full == 1 &&
                   store->lists[FLIGHT_STORE_KEPT].count == 1
               ? 0
               : 18;
}

#if FLIGHT_SHA256
/* RFC 4231, test case 2, twice: a key serves for more than one message. */
static int test_codes(uint8_t *scratch)
{
    static const uint8_t text[28] = {'w', 'h', 'a', 't', ' ', 'd', 'o', ' ', 'y', 'a', ' ', 'w', 'a', 'n',
                                     't', ' ', 'f', 'o', 'r', ' ', 'n', 'o', 't', 'h', 'i', 'n', 'g', '?'};
    static const uint8_t code[8] = {0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e};
    static const uint8_t key[4] = {'J', 'e', 'f', 'e'};
    flight_hmac *mac = (flight_hmac *)(void *)scratch;
    uint8_t *tag = scratch + sizeof *mac;
    int turn;

    flight_hmac_key(mac, key, sizeof key);
    for (turn = 0; turn < 2; turn++) {
        flight_hmac_begin(mac);
        flight_sha256_add(&mac->hash, text, sizeof text);
        if (flight_hmac_end(mac, tag, sizeof code) != sizeof code || !flight_same_code(tag, code, sizeof code)) {
            return 19;
        }
    }
    return 0;
}
#else
static int test_codes(uint8_t *scratch)
{
    (void)scratch;
    return 0;
}
#endif

int flight_selftest(void *scratch)
{
    uint8_t *bytes = (uint8_t *)scratch;
    int step;

    if (scratch == NULL || !flight_is_aligned(scratch)) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    step = test_checks();
    step = step != 0 ? step : test_frame(bytes);
    step = step != 0 ? step : test_ring(bytes);
    step = step != 0 ? step : test_batch(bytes, bytes + 64);
    step = step != 0 ? step : test_stream(bytes);
    step = step != 0 ? step : test_delta(bytes);
    step = step != 0 ? step : test_compression(bytes);
    step = step != 0 ? step : test_fragments(bytes);
    step = step != 0 ? step : test_refusals(bytes, bytes + 64);
    step = step != 0 ? step : test_need();
    step = step != 0 ? step : test_store(bytes);
    return step != 0 ? step : test_codes(bytes);
}
