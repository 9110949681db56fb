/* Operations of the core, each run REPEATS times between two marks that the counting plugin sees, and once over painted
 * stack. To measure another operation, write its function and add a line to `operations`. */
#include "event.h"
#include "flight.h"
#include "runtime.h"

#include <string.h>

#define SLOTS 1024u
#define RECORD_BYTES (FLIGHT_RECORD_HEAD_BYTES + 48u)
#define PAINTED_WORDS 1024

/* The core's build for tests can know one more layout, of 48 bytes: delta works on fixed parts. */
#define BATCH_LAYOUT FLIGHT_TEST_LAYOUT
#define BATCH_FLAGS (FLIGHT_FLAG_BATCH | FLIGHT_FLAG_DELTA | FLIGHT_FLAG_CHECKED)
#define PAINT 0xa5a5a5a5u

#define FRAME_BYTES 640u
#define LONG_BYTES 2048u    /* a payload for fragments of FRAME_BYTES */
#define FRAGMENTS_LIMIT 8u
#define STORED 64u          /* more than REPEATS */
#define NOISE_BYTES 6400u

static uint32_t slots_memory[FLIGHT_RING_BYTES(SLOTS, 64) / 4];
static uint32_t out[512]; /* aligned, as a send buffer is */
static uint32_t received[512];
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
static flight_ring ring;
static flight_stream stream;
static event_source source;
static uint32_t received_bytes;

/* ---- preparations ---- */

static void empty_ring(void)
{
    flight_ring_init(&ring, slots_memory, SLOTS, 64);
    event_first(&source);
}

static void full_ring(void)
{
    empty_ring();
    for (uint32_t i = 0; i < SLOTS; i++) {
        event_next(&source);
        flight_ring_put(&ring, 7, BATCH_LAYOUT, 1000 * i, &source.now, sizeof source.now);
    }
}

typedef int pack_call(flight_ring *, uint8_t *, size_t, uint32_t, uint32_t, flight_batch *);

static inline int send_events(pack_call *pack, uint32_t limit_events, uint8_t flags)
{
    uint8_t *buffer = (uint8_t *)out;
    flight_frame frame;
    flight_batch batch;

    frame.payload_bytes =
        (uint32_t)pack(&ring, buffer + FLIGHT_HEADER_BYTES, 1400, 1000 * SLOTS, limit_events, &batch);
    frame.seq = 5;
    frame.ack = 9;
    frame.channel = batch.channel;
    frame.type = FLIGHT_TYPE_DATA;
    frame.flags = flags;
    return flight_frame_seal(buffer, sizeof out, &frame);
}

static void receive(int bytes)
{
    received_bytes = (uint32_t)bytes;
    memcpy(received, out, received_bytes);
}

static void receive_one(void)
{
    full_ring();
    receive(send_events(flight_batch_pack, 1, FLIGHT_FLAG_BATCH | FLIGHT_FLAG_CHECKED));
}

static void receive_one_nocrc(void)
{
    full_ring();
    receive(send_events(flight_batch_pack, 1, FLIGHT_FLAG_BATCH));
}

static void receive_sixteen(void)
{
    full_ring();
    receive(send_events(flight_delta_pack, BATCH_EVENTS, BATCH_FLAGS));
}

/* A frame of exactly FRAME_BYTES, one bit of its payload wrong. */
static void receive_damaged(void)
{
    flight_frame frame = {0};

    full_ring();
    frame.payload = (const uint8_t *)slots_memory;
    frame.payload_bytes = FRAME_BYTES - FLIGHT_HEADER_BYTES - FLIGHT_TRAILER_BYTES;
    frame.type = FLIGHT_TYPE_DATA;
    frame.flags = FLIGHT_FLAG_CHECKED;
    receive(flight_frame_encode((uint8_t *)out, sizeof out, &frame));
    ((uint8_t *)received)[300] ^= 1;
}

static void ready_stream(void)
{
    receive_one();
    flight_stream_init(&stream, (uint8_t *)stream_memory, sizeof stream_memory, 640, FLIGHT_FLAG_CHECKED);
}

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
    uint8_t *header = (uint8_t *)noise;

    receive_damaged();
    for (uint32_t i = 0; i < NOISE_BYTES; i += FLIGHT_HEADER_BYTES) {
        memcpy(header + i, received, FLIGHT_HEADER_BYTES);
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

/* ---- operations: each returns 0 where it did its work ---- */

static int nothing(void)
{
    return 0;
}

/* The event is written where it is made: into its slot. */
static int emit(void)
{
    void *body;
    telemetry *event;

    if (flight_ring_reserve(&ring, 7, FLIGHT_LAYOUT_PAYLOAD, sizeof source.now, &body) != 0) {
        return 1;
    }
    event = body;
    *event = source.now;
    return flight_ring_commit(&ring, 1000);
}

static int emit_copy(void)
{
    return flight_ring_put(&ring, 7, FLIGHT_LAYOUT_PAYLOAD, 1000, &source.now, sizeof source.now);
}

static int ring_pair(void)
{
    flight_event event;
    void *body;

    return flight_ring_reserve(&ring, 7, FLIGHT_LAYOUT_PAYLOAD, sizeof source.now, &body) != 0 ||
           flight_ring_commit(&ring, 1000) != 0 || flight_ring_peek(&ring, &event) != 0 || flight_ring_release(&ring) != 0;
}

/* From memory into the send buffer, as the peers are measured. */
static int encode(uint8_t flags)
{
    flight_frame frame;

    frame.payload = (const uint8_t *)received + FLIGHT_HEADER_BYTES;
    frame.payload_bytes = RECORD_BYTES;
    frame.seq = 5;
    frame.ack = 9;
    frame.channel = 7;
    frame.type = FLIGHT_TYPE_DATA;
    frame.flags = flags;
    return flight_frame_encode((uint8_t *)out, sizeof out, &frame) <= 0;
}

static int encode_one(void)
{
    return encode(FLIGHT_FLAG_BATCH | FLIGHT_FLAG_CHECKED);
}

static int encode_one_nocrc(void)
{
    return encode(FLIGHT_FLAG_BATCH);
}

/* From slot to frame: age, release and seal included. */
static int send_one(void)
{
    return send_events(flight_batch_pack, 1, FLIGHT_FLAG_BATCH | FLIGHT_FLAG_CHECKED) <= 0;
}

static int send_one_nocrc(void)
{
    return send_events(flight_batch_pack, 1, FLIGHT_FLAG_BATCH) <= 0;
}

static int batch_sixteen(void)
{
    return send_events(flight_delta_pack, BATCH_EVENTS, BATCH_FLAGS) <= 0;
}

/* The frame, then its events. */
static int decode_one(void)
{
    flight_frame frame;
    flight_record record;

    return flight_frame_decode((const uint8_t *)received, received_bytes, 2048, &frame) <= 0 ||
           flight_batch_next(frame.payload, frame.payload_bytes, &record) <= 0;
}

static int decode_sixteen(void)
{
    flight_frame frame;
    flight_record record;
    const uint8_t *at;
    uint32_t left;
    int events = 0;
    int bytes;
    flight_delta reader;

    flight_delta_start(&reader);
    if (flight_frame_decode((const uint8_t *)received, received_bytes, 2048, &frame) <= 0) {
        return 1;
    }
    at = frame.payload;
    left = frame.payload_bytes;
    do {
        bytes = flight_delta_next(&reader, at, left, NULL, 0, &record);
        at += bytes;
        left -= (uint32_t)bytes;
        events += bytes > 0;
    } while (bytes > 0);
    return events - (int)BATCH_EVENTS;
}

static int reject(void)
{
    flight_frame frame;

    return flight_frame_decode((const uint8_t *)received, received_bytes, 2048, &frame) != FLIGHT_ERROR_CRC;
}

static int stream_one(void)
{
    flight_frame frame;

    return flight_stream_push(&stream, (const uint8_t *)received, received_bytes) != received_bytes ||
           flight_stream_next(&stream, &frame) <= 0;
}

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

typedef struct operation {
    const char *name;
    void (*prepare)(void);
    int (*run)(void);
} operation;

static const operation operations[] = {
    {"nothing", empty_ring, nothing},
    {"core.emit", empty_ring, emit},
    {"core.emit_copy", empty_ring, emit_copy},
    {"core.ring_pair", empty_ring, ring_pair},
    {"core.encode1", receive_one, encode_one},
    {"core.encode1_nocrc", receive_one, encode_one_nocrc},
    {"core.send1", full_ring, send_one},
    {"core.send1_nocrc", full_ring, send_one_nocrc},
    {"core.decode1", receive_one, decode_one},
    {"core.decode1_nocrc", receive_one_nocrc, decode_one},
    {"core.batch16", full_ring, batch_sixteen},
    {"core.debatch16", receive_sixteen, decode_sixteen},
    {"core.reject640", receive_damaged, reject},
    {"core.stream1", ready_stream, stream_one},
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

#define OPERATIONS ((int)(sizeof operations / sizeof operations[0]))

/* ---- measuring ---- */

static int count(const operation *what, int label)
{
    int wrong = 0;

    what->prepare();
    rt_mark(2 * label);
    for (int i = 0; i < REPEATS; i++) {
        wrong |= what->run();
    }
    rt_mark(2 * label + 1);
    return wrong;
}

static inline uintptr_t stack_pointer(void)
{
    uintptr_t at;

#if defined(__x86_64__)
    __asm__ volatile("mov %%rsp, %0" : "=r"(at));
#elif defined(__sh__)
    __asm__ volatile("mov r15, %0" : "=r"(at));
#elif defined(__mips__)
    __asm__ volatile("move %0, $29" : "=r"(at));
#else
    __asm__ volatile("mov %0, sp" : "=r"(at));
#endif
    return at;
}

/* Bytes of stack that one run touched, below this function's own frame. */
static uint32_t painted(const operation *what)
{
    volatile uint32_t *low = (volatile uint32_t *)(stack_pointer() - 4 * PAINTED_WORDS);
    uint32_t untouched = 0;

    for (uint32_t i = 0; i < PAINTED_WORDS; i++) {
        low[i] = PAINT;
    }
    what->run();
    while (untouched < PAINTED_WORDS && low[untouched] == PAINT) {
        untouched++;
    }
    return 4 * (PAINTED_WORDS - untouched);
}

static void value(const char *name, uint32_t number)
{
    rt_text("value ");
    rt_text(name);
    rt_text(" ");
    rt_number(number);
    rt_text("\n");
}

/* Everything that a program with a platform's default profile hands to the core, and what flight_need says it is; frames
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
        value("core.ram." name, (uint32_t)flight_need(&whole, NULL));                                                  \
        value("sizeof.core.ram." name, sizeof(CORE_OF(platform)));                                                     \
        value("core.ram_stream." name, (uint32_t)flight_need(&stream_setup, NULL));                                    \
        value("sizeof.core.ram_stream." name, sizeof(STREAM_OF(platform)));                                            \
    } while (0)

static void print_sizes(void)
{
    value("sizeof.flight_ring", sizeof(flight_ring));
    value("sizeof.flight_stream", sizeof(flight_stream));
    PRINT_SIZES(DREAMCAST, "dreamcast");
    PRINT_SIZES(PSP, "psp");
    PRINT_SIZES(VITA, "vita");
}

int rt_main(void)
{
    int wrong = 0;

    for (int i = 0; i < OPERATIONS; i++) {
        rt_text("operation ");
        rt_text(operations[i].name);
        rt_text(" ");
        wrong |= count(&operations[i], i);
        operations[i].prepare();
        rt_number(painted(&operations[i]));
        rt_text("\n");
    }
    receive_one();
    value("core.frame1_bytes", received_bytes);
    receive_sixteen();
    value("core.batch16_bytes", received_bytes);
    ready_packed();
    value("core.lz4_16_bytes", (uint32_t)packed_bytes);
    print_sizes();
    return wrong;
}
