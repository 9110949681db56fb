/* Packets of the simulated stack, and time. The peer's machine is a plain one: it keeps nothing that arrives out of order, and
 * sends again after PEER_RETRY_US. */
#include "flight_port_sim_wire.h"

#include <string.h>

#define WINDOW_BYTES 65535u
#define PEER_RETRY_US 300000u
#define NEVER UINT64_MAX

/* --- packets --- */

/* Give a packet to the wire. Returns when the driver's ring has taken it; for the peer, and without a ring, that is now. */
static uint64_t transmit(flight_sim_link *link, int is_out, flight_sim_packet packet)
{
    flight_sim *sim = link->sim;
    const flight_sim_profile *profile = sim->profile;
    flight_sim_way *way = way_of(link, is_out);
    const uint32_t bytes_per_s = is_out ? profile->out_bytes_per_s : profile->in_bytes_per_s;
    const uint32_t wire_bytes = packet.bytes + profile->header_bytes;
    uint64_t ring_us;

    way->free_us = later_of(way->free_us, sim->now_us) + wire_us(wire_bytes, bytes_per_s);
    packet.arrives_us = way->free_us + profile->latency_us;
    packet.connection = link->connection;
    if (packet.kind == DATA && way->lose > 0) {
        way->lose--;
        packet.is_lost = 1;
    }
    if (way->packet_count == FLIGHT_SIM_PACKETS) {
        sim->counts.lost++; /* a queue somewhere is full: that is how packets are lost */
    } else {
        way->packets[(way->first_packet + way->packet_count++) % FLIGHT_SIM_PACKETS] = packet;
    }
    if (!is_out) {
        return sim->now_us;
    }
    sim->counts.wire_bytes_out += wire_bytes;
    if (profile->ring_bytes == 0 || profile->is_raw) {
        return sim->now_us;
    }
    ring_us = wire_us(profile->ring_bytes, bytes_per_s);
    return way->free_us > sim->now_us + ring_us ? way->free_us - ring_us : sim->now_us;
}

uint64_t flight_sim_say(flight_sim_link *link, int is_out, enum flight_sim_kind kind, uint64_t at)
{
    flight_sim_packet packet;

    memset(&packet, 0, sizeof packet);
    packet.kind = (uint8_t)kind;
    packet.at = at;
    if (kind == ASK) {
        link->sim->counts.requests++;
    }
    return transmit(link, is_out, packet);
}

int flight_sim_send_segment(flight_sim_link *link, int is_out, uint64_t *taken_us)
{
    flight_sim_way *way = way_of(link, is_out);
    const uint64_t window_end = way->taken + WINDOW_BYTES;
    flight_sim_packet packet;

    if (way->sent == way->written || way->sent >= window_end) {
        return 0;
    }
    memset(&packet, 0, sizeof packet);
    packet.kind = DATA;
    packet.at = way->sent;
    packet.bytes = smaller_of(smaller_of(way->written, window_end) - way->sent, FLIGHT_SIM_SEGMENT_BYTES);
    way->sent += packet.bytes;
    way->timer_us = link->sim->now_us;
    if (is_out) {
        link->sim->counts.packets_out++;
    }
    *taken_us = transmit(link, is_out, packet);
    return 1;
}

void flight_sim_send_on(flight_sim_link *link, int is_out)
{
    uint64_t taken_us;

    while (flight_sim_send_segment(link, is_out, &taken_us)) {
        if (is_out) {
            link->busy_us = later_of(link->busy_us, taken_us);
        }
    }
    if (way_of(link, is_out)->is_ending == 1 && way_of(link, is_out)->acknowledged == way_of(link, is_out)->written) {
        way_of(link, is_out)->is_ending = 2;
        way_of(link, is_out)->timer_us = link->sim->now_us;
        (void)flight_sim_say(link, is_out, END, way_of(link, is_out)->written);
    }
}

static void data_arrives(flight_sim_link *link, int is_out, const flight_sim_packet *packet)
{
    flight_sim_way *way = way_of(link, is_out);

    if (packet->at <= way->arrived && packet->at + packet->bytes > way->arrived) {
        way->arrived = packet->at + packet->bytes;
    }
    if (!link->sim->profile->is_raw) {
        const uint64_t taken_us = flight_sim_say(link, !is_out, ACK, way->arrived);

        if (!is_out) {
            link->busy_us = later_of(link->busy_us, taken_us);
        }
    }
}

static void acknowledgement_arrives(flight_sim_link *link, int is_out, uint64_t at)
{
    flight_sim_way *way = way_of(link, !is_out);

    way->acknowledged = later_of(way->acknowledged, at);
    way->sent = later_of(way->sent, way->acknowledged);
    flight_sim_send_on(link, !is_out);
}

static void request_arrives(flight_sim_link *link)
{
    const int is_half_open = link->peer_connection != 0 && !link->peer_knows_end && !peer_has_it(link);

    if (link->sim->answer == FLIGHT_SIM_SILENT) {
        return;
    }
    if (link->sim->answer == FLIGHT_SIM_REFUSES) {
        (void)flight_sim_say(link, 0, REFUSE, 0);
        return;
    }
    if (is_half_open && link->has_restarted && link->sim->profile->reuses_port) {
        link->peer_connection = 0; /* all that this request did */
        return;
    }
    if (!peer_has_it(link)) {
        link->peer_connection = link->connection;
        link->peer_knows_end = 0;
        link->has_restarted = 0;
        link->accepted++;
    }
    (void)flight_sim_say(link, 0, GRANT, 0);
}

static void arrive_at_console(flight_sim_link *link, const flight_sim_packet *packet)
{
    const int is_open = link->state == FLIGHT_SIM_ESTABLISHED;

    if (packet->kind == GRANT && link->state == FLIGHT_SIM_CONNECTING) {
        link->state = FLIGHT_SIM_ESTABLISHED;
    } else if (packet->kind == REFUSE && (is_open || link->state == FLIGHT_SIM_CONNECTING)) {
        link->state = FLIGHT_SIM_RESET;
    } else if (!is_open && link->state != FLIGHT_SIM_CONNECTING) {
        link->peer_knows_end = 1; /* the console's stack knows no such connection and says so */
    } else if (is_open && packet->kind == DATA) {
        data_arrives(link, 0, packet);
    } else if (is_open && packet->kind == ACK) {
        acknowledgement_arrives(link, 0, packet->at);
    } else if (is_open && packet->kind == END && link->in.arrived == packet->at) {
        link->in.has_ended = 1;
    }
}

static void arrive_at_peer(flight_sim_link *link, const flight_sim_packet *packet)
{
    if (packet->kind == ASK) {
        request_arrives(link);
    } else if (peer_has_it(link) && packet->kind == DATA) {
        data_arrives(link, 1, packet);
    } else if (peer_has_it(link) && packet->kind == ACK) {
        acknowledgement_arrives(link, 1, packet->at);
    }
}

static void arrive(flight_sim_link *link, int is_out, const flight_sim_packet *packet)
{
    if (packet->is_lost || link->sim->now_us < link->sim->dark_until_us) {
        link->sim->counts.lost++;
        return;
    }
    if (is_out && packet->kind == END && packet->connection == link->peer_connection) {
        link->peer_knows_end = 1; /* also when the console has begun another one meanwhile */
    }
    if (packet->connection != link->connection) {
        return;
    }
    if (is_out) {
        arrive_at_peer(link, packet);
    } else {
        arrive_at_console(link, packet);
    }
}

/* --- time --- */

static uint64_t retry_at(const flight_sim_link *link, int is_out)
{
    const flight_sim_way *way = is_out ? &link->out : &link->in;
    const uint32_t retry_us = is_out ? link->sim->profile->retry_us : PEER_RETRY_US;

    if (link->sim->profile->is_raw) {
        return NEVER;
    }
    if (is_out && link->state == FLIGHT_SIM_CONNECTING) {
        return way->timer_us + retry_us;
    }
    if (is_out ? link->state != FLIGHT_SIM_ESTABLISHED : !peer_has_it(link) || link->peer_knows_end) {
        return NEVER;
    }
    if (way->acknowledged != way->written || (!is_out && way->is_ending == 2 && !way->has_ended)) {
        return way->timer_us + retry_us;
    }
    return NEVER;
}

/* Go back to the first byte that is not acknowledged and send all of it again. */
static void retry(flight_sim_link *link, int is_out)
{
    flight_sim_way *way = way_of(link, is_out);
    const uint32_t before = link->sim->counts.packets_out;

    way->timer_us = link->sim->now_us;
    if (is_out && link->state == FLIGHT_SIM_CONNECTING) {
        link->busy_us = later_of(link->busy_us, flight_sim_say(link, 1, ASK, 0));
        return;
    }
    if (way->acknowledged == way->written) {
        (void)flight_sim_say(link, is_out, END, way->written);
        return;
    }
    way->sent = way->acknowledged;
    flight_sim_send_on(link, is_out);
    link->sim->counts.sent_again += link->sim->counts.packets_out - before;
}

/* The next thing that happens by itself: when, and at which link and direction. */
static uint64_t next_event(flight_sim *sim, unsigned *number, int *is_out, int *is_packet)
{
    uint64_t first_us = NEVER;
    unsigned at;

    for (at = 0; at < 2u * FLIGHT_SIM_LINKS; at++) {
        flight_sim_link *link = &sim->links[at / 2u];
        const flight_sim_way *way = way_of(link, at % 2u == 0);
        const uint64_t packet_us = way->packet_count > 0 ? way->packets[way->first_packet].arrives_us : NEVER;
        const uint64_t timer_us = retry_at(link, at % 2u == 0);
        const uint64_t own_us = packet_us < timer_us ? packet_us : timer_us;

        if (own_us < first_us) {
            first_us = own_us;
            *number = at / 2u;
            *is_out = at % 2u == 0;
            *is_packet = packet_us <= timer_us;
        }
    }
    return first_us;
}

static void run_until(flight_sim *sim, uint64_t until_us)
{
    unsigned number = 0;
    int is_out = 0;
    int is_packet = 0;
    uint64_t event_us;

    while ((event_us = next_event(sim, &number, &is_out, &is_packet)) <= until_us) {
        flight_sim_link *link = &sim->links[number];

        sim->now_us = later_of(sim->now_us, event_us);
        if (is_packet) {
            flight_sim_way *way = way_of(link, is_out);
            const flight_sim_packet packet = way->packets[way->first_packet];

            way->first_packet = (way->first_packet + 1u) % FLIGHT_SIM_PACKETS;
            way->packet_count--;
            arrive(link, is_out, &packet);
        } else {
            retry(link, is_out);
        }
    }
    sim->now_us = later_of(sim->now_us, until_us);
}

void flight_sim_advance(flight_sim *sim, uint64_t us)
{
    run_until(sim, sim->now_us + us);
}

void flight_sim_hold(flight_sim *sim, uint64_t until_us)
{
    if (until_us > sim->now_us) {
        sim->counts.held_us += until_us - sim->now_us;
        sim->counts.longest_us = later_of(sim->counts.longest_us, sim->counts.held_us - sim->held_before_us);
        run_until(sim, until_us);
    }
}

void flight_sim_call(flight_sim *sim)
{
    sim->held_before_us = sim->counts.held_us;
    run_until(sim, sim->now_us + sim->profile->call_us);
}
