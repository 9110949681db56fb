/* needs: flight_http_init flight_http_end_turn flight_http_feed flight_http_end flight_address_init flight_head_take */
#include "codec_input.h"

#include "flight_http.h"

/* Words make much of little. */
#define INPUT_BYTES 32

/* Two bytes of set-up, then the reply. Set-up: how it is cut, and whether the connection ends behind it. */
static const char *const words[] = {
    "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: ", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "HTTP/1.0 200 OK\r\n", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 503 Busy\r\n", "HTTP/1.1 101 \r\n", "Content-Length: ",
    "Transfer-Encoding: ", "Content-Encoding: ", "Connection: ", "Retry-After: ", "chunked", "close", "identity", "gzip",
    "\r\n", "\r\n\r\n", "\r\n0\r\n\r\n", "5\r\nhello\r\n", "65536", "10000\r\n", "ffffffff", "4294967301",
    "100000005", ";a=b", "\xff", "\x80", "Trailer: 1\r\n", ", ", "HTTP/1.1 204 \r\n\r\n", "1\r\nx\r\n",
};

typedef struct run {
    flight_http http;
    uint8_t body[SAID_BYTES];
    size_t body_bytes;
    int happened;
} run;

static void begin(run *at)
{
    uint8_t *request = exactly(NULL, FLIGHT_HTTP_HEAD_BYTES);
    int start;

    at->body_bytes = 0;
    at->happened = 0;
    REQUIRE(flight_http_init(&at->http, "127.0.0.1", 7070, "/v1/poll") == 0);
    REQUIRE(flight_http_feed(&at->http, request, &at->body_bytes) == 0);
    start = flight_http_end_turn(&at->http, request, FLIGHT_HTTP_HEAD_BYTES, 0);
    REQUIRE(start > 0 && (uint32_t)start < FLIGHT_HTTP_HEAD_BYTES && memcmp(request + start, "POST ", 5) == 0);
    free(request);
}

static int feed(run *at, const uint8_t *data, size_t bytes)
{
    uint8_t *piece = exactly(data, bytes);
    const int failed = at->http.problem != 0;
    size_t left = bytes;
    const int noticed = flight_http_feed(&at->http, piece, &left);

    REQUIRE(left <= bytes && (!failed || left == 0));
    REQUIRE((at->http.problem != 0) == ((noticed & FLIGHT_CODEC_FAILED) != 0));
    REQUIRE(!(noticed & (FLIGHT_CODEC_OPEN | FLIGHT_CODEC_ANSWER)));
    REQUIRE(!(noticed & FLIGHT_CODEC_REOPEN) || noticed & FLIGHT_CODEC_TURN_DONE);
    REQUIRE(!(noticed & FLIGHT_CODEC_TURN_DONE) || at->http.status == 200);
    REQUIRE(at->http.head.taken_bytes <= FLIGHT_REPLY_HEAD_BYTES + 1u);
    memcpy(at->body + at->body_bytes, piece, left);
    at->body_bytes += left;
    at->happened |= noticed & ~FLIGHT_CODEC_FAILED;
    free(piece);
    return noticed;
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
    feed(&whole, all.data, all.bytes);
    seed = data[0];
    for (i = 0; i < all.bytes;) {
        const size_t piece = next_piece(&seed, all.bytes - i);

        feed(&cut, all.data + i, piece);
        i += piece;
    }
    if (data[1] & 1) {
        const int ended = flight_http_end(&whole.http);

        REQUIRE(ended == flight_http_end(&cut.http));
        REQUIRE(ended == FLIGHT_CODEC_FAILED || (ended == FLIGHT_CODEC_REOPEN && whole.http.problem == 0));
    }
    REQUIRE(whole.happened == cut.happened && whole.body_bytes == cut.body_bytes);
    REQUIRE(memcmp(whole.body, cut.body, whole.body_bytes) == 0);
    REQUIRE(memcmp(&whole.http, &cut.http, sizeof whole.http) == 0); /* made by memset: no byte is left to chance */
    return 0;
}
