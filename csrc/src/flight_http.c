/* HTTP/1.1 after RFC 9110 and 9112, as much of it as polling needs. */
#include "flight_http.h"

#include <string.h>

#if FLIGHT_POLLING

/* Where in a reply. */
enum {
    NOTHING_DUE = 0,
    IN_HEAD,
    IN_BODY,
    AT_SIZE,       /* the first digit of a chunk's size */
    IN_SIZE,       /* behind a digit */
    BEHIND_SIZE,   /* white space in front of an extension */
    IN_EXTENSION,
    AT_SIZE_END,   /* the line feed behind the size */
    IN_CHUNK,
    AT_CHUNK_END,  /* the carriage return behind a chunk */
    AT_CHUNK_LAST, /* the line feed behind it */
    IN_TRAILERS,
    AT_FAILURE
};

/* What the head of the reply says. */
enum { HAS_LENGTH = 1, HAS_CHUNKS = 2, CLOSES = 4, FLAWED = 8 };

int flight_http_init(flight_http *http, const char *host, uint16_t port, const char *path)
{
    if (http == NULL) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    memset(http, 0, sizeof *http);
    return flight_address_init(&http->address, host, port, path);
}

int flight_http_end_turn(flight_http *http, uint8_t *buffer, uint32_t head_room, uint32_t body_bytes)
{
    flight_request request;

    if (http->place != NOTHING_DUE) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    if (body_bytes > FLIGHT_POLL_BODY_BYTES) {
        return FLIGHT_ERROR_TOO_LARGE;
    }
    if (head_room < FLIGHT_HTTP_HEAD_BYTES) {
        return FLIGHT_ERROR_NO_ROOM;
    }
    request.buffer = buffer;
    request.at = head_room;
    flight_request_put(&request, "\r\n\r\n", 4);
    flight_request_number(&request, body_bytes);
    flight_request_put(&request, "Content-Type: application/octet-stream\r\nContent-Length: ", 56);
    flight_request_start(&request, &http->address, "POST ", 5);
    flight_head_begin(&http->head);
    http->status = 0;
    http->retry_after_s = 0;
    http->flags = 0;
    http->place = IN_HEAD;
    return (int)request.at;
}

static int fail(flight_http *http, uint8_t problem)
{
    http->problem = problem;
    http->place = AT_FAILURE;
    return FLIGHT_CODEC_FAILED;
}

static int complete(flight_http *http)
{
    http->place = NOTHING_DUE;
    return FLIGHT_CODEC_TURN_DONE | (http->flags & CLOSES ? FLIGHT_CODEC_REOPEN : 0);
}

static uint8_t length_flags(flight_http *http)
{
    const uint32_t length = flight_head_number(&http->head);

    if (length > FLIGHT_POLL_BODY_BYTES || (http->flags & HAS_LENGTH && length != http->left_bytes)) {
        return FLAWED;
    }
    http->left_bytes = length;
    return HAS_LENGTH;
}

/* An element of a field: what it changes. Flaws wait for the end of the head, where the status is the better reason. */
static uint8_t element_flags(flight_http *http)
{
    const flight_head *head = &http->head;

    switch (head->field) {
    case FLIGHT_FIELD_CONNECTION:
        return flight_head_is(head, "close", 5) ? CLOSES : 0;
    case FLIGHT_FIELD_CONTENT_LENGTH:
        return length_flags(http);
    case FLIGHT_FIELD_TRANSFER_ENCODING:
        return http->flags & HAS_CHUNKS || !flight_head_is(head, "chunked", 7) ? FLAWED : HAS_CHUNKS;
    case FLIGHT_FIELD_CONTENT_ENCODING:
        return flight_head_is(head, "identity", 8) ? 0 : FLAWED;
    default:
        return 0;
    }
}

static int end_of_head(flight_http *http)
{
    flight_head *head = &http->head;

    if (head->status < 200u && head->status != 101u) { /* an interim reply */
        http->flags = 0;
        flight_head_again(head);
        return 0;
    }
    http->status = head->status;
    http->retry_after_s = head->retry_after_s;
    if (head->status != 200u) {
        return fail(http, FLIGHT_PROBLEM_STATUS);
    }
    if (head->version == 0) {
        http->flags |= CLOSES;
    }
    switch (http->flags & (FLAWED | HAS_CHUNKS | HAS_LENGTH)) {
    case HAS_CHUNKS:
        if (head->version == 0) {
            return fail(http, FLIGHT_PROBLEM_LENGTH);
        }
        http->place = AT_SIZE;
        http->room_bytes = FLIGHT_POLL_BODY_BYTES;
        return 0;
    case HAS_LENGTH:
        http->place = IN_BODY;
        return http->left_bytes == 0 ? complete(http) : 0;
    default:
        return fail(http, FLIGHT_PROBLEM_LENGTH);
    }
}

static int take_head(flight_http *http, uint8_t byte)
{
    switch (flight_head_take(&http->head, byte)) {
    case FLIGHT_HEAD_ELEMENT:
        if (http->place == IN_HEAD) { /* trailers mean nothing */
            http->flags |= element_flags(http);
        }
        return 0;
    case FLIGHT_HEAD_END:
        return http->place == IN_HEAD ? end_of_head(http) : complete(http);
    case FLIGHT_HEAD_BAD:
        return fail(http, FLIGHT_PROBLEM_HEAD);
    default:
        return 0;
    }
}

/* The value of a hexadecimal digit; 16 for any other byte. */
static uint32_t digit_of(uint8_t byte)
{
    const uint8_t small = byte | 0x20u;

    if (byte >= '0' && byte <= '9') {
        return (uint32_t)byte - '0';
    }
    return small >= 'a' && small <= 'f' ? (uint32_t)small - 'a' + 10u : 16u;
}

static int end_of_size(flight_http *http)
{
    if (http->left_bytes == 0) {
        flight_head_trailers(&http->head);
        http->place = IN_TRAILERS;
    } else {
        http->room_bytes -= http->left_bytes;
        http->place = IN_CHUNK;
    }
    return 0;
}

/* Behind the digits of a size: an extension, or the end of the line. What only fills the line counts as head. */
static int take_behind_size(flight_http *http, uint8_t byte)
{
    if (byte == '\r') {
        http->place = AT_SIZE_END;
        return 0;
    }
    if (http->place != IN_EXTENSION) {
        if (byte != ';' && byte != ' ' && byte != '\t') {
            return fail(http, FLIGHT_PROBLEM_LENGTH);
        }
        http->place = byte == ';' ? IN_EXTENSION : BEHIND_SIZE;
    }
    return (byte < ' ' && byte != '\t') || flight_head_count(&http->head) ? fail(http, FLIGHT_PROBLEM_HEAD) : 0;
}

static int take_size(flight_http *http, uint8_t byte)
{
    const uint32_t digit = digit_of(byte);

    if (digit > 15u) {
        return http->place == AT_SIZE ? fail(http, FLIGHT_PROBLEM_LENGTH) : take_behind_size(http, byte);
    }
    if (http->place == AT_SIZE) {
        http->left_bytes = 0;
        http->place = IN_SIZE;
    } else if (http->left_bytes == 0 && flight_head_count(&http->head)) { /* zeros in front have no other end */
        return fail(http, FLIGHT_PROBLEM_HEAD);
    }
    http->left_bytes = 16u * http->left_bytes + digit;
    return http->left_bytes > http->room_bytes ? fail(http, FLIGHT_PROBLEM_LENGTH) : 0;
}

static int take(flight_http *http, uint8_t byte)
{
    switch (http->place) {
    case IN_HEAD:
    case IN_TRAILERS:
        return take_head(http, byte);
    case AT_SIZE:
    case IN_SIZE:
        return take_size(http, byte);
    case BEHIND_SIZE:
    case IN_EXTENSION:
        return take_behind_size(http, byte);
    case AT_SIZE_END:
        return byte == '\n' ? end_of_size(http) : fail(http, FLIGHT_PROBLEM_LENGTH);
    case AT_CHUNK_END:
        http->place = AT_CHUNK_LAST;
        return byte == '\r' ? 0 : fail(http, FLIGHT_PROBLEM_LENGTH);
    case AT_CHUNK_LAST:
        http->place = AT_SIZE;
        return byte == '\n' ? 0 : fail(http, FLIGHT_PROBLEM_LENGTH);
    default: /* NOTHING_DUE: nobody asked for it */
        return fail(http, FLIGHT_PROBLEM_LENGTH);
    }
}

int flight_http_feed(flight_http *http, uint8_t *data, size_t *bytes)
{
    const size_t count = *bytes;
    size_t in = 0;
    size_t out = 0;
    int noticed = http->place == AT_FAILURE ? FLIGHT_CODEC_FAILED : 0;

    while (in < count && http->place != AT_FAILURE) {
        if (http->place == IN_BODY || http->place == IN_CHUNK) {
            const size_t piece = count - in < http->left_bytes ? count - in : http->left_bytes;

            memmove(data + out, data + in, piece);
            in += piece;
            out += piece;
            http->left_bytes -= (uint32_t)piece;
            if (http->left_bytes == 0) {
                if (http->place == IN_BODY) {
                    noticed |= complete(http);
                } else {
                    http->place = AT_CHUNK_END;
                }
            }
        } else {
            noticed |= take(http, data[in++]);
        }
    }
    *bytes = out;
    return noticed;
}

int flight_http_end(flight_http *http)
{
    if (http->place == NOTHING_DUE) {
        return FLIGHT_CODEC_REOPEN;
    }
    return http->place == AT_FAILURE ? FLIGHT_CODEC_FAILED : fail(http, FLIGHT_PROBLEM_CLOSED);
}

#endif
