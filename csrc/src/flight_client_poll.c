/* The step machine: what a client does next, until there is nothing to do or its time is over. */
#include "flight_client_parts.h"

#if FLIGHT_CLIENT

#define STEPS_MOST 256u /* of one call, whatever its budget: a round has an end, and so has a call */

/* ---- accounts ---- */

static void count_drops(const flight_client *client, uint32_t *dropped)
{
    const flight_tally *tally = &client->session.tally;

    dropped[FLIGHT_DROP_OLDEST] = client->dropped_oldest;
    dropped[FLIGHT_DROP_LINK] = tally->link_dropped;
    dropped[FLIGHT_DROP_REFUSED] = tally->refused;
    dropped[FLIGHT_DROP_CLOSED] = client->dropped_closed;
    dropped[FLIGHT_DROP_TOO_LARGE] = client->dropped_too_large + tally->too_large;
    dropped[FLIGHT_DROP_UNCONFIRMED] = tally->unconfirmed;
    dropped[FLIGHT_DROP_EXPIRED] = tally->expired;
    dropped[FLIGHT_DROP_REPLACED] = client->dropped_replaced;
    dropped[FLIGHT_DROP_PRESSURE] = client->dropped_pressure;
}

/* What counts as lost for flight_poll: not what a newer value took the place of. */
static uint32_t lost(const flight_client *client)
{
    const flight_tally *tally = &client->session.tally;

    return client->dropped_oldest + tally->link_dropped + tally->refused + client->dropped_closed + client->dropped_too_large +
           tally->too_large + tally->unconfirmed + tally->expired + client->dropped_pressure;
}

static uint32_t waiting(const flight_client *client)
{
    return flight_ring_count(&client->critical) + flight_ring_count(&client->lossy) + client->session.store.events_held;
}

void flight_status_of(flight_client *client, flight_status *status)
{
    flight_session *session = &client->session;

    memset(status, 0, sizeof *status);
    status->state = session->state;
    status->transport = flight_session_transport(session);
    status->resume = client->resume_on;
    status->random = client->weak;
    status->reason = session->reason;
    status->trouble = client->trouble;
    status->trouble_detail = client->trouble_detail;
    status->port_error = client->port_error;
    status->connections = session->tally.connections;
    status->failures = session->policy.failed_total;
    status->accepted = client->accepted;
    status->settled = session->tally.critical_acked + session->tally.lossy_settled;
    status->queued = waiting(client);
    count_drops(client, status->dropped);
    status->refused_full = client->refused_full;
    status->refused_too_large = client->refused_too_large;
    status->received = client->delivered;
    status->unhandled = client->unhandled;
    status->missed = client->missed;
    status->bytes_out = client->bytes_out;
    status->bytes_in = client->bytes_in;
    status->garbage_bytes = client->garbage_bytes;
    status->wait_ms = flight_session_wake_in_ms(session, client->now_ms);
}

/* ---- the end ---- */

/* Nothing more can go: what is queued counts as closed. Returns 1 once. */
static int finish(flight_client *client)
{
    flight_session *session = &client->session;

    if (client->over || (session->state != FLIGHT_STATE_CLOSED && session->state != FLIGHT_STATE_STOPPED)) {
        return 0;
    }
    client->over = 1;
    client->closing = 1;
    client->keep = client->resume_on && session->tally.connections != 0;
    while (flight_session_abandon(session)) {
        client->dropped_closed += session->store.letter_events;
    }
    client->dropped_closed += flight_ring_count(&client->critical);
    while (flight_ring_release(&client->critical) == 0) {
    }
    flight_client_drop_oldest(client, 0, &client->dropped_closed);
    flight_link_drop(client);
    return 1;
}

void flight_close(flight_client *client)
{
    if (client != NULL && !client->closing) {
        client->closing = 1;
        flight_session_close(&client->session, client->now_ms);
        client->tried = 0;
    }
}

void flight_pause(flight_client *client)
{
    if (client != NULL) {
        flight_session_pause(&client->session, client->now_ms);
        client->tried = 0;
    }
}

void flight_go_on(flight_client *client)
{
    if (client != NULL) {
        flight_session_go_on(&client->session, client->now_ms);
        client->tried = 0;
    }
}

/* ---- steps ---- */

/* The first thing that can be done. Returns 0 where there is nothing left to try in this round. */
static int step(flight_client *client)
{
#if FLIGHT_SHA256
    if (flight_proof_step(client)) {
        return 1;
    }
#endif
    if (flight_deliver_step(client)) {
        return 1;
    }
    if (client->drop) {
        return flight_link_close(client);
    }
    if (finish(client)) {
        return 1;
    }
#if FLIGHT_RECORDS
    if (flight_record_step(client)) {
        return 1;
    }
#endif
#if FLIGHT_COMMANDS
    if (flight_commands_step(client)) {
        return 1;
    }
#endif
#if FLIGHT_PROBE
    if (flight_probe_step(client)) {
        return 1;
    }
#endif
    return flight_in_step(client) || flight_link_step(client) || flight_link_send(client) || flight_drive_step(client) ||
           flight_link_receive(client);
}

static int bits_of(flight_client *client, int backlog)
{
    const uint32_t sum = lost(client);
    int bits = backlog ? FLIGHT_BACKLOG : 0;

    bits |= client->session.state == FLIGHT_STATE_READY ? FLIGHT_CONNECTED : 0;
    bits |= client->got_data ? FLIGHT_GOT_DATA : 0;
    bits |= sum != client->dropped_told ? FLIGHT_DROPPED : 0;
    bits |= client->over && !client->open && !backlog ? FLIGHT_CLOSED : 0;
    client->got_data = 0;
    client->dropped_told = sum;
    return bits;
}

int flight_poll(flight_client *client, uint32_t budget_us)
{
    uint32_t steps = 0;
    uint64_t began_us;

    if (client == NULL) {
        return 0;
    }
    flight_client_clock(client);
    began_us = client->seen_us;
    while (step(client)) {
        steps++;
        flight_client_clock(client);
        if (steps == STEPS_MOST || client->seen_us - began_us >= budget_us) {
            return bits_of(client, 1);
        }
    }
    client->tried = 0; /* the round is over: another call, another round */
#if FLIGHT_PROBE
    client->probe.waited = 0;
#endif
    client->received = 0;
    return bits_of(client, 0);
}

#endif
