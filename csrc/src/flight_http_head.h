/* What polling and WebSocket share: the address of the gateway, the head of an HTTP reply read byte by byte, and the head of a
 * request written from its end to its beginning, so that it can stand right in front of a body. Private.
 *
 * A reply's head is judged as it comes, never stored: of each element of a field that somebody here reads (the parts between
 * commas) as much is kept as the longest text that means anything to us. */
#ifndef FLIGHT_HTTP_HEAD_H
#define FLIGHT_HTTP_HEAD_H

#include "flight_codec.h"

#if FLIGHT_POLLING || FLIGHT_WEBSOCKET

#define FLIGHT_ADDRESS_TEXT_BYTES 63u  /* the longest host (an IPv4 address or a short name) and the longest path */
#define FLIGHT_REPLY_HEAD_BYTES 2048u /* the longest head of a reply, interim replies, chunk extensions and trailers included */

/* "POST ", the path, " HTTP/1.1\r\nHost: ", the host, ":65535\r\n" */
#define FLIGHT_REQUEST_START_BYTES (5u + 17u + 8u + 2u * FLIGHT_ADDRESS_TEXT_BYTES)

/* Where the gateway is. The texts are the caller's and stay where they are. */
typedef struct flight_address {
    const char *host;
    const char *path;
    uint16_t port;
    uint8_t host_bytes;
    uint8_t path_bytes;
} flight_address;

/* Fields that somebody here reads, in the order of their names in flight_http_head.c. */
enum {
    FLIGHT_FIELD_OTHER = 0,
    FLIGHT_FIELD_RETRY_AFTER = 1, /* read by the head itself */
    FLIGHT_FIELD_CONNECTION = 2,
    FLIGHT_FIELD_CONTENT_LENGTH = 3,
    FLIGHT_FIELD_TRANSFER_ENCODING = 4,
    FLIGHT_FIELD_CONTENT_ENCODING = 5,
    FLIGHT_FIELD_UPGRADE = 6,
    FLIGHT_FIELD_ACCEPT = 7, /* the next ones: Sec-WebSocket-... */
    FLIGHT_FIELD_PROTOCOL = 8,
    FLIGHT_FIELD_EXTENSIONS = 9
};

/* What a byte of a head brought. */
enum { FLIGHT_HEAD_MORE = 0, FLIGHT_HEAD_ELEMENT = 1, FLIGHT_HEAD_END = 2, FLIGHT_HEAD_BAD = 3 };

#define FLIGHT_HEAD_TEXT_BYTES 28u /* a Sec-WebSocket-Accept is as long, every name and word that we know shorter */
#define FLIGHT_NO_NUMBER 0xffffffffu

typedef struct flight_head {
    uint32_t retry_after_s; /* 0: none was given */
    uint16_t status;
    uint16_t taken_bytes; /* of all that FLIGHT_REPLY_HEAD_BYTES limits */
    uint8_t version;      /* HTTP/1.0: 0, HTTP/1.1: 1 */
    uint8_t place;
    uint8_t field;
    uint8_t space;      /* white space since the last character of the text: 1 */
    uint8_t text_bytes; /* more than FLIGHT_HEAD_TEXT_BYTES: too long to mean anything */
    uint8_t text[FLIGHT_HEAD_TEXT_BYTES];
} flight_head;

/* A request that grows towards the beginning of its buffer; `at` is where it begins so far. */
typedef struct flight_request {
    uint8_t *buffer;
    uint32_t at;
} flight_request;

/* Take a host and a path that begins with a slash, both of visible ASCII: nothing that could end a line of the request, and at
 * most FLIGHT_ADDRESS_TEXT_BYTES each. Returns 0 or FLIGHT_ERROR_ARGUMENT.
 *
 *     flight_address address;
 *     if (flight_address_init(&address, "192.168.1.10", 7070, "/v1/poll") != 0) { return 1; }
 */
int flight_address_init(flight_address *address, const char *host, uint16_t port, const char *path);

/* Put bytes in front of what is there. The caller has seen to the room.
 *
 *     flight_request request = {buffer, sizeof buffer};
 *     flight_request_put(&request, "\r\n", 2);
 */
void flight_request_put(flight_request *request, const char *text, uint32_t bytes);

/* Put the decimal digits of a number up to 65,536 in front.
 *
 *     flight_request_number(&request, 512);
 */
void flight_request_number(flight_request *request, uint32_t number);

/* Put the request line and the Host field in front: the last call for a request.
 *
 *     flight_request_start(&request, &address, "GET ", 4);
 */
void flight_request_start(flight_request *request, const flight_address *address, const char *method, uint32_t method_bytes);

/* Begin to read a head: nothing was read yet.
 *
 *     flight_head_begin(&head);
 */
void flight_head_begin(flight_head *head);

/* Go on with the next head (after an interim reply), or with the trailers behind the last chunk; what was taken stays counted.
 *
 *     flight_head_again(&head);
 *     flight_head_trailers(&head);
 */
void flight_head_again(flight_head *head);
void flight_head_trailers(flight_head *head);

/* Take one byte. Returns FLIGHT_HEAD_ELEMENT when one element of a field is complete: `field` says of which, flight_head_is and
 * flight_head_number what it is. FLIGHT_HEAD_END: the head is complete, status and version are valid. FLIGHT_HEAD_BAD: this is
 * no head, or one that is too long.
 *
 *     if (flight_head_take(&head, byte) == FLIGHT_HEAD_END) { use(head.status); }
 */
int flight_head_take(flight_head *head, uint8_t byte);

/* Count a byte that only the limit of the head bounds. Returns 1 when it is one too many.
 *
 *     if (flight_head_count(&head)) { give_up(); }
 */
int flight_head_count(flight_head *head);

/* Whether the element is this text, whatever the case. text: bytes small letters and hyphens.
 *
 *     if (flight_head_is(&head, "chunked", 7)) { chunked = 1; }
 */
int flight_head_is(const flight_head *head, const char *text, uint32_t bytes);

/* The element as a number; FLIGHT_NO_NUMBER where it is none, or one above 99,999,999.
 *
 *     const uint32_t length = flight_head_number(&head);
 */
uint32_t flight_head_number(const flight_head *head);

#endif
#endif
