/* The codecs for the tests: objects whose size Python need not know, sizes, and what is kept. */
#include <string.h>

#include "flight_http.h"
#include "flight_sha1.h"
#include "flight_websocket.h"

uint32_t codec_number(uint32_t which);
uint32_t codec_sizeof(int websocket);
int codec_init(void *codec, int websocket, const char *host, uint16_t port, const char *path);
int codec_begin(void *codec, uint8_t *out, size_t capacity, const uint8_t *key);
int codec_end_turn(void *codec, uint8_t *buffer, uint32_t head_room, uint32_t body_bytes);
int codec_feed(void *codec, int websocket, uint8_t *data, size_t *bytes);
int codec_end(void *codec, int websocket);
int codec_close(void *codec, uint16_t code);
uint32_t codec_head(void *codec, uint8_t *out, uint32_t payload_bytes, uint32_t mask);
void codec_look(const void *codec, int websocket, uint32_t *out);
uint32_t codec_answer(void *codec, uint8_t *out, uint32_t most);
void codec_sha1(const uint8_t *data, size_t bytes, const uint32_t *cuts, uint8_t *digest);

uint32_t codec_number(uint32_t which)
{
    static const uint32_t numbers[] = {FLIGHT_HTTP_HEAD_BYTES, FLIGHT_WEBSOCKET_REQUEST_BYTES, FLIGHT_REPLY_HEAD_BYTES,
                                       FLIGHT_POLL_BODY_BYTES, FLIGHT_WEBSOCKET_MESSAGE_BYTES, FLIGHT_ADDRESS_TEXT_BYTES};

    return numbers[which];
}

uint32_t codec_sizeof(int websocket)
{
    return (uint32_t)(websocket ? sizeof(flight_websocket) : sizeof(flight_http));
}

int codec_init(void *codec, int websocket, const char *host, uint16_t port, const char *path)
{
    return websocket ? flight_websocket_init(codec, host, port, path) : flight_http_init(codec, host, port, path);
}

int codec_begin(void *codec, uint8_t *out, size_t capacity, const uint8_t *key)
{
    return flight_websocket_begin(codec, out, capacity, key);
}

int codec_end_turn(void *codec, uint8_t *buffer, uint32_t head_room, uint32_t body_bytes)
{
    return flight_http_end_turn(codec, buffer, head_room, body_bytes);
}

int codec_feed(void *codec, int websocket, uint8_t *data, size_t *bytes)
{
    return websocket ? flight_websocket_feed(codec, data, bytes) : flight_http_feed(codec, data, bytes);
}

int codec_end(void *codec, int websocket)
{
    return websocket ? flight_websocket_end(codec) : flight_http_end(codec);
}

int codec_close(void *codec, uint16_t code)
{
    return flight_websocket_close(codec, code);
}

uint32_t codec_head(void *codec, uint8_t *out, uint32_t payload_bytes, uint32_t mask)
{
    const uint32_t bytes = flight_websocket_head(codec, out, payload_bytes, mask);

    return bytes != 0 && bytes != flight_websocket_head_bytes(payload_bytes) ? 99 : bytes;
}

void codec_look(const void *codec, int websocket, uint32_t *out)
{
    if (websocket) {
        const flight_websocket *ws = codec;

        out[0] = ws->problem;
        out[1] = ws->status;
        out[2] = ws->retry_after_s;
        out[3] = ws->answer_bytes;
    } else {
        const flight_http *http = codec;

        out[0] = http->problem;
        out[1] = http->status;
        out[2] = http->retry_after_s;
        out[3] = 0;
    }
}

/* Take at most so much of the answer away. */
uint32_t codec_answer(void *codec, uint8_t *out, uint32_t most)
{
    flight_websocket *ws = codec;
    const uint32_t left = (uint32_t)ws->answer_bytes - ws->answer_sent;
    const uint32_t bytes = most < left ? most : left;

    memcpy(out, ws->answer + ws->answer_sent, bytes);
    ws->answer_sent = (uint8_t)(ws->answer_sent + bytes);
    if (ws->answer_sent == ws->answer_bytes) {
        ws->answer_sent = 0;
        ws->answer_bytes = 0;
    }
    return bytes;
}

/* cuts: where parts begin, up to one at bytes. */
void codec_sha1(const uint8_t *data, size_t bytes, const uint32_t *cuts, uint8_t *digest)
{
    flight_sha1 hash;
    size_t at = 0;

    flight_sha1_begin(&hash);
    while (at < bytes) {
        flight_sha1_add(&hash, data + at, *cuts - at);
        at = *cuts++;
    }
    flight_sha1_end(&hash, digest);
}
