/* WebSocket after RFC 6455, the client's part, for binary messages without extensions. */
#include "flight_websocket.h"

#include <string.h>

#include "flight_bytes.h"
#include "flight_sha1.h"

#if FLIGHT_WEBSOCKET

/* Where in what the server sends. */
enum {
    BEFORE_UPGRADE = 0,
    IN_UPGRADE,
    AT_FRAME,   /* the first byte of a frame */
    AT_LENGTH,  /* the second */
    IN_LENGTH,  /* `due` bytes of a longer length */
    IN_PAYLOAD, /* of a data frame */
    IN_CONTROL, /* of a control frame */
    AT_END
};

enum { CONTINUATION = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };

/* Flags while the upgrade is read: what it has proved. */
enum { UPGRADED = 1, CONNECTED = 2, ACCEPTED = 4, AGREED = 8, PROVED = 15, REFUTED = 16 };

/* Flags afterwards. */
enum { CLOSING = 1, WIDE = 2, ECHOED = 4 };

#define ACCEPT_BYTES 28u /* Base64 of a SHA-1 */
#define CODE_BREACH 1002u
#define CODE_TEXT 1003u
#define CODE_NONE 1005u
#define CODE_LOST 1006u
#define CODE_REASON 1007u
#define CODE_LARGE 1009u

static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
static const char subprotocol[] = "flight.v1";

/* ---- the upgrade ---- */

int flight_websocket_init(flight_websocket *ws, const char *host, uint16_t port, const char *path)
{
    if (ws == NULL) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    memset(ws, 0, sizeof *ws);
    return flight_address_init(&ws->address, host, port, path);
}

static FLIGHT_APART void make_accept(uint8_t *accept, const uint8_t key_text[24])
{
    flight_sha1 hash;
    uint8_t digest[FLIGHT_SHA1_BYTES];

    flight_sha1_begin(&hash);
    flight_sha1_add(&hash, key_text, 24);
    flight_sha1_add(&hash, (const uint8_t *)guid, sizeof guid - 1u);
    flight_sha1_end(&hash, digest);
    flight_base64(accept, digest, sizeof digest);
}

int flight_websocket_begin(flight_websocket *ws, uint8_t *out, size_t capacity, const uint8_t key[FLIGHT_WEBSOCKET_KEY_BYTES])
{
    flight_request request;
    uint8_t key_text[24];
    uint32_t bytes;

    if (ws->place != BEFORE_UPGRADE) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    if (capacity < FLIGHT_WEBSOCKET_REQUEST_BYTES) {
        return FLIGHT_ERROR_NO_ROOM;
    }
    ws->seed = flight_load32(key);
    flight_base64(key_text, key, FLIGHT_WEBSOCKET_KEY_BYTES);
    make_accept(ws->answer, key_text);
    request.buffer = out;
    request.at = FLIGHT_WEBSOCKET_REQUEST_BYTES;
    flight_request_put(&request, "\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: flight.v1\r\n\r\n", 66);
    flight_request_put(&request, (const char *)key_text, sizeof key_text);
    flight_request_put(&request, "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ", 60);
    flight_request_start(&request, &ws->address, "GET ", 4);
    bytes = FLIGHT_WEBSOCKET_REQUEST_BYTES - request.at;
    memmove(out, out + request.at, bytes);
    flight_head_begin(&ws->head);
    ws->place = IN_UPGRADE;
    return (int)bytes;
}

/* Whether the element is just this text, for the first time. */
static uint8_t proof(const flight_websocket *ws, const void *text, uint32_t bytes, uint8_t flag)
{
    const flight_head *head = &ws->head;

    return !(ws->flags & flag) && head->text_bytes == bytes && memcmp(head->text, text, bytes) == 0 ? flag : REFUTED;
}

/* An element of a field of the upgrade: what it proves. */
static uint8_t element_flags(const flight_websocket *ws)
{
    switch (ws->head.field) {
    case FLIGHT_FIELD_UPGRADE:
        return flight_head_is(&ws->head, "websocket", 9) ? UPGRADED : REFUTED;
    case FLIGHT_FIELD_CONNECTION:
        return flight_head_is(&ws->head, "upgrade", 7) ? CONNECTED : 0;
    case FLIGHT_FIELD_ACCEPT:
        return proof(ws, ws->answer, ACCEPT_BYTES, ACCEPTED);
    case FLIGHT_FIELD_PROTOCOL:
        return proof(ws, subprotocol, sizeof subprotocol - 1u, AGREED);
    case FLIGHT_FIELD_EXTENSIONS: /* none was offered */
        return REFUTED;
    default:
        return 0;
    }
}

static int fail(flight_websocket *ws, uint8_t problem)
{
    ws->problem = problem;
    ws->place = AT_END;
    return 0;
}

static int end_of_upgrade(flight_websocket *ws)
{
    flight_head *head = &ws->head;
    const uint8_t proved = ws->flags;

    ws->flags = 0;
    if (head->status < 200u && head->status != 101u) { /* an interim reply */
        flight_head_again(head);
        return 0;
    }
    ws->status = head->status;
    ws->retry_after_s = head->retry_after_s;
    if (head->status != 101u) {
        return fail(ws, FLIGHT_PROBLEM_STATUS);
    }
    if (head->version == 0 || proved != PROVED) {
        return fail(ws, FLIGHT_PROBLEM_HANDSHAKE);
    }
    ws->place = AT_FRAME;
    return FLIGHT_CODEC_OPEN;
}

static int take_upgrade(flight_websocket *ws, uint8_t byte)
{
    switch (flight_head_take(&ws->head, byte)) {
    case FLIGHT_HEAD_ELEMENT:
        ws->flags |= element_flags(ws);
        return 0;
    case FLIGHT_HEAD_END:
        return end_of_upgrade(ws);
    case FLIGHT_HEAD_BAD:
        return fail(ws, FLIGHT_PROBLEM_HEAD);
    default:
        return 0;
    }
}

/* ---- frames out ---- */

static int is_open(const flight_websocket *ws)
{
    return ws->place > IN_UPGRADE && ws->place < AT_END && !(ws->flags & CLOSING);
}

uint32_t flight_websocket_head_bytes(uint32_t payload_bytes)
{
    return payload_bytes < 126u ? 6u : payload_bytes < 65536u ? 8u : 14u;
}

uint32_t flight_websocket_head(flight_websocket *ws, uint8_t *out, uint32_t payload_bytes, uint32_t mask)
{
    const uint32_t head_bytes = flight_websocket_head_bytes(payload_bytes);
    uint32_t at = head_bytes - 4u;
    uint32_t left = payload_bytes;

    if (!is_open(ws) || payload_bytes > FLIGHT_WEBSOCKET_MESSAGE_BYTES) {
        return 0;
    }
    flight_store32(out + at, mask);
    for (; at > 2u; left >>= 8) {
        out[--at] = (uint8_t)left;
    }
    out[0] = 0x80u | BINARY;
    out[1] = (uint8_t)(0x80u | (head_bytes == 6u ? payload_bytes : head_bytes == 8u ? 126u : 127u));
    return head_bytes;
}

void flight_websocket_mask(uint8_t *data, uint32_t bytes, uint32_t mask, uint32_t offset)
{
    for (offset &= 3u; offset != 0; offset--) {
        mask = (mask >> 8) | (mask << 24);
    }
    for (; bytes != 0; bytes--) {
        *data++ ^= (uint8_t)mask;
        mask = (mask >> 8) | (mask << 24);
    }
}

/* ---- answers ---- */

/* The answer's payload stands in its place: put the head in front, and the mask on. */
static void seal_answer(flight_websocket *ws, uint8_t opcode, uint8_t payload_bytes)
{
    uint32_t mask = ws->seed; /* xorshift */

    mask ^= mask << 13;
    mask ^= mask >> 17;
    mask ^= mask << 5;
    ws->seed = mask;
    ws->answer[0] = (uint8_t)(0x80u | opcode);
    ws->answer[1] = (uint8_t)(0x80u | payload_bytes);
    flight_store32(ws->answer + 2, mask);
    flight_websocket_mask(ws->answer + 6, payload_bytes, mask, 0);
    ws->answer_bytes = (uint8_t)(6u + payload_bytes);
}

/* Whether the answer's place may be written to: nothing follows our close frame, and nothing the half of an answer. */
static int may_answer(const flight_websocket *ws)
{
    return !(ws->flags & CLOSING) && ws->answer_sent == 0;
}

/* Say that we close, once. CODE_NONE: without a code. */
static void answer_close(flight_websocket *ws, uint32_t code)
{
    if (may_answer(ws)) {
        ws->flags = (uint8_t)((ws->flags & ~ECHOED) | CLOSING);
        ws->answer[6] = (uint8_t)(code >> 8);
        ws->answer[7] = (uint8_t)code;
        seal_answer(ws, CLOSE, code == CODE_NONE ? 0 : 2);
    }
}

int flight_websocket_close(flight_websocket *ws, uint16_t code)
{
    if (!is_open(ws) || !may_answer(ws)) {
        return 0;
    }
    answer_close(ws, code);
    return FLIGHT_CODEC_ANSWER;
}

/* ---- frames in ---- */

static int breach(flight_websocket *ws, uint32_t code)
{
    answer_close(ws, code);
    ws->status = (uint16_t)code;
    return fail(ws, FLIGHT_PROBLEM_FRAMING);
}

/* The next byte of a reason, which is UTF-8: 1 where it must not be. */
static int is_no_text(flight_websocket *ws, uint8_t byte)
{
    if (ws->due != 0) {
        const int wrong = byte < ws->lowest || byte > ws->highest;

        ws->due--;
        ws->lowest = 0x80u;
        ws->highest = 0xbfu;
        return wrong;
    }
    if (byte < 0x80u) {
        return 0;
    }
    ws->due = byte < 0xe0u ? 1 : byte < 0xf0u ? 2 : 3;
    ws->lowest = byte == 0xe0u ? 0xa0u : byte == 0xf0u ? 0x90u : 0x80u; /* no longer form than needed */
    ws->highest = byte == 0xedu ? 0x9fu : byte == 0xf4u ? 0x8fu : 0xbfu; /* no surrogates, nothing above U+10FFFF */
    return byte < 0xc2u || byte > 0xf4u;
}

/* Whether a close frame may have this code: the registered ones that travel, and those of applications. */
static int is_close_code(uint32_t code)
{
    if (code >= 3000u) {
        return code < 5000u;
    }
    return code >= 1000u && code <= 1014u && (code < 1004u || code > 1006u);
}

static int end_of_close(flight_websocket *ws)
{
    uint32_t code = ws->code;

    if (ws->control_bytes == 0) {
        code = CODE_NONE;
    } else if (!is_close_code(code)) { /* one byte alone is no code either */
        return breach(ws, CODE_BREACH);
    } else if (ws->due != 0) {
        return breach(ws, CODE_REASON);
    }
    answer_close(ws, code);
    ws->status = (uint16_t)code;
    return fail(ws, FLIGHT_PROBLEM_CLOSED);
}

static int end_of_control(flight_websocket *ws)
{
    ws->place = AT_FRAME;
    if (ws->opcode == CLOSE) {
        return end_of_close(ws);
    }
    if (ws->flags & ECHOED) {
        seal_answer(ws, PONG, ws->control_bytes);
    }
    return 0;
}

static int take_control(flight_websocket *ws, uint8_t byte)
{
    if (ws->opcode == CLOSE) {
        if (ws->control_bytes < 2u) {
            ws->code = (uint16_t)((ws->code << 8) | byte);
        } else if (is_no_text(ws, byte)) {
            return breach(ws, CODE_REASON);
        }
    } else if (ws->flags & ECHOED) {
        ws->answer[6u + ws->control_bytes] = byte;
    }
    ws->control_bytes++;
    ws->left_bytes--;
    return ws->left_bytes == 0 ? end_of_control(ws) : 0;
}

/* The frame's length is known. */
static int begin_payload(flight_websocket *ws)
{
    if (ws->opcode < CLOSE) {
        if (ws->left_bytes > FLIGHT_WEBSOCKET_MESSAGE_BYTES - ws->message_bytes) {
            return breach(ws, CODE_LARGE);
        }
        ws->message_bytes += ws->left_bytes;
        ws->place = ws->left_bytes == 0 ? AT_FRAME : IN_PAYLOAD;
        return 0;
    }
    ws->control_bytes = 0;
    ws->code = 0;
    ws->flags &= CLOSING;
    if (ws->opcode == PING && may_answer(ws)) {
        ws->flags |= ECHOED;
        ws->answer_bytes = 0; /* its place is needed; a pong that waits has been overtaken */
    }
    ws->place = IN_CONTROL;
    return ws->left_bytes == 0 ? end_of_control(ws) : 0;
}

static int take_first(flight_websocket *ws, uint8_t byte)
{
    const uint8_t opcode = byte & 0x0fu;
    const uint8_t last = byte >> 7;

    ws->opcode = opcode;
    ws->place = AT_LENGTH;
    if (byte & 0x70u) {
        return breach(ws, CODE_BREACH);
    }
    if (opcode >= CLOSE) {
        return opcode > PONG || !last ? breach(ws, CODE_BREACH) : 0;
    }
    if (opcode != (ws->in_message ? CONTINUATION : BINARY)) {
        return breach(ws, opcode == TEXT ? CODE_TEXT : CODE_BREACH);
    }
    if (opcode == BINARY) {
        ws->message_bytes = 0;
    }
    ws->in_message = !last;
    return 0;
}

static int take_second(flight_websocket *ws, uint8_t byte)
{
    if (byte > 127u || (ws->opcode >= CLOSE && byte > 125u)) { /* masked, or long */
        return breach(ws, CODE_BREACH);
    }
    ws->due = 0;
    ws->left_bytes = byte;
    if (byte < 126u) {
        return begin_payload(ws);
    }
    ws->left_bytes = 0;
    ws->flags &= CLOSING;
    ws->due = 2;
    if (byte == 127u) {
        ws->flags |= WIDE;
        ws->due = 8;
    }
    ws->place = IN_LENGTH;
    return 0;
}

static int take_length(flight_websocket *ws, uint8_t byte)
{
    if (ws->left_bytes >> 24) {
        return breach(ws, CODE_LARGE);
    }
    ws->left_bytes = (ws->left_bytes << 8) | byte;
    if (--ws->due != 0) {
        return 0;
    }
    if (ws->left_bytes < (ws->flags & WIDE ? 65536u : 126u)) {
        return breach(ws, CODE_BREACH); /* a shorter form would do */
    }
    return begin_payload(ws);
}

static int take(flight_websocket *ws, uint8_t byte)
{
    switch (ws->place) {
    case IN_UPGRADE:
        return take_upgrade(ws, byte);
    case AT_FRAME:
        return take_first(ws, byte);
    case AT_LENGTH:
        return take_second(ws, byte);
    case IN_LENGTH:
        return take_length(ws, byte);
    case IN_CONTROL:
        return take_control(ws, byte);
    default: /* BEFORE_UPGRADE: nobody asked for it */
        return fail(ws, FLIGHT_PROBLEM_HANDSHAKE);
    }
}

int flight_websocket_feed(flight_websocket *ws, uint8_t *data, size_t *bytes)
{
    const size_t count = *bytes;
    size_t in = 0;
    size_t out = 0;
    int noticed = 0;

    while (in < count && ws->place != AT_END) {
        if (ws->place == IN_PAYLOAD) {
            const size_t piece = count - in < ws->left_bytes ? count - in : ws->left_bytes;

            memmove(data + out, data + in, piece);
            in += piece;
            out += piece;
            ws->left_bytes -= (uint32_t)piece;
            if (ws->left_bytes == 0) {
                ws->place = AT_FRAME;
            }
        } else {
            noticed |= take(ws, data[in++]);
        }
    }
    *bytes = out;
    return noticed | (ws->answer_bytes != 0 ? FLIGHT_CODEC_ANSWER : 0) | (ws->place == AT_END ? FLIGHT_CODEC_FAILED : 0);
}

int flight_websocket_end(flight_websocket *ws)
{
    if (ws->place != AT_END) {
        ws->status = CODE_LOST;
        ws->answer_bytes = 0; /* nobody is there to take it */
        ws->answer_sent = 0;
        fail(ws, FLIGHT_PROBLEM_CLOSED);
    }
    return FLIGHT_CODEC_FAILED;
}

#endif
