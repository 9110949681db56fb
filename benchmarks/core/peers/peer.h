/* What the program of one peer fills in; peer.c has the rest. An operation carries the name of the figure that it is set
 * against, and both are given the same events (event.h). */
#ifndef PEER_H
#define PEER_H

#include "event.h"
#include "runtime.h"

#include <string.h>

typedef struct peer_operation {
    const char *name;
    int (*prepare)(void); /* 0 where the peer gave back what it had been given */
    int (*run)(void);     /* 0 where it did its work */
} peer_operation;

extern const peer_operation peer_operations[];
extern const int peer_operations_count;

/* Prints sizes, with peer_value. */
void peer_values(void);
void peer_value(const char *name, uint32_t number);

/* The first event, and BATCH_EVENTS of them. */
void peer_events(telemetry events[BATCH_EVENTS]);

/* An allocator that costs next to nothing: memory is only ever taken. This gives all of it back. */
void peer_heap_reset(void);

#endif
