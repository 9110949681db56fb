/* The connection: opened, fed and closed by single calls of the port, each a step of its own. */
#include "flight_client_parts.h"

#if FLIGHT_CLIENT

#define RECEIVES_MOST 8u     /* of one round: a server that floods takes no more of a frame */
#define PACKET_HEAD_BYTES 48u /* what a send costs on the link beside its bytes: TCP, IP and PPP */
#define BURST_BYTES 624u     /* at once on a slow link: a modem's ring of 1,024 bytes takes it without waiting */
#define SILENCE_MS 250       /* without a byte inside a frame of a byte pipe: its rest will not come */
#define DRAWN_BYTES 32u      /* of random: nonce, boot, key of a handshake, jitter */

/* ---- coming and going ---- */

void flight_link_want(flight_client *client)
{
#if FLIGHT_PROBE
    flight_probe_stop(client); /* its codec is needed now */
#endif
    client->transport = flight_session_transport(&client->session);
    client->link = FLIGHT_LINK_WANTED;
    client->told = 0;
    client->turn_done = 0;
    flight_out_reset(client);
    flight_in_reset(client);
}

/* The connection goes, with all that was on its way. */
void flight_link_drop(flight_client *client)
{
#if FLIGHT_PROBE
    flight_probe_stop(client);
#endif
    client->link = FLIGHT_LINK_DOWN;
    client->told = 0;
    client->turn_done = 0;
    client->drop = client->open;
    flight_out_reset(client);
    flight_in_reset(client);
}

/* The connection or the attempt is over. */
void flight_link_failed(flight_client *client, uint8_t trouble, uint16_t detail, int32_t port_error)
{
    client->trouble = trouble;
    client->trouble_detail = detail;
    client->port_error = port_error;
    flight_link_drop(client);
    flight_session_failed(&client->session, client->now_ms, client->random & 0xffffu);
    client->tried &= (uint8_t)~FLIGHT_TRIED_SESSION;
}

int flight_link_close(flight_client *client)
{
    client->drop = 0;
    client->open = 0;
    client->port->close(client->port->io);
    return 1;
}

static int is_line(const flight_client *client)
{
    return FLIGHT_PIPE && client->transport == FLIGHT_TRANSPORT_SERIAL;
}

/* ---- opening ---- */

static int open_link(flight_client *client)
{
    const int tcp = client->transport == FLIGHT_TRANSPORT_TCP;
    const flight_port *port = client->port;
    const int result = port->open(port->io, client->config.host, tcp ? client->config.tcp_port : client->config.port);

    client->open = 1;
    if (result < 0) {
        flight_link_failed(client, FLIGHT_TROUBLE_OPEN, 0, result);
        return 1;
    }
    client->link = FLIGHT_LINK_CONNECTING;
    client->tried &= (uint8_t)~FLIGHT_TRIED_READY;
    return 1;
}

static int await_ready(flight_client *client)
{
    const int result = client->port->ready(client->port->io);

    if (result < 0) {
        flight_link_failed(client, FLIGHT_TROUBLE_OPEN, 0, result);
    } else if (result == 0) {
        client->tried |= FLIGHT_TRIED_READY;
    } else {
        client->link = client->told ? FLIGHT_LINK_UP : FLIGHT_LINK_CONNECTED;
        client->tried &= (uint8_t)~(FLIGHT_TRIED_SEND | FLIGHT_TRIED_RECEIVE);
    }
    return 1;
}

/* The session may speak. */
void flight_link_opened(flight_client *client)
{
    client->link = FLIGHT_LINK_UP;
    client->told = 1;
    client->heard_at_ms = client->now_ms;
    flight_session_opened(&client->session, client->now_ms);
    client->tried &= (uint8_t)~FLIGHT_TRIED_SESSION;
}

/* What the transport needs before its first byte. Returns a trouble. */
static uint8_t begin_transport(flight_client *client, const uint8_t *random)
{
    const uint32_t number = flight_load32(random);

    switch (client->transport) {
#if FLIGHT_PIPE
    case FLIGHT_TRANSPORT_SERIAL:
        flight_line_begin(client, number);
        break;
#endif
#if FLIGHT_POLLING
    case FLIGHT_TRANSPORT_POLLING:
        if (flight_http_init(&client->http, client->config.host, client->config.port, "/v1/poll") != 0) {
            return FLIGHT_TROUBLE_OPEN;
        }
        break;
#endif
#if FLIGHT_WEBSOCKET
    case FLIGHT_TRANSPORT_WEBSOCKET:
        if (flight_websocket_init(&client->websocket, client->config.host, client->config.port, "/v1/stream") != 0 ||
            !flight_out_shake_hands(client, random)) {
            return FLIGHT_TROUBLE_OPEN;
        }
        client->link = FLIGHT_LINK_SHAKING;
        return FLIGHT_TROUBLE_NONE;
#endif
    default:
        break;
    }
    (void)number;
    flight_link_opened(client);
    return FLIGHT_TROUBLE_NONE;
}

/* The transport is connected: draw what has to be random, then its handshake, or tell the session. */
static int begin_link(flight_client *client)
{
    uint8_t drawn[DRAWN_BYTES];
    const int strength = client->port->random(client->port->io, drawn, sizeof drawn);
    uint8_t trouble;

    if (strength < 0) {
        flight_link_failed(client, FLIGHT_TROUBLE_RANDOM, 0, strength);
        return 1;
    }
    client->weak = strength == FLIGHT_RANDOM_STRONG ? FLIGHT_RANDOM_STRONG : FLIGHT_RANDOM_WEAK;
    memcpy(client->session.nonce, drawn, 8);
    if (client->booted == 0) {
        client->booted = 1;
        memcpy(client->identity.boot, drawn + 8, 8);
    }
    client->random = (client->random ^ flight_load32(drawn + 28)) | 1u;
    flight_stream_init(&client->stream, client->stream.buffer, client->stream.capacity,
                       is_line(client) ? FLIGHT_LINE_FRAME_BYTES : (uint32_t)client->profile.frame_bytes,
                       is_line(client) ? FLIGHT_FLAG_CHECKED : 0);
    trouble = begin_transport(client, drawn + 12);
    if (trouble != FLIGHT_TROUBLE_NONE) {
        flight_link_failed(client, trouble, 0, 0);
    }
    return 1;
}

/* One step towards a connection. Returns 0 where there is none to do. */
int flight_link_step(flight_client *client)
{
    switch (client->link) {
    case FLIGHT_LINK_WANTED:
        return open_link(client);
    case FLIGHT_LINK_CONNECTING:
        return client->tried & FLIGHT_TRIED_READY ? 0 : await_ready(client);
    case FLIGHT_LINK_CONNECTED:
        return begin_link(client);
    case FLIGHT_LINK_RESTING:
        if (!client->out.ready) {
            return 0;
        }
        return open_link(client);
    default:
        return 0;
    }
}

/* ---- sending ---- */

/* How many bytes may go now, where so many wait; 0: none. A link with a rate is offered as much as it has drained since. */
static uint32_t payable(flight_client *client, uint32_t waiting)
{
    const uint32_t head = is_line(client) ? 0u : PACKET_HEAD_BYTES;
    const uint32_t most = (uint32_t)client->wire.most / 1000u;
    uint32_t room;

    if (client->wire.per_s == 0) {
        return FLIGHT_MAX_FRAME_BYTES;
    }
    room = (uint32_t)flight_bucket_room(&client->wire, client->now_ms, 0x7fffffff);
    if (room < (waiting + head < most ? waiting + head : most)) {
        return 0; /* whole turns, or as much as goes at once: small packets would be mostly heads */
    }
    return room - head;
}

/* So much left: it is paid for. */
static void sent(flight_client *client, uint32_t bytes)
{
    client->bytes_out += bytes;
    flight_bucket_take(&client->wire, bytes + (is_line(client) ? 0u : PACKET_HEAD_BYTES));
}

/* A driver that holds its caller may take a whole budget for each send, so that the round never ends; so a look at what came
 * follows each one. */
int flight_link_send(flight_client *client)
{
    const flight_port *port = client->port;
    const uint8_t *data;
    uint32_t bytes;
    uint32_t allowed;
    int result;

    if ((client->link != FLIGHT_LINK_UP && client->link != FLIGHT_LINK_SHAKING) ||
        (client->tried & (FLIGHT_TRIED_SEND | FLIGHT_TRIED_LISTEN))) {
        return 0;
    }
    bytes = flight_out_waiting(client, &data);
    if (bytes == 0) {
        return 0;
    }
    allowed = payable(client, bytes);
    if (allowed == 0) {
        client->tried |= FLIGHT_TRIED_SEND;
        return 0;
    }
    if (!flight_out_wrap(client)) {
        flight_link_failed(client, FLIGHT_TROUBLE_BROKEN, 0, 0);
        return 1;
    }
    bytes = flight_out_waiting(client, &data);
    bytes = bytes < allowed ? bytes : allowed;
    result = port->send(port->io, data, bytes);
    if (result < 0) {
        flight_link_failed(client, FLIGHT_TROUBLE_DIED, 0, result);
    } else if (result == 0) {
        client->tried |= FLIGHT_TRIED_SEND;
    } else {
        client->tried |= FLIGHT_TRIED_LISTEN;
        sent(client, (uint32_t)result <= bytes ? (uint32_t)result : bytes);
        flight_out_gone(client, (uint32_t)result <= bytes ? (uint32_t)result : bytes);
    }
    return 1;
}

#if FLIGHT_WEBSOCKET
/* A WebSocket that is over says so, if that costs no wait. Returns 0 where there is nothing to say. */
int flight_link_say_goodbye(flight_client *client)
{
    flight_websocket *websocket = &client->websocket;
    const uint32_t bytes = websocket->answer_bytes;

    if (client->transport != FLIGHT_TRANSPORT_WEBSOCKET || client->link != FLIGHT_LINK_UP || client->out.touched || bytes == 0 ||
        payable(client, bytes) < bytes) {
        return 0;
    }
    websocket->answer_bytes = 0;
    if (client->port->send(client->port->io, websocket->answer, bytes) > 0) {
        sent(client, bytes);
    }
    return 1;
}
#else
int flight_link_say_goodbye(flight_client *client)
{
    (void)client;
    return 0;
}
#endif

/* The link's bucket: what it drains in a second, and no more at once than it takes without waiting. */
void flight_link_limit(flight_client *client, uint32_t bytes_per_s)
{
    const uint32_t sixteenth = bytes_per_s >> 4;

    flight_bucket_begin(&client->wire, (int32_t)bytes_per_s, (int32_t)(sixteenth > BURST_BYTES ? sixteenth : BURST_BYTES));
}

/* ---- receiving ---- */

/* The connection has ended. Between two turns of polling that is nothing. */
static void ended(flight_client *client, int result)
{
#if FLIGHT_POLLING
    if (client->transport == FLIGHT_TRANSPORT_POLLING && client->link == FLIGHT_LINK_UP &&
        (flight_http_end(&client->http) & FLIGHT_CODEC_REOPEN) && !client->out.touched) {
        client->link = FLIGHT_LINK_RESTING;
        client->drop = 1;
        return;
    }
#endif
    flight_link_failed(client, FLIGHT_TROUBLE_DIED, 0, result);
}

int flight_link_receive(flight_client *client)
{
    const flight_port *port = client->port;
    int result;

    if ((client->link != FLIGHT_LINK_UP && client->link != FLIGHT_LINK_SHAKING) || client->in_start != client->in_end ||
        (client->tried & (FLIGHT_TRIED_RECEIVE | FLIGHT_TRIED_LISTEN)) == FLIGHT_TRIED_RECEIVE) {
        return 0;
    }
    client->tried &= (uint8_t)~FLIGHT_TRIED_LISTEN;
    result = port->recv(port->io, client->in, client->in_capacity);
    if (result < 0) {
        ended(client, result);
        return 1;
    }
    if (result == 0 || ++client->received >= RECEIVES_MOST) {
        client->tried |= FLIGHT_TRIED_RECEIVE;
    }
    if (result > 0) {
        client->in_start = 0;
        client->in_end = (uint32_t)result <= client->in_capacity ? (uint32_t)result : client->in_capacity;
        client->in_fed = 0;
        client->bytes_in += client->in_end;
        client->heard_at_ms = client->now_ms;
    } else if (is_line(client) && flight_elapsed(client->now_ms, client->heard_at_ms) > SILENCE_MS) {
        client->heard_at_ms = client->now_ms;
        flight_stream_give_up(&client->stream);
    }
    return 1;
}

#endif
