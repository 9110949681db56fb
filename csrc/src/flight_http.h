/* HTTP polling: a turn becomes the body of a POST, its reply the bytes of frames. One request at a time on one connection that
 * is kept open. No I/O, no clock, no memory but the caller's. Private.
 *
 * A reply is status 200 with a Content-Length or in chunks, at most FLIGHT_POLL_BODY_BYTES of body. Everything else ends the
 * transport with a problem that says why; what a hostile server may send costs no more than reading it. */
#ifndef FLIGHT_HTTP_H
#define FLIGHT_HTTP_H

#include "flight_http_head.h"

#if FLIGHT_POLLING

/* Room in front of a body: the longest head of a request. */
#define FLIGHT_HTTP_HEAD_BYTES (FLIGHT_REQUEST_START_BYTES + 65u)

/* One connection to a gateway. The caller reads problem, status and retry_after_s; all else is the codec's. */
typedef struct flight_http {
    uint32_t retry_after_s; /* what the last reply asks for; 0: nothing */
    uint16_t status;        /* of the last reply whose head is complete; 0: none since the last turn */
    uint8_t problem;        /* flight_codec_problem */
    uint8_t place;
    uint8_t flags;
    uint32_t left_bytes; /* of the body, or of the chunk */
    uint32_t room_bytes; /* of the body: what may still come in chunks */
    flight_address address;
    flight_head head;
} flight_http;

/* A new connection. host: an IPv4 address or a name; path: begins with a slash. Both of visible ASCII, at most
 * FLIGHT_ADDRESS_TEXT_BYTES long, and kept where they are. Returns 0 or FLIGHT_ERROR_ARGUMENT.
 *
 * The whole of it, with a buffer whose body begins at FLIGHT_HTTP_HEAD_BYTES:
 *
 *     static flight_http http;
 *     if (flight_http_init(&http, "192.168.1.10", 7070, "/v1/poll") != 0) { return 1; }
 *     uint32_t body_bytes = frames_into(buffer + FLIGHT_HTTP_HEAD_BYTES);
 *     int begin = flight_http_end_turn(&http, buffer, FLIGHT_HTTP_HEAD_BYTES, body_bytes);
 *     if (begin < 0) { return 1; }
 *     send_all(buffer + begin, FLIGHT_HTTP_HEAD_BYTES - (uint32_t)begin + body_bytes);
 *     int noticed = 0;
 *     while (!(noticed & (FLIGHT_CODEC_TURN_DONE | FLIGHT_CODEC_FAILED))) {
 *         size_t bytes = receive_some(in, sizeof in);
 *         noticed = bytes != 0 ? flight_http_feed(&http, in, &bytes) : flight_http_end(&http);
 *         take_frames(in, bytes);
 *     }
 *     if (noticed & FLIGHT_CODEC_REOPEN) { connect_again(); }
 */
int flight_http_init(flight_http *http, const char *host, uint16_t port, const char *path);

/* The turn is complete: its body_bytes stand at buffer + head_room. Writes the head of the request right in front of them and
 * returns where it begins: the request is what stands from there to the end of the body. Errors: ARGUMENT (the reply to the turn
 * before is not complete, or the transport has failed), NO_ROOM (head_room below FLIGHT_HTTP_HEAD_BYTES), TOO_LARGE (body_bytes
 * over FLIGHT_POLL_BODY_BYTES). The example stands at flight_http_init.
 */
int flight_http_end_turn(flight_http *http, uint8_t *buffer, uint32_t head_room, uint32_t body_bytes);

/* Take *bytes of what the connection brought, cut anywhere. What belongs to frames is moved to the front of data, *bytes says
 * how much it is. Returns bits of FLIGHT_CODEC_...: TURN_DONE when the reply is complete, REOPEN together with it when the server
 * closes now, FAILED from the first byte on that must not be; what stood before it is handed out. Any byte when no reply is due
 * is one of them. The example stands at flight_http_init.
 */
int flight_http_feed(flight_http *http, uint8_t *data, size_t *bytes);

/* The connection has ended. FLIGHT_CODEC_REOPEN where no reply is due: the next turn needs a new connection, all is well. Else
 * FLIGHT_CODEC_FAILED: a reply that the end of the connection cuts is none. The example stands at flight_http_init.
 */
int flight_http_end(flight_http *http);

#endif
#endif
