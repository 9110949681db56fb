/* The head of an HTTP reply after RFC 9112, strictly: lines end with CR LF, no folded lines, no white space before a colon, no
 * control characters. What a server sends otherwise is no head. */
#include "flight_http_head.h"

#include <string.h>

#if FLIGHT_POLLING || FLIGHT_WEBSOCKET

/* Places in a head. */
enum {
    IN_STATUS = 0, /* "HTTP/1.1 200": text_bytes counts */
    IN_REASON,
    AT_LINE_FEED, /* behind the CR of a line */
    AT_LINE,      /* at the beginning of a field, or of the empty line */
    IN_NAME,
    IN_VALUE,
    AT_LAST_LINE_FEED
};

/* flight_head.space, when the text is that of an element that is complete: the next one begins with the next byte. */
#define TEXT_READ 2

/* The names of the fields, each behind its length. */
static const char names[] = "\013retry-after"
                            "\012connection"
#if FLIGHT_POLLING
                            "\016content-length"
                            "\021transfer-encoding"
                            "\020content-encoding"
#else
                            "\001 \001 \001 "
#endif
#if FLIGHT_WEBSOCKET
                            "\007upgrade"
                            "\024sec-websocket-accept"
                            "\026sec-websocket-protocol"
                            "\030sec-websocket-extensions"
#endif
    ;

/* ---- the address and requests ---- */

static int is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

/* The length of a text of visible ASCII; 0: it is none, or too long. */
static uint8_t text_bytes_of(const char *text)
{
    uint8_t bytes;

    for (bytes = 0; text[bytes] != '\0'; bytes++) {
        if (bytes == FLIGHT_ADDRESS_TEXT_BYTES || text[bytes] <= ' ' || text[bytes] > '~') { /* char may have a sign */
            return 0;
        }
    }
    return bytes;
}

int flight_address_init(flight_address *address, const char *host, uint16_t port, const char *path)
{
    if (host == NULL || path == NULL || path[0] != '/') {
        return FLIGHT_ERROR_ARGUMENT;
    }
    address->host = host;
    address->path = path;
    address->port = port;
    address->host_bytes = text_bytes_of(host);
    address->path_bytes = text_bytes_of(path);
    return address->host_bytes == 0 || address->path_bytes == 0 ? FLIGHT_ERROR_ARGUMENT : 0;
}

void flight_request_put(flight_request *request, const char *text, uint32_t bytes)
{
    request->at -= bytes;
    memcpy(request->buffer + request->at, text, bytes);
}

void flight_request_number(flight_request *request, uint32_t number)
{
    do {
        const uint32_t tenth = (number * 52429u) >> 19; /* exact up to 81,919: not every processor divides */

        request->buffer[--request->at] = (uint8_t)('0' + (number - 10u * tenth));
        number = tenth;
    } while (number != 0);
}

void flight_request_start(flight_request *request, const flight_address *address, const char *method, uint32_t method_bytes)
{
    flight_request_put(request, "\r\n", 2);
    flight_request_number(request, address->port);
    flight_request_put(request, ":", 1);
    flight_request_put(request, address->host, address->host_bytes);
    flight_request_put(request, " HTTP/1.1\r\nHost: ", 17);
    flight_request_put(request, address->path, address->path_bytes);
    flight_request_put(request, method, method_bytes);
}

/* ---- heads of replies ---- */

void flight_head_begin(flight_head *head)
{
    memset(head, 0, sizeof *head);
}

void flight_head_again(flight_head *head)
{
    head->place = IN_STATUS;
    head->text_bytes = 0;
    head->status = 0;
    head->retry_after_s = 0;
}

void flight_head_trailers(flight_head *head)
{
    head->place = AT_LINE;
}

int flight_head_count(flight_head *head)
{
    return ++head->taken_bytes > FLIGHT_REPLY_HEAD_BYTES;
}

/* Small letters and hyphens have the bit of small letters already; nothing else becomes one of them by it but capital letters
 * and control characters, and those end the head. */
static int same(const uint8_t *text, const char *small, uint32_t bytes)
{
    uint32_t at;

    for (at = 0; at < bytes; at++) {
        if ((text[at] | 0x20u) != (uint8_t)small[at]) {
            return 0;
        }
    }
    return 1;
}

int flight_head_is(const flight_head *head, const char *text, uint32_t bytes)
{
    return head->text_bytes == bytes && same(head->text, text, bytes);
}

uint32_t flight_head_number(const flight_head *head)
{
    uint32_t number = 0;
    uint32_t at;

    if (head->text_bytes == 0 || head->text_bytes > FLIGHT_HEAD_TEXT_BYTES) {
        return FLIGHT_NO_NUMBER;
    }
    for (at = 0; at < head->text_bytes; at++) {
        if (!is_digit(head->text[at]) || number > 9999999u) {
            return FLIGHT_NO_NUMBER;
        }
        number = 10u * number + (head->text[at] - (uint32_t)'0');
    }
    return number;
}

static uint8_t field_of(const flight_head *head)
{
    const char *name = names;
    uint8_t field;

    for (field = 1; *name != '\0'; field++) {
        const uint8_t bytes = (uint8_t)*name++;

        if (flight_head_is(head, name, bytes)) {
            return field;
        }
        name += bytes;
    }
    return FLIGHT_FIELD_OTHER;
}

/* Characters of a field's name: a token of RFC 9110. One bit each, from 0 to 127. */
static int in_name(uint8_t byte)
{
    static const uint32_t token[4] = {0, 0x03ff6cfau, 0xc7fffffeu, 0x57ffffffu};

    return byte < 128u && ((token[byte >> 5] >> (byte & 31u)) & 1u) != 0;
}

static void keep(flight_head *head, uint8_t byte)
{
    if (head->text_bytes < FLIGHT_HEAD_TEXT_BYTES) {
        head->text[head->text_bytes++] = byte;
    } else {
        head->text_bytes = FLIGHT_HEAD_TEXT_BYTES + 1u;
    }
}

static void begin_text(flight_head *head)
{
    head->text_bytes = 0;
    head->space = 0;
}

/* A byte of "HTTP/1.1 200", and the one behind it. */
static int take_status(flight_head *head, uint8_t byte)
{
    const uint8_t at = head->text_bytes++;

    if (at < 7u || at == 8u) {
        return byte == (uint8_t)"HTTP/1.  "[at] ? FLIGHT_HEAD_MORE : FLIGHT_HEAD_BAD;
    }
    if (at == 7u) {
        head->version = (uint8_t)(byte - '0');
        return head->version <= 1u ? FLIGHT_HEAD_MORE : FLIGHT_HEAD_BAD;
    }
    if (at < 12u) {
        head->status = (uint16_t)(10u * head->status + byte - '0');
        return is_digit(byte) ? FLIGHT_HEAD_MORE : FLIGHT_HEAD_BAD;
    }
    if (head->status < 100u || head->status > 599u) {
        return FLIGHT_HEAD_BAD;
    }
    head->place = byte == ' ' ? IN_REASON : AT_LINE_FEED;
    return byte == ' ' || byte == '\r' ? FLIGHT_HEAD_MORE : FLIGHT_HEAD_BAD;
}

static int end_element(flight_head *head)
{
    head->space = TEXT_READ;
    if (head->field == FLIGHT_FIELD_RETRY_AFTER) {
        const uint32_t retry_after_s = flight_head_number(head);

        if (retry_after_s != FLIGHT_NO_NUMBER) { /* it may be a date: consoles seldom know what time it is */
            head->retry_after_s = retry_after_s;
        }
    }
    return head->field > FLIGHT_FIELD_RETRY_AFTER ? FLIGHT_HEAD_ELEMENT : FLIGHT_HEAD_MORE;
}

static int take_value(flight_head *head, uint8_t byte)
{
    if (head->space == TEXT_READ) {
        begin_text(head);
    }
    if (byte == ',' || byte == '\r') {
        return end_element(head);
    }
    if (byte == ' ' || byte == '\t') {
        head->space = 1;
        return FLIGHT_HEAD_MORE;
    }
    if (head->space && head->text_bytes != 0) {
        keep(head, ' ');
    }
    head->space = 0;
    keep(head, byte);
    return FLIGHT_HEAD_MORE;
}

static int take_name(flight_head *head, uint8_t byte)
{
    if (byte == ':' && head->text_bytes != 0) {
        head->field = field_of(head);
        head->place = IN_VALUE;
        begin_text(head);
        return FLIGHT_HEAD_MORE;
    }
    keep(head, byte);
    return in_name(byte) ? FLIGHT_HEAD_MORE : FLIGHT_HEAD_BAD;
}

/* Values and reasons: any byte but control characters. */
static int take_rest(flight_head *head, uint8_t byte)
{
    int brought = FLIGHT_HEAD_MORE;

    if ((byte < ' ' && byte != '\t' && byte != '\r') || byte == 0x7fu) {
        return FLIGHT_HEAD_BAD;
    }
    if (head->place == IN_VALUE) {
        brought = take_value(head, byte);
    }
    if (byte == '\r') {
        head->place = AT_LINE_FEED;
    }
    return brought;
}

int flight_head_take(flight_head *head, uint8_t byte)
{
    if (flight_head_count(head)) {
        return FLIGHT_HEAD_BAD;
    }
    switch (head->place) {
    case IN_STATUS:
        return take_status(head, byte);
    case AT_LINE_FEED:
        head->place = AT_LINE;
        return byte == '\n' ? FLIGHT_HEAD_MORE : FLIGHT_HEAD_BAD;
    case AT_LAST_LINE_FEED:
        return byte == '\n' ? FLIGHT_HEAD_END : FLIGHT_HEAD_BAD;
    case AT_LINE:
        if (byte == '\r') {
            head->place = AT_LAST_LINE_FEED;
            return FLIGHT_HEAD_MORE;
        }
        begin_text(head);
        head->place = IN_NAME;
        return take_name(head, byte);
    case IN_NAME:
        return take_name(head, byte);
    default:
        return take_rest(head, byte);
    }
}

#endif
