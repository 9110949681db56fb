/* A simulated console on a virtual clock: a port whose network has the quirks of the real ones, and the other end of its
 * connections, which the program that tests drives. For tests, on a PC; nothing of it belongs into a game.
 *
 *     static flight_sim sim;
 *     flight_port port;
 *     flight_sim_begin(&sim, flight_sim_profile_of("modem"), 1, &port);
 *     client = flight_init(memory, sizeof memory, &config, &port);
 *     for (;;) {
 *         flight_poll(client, 500);
 *         flight_sim_advance(&sim, 16667);
 *         bytes = flight_sim_peer_take(&sim, 0, buffer, sizeof buffer); // what has arrived at the gateway
 *     }
 *
 * What is simulated, where a profile has it:
 *   - each send puts out a packet at once, with header_bytes in front (KallistiOS has no Nagle; the other ports switch it off);
 *   - a packet that does not fit the driver's ring holds the caller until it does, and the virtual clock moves on meanwhile;
 *   - a lost packet is sent again, with all that followed, when retry_us have passed since the last one, by a thread that holds
 *     the socket while the ring drains: a call made meanwhile waits for it;
 *   - a connection that is asked for and not answered is asked for again each retry_us, and stays `connecting`;
 *   - after a restart the first connection has the ports of the one that was lost: the peer's machine takes the request for a
 *     stray packet of that one, and the next request, retry_us later, is the first that it accepts;
 *   - SO_ERROR says 0 whatever happened; a refused connection shows by POLLHUP alone;
 *   - sockets die with a suspend, and the network is away for a while after it.
 * The numbers of the profiles are those of public reports and of the SDKs' sources; no console was measured. */
#ifndef FLIGHT_PORT_SIM_H
#define FLIGHT_PORT_SIM_H

#include "flight.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FLIGHT_SIM_LINKS 2u             /* io and probe_io */
#define FLIGHT_SIM_BUFFER_BYTES 131072u /* what was sent and not yet read, in one direction */
#define FLIGHT_SIM_PACKETS 512u         /* on the way, in one direction */
#define FLIGHT_SIM_RECORDS 4u
#define FLIGHT_SIM_RECORD_BYTES 1024u
#define FLIGHT_SIM_SEGMENT_BYTES 1460u

typedef struct flight_sim_profile {
    const char *name;
    uint32_t out_bytes_per_s; /* from the console */
    uint32_t in_bytes_per_s;
    uint32_t latency_us;        /* one way */
    uint32_t header_bytes;      /* of each packet */
    uint32_t ring_bytes;        /* of a driver that holds its caller until this much is left to drain; 0: it never does */
    uint32_t retry_us;          /* a lost packet costs this long */
    uint32_t send_buffer_bytes; /* what a send may leave unacknowledged */
    uint32_t call_us;           /* of the processor, for each call */
    uint8_t is_raw;             /* a cable: no connection, nothing acknowledged, what does not fit the ring is not taken */
    uint8_t error_lies;         /* SO_ERROR says 0 */
    uint8_t reuses_port; /* after a restart the first connection has the ports of the one that was lost with it */
    uint8_t dies_on_suspend;
    uint8_t random;   /* FLIGHT_RANDOM_... */
    uint32_t away_us; /* after a suspend, until the network is back; 0: the program has to bring it back */
} flight_sim_profile;

/* What the console's end of a connection is. */
enum flight_sim_state {
    FLIGHT_SIM_CLOSED = 0,
    FLIGHT_SIM_CONNECTING = 1,
    FLIGHT_SIM_ESTABLISHED = 2,
    FLIGHT_SIM_RESET = 3, /* refused, or reset by the peer */
    FLIGHT_SIM_DEAD = 4   /* gone with a suspend */
};

/* How the gateway's machine answers. */
enum flight_sim_answer { FLIGHT_SIM_ACCEPTS = 0, FLIGHT_SIM_REFUSES = 1, FLIGHT_SIM_SILENT = 2 };

/* Results of the calls of the stack, beside 0 and numbers of bytes. */
enum flight_sim_result {
    FLIGHT_SIM_LATER = -1,
    FLIGHT_SIM_ENDED = -2,   /* the peer closed */
    FLIGHT_SIM_GONE = -3,    /* reset, dead, never opened */
    FLIGHT_SIM_NO_LINK = -4, /* there is no network */
    FLIGHT_SIM_WRONG = -5    /* an argument that no stack takes */
};

typedef struct flight_sim_packet {
    uint64_t arrives_us;
    uint64_t at; /* of data its place in the stream, of an acknowledgement the next byte wanted */
    uint32_t bytes;
    uint8_t kind;
    uint8_t is_lost;
    uint16_t connection; /* a packet of an older one is ignored */
} flight_sim_packet;

typedef struct flight_sim_way { /* one direction of a link */
    uint8_t data[FLIGHT_SIM_BUFFER_BYTES];
    uint64_t acknowledged;
    uint64_t sent;
    uint64_t written;
    uint64_t arrived; /* in order */
    uint64_t taken;
    uint64_t timer_us; /* of the last packet */
    uint64_t free_us;  /* when the wire has drained all that it was given */
    flight_sim_packet packets[FLIGHT_SIM_PACKETS];
    uint32_t first_packet;
    uint32_t packet_count;
    uint32_t lose;   /* so many data packets more are lost */
    uint32_t damage; /* a raw line: so many pieces more get a wrong bit */
    uint8_t is_ending;
    uint8_t has_ended; /* the other side knows */
} flight_sim_way;

typedef struct flight_sim_link {
    struct flight_sim *sim;
    flight_sim_way out;
    flight_sim_way in;
    uint64_t busy_us;   /* until then the driver's thread has the socket */
    uint32_t accepted;  /* connections that the peer accepted */
    uint16_t connection;      /* the console's, counted; 0: it never had one */
    uint16_t peer_connection; /* the peer's end; 0: closed */
    uint8_t peer_knows_end;   /* the console closed, or the peer found out that it is gone */
    uint8_t has_restarted;
    uint8_t state;
} flight_sim_link;

/* What happened, since flight_sim_begin. */
typedef struct flight_sim_counts {
    uint32_t send_calls;
    uint32_t packets_out; /* data packets; acknowledgements and requests to connect are not among them */
    uint32_t wire_bytes_out; /* of all packets, headers included */
    uint32_t sent_again;     /* data packets among them that were sent before */
    uint32_t requests;       /* to connect */
    uint32_t lost;           /* packets, both ways */
    uint64_t held_us;        /* that callers were held, in all */
    uint64_t longest_us;     /* and by one call */
} flight_sim_counts;

typedef struct flight_sim {
    const flight_sim_profile *profile;
    uint64_t now_us;
    uint64_t dark_until_us; /* no packet arrives */
    uint64_t away_until_us; /* no network */
    uint64_t random_state;
    uint64_t held_before_us; /* before the call that is being made */
    int link_state;
    uint8_t answer;
    flight_sim_link links[FLIGHT_SIM_LINKS];
    flight_sim_counts counts;
    flight_port_memory memory;
    uint32_t record_bytes[FLIGHT_SIM_RECORDS];
    uint8_t records[FLIGHT_SIM_RECORDS][FLIGHT_SIM_RECORD_BYTES];
} flight_sim;

/* "modem", "serial", "bba", "psp-wifi", "vita-wifi" or "vita-idle"; null for others. */
const flight_sim_profile *flight_sim_profile_of(const char *name);

/* --- the test's side --- */

/* A console that was just switched on, at virtual time 1 s; the peer accepts. port is filled. */
void flight_sim_begin(flight_sim *sim, const flight_sim_profile *profile, uint32_t seed, flight_port *port);

/* Let time pass. */
void flight_sim_advance(flight_sim *sim, uint64_t us);

/* How connections are answered from now on: enum flight_sim_answer. */
void flight_sim_answer(flight_sim *sim, int answer);

/* Whether there is a network: as flight_port.link. */
void flight_sim_network(flight_sim *sim, int state);

/* So many data packets more are lost. */
void flight_sim_lose(flight_sim *sim, unsigned link, uint32_t out, uint32_t in);

/* A raw line: one bit of so many pieces is wrong. */
void flight_sim_damage(flight_sim *sim, unsigned link, uint32_t pieces);

/* For so long no packet arrives anywhere. */
void flight_sim_black_out(flight_sim *sim, uint64_t us);

/* The console sleeps for so long. Returns 0, or FLIGHT_SIM_WRONG: this one cannot. */
int flight_sim_suspend(flight_sim *sim, uint64_t us);

/* The console starts anew: its sockets are gone without a word, what it stored is not. The clock goes on. */
void flight_sim_reboot(flight_sim *sim);

/* How many connections the peer has accepted; what it has received; what it sends; its end of the connection. */
uint32_t flight_sim_peer_accepted(const flight_sim *sim, unsigned link);
size_t flight_sim_peer_take(flight_sim *sim, unsigned link, uint8_t *out, size_t capacity);
size_t flight_sim_peer_give(flight_sim *sim, unsigned link, const uint8_t *data, size_t bytes);
int flight_sim_peer_has_ended(const flight_sim *sim, unsigned link); /* it is over, and all that arrived was taken */
void flight_sim_peer_close(flight_sim *sim, unsigned link);
void flight_sim_peer_reset(flight_sim *sim, unsigned link);

/* --- the stack's side: what the port is made of, and what a test may put the calls of an SDK on --- */

int flight_sim_connect(flight_sim_link *link);
/* Bits as poll has them. */
enum flight_sim_poll { FLIGHT_SIM_POLL_OUT = 1, FLIGHT_SIM_POLL_HUNG_UP = 2, FLIGHT_SIM_POLL_IN = 4 };
int flight_sim_poll(flight_sim_link *link);
/* What SO_ERROR says: 0, or FLIGHT_SIM_GONE. */
int flight_sim_error(flight_sim_link *link);
int flight_sim_send(flight_sim_link *link, const uint8_t *data, size_t bytes);
int flight_sim_receive(flight_sim_link *link, uint8_t *out, size_t capacity);
void flight_sim_close(flight_sim_link *link);
/* As flight_port.link. */
int flight_sim_link_state(const flight_sim *sim);
/* Every call costs the processor its time. */
void flight_sim_call(flight_sim *sim);

#ifdef __cplusplus
}
#endif

#endif
