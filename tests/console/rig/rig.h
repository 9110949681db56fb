/* A client on a port that is all script: time, network and storage are what the test says. Tests only. */
#ifndef RIG_H
#define RIG_H

#include "flight.h"

/* What the test may set; 32-bit words so that it can by number. */
typedef struct rig_script {
    uint32_t link;         /* answer of link, as int */
    uint32_t open_result;  /* of open */
    uint32_t ready_result; /* of ready */
    uint32_t send_room;    /* bytes that one send takes at most; 0: later */
    uint32_t dead;         /* 1: send and recv fail */
    uint32_t recv_room;    /* bytes that one recv gives at most */
    uint32_t stores;       /* 1: the port has store and load */
    uint32_t store_fails;
    uint32_t random_result;
    uint32_t jump_at;      /* number of the clock's reading, counted in this call of the client, from which on it is late */
    uint32_t jump_us;      /* by so much */
    uint32_t tick_us;      /* that each reading takes */
    uint32_t memory[4];    /* of flight_port_memory */
} rig_script;

/* What happened; read by number. */
typedef struct rig_seen {
    uint32_t opens;
    uint32_t closes;
    uint32_t is_open;
    uint32_t sends;
    uint32_t calls;        /* of the port, without the clock */
    uint32_t most_calls;   /* between two readings of the clock */
    uint32_t bad_sums;     /* readings at which the law of accounts did not hold */
    uint32_t stores;
    uint32_t sent_closed;  /* calls on a connection that is not open */
    uint32_t port;         /* of the last open */
    uint32_t received;     /* messages that reached the handler */
    uint32_t pressure;     /* calls of the pressure handler */
    uint32_t level;        /* ... and what the last one said */
    uint32_t readings;     /* of the clock in the last call of the client */
    uint32_t tasks;        /* commands that reached the handler */
    uint32_t broken_memory; /* bytes around the lent memory that changed */
} rig_seen;

#endif
