/* Whether a better transport works again: PROBE on a throw-away connection of the port (docs/protocol.md, Probing and stepping
 * up), while the session goes on over the other one. The codec of the transport that is tried is at rest meanwhile, so it is
 * borrowed; whatever makes or ends a connection of the session ends the probe first. */
#include "flight_client_parts.h"

#if FLIGHT_CLIENT && FLIGHT_PROBE

#define PACKET_HEAD_BYTES 48u /* as in flight_client_link.c */
#define ROOM_FOR_HEAD (FLIGHT_PROBE_BYTES - FLIGHT_PROBE_FRAME_BYTES)

/* The connection is of no use any more; it is closed by a step of its own. */
void flight_probe_stop(flight_client *client)
{
    client->probe.stage = client->probe.open ? FLIGHT_PROBE_CLOSING : FLIGHT_PROBE_NONE;
}

static int answer(flight_client *client, int works)
{
    flight_probe_stop(client);
    flight_session_probed(&client->session, works, client->now_ms);
    client->tried &= (uint8_t)~FLIGHT_TRIED_SESSION;
    return 1;
}

static uint32_t number(const flight_client *client)
{
    return client->probe.transport == FLIGHT_TRANSPORT_TCP ? client->config.tcp_port : client->config.port;
}

/* The session wants to know. Returns 0 where this transport cannot be tried. */
int flight_probe_begin(flight_client *client)
{
    flight_probe *probe = &client->probe;

    probe->transport = flight_session_probe_target(&client->session);
    if (probe->stage != FLIGHT_PROBE_NONE || probe->transport == FLIGHT_TRANSPORT_SERIAL) {
        return 0;
    }
    probe->stage = FLIGHT_PROBE_WANTED;
    probe->began_ms = client->now_ms;
    probe->got_bytes = 0;
    return 1;
}

/* PROBE, at the end of the buffer, with what its transport puts in front. */
static int put_question(flight_client *client)
{
    flight_probe *probe = &client->probe;
    uint8_t *const at = probe->bytes + ROOM_FOR_HEAD;
    flight_frame frame;

    memset(&frame, 0, sizeof frame);
    frame.type = FLIGHT_TYPE_PROBE;
    frame.payload_bytes = FLIGHT_NONCE_BYTES;
    memcpy(at + FLIGHT_HEADER_BYTES, probe->nonce, FLIGHT_NONCE_BYTES);
    flight_frame_seal(at, FLIGHT_PROBE_FRAME_BYTES, &frame);
    probe->start = ROOM_FOR_HEAD;
    probe->end = FLIGHT_PROBE_BYTES;
#if FLIGHT_POLLING
    if (probe->transport == FLIGHT_TRANSPORT_POLLING) {
        const int begin = flight_http_end_turn(&client->http, probe->bytes, ROOM_FOR_HEAD, FLIGHT_PROBE_FRAME_BYTES);

        probe->start = (uint16_t)flight_max(0, begin);
        return begin >= 0;
    }
#endif
#if FLIGHT_WEBSOCKET
    if (probe->transport == FLIGHT_TRANSPORT_WEBSOCKET) {
        const uint32_t mask = flight_client_random(client);

        probe->start = (uint16_t)(probe->start - flight_websocket_head_bytes(FLIGHT_PROBE_FRAME_BYTES));
        flight_websocket_mask(at, FLIGHT_PROBE_FRAME_BYTES, mask, 0);
        return flight_websocket_head(&client->websocket, probe->bytes + probe->start, FLIGHT_PROBE_FRAME_BYTES, mask) != 0;
    }
#endif
    return 1;
}

/* Connected: what goes first. Returns 0 where that cannot be. */
static int greet(flight_client *client)
{
    flight_probe *probe = &client->probe;

    flight_store32(probe->nonce, flight_client_random(client));
    flight_store32(probe->nonce + 4, flight_client_random(client));
#if FLIGHT_WEBSOCKET
    if (probe->transport == FLIGHT_TRANSPORT_WEBSOCKET) {
        uint8_t key[FLIGHT_WEBSOCKET_KEY_BYTES]; /* no secret: it tells an answer from a stored one */
        int bytes;

        memcpy(key, probe->nonce, sizeof probe->nonce);
        memcpy(key + sizeof probe->nonce, probe->nonce, sizeof probe->nonce);
        if (flight_websocket_init(&client->websocket, client->config.host, client->config.port, "/v1/stream") != 0) {
            return 0;
        }
        bytes = flight_websocket_begin(&client->websocket, probe->bytes, FLIGHT_PROBE_BYTES, key);
        probe->start = 0;
        probe->end = (uint16_t)flight_max(0, bytes);
        return bytes > 0;
    }
#endif
#if FLIGHT_POLLING
    if (probe->transport == FLIGHT_TRANSPORT_POLLING &&
        flight_http_init(&client->http, client->config.host, client->config.port, "/v1/poll") != 0) {
        return 0;
    }
#endif
    return put_question(client);
}

static int send_some(flight_client *client)
{
    flight_probe *probe = &client->probe;
    const flight_port *port = client->port;
    int result;

    if (flight_bucket_wait_ms(&client->wire, client->now_ms) != 0) {
        probe->waited = 1;
        return 0;
    }
    result = port->send(port->probe_io, probe->bytes + probe->start, (size_t)(probe->end - probe->start));
    if (result < 0) {
        return answer(client, 0);
    }
    probe->waited = result == 0;
    result = flight_min(result, probe->end - probe->start);
    probe->start = (uint16_t)(probe->start + result);
    client->bytes_out += (uint32_t)result;
    flight_bucket_take(&client->wire, (uint32_t)result + PACKET_HEAD_BYTES);
    if (probe->start == probe->end) {
        probe->stage = FLIGHT_PROBE_LISTENING;
    }
    return 1;
}

/* So many bytes stand in the buffer. Returns bits of the codec; those of frames are behind those that came before. */
static int read_some(flight_client *client, size_t bytes)
{
    flight_probe *probe = &client->probe;
    int bits = 0;

#if FLIGHT_POLLING
    if (probe->transport == FLIGHT_TRANSPORT_POLLING) {
        bits = flight_http_feed(&client->http, probe->bytes, &bytes);
    }
#endif
#if FLIGHT_WEBSOCKET
    if (probe->transport == FLIGHT_TRANSPORT_WEBSOCKET) {
        bits = flight_websocket_feed(&client->websocket, probe->bytes, &bytes);
    }
#endif
    if (bytes > sizeof probe->got - probe->got_bytes) {
        return FLIGHT_CODEC_FAILED; /* PROBED has no more */
    }
    memcpy(probe->got + probe->got_bytes, probe->bytes, bytes);
    probe->got_bytes = (uint8_t)(probe->got_bytes + bytes);
    return bits;
}

static int is_answer(const flight_probe *probe)
{
    flight_frame frame;

    return flight_frame_decode(probe->got, sizeof probe->got, sizeof probe->got, &frame) > 0 &&
           frame.type == FLIGHT_TYPE_PROBED && frame.payload_bytes == FLIGHT_NONCE_BYTES &&
           memcmp(frame.payload, probe->nonce, FLIGHT_NONCE_BYTES) == 0;
}

static int hear(flight_client *client)
{
    flight_probe *probe = &client->probe;
    const flight_port *port = client->port;
    const int result = port->recv(port->probe_io, probe->bytes, FLIGHT_PROBE_BYTES);
    int bits;

    if (result <= 0) {
        probe->waited = 1;
        return result == 0 ? 1 : answer(client, 0);
    }
    client->bytes_in += (uint32_t)flight_min(result, (int32_t)FLIGHT_PROBE_BYTES);
    bits = read_some(client, (size_t)flight_min(result, (int32_t)FLIGHT_PROBE_BYTES));
    if (probe->got_bytes == sizeof probe->got) {
        return answer(client, is_answer(probe));
    }
    if (bits & FLIGHT_CODEC_FAILED) {
        return answer(client, 0);
    }
    if (bits & FLIGHT_CODEC_OPEN) {
        probe->stage = FLIGHT_PROBE_ASKING;
        return put_question(client) ? 1 : answer(client, 0);
    }
    return 1;
}

static int connect_some(flight_client *client)
{
    flight_probe *probe = &client->probe;
    const int result = client->port->ready(client->port->probe_io);

    if (result < 0) {
        return answer(client, 0);
    }
    probe->waited = result == 0;
    if (result > 0) {
        probe->stage = FLIGHT_PROBE_ASKING;
        return greet(client) ? 1 : answer(client, 0);
    }
    return 1;
}

/* One step of a probe. Returns 0 where there is none to do. */
int flight_probe_step(flight_client *client)
{
    flight_probe *probe = &client->probe;
    const flight_port *port = client->port;

    switch (probe->stage) {
    case FLIGHT_PROBE_NONE:
        return 0;
    case FLIGHT_PROBE_CLOSING:
        probe->stage = FLIGHT_PROBE_NONE;
        probe->open = 0;
        port->close(port->probe_io);
        return 1;
    default:
        break;
    }
    if (flight_elapsed(client->now_ms, probe->began_ms) >= client->profile.connect_timeout_ms) {
        return answer(client, 0);
    }
    if (probe->waited) {
        return 0;
    }
    switch (probe->stage) {
    case FLIGHT_PROBE_WANTED:
        probe->open = 1;
        probe->stage = FLIGHT_PROBE_CONNECTING;
        return port->open(port->probe_io, client->config.host, (uint16_t)number(client)) < 0 ? answer(client, 0) : 1;
    case FLIGHT_PROBE_CONNECTING:
        return connect_some(client);
    case FLIGHT_PROBE_ASKING:
        return send_some(client);
    default:
        return hear(client);
    }
}

#endif
