/* nanopb: an event is a message of eleven fields, a batch a message of sixteen of them. The descriptions of the messages are
 * written as its generator would write them. */
#include "peer.h"

#include <pb_decode.h>
#include <pb_encode.h>

typedef struct event {
    uint64_t time_ms;
    uint32_t session, total_bytes, used_bytes, available_bytes, sequence;
    uint32_t fragmentation, channel, platform, priority;
    pb_byte_t spare[14];
} event;
typedef struct batch {
    pb_size_t events_count;
    event events[BATCH_EVENTS];
} batch;

#define event_FIELDLIST(X, a)                                                                                          \
    X(a, STATIC, SINGULAR, UINT64, time_ms, 1)                                                                         \
    X(a, STATIC, SINGULAR, UINT32, session, 2)                                                                         \
    X(a, STATIC, SINGULAR, UINT32, total_bytes, 3)                                                                     \
    X(a, STATIC, SINGULAR, UINT32, used_bytes, 4)                                                                      \
    X(a, STATIC, SINGULAR, UINT32, available_bytes, 5)                                                                 \
    X(a, STATIC, SINGULAR, UINT32, sequence, 6)                                                                        \
    X(a, STATIC, SINGULAR, UINT32, fragmentation, 7)                                                                   \
    X(a, STATIC, SINGULAR, UINT32, channel, 8)                                                                         \
    X(a, STATIC, SINGULAR, UINT32, platform, 9)                                                                        \
    X(a, STATIC, SINGULAR, UINT32, priority, 10)                                                                       \
    X(a, STATIC, SINGULAR, FIXED_LENGTH_BYTES, spare, 11)
#define event_CALLBACK NULL
#define event_DEFAULT NULL
#define batch_FIELDLIST(X, a) X(a, STATIC, REPEATED, MESSAGE, events, 1)
#define batch_CALLBACK NULL
#define batch_DEFAULT NULL
#define batch_events_MSGTYPE event
extern const pb_msgdesc_t event_msg, batch_msg;
PB_BIND(event, event, AUTO)
PB_BIND(batch, batch, AUTO)

static pb_byte_t out[2048];
static size_t used;
static batch events;
static event decoded;

static int encode_one(void)
{
    pb_ostream_t stream = pb_ostream_from_buffer(out, sizeof out);

    if (!pb_encode(&stream, &event_msg, &events.events[0])) {
        return 1;
    }
    used = stream.bytes_written;
    return 0;
}

static int encode_sixteen(void)
{
    pb_ostream_t stream = pb_ostream_from_buffer(out, sizeof out);

    return !pb_encode(&stream, &batch_msg, &events);
}

static int decode_one(void)
{
    pb_istream_t stream = pb_istream_from_buffer(out, used);

    return !pb_decode(&stream, &event_msg, &decoded);
}

static void put(event *to, const telemetry *from)
{
    to->time_ms = (uint64_t)from->time_ms[1] << 32 | from->time_ms[0];
    to->session = from->session;
    to->total_bytes = from->total_bytes;
    to->used_bytes = from->used_bytes;
    to->available_bytes = from->available_bytes;
    to->sequence = from->sequence;
    to->fragmentation = from->fragmentation;
    to->channel = from->channel;
    to->platform = from->platform;
    to->priority = from->priority;
    memcpy(to->spare, from->spare, sizeof to->spare);
}

static int prepare(void)
{
    telemetry from[BATCH_EVENTS];

    peer_events(from);
    memset(&events, 0, sizeof events);
    memset(&decoded, 0, sizeof decoded);
    events.events_count = BATCH_EVENTS;
    for (uint32_t i = 0; i < BATCH_EVENTS; i++) {
        put(&events.events[i], &from[i]);
    }
    return encode_sixteen() || encode_one() || decode_one() || memcmp(&decoded, &events.events[0], sizeof decoded) != 0;
}

const peer_operation peer_operations[] = {
    {"core.encode1_nocrc", prepare, encode_one},
    {"core.decode1_nocrc", prepare, decode_one},
    {"core.batch16", prepare, encode_sixteen},
};
const int peer_operations_count = 3;

void peer_values(void)
{
}
