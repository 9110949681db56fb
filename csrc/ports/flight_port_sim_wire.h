/* What the simulated stack is made of: packets on a wire, and time. Private to flight_port_sim_wire.c and flight_port_sim_stack.c. */
#ifndef FLIGHT_PORT_SIM_WIRE_H
#define FLIGHT_PORT_SIM_WIRE_H

#include "flight_port_sim.h"

enum flight_sim_kind { DATA, ACK, ASK, GRANT, REFUSE, END };

static inline uint64_t later_of(uint64_t one, uint64_t other)
{
    return one > other ? one : other;
}

static inline uint32_t smaller_of(uint64_t one, uint64_t other)
{
    return (uint32_t)(one < other ? one : other);
}

static inline uint64_t wire_us(uint64_t bytes, uint32_t bytes_per_s)
{
    return (bytes * 1000000u + bytes_per_s - 1u) / bytes_per_s;
}

static inline flight_sim_way *way_of(flight_sim_link *link, int is_out)
{
    return is_out ? &link->out : &link->in;
}

/* Whether the peer's end is that of the console's connection. */
static inline int peer_has_it(const flight_sim_link *link)
{
    return link->peer_connection != 0 && link->peer_connection == link->connection;
}

/* Give a packet without data to the wire. Returns when the driver's ring has taken it. */
uint64_t flight_sim_say(flight_sim_link *link, int is_out, enum flight_sim_kind kind, uint64_t at);

/* Send the next segment, if there is one and the window is open. Returns 0 where there was none; taken_us: as flight_sim_say. */
int flight_sim_send_segment(flight_sim_link *link, int is_out, uint64_t *taken_us);

/* All that may go, by a thread of the stack: the caller is not held, but the socket is. */
void flight_sim_send_on(flight_sim_link *link, int is_out);

/* The caller gets no further before then. */
void flight_sim_hold(flight_sim *sim, uint64_t until_us);

#endif
