/* The calls of the simulated stack, the console's and the peer's: one without Nagle, with one timer for all that is
 * unacknowledged. */
#include "flight_port_sim_wire.h"

#include <string.h>

static void begin_way(flight_sim_way *way)
{
    way->acknowledged = way->sent = way->written = way->arrived = way->taken = 0;
    way->timer_us = 0;
    way->is_ending = way->has_ended = 0; /* packets of the connection before are still on the way */
}

/* --- the console's calls --- */

int flight_sim_connect(flight_sim_link *link)
{
    flight_sim *sim = link->sim;

    flight_sim_call(sim);
    flight_sim_close(link);
    if (flight_sim_link_state(sim) <= 0) {
        return FLIGHT_SIM_NO_LINK;
    }
    link->connection++;
    link->busy_us = 0;
    begin_way(&link->out);
    begin_way(&link->in);
    if (sim->profile->is_raw) {
        link->state = FLIGHT_SIM_ESTABLISHED;
        link->peer_connection = link->connection;
        link->accepted++;
        return 0;
    }
    link->state = FLIGHT_SIM_CONNECTING;
    link->out.timer_us = sim->now_us;
    flight_sim_hold(sim, flight_sim_say(link, 1, ASK, 0));
    return 0;
}

int flight_sim_poll(flight_sim_link *link)
{
    int bits = 0;

    flight_sim_call(link->sim);
    flight_sim_hold(link->sim, link->busy_us);
    if (link->state == FLIGHT_SIM_ESTABLISHED) {
        if (link->out.written - link->out.acknowledged < link->sim->profile->send_buffer_bytes || link->sim->profile->is_raw) {
            bits |= FLIGHT_SIM_POLL_OUT;
        }
        if (link->in.arrived != link->in.taken || link->in.has_ended) {
            bits |= FLIGHT_SIM_POLL_IN;
        }
    } else if (link->state != FLIGHT_SIM_CONNECTING) {
        bits = FLIGHT_SIM_POLL_HUNG_UP;
    }
    return bits;
}

int flight_sim_error(flight_sim_link *link)
{
    if (link->sim->profile->error_lies) {
        return 0;
    }
    return link->state == FLIGHT_SIM_ESTABLISHED || link->state == FLIGHT_SIM_CONNECTING ? 0 : FLIGHT_SIM_GONE;
}

static void put_bytes(flight_sim_way *way, const uint8_t *data, size_t bytes)
{
    size_t at;

    for (at = 0; at < bytes; at++) {
        way->data[way->written++ % FLIGHT_SIM_BUFFER_BYTES] = data[at];
    }
}

/* A cable: the ring takes what fits; what is lost there is lost. */
static int send_raw(flight_sim_link *link, const uint8_t *data, size_t bytes)
{
    flight_sim_way *way = &link->out;
    const flight_sim_profile *profile = link->sim->profile;
    const uint64_t left_us = way->free_us > link->sim->now_us ? way->free_us - link->sim->now_us : 0;
    const uint64_t level = (left_us * profile->out_bytes_per_s + 999999u) / 1000000u;
    const uint64_t room = level < profile->ring_bytes ? profile->ring_bytes - level : 0;
    const uint32_t taken = smaller_of(bytes, smaller_of(room, FLIGHT_SIM_BUFFER_BYTES - (way->written - way->taken)));
    const uint64_t at = way->written;
    uint64_t ignored;

    if (taken == 0) {
        return FLIGHT_SIM_LATER;
    }
    if (way->lose > 0) {
        way->lose--;
        link->sim->counts.lost++;
        way->free_us = later_of(way->free_us, link->sim->now_us) + wire_us(taken, profile->out_bytes_per_s);
        return (int)taken;
    }
    put_bytes(way, data, taken);
    if (way->damage > 0) {
        way->damage--;
        way->data[at % FLIGHT_SIM_BUFFER_BYTES] ^= 1u;
    }
    while (flight_sim_send_segment(link, 1, &ignored)) {
    }
    return (int)taken;
}

int flight_sim_send(flight_sim_link *link, const uint8_t *data, size_t bytes)
{
    flight_sim *sim = link->sim;
    flight_sim_way *way = &link->out;
    uint64_t room;
    uint64_t taken_us;
    uint32_t taken;

    flight_sim_call(sim);
    flight_sim_hold(sim, link->busy_us);
    sim->counts.send_calls++;
    if (bytes == 0 || data == NULL) {
        return FLIGHT_SIM_WRONG;
    }
    if (link->state == FLIGHT_SIM_CONNECTING) {
        return FLIGHT_SIM_LATER;
    }
    if (link->state != FLIGHT_SIM_ESTABLISHED) {
        return FLIGHT_SIM_GONE;
    }
    if (sim->profile->is_raw) {
        return send_raw(link, data, bytes);
    }
    room = sim->profile->send_buffer_bytes - (way->written - way->acknowledged);
    if (room == 0) {
        return FLIGHT_SIM_LATER;
    }
    taken = smaller_of(bytes, room);
    put_bytes(way, data, taken);
    while (flight_sim_send_segment(link, 1, &taken_us)) {
        flight_sim_hold(sim, taken_us);
    }
    return (int)taken;
}

static uint32_t take_bytes(flight_sim_way *way, uint8_t *out, size_t capacity)
{
    const uint32_t bytes = smaller_of(way->arrived - way->taken, capacity);
    uint32_t at;

    for (at = 0; at < bytes; at++) {
        out[at] = way->data[way->taken++ % FLIGHT_SIM_BUFFER_BYTES];
    }
    return bytes;
}

int flight_sim_receive(flight_sim_link *link, uint8_t *out, size_t capacity)
{
    flight_sim_way *way = &link->in;
    uint32_t bytes;

    flight_sim_call(link->sim);
    flight_sim_hold(link->sim, link->busy_us);
    if (out == NULL || capacity == 0) {
        return FLIGHT_SIM_WRONG;
    }
    if (link->state == FLIGHT_SIM_CONNECTING) {
        return FLIGHT_SIM_LATER;
    }
    if (link->state != FLIGHT_SIM_ESTABLISHED) {
        return FLIGHT_SIM_GONE;
    }
    bytes = take_bytes(way, out, capacity);
    if (bytes > 0) {
        flight_sim_send_on(link, 0); /* the window is open again */
        return (int)bytes;
    }
    return way->has_ended ? FLIGHT_SIM_ENDED : FLIGHT_SIM_LATER;
}

void flight_sim_close(flight_sim_link *link)
{
    if (link->state == FLIGHT_SIM_ESTABLISHED && !link->sim->profile->is_raw && link->out.is_ending == 0) {
        link->out.is_ending = 1;
        link->busy_us = later_of(link->busy_us, flight_sim_say(link, 1, END, link->out.written));
        link->out.is_ending = 2;
    }
    link->state = FLIGHT_SIM_CLOSED;
}

/* --- the peer's calls --- */

uint32_t flight_sim_peer_accepted(const flight_sim *sim, unsigned link)
{
    return sim->links[link].accepted;
}

size_t flight_sim_peer_take(flight_sim *sim, unsigned link, uint8_t *out, size_t capacity)
{
    const uint32_t bytes = take_bytes(&sim->links[link].out, out, capacity);

    if (bytes > 0 && sim->links[link].state == FLIGHT_SIM_ESTABLISHED) {
        flight_sim_send_on(&sim->links[link], 1);
    }
    return bytes;
}

size_t flight_sim_peer_give(flight_sim *sim, unsigned link, const uint8_t *data, size_t bytes)
{
    flight_sim_way *way = &sim->links[link].in;
    const uint64_t room = FLIGHT_SIM_BUFFER_BYTES / 2u - (way->written - way->taken);
    const uint32_t taken = smaller_of(bytes, way->written - way->taken < FLIGHT_SIM_BUFFER_BYTES / 2u ? room : 0);

    if (!peer_has_it(&sim->links[link]) || way->is_ending) {
        return 0;
    }
    put_bytes(way, data, taken);
    flight_sim_send_on(&sim->links[link], 0);
    return taken;
}

int flight_sim_peer_has_ended(const flight_sim *sim, unsigned link)
{
    const flight_sim_way *way = &sim->links[link].out;

    return sim->links[link].peer_connection == 0 || (sim->links[link].peer_knows_end && way->taken == way->arrived);
}

void flight_sim_peer_close(flight_sim *sim, unsigned link)
{
    flight_sim_way *way = &sim->links[link].in;

    if (way->is_ending == 0) {
        way->is_ending = 1;
        flight_sim_send_on(&sim->links[link], 0);
    }
}

void flight_sim_peer_reset(flight_sim *sim, unsigned link)
{
    (void)flight_sim_say(&sim->links[link], 0, REFUSE, 0);
    sim->links[link].peer_connection = 0;
}
