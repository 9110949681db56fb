/* What goes out: the frames of a turn behind one another, in the form of their transport. */
#include "flight_client_parts.h"

#if FLIGHT_CLIENT

void flight_out_reset(flight_client *client)
{
    flight_outgoing *out = &client->out;

    out->start = out->head_bytes;
    out->end = out->head_bytes;
    out->ready = 0;
    out->touched = 0;
    out->greeting = 0;
    out->wrapped = 0;
    out->answer_at = 0;
    out->answering = 0;
}

/* The frame that the session has made goes behind those that are there, with its tag and what a byte pipe adds. Returns 0
 * where it does not fit, which its limits rule out. */
int flight_out_add(flight_client *client)
{
    flight_outgoing *out = &client->out;
    flight_frame frame = client->session.out.frame;
    uint8_t *const at = out->bytes + out->end;
    const uint32_t room = out->capacity - out->end;
    const int line = FLIGHT_PIPE && client->transport == FLIGHT_TRANSPORT_SERIAL;
    int sealed;

    if (FLIGHT_HEADER_BYTES + frame.payload_bytes + FLIGHT_TAG_BYTES + FLIGHT_LINE_BYTES + FLIGHT_TRAILER_BYTES > room + 8u) {
        return 0;
    }
    memcpy(at + FLIGHT_HEADER_BYTES, client->session.out.buffer + FLIGHT_HEADER_BYTES, frame.payload_bytes);
    if (frame.flags & FLIGHT_FLAG_AUTHENTICATED) {
        flight_proof_sign(client, at, &frame);
    }
#if FLIGHT_PIPE
    if (line) {
        flight_line_write(client, at + FLIGHT_HEADER_BYTES + frame.payload_bytes);
        frame.payload_bytes += FLIGHT_LINE_BYTES;
        frame.flags |= FLIGHT_FLAG_CHECKED;
    }
#endif
    (void)line;
    sealed = flight_frame_seal(at, room, &frame);
    if (sealed <= 0) {
        return 0;
    }
    out->end += (uint32_t)sealed;
    client->session.out.turn_bytes = (int32_t)(out->end - out->head_bytes);
    return 1;
}

#if FLIGHT_WEBSOCKET
/* The upgrade request. key: 16 random bytes. Returns 0 where it does not fit. */
int flight_out_shake_hands(flight_client *client, const uint8_t *key)
{
    flight_outgoing *out = &client->out;
    const int bytes = flight_websocket_begin(&client->websocket, out->bytes, out->capacity, key);

    if (bytes <= 0) {
        return 0;
    }
    out->start = 0;
    out->end = (uint32_t)bytes;
    out->ready = 1;
    out->greeting = 1;
    out->wrapped = 1;
    return 1;
}

/* The turn becomes one message. */
static void wrap_message(flight_client *client)
{
    flight_outgoing *out = &client->out;
    uint8_t head[FLIGHT_WEBSOCKET_HEAD_BYTES];
    const uint32_t payload_bytes = out->end - out->head_bytes;
    const uint32_t mask = flight_client_random(client);
    const uint32_t bytes = flight_websocket_head(&client->websocket, head, payload_bytes, mask);

    flight_websocket_mask(out->bytes + out->head_bytes, payload_bytes, mask, 0);
    out->start = out->head_bytes - bytes;
    memcpy(out->bytes + out->start, head, bytes);
}
#endif

/* The turn is complete: it goes. */
void flight_out_end_turn(flight_client *client)
{
    client->out.ready = 1;
    client->tried &= (uint8_t)~FLIGHT_TRIED_SEND;
}

/* Give the turn the form of its transport, once, right before its first byte goes: until then a connection may still be
 * another one. Returns 0 where it cannot be. */
int flight_out_wrap(flight_client *client)
{
    flight_outgoing *out = &client->out;

    if (!out->ready || out->wrapped || out->answering) {
        return 1;
    }
    out->wrapped = 1;
    switch (client->transport) {
#if FLIGHT_POLLING
    case FLIGHT_TRANSPORT_POLLING: {
        const int begin = flight_http_end_turn(&client->http, out->bytes, out->head_bytes, out->end - out->head_bytes);

        out->start = begin < 0 ? out->start : (uint32_t)begin;
        client->reply_bytes = 0;
        return begin >= 0;
    }
#endif
#if FLIGHT_WEBSOCKET
    case FLIGHT_TRANSPORT_WEBSOCKET:
        wrap_message(client);
        return 1;
#endif
    default:
        return 1;
    }
}

/* The bytes that go next: an answer of the codec between two messages, else the turn. */
uint32_t flight_out_waiting(flight_client *client, const uint8_t **data)
{
    flight_outgoing *out = &client->out;

#if FLIGHT_WEBSOCKET
    if (client->transport == FLIGHT_TRANSPORT_WEBSOCKET && client->websocket.answer_bytes != 0 && !out->touched) {
        out->answering = 1;
        *data = client->websocket.answer + out->answer_at;
        return client->websocket.answer_bytes - out->answer_at;
    }
#endif
    *data = out->bytes + out->start;
    return out->ready ? out->end - out->start : 0;
}

/* All bytes of the turn are with the port. */
static void all_gone(flight_client *client)
{
    const int greeting = client->out.greeting;
    const uint8_t answering = client->out.answering;

    flight_out_reset(client);
    client->out.answering = answering;
    if (!greeting && client->transport != FLIGHT_TRANSPORT_POLLING) {
        flight_session_turn_done(&client->session, client->now_ms);
        client->tried &= (uint8_t)~FLIGHT_TRIED_SESSION;
    }
}

/* So many of them are with the port. */
void flight_out_gone(flight_client *client, uint32_t bytes)
{
    flight_outgoing *out = &client->out;

#if FLIGHT_WEBSOCKET
    if (out->answering) {
        out->answer_at = (uint8_t)(out->answer_at + bytes);
        if (out->answer_at >= client->websocket.answer_bytes) {
            client->websocket.answer_bytes = 0;
            out->answer_at = 0;
            out->answering = 0;
        }
        return;
    }
#endif
    out->start += bytes;
    out->touched = 1;
    if (out->start == out->end) {
        all_gone(client);
    }
}

#endif
