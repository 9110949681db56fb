/* Operations behind and beside the frame: garbage on a byte stream, compression, fragments, the send store; and the memory
 * that it all takes. As in bench_core.c. */
#include "bench.h"
#include "event.h"
#include "flight.h"
#include "runtime.h"

#include <string.h>

#define FRAME_BYTES 640u
#define LONG_BYTES 2048u    /* a payload for fragments of FRAME_BYTES */
#define FRAGMENTS_LIMIT 8u
#define STORED 64u          /* more than REPEATS */
#define NOISE_BYTES 6400u

static uint32_t out[512]; /* aligned, as a send buffer is */
static uint32_t stream_memory[512];
static uint32_t store_memory[STORED * 24u + 1024u];
static uint32_t raw[RAW_BATCH_BYTES / 4];
static uint32_t packed[RAW_BATCH_BYTES / 4];
static uint32_t long_payload[LONG_BYTES / 4];
static uint32_t fragments[FRAGMENTS_LIMIT][FRAME_BYTES / 4];
static uint32_t noise[NOISE_BYTES / 4];
static uint16_t table[FLIGHT_LZ4_TABLE_BYTES / 2];
static int fragment_bytes[FRAGMENTS_LIMIT];
static int packed_bytes;
static uint32_t stored; /* of STORED, packed or acknowledged so far */
static flight_store store;
static flight_reassembly reassembly;
static flight_stream stream;
static event_source source;

/* ---- preparations ---- */

/* Random bytes. */
static void fill(uint32_t *to, uint32_t bytes)
{
    uint32_t state = 2463534242u;

    for (uint32_t i = 0; i < bytes / 4; i++) {
        to[i] = rt_random(&state);
    }
}

/* As of a line at a wrong speed. */
static void ready_noise(void)
{
    fill(noise, sizeof noise);
    flight_stream_init(&stream, (uint8_t *)stream_memory, sizeof stream_memory, FRAME_BYTES, FLIGHT_FLAG_CHECKED);
}

/* The worst that garbage can be: one header after the other, each intact, none with its payload. */
static void ready_headers(void)
{
    uint8_t *at = (uint8_t *)noise;
    flight_frame frame = {0};

    frame.payload_bytes = FRAME_BYTES - FLIGHT_HEADER_BYTES - FLIGHT_TRAILER_BYTES;
    frame.type = FLIGHT_TYPE_DATA;
    frame.flags = FLIGHT_FLAG_CHECKED;
    flight_frame_seal((uint8_t *)out, sizeof out, &frame);
    for (uint32_t i = 0; i < NOISE_BYTES; i += FLIGHT_HEADER_BYTES) {
        memcpy(at + i, out, FLIGHT_HEADER_BYTES);
    }
    flight_stream_init(&stream, (uint8_t *)stream_memory, sizeof stream_memory, FRAME_BYTES, FLIGHT_FLAG_CHECKED);
}

static void ready_raw(void)
{
    event_raw_batch((uint8_t *)raw);
}

static void ready_packed(void)
{
    ready_raw();
    packed_bytes = flight_compress((const uint8_t *)raw, sizeof raw, (uint8_t *)packed, sizeof packed, table);
}

static int split(void);

static void ready_fragments(void)
{
    fill(long_payload, sizeof long_payload);
    split();
    flight_reassembly_init(&reassembly, (uint8_t *)long_payload, sizeof long_payload);
}

static flight_store_event event_to_store(void)
{
    flight_store_event event;

    event.body = &source.now;
    event.body_bytes = sizeof source.now;
    event.stamp_ms = 1000;
    event.key = 0;
    event.channel = 7;
    event.layout = FLIGHT_LAYOUT_PAYLOAD;
    event.policy = FLIGHT_POLICY_KEEP;
    return event;
}

static void empty_store(void)
{
    event_first(&source);
    stored = 0;
    if (flight_store_need(STORED, sizeof source.now) <= sizeof store_memory) {
        flight_store_init(&store, store_memory, STORED, sizeof source.now, 0);
    }
}

static void full_store(void)
{
    const flight_store_event event = event_to_store();

    empty_store();
    for (uint32_t i = 0; i < STORED; i++) {
        flight_store_put(&store, &event);
    }
}

static int store_take(void);

static void sent_store(void)
{
    full_store();
    for (uint32_t i = 0; i < STORED; i++) {
        store_take();
    }
    stored = 0;
}

/* ---- operations ---- */

/* Every byte goes in, and out again as garbage. What waits for its rest at the end of one run is the start of the next. */
static inline int resync(uint32_t bytes)
{
    const uint8_t *at = (const uint8_t *)noise;
    flight_frame frame;
    int frames = 0;

    while (bytes != 0) {
        const uint32_t taken = (uint32_t)flight_stream_push(&stream, at, bytes);

        at += taken;
        bytes -= taken;
        frames |= flight_stream_next(&stream, &frame);
    }
    return frames;
}

static int resync_640(void)
{
    return resync(640);
}

static int resync_6400(void)
{
    return resync(6400);
}

static int lz4_pack(void)
{
    return flight_compress((const uint8_t *)raw, sizeof raw, (uint8_t *)packed, sizeof packed, table) <= 0;
}

static int lz4_unpack(void)
{
    return flight_decompress((const uint8_t *)packed, (size_t)packed_bytes, (uint8_t *)out, sizeof out) != (int)sizeof raw;
}

/* The payload cut into frames with header check and CRC. */
static int split(void)
{
    flight_fragmenter cutter;
    flight_frame whole;
    uint32_t count = 0;
    int bytes;

    whole.payload = (const uint8_t *)long_payload;
    whole.payload_bytes = sizeof long_payload;
    whole.seq = 0;
    whole.ack = 0;
    whole.channel = 7;
    whole.type = FLIGHT_TYPE_DATA;
    whole.flags = FLIGHT_FLAG_BATCH | FLIGHT_FLAG_CHECKED;
    if (flight_fragment_start(&cutter, &whole, 3) != 0) {
        return 1;
    }
    do {
        bytes = flight_fragment_next(&cutter, (uint8_t *)fragments[count], FRAME_BYTES, 5, 9);
        fragment_bytes[count] = bytes;
        count++;
    } while (bytes > 0 && count < FRAGMENTS_LIMIT);
    return bytes;
}

/* Those frames verified and put together. */
static int reassemble(void)
{
    flight_frame frame;
    int bytes = 0;

    for (uint32_t i = 0; fragment_bytes[i] > 0 && bytes == 0; i++) {
        bytes = flight_frame_decode((const uint8_t *)fragments[i], (size_t)fragment_bytes[i], FRAME_BYTES, &frame);
        bytes = bytes <= 0 ? 1 : flight_reassembly_push(&reassembly, &frame, &frame);
    }
    return bytes != (int)LONG_BYTES;
}

static int store_put(void)
{
    const flight_store_event event = event_to_store();

    return flight_store_put(&store, &event) != FLIGHT_STORE_QUEUED;
}

static int store_take(void)
{
    flight_batch batch;

    return flight_store_pack(&store, 1, (uint8_t *)out, sizeof out, 2000, 1, ++stored, &batch) <= 0;
}

static int store_ack(void)
{
    return flight_store_ack(&store, ++stored + 1u) != 1u;
}

const operation payload_operations[] = {
    {"core.resync640", ready_noise, resync_640},
    {"core.resync6400", ready_noise, resync_6400},
    {"core.resync_headers640", ready_headers, resync_640},
    {"core.resync_headers6400", ready_headers, resync_6400},
    {"core.lz4_pack16", ready_raw, lz4_pack},
    {"core.lz4_unpack16", ready_packed, lz4_unpack},
    {"core.fragment2k", ready_fragments, split},
    {"core.reassemble2k", ready_fragments, reassemble},
    {"core.store_put", empty_store, store_put},
    {"core.store_take", full_store, store_take},
    {"core.store_ack", sent_store, store_ack},
};

const int payload_operations_count = (int)(sizeof payload_operations / sizeof payload_operations[0]);

/* ---- sizes ---- */

void print_payloads(void)
{
    ready_packed();
    value("core.lz4_16_bytes", (uint32_t)packed_bytes);
}

/* Everything that a program with a platform's default profile hands to the core, and what flight_core_need says it is; frames
 * arrive whole. With a byte stream in between it is a stream object and room for a second frame more. */
#define CORE_OF(platform)                                                                                              \
    struct {                                                                                                           \
        flight_ring critical, lossy;                                                                                   \
        uint32_t critical_slots[FLIGHT_##platform##_CRITICAL_SLOTS * FLIGHT_##platform##_SLOT_BYTES / 4];              \
        uint32_t lossy_slots[FLIGHT_##platform##_LOSSY_SLOTS * FLIGHT_##platform##_SLOT_BYTES / 4];                    \
        uint32_t send[FLIGHT_##platform##_FRAME_BYTES / 4];                                                            \
        uint32_t receive[FLIGHT_##platform##_FRAME_BYTES / 4];                                                         \
        uint32_t window[FLIGHT_##platform##_WINDOW_FRAMES][FLIGHT_##platform##_FRAME_BYTES / 4];                       \
    }

#define STREAM_OF(platform)                                                                                            \
    struct {                                                                                                           \
        CORE_OF(platform) core;                                                                                        \
        flight_stream stream;                                                                                          \
        uint32_t receive[FLIGHT_##platform##_FRAME_BYTES / 4];                                                         \
    }

#define SETUP_OF(platform, stream)                                                                                     \
    {FLIGHT_##platform##_FRAME_BYTES,    FLIGHT_##platform##_SLOT_BYTES,    FLIGHT_##platform##_CRITICAL_SLOTS,        \
     FLIGHT_##platform##_LOSSY_SLOTS, FLIGHT_##platform##_WINDOW_FRAMES, stream}

#define PRINT_SIZES(platform, name)                                                                                    \
    do {                                                                                                               \
        static const flight_setup whole = SETUP_OF(platform, 0), stream_setup = SETUP_OF(platform, 1);                 \
                                                                                                                       \
        value("core.ram." name, (uint32_t)flight_core_need(&whole, NULL));                                                  \
        value("sizeof.core.ram." name, sizeof(CORE_OF(platform)));                                                     \
        value("core.ram_stream." name, (uint32_t)flight_core_need(&stream_setup, NULL));                                    \
        value("sizeof.core.ram_stream." name, sizeof(STREAM_OF(platform)));                                            \
    } while (0)

void print_sizes(void)
{
    value("sizeof.flight_ring", sizeof(flight_ring));
    value("sizeof.flight_stream", sizeof(flight_stream));
    PRINT_SIZES(DREAMCAST, "dreamcast");
    PRINT_SIZES(PSP, "psp");
    PRINT_SIZES(VITA, "vita");
}
