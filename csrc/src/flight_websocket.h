/* A WebSocket to the gateway (RFC 6455, the client's part): the upgrade, frames out with a mask, frames in without. No I/O, no
 * clock, no memory but the caller's. Private.
 *
 * Messages are binary and of any number of pieces; their bounds mean nothing to frames of Flight and are not handed on. No
 * extension is offered, so none is taken. */
#ifndef FLIGHT_WEBSOCKET_H
#define FLIGHT_WEBSOCKET_H

#include "flight_http_head.h"

#if FLIGHT_WEBSOCKET

#define FLIGHT_WEBSOCKET_KEY_BYTES 16u
#define FLIGHT_WEBSOCKET_REQUEST_BYTES (FLIGHT_REQUEST_START_BYTES + 149u) /* the longest upgrade */
#define FLIGHT_WEBSOCKET_HEAD_BYTES 14u                                    /* the longest head of a frame */
#define FLIGHT_WEBSOCKET_MESSAGE_BYTES 131072u                             /* the longest message either side takes */
#define FLIGHT_WEBSOCKET_ANSWER_BYTES 131u                                 /* head and payload of a control frame */

/* One connection to a gateway. The caller reads problem, status, retry_after_s, answer and answer_bytes, counts in answer_sent
 * what of the answer has left, and sets both counts to 0 when all of it has; everything else is the codec's. */
typedef struct flight_websocket {
    uint32_t retry_after_s; /* what a refused upgrade asks for; 0: nothing */
    uint16_t status;        /* of the upgrade; later the code of the close frame, the peer's or ours */
    uint8_t problem;        /* flight_codec_problem */
    uint8_t place;
    uint8_t flags;
    uint8_t opcode;         /* of the frame that is being read */
    uint8_t in_message;     /* the next data frame goes on with a message */
    uint8_t due;            /* bytes of a length, or of a character in a reason */
    uint8_t lowest, highest; /* of the next byte of that character */
    uint8_t control_bytes;  /* of the control frame so far */
    uint8_t answer_bytes;   /* 0: no answer waits */
    uint8_t answer_sent;    /* above 0: the answer stays as it is until the rest of it has left */
    uint16_t code;          /* of the close frame that is being read */
    uint32_t left_bytes;    /* of the frame */
    uint32_t message_bytes; /* with the frame */
    uint32_t seed;          /* of the masks of answers */
    flight_address address;
    flight_head head;
    uint8_t answer[FLIGHT_WEBSOCKET_ANSWER_BYTES]; /* before the connection is open: what the server must accept with */
} flight_websocket;

/* A new connection. host, path, result: as flight_http_init.
 *
 * The whole of it, with a buffer that has FLIGHT_WEBSOCKET_HEAD_BYTES in front of the frames:
 *
 *     static flight_websocket ws;
 *     if (flight_websocket_init(&ws, "192.168.1.10", 7070, "/v1/stream") != 0) { return 1; }
 *     int request = flight_websocket_begin(&ws, buffer, sizeof buffer, random_key);
 *     if (request < 0) { return 1; }
 *     send_all(buffer, (uint32_t)request);
 *     int noticed = 0;
 *     while (!(noticed & FLIGHT_CODEC_FAILED)) {
 *         size_t bytes = receive_some(in, sizeof in);
 *         noticed = bytes != 0 ? flight_websocket_feed(&ws, in, &bytes) : flight_websocket_end(&ws);
 *         take_frames(in, bytes);
 *         if (noticed & FLIGHT_CODEC_OPEN) {
 *             uint32_t head_bytes = flight_websocket_head_bytes(frame_bytes);
 *             uint8_t *begin = frames - head_bytes;
 *             flight_websocket_head(&ws, begin, frame_bytes, mask);
 *             flight_websocket_mask(frames, frame_bytes, mask, 0);
 *             send_all(begin, head_bytes + frame_bytes);
 *         }
 *         if (noticed & FLIGHT_CODEC_ANSWER) {
 *             ws.answer_sent += send_some(ws.answer + ws.answer_sent, ws.answer_bytes - ws.answer_sent);
 *             if (ws.answer_sent == ws.answer_bytes) { ws.answer_sent = ws.answer_bytes = 0; }
 *         }
 *     }
 */
int flight_websocket_init(flight_websocket *ws, const char *host, uint16_t port, const char *path);

/* Write the request for the upgrade to the front of out and return its bytes. The key should be random; the masks of answers are
 * made of it too. Errors: NO_ROOM (capacity below FLIGHT_WEBSOCKET_REQUEST_BYTES), ARGUMENT (a second time). The example stands at
 * flight_websocket_init.
 */
int flight_websocket_begin(flight_websocket *ws, uint8_t *out, size_t capacity, const uint8_t key[FLIGHT_WEBSOCKET_KEY_BYTES]);

/* Bytes of the head in front of so much payload: 6, 8 or 14. The example stands at flight_websocket_init.
 */
uint32_t flight_websocket_head_bytes(uint32_t payload_bytes);

/* Write the head of one binary message, payload_bytes long and masked with these four bytes, the lowest first. Returns the bytes
 * of the head; 0, and nothing is written, while the connection is not open, when it closes, and for payloads over
 * FLIGHT_WEBSOCKET_MESSAGE_BYTES. The example stands at flight_websocket_init.
 */
uint32_t flight_websocket_head(flight_websocket *ws, uint8_t *out, uint32_t payload_bytes, uint32_t mask);

/* Mask payload, in place; offset is where in the payload data stands, so that it may be done in parts. Twice is not at all. The
 * example stands at flight_websocket_init.
 */
void flight_websocket_mask(uint8_t *data, uint32_t bytes, uint32_t mask, uint32_t offset);

/* Take *bytes of what the connection brought, cut anywhere. What belongs to frames is moved to the front of data, *bytes says
 * how much it is. Returns bits of FLIGHT_CODEC_...: OPEN when the upgrade has proved itself; ANSWER while an answer waits, which
 * goes between two messages; FAILED from the first byte on that must not be, what stood before it is handed out. With FAILED there
 * may be an ANSWER, the close frame: send it, then close. While an answer waits a newer ping takes its place; once its first byte
 * has left (answer_sent) it stays, and what would have to be answered meanwhile is not.
 * The example stands at flight_websocket_init.
 */
int flight_websocket_feed(flight_websocket *ws, uint8_t *data, size_t *bytes);

/* Say that nothing more comes: a close frame with this code, 1000 if all is well, becomes the answer. What the peer still sends is
 * read; when it closes in its turn feed says FAILED, with FLIGHT_PROBLEM_CLOSED. Returns FLIGHT_CODEC_ANSWER; 0 where there is
 * nobody to say it to, or an answer has left in part: try again when the rest has.
 *
 *     if (flight_websocket_close(&ws, 1000)) { send_all(ws.answer, ws.answer_bytes); }
 */
int flight_websocket_close(flight_websocket *ws, uint16_t code);

/* The connection has ended: FLIGHT_CODEC_FAILED. The problem is FLIGHT_PROBLEM_CLOSED with status 1006, unless there was one
 * before. The example stands at flight_websocket_init.
 */
int flight_websocket_end(flight_websocket *ws);

#endif
#endif
