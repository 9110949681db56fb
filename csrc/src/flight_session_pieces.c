/* Pieces of one payload from the gateway, put together: frames with the flag `more`. The reference is
 * flight_client/session/common/reassembly.py.
 *
 * A piece is a head (number of the message, number of the piece, bytes of the whole payload) and some of the bytes. Pieces of
 * one message follow each other in order; so one buffer is enough, and its bound is checked before the first byte is kept. */
#include "flight_session_parts.h"

#if FLIGHT_SESSION && FLIGHT_SESSION_PIECES

void flight_write_piece_head(uint8_t *payload, uint16_t message, uint16_t number, uint32_t total_bytes)
{
    flight_store16(payload, message);
    flight_store16(payload + 2, number);
    flight_store32(payload + 4, total_bytes);
}

/* A new session: nothing is under way. */
void flight_pieces_begin(flight_pieces *pieces)
{
    pieces->total_bytes = 0;
    pieces->used_bytes = 0;
    pieces->abandoned = 0;
    pieces->message = 0;
    pieces->next = 0;
    pieces->channel = 0;
    pieces->flags = 0;
}

/* What was begun will not be finished. */
static void abandon(flight_pieces *pieces)
{
    pieces->abandoned += pieces->total_bytes != 0;
    pieces->total_bytes = 0;
    pieces->used_bytes = 0;
}

/* What was begun for this channel will not be finished. */
void flight_pieces_leave(flight_pieces *pieces, uint16_t channel)
{
    if (pieces->channel == channel) {
        abandon(pieces);
    }
}

/* The first piece of a payload. */
static int start(flight_pieces *pieces, const flight_frame *frame, int32_t total_bytes)
{
    abandon(pieces);
    if (total_bytes <= 0 || (uint32_t)total_bytes > pieces->limit_bytes) {
        return FLIGHT_PIECES_TOO_LARGE;
    }
    pieces->total_bytes = (uint32_t)total_bytes;
    pieces->message = flight_load16(frame->payload);
    pieces->next = 0;
    pieces->channel = frame->channel;
    pieces->flags = frame->flags;
    return FLIGHT_PIECES_WHOLE;
}

/* A further one: WHOLE if it is the one that must come. */
static int follow(flight_pieces *pieces, const flight_frame *frame, uint32_t number, int32_t total_bytes)
{
    if (pieces->total_bytes == 0 || flight_load16(frame->payload) != pieces->message ||
        frame->channel != pieces->channel || number < pieces->next) {
        return FLIGHT_PIECES_FOREIGN;
    }
    if (number > pieces->next || (uint32_t)total_bytes != pieces->total_bytes || frame->flags != pieces->flags) {
        abandon(pieces);
        return FLIGHT_PIECES_FOREIGN;
    }
    return FLIGHT_PIECES_WHOLE;
}

/* Take one frame with the flag `more`. */
int flight_pieces_push(flight_pieces *pieces, const flight_frame *frame)
{
    uint32_t number;
    uint32_t bytes;
    int32_t total_bytes;
    int answer;

    if (frame->payload_bytes <= FLIGHT_FRAGMENT_HEAD_BYTES) {
        return FLIGHT_PIECES_FOREIGN;
    }
    number = flight_load16(frame->payload + 2);
    total_bytes = flight_session_get30(frame->payload + 4);
    answer = number == 0 ? start(pieces, frame, total_bytes) : follow(pieces, frame, number, total_bytes);
    if (answer != FLIGHT_PIECES_WHOLE) {
        return answer;
    }
    bytes = frame->payload_bytes - FLIGHT_FRAGMENT_HEAD_BYTES;
    if (bytes > pieces->total_bytes - pieces->used_bytes) {
        abandon(pieces);
        return FLIGHT_PIECES_FOREIGN;
    }
    memcpy(pieces->buffer + pieces->used_bytes, frame->payload + FLIGHT_FRAGMENT_HEAD_BYTES, bytes);
    pieces->used_bytes += bytes;
    pieces->next++;
    if (pieces->used_bytes < pieces->total_bytes) {
        return FLIGHT_PIECES_WAIT;
    }
    pieces->total_bytes = 0;
    return FLIGHT_PIECES_WHOLE;
}

#endif
