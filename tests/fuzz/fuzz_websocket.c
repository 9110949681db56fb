/* needs: flight_websocket_init flight_websocket_begin flight_websocket_feed flight_websocket_close flight_websocket_end flight_sha1_add flight_base64 flight_websocket_head flight_websocket_mask */
#include "codec_input.h"

#include "flight_websocket.h"

/* Words make much of little. */
#define INPUT_BYTES 32

/* Two bytes of set-up, then what the server sends. Set-up: how it is cut; 1: the upgrade comes first, 2: we close then, 4: the
 * connection ends behind it, 8: an answer leaves one byte at a time, between two pieces. */
static const char accept_of_key[] = "Sec-WebSocket-Accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI=\r\n"; /* of a key of zeros, asserted below */
static const char upgrade[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                              "Sec-WebSocket-Accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI=\r\nSec-WebSocket-Protocol: flight.v1\r\n\r\n";
static const char *const words[] = {
    "HTTP/1.1 101 Switching Protocols\r\n", "HTTP/1.1 100 \r\n\r\n", "HTTP/1.1 503 \r\n", "HTTP/1.0 101 \r\n",
    "Upgrade: websocket\r\n", "Connection: Upgrade\r\n", accept_of_key, "Sec-WebSocket-Protocol: flight.v1\r\n",
    "Sec-WebSocket-Extensions: ", "Retry-After: 5\r\n", "\r\n", "Sec-WebSocket-Accept: ", "\x82\x05hello", "\x02\x02""ab",
    "\x80\x02""cd", "\x82\x7e\x01", "\x82\x7f", "\x89\x04ping", "\x8a\x04pong", "\x88\x02\x03\xe8", "\x88\x05\x03\xe8",
    "\x88\x02\x03\xed", "\x89\x7d", "\x81\x05hello", "\x82\x85", "\xc2\x01""a", "\x09\x01""a", "\x88\x7d\x0f\xa0", "\xe2\x82\xac",
    "\xf0\x9f\x98\x80", "\xed\xa0\x80", "\xf4\x90", "\x80", "\x82", "\x88", "\x89", "\x8a", "\xff", "\xc3", "\xe0", "\xed", "\xf0",
    "\xf4", "\x83",
};

typedef struct run {
    flight_websocket ws;
    uint8_t payload[SAID_BYTES];
    size_t payload_bytes;
    int happened;
    uint8_t sent[FLIGHT_WEBSOCKET_ANSWER_BYTES];
    uint32_t sent_bytes;
} run;

static void begin(run *at)
{
    static const uint8_t key[FLIGHT_WEBSOCKET_KEY_BYTES];
    uint8_t *request = exactly(NULL, FLIGHT_WEBSOCKET_REQUEST_BYTES);
    int bytes;

    at->payload_bytes = 0;
    at->happened = 0;
    REQUIRE(flight_websocket_init(&at->ws, "127.0.0.1", 7070, "/v1/stream") == 0);
    bytes = flight_websocket_begin(&at->ws, request, FLIGHT_WEBSOCKET_REQUEST_BYTES, key);
    REQUIRE(bytes > 0 && (uint32_t)bytes < FLIGHT_WEBSOCKET_REQUEST_BYTES);
    REQUIRE(memcmp(at->ws.answer, accept_of_key + 22, 28) == 0);
    free(request);
}

/* A byte of the answer leaves; the next one follows the rules of a frame, whatever came meanwhile. */
static void send_a_byte(run *at)
{
    flight_websocket *ws = &at->ws;

    if (ws->answer_bytes == 0) {
        return;
    }
    if (ws->answer_sent == 0) {
        memcpy(at->sent, ws->answer, ws->answer_bytes);
        at->sent_bytes = ws->answer_bytes;
    }
    REQUIRE(ws->answer_bytes == at->sent_bytes && memcmp(at->sent, ws->answer, at->sent_bytes) == 0);
    ws->answer_sent++;
    if (ws->answer_sent == ws->answer_bytes) {
        ws->answer_sent = 0;
        ws->answer_bytes = 0;
    }
}

static void feed(run *at, const uint8_t *data, size_t bytes)
{
    uint8_t *piece = exactly(data, bytes);
    const int failed = at->ws.problem != 0;
    size_t left = bytes;
    const int noticed = flight_websocket_feed(&at->ws, piece, &left);

    REQUIRE(left <= bytes && (!failed || left == 0));
    REQUIRE((at->ws.problem != 0) == ((noticed & FLIGHT_CODEC_FAILED) != 0));
    REQUIRE((at->ws.answer_bytes != 0) == ((noticed & FLIGHT_CODEC_ANSWER) != 0));
    REQUIRE(!(noticed & (FLIGHT_CODEC_TURN_DONE | FLIGHT_CODEC_REOPEN)));
    REQUIRE(!(noticed & FLIGHT_CODEC_OPEN) || !(at->happened & FLIGHT_CODEC_OPEN)); /* once */
    at->happened |= noticed & FLIGHT_CODEC_OPEN;
    REQUIRE(left == 0 || at->happened & FLIGHT_CODEC_OPEN);
    REQUIRE(at->ws.head.taken_bytes <= FLIGHT_REPLY_HEAD_BYTES + 1u);
    REQUIRE(at->ws.message_bytes <= FLIGHT_WEBSOCKET_MESSAGE_BYTES);
    memcpy(at->payload + at->payload_bytes, piece, left);
    at->payload_bytes += left;
    free(piece);
}

/* An answer is one whole masked control frame. */
static void look_at_answer(flight_websocket *ws)
{
    uint8_t *answer = exactly(ws->answer, ws->answer_bytes);
    const uint32_t bytes = ws->answer_bytes;

    if (bytes != 0) {
        REQUIRE(answer[0] == 0x88u || (answer[0] == 0x8au && ws->problem == 0));
        REQUIRE(bytes >= 6u && answer[1] == (0x80u | (bytes - 6u)));
    }
    free(answer);
}

static void write_message(flight_websocket *ws, uint32_t payload_bytes)
{
    uint8_t *head = exactly(NULL, FLIGHT_WEBSOCKET_HEAD_BYTES);
    const uint32_t bytes = flight_websocket_head(ws, head, payload_bytes, 0x01020304u);

    REQUIRE(bytes == 0 || bytes == flight_websocket_head_bytes(payload_bytes));
    REQUIRE(bytes == 0 || (ws->problem == 0 && payload_bytes <= FLIGHT_WEBSOCKET_MESSAGE_BYTES));
    flight_websocket_mask(head, bytes, payload_bytes, bytes);
    free(head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static said all;
    static run whole, cut;
    uint32_t seed;
    size_t i;

    if (bytes < 2) {
        return 0;
    }
    all.bytes = 0;
    for (i = 2; i < bytes; i++) {
        say_byte(&all, data[i], words, sizeof words / sizeof words[0]);
    }
    begin(&whole);
    begin(&cut);
    if (data[1] & 1) {
        feed(&whole, (const uint8_t *)upgrade, sizeof upgrade - 1u);
        feed(&cut, (const uint8_t *)upgrade, sizeof upgrade - 1u);
        REQUIRE(whole.happened == FLIGHT_CODEC_OPEN);
    }
    if (data[1] & 2) {
        REQUIRE(flight_websocket_close(&whole.ws, 1000) == flight_websocket_close(&cut.ws, 1000));
    }
    feed(&whole, all.data, all.bytes);
    seed = data[0];
    for (i = 0; i < all.bytes;) {
        const size_t piece = next_piece(&seed, all.bytes - i);

        feed(&cut, all.data + i, piece);
        i += piece;
        if (data[1] & 8) {
            send_a_byte(&cut);
        }
    }
    if (data[1] & 8) { /* what was sent when is this run's own affair */
        REQUIRE(whole.payload_bytes == cut.payload_bytes && whole.ws.problem == cut.ws.problem);
        return 0;
    }
    if (data[1] & 4) {
        REQUIRE(flight_websocket_end(&whole.ws) == FLIGHT_CODEC_FAILED && flight_websocket_end(&cut.ws) == FLIGHT_CODEC_FAILED);
    }
    REQUIRE(whole.happened == cut.happened && whole.payload_bytes == cut.payload_bytes);
    REQUIRE(memcmp(whole.payload, cut.payload, whole.payload_bytes) == 0);
    REQUIRE(memcmp(&whole.ws, &cut.ws, sizeof whole.ws) == 0); /* made by memset: no byte is left to chance */
    look_at_answer(&whole.ws);
    write_message(&whole.ws, 1u << (data[0] & 31u));
    return 0;
}
