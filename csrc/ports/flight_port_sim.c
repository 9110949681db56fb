/* The simulated console: its port, and what happens to all of it at once. Its connections are
 * flight_port_sim_stack.c and flight_port_sim_wire.c. */
#include "flight_port_sim.h"

#include <string.h>

#define START_US 1000000u

/* Sources: KallistiOS 2.3 (ring, retry, buffers, PPP's 8 bytes of framing beside 40 of IP and TCP), its V.34 table (modem), reports
 * of transfer rates (bba, psp-wifi, vita-wifi, vita-idle: Wi-Fi with the screen dimmed). Assumed: latencies, and the retry of PSP and
 * Vita. */
static const flight_sim_profile profiles[] = {
    /* name, out, in, latency, headers, ring, retry, send buffer, call, raw, lies, ports, dies, random, away */
    {"modem", 4200, 4200, 125000, 48, 1024, 2000000, 2048, 20, 0, 1, 1, 0, FLIGHT_RANDOM_WEAK, 0},
    {"serial", 11520, 11520, 1000, 0, 256, 0, 0, 20, 1, 0, 0, 0, FLIGHT_RANDOM_WEAK, 0},
    {"bba", 700000, 1000000, 500, 54, 0, 2000000, 2048, 40, 0, 1, 1, 0, FLIGHT_RANDOM_WEAK, 0},
    {"psp-wifi", 250000, 250000, 3000, 54, 0, 1000000, 16384, 30, 0, 0, 0, 1, FLIGHT_RANDOM_WEAK, 0},
    {"vita-wifi", 1000000, 1000000, 2000, 54, 0, 1000000, 32768, 10, 0, 0, 0, 1, FLIGHT_RANDOM_STRONG, 3000000},
    {"vita-idle", 75000, 75000, 50000, 54, 0, 1000000, 32768, 10, 0, 0, 0, 1, FLIGHT_RANDOM_STRONG, 3000000},
};

const flight_sim_profile *flight_sim_profile_of(const char *name)
{
    size_t at;

    for (at = 0; at < sizeof profiles / sizeof profiles[0]; at++) {
        if (strcmp(profiles[at].name, name) == 0) {
            return &profiles[at];
        }
    }
    return NULL;
}

/* --- the port --- */

static uint64_t now_us(void *io)
{
    const flight_sim_link *link = io;

    return link->sim->now_us;
}

static int link_state(void *io)
{
    const flight_sim_link *link = io;

    return flight_sim_link_state(link->sim);
}

/* Addresses lead to the one peer there is. */
static int open_connection(void *io, const char *host, uint16_t port)
{
    flight_sim_link *link = io;

    (void)host;
    (void)port;
    return flight_sim_connect(link);
}

static int ready(void *io)
{
    flight_sim_link *link = io;
    const int bits = flight_sim_poll(link);

    if ((bits & FLIGHT_SIM_POLL_HUNG_UP) != 0 || flight_sim_error(link) != 0) {
        return FLIGHT_SIM_GONE;
    }
    /* Also with a full buffer: the connection is there. */
    return link->state == FLIGHT_SIM_ESTABLISHED;
}

static int send_bytes(void *io, const uint8_t *data, size_t bytes)
{
    const int result = flight_sim_send(io, data, bytes);

    return result == FLIGHT_SIM_LATER ? 0 : result;
}

static int receive_bytes(void *io, uint8_t *data, size_t capacity)
{
    const int result = flight_sim_receive(io, data, capacity);

    return result == FLIGHT_SIM_LATER ? 0 : result;
}

static void close_connection(void *io)
{
    flight_sim_close(io);
}

static int random_bytes(void *io, uint8_t *out, size_t bytes)
{
    flight_sim *sim = ((flight_sim_link *)io)->sim;
    size_t at;

    for (at = 0; at < bytes; at++) {
        uint64_t mixed = sim->random_state += 0x9e3779b97f4a7c15u;

        mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9u;
        mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebu;
        out[at] = (uint8_t)(mixed >> 56);
    }
    return sim->profile->random;
}

static int store(void *io, unsigned number, const uint8_t *data, size_t bytes)
{
    flight_sim *sim = ((flight_sim_link *)io)->sim;

    if (number >= FLIGHT_SIM_RECORDS || bytes > FLIGHT_SIM_RECORD_BYTES) {
        return FLIGHT_SIM_WRONG;
    }
    memcpy(sim->records[number], data, bytes);
    sim->record_bytes[number] = (uint32_t)bytes;
    return 0;
}

static int load(void *io, unsigned number, uint8_t *data, size_t capacity)
{
    const flight_sim *sim = ((flight_sim_link *)io)->sim;
    size_t bytes;

    if (number >= FLIGHT_SIM_RECORDS) {
        return FLIGHT_SIM_WRONG;
    }
    bytes = sim->record_bytes[number] < capacity ? sim->record_bytes[number] : capacity;
    memcpy(data, sim->records[number], bytes);
    return (int)bytes;
}

static void memory(void *io, flight_port_memory *out)
{
    *out = ((flight_sim_link *)io)->sim->memory;
}

static const flight_port table = {"sim", NULL, NULL, now_us, link_state, open_connection, ready,
                                  send_bytes, receive_bytes, close_connection, random_bytes, store, load, memory};

/* --- what happens to the console --- */

static void forget_connections(flight_sim *sim)
{
    unsigned number;

    for (number = 0; number < FLIGHT_SIM_LINKS; number++) {
        sim->links[number].state = FLIGHT_SIM_CLOSED;
        sim->links[number].out.packet_count = 0;
        sim->links[number].busy_us = 0;
        sim->links[number].has_restarted = 1;
    }
}

void flight_sim_begin(flight_sim *sim, const flight_sim_profile *profile, uint32_t seed, flight_port *port)
{
    unsigned number;

    memset(sim, 0, sizeof *sim);
    sim->profile = profile;
    sim->now_us = START_US;
    sim->random_state = seed;
    sim->link_state = 1;
    for (number = 0; number < FLIGHT_SIM_LINKS; number++) {
        sim->links[number].sim = sim;
    }
    sim->memory.total_bytes = 16777216u;
    sim->memory.used_bytes = 8388608u;
    sim->memory.available_bytes = 8388608u;
    sim->memory.largest_bytes = 8388608u;
    *port = table;
    port->io = &sim->links[0];
    port->probe_io = profile->is_raw ? NULL : &sim->links[1];
}

void flight_sim_answer(flight_sim *sim, int answer)
{
    sim->answer = (uint8_t)answer;
}

void flight_sim_network(flight_sim *sim, int state)
{
    sim->link_state = state;
}

int flight_sim_link_state(const flight_sim *sim)
{
    return sim->link_state > 0 && sim->now_us < sim->away_until_us ? 0 : sim->link_state;
}

void flight_sim_lose(flight_sim *sim, unsigned link, uint32_t out, uint32_t in)
{
    sim->links[link].out.lose = out;
    sim->links[link].in.lose = in;
}

void flight_sim_damage(flight_sim *sim, unsigned link, uint32_t pieces)
{
    sim->links[link].out.damage = pieces;
}

void flight_sim_black_out(flight_sim *sim, uint64_t us)
{
    sim->dark_until_us = sim->now_us + us;
}

int flight_sim_suspend(flight_sim *sim, uint64_t us)
{
    unsigned number;

    if (!sim->profile->dies_on_suspend) {
        return FLIGHT_SIM_WRONG;
    }
    forget_connections(sim);
    for (number = 0; number < FLIGHT_SIM_LINKS; number++) {
        sim->links[number].state = FLIGHT_SIM_DEAD;
    }
    flight_sim_black_out(sim, us);
    flight_sim_advance(sim, us);
    if (sim->profile->away_us == 0) {
        sim->link_state = FLIGHT_SIM_NO_LINK; /* until the program joins the network again */
    } else {
        sim->away_until_us = sim->now_us + sim->profile->away_us;
    }
    return 0;
}

void flight_sim_reboot(flight_sim *sim)
{
    forget_connections(sim);
}
