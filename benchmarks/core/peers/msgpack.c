/* msgpack-c: an event is an array of its eleven fields. Its packing is inline and compiled here; unpacking is the library's,
 * and allocates. */
#include "peer.h"

#include <msgpack/pack.h>
#include <msgpack/unpack.h>

#define FIELDS 11

typedef struct output {
    char bytes[2048];
    size_t used;
} output;

static output out;
static telemetry events[BATCH_EVENTS];
static telemetry decoded;

static int append(void *to, const char *bytes, size_t count)
{
    output *into = to;

    if (count > sizeof into->bytes - into->used) {
        return -1;
    }
    memcpy(into->bytes + into->used, bytes, count);
    into->used += count;
    return 0;
}

static void pack_event(msgpack_packer *packer, const telemetry *event)
{
    msgpack_pack_array(packer, FIELDS);
    msgpack_pack_uint64(packer, (uint64_t)event->time_ms[1] << 32 | event->time_ms[0]);
    msgpack_pack_uint32(packer, event->session);
    msgpack_pack_uint32(packer, event->total_bytes);
    msgpack_pack_uint32(packer, event->used_bytes);
    msgpack_pack_uint32(packer, event->available_bytes);
    msgpack_pack_uint32(packer, event->sequence);
    msgpack_pack_uint16(packer, event->fragmentation);
    msgpack_pack_uint16(packer, event->channel);
    msgpack_pack_uint8(packer, event->platform);
    msgpack_pack_uint8(packer, event->priority);
    msgpack_pack_bin(packer, sizeof event->spare);
    msgpack_pack_bin_body(packer, event->spare, sizeof event->spare);
}

static int encode_one(void)
{
    msgpack_packer packer;

    out.used = 0;
    msgpack_packer_init(&packer, &out, append);
    pack_event(&packer, &events[0]);
    return out.used == 0;
}

static int encode_sixteen(void)
{
    msgpack_packer packer;

    out.used = 0;
    msgpack_packer_init(&packer, &out, append);
    msgpack_pack_array(&packer, BATCH_EVENTS);
    for (uint32_t i = 0; i < BATCH_EVENTS; i++) {
        pack_event(&packer, &events[i]);
    }
    return out.used == 0;
}

static int read_event(const msgpack_object *from, telemetry *to)
{
    const msgpack_object *field = from->via.array.ptr;

    if (from->type != MSGPACK_OBJECT_ARRAY || from->via.array.size != FIELDS ||
        field[10].type != MSGPACK_OBJECT_BIN || field[10].via.bin.size != sizeof to->spare) {
        return 1;
    }
    to->time_ms[0] = (uint32_t)field[0].via.u64;
    to->time_ms[1] = (uint32_t)(field[0].via.u64 >> 32);
    to->session = (uint32_t)field[1].via.u64;
    to->total_bytes = (uint32_t)field[2].via.u64;
    to->used_bytes = (uint32_t)field[3].via.u64;
    to->available_bytes = (uint32_t)field[4].via.u64;
    to->sequence = (uint32_t)field[5].via.u64;
    to->fragmentation = (uint16_t)field[6].via.u64;
    to->channel = (uint16_t)field[7].via.u64;
    to->platform = (uint8_t)field[8].via.u64;
    to->priority = (uint8_t)field[9].via.u64;
    memcpy(to->spare, field[10].via.bin.ptr, sizeof to->spare);
    return 0;
}

static int decode_one(void)
{
    msgpack_unpacked result;
    size_t at = 0;
    int wrong;

    peer_heap_reset();
    msgpack_unpacked_init(&result);
    wrong = msgpack_unpack_next(&result, out.bytes, out.used, &at) != MSGPACK_UNPACK_SUCCESS ||
            read_event(&result.data, &decoded) != 0;
    msgpack_unpacked_destroy(&result);
    return wrong;
}

static int prepare(void)
{
    peer_events(events);
    return encode_one() || decode_one() || memcmp(&decoded, &events[0], sizeof decoded) != 0;
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
