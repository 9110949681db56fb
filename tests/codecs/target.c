/* The codecs on a bare machine: every case that Python wrote down, at every alignment, whole and cut. What comes of it is hashed;
 * Python knows the hash. */
#include <string.h>

#include "flight_http.h"
#include "flight_websocket.h"
#include "runtime.h"

#include "codec_cases.h"

#define ALIGNMENTS 8u

static union {
    uint64_t align;
    uint8_t bytes[CODEC_CASE_BYTES + ALIGNMENTS];
} work;
static uint8_t payload[CODEC_CASE_BYTES];
static uint32_t payload_bytes;
static uint32_t happened;

typedef struct connection {
    uint8_t before; /* bytes on all sides whose change would show */
    flight_http http;
    flight_websocket ws;
    uint8_t behind;
} connection;

static void begin(connection *at)
{
    static const uint8_t key[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    static uint8_t out[FLIGHT_WEBSOCKET_REQUEST_BYTES];

    flight_http_init(&at->http, "192.168.1.10", 7070, "/v1/poll");
    flight_http_end_turn(&at->http, out, FLIGHT_HTTP_HEAD_BYTES, 0);
    flight_websocket_init(&at->ws, "192.168.1.10", 7070, "/v1/stream");
    flight_websocket_begin(&at->ws, out, sizeof out, key);
    payload_bytes = 0;
    happened = 0;
}

static void feed(connection *at, int websocket, uint8_t *data, uint32_t bytes)
{
    size_t left = bytes;
    const int noticed = websocket ? flight_websocket_feed(&at->ws, data, &left) : flight_http_feed(&at->http, data, &left);

    memcpy(payload + payload_bytes, data, left);
    payload_bytes += (uint32_t)left;
    happened |= (uint32_t)noticed & (FLIGHT_CODEC_OPEN | FLIGHT_CODEC_TURN_DONE | FLIGHT_CODEC_REOPEN);
}

/* One case in pieces of so many bytes; 0: in one. */
static uint32_t run(connection *at, const codec_case *one, uint32_t alignment, uint32_t piece)
{
    uint8_t *data = work.bytes + alignment;
    uint32_t done;
    uint32_t hash = RT_HASH_START;

    begin(at);
    memcpy(data, codec_bytes + one->at, one->bytes);
    for (done = 0; done < one->bytes; done += piece) {
        if (piece == 0 || piece > one->bytes - done) {
            piece = one->bytes - done;
        }
        feed(at, one->websocket, data + done, piece);
    }
    hash = rt_hash(hash, payload, payload_bytes);
    hash = rt_hash_number(hash, happened);
    hash = rt_hash_number(hash, one->websocket ? at->ws.problem : at->http.problem);
    hash = rt_hash_number(hash, one->websocket ? at->ws.status : at->http.status);
    hash = rt_hash_number(hash, one->websocket ? at->ws.retry_after_s : at->http.retry_after_s);
    return one->websocket ? rt_hash(hash, at->ws.answer, at->ws.answer_bytes) : hash;
}

int rt_main(void)
{
    static connection at;
    uint32_t total = RT_HASH_START;
    uint32_t number;

    for (number = 0; number < CODEC_CASES; number++) {
        const uint32_t hash = run(&at, &codec_cases[number], 0, 0);

        if (hash != run(&at, &codec_cases[number], number % ALIGNMENTS, 1u + (number & 7u))) {
            rt_text("differs when cut: ");
            rt_number(number);
            rt_text("\n");
            return 1;
        }
        total = rt_hash_number(total, hash);
    }
    rt_hex(total);
    rt_text("\n");
    return at.before + at.behind;
}
