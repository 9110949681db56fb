/* The driver of the session: what it asks for, and events out of the rings into its frames. */
#include "flight_client_parts.h"

#if FLIGHT_CLIENT

/* The oldest event alone does not fit a frame. Returns the session's answer. */
static int pack_large(flight_client *client, flight_ring *ring)
{
    flight_event event;

    if (flight_ring_peek(ring, &event) == 0 &&
        flight_session_pack_large(&client->session, event.record_bytes) == FLIGHT_DO_TOO_LARGE) {
        flight_ring_release(ring);
        client->dropped_too_large++;
    }
    return flight_session_packed(&client->session, 0, 0, 0, client->now_ms, 0);
}

static int pack(flight_client *client, int command)
{
    flight_session *session = &client->session;
    flight_batch *batch = &client->work.batch;
    flight_ring *ring = command == FLIGHT_DO_PACK_CRITICAL ? &client->critical : &client->lossy;
    uint8_t *const to = session->out.buffer + session->out.at;
    const size_t room = (size_t)session->out.room_bytes;
    const uint32_t most = (uint32_t)session->out.most_events;
    uint8_t flags = 0;
    int bytes;

#if FLIGHT_WRITES_DELTA
    if (session->agreement.up & FLIGHT_FLAG_DELTA) {
        bytes = flight_delta_pack(ring, to, room, client->now_ms, most, batch);
        flags = FLIGHT_FLAG_DELTA;
    } else
#endif
    {
        bytes = flight_batch_pack(ring, to, room, client->now_ms, most, batch);
    }
    if (bytes <= 0) {
        return pack_large(client, ring);
    }
    if (batch->events < 2u) {
        flags = 0; /* one event alone is a record as in any batch */
    }
    return flight_session_packed(session, (uint32_t)bytes, batch->events, batch->channel, client->now_ms, flags);
}

/* A stored frame was packed for a gateway that read more than this one. Returns the bytes of its records, each on its own now; 0
 * where they do not fit. They are put together behind the turn, which is never so full that no frame would follow. */
static uint32_t write_plain(flight_client *client)
{
#if FLIGHT_WRITES_DELTA
    const flight_session_out *out = &client->session.out;
    uint8_t *const at = client->out.bytes + client->out.end;
    const int32_t room = flight_min(out->room_bytes, (int32_t)(client->out.capacity - client->out.end));
    const int bytes = flight_delta_unpack(&client->work.delta, out->buffer + out->at, out->frame.payload_bytes, at, (size_t)room);

    if (bytes > 0) {
        memcpy(out->buffer + out->at, at, (uint32_t)bytes);
        return (uint32_t)bytes;
    }
#else
    (void)client;
#endif
    return 0;
}

static void obey(flight_client *client, int command)
{
    flight_session *session = &client->session;

    if (command == FLIGHT_DO_PACK_CRITICAL || command == FLIGHT_DO_PACK_LOSSY) {
        command = pack(client, command);
    }
    switch (command) {
    case FLIGHT_DO_SEND:
        if (!flight_out_add(client)) {
            flight_link_failed(client, FLIGHT_TROUBLE_BROKEN, 0, 0);
        }
        break;
    case FLIGHT_DO_TURN:
        flight_out_end_turn(client);
        break;
    case FLIGHT_DO_OPEN:
        flight_link_want(client);
        break;
    case FLIGHT_DO_DROP:
        if (client->link != FLIGHT_LINK_DOWN) {
            if (session->state == FLIGHT_STATE_WAITING) {
                client->trouble = FLIGHT_TROUBLE_SILENT;
                client->trouble_detail = 0;
                client->port_error = 0;
            }
            flight_link_drop(client);
        }
        break;
    case FLIGHT_DO_RECODE:
        flight_session_recoded(session, write_plain(client));
        break;
#if FLIGHT_PROBE
    case FLIGHT_DO_PROBE:
        if (!flight_probe_begin(client)) {
            flight_session_probed(session, 0, client->now_ms);
        }
        break;
#endif
    case FLIGHT_DO_REFRESH:
        flight_session_token(session, NULL, client->now_ms);
        break;
    default:
        break;
    }
}

/* While the machine has no network nothing is tried, and so nothing counts as a failure. Returns 1 where it has one. */
static int has_network(flight_client *client)
{
    int result;

    if (client->session.state != FLIGHT_STATE_WAITING && client->session.state != FLIGHT_STATE_OPENING) {
        return 1;
    }
    if (client->link != FLIGHT_LINK_DOWN || flight_session_wake_in_ms(&client->session, client->now_ms) != 0) {
        return 1;
    }
    result = client->port->link(client->port->io);
    if (result < 0) {
        client->trouble = FLIGHT_TROUBLE_LINK;
        client->trouble_detail = 0;
        client->port_error = result;
    }
    return result > 0;
}

/* Ask the session for the next thing to do, and do it. Returns 0 where there is none. */
int flight_drive_step(flight_client *client)
{
    flight_session *session = &client->session;
    int command;

    if (client->tried & FLIGHT_TRIED_SESSION) {
        return 0;
    }
    client->tried |= FLIGHT_TRIED_SESSION;
    if (!has_network(client)) {
        return 1;
    }
    session->waiting_critical = flight_ring_count(&client->critical);
    session->waiting_lossy = flight_ring_count(&client->lossy);
    if (client->drawn != session->policy.failed_total) {
        client->drawn = session->policy.failed_total;
        flight_client_random(client);
    }
    command = flight_session_poll(session, client->now_ms, client->random & 0xffffu);
    if (command == FLIGHT_DO_NOTHING) {
        return 0;
    }
    client->tried &= (uint8_t)~FLIGHT_TRIED_SESSION;
    obey(client, command);
    return 1;
}

#endif
