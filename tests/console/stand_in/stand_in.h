/* What the stand-ins for the consoles' SDKs share: one simulated console, and what a port did that it must not do. */
#ifndef STAND_IN_H
#define STAND_IN_H

#include "flight_port_sim.h"

typedef struct stand_in_seen {
    uint32_t waits;  /* calls that would have waited on the console */
    uint32_t leaks;  /* settings that the console's stack answers with a leak */
    uint32_t open;   /* sockets that are open */
    uint32_t events; /* objects of the firmware that are open */
    uint32_t files;  /* open files */
} stand_in_seen;

extern flight_sim stand_in_sim;
extern stand_in_seen stand_in;

typedef struct stand_in_socket {
    int is_open;
    int never_waits;
    int has_connected;
} stand_in_socket;

extern stand_in_socket stand_in_sockets[FLIGHT_SIM_LINKS];

/* The number of a free socket, or -1. */
int stand_in_take(void);
void stand_in_close(int number);

/* A folder's files in memory: what is in them, by the digit in their names. */
int stand_in_open(const char *name, int is_new);
int stand_in_write(const void *data, uint32_t bytes);
int stand_in_read(void *data, uint32_t bytes);

#endif
