/* A byte pipe: every frame carries four bytes more, which name its connection and its number in it (docs/protocol.md, Serial
 * lines). The reference is flight_client/transports/line_frames.py. */
#include "flight_client_parts.h"

#if FLIGHT_CLIENT && FLIGHT_PIPE

#define HALF 0x8000u

/* A new connection: another name than the last one. random: 16 random bits. */
void flight_line_begin(flight_client *client, uint32_t random)
{
    flight_line *line = &client->line;

    line->line = (uint16_t)(line->named ? line->line + 1u : random);
    line->named = 1;
    line->sent = 0;
    line->expected = 0;
}

/* The four bytes behind the payload of the next frame. */
void flight_line_write(flight_client *client, uint8_t *at)
{
    flight_store16(at, client->line.line);
    flight_store16(at + 2, client->line.sent++);
}

/* Take the four bytes off. Returns 1 where the frame is the next one of this connection, and may be used. */
int flight_line_take(flight_client *client, flight_frame *frame)
{
    flight_line *line = &client->line;
    const uint8_t *tail;
    uint32_t ahead;

    if (frame->payload_bytes < FLIGHT_LINE_BYTES) {
        client->garbage_bytes += flight_frame_bytes(frame->payload_bytes, frame->flags);
        return 0;
    }
    frame->payload_bytes -= FLIGHT_LINE_BYTES;
    tail = frame->payload + frame->payload_bytes;
    if (flight_load16(tail) != line->line) {
        return 0;
    }
    if (frame->type == FLIGHT_TYPE_CLOSE) {
        return 1; /* said by somebody who may not know where we are in our numbers */
    }
    ahead = ((uint32_t)flight_load16(tail + 2) - line->expected) & 0xffffu;
    if (ahead == 0) {
        line->expected++;
        return 1;
    }
    if (ahead <= HALF) { /* frames are missing: this connection is over */
        flight_link_failed(client, FLIGHT_TROUBLE_LINE, 0, 0);
    }
    return 0;
}

#endif
