/* Operations of the core, each run REPEATS times between two marks that the counting plugin sees, and once over painted
 * stack. To measure another operation, write its function and add a line to `operations`;
 * those on payloads and the store stand in bench_payloads.c. */
#include "bench.h"
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

static uint32_t slots_memory[FLIGHT_RING_BYTES(SLOTS, 64) / 4];
static uint32_t out[512]; /* aligned, as a send buffer is */
static uint32_t received[512];
static uint32_t stream_memory[512];
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
    const uint32_t now_ms = 1000 * ((ring.head >> 16) + limit_events); /* a second after the last of them was put */
    uint8_t *buffer = (uint8_t *)out;
    flight_frame frame;
    flight_batch batch;

    frame.payload_bytes = (uint32_t)pack(&ring, buffer + FLIGHT_HEADER_BYTES, 1400, now_ms, limit_events, &batch);
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

/* A frame of exactly 640 bytes, one bit of its payload wrong. */
static void receive_damaged(void)
{
    flight_frame frame = {0};

    full_ring();
    frame.payload = (const uint8_t *)slots_memory;
    frame.payload_bytes = 640 - FLIGHT_HEADER_BYTES - FLIGHT_TRAILER_BYTES;
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
    static flight_delta reader;
    flight_frame frame;
    flight_record record;
    int events = 0;

    if (flight_frame_decode((const uint8_t *)received, received_bytes, 2048, &frame) <= 0 ||
        flight_delta_start(&reader, frame.payload, frame.payload_bytes, NULL, 0) != 0) {
        return 1;
    }
    while (flight_delta_next(&reader, &record) > 0) {
        events++;
    }
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

void value(const char *name, uint32_t number)
{
    rt_text("value ");
    rt_text(name);
    rt_text(" ");
    rt_number(number);
    rt_text("\n");
}

static int measure(const operation *what, int label)
{
    int wrong;

    rt_text("operation ");
    rt_text(what->name);
    rt_text(" ");
    wrong = count(what, label);
    what->prepare();
    rt_number(painted(what));
    rt_text("\n");
    return wrong;
}

int rt_main(void)
{
    int wrong = 0;

    for (int i = 0; i < OPERATIONS; i++) {
        wrong |= measure(&operations[i], i);
    }
    for (int i = 0; i < payload_operations_count; i++) {
        wrong |= measure(&payload_operations[i], OPERATIONS + i);
    }
    receive_one();
    value("core.frame1_bytes", received_bytes);
    receive_sixteen();
    value("core.batch16_bytes", received_bytes);
    print_payloads();
    print_sizes();
    return wrong;
}
